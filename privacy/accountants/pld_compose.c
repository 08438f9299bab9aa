/* privacy/accountants/pld_compose.c - composition by FFT of exponentially tilted privacy losses.
 *
 * Each event's pmf is tilted, p~(l) = p(l) e^(t l) / M, transformed, raised to its count,
 * multiplied; one inverse transform gives the composed p~ on a periodic window of N points, and
 * p(l) = M^n e^(-t l) p~(l) above. With t near the saddle point the window needs some 15 standard
 * deviations around epsilon, and rounding errors are relative to delta, whatever delta.
 *
 * Errors, all added on the safe side:
 *   cut off     what the events have at infinity, times their counts (a union bound)
 *   window      P[L > top] <= e^(K(t + a) - (t + a) top); what wraps around has tilted mass
 *               <= e^(K(t+a) - K(t) - a top) + e^(K(t-b) - K(t) + b bottom)
 *   FFT         each transform has an error of at most 8 u log2 N per output for an input of l1
 * norm 1 (u = 2^-53; every stage adds one rounded butterfly), e; raised to a power n: (|z| + e)^n -
 * |z|^n, plus 4 n u |z|^n; the mean of these over all frequencies bounds the error of every output
 *   the pmf     2^-44 relative for each event (erfc, exp, log1p at the grid points)
 * Time O(N log N), memory 4 N doubles. Our own: the tilt as in saddle-point methods; dp_accounting
 * has it untilted. */
#include "privacy/accountants/pld_compose.h"
#include "core/clones.h"
#include "core/memory.h"
#include <fftw3.h>
#include <math.h>
#include <string.h>

#define UNIT 0x1p-53
#define EVENT_ERROR 0x1p-44
#define BLOCK 256
#define REFRESH 32

struct co_composition {
    size_t n;
    double step, tilt, above, below;
    int64_t bottom;
    double *mass;         /* [n]: input of a transform; at the end the composed p~ */
    double (*wave)[2];    /* [n/2 + 1] of one event */
    double (*product)[2]; /* [n/2 + 1] */
    double *error;        /* [n/2 + 1] relative, of the product */
    double *log_high;     /* [n/2 + 1] log of the most that the true product's size can be */
    double log_moment, log_above, log_below; /* K at tilt, tilt + above, tilt - below */
    double infinite, events, output_error;
    fftw_plan forward, backward;
};

static double log2_of(size_t n)
{
    return log2((double)n);
}

co_status co_composition_create(size_t size, double step, const co_saddle *at, int64_t bottom,
                                co_composition **composition)
{
    const size_t half = size / 2 + 1;
    co_composition *c = co_calloc(1, sizeof *c);
    *composition = c;
    if (!c) return CO_FAIL(CO_ENOMEM, "out of memory for a privacy loss");
    *c = (co_composition){.n = size,
                          .step = step,
                          .tilt = at->tilt,
                          .above = at->above,
                          .below = at->below,
                          .bottom = bottom,
                          .mass = co_malloc(size, sizeof(double)),
                          .wave = co_malloc(half, sizeof *c->wave),
                          .product = co_malloc(half, sizeof *c->product),
                          .error = co_calloc(half, sizeof(double)),
                          .log_high = co_calloc(half, sizeof(double))};
    if (!c->mass || !c->wave || !c->product || !c->error || !c->log_high)
        return CO_FAIL(CO_ENOMEM, "out of memory for a privacy loss on %zu grid points", size);
    c->forward = fftw_plan_dft_r2c_1d((int)size, c->mass, c->wave, FFTW_ESTIMATE);
    c->backward = fftw_plan_dft_c2r_1d((int)size, c->product, c->mass, FFTW_ESTIMATE);
    for (size_t i = 0; i < half; i++) c->product[i][0] = 1.0, c->product[i][1] = 0.0;
    return CO_OK;
}

void co_composition_destroy(co_composition *c)
{
    if (!c) return;
    if (c->forward) fftw_destroy_plan(c->forward);
    if (c->backward) fftw_destroy_plan(c->backward);
    co_free(c->mass);
    co_free(c->wave);
    co_free(c->product);
    co_free(c->error);
    co_free(c->log_high);
    co_free(c);
}

/* log sum of mass e^(t l), block by block: Horner towards the end with the largest factor. */
static double log_moment(const co_loss_pmf *pmf, double step, double t)
{
    const double shift =
        fmax(t * (double)pmf->first, t * (double)(pmf->first + (int64_t)pmf->n)) * step;
    const double ratio = exp(-fabs(t) * step);
    double sum = 0.0;
    for (size_t begin = 0; begin < pmf->n; begin += BLOCK) {
        const size_t end = begin + BLOCK < pmf->n ? begin + BLOCK : pmf->n;
        const size_t anchor = t > 0.0 ? end - 1 : begin;
        double block = 0.0;
        if (t > 0.0)
            for (size_t i = begin; i < end; i++) block = block * ratio + pmf->mass[i];
        else
            for (size_t i = end; i-- > begin;) block = block * ratio + pmf->mass[i];
        sum += block * exp(t * (double)(pmf->first + (int64_t)anchor) * step - shift);
    }
    return log(sum) + shift;
}

/* Tilted, normalised by e^log_m, folded into the window. */
static void load(co_composition *c, const co_loss_pmf *pmf, double log_m)
{
    const int64_t n = (int64_t)c->n;
    int64_t at = (pmf->first % n + n) % n;
    const double ratio = exp(c->tilt * c->step);
    double factor = 0.0;
    memset(c->mass, 0, c->n * sizeof *c->mass);
    for (size_t i = 0; i < pmf->n; i++) {
        const bool fresh = i % REFRESH == 0; /* a product of few factors keeps its digits */
        factor = fresh ? exp(c->tilt * (double)(pmf->first + (int64_t)i) * c->step - log_m)
                       : factor * ratio;
        c->mass[at] += pmf->mass[i] * factor;
        if (++at == n) at = 0;
    }
}

/* product *= wave^count over m frequencies, by repeated squaring; the power's errors into error and
 * log_high. */
CO_CLONES static void multiply_power(double (*restrict product)[2], double (*restrict wave)[2],
                                     double *restrict error, double *restrict log_high, size_t m,
                                     int64_t count, double wave_error)
{
    double re[BLOCK], im[BLOCK], pr[BLOCK], pi[BLOCK];
    for (size_t i = 0; i < m; i++) {
        re[i] = wave[i][0], im[i] = wave[i][1];
        pr[i] = product[i][0], pi[i] = product[i][1];
        const double size = sqrt(re[i] * re[i] + im[i] * im[i]) + 1e-300;
        error[i] += (double)count * (wave_error / size + 4.0 * UNIT);
        log_high[i] += (double)count * (log(size + wave_error) + 4.0 * UNIT);
    }
    for (int64_t left = count; left; left >>= 1) {
        if (left & 1)
            for (size_t i = 0; i < m; i++) {
                const double a = pr[i] * re[i] - pi[i] * im[i];
                pi[i] = pr[i] * im[i] + pi[i] * re[i];
                pr[i] = a;
            }
        for (size_t i = 0; i < m; i++) {
            const double a = re[i] * re[i] - im[i] * im[i];
            im[i] = 2.0 * re[i] * im[i];
            re[i] = a;
        }
    }
    for (size_t i = 0; i < m; i++) product[i][0] = pr[i], product[i][1] = pi[i];
}

co_status co_composition_add(co_composition *c, const co_loss_pmf *pmf, double count)
{
    const size_t half = c->n / 2 + 1;
    const double log_m = log_moment(pmf, c->step, c->tilt);
    if (!(log_m > -INFINITY))
        return CO_FAIL(CO_EINTERNAL, "a privacy loss without mass on its grid");
    load(c, pmf, log_m);
    fftw_execute(c->forward);
    const double wave_error = 8.0 * UNIT * log2_of(c->n);
    for (size_t i = 0; i < half; i += BLOCK)
        multiply_power(c->product + i, c->wave + i, c->error + i, c->log_high + i,
                       half - i < BLOCK ? half - i : BLOCK, (int64_t)count, wave_error);
    c->log_moment += count * log_m;
    c->log_above += count * log_moment(pmf, c->step, c->tilt + c->above);
    c->log_below += count * log_moment(pmf, c->step, c->tilt - c->below);
    c->infinite += count * pmf->infinite;
    c->events += count;
    return CO_OK;
}

/* Absolute error of a frequency of size m and relative error e. Where e is large the wave itself is
 * lost in rounding: what is left is that the true size is at most e^log_high. */
static double frequency_error(double m, double e, double log_high)
{
    if (e < 1.0) return m * e * 1.72; /* e^e - 1 <= 1.72 e */
    return m + exp(fmin(0.0, log_high)) + 1e-300;
}

void co_composition_finish(co_composition *c)
{
    const size_t half = c->n / 2 + 1;
    double sizes = 0.0, errors = 0.0;
    for (size_t i = 0; i < half; i++) {
        const double twice = i == 0 || i == c->n / 2 ? 1.0 : 2.0;
        const double m =
            sqrt(c->product[i][0] * c->product[i][0] + c->product[i][1] * c->product[i][1]);
        sizes += twice * m;
        errors += twice * frequency_error(m, c->error[i], c->log_high[i]);
    }
    fftw_execute(c->backward);
    for (size_t i = 0; i < c->n; i++) c->mass[i] /= (double)c->n;
    c->output_error = (errors + 8.0 * UNIT * log2_of(c->n) * sizes) / (double)c->n;
}

/* What is walked through from the top of the window down: delta at each grid point. */
typedef struct {
    bool lower;
    int64_t k;          /* sums are over the points k .. top */
    size_t place;       /* k in the window */
    double weight;      /* p(l_k) / p~(l_k) */
    double all, scaled; /* sum of p(l), and of p(l) e^(l_k - l); delta(l_k) = all - scaled */
    double fade, grow;  /* e^-step, e^(tilt step) */
} walk;

static double weight(const co_composition *c, int64_t k)
{
    return exp(c->log_moment - c->tilt * (double)k * c->step);
}

static walk start(const co_composition *c, bool lower)
{
    walk at = {.lower = lower,
               .k = c->bottom + (int64_t)c->n,
               .fade = exp(-c->step),
               .grow = exp(c->tilt * c->step)};
    at.weight = weight(c, at.k);
    at.place = (size_t)((at.k % (int64_t)c->n + (int64_t)c->n) % (int64_t)c->n);
    return at;
}

static void step_down(const co_composition *c, walk *at)
{
    at->k--;
    at->place = at->place == 0 ? c->n - 1 : at->place - 1;
    at->weight = at->place % REFRESH == 0 ? weight(c, at->k) : at->weight * at->grow;
    const double found = c->mass[at->place];
    const double mass =
        at->lower ? fmax(0.0, found - c->output_error) : fmax(0.0, found) + c->output_error;
    at->scaled = at->scaled * at->fade + mass * at->weight;
    at->all += mass * at->weight;
}

/* Lost above the window, cut off: to be added to an upper bound. */
static double unseen(const co_composition *c)
{
    const double top = (double)(c->bottom + (int64_t)c->n - 1) * c->step;
    return c->infinite + exp(c->log_above - (c->tilt + c->above) * top);
}

/* Tilted mass outside the window, over 1 + tilt >= 1 / max (1 - e^-x) e^(-tilt x): times the weight
 * at a point it is the most that wrapped mass can add to delta there. */
static double wrapped(const co_composition *c)
{
    const double top = (double)(c->bottom + (int64_t)c->n - 1) * c->step,
                 bottom = (double)c->bottom * c->step;
    const double outside = exp(c->log_above - c->log_moment - c->above * top) +
                           exp(c->log_below - c->log_moment + c->below * bottom);
    return outside / (1.0 + c->tilt);
}

static double relative_error(const co_composition *c)
{
    return c->events * EVENT_ERROR + 1e-11;
}

double co_composition_delta(const co_composition *c, double epsilon, bool lower)
{
    walk at = start(c, lower);
    const int64_t last = (int64_t)ceil(epsilon / c->step);
    while (at.k > last && at.k > c->bottom) step_down(c, &at);
    const double found = fmax(0.0, at.all - exp(epsilon - (double)at.k * c->step) * at.scaled);
    if (lower)
        return fmax(0.0, found * (1.0 - relative_error(c)) - wrapped(c) * weight(c, last - 1));
    return fmin(1.0, found * (1.0 + relative_error(c)) + unseen(c));
}

double co_composition_epsilon(const co_composition *c, double delta, bool lower, bool *in_window)
{
    walk at = start(c, lower);
    const double fixed = lower ? 0.0 : unseen(c), outside = lower ? wrapped(c) : 0.0;
    const double factor = 1.0 + (lower ? -1.0 : 1.0) * relative_error(c);
    *in_window = fixed <= delta;
    if (!*in_window) return INFINITY;
    while (at.k > c->bottom && at.k > 0) {
        const walk before = at;
        step_down(c, &at);
        const double safe = fixed - outside * at.weight;
        const double found = (at.all - at.scaled) * factor + safe;
        if (lower ? !(found > delta) : found <= delta)
            continue; /* no number: nothing is known from below, nor from above */
        /* between at.k and before.k: delta(eps) = before.all - e^(eps - l) before.scaled */
        const double share = (before.all - (delta - safe) / factor) / before.scaled;
        const double low = (double)at.k * c->step, high = (double)before.k * c->step;
        if (!(share > 0.0)) return lower ? fmax(0.0, low) : fmax(0.0, high);
        return fmax(0.0, fmin(high, fmax(low, high + log(share))));
    }
    *in_window = at.k <= 0;
    return lower ? 0.0 : fmax(0.0, (double)at.k * c->step);
}

/* The sum over the points l above epsilon of error e^(K(t) - t l) (1 - e^(epsilon - l)), as an
 * integral. */
double co_composition_rounding(const co_composition *c, double epsilon)
{
    const double t = fmax(c->tilt, 1e-300);
    return c->output_error * exp(c->log_moment - c->tilt * epsilon) / (c->step * t * (1.0 + t));
}
