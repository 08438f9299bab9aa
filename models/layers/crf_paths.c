/* models/layers/crf_paths.c - forward, backward, expected numbers and the best path of one text. */
#include "models/layers/crf_paths.h"
#include "core/clones.h"
#include "core/elementary.h"
#include <stdbool.h>
#include <string.h>

/* Below it a sum of products has lost terms, or all of them. */
static const double least = 1e-280;

double co_crf_share(double x)
{
    return x <= 0.0 ? co_plain_exp(x) : 1.0 / co_plain_exp(-x);
}

/* Of a sum of exponentials: NaN of NaN. */
static double log_of(double sum)
{
    return sum == sum ? co_plain_log(sum) : sum;
}

static double largest(size_t n, const double *x)
{
    double most = x[0];
    for (size_t i = 1; i < n; i++) most = x[i] > most || x[i] != x[i] ? x[i] : most;
    return most;
}

void co_crf_open(co_crf_paths *c, size_t n, const float *start, const float *end,
                 const float *transition, double *own)
{
    *c = (co_crf_paths){.n = n,
                        .start = start,
                        .end = end,
                        .transition = transition,
                        .most = (double)transition[0],
                        .power = own,
                        .turned = own + n * n};
    for (size_t k = 1; k < n * n; k++)
        if ((double)transition[k] > c->most) c->most = (double)transition[k];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            c->power[i * n + j] = c->turned[j * n + i] =
                co_plain_exp((double)transition[i * n + j] - c->most);
}

/* p = exp(x - most); returns most. */
static double powers_of(size_t n, const double *x, double *p)
{
    const double most = largest(n, x);
    for (size_t i = 0; i < n; i++) p[i] = co_plain_exp(x[i] - most);
    return most;
}

/* y = p M, row by row. */
CO_CLONES static void multiply(size_t n, const double *restrict p, const double *restrict m,
                               double *restrict y)
{
    for (size_t j = 0; j < n; j++) y[j] = 0.0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) y[j] += p[i] * m[i * n + j];
}

/* log sum_i exp(x[i] + t[i stride]), term by term. */
static double log_sum(size_t n, const double *x, const float *t, size_t stride)
{
    double most = x[0] + (double)t[0], sum = 0.0;
    for (size_t i = 1; i < n; i++) {
        const double v = x[i] + (double)t[i * stride];
        most = v > most || v != v ? v : most;
    }
    for (size_t i = 0; i < n; i++) sum += co_plain_exp(x[i] + (double)t[i * stride] - most);
    return most + log_of(sum);
}

/* y[j] = log sum_i exp(x[i] + T[i][j]), or with turned over T[j][i]. */
static void step(const co_crf_paths *c, bool turned, const double *x, double *y, double *p)
{
    const size_t n = c->n;
    const double most = powers_of(n, x, p) + c->most;
    multiply(n, p, turned ? c->turned : c->power, y);
    for (size_t j = 0; j < n; j++)
        y[j] = y[j] >= least ? most + co_plain_log(y[j])
                             : log_sum(n, x, c->transition + (turned ? j * n : j), turned ? 1 : n);
}

double co_crf_forward(const co_crf_paths *c, const co_crf_text *text, double *forward,
                      double *scratch)
{
    const size_t n = c->n;
    double *last = scratch + n;
    for (size_t t = 0; t < text->n; t++, forward += n) {
        const float *e = text->e + (size_t)text->row[t] * n;
        if (t > 0) step(c, false, forward - n, forward, scratch);
        for (size_t j = 0; j < n; j++)
            forward[j] = (t > 0 ? forward[j] : (double)c->start[j]) + (double)e[j];
    }
    for (size_t j = 0; j < n; j++) last[j] = forward[j - n] + (double)c->end[j];
    const double most = powers_of(n, last, scratch);
    double sum = 0.0;
    for (size_t j = 0; j < n; j++) sum += scratch[j];
    return most + log_of(sum);
}

double co_crf_score(const co_crf_paths *c, const co_crf_text *text, const int32_t *tag)
{
    const size_t n = c->n;
    double sum = (double)c->start[tag[0]] + (double)c->end[tag[text->n - 1]];
    for (size_t t = 0; t < text->n; t++) {
        sum += (double)text->e[(size_t)text->row[t] * n + (size_t)tag[t]];
        if (t > 0) sum += (double)c->transition[(size_t)tag[t - 1] * n + (size_t)tag[t]];
    }
    return sum;
}

void co_crf_backward(const co_crf_paths *c, const co_crf_text *text, double *behind,
                     double *scratch)
{
    const size_t n = c->n;
    for (size_t t = text->n; t-- > 0;) {
        const float *e = text->e + (size_t)text->row[t] * n;
        double *own = behind + t * n;
        const bool last = t + 1 == text->n;
        if (!last) step(c, true, own + n, own, scratch);
        for (size_t j = 0; j < n; j++) own[j] = (last ? (double)c->end[j] : own[j]) + (double)e[j];
    }
}

/* g += (f p) v, the outer product. */
CO_CLONES static void add_outer(size_t n, double f, const double *restrict p,
                                const double *restrict v, double *restrict g)
{
    for (size_t i = 0; i < n; i++) {
        const double a = f * p[i];
        for (size_t j = 0; j < n; j++) g[i * n + j] += a * v[j];
    }
}

/* The pairs of one step, term by term. */
static void add_pairs(const co_crf_paths *c, const double *before, const double *behind,
                      double log_z, double factor, double *transition)
{
    const size_t n = c->n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            transition[i * n + j] +=
                factor *
                co_crf_share(before[i] + (double)c->transition[i * n + j] + behind[j] - log_z);
}

void co_crf_expect(const co_crf_paths *c, const co_crf_text *text, const double *forward,
                   const double *behind, double log_z, double factor, double *start, double *end,
                   double *transition, double *scratch)
{
    enum { STEEP = 600 }; /* exponents beyond which products leave the doubles */
    const size_t n = c->n, last = (text->n - 1) * n;
    double *pairs = scratch, *p = scratch + n * n, *v = p + n;
    memset(pairs, 0, n * n * sizeof *pairs);
    for (size_t j = 0; j < n; j++) {
        start[j] += factor * co_crf_share((double)c->start[j] + behind[j] - log_z);
        end[j] += factor * co_crf_share(forward[last + j] + (double)c->end[j] - log_z);
    }
    for (size_t t = 1; t < text->n; t++) {
        const double *before = forward + (t - 1) * n, *now = behind + t * n;
        const double most = powers_of(n, before, p) + powers_of(n, now, v) + c->most - log_z;
        if (most > STEEP)
            add_pairs(c, before, now, log_z, factor, transition);
        else
            add_outer(n, factor * co_crf_share(most), p, v, pairs);
    }
    for (size_t k = 0; k < n * n; k++) transition[k] += pairs[k] * c->power[k];
}

/* best[j] = max_i (x[i] + T[i][j]), from[j] the first such i. */
CO_CLONES static void best_step(size_t n, const double *restrict x, const float *restrict t,
                                double *restrict best, int32_t *restrict from)
{
    for (size_t j = 0; j < n; j++) {
        best[j] = x[0] + (double)t[j];
        from[j] = 0;
    }
    for (size_t i = 1; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            const double v = x[i] + (double)t[i * n + j];
            from[j] = v > best[j] ? (int32_t)i : from[j];
            best[j] = v > best[j] ? v : best[j];
        }
}

void co_crf_best(const co_crf_paths *c, const co_crf_text *text, int32_t *tag, int32_t *from,
                 double *scratch)
{
    const size_t n = c->n;
    double *now = scratch, *next = scratch + n;
    for (size_t t = 0; t < text->n; t++) {
        const float *e = text->e + (size_t)text->row[t] * n;
        if (t > 0) best_step(n, now, c->transition, next, from + t * n);
        for (size_t j = 0; j < n; j++)
            now[j] = (t > 0 ? next[j] : (double)c->start[j]) + (double)e[j];
    }
    int32_t best = 0;
    for (size_t j = 0; j < n; j++) now[j] += (double)c->end[j];
    for (size_t j = 1; j < n; j++)
        if (now[j] > now[best]) best = (int32_t)j;
    for (size_t t = text->n; t-- > 0;) {
        tag[t] = best;
        best = t > 0 ? from[t * n + (size_t)best] : best;
    }
}
