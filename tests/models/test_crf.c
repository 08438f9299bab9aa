/* tests/models/test_crf.c - the chain over tags against all of its paths, one by one: likelihood,
 * gradient, best path; rows without a label; extreme transitions; the task behind it. */
#include "models/tasks/task.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

enum { MOST_TAGS = 4, MOST_ROWS = 6, SCRATCH = 8192 };

/* A text of T rows and n tags with everything summed over all n^T paths. */
typedef struct {
    size_t n, T;
    double log_z, best;
    int32_t path[MOST_ROWS]; /* the best one, the lowest tags from the last row on */
    double tag[MOST_ROWS][MOST_TAGS], start[MOST_TAGS], end[MOST_TAGS],
        pair[MOST_TAGS][MOST_TAGS]; /* expected numbers */
} all_paths;

static double score(const float *params, const float *e, size_t n, size_t T, const int32_t *tag)
{
    const float *start = params, *end = params + n, *pair = params + 2 * n;
    double s = (double)start[tag[0]] + (double)end[tag[T - 1]];
    for (size_t t = 0; t < T; t++) s += (double)e[t * n + (size_t)tag[t]];
    for (size_t t = 1; t < T; t++) s += (double)pair[(size_t)tag[t - 1] * n + (size_t)tag[t]];
    return s;
}

/* Path number k: the first row turns fastest, so that of equal paths the first one met has the
 * lowest tags from the last row on. */
static void path_of(size_t k, size_t n, size_t T, int32_t *tag)
{
    for (size_t t = 0; t < T; t++, k /= n) tag[t] = (int32_t)(k % n);
}

static all_paths walk_all(const float *params, const float *e, size_t n, size_t T)
{
    all_paths a = {.n = n, .T = T, .best = -INFINITY};
    size_t n_paths = 1;
    double sum = 0.0;
    int32_t tag[MOST_ROWS];
    for (size_t t = 0; t < T; t++) n_paths *= n;
    for (size_t k = 0; k < n_paths; k++) {
        path_of(k, n, T, tag);
        const double s = score(params, e, n, T, tag);
        if (s <= a.best) continue;
        a.best = s;
        memcpy(a.path, tag, sizeof tag);
    }
    for (size_t k = 0; k < n_paths; k++) {
        path_of(k, n, T, tag);
        sum += exp(score(params, e, n, T, tag) - a.best);
    }
    a.log_z = a.best + log(sum);
    for (size_t k = 0; k < n_paths; k++) {
        path_of(k, n, T, tag);
        const double p = exp(score(params, e, n, T, tag) - a.log_z);
        a.start[tag[0]] += p;
        a.end[tag[T - 1]] += p;
        for (size_t t = 0; t < T; t++) a.tag[t][tag[t]] += p;
        for (size_t t = 1; t < T; t++) a.pair[tag[t - 1]][tag[t]] += p;
    }
    return a;
}

/* One layer over one text; out and gradients as the layer gives them. */
typedef struct {
    const co_layer *layer;
    void *self;
    size_t n, rows;
    float params[MOST_TAGS * (MOST_TAGS + 2)], grad[MOST_TAGS * (MOST_TAGS + 2)];
    float e[MOST_ROWS * MOST_TAGS], y[MOST_ROWS * (MOST_TAGS + 2)], dy[MOST_ROWS * (MOST_TAGS + 2)],
        dx[MOST_ROWS * MOST_TAGS];
    int32_t label[MOST_ROWS];
    double cache[SCRATCH], scratch[SCRATCH];
} chain_bench;

static void open_bench(chain_bench *b, size_t n, size_t rows, uint64_t stream, float factor)
{
    const co_shape in = {.sequence = true, .ndim = 1, .dim = {n}};
    co_shape out;
    *b = (chain_bench){.layer = co_layer_find("crf"), .n = n, .rows = rows};
    cr_assert_eq(test_layer(b->layer, "", &in, n, &out, &b->self), CO_OK, "%s",
                 co_status_message());
    cr_assert_eq(out.dim[0], n + CO_CRF_EXTRA);
    cr_assert_leq(b->layer->cache_size(b->self, 1, rows), 2 * SCRATCH);
    cr_assert_leq(b->layer->scratch_size(b->self, 1, rows), 2 * SCRATCH);
    test_fill(stream, n * (n + 2), factor, b->params);
    test_fill(stream + 1, rows * n, 2.0f * factor, b->e);
    for (size_t r = 0; r < rows; r++) b->label[r] = (int32_t)(test_bits(stream + 2, r) % n);
}

/* Forward and both phases with a weight of the loss. */
static void run_bench(chain_bench *b, float weight)
{
    static const bool none[3];
    const size_t n = b->n, wide = n + CO_CRF_EXTRA, at[3] = {0, n, 2 * n};
    const int64_t offsets[] = {0, (int64_t)b->rows};
    const co_batch batch = {.n = 1, .rows = b->rows, .offsets = offsets, .y = b->label};
    const co_pass pass = {.batch = &batch, .train = true};
    co_call call = {.pass = &pass,
                    .params = b->params,
                    .target = b->grad,
                    .at = at,
                    .target_at = at,
                    .is_frozen = none,
                    .x = {b->e},
                    .y = b->y,
                    .dy = b->dy,
                    .dx = {b->dx},
                    .cache = (float *)b->cache,
                    .scratch = (float *)b->scratch};
    size_t first = 0;
    while (first < b->rows && b->label[first] < 0) first++;
    memset(b->dy, 0, sizeof b->dy);
    if (first < b->rows) b->dy[first * wide + n + CO_CRF_LOSS] = weight;
    memset(b->grad, 0, sizeof b->grad);
    b->layer->forward(b->self, &call);
    b->layer->backward_input(b->self, &call);
    b->layer->backward_params(b->self, &call);
}

static void close_bench(chain_bench *b)
{
    b->layer->destroy(b->self);
    cr_expect_eq(co_memory_blocks(), 0);
}

static double slack(double value)
{
    return 1e-6 * (1.0 + fabs(value));
}

/* The bench's rows with a label against all paths over them. */
static void check_paths(chain_bench *b, float weight, const char *what)
{
    const size_t n = b->n, wide = n + CO_CRF_EXTRA;
    float e[MOST_ROWS * MOST_TAGS];
    int32_t label[MOST_ROWS];
    size_t row[MOST_ROWS], T = 0;
    for (size_t r = 0; r < b->rows; r++) {
        if (b->label[r] < 0) continue;
        memcpy(e + T * n, b->e + r * n, n * sizeof *e);
        label[T] = b->label[r];
        row[T++] = r;
    }
    run_bench(b, weight);
    double loss = 0.0;
    for (size_t r = 0; r < b->rows; r++) {
        cr_assert(memcmp(b->y + r * wide, b->e + r * n, n * sizeof *e) == 0, "%s", what);
        loss += (double)b->y[r * wide + n + CO_CRF_LOSS];
        if (b->label[r] >= 0) continue;
        cr_assert_eq(b->y[r * wide + n + CO_CRF_TAG], -1.0f, "%s", what);
        for (size_t j = 0; j < n; j++) cr_assert_eq(b->dx[r * n + j], 0.0f, "%s", what);
    }
    if (T == 0) {
        cr_assert_eq(loss, 0.0, "%s", what);
        for (size_t k = 0; k < n * (n + 2); k++) cr_assert_eq(b->grad[k], 0.0f, "%s", what);
        return;
    }
    const all_paths a = walk_all(b->params, e, n, T);
    const double wanted = a.log_z - score(b->params, e, n, T, label), w = (double)weight;
    cr_assert_float_eq(loss, wanted, slack(wanted), "%s: loss %.9g, %.9g", what, loss, wanted);
    for (size_t t = 0; t < T; t++) {
        cr_assert_eq(b->y[row[t] * wide + n + CO_CRF_TAG], (float)a.path[t], "%s: row %zu", what,
                     t);
        for (size_t j = 0; j < n; j++)
            cr_assert_float_eq((double)b->dx[row[t] * n + j],
                               w * (a.tag[t][j] - (label[t] == (int32_t)j)), 1e-6, "%s", what);
    }
    for (size_t i = 0; i < n; i++) {
        double start = a.start[i] - (label[0] == (int32_t)i),
               end = a.end[i] - (label[T - 1] == (int32_t)i);
        cr_assert_float_eq((double)b->grad[i], w * start, 1e-6, "%s: start", what);
        cr_assert_float_eq((double)b->grad[n + i], w * end, 1e-6, "%s: end", what);
        for (size_t j = 0; j < n; j++) {
            double pair = a.pair[i][j];
            for (size_t t = 1; t < T; t++)
                pair -= label[t - 1] == (int32_t)i && label[t] == (int32_t)j;
            cr_assert_float_eq((double)b->grad[2 * n + i * n + j], w * pair, 1e-6, "%s: %zu %zu",
                               what, i, j);
        }
    }
}

Test(crf, equals_the_sum_over_all_paths)
{
    for (size_t n = 1; n <= MOST_TAGS; n++)
        for (size_t rows = 1; rows <= MOST_ROWS; rows++)
            for (uint64_t draw = 0; draw < 5; draw++) {
                chain_bench b;
                char what[64];
                snprintf(what, sizeof what, "%zu tags, %zu rows, draw %d", n, rows, (int)draw);
                open_bench(&b, n, rows, 800 + 10 * draw, draw == 4 ? 20.0f : 1.0f);
                check_paths(&b, 0.25f, what);
                close_bench(&b);
            }
}

Test(crf, rows_without_a_label_are_passed_over)
{
    for (unsigned mask = 0; mask < 1u << 5; mask++) {
        chain_bench b;
        char what[64];
        snprintf(what, sizeof what, "labels %u", mask);
        open_bench(&b, 3, 5, 860, 1.0f);
        for (size_t r = 0; r < 5; r++)
            if (!(mask >> r & 1)) b.label[r] = -1;
        check_paths(&b, 1.0f, what);
        close_bench(&b);
    }
}

/* Whole numbers, so that sums are exact and many paths tie. */
Test(crf, ties_go_to_the_lower_tag_from_the_last_row_on)
{
    for (uint64_t draw = 0; draw < 60; draw++) {
        chain_bench b;
        char what[64];
        snprintf(what, sizeof what, "draw %d", (int)draw);
        open_bench(&b, 3, 4, 870, 1.0f);
        for (size_t k = 0; k < 15; k++) b.params[k] = (float)(test_bits(880 + draw, k) % 2);
        for (size_t k = 0; k < 12; k++) b.e[k] = (float)(test_bits(980 + draw, k) % 2);
        check_paths(&b, 1.0f, what);
        close_bench(&b);
    }
}

/* Transitions that forbid, and emissions that insist on them all the same: products of exponentials
 * underflow, the logarithms do not. */
Test(crf, what_leaves_the_range_of_products_stays_in_that_of_logarithms)
{
    chain_bench b;
    open_bench(&b, 3, 4, 890, 1.0f);
    for (size_t k = 6; k < 15; k++) b.params[k] = -3000.0f;
    b.params[6 + 2] = 1.0f; /* 0 -> 2 alone is allowed */
    for (size_t t = 0; t < 4; t++) b.e[t * 3 + 1] = 2000.0f;
    check_paths(&b, 1.0f, "forbidden");
    close_bench(&b);
}

Test(crf, an_emission_that_is_no_number_makes_the_loss_none)
{
    const float wrong[] = {NAN, INFINITY};
    for (size_t k = 0; k < 2; k++) {
        chain_bench b;
        open_bench(&b, 3, 4, 895, 1.0f);
        b.e[4] = wrong[k];
        run_bench(&b, 1.0f);
        cr_expect(!isfinite(b.y[3 + CO_CRF_LOSS]), "%g", (double)wrong[k]);
        close_bench(&b);
    }
}

/* ---- in a model ---- */

static const char *const names[] = {"O", "B-A", "I-A", "B-B", "I-B"};

Test(crf, the_task_divides_the_texts_losses_by_the_tokens_with_a_label)
{
    enum { N = 5, ROWS = 6 };
    const int64_t offsets[] = {0, 2, 2, 6};
    const int32_t y[ROWS] = {1, 2, -1, 0, 3, -1};
    const int32_t tag[ROWS] = {1, 2, -1, 0, 1, -1};
    const co_batch batch = {.n = 3, .rows = ROWS, .offsets = offsets, .y = y};
    const co_pass pass = {.batch = &batch};
    const co_criterion criterion = {.loss = co_loss_find("cross_entropy"), .chain = true};
    float out[ROWS * (N + CO_CRF_EXTRA)] = {0}, d_out[ROWS * (N + CO_CRF_EXTRA)];
    double sums[8] = {0};
    co_labels labels;
    for (size_t r = 0; r < ROWS; r++) out[r * (N + 2) + N + CO_CRF_TAG] = (float)tag[r];
    out[0 * (N + 2) + N + CO_CRF_LOSS] = 3.0f;
    out[3 * (N + 2) + N + CO_CRF_LOSS] = 5.0f;
    cr_assert_eq(co_labels_init(&labels, names, N), CO_OK);
    const co_task *task = co_task_find("tagging");
    task->measure(&pass, &labels, &criterion, out, d_out, sums);
    cr_expect_eq(co_task_mean_loss(sums), 2.0);
    cr_expect_float_eq(task->metrics[0].finish(sums, N), 0.5, 1e-12);
    for (size_t k = 0; k < ROWS * (N + 2); k++)
        cr_expect_eq(d_out[k], k == N || k == 3 * (N + 2) + N ? 0.25f : 0.0f, "%zu", k);
    co_labels_fini(&labels);
}

Test(crf, stands_last_and_behind_tags_alone)
{
    const co_shape in = {.sequence = true, .tokens = true, .dim = {9}};
    static const char *const wrong[][3] = {
        {"tagging", "{layers: [{embedding: 4}, {dense: classes}, crf, {dense: classes}]}",
         "has to be the last layer"},
        {"tagging", "{layers: [{embedding: 4}, crf]}", "put {dense: classes} before crf"},
        {"lm", "{layers: [{embedding: 4}, {dense: classes}, crf]}", "the task is lm"},
        {"classification", "{name: bilstm, head: crf}", "the task is classification"}};
    co_labels labels;
    cr_assert_eq(co_labels_init(&labels, names, 5), CO_OK);
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        co_model *model;
        cr_expect_eq(test_model_for(wrong[k][0], wrong[k][1], &in, &labels, &model), CO_EUSAGE);
        cr_expect(strstr(co_status_message(), wrong[k][2]), "%s", co_status_message());
    }
    co_labels_fini(&labels);
    cr_expect_eq(co_memory_blocks(), 0);
}
