/* Bounds that are printed stay bounds: rounded up for an upper one, down for a lower one, by less than a unit of the last digit. */
#include "core/random.h"
#include "report/print.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <math.h>

Test(print, rounded_bounds_stay_bounds)
{
    co_stream s = co_stream_open(1, CO_DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < 20000; i++) {
        const double x = exp(20.0 * co_draw_normal(&s));
        for (int digits = 1; digits <= 7; digits++) {
            const double up = co_round_digits(x, digits, true), down = co_round_digits(x, digits, false);
            cr_expect(down <= x && x <= up, "%.17g to %d digits: %.17g and %.17g", x, digits, down, up);
            cr_expect(up - down <= 1.000001 * pow(10.0, floor(log10(x)) - digits + 1), "%.17g, %d digits", x, digits);
        }
    }
}

Test(print, what_has_few_digits_is_kept)
{
    static const double kept[] = {0.0, 1.0, 2.0, 0.5, 0.1, 1e-5, 123.0, 1e300};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        cr_expect_eq(co_round_digits(kept[i], 5, true), kept[i]);
        cr_expect_eq(co_round_digits(kept[i], 5, false), kept[i]);
    }
    cr_expect(isinf(co_round_digits(INFINITY, 5, true)));
}
