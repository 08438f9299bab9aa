/* privacy/accountants/pld_pmf.c - a privacy loss on a grid, from above and from below.
 *
 * A cell from a to a + h has mass p under P and q under Q. With u = q e^(a + h) - p >= 0 and v = p
 * - q e^a >= 0:
 *
 * Above (connect the dots: Doroshenko et al. 2022, arXiv:2207.04380, Section 4): the mass is split
 * between the two ends so that both p and q are kept: v / (1 - e^-h) goes up, u / (e^h - 1) goes
 * down. The privacy curve is then exact at the grid and above the true one between: its chords in
 * e^epsilon. What is beyond the grid goes to infinity (top) and to the first point (bottom).
 *
 * Below: outcomes are merged at random, which only loses information. Of the cell below a point a
 * fraction w, of the cell above it a fraction 1 - w' comes to the point; the merged outcome has a
 * loss of at least the point's when w u <= (1 - w') v', and is then lowered to it. w = v' / (v' +
 * u) is right where it changes slowly; w' is cut down where needed. The loss given away is of third
 * order in h, the variance given away h^2 / 3 (above: h^2 / 6 too much). Both merges are ours. */
#include "core/memory.h"
#include "privacy/accountants/pld_law.h"
#include <math.h>

#define REFRESH 32
#define ON_POINT                                                                                   \
    1e-9 /* surplus / deficit of a cell whose mass is an atom on the point below it                \
          */

/* Cells seen in one direction, as borrowed or mirrored arrays. */
typedef struct {
    int64_t first;
    size_t n;
    double *p, *q;
    double p_below, p_above;
} view;

static void mirror(const co_loss_cells *cells, view *v)
{
    v->first = -(cells->first + (int64_t)cells->n);
    v->n = cells->n;
    v->p_below = cells->q_above, v->p_above = cells->q_below;
    for (size_t j = 0; j < v->n; j++) {
        v->p[j] = cells->q[cells->n - 1 - j];
        v->q[j] = cells->p[cells->n - 1 - j];
    }
}

/* The cells above 0, and their mirror image with P and Q swapped below. */
static void unfold(const co_loss_cells *cells, view *v)
{
    const size_t zero = (size_t)-cells->first, half = cells->n - zero;
    v->first = -(int64_t)half;
    v->n = 2 * half;
    v->p_below = cells->q_above, v->p_above = cells->p_above;
    for (size_t j = 0; j < half; j++) {
        v->p[half + j] = v->q[half - 1 - j] = cells->p[zero + j];
        v->q[half + j] = v->p[half - 1 - j] = cells->q[zero + j];
    }
}

static void copy(const co_loss_cells *cells, view *v)
{
    v->first = cells->first;
    v->n = cells->n;
    v->p_below = cells->p_below, v->p_above = cells->p_above;
    for (size_t j = 0; j < v->n; j++) v->p[j] = cells->p[j], v->q[j] = cells->q[j];
}

static void fill_above(const view *v, double step, co_loss_pmf *pmf)
{
    const double up = -expm1(-step), ratio = exp(step);
    double low = 0.0; /* e^(loss at the cell's lower end) */
    double sum = v->p_below + v->p_above;
    pmf->mass[0] = v->p_below;
    pmf->infinite = v->p_above;
    for (size_t j = 0; j < v->n; j++) {
        low = j % REFRESH == 0 ? exp((double)(v->first + (int64_t)j) * step) : low * ratio;
        const double raised = fmin(v->p[j], fmax(0.0, (v->p[j] - v->q[j] * low) / up));
        pmf->mass[j] += v->p[j] - raised;
        pmf->mass[j + 1] = raised;
        sum += v->p[j];
    }
    if (v->first < 0 && (size_t)-v->first <= v->n) pmf->mass[-v->first] += fmax(0.0, 1.0 - sum);
}

static void fill_below(const view *v, double step, co_loss_pmf *pmf)
{
    const double ratio = exp(step);
    double low = 0.0;              /* e^(loss at the cell's lower end) */
    double w = 0.0, deficit = 0.0; /* fraction of the cell before that comes up, its u */
    pmf->mass[0] = 0.0;
    for (size_t j = 0; j < v->n; j++) {
        low = j % REFRESH == 0 ? exp((double)(v->first + (int64_t)j) * step) : low * ratio;
        const double high = low * ratio;
        const double surplus = fmax(0.0, v->p[j] - v->q[j] * low),
                     u = fmax(0.0, v->q[j] * high - v->p[j]);
        const double next = j + 1 < v->n ? fmax(0.0, v->p[j + 1] - v->q[j + 1] * high) : 0.0;
        double rise = next > 0.0 && surplus > ON_POINT * u ? next / (next + u) : 0.0;
        if (w * deficit > 0.0) rise = fmin(rise, 1.0 - w * deficit / surplus);
        rise = fmax(0.0, rise);
        pmf->mass[j] += (1.0 - rise) * v->p[j];
        pmf->mass[j + 1] = rise * v->p[j];
        w = rise, deficit = u;
    }
    pmf->mass[v->n] += v->p_above;
    pmf->infinite = 0.0;
}

co_status co_loss_pmf_init(co_loss_pmf *pmf, const co_loss_cells *cells, co_direction direction,
                           bool lower)
{
    const size_t most = 2 * cells->n;
    view v = {.p = co_malloc(most, sizeof *v.p), .q = co_malloc(most, sizeof *v.q)};
    *pmf = (co_loss_pmf){.mass = co_malloc(most + 1, sizeof *pmf->mass)};
    const bool ok = v.p && v.q && pmf->mass;
    if (ok) {
        (direction == CO_ADD ? mirror : direction == CO_BOTH ? unfold : copy)(cells, &v);
        pmf->first = v.first;
        pmf->n = v.n + 1;
        (lower ? fill_below : fill_above)(&v, cells->step, pmf);
    }
    co_free(v.p);
    co_free(v.q);
    return ok ? CO_OK
              : CO_FAIL(CO_ENOMEM, "out of memory for a privacy loss on %zu grid points", most);
}

void co_loss_pmf_fini(co_loss_pmf *pmf)
{
    co_free(pmf->mass);
    *pmf = (co_loss_pmf){0};
}
