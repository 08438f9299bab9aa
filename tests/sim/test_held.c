/* tests/sim/test_held.c - what devices remember: every subset of what came is equally likely in a
 * reservoir, classes have equal places in a balanced one, what was dropped never comes back, and a
 * step replays the share it was asked for. */
#include "core/memory.h"
#include "sim/devices/held.h"
#include "sim/devices/population_private.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 400, PERIODS = 4, CLASSES = 3 };

/* Devices whose examples stand one after another; example i of a device has a class and a period.
 */
typedef struct {
    co_population p;
    co_experiment e;
    int64_t offsets[9], examples[MOST];
    int32_t period_of[MOST], y[MOST];
} stage;

static void open_stage(stage *s, const char *memory, int64_t n_devices, int64_t n_each)
{
    char text[400];
    *s = (stage){.p = {.n_devices = n_devices, .n_periods = PERIODS, .period_rounds = 10}};
    snprintf(text, sizeof text,
             "name: t\nrounds: 4\ndata: {file: none}\npartition: {file: none}\nmodel: {name: "
             "softmax}\ndevices: {per_round: 1, period_rounds: 1, %s}\n",
             memory);
    cr_assert_eq(co_experiment_parse(text, "t.yaml", &s->e), CO_OK, "%s", co_status_message());
    for (int64_t k = 0; k <= n_devices; k++) s->offsets[k] = k * n_each;
    for (int64_t i = 0; i < n_devices * n_each; i++) s->examples[i] = i;
    s->p.offsets = s->offsets;
    s->p.examples = s->examples;
    s->p.period_of = s->period_of;
    s->p.data =
        (co_dataset){.n = MOST, .y = s->y, .n_classes = CLASSES, .task = CO_DATA_CLASSIFICATION};
    cr_assert_eq(co_held_create(&s->e, &s->p, &s->p.memory), CO_OK, "%s", co_status_message());
}

static void close_stage(stage *s)
{
    co_held_destroy(s->p.memory);
    co_experiment_fini(&s->e);
}

/* What the device has in a period with that seed: is[id], and how many. */
static int64_t mark(stage *s, uint64_t seed, int64_t device, int64_t period, bool *is)
{
    int64_t n;
    s->p.seed = seed;
    s->p.period = period;
    s->p.memory->device = -1; /* another seed: look again */
    s->p.memory->all_period = -1;
    const int64_t *ids = co_held_list(&s->p, device, &n);
    memset(is, 0, MOST);
    for (int64_t i = 0; i < n; i++) {
        cr_assert(ids[i] >= s->offsets[device] && ids[i] < s->offsets[device + 1]);
        cr_assert(s->period_of[ids[i]] <= period && !is[ids[i]], "twice, or too early");
        is[ids[i]] = true;
    }
    cr_assert_eq(n, co_held_count(&s->p, device));
    return n;
}

/* Of counts that should be equal. */
static double chi_square(const int64_t *count, size_t n)
{
    double sum = 0.0, chi = 0.0;
    for (size_t i = 0; i < n; i++) sum += (double)count[i] / (double)n;
    for (size_t i = 0; i < n; i++) chi += ((double)count[i] - sum) * ((double)count[i] - sum) / sum;
    return chi;
}

Test(held, a_reservoir_is_any_subset_of_what_came_alike)
{
    stage s;
    bool is[MOST];
    int64_t count[64] = {0}, of[15], used = 0;
    open_stage(&s, "memory: reservoir, capacity: 2", 1, 6);
    for (int i = 0; i < 6; i++) s.period_of[i] = i / 2;
    for (uint64_t seed = 0; seed < 15000; seed++) {
        unsigned set = 0;
        cr_assert_eq(mark(&s, seed, 0, PERIODS - 1, is), 2);
        for (unsigned i = 0; i < 6; i++) set |= (unsigned)is[i] << i;
        count[set]++;
    }
    for (int set = 0; set < 64; set++)
        if (count[set]) of[used++] = count[set];
    cr_assert_eq(used, 15);
    cr_expect(chi_square(of, 15) < 40.0, "%g of 14 degrees", chi_square(of, 15)); /* 1 in 4,000 */
    close_stage(&s);
}

Test(held, devices_and_seeds_draw_for_themselves)
{
    stage s;
    bool one[MOST], other[MOST];
    int same = 0;
    open_stage(&s, "memory: reservoir, capacity: 20", 2, 60);
    mark(&s, 1, 0, 0, one);
    mark(&s, 2, 0, 0, other);
    for (int i = 0; i < 60; i++) same += one[i] && other[i];
    cr_expect(same < 15);
    mark(&s, 1, 1, 0, other);
    same = 0;
    for (int i = 0; i < 60; i++) same += one[i] && other[60 + i];
    cr_expect(same < 15);
    close_stage(&s);
}

Test(held, what_was_dropped_never_comes_back)
{
    static const char *const memories[] = {"memory: window, window: 2", "memory: fifo, capacity: 9",
                                           "memory: reservoir, capacity: 9",
                                           "memory: balanced, capacity: 9"};
    for (int k = 0; k < 4; k++) {
        stage s;
        bool before[MOST], now[MOST];
        open_stage(&s, memories[k], 1, 40);
        for (int i = 0; i < 40; i++) s.period_of[i] = i / 10, s.y[i] = i % 7 % CLASSES;
        for (uint64_t seed = 0; seed < 50; seed++)
            for (int64_t period = 0; period < PERIODS; period++) {
                mark(&s, seed, 0, period, now);
                for (int i = 0; i < 40 && period > 0; i++)
                    cr_assert(!now[i] || before[i] || s.period_of[i] == period, "%s: %d in %d",
                              memories[k], i, (int)period);
                memcpy(before, now, sizeof now);
            }
        close_stage(&s);
    }
}

/* 80, 15 and 5 examples of three classes: 5 of each, and of the first any of its 80 alike. */
Test(held, classes_have_equal_places_as_far_as_they_have_examples)
{
    stage s;
    bool is[MOST];
    int64_t count[100] = {0};
    open_stage(&s, "memory: balanced, capacity: 15", 1, 100);
    for (int i = 0; i < 100; i++) s.y[i] = i % 20 == 7 ? 2 : i % 20 % 7 == 3 ? 1 : 0;
    for (uint64_t seed = 0; seed < 4000; seed++) {
        int64_t of[CLASSES] = {0};
        cr_assert_eq(mark(&s, seed, 0, 0, is), 15);
        for (int i = 0; i < 100; i++) of[s.y[i]] += is[i], count[i] += is[i];
        cr_assert(of[0] == 5 && of[1] == 5 && of[2] == 5, "%d %d %d", (int)of[0], (int)of[1],
                  (int)of[2]);
    }
    int64_t first[100];
    size_t n = 0;
    for (int i = 0; i < 100; i++)
        if (s.y[i] == 0) first[n++] = count[i];
    cr_assert_eq(n, 80);
    /* 1 in 10,000; a little more room, since places are not independent */
    cr_expect(chi_square(first, n) < 135.0, "%g of 79 degrees", chi_square(first, n));
    close_stage(&s);
}

/* 30 of an earlier period, 10 new ones: a share of r is ceil(10 r / (1 - r)) of them. */
Test(held, a_step_replays_its_share_beside_all_that_is_new)
{
    static const struct {
        const char *memory;
        int64_t old;
    } way[] = {{"memory: all, replay: 0.5", 10},
               {"memory: all, replay: 0.1", 2},
               {"memory: fifo, capacity: 8, replay: 0.5", 8},
               {"memory: reservoir, capacity: 15, replay: 0.6", 15},
               {"memory: reservoir, capacity: 15, replay: 0.2, replay_select: balanced", 3},
               {"memory: balanced, capacity: 15, replay: 0.5, replay_select: coordinated", 10},
               {"memory: window, window: 1, replay: 0.5", 0}};
    for (size_t k = 0; k < sizeof way / sizeof *way; k++) {
        stage s;
        bool is[MOST], again[MOST];
        int64_t old = 0, differ = 0;
        open_stage(&s, way[k].memory, 1, 40);
        for (int i = 0; i < 40; i++) s.period_of[i] = i >= 30 ? 2 : 0, s.y[i] = i % CLASSES;
        s.p.step = 7;
        cr_expect_eq(mark(&s, 3, 0, 2, is), 10 + way[k].old, "%s: %d", way[k].memory,
                     (int)co_held_count(&s.p, 0));
        for (int i = 0; i < 30; i++) old += is[i];
        for (int i = 30; i < 40; i++) cr_expect(is[i], "%s", way[k].memory);
        cr_expect_eq(old, way[k].old);
        s.p.step = 8; /* of the same memory, others */
        mark(&s, 3, 0, 2, again);
        for (int i = 0; i < 30; i++) differ += is[i] != again[i];
        cr_expect_eq(differ > 0, old > 0 && old != 8 && old != 15, "%s", way[k].memory);
        cr_expect(mark(&s, 3, 0, 3, is) <= 40 && co_held_count(&s.p, 0) >= old, "%s",
                  way[k].memory); /* nothing is new: all of the memory */
        close_stage(&s);
    }
}

Test(held, balanced_replay_takes_each_class_in_turn)
{
    stage s;
    bool is[MOST];
    int64_t of[CLASSES] = {0};
    open_stage(&s, "memory: all, replay: 0.5, replay_select: balanced", 1, 70);
    for (int i = 0; i < 70; i++) s.period_of[i] = i >= 63, s.y[i] = i < 50 ? 0 : i < 57 ? 1 : 2;
    for (uint64_t seed = 0; seed < 300; seed++) {
        int64_t now[CLASSES] = {0};
        cr_assert_eq(mark(&s, seed, 0, 1, is), 14);
        for (int i = 0; i < 63; i++) now[s.y[i]] += is[i];
        for (int c = 0; c < CLASSES; c++) {
            cr_assert(now[c] == 2 || now[c] == 3);
            of[c] += now[c];
        }
    }
    cr_expect(chi_square(of, CLASSES) < 8.0);
    close_stage(&s);
}

/* Three devices have class 0 alone and one has class 0 and 1 alike: over all devices 7 in 8 are of
 * class 0, and the fourth replays class 1 seven times as often. */
Test(held, coordinated_replay_makes_up_for_the_classes_of_others)
{
    stage s;
    bool is[MOST];
    int64_t of[CLASSES] = {0};
    open_stage(&s, "memory: all, replay: 0.09, replay_select: coordinated", 4, 90);
    for (int i = 0; i < 360; i++) s.period_of[i] = i % 90 >= 80, s.y[i] = i >= 270 && i % 2;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        cr_assert_eq(mark(&s, seed, 3, 1, is), 11);
        for (int i = 270; i < 350; i++) of[s.y[i]] += is[i];
    }
    const double share = (double)of[1] / 2000.0; /* 7 in 8; deviation 0.0074 */
    cr_expect(share > 0.845 && share < 0.905, "%g", share);
    cr_expect(s.p.memory->all[0] == 280 && s.p.memory->all[1] == 40);
    close_stage(&s);
}

Test(held, classes_are_asked_of_data_that_have_them)
{
    stage s;
    const size_t blocks = co_memory_blocks();
    open_stage(&s, "memory: balanced, capacity: 5", 1, 10);
    co_held *memory;
    s.p.data.task = CO_DATA_REGRESSION;
    cr_expect_eq(co_held_create(&s.e, &s.p, &memory), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "memory: balanced goes by the class"), "%s",
              co_status_message());
    co_held_destroy(memory);
    close_stage(&s);
    cr_expect_eq(co_memory_blocks(), blocks);
}
