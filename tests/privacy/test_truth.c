/* Every accountant against numbers of a program that shares nothing with it
 * (tests/reference/accountants.py), over noise 0.05 to 100, rates 1e-9 to 1, 1 to 1e9 rounds, delta
 * 1e-12 to 0.1; and that no setting is left without an answer. */
#include "core/random.h"
#include "tests/harness.h"
#include "tests/privacy/account_support.h"
#include <stdlib.h>

#define REFERENCE_ERROR 5e-4 /* of the file: see its script */
#ifdef __SANITIZE_ADDRESS__
enum {
    EVERY = 4,
    SETTINGS = 40
}; /* the numbers are judged without the sanitizers, which make each question four times as long */
#else
enum { EVERY = 1, SETTINGS = 150 };
#endif

static co_event event_named(const char *noise, const char *sampling, double z, double rate)
{
    co_event e = {.noise_multiplier = z, .rate = rate};
    while (strcmp(co_noise_text(e.noise), noise) != 0) e.noise++;
    while (strcmp(co_sampling_text(e.sampling), sampling) != 0) e.sampling++;
    return e;
}

/* The bracket holds the truth, and its upper end is within 1 %. Fixed-size sampling: the truth is
 * that of the pair that bounds it. */
static void check_line(const char *noise, const char *sampling, double z, double rate,
                       int64_t rounds, double delta, double truth)
{
    const co_event e = event_named(noise, sampling, z, rate);
    const co_guarantee g = ask_event("pld", (co_accounting){.lower = true}, e, rounds, delta);
    const double quick = ask_event("pld", (co_accounting){.quick = true}, e, rounds, delta).epsilon;
    const double slack = REFERENCE_ERROR * truth + 1e-12, moments = rdp(e, rounds, delta);
    cr_expect(g.epsilon >= truth - slack && g.epsilon <= 1.01 * truth + 1e-6,
              "%s %s z %g q %g T %lld delta %g: %.9g, truth %.9g", noise, sampling, z, rate,
              (long long)rounds, delta, g.epsilon, truth);
    cr_expect(g.epsilon_lower <= truth + slack && g.epsilon_lower <= g.epsilon,
              "%s %s z %g q %g T %lld delta %g: at least %.9g, truth %.9g", noise, sampling, z,
              rate, (long long)rounds, delta, g.epsilon_lower, truth);
    cr_expect(g.epsilon <= moments, "pld %.17g above rdp %.17g", g.epsilon, moments);
    cr_expect(quick >= truth - slack && quick <= 1.1 * truth + 1e-6,
              "%s %s z %g q %g T %lld delta %g: quick %.9g, truth %.9g", noise, sampling, z, rate,
              (long long)rounds, delta, quick, truth);
}

Test(truth, brackets_hold_it_and_are_within_a_hundredth)
{
    char noise[32], sampling[32];
    double z, rate, delta, truth;
    long long rounds;
    int n = 0;
    char standard[4096];
    const char *root = getenv("SOURCE"),
               *path =
                   getenv("COHORT_TRUTHS"); /* the latter: tests/campaign/accountants_random.sh */
    snprintf(standard, sizeof standard, "%s/tests/reference/accountants.txt", root ? root : "..");
    FILE *file = fopen(path ? path : standard, "r");
    cr_assert(file != NULL, "%s", path ? path : standard);
    for (; fscanf(file, "%31s %31s %lf %lf %lld %lf %lf", noise, sampling, &z, &rate, &rounds,
                  &delta, &truth) == 7;
         n++)
        if (n % EVERY == 0) check_line(noise, sampling, z, rate, (int64_t)rounds, delta, truth);
    fclose(file);
    cr_expect(n >= (path ? 1 : 60), "%d settings", n);
    cr_expect_eq(co_memory_blocks(), 0);
}

static double log_uniform(co_stream *s, double lo, double hi)
{
    return exp(log(lo) + (log(hi) - log(lo)) * co_draw_uniform(s));
}

/* No failure, no bracket that contradicts itself, never above rdp; more rounds cost no less, to
 * rounding. */
Test(truth, no_setting_is_without_an_answer)
{
    co_stream s = co_stream_open(3, CO_DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < SETTINGS; i++) {
        const co_event e = {.noise = (co_noise)(i % CO_N_NOISES),
                            .sampling = (co_sampling)(i / 3 % CO_N_SAMPLINGS),
                            .noise_multiplier = log_uniform(&s, 0.02, 200.0),
                            .rate = log_uniform(&s, 1e-10, 1.0)};
        const int64_t rounds = (int64_t)log_uniform(&s, 1.0, 1e9);
        const double delta = log_uniform(&s, 1e-13, 0.2);
        const co_guarantee g = ask_event("pld", (co_accounting){.lower = true}, e, rounds, delta);
        const double more = pld(e, 2 * rounds, delta), moments = rdp(e, rounds, delta);
        cr_expect(isfinite(g.epsilon) && g.epsilon_lower <= g.epsilon && g.epsilon <= moments &&
                      more >= g.epsilon * (1.0 - 5e-3),
                  "%d: z %g q %g T %lld delta %g: [%g, %g], rdp %g, twice the rounds %g", i,
                  e.noise_multiplier, e.rate, (long long)rounds, delta, g.epsilon_lower, g.epsilon,
                  moments, more);
        cr_expect(strcmp(g.bound, g.epsilon < moments ? "pld" : "rdp") == 0 || g.epsilon == moments,
                  "%s", g.bound);
    }
}
