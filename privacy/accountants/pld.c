/* privacy/accountants/pld.c - accountant pld: privacy loss distributions, composed with certified
 * bounds.
 *
 * A ledger of unsampled Gaussian noise alone is one Gaussian, and a single integer with discrete
 * Gaussian noise has a closed form: both exact. Where a common grid of at most 2^17 points resolves
 * all losses: pld_law.c (one event's law), pld_pmf.c (grid, from above and below), pld_saddle.c
 * (tilt and window), pld_compose.c (composition by FFT and errors). Else, as for tiny rates, little
 * noise and many rounds: pld_atoms.c and pld_contour.c. The answer is the larger of the directions
 * that matter: without sampling the law is its own mirror image; Poisson sampling has two;
 * fixed-size sampling is bounded from above by one dominating pair and from below by two data sets
 * that exist. It is never above rdp's.
 *
 * The grid has N = 2^k >= 4000 sqrt(n) points for n events: the variance that the grid adds, n h^2
 * / 6, then moves epsilon by about 1e-5 standard deviations of the loss. A question takes some 10
 * to 50 ms, whatever the number of events. */
#include "core/memory.h"
#include "privacy/accountants/accountant.h"
#include "privacy/accountants/gaussian.h"
#include "privacy/accountants/pld_compose.h"
#include "privacy/accountants/pld_contour.h"
#include "privacy/accountants/rdp_shares.h"
#include <math.h>

#define MOST_GRID 131072.0 /* points of the grid; beyond, pld_contour.c is faster */
#define LOG_NEGLIGIBLE 35.0
#define N_ATOM_CELLS 256
#define FARTHEST 1e-290
#define MOST_SHIFT 1.5e-5 /* of epsilon, by the grid */
#define MOST_ROUNDED 1e-3 /* of epsilon, by the grid's rounding */

/* All unsampled gaussian rows as one; the rest as it is. */
typedef struct {
    co_ledger rows;
    double n_events;
    bool poisson, fixed;
} plan;

static co_status init_plan(plan *p, const co_ledger *ledger)
{
    double squares = 0.0;
    *p = (plan){0};
    for (size_t i = 0; i < ledger->n; i++) {
        const co_event *e = &ledger->rows[i].event;
        if (e->noise == CO_NOISE_GAUSSIAN && e->rate == 1.0) {
            squares += (double)ledger->rows[i].count / (e->noise_multiplier * e->noise_multiplier);
            continue;
        }
        CO_TRY(co_ledger_add(&p->rows, e, ledger->rows[i].count));
        p->n_events += (double)ledger->rows[i].count;
        p->poisson |= e->sampling == CO_SAMPLING_POISSON && e->rate < 1.0;
        p->fixed |= e->sampling == CO_SAMPLING_FIXED && e->rate < 1.0;
    }
    if (squares == 0.0) return CO_OK;
    const co_event together = {
        .noise = CO_NOISE_GAUSSIAN, .noise_multiplier = 1.0 / sqrt(squares), .rate = 1.0};
    p->n_events += 1.0;
    return co_ledger_add(&p->rows, &together, 1);
}

typedef struct {
    co_saddle_row *rows;
    size_t n;
} saddle_rows;

static void fini_saddle_rows(saddle_rows *s)
{
    for (size_t i = 0; s->rows && i < s->n; i++) co_loss_atoms_fini(&s->rows[i].atoms);
    co_free(s->rows);
}

static co_status init_saddle_rows(saddle_rows *s, const co_ledger *rows, co_direction direction)
{
    *s = (saddle_rows){.rows = co_calloc(rows->n, sizeof *s->rows), .n = rows->n};
    if (!s->rows)
        return CO_FAIL(CO_ENOMEM, "out of memory for a privacy ledger of %zu rows", rows->n);
    for (size_t i = 0; i < rows->n; i++) {
        co_loss_law law;
        const co_event *e = &rows->rows[i].event;
        const co_direction seen = direction == CO_BOTH && e->rate == 1.0 ? CO_REMOVE : direction;
        s->rows[i].count = (double)rows->rows[i].count;
        co_status st = co_loss_law_init(&law, e, false);
        if (st == CO_OK)
            st = co_loss_atoms_init(&s->rows[i].atoms, &law, seen, N_ATOM_CELLS, FARTHEST,
                                    CO_MERGED);
        co_loss_law_fini(&law);
        CO_TRY(st);
    }
    return CO_OK;
}

/* 0: more than is worth it. */
static size_t grid_size(double n_events, bool quick)
{
    const double wanted = 4000.0 * sqrt(n_events) / (quick ? 16.0 : 1.0);
    size_t n = quick ? 2048 : 16384;
    while ((double)n < wanted) n *= 2;
    return (double)n <= MOST_GRID ? n : 0;
}

/* Losses so low that, tilted, they do not matter: they may be raised to here. */
static double lowest_loss(const plan *p, double tilt)
{
    return tilt > 0.0 ? -(LOG_NEGLIGIBLE + log(p->n_events)) / tilt : -INFINITY;
}

/* Where and how to compose. */
typedef struct {
    co_direction direction;
    bool above, below, quick; /* which bounds */
    double step, cut, low;
} layout;

/* Cells of the widest event. */
static co_status most_cells(const plan *p, const layout *how, double *cells)
{
    *cells = 0.0;
    for (size_t i = 0; i < p->rows.n; i++) {
        co_loss_law law;
        double from;
        CO_TRY(co_loss_law_init(&law, &p->rows.rows[i].event, false));
        double to = co_loss_law_range(&law, how->cut, &from);
        if (how->direction == CO_REMOVE) from = fmax(from, how->low);
        if (how->direction == CO_ADD) to = fmin(to, -how->low);
        *cells = fmax(*cells, (to - from) / how->step);
        co_loss_law_fini(&law);
    }
    return CO_OK;
}

/* How far the variance that the grid adds moves epsilon, about: tilt / 2 times it, a mass between
 * two points being split. */
static double grid_shift(const saddle_rows *s, double tilt, double step)
{
    double variance = 0.0;
    for (size_t r = 0; r < s->n; r++) {
        const co_loss_atoms *x = &s->rows[r].atoms;
        double most = -INFINITY, sum = 0.0, split = 0.0;
        for (size_t i = 0; i < x->n; i++) most = fmax(most, x->log_mass[i] + tilt * x->loss[i]);
        for (size_t i = 0; i < x->n; i++) {
            const double weight = exp(x->log_mass[i] + tilt * x->loss[i] - most),
                         place = x->loss[i] / step;
            const double up = place - floor(place),
                         share = up < 1e-9 || up > 1.0 - 1e-9 ? 0.0 : up * (1.0 - up);
            sum += weight, split += weight * share;
        }
        variance += s->rows[r].count * split / sum * step * step;
    }
    return 0.5 * tilt * variance;
}

/* The distance that divides all losses when unsampled atoms make up the ledger; 0: none. */
static double lattice(const plan *p)
{
    double distance = 0.0;
    for (size_t i = 0; i < p->rows.n; i++) {
        const co_event *e = &p->rows.rows[i].event;
        const double z = e->noise_multiplier;
        const double own = e->noise == CO_NOISE_LAPLACE ? 1.0 / z : 0.5 / (z * z);
        if (e->noise == CO_NOISE_GAUSSIAN || e->rate < 1.0 || (distance != 0.0 && own != distance))
            return 0.0;
        distance = own;
    }
    return distance;
}

static co_status add_pmf(const co_loss_cells *cells, const layout *how, const co_ledger_row *row,
                         bool lower, co_composition *c)
{
    co_loss_pmf pmf;
    const co_direction seen =
        how->direction == CO_BOTH && row->event.rate == 1.0 ? CO_REMOVE : how->direction;
    co_status st = co_loss_pmf_init(&pmf, cells, seen, lower);
    if (st == CO_OK) st = co_composition_add(c, &pmf, (double)row->count);
    co_loss_pmf_fini(&pmf);
    return st;
}

static co_status make_cells(const layout *how, const co_ledger_row *row, bool lower,
                            co_loss_cells *cells)
{
    co_loss_law law;
    *cells = (co_loss_cells){0};
    co_status st = co_loss_law_init(&law, &row->event, lower);
    if (st == CO_OK)
        st = co_loss_cells_init(cells, &law, how->step, how->cut,
                                how->direction == CO_REMOVE ? how->low : -INFINITY,
                                how->direction == CO_ADD ? -how->low : INFINITY);
    co_loss_law_fini(&law);
    return st;
}

/* One row into the compositions from above and below; the cells serve both, unless the law itself
 * is bracketed. */
static co_status add_row(const layout *how, const co_ledger_row *row, co_composition *above,
                         co_composition *below)
{
    co_loss_cells cells;
    co_status st = make_cells(how, row, !above, &cells);
    if (st == CO_OK && above) st = add_pmf(&cells, how, row, false, above);
    if (st == CO_OK && above && below && row->event.noise == CO_NOISE_DISCRETE_GAUSSIAN) {
        co_loss_cells_fini(&cells);
        st = make_cells(how, row, true, &cells);
    }
    if (st == CO_OK && below) st = add_pmf(&cells, how, row, true, below);
    co_loss_cells_fini(&cells);
    return st;
}

/* Step and window of a grid; size 0: none is small enough. */
static co_status fit_grid(const plan *p, const co_saddle *at, layout *how, int64_t *bottom,
                          size_t *size)
{
    const double distance = lattice(p);
    const double margin =
        fmin(p->n_events, 10.0 * sqrt(p->n_events)); /* points that rounding to the grid may add */
    double cells;
    *size = grid_size(p->n_events, how->quick);
    if (*size == 0) return CO_OK;
    how->low = lowest_loss(p, at->tilt);
    how->step = (at->top - at->bottom) / ((double)*size - 4.0 - 2.0 * margin);
    if (distance > how->step) how->step = distance / floor(distance / how->step);
    *bottom = (int64_t)floor(at->bottom / how->step - margin);
    CO_TRY(most_cells(p, how, &cells));
    if (!(cells <= 4.0 * (double)*size) || !(how->step > 0.0)) *size = 0;
    return CO_OK;
}

static co_status compose(const plan *p, const co_saddle *at, const layout *how, int64_t bottom,
                         size_t size, co_composition **above, co_composition **below)
{
    if (how->above) CO_TRY(co_composition_create(size, how->step, at, bottom, above));
    if (how->below) CO_TRY(co_composition_create(size, how->step, at, bottom, below));
    for (size_t i = 0; i < p->rows.n; i++) CO_TRY(add_row(how, &p->rows.rows[i], *above, *below));
    if (how->above) co_composition_finish(*above);
    if (how->below) co_composition_finish(*below);
    return CO_OK;
}

/* Whether the grid's added variance and rounding move the answer by little: told by how fast delta
 * falls there. */
static bool is_resolved(const saddle_rows *s, const co_composition *c, const co_loss_question *ask,
                        const layout *how, bool lower, double bound)
{
    bool inside;
    const double most = MOST_SHIFT * (how->quick ? 16.0 : 1.0);
    if (bound == 0.0) return true;
    if (ask->for_delta) {
        const double fall = log(co_composition_delta(c, 0.99 * ask->epsilon, lower) / bound) /
                            (0.01 * ask->epsilon);
        return ask->epsilon > 0.0 && isfinite(fall) &&
               fall * grid_shift(s, fall, how->step) <= 20.0 * most;
    }
    const double fall =
        log(1.1) / (bound - co_composition_epsilon(c, 1.1 * ask->delta, lower, &inside));
    const double rounded = co_composition_rounding(c, bound) / ask->delta / fall;
    return isfinite(fall) && grid_shift(s, fall, how->step) <= most * bound &&
           rounded <= MOST_ROUNDED * (how->quick ? 16.0 : 1.0) * bound;
}

/* What the composition says; false: its window does not hold the answer, or the grid is too coarse
 * there. */
static bool read_bound(const saddle_rows *s, const co_composition *c, const co_loss_question *ask,
                       const layout *how, bool lower, double *bound)
{
    bool inside = true;
    *bound = ask->for_delta ? co_composition_delta(c, ask->epsilon, lower)
                            : co_composition_epsilon(c, ask->delta, lower, &inside);
    return inside && isfinite(*bound) && is_resolved(s, c, ask, how, lower, *bound);
}

/* By FFT; *done false where the grid would be too coarse or too long, or the window does not hold
 * the answer. */
static co_status answer_grid(const plan *p, const co_loss_question *ask, layout how, double *upper,
                             double *lower, bool *done)
{
    saddle_rows s;
    co_composition *above = NULL, *below = NULL;
    int64_t bottom;
    size_t size = 0;
    *done = false;
    co_status st = init_saddle_rows(&s, &p->rows, how.direction);
    if (st == CO_OK) {
        co_saddle at = ask->for_delta ? co_saddle_for_epsilon(s.rows, s.n, ask->epsilon)
                                      : co_saddle_for_delta(s.rows, s.n, ask->delta);
        if (ask->for_delta) at.bottom = fmin(at.bottom, ask->epsilon - 1e-6 * (at.top - at.bottom));
        const double target = ask->for_delta ? exp(at.log_size) : ask->delta;
        how.cut = fmax(1e-290, fmin(1.0, target) * 1e-10 / p->n_events);
        st = fit_grid(p, &at, &how, &bottom, &size);
        if (st == CO_OK && size) {
            st = compose(p, &at, &how, bottom, size, &above, &below);
            *done = st == CO_OK && (!below || read_bound(&s, below, ask, &how, true, lower)) &&
                    (!above || read_bound(&s, above, ask, &how, false, upper));
            if (st == CO_EINTERNAL) st = CO_OK; /* no mass on this grid */
        }
        co_composition_destroy(above);
        co_composition_destroy(below);
    }
    fini_saddle_rows(&s);
    return st;
}

/* The bounds of one direction into *upper and *lower: by FFT where a common grid resolves all
 * losses, else by the contour integral. */
static co_status answer_direction(const plan *p, const co_loss_question *ask, layout how,
                                  double *upper, double *lower)
{
    bool done = false;
    *upper = INFINITY, *lower = 0.0;
    if (p->n_events > 1.0) CO_TRY(answer_grid(p, ask, how, upper, lower, &done));
    if (done) return CO_OK;
    *upper = INFINITY, *lower = 0.0;
    if (how.above)
        CO_TRY(co_contour_answer(&p->rows, ask, how.direction, CO_SPREAD, how.quick, upper));
    if (how.below)
        CO_TRY(co_contour_answer(&p->rows, ask, how.direction, CO_MERGED, how.quick, lower));
    return CO_OK;
}

/* Fixed size: bounded from above by the dominating pair, from below by two data sets that exist. */
static co_status answer_fixed(const plan *p, const co_loss_question *ask, const co_accounting *how,
                              double *upper, double *lower)
{
    double unused;
    const layout dominating = {.direction = CO_BOTH, .above = true, .quick = how->quick};
    const layout existing = {.direction = CO_REMOVE, .below = true, .quick = how->quick};
    CO_TRY(answer_direction(p, ask, dominating, upper, &unused));
    return how->lower ? answer_direction(p, ask, existing, &unused, lower) : CO_OK;
}

/* Of the two directions of a Poisson sample most often REMOVE is the larger: the other is looked at
 * on a coarse grid first. A lower bound of either direction is one of the guarantee. */
static co_status answer_bounds(const plan *p, const co_loss_question *ask, const co_accounting *how,
                               double *upper, double *lower)
{
    double other, other_lower;
    layout l = {.direction = CO_REMOVE, .above = true, .below = how->lower, .quick = how->quick};
    if (p->fixed) return answer_fixed(p, ask, how, upper, lower);
    CO_TRY(answer_direction(p, ask, l, upper, lower));
    if (!p->poisson) return CO_OK;
    const layout coarse = {.direction = CO_ADD, .above = true, .quick = true};
    co_loss_question larger = *ask;
    larger.enough = *upper;
    CO_TRY(answer_direction(p, &larger, coarse, &other, &other_lower));
    if (other <= *upper) return CO_OK;
    l.direction = CO_ADD;
    CO_TRY(answer_direction(p, ask, l, &other, &other_lower));
    *upper = fmax(*upper, other);
    *lower = fmax(*lower, other_lower);
    return CO_OK;
}

/* epsilon at delta 0: laplace alone has one, the sum of the largest losses. */
static double pure_epsilon(const plan *p)
{
    double sum = 0.0;
    for (size_t i = 0; i < p->rows.n; i++) {
        const co_event *e = &p->rows.rows[i].event;
        if (e->noise != CO_NOISE_LAPLACE) return INFINITY;
        sum += (double)p->rows.rows[i].count * log1p(e->rate * expm1(1.0 / e->noise_multiplier));
    }
    return sum;
}

/* Closed forms, exact: true when one applies. */
static bool is_gaussian(const plan *p)
{
    const co_event *e = &p->rows.rows[0].event;
    return p->rows.n == 1 && e->noise == CO_NOISE_GAUSSIAN && e->rate == 1.0;
}

static bool is_one_integer(const plan *p)
{
    const co_ledger_row *row = &p->rows.rows[0];
    return p->rows.n == 1 && row->count == 1 && row->event.noise == CO_NOISE_DISCRETE_GAUSSIAN &&
           row->event.rate == 1.0 && row->event.lattice_std == 0.0 &&
           row->event.noise_multiplier <= 1000.0;
}

static co_status integer_delta(const plan *p, double epsilon, double *delta)
{
    co_discrete_gaussian x;
    CO_TRY(co_discrete_gaussian_init(&x, p->rows.rows[0].event.noise_multiplier));
    *delta = fmax(0.0, co_discrete_gaussian_delta(&x, epsilon));
    co_discrete_gaussian_fini(&x);
    return CO_OK;
}

static co_status answer_plan(const plan *p, const co_accounting *how, const co_loss_question *ask,
                             double *upper, double *lower)
{
    const double z = p->rows.rows[0].event.noise_multiplier;
    *lower = NAN;
    if (!ask->for_delta && ask->delta == 0.0) {
        *upper = *lower = pure_epsilon(p);
        return CO_OK;
    }
    if (is_gaussian(p)) {
        *upper = *lower = ask->for_delta ? co_gaussian_delta(1.0 / z, ask->epsilon)
                                         : co_gaussian_epsilon(1.0 / z, ask->delta);
        return CO_OK;
    }
    if (is_one_integer(p) && ask->for_delta) {
        CO_TRY(integer_delta(p, ask->epsilon, upper));
        *lower = *upper;
        return CO_OK;
    }
    CO_TRY(answer_bounds(p, ask, how, upper, lower));
    if (!how->lower) *lower = NAN;
    return CO_OK;
}

/* Noise in shares: its loss is bounded by its moments alone, which rdp has. */
static bool is_unknown(const co_ledger *ledger)
{
    for (size_t i = 0; i < ledger->n; i++)
        if (co_noise_is_shared(ledger->rows[i].event.noise)) return true;
    return false;
}

static co_status answer(const co_ledger *ledger, const co_accounting *how,
                        const co_loss_question *ask, double *upper, double *lower)
{
    plan p;
    if (is_unknown(ledger)) {
        *upper = ask->for_delta ? 1.0 : INFINITY;
        *lower = 0.0;
        return CO_OK;
    }
    co_status st = init_plan(&p, ledger);
    if (st == CO_OK) st = answer_plan(&p, how, ask, upper, lower);
    co_ledger_fini(&p.rows);
    return st;
}

/* The quick bound as well, so that it is never the smaller one. */
static co_status answer_both(const co_ledger *ledger, const co_accounting *how,
                             const co_loss_question *ask, double *upper, double *lower)
{
    const co_accounting quick = {.quick = true};
    double other, unused;
    CO_TRY(answer(ledger, how, ask, upper, lower));
    if (how->quick) return CO_OK;
    CO_TRY(answer(ledger, &quick, ask, &other, &unused));
    *upper = fmin(*upper, other);
    return CO_OK;
}

/* The moments bound the curve too, and where rounding is all that the rest sees they are closer. */
extern const co_accountant co_accountant_rdp;

static co_status epsilon(const co_ledger *ledger, const co_accounting *how, double delta,
                         co_guarantee *out)
{
    const co_loss_question ask = {.delta = delta};
    co_guarantee moments = *out;
    CO_TRY(answer_both(ledger, how, &ask, &out->epsilon, &out->epsilon_lower));
    CO_TRY(co_accountant_rdp.epsilon(ledger, &(co_accounting){0}, delta, &moments));
    if (!(moments.epsilon < out->epsilon)) return CO_OK;
    moments.epsilon_lower = out->epsilon_lower, moments.bound = co_accountant_rdp.name;
    *out = moments;
    return CO_OK;
}

static co_status delta(const co_ledger *ledger, const co_accounting *how, double target,
                       co_guarantee *out)
{
    const co_loss_question ask = {.for_delta = true, .epsilon = target};
    co_guarantee moments = *out;
    CO_TRY(answer_both(ledger, how, &ask, &out->delta, &out->delta_lower));
    CO_TRY(co_accountant_rdp.delta(ledger, &(co_accounting){0}, target, &moments));
    if (!(moments.delta < out->delta)) return CO_OK;
    moments.delta_lower = out->delta_lower, moments.bound = co_accountant_rdp.name;
    *out = moments;
    return CO_OK;
}

const co_accountant co_accountant_pld = {
    .name = "pld",
    .summary =
        "privacy loss distribution: a certified bound, nearly exact; rdp's where that is smaller",
    .source = "Koskela et al. 2020, arXiv:1906.03049; Doroshenko et al. 2022, arXiv:2207.04380; "
              "Zhu, Dong and Wang 2022, "
              "arXiv:2106.08567",
    .has_lower = true,
    .epsilon = epsilon,
    .delta = delta};
