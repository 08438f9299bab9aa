/* tests/models/test_tagging.c - entities as seqeval counts them, macro F1 as scikit-learn does
 * (tests/reference/metrics.py), tokens in and out of vocabulary. */
#include "models/tasks/task.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

enum { TEXTS = 7, MOST = 128 };

/* Outputs that say `guess` with certainty. */
static void certain(const int32_t *guess, size_t rows, size_t n, float *out)
{
    for (size_t i = 0; i < rows * n; i++) out[i] = 0.0f;
    for (size_t r = 0; r < rows; r++) out[r * n + (size_t)guess[r]] = 1.0f;
}

/* The formula of metrics.py. */
static void draw(uint64_t c, size_t n, size_t n_labels, int32_t *label, int32_t *guess)
{
    for (size_t j = 0; j < n; j++) {
        const size_t first = test_bits(6000 + c, j) % (2 * n_labels),
                     other = test_bits(6100 + c, j) % (3 * n_labels);
        label[j] = first < n_labels ? (int32_t)first : 0;
        guess[j] = other < n_labels ? (int32_t)other : label[j];
    }
}

static void measure(const char *task, const co_labels *labels, const co_batch *batch,
                    const int32_t *guess, double *sums)
{
    const co_pass pass = {.batch = batch};
    float *out = malloc((batch->rows * labels->n + 1) * sizeof *out);
    certain(guess, batch->rows, labels->n, out);
    const co_criterion criterion = {.loss = co_loss_find(co_task_find(task)->losses[0])};
    co_task_find(task)->measure(&pass, labels, &criterion, out, NULL, sums);
    free(out);
}

static double metric(const char *task, const char *name, const double *sums, size_t n_classes)
{
    for (const co_metric *m = co_task_find(task)->metrics; m->name; m++)
        if (strcmp(m->name, name) == 0) return m->finish(sums, n_classes);
    cr_assert_fail("%s has no %s", task, name);
    return 0.0;
}

static FILE *open_scores(void)
{
    char path[1024];
    const char *root = getenv("SOURCE");
    snprintf(path, sizeof path, "%s/tests/reference/metrics.txt", root ? root : "..");
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    return file;
}

static size_t name_tags(const char *scheme, int types, char (*text)[16], const char **name)
{
    size_t n = 0;
    snprintf(text[n++], 16, "O");
    for (int t = 0; t < types; t++) {
        if (strcmp(scheme, "bio") == 0) snprintf(text[n++], 16, "B-T%d", t);
        snprintf(text[n++], 16, "I-T%d", t);
    }
    for (size_t k = 0; k < n; k++) name[k] = text[k];
    return n;
}

static void check_tags(uint64_t c, const char *scheme, int types, const double *wanted)
{
    static const char *const metrics[] = {"entity_precision", "entity_recall", "entity_f1",
                                          "accuracy"};
    char text[16][16];
    const char *name[16];
    co_labels labels;
    int64_t offsets[TEXTS + 1] = {0};
    int32_t label[MOST], guess[MOST];
    double sums[8] = {0};
    const size_t n = name_tags(scheme, types, text, name);
    for (size_t i = 0; i < TEXTS; i++) offsets[i + 1] = offsets[i] + test_bits(6200 + c, i) % 12;
    const co_batch batch = {
        .n = TEXTS, .rows = (size_t)offsets[TEXTS], .offsets = offsets, .y = label};
    cr_assert_eq(co_labels_init(&labels, name, n), CO_OK);
    draw(c, batch.rows, n, label, guess);
    measure("tagging", &labels, &batch, guess, sums);
    for (size_t k = 0; k < 4; k++)
        cr_expect_float_eq(metric("tagging", metrics[k], sums, n), wanted[k], 1e-9,
                           "case %d, %s, %d types: %s", (int)c, scheme, types, metrics[k]);
    co_labels_fini(&labels);
}

Test(tagging, entities_are_counted_as_seqeval_counts_them)
{
    FILE *file = open_scores();
    char line[256], scheme[8];
    unsigned c;
    int types;
    double w[4];
    size_t n = 0;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "tags %u %7s %d %lf %lf %lf %lf", &c, scheme, &types, &w[0], &w[1], &w[2],
                   &w[3]) == 7) {
            check_tags(c, scheme, types, w);
            n++;
        }
    fclose(file);
    cr_expect_eq(n, 40);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(classification, macro_f1_is_that_of_scikit_learn)
{
    FILE *file = open_scores();
    char line[256];
    unsigned c, classes, rows;
    double f1, accuracy;
    size_t n = 0;
    while (fgets(line, sizeof line, file)) {
        int32_t label[MOST], guess[MOST];
        double sums[64] = {0};
        if (sscanf(line, "classes %u %u %u %lf %lf", &c, &classes, &rows, &f1, &accuracy) != 5)
            continue;
        const co_labels labels = {.n = classes};
        const co_batch batch = {.n = rows, .rows = rows, .y = label};
        draw(c, rows, classes, label, guess);
        measure("classification", &labels, &batch, guess, sums);
        cr_expect_float_eq(metric("classification", "macro_f1", sums, classes), f1, 1e-9, "case %u",
                           c);
        cr_expect_float_eq(metric("classification", "accuracy", sums, classes), accuracy, 1e-9,
                           "case %u", c);
        n++;
    }
    fclose(file);
    cr_expect_eq(n, 20);
}

Test(tagging, counts_do_not_depend_on_how_texts_are_cut_into_batches)
{
    static const char *const name[] = {"O", "B-A", "I-A", "B-B", "I-B"};
    enum { N = 5, ROWS = 60 };
    int32_t label[ROWS], guess[ROWS];
    double whole[8] = {0}, parts[8] = {0};
    int64_t offsets[] = {0, 20, 20, 45, 60}, second[] = {0, 25, 40};
    co_labels labels;
    cr_assert_eq(co_labels_init(&labels, name, N), CO_OK);
    draw(77, ROWS, N, label, guess);
    measure("tagging", &labels, &(co_batch){.n = 4, .rows = ROWS, .offsets = offsets, .y = label},
            guess, whole);
    measure("tagging", &labels, &(co_batch){.n = 2, .rows = 20, .offsets = offsets, .y = label},
            guess, parts);
    measure("tagging", &labels, &(co_batch){.n = 2, .rows = 40, .offsets = second, .y = label + 20},
            guess + 20, parts);
    for (size_t k = 2; k < 6; k++) cr_expect_eq(whole[k], parts[k]);
    cr_expect_gt(whole[3], 0.0);
    co_labels_fini(&labels);
}

/* Tokens without a tag: sums and gradients are those of a batch without them. */
Test(tagging, tokens_without_a_tag_are_passed_over)
{
    static const char *const name[] = {"O", "B-A", "I-A", "B-B", "I-B"};
    enum { N = 5, ROWS = 60, ALL = 2 * ROWS };
    int32_t label[ROWS], guess[ROWS], wide[ALL];
    int64_t offsets[] = {0, 20, 20, 45, 60}, wide_offsets[] = {0, 40, 40, 90, 120};
    float out[ROWS * N], d[ROWS * N], wide_out[ALL * N], wide_d[ALL * N];
    double sums[8] = {0}, wide_sums[8] = {0};
    co_labels labels;
    cr_assert_eq(co_labels_init(&labels, name, N), CO_OK);
    draw(78, ROWS, N, label, guess);
    test_fill(6200, ROWS * N, 1.0f, out);
    test_fill(6201, ALL * N, 1.0f, wide_out);
    for (size_t r = 0; r < ROWS; r++) {
        const size_t odd = r % 3 == 0; /* first or second of two */
        out[r * N + (size_t)guess[r]] += 3.0f;
        wide[2 * r] = wide[2 * r + 1] = -1;
        wide[2 * r + odd] = label[r];
        memcpy(wide_out + (2 * r + odd) * N, out + r * N, N * sizeof *out);
    }
    const co_criterion criterion = {.loss = co_loss_find("cross_entropy")};
    const co_batch batch = {.n = 4, .rows = ROWS, .offsets = offsets, .y = label},
                   wider = {.n = 4, .rows = ALL, .offsets = wide_offsets, .y = wide};
    co_task_find("tagging")->measure(&(co_pass){.batch = &batch}, &labels, &criterion, out, d,
                                     sums);
    co_task_find("tagging")->measure(&(co_pass){.batch = &wider}, &labels, &criterion, wide_out,
                                     wide_d, wide_sums);
    cr_expect_arr_eq(wide_sums, sums, sizeof sums);
    cr_expect_gt(sums[3], 0.0);
    for (size_t r = 0; r < ALL; r++)
        for (size_t j = 0; j < N; j++)
            cr_expect_eq(wide_d[r * N + j], wide[r] < 0 ? 0.0f : d[r / 2 * N + j]);
    co_labels_fini(&labels);
}

Test(lm, the_mark_of_unknown_words_may_be_bert_s)
{
    static const char *const name[] = {"[PAD]", "[UNK]", "a"};
    co_labels labels;
    cr_assert_eq(co_labels_init(&labels, name, 3), CO_OK);
    cr_expect_eq(labels.unknown, 1);
    co_labels_fini(&labels);
}

Test(lm, tokens_out_of_vocabulary_are_left_out_of_the_known_ones)
{
    static const char *const name[] = {"<unk>", "a", "b"};
    const int32_t label[] = {1, 0, 2, 0, 1}, guess[] = {1, 0, 1, 2, 1};
    const int64_t offsets[] = {0, 2, 5};
    double sums[8] = {0};
    co_labels labels;
    cr_assert_eq(co_labels_init(&labels, name, 3), CO_OK);
    measure("lm", &labels, &(co_batch){.n = 2, .rows = 5, .offsets = offsets, .y = label}, guess,
            sums);
    /* a certain guess costs log(e + 2) - 1 when it is right and log(e + 2) when not */
    const double wrong = log(exp(1.0) + 2.0), right = wrong - 1.0;
    cr_expect_float_eq(metric("lm", "accuracy", sums, 3), 3.0 / 5.0, 1e-12);
    cr_expect_float_eq(metric("lm", "accuracy_known", sums, 3), 2.0 / 3.0, 1e-12);
    cr_expect_float_eq(metric("lm", "perplexity", sums, 3), exp((3.0 * right + 2.0 * wrong) / 5.0),
                       1e-6);
    cr_expect_float_eq(metric("lm", "perplexity_known", sums, 3), exp((2.0 * right + wrong) / 3.0),
                       1e-6);
    co_labels_fini(&labels);
}

Test(lm, a_batch_without_tokens_adds_nothing_and_measures_nothing)
{
    const co_labels labels = {.n = 3, .unknown = -1};
    const int64_t offsets[] = {0, 0, 0};
    double sums[8] = {0};
    measure("lm", &labels, &(co_batch){.n = 2, .offsets = offsets}, NULL, sums);
    for (size_t k = 0; k < 6; k++) cr_expect_eq(sums[k], 0.0);
    for (const co_metric *m = co_task_find("lm")->metrics; m->name; m++)
        cr_expect(isnan(m->finish(sums, 3)), "%s", m->name);
}
