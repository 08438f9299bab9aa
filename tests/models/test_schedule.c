/* tests/models/test_schedule.c - learning rates against their closed formulas. */
#include "models/schedule.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

static co_status open_schedule(const char *yaml, co_schedule *s, char *horizon)
{
    co_node *root = NULL;
    const co_config section = {.file = "test.yaml", .section = "local"};
    cr_assert_eq(co_yaml_read_text(yaml, "test.yaml", &root), CO_OK, "%s", co_status_message());
    const co_status st = co_schedule_create(&section, root, 0.8, 100, s);
    const co_node *node = co_node_find(root, "horizon");
    if (horizon) snprintf(horizon, 32, "%s", node ? node->text : "none");
    co_node_destroy(root);
    cr_expect_eq(co_memory_blocks(), 0);
    return st;
}

static co_schedule schedule(const char *yaml)
{
    co_schedule s;
    cr_assert_eq(open_schedule(yaml, &s, NULL), CO_OK, "%s", co_status_message());
    return s;
}

Test(schedule, without_a_map_the_rate_is_constant)
{
    const co_config section = {.file = "test.yaml", .section = "local"};
    co_schedule s;
    cr_assert_eq(co_schedule_create(&section, NULL, 0.3, 10, &s), CO_OK);
    for (int64_t r = 1; r < 1000; r += 37) cr_expect_eq(co_schedule_rate(&s, r), 0.3);
}

Test(schedule, follows_the_closed_formulas)
{
    const double pi = acos(-1.0);
    const co_schedule constant = schedule("{name: constant}"),
                      step = schedule("{name: step, every: 10, factor: 0.5}");
    const co_schedule exponential = schedule("{name: exponential, factor: 0.99}");
    const co_schedule cosine = schedule("{name: cosine, floor: 0.1, horizon: 40}");
    for (int64_t r = 1; r <= 40; r++) {
        cr_expect_eq(co_schedule_rate(&constant, r), 0.8);
        cr_expect_float_eq(co_schedule_rate(&step, r), 0.8 * pow(0.5, (double)((r - 1) / 10)),
                           1e-15);
        cr_expect_float_eq(co_schedule_rate(&exponential, r), 0.8 * pow(0.99, (double)(r - 1)),
                           1e-15);
        cr_expect_float_eq(co_schedule_rate(&cosine, r),
                           0.1 + 0.7 * (1.0 + cos(pi * (double)(r - 1) / 40.0)) / 2.0, 1e-15);
    }
    cr_expect_eq(co_schedule_rate(&step, 10), 0.8);
    cr_expect_eq(co_schedule_rate(&step, 11), 0.4);
}

Test(schedule, cosine_stays_at_its_floor_after_the_horizon)
{
    const co_schedule s = schedule("{name: cosine, floor: 0.1, horizon: 5}");
    for (int64_t r = 6; r < 20; r++) cr_expect_float_eq(co_schedule_rate(&s, r), 0.1, 1e-15);
}

Test(schedule, warm_up_rises_linearly_and_multiplies_every_kind)
{
    const co_schedule constant = schedule("{name: constant, warmup: 4}");
    const co_schedule exponential = schedule("{name: exponential, factor: 0.5, warmup: 4}");
    for (int64_t r = 1; r <= 8; r++) {
        const double rise = r < 4 ? (double)r / 4.0 : 1.0;
        cr_expect_float_eq(co_schedule_rate(&constant, r), 0.8 * rise, 1e-15);
        cr_expect_float_eq(co_schedule_rate(&exponential, r),
                           0.8 * rise * pow(0.5, (double)(r - 1)), 1e-15);
    }
}

Test(schedule, the_default_horizon_is_written_down_so_that_a_longer_run_keeps_it)
{
    co_schedule s;
    char horizon[32];
    cr_assert_eq(open_schedule("{name: cosine}", &s, horizon), CO_OK);
    cr_expect_eq(s.horizon, 100);
    cr_expect_str_eq(horizon, "100");
    cr_assert_eq(open_schedule("{name: cosine, horizon: 7}", &s, horizon), CO_OK);
    cr_expect_str_eq(horizon, "7");
    cr_assert_eq(open_schedule("{name: constant}", &s, horizon), CO_OK);
    cr_expect_str_eq(horizon, "none");
}

Test(schedule, refuses_what_is_incomplete_and_names_it)
{
    static const char *const wrong[][2] = {{"{name: step, every: 3}", "factor"},
                                           {"{name: step, factor: 0.5}", "every"},
                                           {"{name: exponential}", "factor"},
                                           {"{name: cosin}", "cosine"},
                                           {"{name: cosine, floor: 0.9}", "0.9"},
                                           {"{name: step, every: 0, factor: 0.5}", "every"},
                                           {"{name: step, evry: 2}", "evry"},
                                           {"{name: exponential, factor: 0.0}", "local.schedule"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        co_schedule s;
        cr_expect_eq(open_schedule(wrong[i][0], &s, NULL), CO_EUSAGE, "%s", wrong[i][0]);
        cr_expect(strstr(co_status_message(), wrong[i][1]), "%s", co_status_message());
    }
}
