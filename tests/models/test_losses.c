/* tests/models/test_losses.c - losses of rows, gradients and twenty steps against PyTorch in double
 * precision (tests/reference/losses.py), on every kernel path that this processor has. */
#include "models/kernel_path.h"
#include "models/losses/loss.h"
#include "tests/harness.h"
#include "tests/kinds/options.h"
#include <math.h>

enum { OUTPUT = 7000, TARGET = 7100, MOST = 256, STEPS = 20 };

typedef struct {
    char loss[32], kind[16];
    size_t rows, n;
    double delta, lr;
    float o[MOST], t[MOST], d[MOST];
    int32_t y[MOST];
    double each[CO_LOSS_ROWS];
} slope;

static void fill(slope *s)
{
    const bool numbers = strcmp(s->kind, "numbers") == 0;
    for (size_t j = 0; j < s->rows * s->n; j++) {
        const float unit = (float)test_bits(TARGET, j) * 0x1p-24f;
        s->o[j] = 8.0f * ((float)test_bits(OUTPUT, j) * 0x1p-24f) - 4.0f;
        s->t[j] = numbers                          ? 4.0f * unit - 2.0f
                  : strcmp(s->kind, "labels") == 0 ? (float)(unit > 0.5f)
                                                   : unit / (float)s->n;
    }
    for (size_t r = 0; r < s->rows; r++) s->y[r] = (int32_t)(test_bits(TARGET, r) % s->n);
}

static void measure(slope *s, const co_criterion *c)
{
    co_row_loss row[CO_LOSS_ROWS];
    if (strcmp(s->kind, "classes") != 0) {
        c->loss->of_values(c->self, s->rows, s->n, s->o, s->t, s->rows, s->d, s->each);
        return;
    }
    c->loss->of_classes(c->self, s->rows, s->n, s->o, s->y, s->rows, s->d, row);
    for (size_t r = 0; r < s->rows; r++) s->each[r] = row[r].loss;
}

/* A line of the file; both distances in the sense of the largest number of the line. */
static void compare(const slope *s, FILE *file, const char *what, const float *have,
                    const double *loss, size_t n)
{
    char word[16];
    double value, furthest = 0.0, largest = 1e-3;
    cr_assert(fscanf(file, "%15s", word) == 1 && strcmp(word, what) == 0, "%s %s: %s", s->loss,
              what, word);
    for (size_t j = 0; j < n; j++) {
        cr_assert_eq(fscanf(file, "%lf", &value), 1);
        furthest = fmax(furthest, fabs((have ? (double)have[j] : loss[j]) - value));
        largest = fmax(largest, fabs(value));
    }
    cr_expect_leq(furthest, 1e-6 * largest, "%s of %s on %s, %zu rows of %zu: %s is %g off",
                  s->loss, s->kind, co_kernel_path(), s->rows, s->n, what, furthest);
}

static void follow(slope *s, FILE *file)
{
    static const char *const all[] = {"squared", "huber", "binary", "cross_entropy", NULL};
    char yaml[96];
    co_node *root = NULL;
    co_criterion c;
    snprintf(yaml, sizeof yaml, s->delta > 0.0 ? "{loss: %s, delta: %g}" : "{loss: %s}", s->loss,
             s->delta);
    static const co_param own[] = {{.key = "loss", .type = CO_STRING}, {0}};
    const co_param *const tables[] = {own, co_loss_find(s->loss)->params};
    const co_config opt = test_options(yaml, "model", tables, 2, &root);
    cr_assert_eq(co_criterion_init(&c, &opt, "test", all), CO_OK, "%s", co_status_message());
    co_node_destroy(root);
    fill(s);
    for (int step = 0; step < STEPS; step++) {
        measure(s, &c);
        if (step == 0) {
            compare(s, file, "loss", NULL, s->each, s->rows);
            compare(s, file, "grad", s->d, NULL, s->rows * s->n);
        }
        for (size_t j = 0; j < s->rows * s->n; j++) s->o[j] -= (float)s->lr * s->d[j];
    }
    compare(s, file, "step", s->o, NULL, s->rows * s->n);
    co_criterion_fini(&c);
}

static void check_on_this_path(void)
{
    char path[1024];
    const char *root = getenv("SOURCE");
    slope s;
    size_t n_checked = 0;
    snprintf(path, sizeof path, "%s/tests/reference/losses.txt", root ? root : "..");
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    while (fscanf(file, " case %31s %15s %zu %zu %lf %lf", s.loss, s.kind, &s.rows, &s.n, &s.delta,
                  &s.lr) == 6) {
        cr_assert_leq(s.rows * s.n, MOST);
        follow(&s, file);
        n_checked++;
    }
    fclose(file);
    cr_expect_eq(n_checked, 26, "%zu cases", n_checked);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(losses, all_follow_pytorch)
{
    co_kernel_level best;
    cr_assert_eq(co_kernel_best(&best), CO_OK);
    for (co_kernel_level level = CO_KERNELS_REFERENCE; level <= best; level++) {
        co_kernel_use(level);
        check_on_this_path();
    }
}

/* log(1 + exp(o)) where exp(o) overflows, and where it vanishes. */
Test(losses, binary_stays_finite_far_out)
{
    const co_loss *binary = co_loss_find("binary");
    const float o[] = {1e30f, -1e30f, 200.0f, -200.0f}, right[] = {1, 0, 1, 0},
                wrong[] = {0, 1, 0, 1};
    float d[4];
    double loss;
    binary->of_values(NULL, 1, 4, o, right, 1, d, &loss);
    cr_expect(loss >= 0.0 && loss < 1e-30, "%g", loss);
    binary->of_values(NULL, 1, 4, o, wrong, 1, d, &loss);
    cr_expect_float_eq(loss / 5e29, 1.0, 1e-6);
    for (size_t j = 0; j < 4; j++)
        cr_expect_float_eq(d[j], right[j] > 0.5f ? 0.25f : -0.25f, 1e-7, "%zu: %g", j,
                           (double)d[j]);
}

Test(losses, shares_that_are_one_class_are_that_class)
{
    const co_loss *loss = co_loss_find("cross_entropy");
    float o[3 * 9], t[3 * 9] = {0}, of_values[3 * 9], of_classes[3 * 9];
    const int32_t y[] = {8, 0, 4};
    double shares[3];
    co_row_loss row[3];
    test_fill(5, 27, 6.0f, o);
    for (size_t r = 0; r < 3; r++) t[r * 9 + (size_t)y[r]] = 1.0f;
    loss->of_values(NULL, 3, 9, o, t, 5, of_values, shares);
    loss->of_classes(NULL, 3, 9, o, y, 5, of_classes, row);
    for (size_t r = 0; r < 3; r++) cr_expect_float_eq(shares[r], row[r].loss, 1e-12);
    cr_expect_lt(relative_distance(of_values, of_classes, 27), 1e-6);
}

Test(losses, huber_is_half_the_square_near_and_linear_far)
{
    co_node *root;
    const co_loss *huber = co_loss_find("huber"), *squared = co_loss_find("squared");
    const co_config opt = test_options("{delta: 2}", "model", &huber->params, 1, &root);
    void *self = NULL;
    double half, whole;
    float d;
    cr_assert_eq(huber->create(&opt, &self), CO_OK);
    huber->of_values(self, 1, 1, &(float){1.5f}, &(float){0.0f}, 1, &d, &half);
    squared->of_values(NULL, 1, 1, &(float){1.5f}, &(float){0.0f}, 1, NULL, &whole);
    cr_expect(half == 0.5 * whole && d == 1.5f);
    huber->of_values(self, 1, 1, &(float){-7.0f}, &(float){0.0f}, 1, &d, &half);
    cr_expect(half == 12.0 && d == -2.0f, "%g %g", half, (double)d);
    huber->destroy(self);
    co_node_destroy(root);
    cr_expect_eq(co_memory_blocks(), 0);
}
