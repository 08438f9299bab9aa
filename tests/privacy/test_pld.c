/* Privacy loss distributions against closed forms and direct sums. */
#include "tests/harness.h"
#include "privacy/accountants/discrete_gaussian.h"
#include "privacy/accountants/pld_law.h"
#include "tests/privacy/account_support.h"

/* delta of one Poisson-sampled Gaussian by a Riemann sum over the outputs, both directions. */
static double sampled_delta(double q, double z, double epsilon)
{
    double remove = 0.0, add = 0.0;
    const double step = 1e-4 * z;
    for (double x = -12.0 * z; x < 1.0 + 12.0 * z; x += step) {
        const double without = exp(-x * x / (2 * z * z)),
                     with = exp(-(x - 1) * (x - 1) / (2 * z * z));
        const double mixed = (1 - q) * without + q * with,
                     scale = step / (z * sqrt(2 * acos(-1.0)));
        remove += scale * fmax(0.0, mixed - exp(epsilon) * without);
        add += scale * fmax(0.0, without - exp(epsilon) * mixed);
    }
    return fmax(remove, add);
}

Test(pld, one_sampled_round_equals_its_integral)
{
    static const double epsilons[] = {0.0, 0.01, 0.3, 1.0};
    for (int i = 0; i < 4; i++) {
        const double want = sampled_delta(0.2, 1.1, epsilons[i]);
        const double got = delta_at("pld", poisson(0.2, 1.1), 1, epsilons[i]);
        cr_expect(got >= want - 1e-9 && got <= want * 1.0001 + 1e-9, "epsilon %g: %.10g, not %.10g",
                  epsilons[i], got, want);
    }
}

/* Without sampling, n binary-like releases: laplace with tiny scale has losses +-1/b almost alone;
 * the exact sum over the binomial of the two atoms is a lower bound of delta and nearly it. */
Test(pld, composed_discrete_gaussian_equals_a_direct_convolution)
{
    enum { HALF = 60, WIDE = 4 * HALF + 1 };
    const double z = 2.0;
    co_discrete_gaussian x;
    double pair[WIDE] = {0}, mass[2 * HALF + 1];
    cr_assert_eq(co_discrete_gaussian_init(&x, z), CO_OK);
    for (int n = -HALF; n <= HALF; n++)
        mass[n + HALF] =
            n > 0 ? co_discrete_gaussian_upper(&x, n) - co_discrete_gaussian_upper(&x, n + 1)
                  : co_discrete_gaussian_upper(&x, -n) - co_discrete_gaussian_upper(&x, 1 - n);
    for (int i = 0; i <= 2 * HALF; i++)
        for (int j = 0; j <= 2 * HALF; j++)
            pair[i + j] += mass[i] * mass[j]; /* x1 + x2, each centred at 0 */
    for (double epsilon = 0.1; epsilon < 3.0; epsilon += 0.37) {
        double want =
            0.0; /* under P both are shifted by 1; the loss is (2 (x1 + x2) - 2) / (2 z^2) */
        for (int s = 0; s < WIDE; s++) {
            const double loss = (2.0 * (s - 2 * HALF + 2) - 2.0) / (2.0 * z * z);
            if (loss > epsilon) want += pair[s] * -expm1(epsilon - loss);
        }
        const double got = delta_at("pld", plain(CO_NOISE_DISCRETE_GAUSSIAN, z), 2, epsilon);
        cr_expect(fabs(got - want) < 1e-7 * want, "epsilon %g: %.12g, not %.12g", epsilon, got,
                  want);
    }
    co_discrete_gaussian_fini(&x);
}

Test(pld, certified_lower_bounds_reach_from_tiny_to_huge_budgets)
{
    const co_guarantee g =
        ask_event("pld", (co_accounting){.lower = true}, poisson(1e-5, 1.0), 1000, 1e-9);
    cr_expect(g.epsilon_lower <= g.epsilon && g.epsilon < 0.1, "[%g, %g]", g.epsilon_lower,
              g.epsilon);
    const co_guarantee h =
        ask_event("pld", (co_accounting){.lower = true}, poisson(0.5, 0.4), 500, 1e-9);
    cr_expect(h.epsilon_lower > 100.0 && h.epsilon_lower <= h.epsilon &&
                  h.epsilon < 1.01 * h.epsilon_lower,
              "[%g, %g]", h.epsilon_lower, h.epsilon);
}

Test(pld, masses_above_and_below_sum_to_one)
{
    const co_event e = poisson(0.03, 0.9);
    co_loss_law law;
    co_loss_cells cells;
    cr_assert_eq(co_loss_law_init(&law, &e, false), CO_OK);
    cr_assert_eq(co_loss_cells_init(&cells, &law, 1e-3, 1e-20, -INFINITY, INFINITY), CO_OK);
    for (int direction = 0; direction < CO_N_DIRECTIONS; direction++)
        for (int lower = 0; lower < 2; lower++) {
            co_loss_pmf pmf;
            double p = 0.0, q = 0.0;
            cr_assert_eq(co_loss_pmf_init(&pmf, &cells, (co_direction)direction, lower), CO_OK);
            for (size_t i = 0; i < pmf.n; i++) {
                p += pmf.mass[i];
                q += pmf.mass[i] * exp(-(double)(pmf.first + (int64_t)i) * 1e-3);
            }
            if (!(lower && direction == CO_BOTH))
                cr_expect_float_eq(p + pmf.infinite, 1.0, 1e-12, "%d %d: %g", direction, lower, p);
            if (!lower)
                cr_expect(q <= 1.0 + 1e-12, "above: the other side has no more than 1, here %.15g",
                          q);
            if (lower && direction != CO_BOTH)
                cr_expect(q >= 1.0 - 1e-12, "below: no less than 1, here %.15g", q);
            co_loss_pmf_fini(&pmf);
        }
    co_loss_cells_fini(&cells);
    co_loss_law_fini(&law);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(pld, bounds_come_in_time)
{
    const co_event events[] = {poisson(0.01, 1.0), poisson(0.001, 1.5), poisson(0.05, 3.0),
                               fixed(0.01, 2.0)};
    for (int i = 0; i < 4; i++) {
        double upper = INFINITY, pair = INFINITY, quick = INFINITY;
        for (int k = 0; k < 3; k++) {
            double start = now_ms();
            pld(events[i], 1000, 1e-6);
            upper = fmin(upper, now_ms() - start), start = now_ms();
            ask_event("pld", (co_accounting){.lower = true}, events[i], 50000, 1e-6);
            pair = fmin(pair, now_ms() - start), start = now_ms();
            ask_event("pld", (co_accounting){.quick = true}, events[i], 1000, 1e-6);
            quick = fmin(quick, now_ms() - start);
        }
        printf("pld, event %d: upper at 1,000 %.1f ms (quick %.1f), pair at 50,000 %.1f ms\n", i,
               upper, quick, pair);
#if !defined(__SANITIZE_ADDRESS__) && defined(__OPTIMIZE__)
        cr_expect(upper < 50.0, "%.1f ms", upper);
        cr_expect(pair < 500.0, "%.1f ms", pair);
#endif
    }
}
