/* Student's t against tabulated quantiles and closed forms. */
#include "report/student.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <math.h>

Test(student, quantiles_are_those_of_the_tables)
{
    static const double table[][3] = {{0.05, 1, 12.70620474}, {0.05, 2, 4.30265273},
                                      {0.05, 4, 2.77644511},  {0.01, 9, 3.24983554},
                                      {0.10, 30, 1.69726089}, {0.05, 1e6, 1.95996636}};
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        const double t = co_student_quantile(table[k][0], table[k][1]);
        cr_expect_float_eq(t, table[k][2], 1e-7, "%g of %g: %.9g", table[k][0], table[k][1], t);
    }
}

/* One degree of freedom is Cauchy, two have an algebraic form. */
Test(student, tails_have_their_closed_forms)
{
    for (double t = 0.0; t < 50.0; t += 0.37) {
        cr_expect_float_eq(co_student_two_sided(t, 1.0), 1.0 - 2.0 * atan(t) / acos(-1.0), 1e-12);
        cr_expect_float_eq(co_student_two_sided(t, 2.0), 1.0 - t / sqrt(2.0 + t * t), 1e-12);
    }
}
