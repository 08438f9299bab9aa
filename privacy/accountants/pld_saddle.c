/* privacy/accountants/pld_saddle.c - where the composed privacy loss has to be computed.
 *
 * K(t) = sum over events of log E_P[e^(t loss)], from a few hundred atoms each. delta(eps) = E[(1 - e^(eps - L))+] is governed by the
 * law tilted by e^(t L) with K'(t) near eps; the Chernoff bound P[L > eps] <= e^(K(t) - t eps) at eps = K'(t) gives
 * t for a delta. Nothing here enters a bound: a poor tilt or window costs tightness, and pld_compose.c measures by how much. */
#include "privacy/accountants/pld_saddle.h"
#include "privacy/accountants/conversion.h"
#include <math.h>

#define LOG_ROUNDED 19.5    /* 1e-4 of delta against 3e-13 an event, as a logarithm */
#define LOG_OUTSIDE (-16.0) /* what may lie on each side of the window, relative to delta */

typedef struct {
    const co_saddle_row *rows;
    size_t n;
    double tilt, log_moment, sign, log_outside;
} sums;

static double row_moment(const co_loss_atoms *atoms, double t, double *mean, double *square)
{
    double most = -INFINITY, sum = 0.0, first = 0.0, second = 0.0;
    for (size_t i = 0; i < atoms->n; i++) most = fmax(most, atoms->log_mass[i] + t * atoms->loss[i]);
    for (size_t i = 0; i < atoms->n; i++) {
        const double w = exp(atoms->log_mass[i] + t * atoms->loss[i] - most);
        sum += w, first += w * atoms->loss[i], second += w * atoms->loss[i] * atoms->loss[i];
    }
    *mean = first / sum;
    *square = second / sum;
    return most + log(sum);
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

/* The Chernoff bound's edge for a further tilt of e^log_further, on the side of sign; to be minimised. */
static double edge(const void *what, double log_further)
{
    const sums *s = what;
    const double further = exp(log_further);
    return (moment(s, s->tilt + s->sign * further, NULL, NULL) - s->log_moment - s->log_outside) / further;
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

/* The largest tilt: 100 standard deviations of the loss, more than any delta above 1e-300 asks for. */
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

/* A lower tilt than t often needs a much shorter window. It may raise what is rounded, relative to delta, by e^margin. */
static co_saddle shorten(sums *s, double t, double epsilon, double log_size)
{
    double n_events = 0.0;
    for (size_t i = 0; i < s->n; i++) n_events += s->rows[i].count;
    const double margin = LOG_ROUNDED - log(n_events);
    co_saddle best = place(s, t, 0.0);
    for (int i = 0; i < 8; i++) {
        t = i < 7 ? 0.6 * t : 0.0;
        const double raised = moment(s, t, NULL, NULL) - t * epsilon - log_size;
        if (raised > margin) break;
        const co_saddle other = place(s, t, raised);
        if (other.top - other.bottom < 0.9 * (best.top - best.bottom)) best = other;
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
