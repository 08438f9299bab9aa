/* privacy/accountants/pld_atoms.c - the law of one event's privacy loss as atoms whose places
 * follow the law itself.
 *
 * The unsampled pair (P, Q) has loss x >= 0 in cells, of equal width for continuous noise and of
 * neighbouring integers for discrete noise; x < 0 is the mirror image with P and Q swapped. A cell
 * from a to b with masses p, q becomes spread  (p - q e^a) / (1 - e^(a-b)) of p at b, the rest at
 * a, Q's masses e^-x times those: both outputs keep their mass, and merging the two again gives the
 * cell back: a pair that dominates (Doroshenko et al. 2022, arXiv:2207.04380, Section 4) merged one
 * outcome of loss log(p/q): post-processing, a pair that is dominated. Sampling at rate r mixes
 * outputs: an atom with masses p, q at x has (1-r) q + r p against q and loss log(1 + r (e^x - 1)),
 * and stays exact at any r, however small: the grid shrinks with the losses. Over n events the
 * variance that atoms add, relative to that of the loss, is that of one event: about (cell /
 * standard deviation)^2 / 6. */
#include "core/memory.h"
#include "privacy/accountants/pld_law.h"
#include <math.h>

#define FLAT 500.0 /* losses from which on e^-x counts as nothing */

typedef struct {
    co_loss_atoms *atoms;
    co_direction direction;
    double rate, zero; /* zero: mass that BOTH leaves at loss 0 */
} sink;

static void put(sink *to, double mass, double loss)
{
    if (!(mass > 0.0)) return;
    to->atoms->loss[to->atoms->n] = loss;
    to->atoms->log_mass[to->atoms->n++] = log(mass);
}

/* log(1 + r (e^x - 1)) */
static double sampled_loss(double rate, double x)
{
    if (rate == 1.0) return x;
    if (x > 30.0) return x + log(rate) + log1p((1.0 - rate) / rate * exp(-x));
    if (x < 0.0 && rate > 0.5) return log((1.0 - rate) + rate * exp(x));
    return log1p(rate * expm1(x));
}

/* Outcomes of unsampled loss x and their mirror image. */
static void emit(sink *to, double x, double p, double q)
{
    const double r = to->rate, mixed = (1.0 - r) * q + r * p, up = sampled_loss(r, x);
    if (to->direction == CO_BOTH) {
        put(to, mixed, up);
        put(to, q, -up);
        to->zero -= mixed + q;
        return;
    }
    const double down = sampled_loss(r, -x);
    if (to->direction == CO_REMOVE) {
        put(to, mixed, up);
        put(to, (1.0 - r) * p + r * q, down);
    } else {
        put(to, q, -up);
        put(to, p, -down);
    }
}

/* What lies above the last cell, whose end is x, and its mirror image. Spread: to infinity, or to
 * where the loss is no lower. */
static void emit_above(sink *to, double x, double p, double q)
{
    const double r = to->rate, mixed = (1.0 - r) * q + r * p, up = sampled_loss(r, x);
    if (to->direction == CO_ADD) {
        if (r < 0.5)
            put(to, p, -log1p(-r));
        else
            to->atoms->infinite += p;
        put(to, q, -up);
        return;
    }
    to->atoms->infinite += mixed;
    if (to->direction == CO_BOTH) to->zero -= mixed + q;
    put(to, to->direction == CO_BOTH ? q : (1.0 - r) * p + r * q,
        to->direction == CO_BOTH ? -up : sampled_loss(r, -x));
}

/* Merged: one outcome, whose high loss is lowered to that of x, which is nearer. */
static void emit_merged_above(sink *to, double x, double p, double q)
{
    const double r = to->rate, mean = p > 0.0 && q > 0.0 ? fmax(x, log(p / q)) : 1e300;
    const bool adds = to->direction == CO_ADD;
    put(to, adds ? q : (1.0 - r) * q + r * p, adds ? -sampled_loss(r, mean) : sampled_loss(r, x));
    put(to, adds ? p : (1.0 - r) * p + r * q, adds ? -sampled_loss(r, -x) : sampled_loss(r, -mean));
}

/* More than cut under the sampled output, or under P where it counts whole. */
static bool is_left(const sink *to, double p, double q, double cut)
{
    const bool plain = to->direction == CO_ADD && to->rate >= 0.5;
    return (plain ? p : (1.0 - to->rate) * q + to->rate * p) > cut;
}

/* The unsampled loss above which no more than cut is left. */
static double sampled_reach(const sink *to, const co_loss_law *law, double cut)
{
    double lo = 0.0, hi = 1.0, p, q;
    for (co_loss_law_tail(law, hi, &p, &q); is_left(to, p, q, cut);
         co_loss_law_tail(law, hi, &p, &q))
        lo = hi, hi *= 2.0;
    for (int i = 0; i < 30; i++) {
        const double t = 0.5 * (lo + hi);
        co_loss_law_tail(law, t, &p, &q);
        *(is_left(to, p, q, cut) ? &lo : &hi) = t;
    }
    return hi;
}

/* What moves from the cell before to its upper end. */
typedef struct {
    double x, p, q;
} raised;

static void add_cell(sink *to, co_loss_form form, double a, double b, double p, double q,
                     raised *up)
{
    if (form == CO_MERGED) {
        const double x = p > 0.0 && q > 0.0 ? log(p / q) : a;
        emit(to, fmax(a, fmin(b, x)), p, q);
        return;
    }
    double share = p;
    if (b > a && a < FLAT) share = fmax(0.0, fmin(p, (p - q * exp(a)) / -expm1(a - b)));
    if (b == a) share = 0.0;
    if (up->x != a) emit(to, up->x, up->p, up->q), up->p = up->q = 0.0;
    emit(to, a, up->p + p - share, up->q + (p - share) * exp(-a));
    *up = (raised){b, share, share * exp(-b)};
}

/* Mass of a continuous loss in (a, b], without cancellation below the centre. */
static void cell_mass(const co_loss_law *law, double a, double b, double *p, double *q)
{
    double p0, q0, p1, q1;
    const double z = law->z, from = (z * a - 0.5 / z) * 0.70710678118654752440,
                 to = (z * b - 0.5 / z) * 0.70710678118654752440;
    co_loss_law_tail(law, a, &p0, &q0);
    if (law->noise == CO_NOISE_LAPLACE) { /* up to, and without, the atom at 1/z */
        *p = 0.5 * exp((a - 1.0 / z) / 2.0) * expm1((b - a) / 2.0);
        *q = 0.5 * exp(-(a + 1.0 / z) / 2.0) * -expm1((a - b) / 2.0);
        return;
    }
    co_loss_law_tail(law, b, &p1, &q1);
    *p = to < 0.0 ? 0.5 * (erfc(-to) - erfc(-from)) : p0 - p1;
    *q = q0 - q1;
}

static void add_continuous(sink *to, const co_loss_law *law, size_t n_cells, double cut,
                           co_loss_form form)
{
    const bool laplace = law->noise == CO_NOISE_LAPLACE;
    const double reach = laplace ? 1.0 / law->z : sampled_reach(to, law, cut),
                 width = reach / (double)n_cells;
    raised up = {0};
    double p, q;
    for (size_t k = 0; k < n_cells; k++) {
        const double a = (double)k * width, b = k + 1 == n_cells ? reach : (double)(k + 1) * width;
        cell_mass(law, a, b, &p, &q);
        add_cell(to, form, a, b, p, q, &up);
    }
    if (laplace) up.p += 0.5, up.q += 0.5 * exp(-reach), up.x = reach;
    emit(to, up.x, up.p, up.q);
    if (laplace) return;
    co_loss_law_tail(law, reach, &p, &q);
    if (form == CO_SPREAD)
        emit_above(to, reach, p, q);
    else
        emit_merged_above(to, reach, p, q);
}

/* Integers m >= 1 with loss (2 m - 1) / (2 z^2), as many in a cell as needed. */
static void add_discrete(sink *to, const co_loss_law *law, size_t n_cells, double cut,
                         co_loss_form form)
{
    const double unit = 1.0 / (law->z * law->z);
    double last = 1.0;
    while (is_left(to, co_discrete_gaussian_upper(&law->integer, last),
                   co_discrete_gaussian_upper(&law->integer, last + 1.0), cut))
        last += 1.0;
    const double wide = ceil(last / (double)n_cells);
    raised up = {0};
    for (double m = 1.0; m <= last; m += wide) {
        const double end = fmin(last, m + wide - 1.0),
                     below = co_discrete_gaussian_upper(&law->integer, m - 1.0);
        const double at = co_discrete_gaussian_upper(&law->integer, m),
                     above = co_discrete_gaussian_upper(&law->integer, end);
        const double beyond = co_discrete_gaussian_upper(&law->integer, end + 1.0);
        add_cell(to, form, (m - 0.5) * unit, (end - 0.5) * unit, below - above, at - beyond, &up);
    }
    emit(to, up.x, up.p, up.q);
    const double p = co_discrete_gaussian_upper(&law->integer, last),
                 q = co_discrete_gaussian_upper(&law->integer, last + 1.0);
    if (form == CO_SPREAD)
        emit_above(to, (last + 0.5) * unit, p, q);
    else
        emit_merged_above(to, (last + 0.5) * unit, p, q);
}

co_status co_loss_atoms_init(co_loss_atoms *atoms, const co_loss_law *law, co_direction direction,
                             size_t n_cells, double cut, co_loss_form form)
{
    const size_t most = 4 * n_cells + 6;
    sink to = {.atoms = atoms, .direction = direction, .rate = law->rate, .zero = 1.0};
    *atoms = (co_loss_atoms){.loss = co_malloc(most, sizeof(double)),
                             .log_mass = co_malloc(most, sizeof(double))};
    if (!atoms->loss || !atoms->log_mass)
        return CO_FAIL(CO_ENOMEM, "out of memory for a privacy loss of %zu atoms", most);
    (law->noise == CO_NOISE_DISCRETE_GAUSSIAN ? add_discrete : add_continuous)(&to, law, n_cells,
                                                                               cut, form);
    if (direction == CO_BOTH) put(&to, to.zero, 0.0);
    return CO_OK;
}

void co_loss_atoms_fini(co_loss_atoms *atoms)
{
    co_free(atoms->loss);
    co_free(atoms->log_mass);
    *atoms = (co_loss_atoms){0};
}
