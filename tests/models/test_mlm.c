/* tests/models/test_mlm.c - what masked language modelling hides, and what its loss counts. */
#include "core/random.h"
#include "models/tasks/task.h"
#include "tests/harness.h"
#include "tests/kinds/options.h"
#include <math.h>

enum { WORDS = 50, N = 200000, ROWS = 7 };
static const char *const first[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

static void open_labels(co_labels *labels, size_t n_special, char (*room)[8])
{
    const char *names[WORDS];
    for (size_t k = 0; k < WORDS; k++) {
        snprintf(room[k], 8, "w%zu", k);
        names[k] = k < n_special ? first[k] : room[k];
    }
    cr_assert_eq(co_labels_init(labels, names, WORDS), CO_OK);
    labels->mask_share = 0.15;
}

/* Text: tokens 0 .. WORDS - 1 over and over. */
static void prepare(const co_labels *labels, uint64_t epoch, int32_t *tokens, int32_t *y)
{
    co_stream draws = co_stream_open(3, CO_DRAW_MASK, epoch, 5, 7);
    for (int32_t i = 0; i < N; i++) tokens[i] = i % WORDS;
    co_task_find("mlm")->prepare(labels, &draws, N, tokens, y);
}

static void near(double have, double want, double n, const char *what)
{
    const double bound = 5.0 * sqrt(want * (1.0 - want) / n);
    cr_expect(fabs(have / n - want) < bound, "%s: %g of %g, not %g", what, have, n, want);
}

Test(mlm, hides_the_shares_of_devlin_and_no_special_token)
{
    static int32_t tokens[N], y[N];
    char room[WORDS][8];
    co_labels labels;
    double n_words = 0.0, chosen = 0.0, masked = 0.0, kept = 0.0, others = 0.0;
    open_labels(&labels, 5, room);
    cr_expect_eq(labels.mask, 4);
    prepare(&labels, 1, tokens, y);
    for (int32_t i = 0; i < N; i++) {
        const int32_t was = i % WORDS;
        n_words += was >= 5;
        if (y[i] < 0) {
            cr_assert_eq(tokens[i], was);
            continue;
        }
        cr_assert(y[i] == was && was >= 5 && tokens[i] >= 0 && tokens[i] < WORDS);
        chosen += 1.0;
        masked += tokens[i] == 4;
        kept += tokens[i] == was;
        others += tokens[i] != was && tokens[i] != 4;
    }
    near(chosen, 0.15, n_words, "chosen");
    near(masked, 0.8 + 0.1 / WORDS, chosen, "masked");
    near(kept, 0.1 + 0.1 / WORDS, chosen, "kept");
    near(others, 0.1 - 0.2 / WORDS, chosen, "random");
    co_labels_fini(&labels);
}

Test(mlm, an_epoch_hides_the_same_again_another_one_other_tokens)
{
    static int32_t tokens[3][N], y[3][N];
    char room[WORDS][8];
    co_labels labels;
    double both = 0.0;
    open_labels(&labels, 5, room);
    for (int k = 0; k < 3; k++) prepare(&labels, k == 2 ? 2 : 1, tokens[k], y[k]);
    cr_expect_arr_eq(tokens[0], tokens[1], sizeof tokens[0]);
    cr_expect_arr_eq(y[0], y[1], sizeof y[0]);
    for (int32_t i = 0; i < N; i++) both += y[0][i] >= 0 && y[2][i] >= 0;
    near(both, 0.15 * 0.15, N * 45.0 / WORDS, "chosen twice");
    co_labels_fini(&labels);
}

Test(mlm, the_mask_is_found_by_name)
{
    char room[WORDS][8];
    co_labels labels;
    static const int32_t want[] = {-1, -1, 1, 1, 1, 4}; /* [UNK] without a mask */
    for (size_t n = 0; n <= 5; n++) {
        open_labels(&labels, n, room);
        cr_expect_eq(labels.mask, want[n], "%zu: %d", n, labels.mask);
        co_labels_fini(&labels);
    }
}

/* Rows that were not chosen might as well not be there. */
Test(mlm, loss_and_gradient_are_those_of_the_chosen_rows)
{
    static float out[ROWS * WORDS], packed[ROWS * WORDS], d[ROWS * WORDS], want[ROWS * WORDS];
    static const int32_t y[ROWS] = {-1, 7, -1, -1, 20, 9, -1}, few[] = {7, 20, 9};
    static const size_t rows[] = {1, 4, 5};
    const int64_t offsets[] = {0, 3, ROWS};
    const co_task *task = co_task_find("mlm");
    const co_criterion criterion = {.loss = co_loss_find("cross_entropy")};
    double sums[2][8] = {{0}};
    char room[WORDS][8];
    co_labels labels;
    open_labels(&labels, 5, room);
    test_fill(77, ROWS * WORDS, 3.0f, out);
    out[0] = NAN;
    for (size_t j = 0; j < ROWS * WORDS; j++) d[j] = 9.0f;
    for (size_t k = 0; k < 3; k++)
        memcpy(packed + k * WORDS, out + rows[k] * WORDS, WORDS * sizeof *out);
    const co_batch all = {.n = 2, .rows = ROWS, .offsets = offsets, .y = y};
    const co_batch chosen = {.n = 3, .rows = 3, .y = few};
    task->measure(&(co_pass){.batch = &all}, &labels, &criterion, out, d, sums[0]);
    task->measure(&(co_pass){.batch = &chosen}, &labels, &criterion, packed, want, sums[1]);
    cr_expect_arr_eq(sums[0], sums[1], sizeof sums[0]);
    cr_expect_eq(sums[0][0], 3.0);
    for (size_t r = 0, k = 0; r < ROWS; k += y[r++] >= 0)
        for (size_t j = 0; j < WORDS; j++)
            cr_expect_eq(d[r * WORDS + j], y[r] < 0 ? 0.0f : want[k * WORDS + j], "row %zu", r);
    co_labels_fini(&labels);
}
