/* privacy/accountants/pld_law.c - the law of the privacy loss of one event.
 *
 * Without sampling the loss l = log P/Q is a monotone function of one number x: gaussian l = (2x -
 * 1) / (2 z^2) with Q = N(0, z^2), P = N(1, z^2); laplace l = (|x| - |x - 1|) / z;
 * discrete_gaussian as gaussian at integers x. Swapping P and Q turns l into -l, so that upper
 * tails are enough. Sampled at rate q: P' = (1-q) Q + q P against Q, loss log(1 + q (e^l - 1)):
 * again monotone.
 *
 * Domination: Poisson, one device added or removed: (P', Q) and (Q, P') (Zhu, Dong and Wang 2022,
 * arXiv:2106.08567, Theorem 11). Fixed size, one replaced: the curve of (P', Q) above loss 0 and of
 * (P, (1-q) P + q Q) below it (same theorem); by the symmetry the part below is the mirror image of
 * the part above with P and Q swapped, and the rest of the mass lies at 0.
 *
 * Vectors of integers with discrete Gaussian noise of s steps: with t = 2, rounding y ~ N(v, s^2 -
 * t^2) to an integer n with probability proportional to e^(-(n - y)^2 / (2 t^2)) gives N_Z(v, s^2)
 * up to a factor 1 +- 4 e^(-2 pi^2 t^2) a coordinate (Poisson summation: sum_n e^(-(n - y)^2 / (2
 * t^2)) hardly depends on y), that is 1e-33. So the release is post-processing of a continuous
 * Gaussian of s^2 - 4, and adding N(0, t^2) to it gives a continuous one of s^2 + 4: bounds from
 * both sides in any dimension, since continuous noise has no preferred direction. One integer of
 * std <= 1000 is taken as it is. */
#include "privacy/accountants/pld_law.h"
#include "core/memory.h"
#include <math.h>

#define ROUNDING 4.0          /* t^2 */
#define COARSEST_LATTICE 16.0 /* steps of noise from which on the bounds are used for vectors */
#define LARGEST_EXACT 1000.0
#define TIE 4e-15

co_status co_loss_law_init(co_loss_law *law, const co_event *event, bool lower)
{
    const double lattice = event->lattice_std > 0.0 ? event->lattice_std : event->noise_multiplier;
    *law = (co_loss_law){.noise = event->noise, .z = event->noise_multiplier, .rate = event->rate};
    if (event->noise != CO_NOISE_DISCRETE_GAUSSIAN) return CO_OK;
    if (event->lattice_std == 0.0 && lattice <= LARGEST_EXACT)
        return co_discrete_gaussian_init(&law->integer, law->z);
    if (lattice < COARSEST_LATTICE)
        return CO_FAIL(
            CO_EUSAGE,
            "accountant pld: discrete Gaussian noise of %g lattice steps on a vector is too coarse "
            "for it (at least %g); use a finer lattice or accountant rdp",
            lattice, COARSEST_LATTICE);
    law->noise = CO_NOISE_GAUSSIAN;
    law->z *= sqrt(1.0 + (lower ? ROUNDING : -ROUNDING) / (lattice * lattice));
    return CO_OK;
}

void co_loss_law_fini(co_loss_law *law)
{
    co_discrete_gaussian_fini(&law->integer);
    *law = (co_loss_law){0};
}

void co_loss_law_tail(const co_loss_law *law, double t, double *p, double *q)
{
    const double z = law->z, sqrt1_2 = 0.70710678118654752440;
    if (law->noise == CO_NOISE_GAUSSIAN) {
        *p = 0.5 * erfc((z * t - 0.5 / z) * sqrt1_2);
        *q = 0.5 * erfc((z * t + 0.5 / z) * sqrt1_2);
    } else if (law->noise == CO_NOISE_LAPLACE) {
        const bool inside = t * z < 1.0;
        *p = inside ? 0.5 + 0.5 * -expm1((t - 1.0 / z) / 2.0) : 0.0; /* x > (t z + 1) / 2 */
        *q = inside ? 0.5 * exp(-(t + 1.0 / z) / 2.0) : 0.0;
    } else {
        const double m = floor(t * z * z + 0.5) + 1.0;
        *p = co_discrete_gaussian_upper(&law->integer, m - 1.0);
        *q = co_discrete_gaussian_upper(&law->integer, m);
    }
}

double co_loss_law_reach(const co_loss_law *law, double cut)
{
    double lo = 0.0, hi = 1.0, p, q;
    for (co_loss_law_tail(law, hi, &p, &q); p > cut; co_loss_law_tail(law, hi, &p, &q))
        lo = hi, hi *= 2.0;
    for (int i = 0; i < 30; i++) {
        const double t = 0.5 * (lo + hi);
        co_loss_law_tail(law, t, &p, &q);
        *(p > cut ? &lo : &hi) = t;
    }
    return hi;
}

/* Upper tail for t >= 0, lower tail (loss <= t) for t < 0, of the sampled pair at unsampled loss t.
 */
static void sampled_tail(const co_loss_law *law, double t, double *p, double *q)
{
    double with, without;
    if (t >= 0.0)
        co_loss_law_tail(law, t, &with, &without);
    else
        co_loss_law_tail(law, -t, &without, &with);
    *p = (1.0 - law->rate) * without + law->rate * with;
    *q = without;
}

static co_status no_memory(size_t n)
{
    return CO_FAIL(CO_ENOMEM, "out of memory for a privacy loss on %zu grid points", n);
}

double co_loss_law_range(const co_loss_law *law, double cut, double *low)
{
    const double reach = fmin(co_loss_law_reach(law, cut), 700.0);
    *low = log1p(law->rate * expm1(-reach));
    return log1p(law->rate * expm1(reach));
}

/* An atom that lies on a grid point shall be in the cell above it, whatever the rounding. */
static void grid_tail(const co_loss_law *law, double loss, double *p, double *q)
{
    if (law->noise != CO_NOISE_GAUSSIAN) loss -= TIE * fabs(loss);
    const double relative = expm1(loss) / law->rate;
    *p = *q = 0.0;
    if (relative <= -1.0) return; /* below log(1 - q): no mass */
    const double t = law->rate == 1.0 ? loss : log1p(relative);
    sampled_tail(law, t == 0.0 && loss < 0.0 ? -0x1p-1000 : t, p, q);
}

co_status co_loss_cells_init(co_loss_cells *cells, const co_loss_law *law, double step, double cut,
                             double low, double high)
{
    double p0, q0, p1, q1, lowest;
    high = fmin(high, co_loss_law_range(law, cut, &lowest));
    low = fmax(low, lowest);
    *cells = (co_loss_cells){.step = step, .first = (int64_t)floor(low / step) - 1};
    cells->n = (size_t)((int64_t)ceil(high / step) + 1 - cells->first);
    cells->p = co_malloc(cells->n, sizeof *cells->p);
    cells->q = co_malloc(cells->n, sizeof *cells->q);
    if (!cells->p || !cells->q) return no_memory(cells->n);
    grid_tail(law, (double)cells->first * step, &p0, &q0);
    cells->p_below = p0, cells->q_below = q0;
    for (size_t j = 0; j < cells->n; j++) {
        const int64_t k = cells->first + (int64_t)j; /* the cell from k to k + 1 */
        if (k == 0) grid_tail(law, 0.0, &p0, &q0);
        grid_tail(law, k == -1 ? -0x1p-1000 : (double)(k + 1) * step, &p1, &q1);
        cells->p[j] = fabs(p1 - p0), cells->q[j] = fabs(q1 - q0);
        p0 = p1, q0 = q1;
    }
    cells->p_above = p0, cells->q_above = q0;
    return CO_OK;
}

void co_loss_cells_fini(co_loss_cells *cells)
{
    co_free(cells->p);
    co_free(cells->q);
    *cells = (co_loss_cells){0};
}
