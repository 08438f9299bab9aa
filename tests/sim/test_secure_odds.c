/* Tails of a binomial law against a sum of all terms, exact in its small cases. */
#include "sim/planners/secure.h"
#include <criterion/criterion.h>
#include <math.h>

/* Term by term from nothing hit, in long double. */
static double plainly(int n, double rate, int k)
{
    long double p = 1.0L, sum = 0.0L;
    for (int i = 0; i < n; i++) p *= 1.0L - (long double)rate;
    for (int i = 0; i < k; i++) {
        sum += p;
        p *= (long double)(n - i) * (long double)rate / ((i + 1) * (1.0L - (long double)rate));
    }
    return (double)sum;
}

Test(secure_odds, are_sums_of_all_terms)
{
    static const double rate[] = {0.001, 0.2, 0.5, 0.93};
    for (int n = 1; n < 400; n += 7)
        for (size_t r = 0; r < 4; r++)
            for (int k = 1; k <= n; k += 1 + n / 9) {
                const double want = plainly(n, rate[r], k);
                if (want < 1e-290) continue; /* less than a double holds in full */
                cr_assert(fabs(co_binomial_below(n, rate[r], k) / want - 1.0) < 1e-10,
                          "n %d rate %g k %d: %g, not %g", n, rate[r], k,
                          co_binomial_below(n, rate[r], k), want);
            }
}

Test(secure_odds, ends_of_the_range)
{
    cr_expect_eq(co_binomial_below(10.0, 0.3, 0.0), 0.0);
    cr_expect_eq(co_binomial_below(10.0, 0.3, 11.0), 1.0);
    cr_expect_eq(co_binomial_below(10.0, 1.0, 10.0), 0.0);
    cr_expect_eq(co_binomial_below(10.0, 0.0, 1.0), 1.0);
    cr_expect_float_eq(co_binomial_below(1e6, 1e-3, 1001.0), 0.508409368, 1e-8);
}
