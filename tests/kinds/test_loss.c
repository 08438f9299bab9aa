/* Every loss of the list under the same laws; new members join by themselves. */
#include "models/losses/loss.h"
#include "tests/harness.h"
#include "tests/kinds/options.h"
#include "models/model.h"
#include <math.h>

enum { ROWS = 5, MOST = 70 };
static const size_t widths[] = {1, 2, 7, MOST};

typedef struct {
    const co_loss *loss;
    void *self;
    bool classes; /* targets are classes */
    size_t n;
    float o[ROWS * MOST], t[ROWS * MOST];
    int32_t y[ROWS];
} bench;

static void open_bench(bench *b, const co_loss *loss, bool classes, size_t n)
{
    co_node *root;
    *b = (bench){.loss = loss, .classes = classes, .n = n};
    const co_config opt = test_options("{}", "model", &loss->params, 1, &root);
    if (loss->create) cr_assert_eq(loss->create(&opt, &b->self), CO_OK);
    co_node_destroy(root);
    test_fill(900, ROWS * n, 3.0f, b->o);
    for (size_t j = 0; j < ROWS * n; j++)
        b->t[j] = loss->probabilities ? (float)(test_bits(901, j) % 5) * 0.25f : test_value(901, j);
    for (size_t r = 0; r < ROWS; r++) b->y[r] = (int32_t)(test_bits(902, r) % n);
}

static void close_bench(bench *b)
{
    if (b->loss->destroy) b->loss->destroy(b->self);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* Rows [first, first + rows), the mean over n_rows. */
static void measure(const bench *b, size_t first, size_t rows, size_t n_rows, float *d,
                    double *each)
{
    const size_t at = first * b->n;
    co_row_loss row[CO_LOSS_ROWS];
    if (!b->classes) {
        b->loss->of_values(b->self, rows, b->n, b->o + at, b->t + at, n_rows, d ? d + at : NULL,
                           each + first);
        return;
    }
    b->loss->of_classes(b->self, rows, b->n, b->o + at, b->y + first, n_rows, d ? d + at : NULL,
                        row);
    for (size_t r = 0; r < rows; r++) each[first + r] = row[r].loss;
}

/* Each member, with the targets that it takes, over rows of each width. */
static void each(void (*law)(bench *b))
{
    for (const co_plugin *const *m = co_kind_loss.members; *m; m++)
        for (size_t k = 0; k < sizeof widths / sizeof *widths; k++)
            for (int classes = 0; classes < 2; classes++) {
                const co_loss *loss = co_loss_find((*m)->name);
                bench b;
                if (classes ? !loss->of_classes : !loss->of_values) continue;
                open_bench(&b, loss, classes, widths[k]);
                law(&b);
                close_bench(&b);
            }
}

static double mean(const bench *b)
{
    double row[ROWS], sum = 0.0;
    measure(b, 0, ROWS, ROWS, NULL, row);
    for (size_t r = 0; r < ROWS; r++) sum += row[r];
    return sum / ROWS;
}

static void slope_is_gradient(bench *b)
{
    float d[ROWS * MOST];
    double row[ROWS];
    measure(b, 0, ROWS, ROWS, d, row);
    for (size_t j = 0; j < ROWS * b->n; j++) {
        const float old = b->o[j];
        b->o[j] = old + 0.005f;
        const double above_at = (double)b->o[j], above = mean(b);
        b->o[j] = old - 0.005f;
        const double below_at = (double)b->o[j], below = mean(b);
        b->o[j] = old;
        const double slope = (above - below) / (above_at - below_at);
        cr_expect_lt(fabs(slope - (double)d[j]), 1e-5 + 5e-4 / (double)b->n + 2e-3 * fabs(slope),
                     "%s, %zu of %zu: %g, not %g", b->loss->name, j, b->n, (double)d[j], slope);
    }
}

Test(loss, gradients_are_slopes)
{
    each(slope_is_gradient);
}

/* A call sees its rows alone: however rows are cut, the bits are the same, and without d too. */
static void rows_stand_alone(bench *b)
{
    float whole[ROWS * MOST], cut[ROWS * MOST];
    double row[ROWS], other[ROWS], without[ROWS];
    measure(b, 0, ROWS, 9, whole, row);
    measure(b, 0, 2, 9, cut, other);
    measure(b, 2, ROWS - 2, 9, cut, other);
    measure(b, 0, ROWS, 1, NULL, without);
    cr_expect_arr_eq(row, other, sizeof row, "%s", b->loss->name);
    cr_expect_arr_eq(row, without, sizeof row, "%s", b->loss->name);
    cr_expect_arr_eq(whole, cut, ROWS * b->n * sizeof *cut, "%s", b->loss->name);
}

Test(loss, rows_are_measured_one_by_one)
{
    each(rows_stand_alone);
}

static void bad_output_shows(bench *b)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t k = 0; k < 3; k++) {
        double row[ROWS];
        const size_t at = 1 * b->n + b->n / 2;
        const float old = b->o[at];
        b->o[at] = bad[k];
        measure(b, 0, ROWS, ROWS, NULL, row);
        const bool far_away = b->classes && bad[k] < 0.0f &&
                              b->y[1] != (int32_t)(b->n / 2); /* another class surely not */
        cr_expect(!isfinite(row[1]) || far_away, "%s of %zu, %s: %g at an output of %g is finite",
                  b->loss->name, b->n, b->classes ? "classes" : "values", row[1], (double)bad[k]);
        cr_expect(isfinite(row[0]) && isfinite(row[2]), "%s: it shows in other rows",
                  b->loss->name);
        b->o[at] = old;
    }
}

Test(loss, an_output_that_is_no_number_shows)
{
    each(bad_output_shows);
}

static void far_is_finite(bench *b)
{
    float d[ROWS * MOST];
    double row[ROWS];
    for (size_t j = 0; j < ROWS * b->n; j++) b->o[j] *= 1e15f;
    measure(b, 0, ROWS, ROWS, d, row);
    for (size_t r = 0; r < ROWS; r++)
        cr_expect(isfinite(row[r]) && row[r] >= 0.0, "%s: %g", b->loss->name, row[r]);
    for (size_t j = 0; j < ROWS * b->n; j++)
        cr_expect(isfinite(d[j]), "%s: %g", b->loss->name, (double)d[j]);
}

Test(loss, far_outputs_give_finite_losses)
{
    each(far_is_finite);
}

/* Whatever such a row's outputs are. */
static void rows_without_class(bench *b)
{
    enum { AT = 1 };
    float all[ROWS * MOST], d[ROWS * MOST];
    double row[ROWS], left[ROWS];
    if (!b->classes) return;
    measure(b, 0, ROWS, 4, all, row);
    b->y[AT] = -1;
    b->o[AT * b->n] = NAN;
    measure(b, 0, ROWS, 4, d, left);
    memset(all + AT * b->n, 0, b->n * sizeof *all);
    row[AT] = 0.0;
    cr_expect_arr_eq(left, row, sizeof row, "%s of %zu", b->loss->name, b->n);
    cr_expect_arr_eq(d, all, ROWS * b->n * sizeof *d, "%s of %zu", b->loss->name, b->n);
}

Test(loss, a_row_without_class_has_neither_loss_nor_gradient)
{
    each(rows_without_class);
}

Test(loss, options_have_texts)
{
    for (const co_plugin *const *m = co_kind_loss.members; *m; m++) {
        const co_loss *loss = co_loss_find((*m)->name);
        test_option_texts(*m, co_model_params);
        cr_expect(loss->of_classes || loss->of_values, "%s", loss->name);
        for (const co_plugin *const *p = co_kind_model.members; *p; p++)
            if (loss->params && (*p)->params) test_option_texts(*m, (*p)->params);
    }
}
