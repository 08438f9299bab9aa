/* What training costs one example of a device: the steps of a schedule against dp_accounting
 * (tests/reference/examples.py: 24 schedules with decay, several devices and rates), the noise and
 * the number of steps for a target. */
#include "privacy/accountants/example.h"
#include "tests/harness.h"
#include "tests/privacy/account_support.h"
#include <stdlib.h>

static const co_accounting quick = {.quick = true};

static double cost(const co_example_schedule *s, const char *by, double delta, int64_t events)
{
    co_guarantee g;
    cr_assert_eq(co_example_epsilon(s, co_accountant_find(by), &quick, delta, events, &g), CO_OK,
                 "%s", co_status_message());
    return g.epsilon;
}

static co_example_schedule schedule_of(const char *sampling, int64_t n, int64_t batch, double z,
                                       double decay)
{
    const bool is_shuffled = strcmp(sampling, "shuffle") == 0;
    return (co_example_schedule){.is_shuffled = is_shuffled,
                                 .n = n,
                                 .batch = batch,
                                 .multiplier = z,
                                 .decay = decay,
                                 .unit = is_shuffled ? 0.5 : 1.0};
}

/* PLD: both are upper bounds of the same number, ours on a coarser grid. RDP: dp_accounting knows
 * whole and some other orders alone, so that it may be looser, never tighter. */
Test(example, epsilon_is_that_of_dp_accounting_for_schedules_with_decay)
{
    char sampling[32], standard[4096];
    long long n, batch, events;
    double z, decay, delta, pld, rdp;
    int count = 0;
    const char *root = getenv("SOURCE"),
               *path = getenv("COHORT_EXAMPLES"); /* tests/campaign/example_epsilon.sh */
    snprintf(standard, sizeof standard, "%s/tests/reference/examples.txt", root ? root : "..");
    FILE *file = fopen(path ? path : standard, "r");
    cr_assert(file != NULL, "%s", path ? path : standard);
    for (; fscanf(file, "%31s %lld %lld %lf %lf %lld %lf %lf %lf", sampling, &n, &batch, &z, &decay,
                  &events, &delta, &pld, &rdp) == 9;
         count++) {
        const co_example_schedule s = schedule_of(sampling, n, batch, z, decay);
        const double by_pld = cost(&s, "pld", delta, events),
                     by_rdp = cost(&s, "rdp", delta, events);
        cr_expect(fabs(by_pld - pld) <= 0.005 * pld, "%s n %lld batch %lld: pld %.9g, theirs %.9g",
                  sampling, n, batch, by_pld, pld);
        cr_expect(by_rdp <= rdp * (1.0 + 1e-6) && by_rdp >= 0.93 * rdp,
                  "%s n %lld batch %lld: rdp %.9g, theirs %.9g", sampling, n, batch, by_rdp, rdp);
        cr_expect(by_pld <= by_rdp);
    }
    fclose(file);
    cr_expect(count >= 20, "%d schedules", count);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(example, noise_for_a_target_is_never_above_it_and_hardly_below)
{
    static const char *const by[] = {"pld", "rdp"}, *const sampling[] = {"poisson", "shuffle"};
    for (int k = 0; k < 24; k++) {
        const double target = (double[]){0.5, 2.0, 8.0}[k % 3], decay = k & 4 ? 0.9 : 1.0;
        const int64_t n = k & 8 ? 47 : 1000, events = 13 + k;
        co_example_schedule s = schedule_of(sampling[k / 3 % 2], n, 16, -1.0, decay);
        const co_accountant *a = co_accountant_find(by[k & 1]);
        cr_assert_eq(co_example_find_noise(&s, a, &quick, target, 1e-5, events), CO_OK, "%s",
                     co_status_message());
        const double reached = cost(&s, by[k & 1], 1e-5, events);
        cr_expect(reached <= target && reached > 0.999 * target, "target %g: %.17g", target,
                  reached);
        int64_t most;
        cr_assert_eq(co_example_most(&s, a, &quick, target, 1e-5, events, (int64_t)1 << 40, &most),
                     CO_OK);
        cr_expect(most >= events, "%lld events of %lld", (long long)most, (long long)events);
        cr_expect(cost(&s, by[k & 1], 1e-5, most) <= target);
        cr_expect(cost(&s, by[k & 1], 1e-5, most + 1) > target);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

/* More steps, a larger batch, less noise, a faster decay, fewer examples: none costs less. Shuffled
 * batches are never told as a Poisson sample. */
Test(example, a_device_pays_for_what_it_does)
{
    const co_example_schedule s = schedule_of("poisson", 400, 20, 1.2, 0.95);
    const double epsilon = cost(&s, "pld", 1e-5, 60);
    co_example_schedule t = s;
    cr_expect(cost(&s, "pld", 1e-5, 61) > epsilon);
    t.batch = 25, t.decay = 1.0;
    cr_expect(cost(&t, "pld", 1e-5, 60) >
              cost(
                  &(co_example_schedule){
                      .n = 400, .batch = 20, .multiplier = 1.2, .decay = 1.0, .unit = 1.0},
                  "pld", 1e-5, 60));
    t = s, t.multiplier = 1.1;
    cr_expect(cost(&t, "pld", 1e-5, 60) > epsilon);
    t = s, t.decay = 0.9;
    cr_expect(cost(&t, "pld", 1e-5, 60) > epsilon);
    t = s, t.n = 300;
    cr_expect(cost(&t, "pld", 1e-5, 60) > epsilon);
    t = s, t.is_shuffled = true, t.unit = 0.5;
    cr_expect(cost(&t, "pld", 1e-5, co_example_events(&t, 60)) > epsilon);
    t = s, t.multiplier = 0.0;
    cr_expect(isinf(cost(&t, "pld", 1e-5, 1)));
    cr_expect_eq(cost(&s, "pld", 1e-5, 0), 0.0);
}

/* Noise on the sum with multiplier `gradient` and on halves with `count` is two releases of one
 * step: their account, by the composition of Gaussians, is that of one with z. */
Test(example, sum_and_count_cost_together_what_the_multiplier_says)
{
    const double given[] = {0.0, 0.7, 3.0, 50.0};
    for (int k = 0; k < 16; k++) {
        const double z = (double[]){0.9, 1.3, 1.0, 0.6}[k % 4];
        co_example_schedule s = schedule_of("shuffle", 70, 20, z, 0.8);
        const co_accountant *by = co_accountant_find(k & 4 ? "pld" : "rdp");
        co_ledger both = {0}, one = {0};
        for (int64_t e = 0; e < 5; e++) {
            const co_example_split split = co_example_split_noise(&s, given[k / 4], e);
            const double whole = co_example_noise(&s, e);
            cr_assert(split.gradient > whole && split.count > 0.5 * whole);
            cr_expect(fabs(split.count - pow(0.8, (double)e) *
                                             (given[k / 4] > 0.0 ? given[k / 4] : fmax(1.0, z))) <
                      1e-12 * split.count);
            const double of[] = {split.gradient, 2.0 * split.count, whole};
            for (int i = 0; i < 3; i++) {
                const co_event event = {.noise = CO_NOISE_GAUSSIAN,
                                        .sampling = CO_SAMPLING_NONE,
                                        .noise_multiplier = of[i],
                                        .rate = 1.0};
                cr_assert_eq(co_ledger_add(i < 2 ? &both : &one, &event, 1), CO_OK);
            }
        }
        co_guarantee a, b;
        cr_assert_eq(co_account_epsilon(by, &both, &quick, 1e-5, &a), CO_OK);
        cr_assert_eq(co_account_epsilon(by, &one, &quick, 1e-5, &b), CO_OK);
        cr_expect(fabs(a.epsilon - b.epsilon) < 2e-3 * b.epsilon, "%g, not %g", a.epsilon,
                  b.epsilon);
        co_ledger_fini(&both);
        co_ledger_fini(&one);
    }
    const co_example_schedule s = schedule_of("poisson", 70, 20, 2.0, 1.0);
    cr_expect(isnan(co_example_split_noise(&s, 1.0, 0).gradient), "the count alone costs as much");
    cr_expect_eq(co_memory_blocks(), 0);
}

/* Every fourth step begins an epoch of 20 of 70 examples; noise falls with the device's own. */
Test(example, noise_decays_with_the_epochs_of_the_device)
{
    const co_example_schedule s = schedule_of("poisson", 70, 20, 2.0, 0.5),
                              t = schedule_of("shuffle", 70, 20, 2.0, 0.5);
    cr_expect_eq(co_example_epoch(&s), 4);
    for (int64_t k = 0; k < 12; k++) {
        cr_expect_eq(co_example_noise(&s, k), 2.0 * pow(0.5, (double)(k / 4)));
        cr_expect_eq(co_example_noise(&t, k), 2.0 * pow(0.5, (double)k));
        cr_expect_eq(co_example_events(&s, k), k);
        cr_expect_eq(co_example_events(&t, k), (k + 3) / 4);
    }
}
