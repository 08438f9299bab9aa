/* Every selector keeps these laws: ascending devices of the population, a function of (seed, round)
 * and of what the devices hold alone, each device as often as `chance` says, as many as asked, and
 * at its own sampling's spread. */
#include "tests/kinds/sampler.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST = 1000 };

/* size[k] = ceil(n / rank^exponent), the ranks dealt by key. */
static void zipf(int64_t *size, int64_t n_devices, double n, double exponent)
{
    int64_t rank[MOST];
    co_stream s = co_stream_open(9, CO_DRAW_TEST, 0, 0, 0);
    for (int64_t k = 0; k < n_devices; k++) rank[k] = k + 1;
    co_draw_shuffle(&s, rank, (size_t)n_devices);
    for (int64_t k = 0; k < n_devices; k++)
        size[k] = (int64_t)ceil(n / pow((double)rank[k], exponent));
}

/* NAN where it is not known. */
static double chance(const sampler *s, int64_t device)
{
    if (!s->selector->chance) return NAN;
    return s->selector->chance(s->self, &s->in, device);
}

#define EACH_MEMBER(m) for (const co_plugin *const *m = co_kind_selector.members; *m; m++)

Test(selector, gives_ascending_devices_as_a_function_of_seed_and_round)
{
    EACH_MEMBER(m)
    {
        sampler s = open_sampler(*m, "{}", 1000, 30.0, NULL),
                again = open_sampler(*m, "{}", 1000, 30.0, NULL);
        size_t n_different = 0;
        for (int64_t round = 1; round <= 200; round++) {
            const size_t n = draw(&s, round);
            cr_expect(n <= s.room);
            for (size_t i = 0; i < n; i++)
                cr_expect(s.devices[i] >= 0 && s.devices[i] < 1000 &&
                          (i == 0 || s.devices[i] > s.devices[i - 1]));
            cr_expect(draw(&again, round) == n &&
                      memcmp(s.devices, again.devices, n * sizeof *s.devices) == 0);
            again.in.seed = 8;
            const size_t other = draw(&again, round);
            again.in.seed = s.in.seed;
            n_different +=
                other != n || memcmp(s.devices, again.devices, n * sizeof *s.devices) != 0;
        }
        cr_expect(n_different > 195, "%s: another seed, another cohort", (*m)->name);
        close_sampler(&s);
        close_sampler(&again);
    }
}

Test(selector, asks_equal_devices_equally_often_and_pairs_as_its_sampling_says)
{
    enum { N = 40, ROUNDS = 20000 };
    EACH_MEMBER(m)
    {
        sampler s = open_sampler(*m, "{}", N, 6.0, NULL);
        double count[N] = {0}, both = 0.0, total = 0.0, squares = 0.0;
        for (int64_t round = 1; round <= ROUNDS; round++) {
            const size_t n = draw(&s, round);
            bool is_in[N] = {0};
            for (size_t i = 0; i < n; i++) count[s.devices[i]]++, is_in[s.devices[i]] = true;
            both += is_in[11] && is_in[12];
            total += (double)n, squares += (double)n * (double)n;
        }
        const double q = 6.0 / N, mean = total / ROUNDS, spread = squares / ROUNDS - mean * mean;
        const bool is_fixed = !s.selector->any_real;
        const double pair = is_fixed ? q * 5.0 / (N - 1) : q * q,
                     variance = is_fixed ? 0.0 : N * q * (1.0 - q);
        for (int d = 0; d < N; d++) {
            cr_expect(!s.selector->chance || fabs(chance(&s, d) - q) < 1e-9, "%s: %g", (*m)->name,
                      chance(&s, d));
            cr_expect(fabs(count[d] - ROUNDS * q) < 5.0 * sqrt(ROUNDS * q * (1 - q)),
                      "%s, device %d: %g", (*m)->name, d, count[d]);
        }
        cr_expect(fabs(both - ROUNDS * pair) < 5.0 * sqrt(ROUNDS * pair), "%s: %g pairs",
                  (*m)->name, both);
        cr_expect(fabs(mean - 6.0) < 5.0 * sqrt(variance / ROUNDS) + 1e-12, "%s: mean %g",
                  (*m)->name, mean);
        cr_expect(fabs(spread - variance) < 0.05 * variance + 1e-9, "%s: variance %g", (*m)->name,
                  spread);
        close_sampler(&s);
    }
}

/* Over Zipf sizes: counts against chance by their normalised squares, those of chance 1 in every
 * round, and the Horvitz-Thompson estimate of the examples of all. */
static void check_counts(const co_plugin *member, const char *yaml, double per_round,
                         const int64_t *size, int64_t n_devices, int64_t n_rounds)
{
    sampler s = open_sampler(member, yaml, n_devices, per_round, size);
    double all = 0.0, chances = 0.0, square = 0.0, freedom = 0.0, mean = 0.0, variance = 0.0;
    int64_t count[MOST] = {0};
    for (int64_t round = 1; round <= n_rounds; round++) {
        double estimate = 0.0;
        const size_t n = draw(&s, round);
        for (size_t i = 0; i < n; i++) {
            count[s.devices[i]]++;
            estimate += (double)size[s.devices[i]] / chance(&s, s.devices[i]);
        }
        mean += estimate / (double)n_rounds;
        variance += estimate * estimate / (double)n_rounds;
    }
    for (int64_t k = 0; k < n_devices; k++) {
        const double p = chance(&s, k), r = (double)n_rounds, o = (double)count[k];
        all += (double)size[k];
        chances += p;
        if (p == 0.0 || p == 1.0)
            cr_expect(o == r * p, "%s, device %lld: %g of %g", member->name, (long long)k, o, r);
        if (p == 0.0 || p == 1.0) continue;
        square += (o - r * p) * (o - r * p) / (r * p * (1.0 - p));
        freedom += 1.0;
    }
    if (getenv("SELECTOR_ROUNDS"))
        fprintf(stderr,
                "%-10s %s %lld rounds: sum of squares %.1f for %.0f; Horvitz-Thompson %.2f, all "
                "have %.0f\n",
                member->name, yaml, (long long)n_rounds, square, freedom, mean, all);
    cr_expect_float_eq(chances, per_round, 1e-6, "%s: chances sum to %.9f", member->name, chances);
    cr_expect(fabs(square - freedom) <= 5.0 * sqrt(2.0 * freedom), "%s %s: %g for %g", member->name,
              yaml, square, freedom);
    if (!s.selector->leaves_out) {
        const double error = sqrt(fmax(0.0, variance - mean * mean) / (double)n_rounds);
        cr_expect(fabs(mean - all) <= 4.0 * error + 1e-9 * all, "%s %s: %g +- %g, not %g",
                  member->name, yaml, mean, error, all);
    }
    close_sampler(&s);
}

Test(selector, counts_follow_the_chances_and_weights_by_them_are_unbiased)
{
    int64_t size[MOST];
    zipf(size, 200, 3000.0, 1.5);
    EACH_MEMBER(m)
    {
        if (((const co_selector *)*m)->chance) check_counts(*m, "{}", 20.0, size, 200, 20000);
    }
    const co_plugin *weighted = co_plugin_find(&co_kind_selector, "weighted");
    check_counts(weighted, "{gamma: 0.5}", 20.0, size, 200, 20000);
    check_counts(weighted, "{gamma: 2}", 3.0, size, 200, 20000);
    check_counts(weighted, "{n_max: 30}", 20.0, size, 200, 20000);
    check_counts(co_plugin_find(&co_kind_selector, "mixture"), "{uniform_share: 0.1, gamma: 1.5}",
                 20.0, size, 200, 20000);
}

/* The number in an environment variable of the campaign, or the quick test's. */
static int64_t amount(const char *name, int64_t standard)
{
    const char *text = getenv(name);
    return text ? atoll(text) : standard;
}

Test(selector, counts_of_a_thousand_devices, .timeout = 3600)
{
    const int64_t n_rounds = amount("SELECTOR_ROUNDS", 3000);
    int64_t size[MOST];
    zipf(size, MOST, 10000.0, 1.0);
    EACH_MEMBER(m)
    {
        if (((const co_selector *)*m)->chance) check_counts(*m, "{}", 50.0, size, MOST, n_rounds);
    }
}

Test(selector, time_of_a_selection, .timeout = 600)
{
    enum { ROUNDS = 20 };
    const int64_t n = amount("SELECTOR_DEVICES", 100000);
    int64_t *size = co_malloc((size_t)n, sizeof *size);
    cr_assert(size);
    for (int64_t k = 0; k < n; k++) size[k] = 1 + (k * 7919) % 1000 + (k % 1000 == 0 ? 5000 : 0);
    EACH_MEMBER(m)
    {
        struct timespec t[3];
        clock_gettime(CLOCK_MONOTONIC, &t[0]);
        sampler s = open_sampler(*m, "{}", n, 1000.0, size);
        clock_gettime(CLOCK_MONOTONIC, &t[1]);
        for (int64_t round = 1; round <= ROUNDS; round++) cr_expect(draw(&s, round) > 0);
        clock_gettime(CLOCK_MONOTONIC, &t[2]);
        double ms[2];
        for (int k = 0; k < 2; k++)
            ms[k] = 1e3 * (double)(t[k + 1].tv_sec - t[k].tv_sec) +
                    1e-6 * (double)(t[k + 1].tv_nsec - t[k].tv_nsec);
        fprintf(stderr, "%-10s %lld devices: %.3f ms a selection of 1000, %.0f ms to look at all\n",
                (*m)->name, (long long)n, ms[1] / ROUNDS, ms[0]);
        cr_expect(s.selector->looks_at_all || ms[1] / ROUNDS < 20.0, "%s", (*m)->name);
        close_sampler(&s);
    }
    co_free(size);
}

/* pi_k = min(1, m p_k), those above 1 taken out, the rest shared anew, until none is above 1. */
static void cap(const double *p, int n, int m, double *pi)
{
    bool is_capped[MOST] = {0};
    for (bool again = true; again;) {
        double rest = 0.0;
        int left = m;
        again = false;
        for (int k = 0; k < n; k++) {
            if (is_capped[k])
                left--;
            else
                rest += p[k];
        }
        for (int k = 0; k < n; k++) {
            pi[k] = is_capped[k] ? 1.0 : left * p[k] / rest;
            if (pi[k] <= 1.0) continue;
            again = is_capped[k] = true;
        }
    }
}

Test(selector, chances_are_those_of_repeated_capping)
{
    static const double gammas[] = {0.0, 0.5, 1.0, 1.7}, shares[] = {0.0, 0.3, 1.0};
    int64_t size[MOST];
    double p[MOST], pi[MOST];
    zipf(size, 300, 1e5, 1.3);
    for (int n_max = 0; n_max <= 500; n_max += 500)
        for (int g = 0; g < 4; g++)
            for (int u = 0; u < 3; u++) {
                char yaml[128];
                const char *name = shares[u] > 0.0 ? "mixture" : "weighted";
                int n = snprintf(yaml, sizeof yaml, "{gamma: %g", gammas[g]);
                if (shares[u] > 0.0)
                    n += snprintf(yaml + n, sizeof yaml - (size_t)n, ", uniform_share: %g",
                                  shares[u]);
                if (n_max) n += snprintf(yaml + n, sizeof yaml - (size_t)n, ", n_max: %d", n_max);
                snprintf(yaml + n, sizeof yaml - (size_t)n, "}");
                double sum = 0.0;
                for (int k = 0; k < 300; k++)
                    sum += p[k] =
                        pow(n_max && size[k] > n_max ? n_max : (double)size[k], gammas[g]);
                for (int k = 0; k < 300; k++)
                    p[k] = (1.0 - shares[u]) * p[k] / sum + shares[u] / 300;
                cap(p, 300, 25, pi);
                sampler s =
                    open_sampler(co_plugin_find(&co_kind_selector, name), yaml, 300, 25.0, size);
                for (int k = 0; k < 300; k++)
                    cr_expect(fabs(chance(&s, k) - pi[k]) < 1e-12, "%s %s, device %d: %g, not %g",
                              name, yaml, k, chance(&s, k), pi[k]);
                close_sampler(&s);
            }
}

Test(selector, devices_without_examples_are_asked_by_chance_alone_and_never_for_their_data)
{
    int64_t size[100] = {0};
    size[7] = 3, size[50] = 1, size[99] = 1000000000000;
    EACH_MEMBER(m)
    {
        const co_selector *selector = (const co_selector *)*m;
        if (!selector->looks_at_all || strcmp((*m)->name, "mixture") == 0 ||
            strcmp((*m)->name, "oort") == 0)
            continue;
        sampler s = open_sampler(*m, "{}", 100, 10.0, size);
        cr_expect_eq(draw(&s, 1), 3, "%s", (*m)->name);
        cr_expect(s.devices[0] == 7 && s.devices[1] == 50 && s.devices[2] == 99, "%s", (*m)->name);
        memset(size, 0, sizeof size); /* everything deleted */
        selector->look(s.self, &s.in);
        cr_expect_eq(draw(&s, 2), 0, "%s", (*m)->name);
        size[7] = 3, size[50] = 1, size[99] = 1000000000000;
        close_sampler(&s);
    }
}

Test(selector, activity_is_what_it_was_at_the_last_look)
{
    int64_t size[MOST];
    EACH_MEMBER(m)
    {
        if (!((const co_selector *)*m)->look || !((const co_selector *)*m)->chance) continue;
        for (int k = 0; k < 50; k++) size[k] = 1;
        size[3] = 1000000;
        sampler s = open_sampler(*m, "{}", 50, 2.0, size);
        cr_expect(chance(&s, 3) > 0.5 && chance(&s, 4) < 0.5, "%s", (*m)->name);
        size[3] = 1, size[4] = 1000000;
        s.selector->look(s.self, &s.in);
        cr_expect(chance(&s, 3) < 0.5 && chance(&s, 4) > 0.5, "%s", (*m)->name);
        close_sampler(&s);
    }
}

Test(selector, top_m_takes_the_largest_and_draws_among_those_level_with_the_last)
{
    int64_t size[10] = {5, 9, 5, 1, 5, 7, 0, 5, 2, 9}, count[10] = {0};
    sampler s = open_sampler(co_plugin_find(&co_kind_selector, "top_m"), "{}", 10, 5.0, size);
    for (int64_t round = 1; round <= 6000; round++) {
        cr_expect_eq(draw(&s, round), 5);
        for (int i = 0; i < 5; i++) count[s.devices[i]]++;
    }
    for (int k = 0; k < 10; k++) {
        const double want = size[k] > 5 ? 6000.0 : size[k] == 5 ? 3000.0 : 0.0;
        cr_expect(fabs((double)count[k] - want) < (size[k] == 5 ? 200.0 : 0.5), "device %d: %lld",
                  k, (long long)count[k]);
    }
    close_sampler(&s);
}

Test(selector, all_devices_when_all_are_asked)
{
    EACH_MEMBER(m)
    {
        int64_t size[17];
        for (int k = 0; k < 17; k++) size[k] = 1 + k * k;
        sampler s = open_sampler(*m, "{}", 17, 17.0, size);
        cr_expect_eq(draw(&s, 1), 17, "%s", (*m)->name);
        for (int64_t d = 0; d < 17; d++)
            cr_expect(s.devices[d] == d && (!s.selector->chance || chance(&s, d) == 1.0), "%s",
                      (*m)->name);
        close_sampler(&s);
    }
}

Test(selector, small_expected_numbers_leave_rounds_empty_and_large_populations_cost_nothing)
{
    EACH_MEMBER(m)
    {
        if (!((const co_selector *)*m)->any_real) continue;
        sampler s = open_sampler(*m, "{}", INT64_C(1000000000000), 0.5, NULL);
        int n_empty = 0;
        for (int64_t round = 1; round <= 4000; round++) n_empty += draw(&s, round) == 0;
        cr_expect(fabs(n_empty - 4000 * exp(-0.5)) < 5.0 * sqrt(4000 * 0.24),
                  "%d empty rounds of 4000", n_empty);
        close_sampler(&s);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(selector, options_say_what_they_are_and_the_cost_is_told)
{
    EACH_MEMBER(m)
    {
        const co_selector *selector = (const co_selector *)*m;
        test_option_texts(*m, NULL);
        cr_expect(
            !selector->create == !selector->destroy && !selector->looks_at_all == !selector->look &&
            !selector->select != !selector->draw && !selector->survey == !selector->most_surveyed &&
            (!selector->hear || selector->sampling == CO_SAMPLING_NONE));
        cr_expect(
            strstr((*m)->summary, selector->looks_at_all ? "looks at every device" : "O(cohort)"),
            "%s", (*m)->name);
    }
}
