/* tests/models/test_step_schedule.c - factors of a device's steps against transformers' schedules.
 * The numbers are get_last_lr() of get_linear_schedule_with_warmup and its sisters for lr 1. */
#include "models/step_schedule.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

static co_status open_schedule(const char *yaml, co_step_schedule *s)
{
    co_node *root = NULL;
    const co_config section = {.file = "test.yaml", .section = "local"};
    cr_assert_eq(co_yaml_read_text(yaml, "test.yaml", &root), CO_OK, "%s", co_status_message());
    const co_status st = co_step_schedule_create(&section, root, s);
    co_node_destroy(root);
    cr_expect_eq(co_memory_blocks(), 0);
    return st;
}

typedef struct {
    const char *yaml;
    int64_t n;
    double want[10];
} sample;

static const sample samples[] = {
    {"{name: linear, warmup: 3}",
     10,
     {0, 0.33333333333333331, 0.66666666666666663, 1, 0.8571428571428571, 0.7142857142857143,
      0.5714285714285714, 0.42857142857142855, 0.2857142857142857, 0.14285714285714285}},
    {"{name: linear, warmup: 0.25}",
     10,
     {0, 0.33333333333333331, 0.66666666666666663, 1, 0.8571428571428571, 0.7142857142857143,
      0.5714285714285714, 0.42857142857142855, 0.2857142857142857, 0.14285714285714285}},
    {"{name: linear}",
     5,
     {1, 0.80000000000000004, 0.59999999999999998, 0.40000000000000002, 0.20000000000000001}},
    {"{name: cosine, warmup: 2}",
     7,
     {0, 0.5, 1, 0.90450849718747373, 0.65450849718747373, 0.34549150281252633,
      0.09549150281252633}},
    {"{name: cosine}", 4, {1, 0.85355339059327373, 0.5, 0.14644660940672627}},
    {"{name: constant, warmup: 3}", 5, {0, 0.33333333333333331, 0.66666666666666663, 1, 1}},
    {"{name: linear, warmup: 3}", 3, {0, 0.33333333333333331, 0.66666666666666663}},
    {"{name: cosine, warmup: 5}", 3, {0, 0.20000000000000001, 0.40000000000000002}},
    {"{name: linear, warmup: 1}", 1, {0}},
};

Test(step_schedule, gives_the_factors_of_transformers)
{
    for (const sample *a = samples; a < samples + sizeof samples / sizeof *samples; a++) {
        co_step_schedule s;
        cr_assert_eq(open_schedule(a->yaml, &s), CO_OK, "%s", co_status_message());
        for (int64_t k = 0; k < a->n; k++) {
            const double have = co_step_schedule_factor(&s, k, a->n);
            cr_expect(fabs(have - a->want[k]) < 1e-15, "%s step %lld of %lld: %.17g, not %.17g",
                      a->yaml, (long long)k, (long long)a->n, have, a->want[k]);
        }
    }
}

Test(step_schedule, without_a_map_the_factor_is_one)
{
    const co_config section = {.file = "test.yaml", .section = "local"};
    co_step_schedule s;
    cr_assert_eq(co_step_schedule_create(&section, NULL, &s), CO_OK);
    for (int64_t k = 0; k < 9; k++) cr_expect_eq(co_step_schedule_factor(&s, k, 9), 1.0);
}

Test(step_schedule, what_is_no_schedule_is_refused_by_name)
{
    static const char *const texts[][2] = {{"{name: linear, warmup: 1.5}", "1.5"},
                                           {"{name: linear, warmup: -1}", "warmup"},
                                           {"{name: step}", "step"},
                                           {"{name: linear, every: 2}", "every"}};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        co_step_schedule s;
        cr_expect_eq(open_schedule(texts[k][0], &s), CO_EUSAGE, "%s", texts[k][0]);
        cr_expect(strstr(co_status_message(), texts[k][1]) &&
                      strstr(co_status_message(), "local.step_schedule"),
                  "%s: %s", texts[k][0], co_status_message());
    }
}
