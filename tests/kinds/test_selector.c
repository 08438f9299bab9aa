/* Every selector keeps these laws: ascending devices of the population, a function of (seed, round) alone, every device equally
 * likely, as many as asked on average, and at its own sampling's spread. */
#include "core/memory.h"
#include "sim/selectors/selector.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

typedef struct {
    const co_selector *selector;
    int64_t n_devices, *devices, *scratch;
    double per_round;
    size_t room;
} sampler;

static sampler open_sampler(const co_plugin *member, int64_t n_devices, double per_round)
{
    sampler s = {.selector = (const co_selector *)member, .n_devices = n_devices, .per_round = per_round};
    s.room = co_selector_most(s.selector, n_devices, per_round);
    cr_assert(s.room >= 1 && s.room <= (size_t)n_devices);
    s.devices = co_malloc(s.room, sizeof *s.devices);
    s.scratch = co_malloc(co_draw_subset_scratch(s.room), sizeof *s.scratch);
    cr_assert(s.devices && s.scratch);
    return s;
}

static void close_sampler(sampler *s)
{
    co_free(s->devices);
    co_free(s->scratch);
}

static size_t draw(sampler *s, uint64_t seed, int64_t round)
{
    return s->selector->select(seed, round, s->n_devices, s->per_round, s->devices, s->scratch);
}

Test(selector, gives_ascending_devices_as_a_function_of_seed_and_round)
{
    for (const co_plugin *const *m = co_kind_selector.members; *m; m++) {
        sampler s = open_sampler(*m, 1000, 30.0), again = open_sampler(*m, 1000, 30.0);
        size_t n_different = 0;
        for (int64_t round = 1; round <= 200; round++) {
            const size_t n = draw(&s, 7, round);
            cr_expect(n <= s.room);
            for (size_t i = 0; i < n; i++)
                cr_expect(s.devices[i] >= 0 && s.devices[i] < 1000 && (i == 0 || s.devices[i] > s.devices[i - 1]));
            cr_expect(draw(&again, 7, round) == n && memcmp(s.devices, again.devices, n * sizeof *s.devices) == 0);
            const size_t other = draw(&again, 8, round);
            n_different += other != n || memcmp(s.devices, again.devices, n * sizeof *s.devices) != 0;
        }
        cr_expect(n_different > 195, "%s: another seed, another cohort", (*m)->name);
        close_sampler(&s);
        close_sampler(&again);
    }
}

Test(selector, asks_every_device_equally_often_and_pairs_as_its_sampling_says)
{
    enum { N = 40, ROUNDS = 20000 };
    for (const co_plugin *const *m = co_kind_selector.members; *m; m++) {
        sampler s = open_sampler(*m, N, 6.0);
        double count[N] = {0}, both = 0.0, total = 0.0, squares = 0.0;
        for (int64_t round = 1; round <= ROUNDS; round++) {
            const size_t n = draw(&s, 3, round);
            bool is_in[N] = {0};
            for (size_t i = 0; i < n; i++) count[s.devices[i]]++, is_in[s.devices[i]] = true;
            both += is_in[11] && is_in[12];
            total += (double)n, squares += (double)n * (double)n;
        }
        const double q = 6.0 / N, mean = total / ROUNDS, spread = squares / ROUNDS - mean * mean;
        const bool is_fixed = s.selector->sampling == CO_SAMPLING_FIXED;
        const double pair = is_fixed ? q * 5.0 / (N - 1) : q * q, variance = is_fixed ? 0.0 : N * q * (1.0 - q);
        for (int d = 0; d < N; d++)
            cr_expect(fabs(count[d] - ROUNDS * q) < 5.0 * sqrt(ROUNDS * q * (1 - q)), "%s, device %d: %g", (*m)->name,
                      d, count[d]);
        cr_expect(fabs(both - ROUNDS * pair) < 5.0 * sqrt(ROUNDS * pair), "%s: %g pairs", (*m)->name, both);
        cr_expect(fabs(mean - 6.0) < 5.0 * sqrt(variance / ROUNDS) + 1e-12, "%s: mean %g", (*m)->name, mean);
        cr_expect(fabs(spread - variance) < 0.05 * variance + 1e-9, "%s: variance %g", (*m)->name, spread);
        close_sampler(&s);
    }
}

Test(selector, all_devices_when_all_are_asked)
{
    for (const co_plugin *const *m = co_kind_selector.members; *m; m++) {
        sampler s = open_sampler(*m, 17, 17.0);
        cr_expect_eq(draw(&s, 1, 1), 17);
        for (int64_t d = 0; d < 17; d++) cr_expect_eq(s.devices[d], d);
        close_sampler(&s);
    }
}

Test(selector, small_expected_numbers_leave_rounds_empty_and_large_populations_cost_nothing)
{
    for (const co_plugin *const *m = co_kind_selector.members; *m; m++) {
        if (!((const co_selector *)*m)->any_real) continue;
        sampler s = open_sampler(*m, INT64_C(1000000000000), 0.5);
        int n_empty = 0;
        for (int64_t round = 1; round <= 4000; round++) n_empty += draw(&s, 5, round) == 0;
        cr_expect(fabs(n_empty - 4000 * exp(-0.5)) < 5.0 * sqrt(4000 * 0.24), "%d empty rounds of 4000", n_empty);
        close_sampler(&s);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}
