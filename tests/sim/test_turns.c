/* How many rounds a device takes part in, at most but for a share: against sums of the binomial law
 * in long double, and against rounds that were drawn. */
#include "core/random.h"
#include "sim/devices/turns.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <math.h>

static long double beyond(int64_t n, double rate, int64_t k)
{
    long double sum = 0.0L;
    for (int64_t j = k + 1; j <= n; j++)
        sum += expl(lgammal((long double)n + 1) - lgammal((long double)j + 1) -
                    lgammal((long double)(n - j) + 1) + (long double)j * logl(rate) +
                    (long double)(n - j) * log1pl(-rate));
    return sum;
}

Test(turns, quantile_is_the_least_number_that_at_most_the_share_exceed)
{
    const int64_t sizes[] = {1, 2, 20, 137, 1000};
    const double rates[] = {1e-6, 0.004, 0.1, 0.5, 0.97}, shares[] = {0.01, 0.2, 1e-6};
    for (int k = 0; k < 75; k++) {
        const int64_t n = sizes[k % 5];
        const double rate = rates[k / 5 % 5], share = shares[k / 25];
        double told;
        const int64_t most = co_turns_quantile(n, rate, share, &told);
        cr_assert(most >= 0 && most <= n);
        cr_expect(fabsl(beyond(n, rate, most) - told) <= 1e-9L * (told + 1e-9),
                  "n %lld rate %g: %g", (long long)n, rate, told);
        cr_expect(told <= share);
        cr_expect(most == 0 || beyond(n, rate, most - 1) > share, "n %lld rate %g share %g: %lld",
                  (long long)n, rate, share, (long long)most);
    }
    double told = 1.0;
    cr_expect(co_turns_quantile(20, 1.0, 0.01, &told) == 20 && told == 0.0);
    cr_expect_eq(co_turns_quantile(1000000000, 0.25, 0.01, &told), 250031855);
}

Test(turns, all_but_one_in_a_hundred_devices_are_asked_no_more_often)
{
    enum { DEVICES = 20000, ROUNDS = 40, ASKED = 1000 };
    static int64_t asked[DEVICES], scratch[3 * DEVICES], device[ASKED];
    double told, more = 0.0;
    for (uint64_t r = 0; r < ROUNDS; r++) {
        co_stream s = co_stream_open(5, CO_DRAW_TEST, r, 0, 0);
        co_draw_subset(&s, DEVICES, ASKED, device, scratch);
        for (int i = 0; i < ASKED; i++) asked[device[i]]++;
    }
    const int64_t most = co_turns_quantile(ROUNDS, (double)ASKED / DEVICES, 0.01, &told);
    for (int k = 0; k < DEVICES; k++) more += asked[k] > most;
    cr_expect(told > 0.001 && fabs(more - DEVICES * told) < 4.0 * sqrt(DEVICES * told),
              "%g, not %g", more, DEVICES * told);
}
