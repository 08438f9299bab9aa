/* Renyi divergences against sums and integrals that share no code with them. */
#include "tests/harness.h"
#include "privacy/accountants/rdp_event.h"
#include "tests/privacy/account_support.h"

static double moment_of(co_event e, double order)
{
    co_rdp_event event;
    cr_assert_eq(co_rdp_event_init(&event, &e), CO_OK);
    const double moment = co_rdp_event_moment(&event, order - 1.0);
    co_rdp_event_fini(&event);
    return moment;
}

/* log sum_k C(a, k) (1-q)^(a-k) q^k e^(k(k-1)/(2 z^2)), Mironov, Talwar and Zhang 2019,
 * Section 3.3, in long double. */
static double binomial_sum(double q, double z, int a)
{
    long double most = -INFINITY, sum = 0.0L, term[4096];
    for (int k = 0; k <= a; k++) {
        term[k] = lgammal(a + 1.0L) - lgammal(k + 1.0L) - lgammal(a - k + 1.0L) +
                  (a - k) * log1pl(-(long double)q) + k * logl(q) +
                  (long double)k * (k - 1) / (2.0L * z * z);
        if (term[k] > most) most = term[k];
    }
    for (int k = 0; k <= a; k++) sum += expl(term[k] - most);
    return (double)(most + logl(sum));
}

Test(rdp, integer_orders_equal_the_binomial_sum)
{
    static const double rates[] = {1e-4, 0.01, 0.3, 0.9}, noises[] = {0.3, 0.8, 2.0, 20.0};
    static const int orders[] = {2, 3, 7, 32, 200};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            for (int k = 0; k < 5; k++) {
                const double want = binomial_sum(rates[i], noises[j], orders[k]);
                const double got = moment_of(poisson(rates[i], noises[j]), orders[k]);
                cr_expect(fabs(got - want) <= 1e-9 * want + 1e-15,
                          "q %g z %g order %d: %.15g, not %.15g", rates[i], noises[j], orders[k],
                          got, want);
            }
}

Test(rdp, moments_are_convex_in_the_order)
{
    for (double order = 1.1; order < 60.0; order *= 1.1) {
        const co_event e = poisson(0.02, 0.9);
        const double a = moment_of(e, order), b = moment_of(e, 1.05 * order),
                     c = moment_of(e, 1.1 * order);
        cr_expect(2.0 * b <= (a + c) * (1.0 + 1e-9), "order %g", order);
    }
}

Test(rdp, discrete_noise_equals_continuous_noise_at_integer_orders)
{
    co_event e = poisson(0.05, 1.4);
    for (int order = 2; order < 100; order += 7) {
        e.noise = CO_NOISE_GAUSSIAN;
        const double continuous = moment_of(e, order);
        e.noise = CO_NOISE_DISCRETE_GAUSSIAN;
        cr_expect_float_eq(moment_of(e, order), continuous, 1e-12 * continuous);
        cr_expect(moment_of(e, order + 0.5) > moment_of(e, order));
    }
}

/* Midpoint rule over x in [-1, 2] blocks of the laplace law, far more points than the members use.
 */
Test(rdp, sampled_laplace_equals_a_fine_midpoint_sum)
{
    const double b = 0.8, q = 0.03, order = 4.3;
    double sum = 0.5 * pow(1.0 + q * expm1(-1.0 / b), order) +
                 0.5 * exp(-1.0 / b) * pow(1.0 + q * expm1(1.0 / b), order);
    const int n = 200000;
    for (int i = 0; i < n; i++) {
        const double x = (i + 0.5) / n;
        sum += exp(-x / b) / (2.0 * b) * pow(1.0 + q * expm1((2.0 * x - 1.0) / b), order) / n;
    }
    co_event e = poisson(q, b);
    e.noise = CO_NOISE_LAPLACE;
    cr_expect_float_eq(moment_of(e, order), log(sum), 1e-9 * log(sum));
}

Test(rdp, tiny_rates_keep_their_digits)
{
    /* K -> a (a - 1) / 2 q^2 (e^(1/z^2) - 1) for q -> 0 */
    const double q = 1e-9, want = 0.5 * 3.5 * 2.5 * q * q * expm1(1.0);
    cr_expect_float_eq(moment_of(poisson(q, 1.0), 3.5), want, 1e-6 * want);
}

Test(rdp, answers_come_within_5_ms)
{
    const co_event events[] = {poisson(0.01, 1.0), fixed(0.01, 2.0), plain(CO_NOISE_LAPLACE, 3.0),
                               poisson(1e-4, 0.4)};
    for (int i = 0; i < 4; i++) {
        double least = INFINITY;
        for (int k = 0; k < 3; k++) {
            const double start = now_ms();
            rdp(events[i], 10000, 1e-6);
            least = fmin(least, now_ms() - start);
        }
        printf("rdp, event %d: %.2f ms\n", i, least);
#if !defined(__SANITIZE_ADDRESS__) && defined(__OPTIMIZE__)
        cr_expect(least < 5.0, "%.2f ms", least);
#endif
    }
}

/* A table is kept between two questions about one event; another event gets its own. */
Test(rdp, events_in_turn_keep_their_own_moments)
{
    co_event other[4] = {fixed(0.2, 1.0), fixed(0.1, 2.0), poisson(0.1, 1.0), fixed(0.1, 1.0)};
    const co_event event = fixed(0.1, 1.0);
    other[2].noise = CO_NOISE_DISCRETE_GAUSSIAN;
    other[3].noise = CO_NOISE_LAPLACE;
    const double first = moment_of(event, 8.0);
    for (int i = 0; i < 4; i++) {
        const double between = moment_of(other[i], 8.0);
        cr_expect(fabs(between - first) > 1e-3 * first, "event %d is told as the first one", i);
        cr_expect_eq(moment_of(event, 8.0), first, "behind event %d", i);
        cr_expect_eq(moment_of(other[i], 8.0), between, "event %d", i);
    }
}
