/* privacy/accountants/pld_contour.c - composition without a common grid: characteristic functions,
 * inverted at the saddle point.
 *
 * With K(s) = sum over events of log E_P[e^(s L)] and any t > 0 (Zhu, Dong and Wang 2022,
 * arXiv:2106.08567, compose the same way): delta(eps) = 1/(2 pi i) int_(t - i oo)^(t + i oo)
 * e^(K(s) - s eps) / (s (s + 1)) ds. K is taken over the atoms of pld_atoms.c, which follow each
 * law at its own scale, so that neither the number of events nor the rate sets a grid. The integral
 * is the trapezoidal rule at w_j = 2 pi j / W.
 *
 * Bounds. Above: a Gaussian release of mu = h joins the ledger, which only costs: the integrand
 * decays as e^(-h^2 w^2 / 2). The rule is then exactly sum_k delta(eps + k W) e^(t k W), k any
 * integer: no term is negative, so that it is never below delta(eps). Below: the added loss
 * N(h^2/2, h^2) is above b with probability p, hence delta(eps) >= delta_h(eps + b) - p, and what
 * the other k can be is taken off: for k < 0 at most 1, for k > 0 Chernoff's bound. Added on the
 * safe side in both: what lies above the last frequency, and rounding: for each event 2^-46 of how
 * far its characteristic function is from its value at t (phasors are rotated 32 times, then set
 * afresh) and 2^-44 of the answer, and 1e-12 of the sum of sizes. A rule that is cut short
 * (gaussian noise alone, whose characteristic function has no way back up) has fallen below 1e-14
 * of its start and stayed there over three octaves. Where the sum says less than the moments do
 * (Renyi: K at one real t), the moments answer.
 *
 * Shift of epsilon: t h^2 / 2 by the release, about t D / 2 by the atoms, D the variance that they
 * add. A first pass with 512 cells finds the place, a last one spends the rest; where the first
 * lands far below the moments' bound, for which it was placed, a few short ones lie between. Time:
 * atoms x frequencies x 1 ns; a single event is a plain sum. */
#include "privacy/accountants/pld_contour.h"
#include "core/memory.h"
#include "privacy/accountants/conversion.h"
#include "privacy/accountants/pld_phasors.h"
#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846
#define EVENT_ERROR 0x1p-46
#define MASS_ERROR 0x1p-44
#define SUM_ERROR 1e-12
#define N_TILTS 121
#define LOG_TILTS 9.0     /* tilts from e^-9 to e^9 times the best for the moments */
#define LOG_ALIAS 13.5    /* what the other windows may add, relative to delta: 1e-6 */
#define LAST_EXPONENT 7.5 /* h x last frequency */
#define SMALL 1e-14
#define LATEST 8
#define MOST_FREQUENCIES 65536
#define FAR 0.1 /* of the moments' bound: the rule's place was a poor guess */
#define MOST_NEARER 4
#define NEAR_STEPS 64
#define LEAST_BUDGET 6e6 /* where the rule's place is hard to find */
#define ROTATIONS CO_ROTATIONS

/* The ledger as atoms, and its moments and log_kernel() around where they matter. */
typedef struct {
    co_saddle_row *rows;
    size_t n, n_atoms;
    double n_events, infinite, log_delta,
        epsilon; /* log_delta, epsilon: of the point in question, the known and the estimate */
    bool is_smooth;
    double tilt[N_TILTS], moment[N_TILTS], kernel[N_TILTS];
} curve;

static void fini_curve(curve *c)
{
    for (size_t i = 0; c->rows && i < c->n; i++) co_loss_atoms_fini(&c->rows[i].atoms);
    co_free(c->rows);
}

static co_status init_curve(curve *c, const co_ledger *ledger, co_direction direction,
                            co_loss_form form, size_t n_cells, double cut)
{
    *c = (curve){.rows = co_calloc(ledger->n, sizeof *c->rows), .n = ledger->n, .is_smooth = true};
    if (!c->rows)
        return CO_FAIL(CO_ENOMEM, "out of memory for a privacy ledger of %zu rows", ledger->n);
    for (size_t i = 0; i < ledger->n; i++) c->n_events += (double)ledger->rows[i].count;
    for (size_t i = 0; i < ledger->n; i++) {
        co_loss_law law;
        const co_event *e = &ledger->rows[i].event;
        const co_direction seen = e->rate == 1.0 ? CO_REMOVE : direction; /* its own mirror image */
        c->rows[i].count = (double)ledger->rows[i].count;
        co_status st = co_loss_law_init(&law, e, form == CO_MERGED);
        c->is_smooth &= law.noise == CO_NOISE_GAUSSIAN;
        if (st == CO_OK)
            st = co_loss_atoms_init(&c->rows[i].atoms, &law, seen, n_cells,
                                    fmax(1e-290, cut / c->n_events), form);
        co_loss_law_fini(&law);
        CO_TRY(st);
        c->n_atoms += c->rows[i].atoms.n;
        c->infinite += c->rows[i].count * c->rows[i].atoms.infinite;
    }
    return CO_OK;
}

/* log of the most that (1 - e^(eps - x))+ can be, relative to e^(t (x - eps)). */
static double log_kernel(double t)
{
    return -t * log1p(1.0 / t) - log1p(t);
}

static double moment_epsilon(const void *what, double log_tilt)
{
    const curve *c = what;
    const double t = exp(log_tilt);
    return co_rdp_to_epsilon(t, co_saddle_moment(c->rows, c->n, t), c->log_delta, false);
}

static double moment_log_delta(const void *what, double log_tilt)
{
    const curve *c = what;
    const double t = exp(log_tilt);
    return co_rdp_to_log_delta(t, co_saddle_moment(c->rows, c->n, t), c->epsilon, false);
}

/* What the moments alone say of the question: a bound from above, and where to look. */
static void place(curve *c, const co_loss_question *ask)
{
    c->epsilon = ask->epsilon;
    c->log_delta = ask->for_delta ? 0.0 : log(fmax(1e-300, ask->delta - c->infinite));
    const double at =
        co_minimise(ask->for_delta ? moment_log_delta : moment_epsilon, c, -16.0, 32.0, 1e-3);
    if (ask->for_delta)
        c->log_delta = fmin(0.0, moment_log_delta(c, at));
    else
        c->epsilon = fmax(0.0, moment_epsilon(c, at));
    for (int i = 0; i < N_TILTS; i++) {
        c->tilt[i] = exp(at + LOG_TILTS * (2.0 * i / (N_TILTS - 1) - 1.0));
        c->moment[i] = co_saddle_moment(c->rows, c->n, c->tilt[i]);
        c->kernel[i] = log_kernel(c->tilt[i]);
    }
}

/* log of a bound on delta at x; *at: the tilt it comes from, above `beyond`. */
static double log_tail(const curve *c, double x, double h, double beyond, double *at)
{
    double least = INFINITY;
    *at = INFINITY;
    for (int i = 0; i < N_TILTS; i++) {
        const double t = c->tilt[i],
                     value = c->moment[i] + 0.5 * h * h * t * (t + 1.0) - t * x + c->kernel[i];
        if (t > beyond && value < least) least = value, *at = t;
    }
    return least;
}

/* Where and how finely to integrate. */
typedef struct {
    double tilt, window, h;
    size_t n;
    bool is_cut; /* to `most` frequencies */
} layout;

/* The window for a tilt: neither what is above nor below it matters. 0: none is long enough. */
static double window_for(const curve *c, double t, double epsilon, double log_delta,
                         double log_zero)
{
    double window = (LOG_ALIAS - log_delta) / t, at;
    for (int i = 0; i < 3; i++) {
        const double below = fmin(1.0, exp(log_zero) - expm1(-window));
        window = fmax(0.5, LOG_ALIAS - log_delta + log(below)) / t;
    }
    for (int i = 0; i < 60; i++, window *= 1.25)
        if (log_tail(c, epsilon + window, 0.0, t, &at) + t * window <= log_delta - LOG_ALIAS)
            return window;
    return 0.0;
}

/* What rounding does to the integrand at a tilt, about: where it matters w is near 1 / epsilon. */
static double rounding(const curve *c, int tilt, double epsilon)
{
    const double t = c->tilt[tilt];
    double error = 0.0;
    for (size_t r = 0; r < c->n; r++) {
        const co_loss_atoms *x = &c->rows[r].atoms;
        const double moment = co_saddle_moment(&(co_saddle_row){*x, 1.0}, 1, t);
        double apart = 0.0;
        for (size_t i = 0; i < x->n; i++)
            apart += exp(x->log_mass[i] + t * x->loss[i] - moment) *
                     fmin(2.0, fabs(x->loss[i]) / epsilon);
        error += c->rows[r].count * EVENT_ERROR * apart;
    }
    return error;
}

/* The tilt whose rule is shortest. shift: what the release may move epsilon, relative to it. */
static layout choose(const curve *c, double epsilon, double log_delta, double shift, double most)
{
    layout best = {.n = 0};
    double cost = INFINITY, at;
    const double log_zero = log_tail(c, 0.0, 0.0, 0.0, &at);
    for (int i = 0; i < N_TILTS; i += 2) {
        const double t = c->tilt[i], raised = c->moment[i] - t * epsilon - log_delta - log1p(t);
        if (raised + log(SUM_ERROR) > -6.0 ||
            (raised + log(2.0 * c->n_events * EVENT_ERROR) > -6.0 &&
             raised + log(rounding(c, i, epsilon) + SUM_ERROR) > -6.0))
            continue;
        const double window = window_for(c, t, epsilon, log_delta, log_zero);
        const double h = fmin(sqrt(2.0 * shift * epsilon / t), 0.05 * window);
        if (window == 0.0 || window / h >= cost) continue;
        cost = window / h;
        best = (layout){.tilt = t, .window = window, .h = h};
    }
    if (cost == INFINITY) return best;
    const double wanted = ceil(LAST_EXPONENT * cost / (2.0 * PI)) + 1.0;
    best.n = (size_t)fmin(wanted, most);
    best.is_cut = wanted > most;
    if (best.is_cut) best.h *= wanted / most;
    return best;
}

/* The integrand at w_0 .. w_(n-1), without e^(-s eps), relative to e^size. */
typedef struct {
    layout at;
    double log_size, absolute, rounded, beyond; /* sum of sizes, of their errors; bound on what is
                                                   left out */
    size_t n;
    bool is_short; /* the last half of the frequencies says nothing: smooth laws of many events */
    double (*value)[2];
} integrand;

/* log |mass + x| and its angle, for x small or not. */
static double log_size_of(double mass, const double x[2], double *angle)
{
    const double re = x[0] / mass, im = x[1] / mass, square = re * (2.0 + re) + im * im;
    *angle = atan2(im, 1.0 + re);
    return log(mass) + (square > -1.0 ? 0.5 * log1p(square) : -345.0);
}

/* ROTATIONS values from `first` on; the largest size among them. */
static double fill(const curve *c, integrand *f, co_phasors *const *phasors, size_t first)
{
    double sum[ROTATIONS][2], log_value[ROTATIONS], phase[ROTATIONS], most = 0.0, error = 0.0;
    const double t = f->at.tilt, step = 2.0 * PI / f->at.window, h = f->at.h;
    for (int j = 0; j < ROTATIONS; j++) log_value[j] = phase[j] = 0.0;
    for (size_t r = 0; r < c->n; r++) {
        double angle;
        error += c->rows[r].count * EVENT_ERROR * co_phasors_sum(phasors[r], first, sum);
        for (int j = 0; j < ROTATIONS; j++) {
            log_value[j] +=
                c->rows[r].count * log_size_of(co_phasors_mass(phasors[r]), sum[j], &angle);
            phase[j] += fmod(c->rows[r].count * angle, 2.0 * PI);
        }
    }
    for (int j = 0; j < ROTATIONS; j++) {
        const double w = (double)(first + (size_t)j) * step;
        const double a = t * (t + 1.0) - w * w, b = w * (2.0 * t + 1.0),
                     square = a * a + b * b; /* s (s + 1) = a + i b */
        const double size = exp(log_value[j] - 0.5 * h * h * w * w),
                     angle = phase[j] + 0.5 * h * h * b;
        const double re = size * cos(angle), im = size * sin(angle);
        f->value[first + (size_t)j][0] = (re * a + im * b) / square;
        f->value[first + (size_t)j][1] = (im * a - re * b) / square;
        const double absolute = size / sqrt(square);
        f->absolute += (first + (size_t)j == 0 ? 0.5 : 1.0) * absolute;
        f->rounded += absolute * error;
        most = fmax(most, absolute);
    }
    return most;
}

/* The phasors of all rows, and the integrand's size. */
static co_status prepare(const curve *c, integrand *f, co_phasors **phasors)
{
    const double t = f->at.tilt, h = f->at.h;
    f->log_size = 0.5 * h * h * t * (t + 1.0);
    for (size_t r = 0; r < c->n; r++) {
        const co_loss_atoms *atoms = &c->rows[r].atoms;
        const double log_moment = co_saddle_moment(&(co_saddle_row){*atoms, 1.0}, 1, t);
        f->log_size += c->rows[r].count * log_moment;
        CO_TRY(co_phasors_create(atoms, t, log_moment, 2.0 * PI / f->at.window, &phasors[r]));
    }
    return CO_OK;
}

/* Of at.n frequencies, or of so many that the rest is small. */
static void fill_all(const curve *c, integrand *f, co_phasors *const *phasors, size_t room)
{
    const double whole = 1.0 / (f->at.tilt * (f->at.tilt + 1.0)), h = f->at.h;
    size_t n_small = 0; /* first frequency of the present run of small ones */
    for (f->n = 0; f->n < room; f->n += ROTATIONS) {
        if (fill(c, f, phasors, f->n) > SMALL * whole) n_small = f->n + ROTATIONS;
        if (c->is_smooth && n_small > 0 && f->n > LATEST * n_small) break;
    }
    const bool is_whole = f->n >= room;
    if (!is_whole) f->n += ROTATIONS;
    f->is_short = c->is_smooth && 2 * n_small <= f->n;
    const double w = (double)f->n * 2.0 * PI / f->at.window;
    f->beyond = is_whole ? exp(-0.5 * h * h * w * w) / (h * h * w * w * w) : SMALL * whole * w;
}

static co_status integrate(const curve *c, layout at, integrand *f)
{
    const size_t room = (at.n + ROTATIONS - 1) / ROTATIONS * ROTATIONS;
    *f = (integrand){.at = at, .value = co_malloc(room, sizeof *f->value)};
    co_phasors **phasors = co_calloc(c->n, sizeof *phasors);
    co_status st =
        f->value && phasors
            ? prepare(c, f, phasors)
            : CO_FAIL(CO_ENOMEM, "out of memory for a privacy curve at %zu frequencies", room);
    if (st == CO_OK) fill_all(c, f, phasors, room);
    for (size_t r = 0; phasors && r < c->n; r++) co_phasors_destroy(phasors[r]);
    co_free(phasors);
    return st;
}

/* The rule at epsilon, and its error. */
static double rule(const curve *c, const integrand *f, double epsilon, double *error)
{
    const double step = 2.0 * PI / f->at.window,
                 factor = exp(f->log_size - f->at.tilt * epsilon) * step / PI;
    const double cos_step = cos(step * epsilon), sin_step = sin(step * epsilon);
    double sum = 0.5 * f->value[0][0], re = cos_step, im = -sin_step;
    for (size_t j = 1; j < f->n; j++) {
        if (j % ROTATIONS == 0)
            re = cos((double)j * step * epsilon), im = -sin((double)j * step * epsilon);
        sum += f->value[j][0] * re - f->value[j][1] * im;
        const double turned = re * cos_step + im * sin_step;
        im = im * cos_step - re * sin_step;
        re = turned;
    }
    *error = factor * (f->rounded + SUM_ERROR * f->absolute + f->beyond / step) +
             fabs(factor * sum) * c->n_events * MASS_ERROR;
    return factor * sum;
}

static double upper_delta(const curve *c, const integrand *f, double epsilon)
{
    double error;
    const double found = rule(c, f, epsilon, &error);
    return fmax(0.0, found) + error + c->infinite;
}

/* Of the curve with the release; delta's own bound is shifted by b, see answer_from(). */
static double lower_delta(const curve *c, const integrand *f, double epsilon)
{
    double error, at;
    const double t = f->at.tilt, w = f->at.window, found = rule(c, f, epsilon, &error);
    const double above = log_tail(c, epsilon + w, f->at.h, t, &at) + t * w;
    const double below = exp(-t * w) / -expm1(-t * w);
    return found - error - below - exp(above) / -expm1((t - at) * w);
}

/* z with P[N(0, 1) > z] <= p, for p <= 1/2. */
static double normal_quantile(double p)
{
    double lo = 0.0, hi = 40.0;
    for (int i = 0; i < 60; i++) {
        const double z = 0.5 * (lo + hi);
        *(0.5 * erfc(z * 0.70710678118654752440) > p ? &lo : &hi) = z;
    }
    return hi;
}

/* An epsilon where the rule knows that delta is at least `enough`, the place before it in *hi; 0:
 * none. Steps of half the rule's own scale, which grow once that place is left behind. */
static double find_known(const curve *c, const integrand *f, double enough, double *hi)
{
    double lo = c->epsilon, step = 0.5 / f->at.tilt;
    *hi = lo;
    for (int i = 0; lo > 1e-4 * c->epsilon; i++) {
        if (lower_delta(c, f, lo) >= enough) return lo;
        if (i >= NEAR_STEPS) step *= 1.25;
        *hi = lo, lo = fmax(0.9 * lo, lo - step);
    }
    return 0.0;
}

/* The bound in `known` (of the moments) made better by the rule. */
static double answer_from(const curve *c, const integrand *f, const co_loss_question *ask,
                          co_loss_form form, double known)
{
    const bool lower = form == CO_MERGED;
    const double part =
        1e-3 * (ask->for_delta ? exp(c->log_delta)
                               : ask->delta); /* what the release may take from delta */
    const double b = f->at.h * (0.5 * f->at.h + normal_quantile(fmin(0.5, part)));
    if (ask->for_delta) {
        if (!lower) return fmin(known, upper_delta(c, f, ask->epsilon));
        return fmax(known, lower_delta(c, f, ask->epsilon + b) - part);
    }
    double lo = 0.0, hi = c->epsilon;
    if (lower) { /* far from the place that the rule is made for it may know nothing */
        lo = find_known(c, f, ask->delta + part, &hi);
        if (lo == 0.0) return known;
    }
    if (!lower && upper_delta(c, f, hi) > ask->delta) return known;
    if (!lower && upper_delta(c, f, 0.0) <= ask->delta) return 0.0;
    for (int i = 0; i < 60 && hi - lo > 1e-10 * hi; i++) {
        const double middle = 0.5 * (lo + hi);
        const bool is_below = lower ? lower_delta(c, f, middle) >= ask->delta + part
                                    : upper_delta(c, f, middle) > ask->delta;
        *(is_below ? &lo : &hi) = middle;
    }
    return lower ? fmax(known, lo - b) : fmin(known, hi);
}

/* delta at epsilon of a single event: a sum over its atoms. */
static double single_delta(const curve *c, double epsilon)
{
    const co_loss_atoms *x = &c->rows[0].atoms;
    double sum = x->infinite;
    for (size_t i = 0; i < x->n; i++)
        if (x->loss[i] > epsilon) sum += exp(x->log_mass[i]) * -expm1(epsilon - x->loss[i]);
    return sum;
}

static double answer_single(const curve *c, const co_loss_question *ask, bool lower)
{
    if (ask->for_delta)
        return single_delta(c, ask->epsilon) * (1.0 + (lower ? -SUM_ERROR : SUM_ERROR));
    double lo = 0.0, hi = c->epsilon;
    if (single_delta(c, 0.0) <= ask->delta) return 0.0;
    while (single_delta(c, hi) > ask->delta) hi = 2.0 * hi + 1e-300;
    for (int i = 0; i < 60 && hi - lo > 1e-12 * hi; i++) {
        const double middle = 0.5 * (lo + hi);
        *(single_delta(c, middle) > ask->delta ? &lo : &hi) = middle;
    }
    return lower ? lo * (1.0 - SUM_ERROR) : hi * (1.0 + SUM_ERROR);
}

/* What a pass may spend, and what came of it. */
typedef struct {
    size_t n_cells;
    double shift, budget, cut; /* of epsilon, by the release; atoms x frequencies; of mass */
} effort;

typedef struct {
    double found;  /* the answer so far */
    double bound;  /* the moments' */
    size_t n_used; /* frequencies that were worth it; 0: no rule */
    bool is_short; /* fewer than wanted say all, also with a smaller h */
    bool is_cut;   /* more frequencies were wanted than the budget has */
} progress;

/* Around the answer so far, or in the first pass around that of the moments. */
static co_status improve(const curve *c, const co_loss_question *ask, co_loss_form form,
                         const effort *how, bool first, progress *at)
{
    integrand f = {0};
    const bool lower = form == CO_MERGED;
    double epsilon = c->epsilon, log_delta = c->log_delta;
    at->bound = ask->for_delta ? fmin(1.0, exp(log_delta) + c->infinite) : epsilon;
    if (!first && !ask->for_delta && (at->found > 0.0 || !lower))
        epsilon = fmin(epsilon, fmax(at->found, 1e-3 * epsilon));
    if (!first && ask->for_delta) log_delta = fmin(log_delta, log(fmax(1e-300, at->found)));
    if (first) at->found = lower ? 0.0 : at->bound;
    if (!lower) at->found = fmin(at->found, at->bound);
    at->n_used = 0, at->is_cut = false;
    if (c->n_events == 1.0) {
        at->found = answer_single(c, ask, lower);
        return CO_OK;
    }
    if (!lower && at->found <= ask->enough) return CO_OK;
    const layout place = choose(c, epsilon, log_delta, how->shift,
                                fmin(MOST_FREQUENCIES, how->budget / (double)c->n_atoms));
    if (place.n == 0) return CO_OK;
    const co_status st = integrate(c, place, &f);
    if (st == CO_OK) at->found = answer_from(c, &f, ask, form, at->found);
    at->n_used = f.n, at->is_short = f.is_short, at->is_cut = place.is_cut;
    co_free(f.value);
    return st;
}

static co_status pass(const co_ledger *ledger, const co_loss_question *ask, co_direction direction,
                      co_loss_form form, const effort *how, bool first, progress *at)
{
    curve c;
    co_status st = init_curve(&c, ledger, direction, form, how->n_cells, how->cut);
    if (st == CO_OK) {
        place(&c, ask);
        st = improve(&c, ask, form, how, first, at);
    }
    fini_curve(&c);
    return st;
}

co_status co_contour_answer(const co_ledger *ledger, const co_loss_question *ask,
                            co_direction direction, co_loss_form form, bool quick, double *answer)
{
    progress at = {0};
    const double budget = quick ? 2.5e6 : form == CO_SPREAD ? 9e6 : 5e6;
    const bool is_single = ledger->n == 1 && ledger->rows[0].count == 1;
    const double delta = ask->for_delta ? 1e-24 : ask->delta; /* what is left out is a part of it */
    const effort first = {is_single ? 4096 : 512, 2e-4, 1e6, 1e-6 * delta};
    co_status st = pass(ledger, ask, direction, form, &first, true, &at);
    const bool is_far = form == CO_SPREAD && at.found < FAR * at.bound;
    for (int i = 0; i < MOST_NEARER && st == CO_OK && is_far && at.n_used && !at.is_short; i++) {
        const double before = at.found;
        const effort nearer = {256, 2e-5, 1e6, 2e-4 * (ask->for_delta ? before : delta)};
        st = pass(ledger, ask, direction, form, &nearer, false, &at);
        if (at.found > 0.7 * before) break;
    }
    *answer = at.found;
    if (st != CO_OK || at.n_used == 0 || (form == CO_SPREAD && *answer <= ask->enough)) return st;
    const double left_out = ask->for_delta ? fmax(*answer, 1e-24) : ask->delta;
    effort last = {quick ? 512 : 1024, 1e-6, budget, 2e-4 * left_out};
    if (is_far && at.is_cut) /* frequencies matter more than cells */
        last.n_cells = 256, last.budget = fmax(budget, LEAST_BUDGET);
    else if (at.is_short)
        last = (effort){(size_t)fmin(8192.0, budget / 3.0 / (double)at.n_used), 1e-7, INFINITY,
                        1e-6 * left_out};
    st = pass(ledger, ask, direction, form, &last, false, &at);
    *answer = at.found;
    return st;
}
