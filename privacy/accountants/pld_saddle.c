/* privacy/accountants/pld_saddle.c - where the composed privacy loss has to be computed.
 *
 * K(t) = sum over events of log E_P[e^(t loss)], from some atoms each. delta(eps) = E[(1 - e^(eps -
 * L))+] is governed by the law tilted by e^(t L) with K'(t) near eps; the Chernoff bound P[L > eps]
 * <= e^(K(t) - t eps) at eps = K'(t) gives t for a delta. Nothing here enters a bound: a poor tilt
 * or window costs tightness, and pld_compose.c measures by how much. */
#include "privacy/accountants/pld_saddle.h"
#include "core/clones.h"
#include "privacy/accountants/conversion.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

#define LOG_ROUNDED 19.5 /* 1e-4 of delta against 3e-13 an event, as a logarithm */
#define LANES 16
#define LOG_OUTSIDE (-16.0) /* what may lie on each side of the window, relative to delta */

typedef struct {
    const co_saddle_row *rows;
    size_t n;
    double tilt, log_moment, sign, log_outside;
} sums;

/* exp(x) for x <= 0, within 1e-11 of its value, without a branch; below exp(-700) it stays there.
 */
CO_INLINE double exp_negative(double x)
{
    const double magic = 0x1.8p52,
                 z = x < -700.0 ? -700.0
                                : x; /* adding magic rounds to an integer in the low bits */
    const double shifted = z * 0x1.71547652b82fep+0 + magic,
                 r = z - (shifted - magic) * 0x1.62e42fefa39efp-1;
    double series = 1.0 / 3628800.0, power;
    for (int n = 9, factorial = 3628800; n >= 0; n--) {
        factorial /= n + 1;
        series = series * r + 1.0 / factorial; /* constants once unrolled */
    }
    int64_t bits, base;
    memcpy(&bits, &shifted, sizeof bits);
    memcpy(&base, &magic, sizeof base);
    bits = (int64_t)((uint64_t)(bits - base + 1023) << 52);
    memcpy(&power, &bits, sizeof power);
    return series * power;
}

/* w = mass e^(t loss) over its largest value, whose logarithm is returned; the sums of w loss^k
 * into sum[k]. */
CO_CLONES static double tilted_sums(const double *restrict loss, const double *restrict log_mass,
                                    size_t n, double t, double sum[3])
{
    double lane[LANES], part[3][LANES] = {{0}}, most;
    for (size_t l = 0; l < LANES; l++) lane[l] = -INFINITY;
    for (size_t i = 0; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
            const double x = log_mass[i + l] + t * loss[i + l];
            lane[l] = x > lane[l] ? x : lane[l];
        }
    most = lane[0];
    for (size_t l = 1; l < LANES; l++) most = fmax(most, lane[l]);
    for (size_t i = n / LANES * LANES; i < n; i++) most = fmax(most, log_mass[i] + t * loss[i]);
    for (size_t i = 0; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
            const double x = loss[i + l], w = exp_negative(log_mass[i + l] + t * x - most);
            part[0][l] += w, part[1][l] += w * x, part[2][l] += w * x * x;
        }
    for (size_t i = n / LANES * LANES, l = 0; i < n; i++, l++) {
        const double x = loss[i], w = exp_negative(log_mass[i] + t * x - most);
        part[0][l] += w, part[1][l] += w * x, part[2][l] += w * x * x;
    }
    for (int k = 0; k < 3; k++) {
        sum[k] = 0.0;
        for (size_t l = 0; l < LANES; l++) sum[k] += part[k][l];
    }
    return most;
}

static double row_moment(const co_loss_atoms *atoms, double t, double *mean, double *square)
{
    double sum[3];
    const double most = tilted_sums(atoms->loss, atoms->log_mass, atoms->n, t, sum);
    *mean = sum[1] / sum[0];
    *square = sum[2] / sum[0];
    return most + log(sum[0]);
}

/* K(t); its first and second derivative, where asked for. */
static double moment(const sums *s, double t, double *mean, double *variance)
{
    double total = 0.0, m, v, total_mean = 0.0, total_variance = 0.0;
    for (size_t i = 0; i < s->n; i++) {
        total += s->rows[i].count * row_moment(&s->rows[i].atoms, t, &m, &v);
        total_mean += s->rows[i].count * m;
        total_variance += s->rows[i].count * fmax(0.0, v - m * m);
    }
    if (mean) *mean = total_mean;
    if (variance) *variance = total_variance;
    return total;
}

double co_saddle_moment(const co_saddle_row *rows, size_t n, double t)
{
    const sums s = {.rows = rows, .n = n};
    return moment(&s, t, NULL, NULL);
}

/* The Chernoff bound's edge for a further tilt of e^log_further, on the side of sign; to be
 * minimised. */
static double edge(const void *what, double log_further)
{
    const sums *s = what;
    const double further = exp(log_further);
    return (moment(s, s->tilt + s->sign * further, NULL, NULL) - s->log_moment - s->log_outside) /
           further;
}

/* log_raised: how much larger an error of the tilted law is, relative to delta. */
static co_saddle place(sums *s, double tilt, double log_raised)
{
    co_saddle at = {.tilt = tilt};
    double variance;
    at.log_moment = moment(s, tilt, &at.mean, &variance);
    s->tilt = tilt, s->log_moment = at.log_moment;
    s->log_outside = LOG_OUTSIDE - fmax(5.0, log_raised);
    const double scale = -0.5 * log(fmax(variance, 1e-280));
    s->sign = 1.0;
    const double above = co_minimise(edge, s, scale - 4.0, scale + 7.0, 0.1);
    at.top = edge(s, above);
    s->sign = -1.0;
    const double below = co_minimise(edge, s, scale - 4.0, scale + 7.0, 0.1);
    at.bottom = -edge(s, below);
    at.top += 0.01 * (at.top - at.bottom); /* the atoms stand in the middle of their cells */
    at.above = exp(above);
    at.below = exp(below);
    return at;
}

/* The largest tilt: 100 standard deviations of the loss, more than any delta above 1e-300 asks for.
 */
static double largest_tilt(const sums *s)
{
    double variance;
    moment(s, 0.0, NULL, &variance);
    return 100.0 / sqrt(fmax(variance, 1e-280));
}

co_saddle co_saddle_at(const co_saddle_row *rows, size_t n, double tilt)
{
    sums s = {.rows = rows, .n = n};
    return place(&s, tilt, 5.0);
}

/* Saddle-point estimate of log delta at epsilon = K'(t). */
static double log_delta(const sums *s, double t, double *mean)
{
    double variance;
    const double k = moment(s, t, mean, &variance);
    return k - t * *mean - log(fmax(1.0, t * (t + 1.0) * sqrt(6.2831853 * variance)));
}

/* A lower tilt than t often needs a much shorter window. It may raise what is rounded, relative to
 * delta, by e^margin. */
static co_saddle shorten(sums *s, double t, double epsilon, double log_size)
{
    double n_events = 0.0;
    for (size_t i = 0; i < s->n; i++) n_events += s->rows[i].count;
    const double margin = LOG_ROUNDED - log(n_events);
    co_saddle best = place(s, t, 0.0);
    for (int i = 0, n_in_vain = 0; i < 8 && n_in_vain < 2; i++) {
        t = i < 7 ? 0.6 * t : 0.0;
        const double raised = moment(s, t, NULL, NULL) - t * epsilon - log_size;
        if (raised > margin) break;
        const co_saddle other = place(s, t, raised);
        const bool is_shorter = other.top - other.bottom < 0.9 * (best.top - best.bottom);
        if (is_shorter) best = other;
        n_in_vain = is_shorter ? 0 : n_in_vain + 1;
    }
    best.log_size = log_size;
    return best;
}

co_saddle co_saddle_for_delta(const co_saddle_row *rows, size_t n, double delta)
{
    sums s = {.rows = rows, .n = n};
    const double largest = largest_tilt(&s);
    double lo = 1e-6 * largest, hi = largest, mean;
    for (int i = 0; i < 25; i++) {
        const double t = sqrt(lo * hi);
        *(log_delta(&s, t, &mean) > log(delta) ? &lo : &hi) = t;
    }
    log_delta(&s, lo, &mean);
    return shorten(&s, lo, mean, log(delta));
}

co_saddle co_saddle_for_epsilon(const co_saddle_row *rows, size_t n, double epsilon)
{
    sums s = {.rows = rows, .n = n};
    double lo = 0.0, hi = largest_tilt(&s), mean;
    moment(&s, 0.0, &mean, NULL);
    for (int i = 0; i < 40 && mean < epsilon; i++) {
        const double t = i == 0 ? hi * 1e-3 : lo == 0.0 ? hi * 0.1 : sqrt(lo * hi);
        double now;
        moment(&s, t, &now, NULL);
        *(now < epsilon ? &lo : &hi) = t;
    }
    return shorten(&s, lo, epsilon, log_delta(&s, lo, &mean) + lo * (mean - epsilon));
}
