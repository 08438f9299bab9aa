/* privacy/mechanisms/privunit.c - the cap of PrivUnit and draws of the cosine.
 *
 * The cosine of a uniform direction has density (1 - t^2)^(a - 1) / B(1/2, a), a = (d - 1) / 2; its
 * share above g is q(g) = I_{1 - g^2}(a, 1/2) / 2 (regularised incomplete beta function) and
 * E[t; t >= g] = (1 - g^2)^a / (2 a B(1/2, a)) =: h(g). With p / q = e^epsilon (1 - p) / (1 - q)
 * the guarantee is used up exactly, and mean = h (p / q - (1 - p) / (1 - q)) = h / (1 / (e^epsilon
 * - 1) + q). Its logarithm has the derivative (mean - g) x something positive in g: the best cap is
 * where mean = g, found by bisection. (The paper splits epsilon by hand between p and the cap; this
 * is the best split.) p is made for an epsilon lower by 1e-9 of it, more than q is off by rounding.
 *
 * The beta function's logarithm comes from a series of log Gamma(a + 1/2) - log Gamma(a): the
 * difference of two log Gammas has lost eight digits at 10^7 dimensions. The incomplete one is a
 * continued fraction (modified Lentz), on the side where it is short: O(sqrt d) terms.
 *
 * Draws: log (1 - t^2) is concave, so that from g on the tangent at any point bounds an exponential
 * law to draw from and reject (Gilks and Wild 1992). Most are kept where the point is 1 / slope
 * above g, a quadratic equation: three of four at g = 0, nearly all at a small cap, whatever d.
 *
 * Source: Bhowmick, Duchi, Freudiger, Kapoor and Rogers 2018, arXiv:1812.00984, Algorithm 1; that
 * the best p and cap are optimal: Asi, Feldman and Talwar 2022, arXiv:2205.02466. */
#include "privacy/mechanisms/privunit.h"
#include "core/elementary.h"
#include "core/log.h"
#include <math.h>

#define MOST_TERMS 1000000
#define SLACK 1e-9
#define LARGEST_CAP                                                                                \
    0.999999 /* cosine: beyond, numbers below 1 grow few, and there is little left to gain */

/* log Gamma(a + 1/2) - log Gamma(a), a >= 1: the asymptotic series from 30 on, below by recurrence.
 */
static double log_gamma_step(double a)
{
    double below = 0.0;
    for (; a < 30.0; a += 1.0) below += log1p(0.5 / a);
    const double r = 1.0 / a, s = r * r;
    return 0.5 * log(a) - below +
           r * (-1.0 / 8.0 + s * (1.0 / 192.0 + s * (-1.0 / 640.0 + s * (17.0 / 14336.0))));
}

static double log_beta_half(double a)
{
    return 0.57236494292470008707 - log_gamma_step(a); /* log sqrt pi */
}

/* The continued fraction of I_x(a, b), x below about (a + 1) / (a + b + 2). */
static double fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0), value;
    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    value = d;
    for (int m = 1; m <= MOST_TERMS; m++) {
        const double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
                     odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        double step = 1.0;
        for (int k = 0; k < 2; k++) {
            const double term = k == 0 ? even : odd;
            d = 1.0 + term * d, c = 1.0 + term / c;
            if (fabs(d) < tiny) d = tiny;
            if (fabs(c) < tiny) c = tiny;
            d = 1.0 / d;
            step = d * c;
            value *= step;
        }
        if (fabs(step - 1.0) < 1e-15) return value;
    }
    CO_ASSERT(false && "a continued fraction that does not end");
    return value;
}

double co_cap_log_mass(size_t n, double cosine)
{
    const double a = 0.5 * ((double)n - 1.0), square = cosine * cosine;
    if (cosine == 0.0) return log(0.5);
    const double log_front = a * log1p(-square) + log(cosine) - log_beta_half(a);
    if (square * (a + 2.5) > 1.5) /* I_{1 - g^2}(a, 1/2) */
        return log_front - log(2.0 * a) + log(fraction(a, 0.5, 1.0 - square));
    return log(0.5) + log1p(-exp(log_front) * 2.0 * fraction(0.5, a, square));
}

/* log (1 / (e^epsilon - 1) + e^log_mass) */
static double log_weight(double epsilon, double log_mass)
{
    const double other = epsilon > 30.0 ? -epsilon - log1p(-exp(-epsilon)) : -log(expm1(epsilon)),
                 most = fmax(other, log_mass);
    return most + log(exp(other - most) + exp(log_mass - most));
}

static double log_mean(size_t n, double epsilon, double cap)
{
    const double a = 0.5 * ((double)n - 1.0);
    return a * log1p(-cap * cap) - log(2.0 * a) - log_beta_half(a) -
           log_weight(epsilon, co_cap_log_mass(n, cap));
}

co_privunit co_privunit_find(size_t n, double epsilon)
{
    const double spent = epsilon * (1.0 - SLACK);
    double lo = 0.0, hi = LARGEST_CAP;
    CO_ASSERT(n >= CO_PRIVUNIT_LEAST && epsilon > 0.0 && epsilon <= 1000.0);
    for (int i = 0; i < 60; i++) {
        const double middle = 0.5 * (lo + hi);
        if (middle <= lo || middle >= hi) break;
        *(log(middle) < log_mean(n, spent, middle) ? &lo : &hi) = middle;
    }
    co_privunit law = {.n = n, .cap = lo, .log_mass = co_cap_log_mass(n, lo)};
    const double weight = log_weight(spent, law.log_mass);
    const double all = spent > 30.0 ? spent + log1p(-exp(-spent)) : log(expm1(spent));
    law.outside = exp(log1p(-exp(law.log_mass)) - all - weight);
    law.mean = exp(log_mean(n, spent, lo));
    return law;
}

/* A cosine from `least` >= 0 on, of density proportional to (1 - t^2)^power. */
static double draw_above(double power, double least, co_stream *stream)
{
    const double k = power * least,
                 at = (k + sqrt(k * k + 2.0 * power + 1.0)) / (2.0 * power + 1.0);
    const double slope = 2.0 * power * at / ((1.0 - at) * (1.0 + at)),
                 height = power * co_plain_log1p(-at * at);
    for (;;) {
        const double t = least - co_plain_log(1.0 - co_draw_uniform(stream)) / slope;
        if (t >= 1.0) continue;
        const double gap = power * co_plain_log1p(-t * t) - height + slope * (t - at);
        if (co_plain_log(1.0 - co_draw_uniform(stream)) <= gap) return t;
    }
}

double co_privunit_draw(const co_privunit *law, co_stream *stream)
{
    const double power = 0.5 * ((double)law->n - 3.0);
    if (co_draw_uniform(stream) >= law->outside) return draw_above(power, law->cap, stream);
    for (;;) {
        const double size = draw_above(power, 0.0, stream);
        if (co_draw_u32(stream) & 1) return -size;
        if (size < law->cap) return size;
    }
}

const co_mechanism co_mechanism_privunit = {.name = "privunit",
                                            .summary = "a random direction near the true one",
                                            .norm = CO_NORM_L2,
                                            .noise = CO_N_NOISES};
