/* Every task of the list under the same laws; new members join by themselves. */
#include "models/tasks/task.h"
#include "tests/harness.h"
#include "tests/kinds/options.h"
#include <math.h>

enum { N = 75, LABELS = 4, SUMS = 64, EACH = 3, TAGS = 2 };

/* N examples of one row each, or a third of them of three, with every form of label; outputs are
 * not far. */
typedef struct {
    const co_task *task;
    co_criterion criterion;
    co_labels labels;
    size_t n_sums, n, rows_each, width; /* examples, rows of one, outputs of a row */
    float out[N * LABELS], d[N * LABELS], values[N * LABELS];
    int32_t y[2 * N];
    int64_t offsets[N + 1];
} bench;

static bool takes_classes(const bench *b)
{
    return b->criterion.loss->of_classes != NULL;
}

static void open_bench(bench *b, const co_task *task, const char *loss)
{
    static const char *const names[LABELS] = {"O", "B-A", "I-A", "B-B"};
    char yaml[64];
    co_node *root;
    *b = (bench){.task = task};
    snprintf(yaml, sizeof yaml, "{loss: %s}", loss);
    static const co_param own[] = {{.key = "loss", .type = CO_STRING}, {0}};
    const co_param *const tables[] = {own, co_loss_find(loss)->params};
    const co_config opt = test_options(yaml, "model", tables, 2, &root);
    cr_assert_eq(co_criterion_init(&b->criterion, &opt, task->name, task->losses), CO_OK, "%s",
                 co_status_message());
    co_node_destroy(root);
    cr_assert_eq(co_labels_init(&b->labels, names, LABELS), CO_OK);
    b->n_sums = task->n_sums(LABELS);
    b->rows_each = task->label_per_text ? EACH : 1;
    b->n = N / b->rows_each;
    b->width = task->outputs(LABELS);
    cr_assert(b->n_sums <= SUMS && b->width <= LABELS);
    b->labels.n_tags = task->joins ? TAGS : 0;
    test_fill(910, N * LABELS, 2.0f, b->out);
    for (size_t i = 0; i < N; i++) {
        b->y[i] = (int32_t)(test_bits(911, i) % (task->label_per_text ? EACH : LABELS));
        b->offsets[i + 1] = (int64_t)((i + 1) * b->rows_each);
    }
    for (size_t i = 0; task->joins && i < 2 * N; i++) b->y[i] = (int32_t)(test_bits(911, i) % TAGS);
    for (size_t j = 0; j < N * LABELS; j++) b->values[j] = (float)(test_bits(912, j) % 2);
}

static void close_bench(bench *b)
{
    co_criterion_fini(&b->criterion);
    co_labels_fini(&b->labels);
    cr_expect_eq(co_memory_blocks(), 0, "%s", b->task->name);
}

/* Examples [first, first + n). */
static void measure(bench *b, size_t first, size_t n, bool gradient, double *sums)
{
    const size_t at = first * b->rows_each * b->width;
    const size_t words = b->task->label_per_text || b->task->joins ? 2 : 1;
    const co_batch batch = {.n = n,
                            .rows = n * b->rows_each,
                            .offsets = b->task->per_row ? b->offsets : NULL,
                            .y = takes_classes(b) ? (const void *)(b->y + first * words)
                                                  : b->values + at};
    const co_pass pass = {.batch = &batch};
    b->task->measure(&pass, &b->labels, &b->criterion, b->out + at, gradient ? b->d + at : NULL,
                     sums);
}

/* Each member with each of its losses. */
static void each(void (*law)(bench *b))
{
    for (const co_plugin *const *m = co_kind_task.members; *m; m++) {
        const co_task *task = co_task_find((*m)->name);
        cr_assert(task->losses && task->losses[0], "%s names no loss", task->name);
        for (const char *const *loss = task->losses; *loss; loss++) {
            bench b;
            open_bench(&b, task, *loss);
            law(&b);
            close_bench(&b);
        }
    }
}

static void parts_add_up(bench *b)
{
    double whole[SUMS] = {0}, parts[SUMS] = {0};
    measure(b, 0, b->n, false, whole);
    for (size_t at = 0; at < b->n; at += 10)
        measure(b, at, b->n - at < 10 ? b->n - at : 10, false, parts);
    measure(b, b->n, 0, true, parts);
    cr_expect_arr_eq(whole, parts, b->n_sums * sizeof *whole, "%s", b->task->name);
    cr_expect_eq(whole[0], (double)b->n);
}

Test(task, sums_of_parts_are_the_sums_of_the_whole)
{
    each(parts_add_up);
}

static void counts_are_whole(bench *b)
{
    double sums[SUMS] = {0};
    const size_t n_reals = b->task->n_reals(LABELS);
    cr_expect(n_reals >= 2 && n_reals <= b->n_sums, "%s", b->task->name);
    measure(b, 0, b->n, false, sums);
    for (size_t k = n_reals; k < b->n_sums; k++)
        cr_expect(sums[k] >= 0.0 && sums[k] == floor(sums[k]), "%s: sum %zu is %g", b->task->name,
                  k, sums[k]);
}

Test(task, counts_are_whole)
{
    each(counts_are_whole);
}

static void gradient_leaves_sums(bench *b)
{
    double with[SUMS] = {0}, without[SUMS] = {0};
    measure(b, 0, b->n, true, with);
    measure(b, 0, b->n, false, without);
    cr_expect_arr_eq(with, without, b->n_sums * sizeof *with, "%s", b->task->name);
}

Test(task, sums_are_the_same_with_and_without_gradient)
{
    each(gradient_leaves_sums);
}

static void slopes(bench *b)
{
    double sums[SUMS] = {0};
    measure(b, 0, b->n, true, sums);
    for (size_t j = 0; j < b->n * b->rows_each * b->width; j += 7) {
        const float old = b->out[j];
        double above[SUMS] = {0}, below[SUMS] = {0};
        b->out[j] = old + 0.02f;
        const double above_at = (double)b->out[j];
        measure(b, 0, b->n, false, above);
        b->out[j] = old - 0.02f;
        const double below_at = (double)b->out[j];
        measure(b, 0, b->n, false, below);
        b->out[j] = old;
        const double slope =
            (co_task_mean_loss(above) - co_task_mean_loss(below)) / (above_at - below_at);
        cr_expect_lt(fabs(slope - (double)b->d[j]), 2e-6 + 2e-3 * fabs(slope),
                     "%s with %s: %zu: %g, not %g", b->task->name, b->criterion.loss->name, j,
                     (double)b->d[j], slope);
    }
}

Test(task, gradients_are_slopes_of_the_mean_loss)
{
    each(slopes);
}

static void metrics_are_sound(bench *b)
{
    double none[SUMS] = {0}, sums[SUMS] = {0};
    bool ranks = false;
    measure(b, 0, b->n, false, sums);
    for (const co_metric *m = b->task->metrics; m->name; m++) {
        cr_expect(m->doc && *m->doc);
        cr_expect(!!m->finish != !!m->of_pairs, "%s: one of both", m->name);
        cr_expect(!ranks || m->of_pairs, "%s stands behind a metric that ranks", m->name);
        ranks |= m->of_pairs != NULL;
        if (!m->finish) continue;
        cr_expect(isnan(m->finish(none, LABELS)), "%s %s of nothing", b->task->name, m->name);
        cr_expect(m->joined || isfinite(m->finish(sums, LABELS)), "%s %s", b->task->name, m->name);
    }
}

Test(task, metrics_are_numbers_and_of_nothing_none)
{
    each(metrics_are_sound);
}

/* Whether output j of row i is its tag or its class. */
static bool is_joint(const bench *b, size_t i, size_t j)
{
    return j < TAGS ? b->y[2 * i] == (int32_t)j : b->y[2 * i + 1] == (int32_t)j - TAGS;
}

/* Outputs that say what the labels are score better than those of chance, by each metric's own
 * direction. */
static void right_beats_chance(bench *b)
{
    double chance[SUMS] = {0}, right[SUMS] = {0};
    measure(b, 0, b->n, false, chance);
    for (size_t i = 0; i < b->n * b->rows_each && b->task->label_per_text; i++)
        for (size_t j = 0; j < b->width; j++)
            b->out[i * b->width + j] =
                b->y[i / EACH * b->width + j] == (int32_t)(i % EACH) ? 9.0f : 0.0f;
    for (size_t i = 0; i < N && !b->task->label_per_text; i++)
        for (size_t j = 0; j < LABELS; j++)
            b->out[i * LABELS + j] = b->task->joins     ? (is_joint(b, i, j) ? 9.0f : 0.0f)
                                     : takes_classes(b) ? (b->y[i] == (int32_t)j ? 9.0f : 0.0f)
                                     : strcmp(b->criterion.loss->name, "binary") == 0
                                         ? 9.0f * b->values[i * LABELS + j] - 4.5f
                                         : b->values[i * LABELS + j];
    measure(b, 0, b->n, false, right);
    cr_expect_lt(co_task_mean_loss(right), co_task_mean_loss(chance));
    for (const co_metric *m = b->task->metrics; m->finish; m++) {
        if (m->joined) continue;
        const double good = m->finish(right, LABELS), poor = m->finish(chance, LABELS);
        cr_expect(m->higher_is_better ? good > poor : good < poor,
                  "%s %s: %g is not better than %g", b->task->name, m->name, good, poor);
    }
}

Test(task, right_answers_score_better)
{
    each(right_beats_chance);
}

Test(task, a_name_has_one_direction)
{
    for (const co_plugin *const *a = co_kind_task.members; *a; a++)
        for (const co_metric *m = ((const co_task *)*a)->metrics; m->name; m++)
            for (const co_plugin *const *b = a + 1; *b; b++)
                for (const co_metric *n = ((const co_task *)*b)->metrics; n->name; n++)
                    cr_expect(strcmp(m->name, n->name) != 0 ||
                                  m->higher_is_better == n->higher_is_better,
                              "%s", m->name);
}
