/* privacy/accountants/pld_phasors.c - characteristic function of a tilted privacy loss at equally
 * spaced frequencies.
 *
 * Each atom is a phasor that turns by the same angle from one frequency to the next: four
 * multiplications an atom and frequency, sine and cosine once in CO_ROTATIONS. What turns is
 * z_j = e^(i j a) - 1, by z_(j+1) = z_j e^(i a) + (e^(i a) - 1): every rounding is relative to |z|.
 */
#include "privacy/accountants/pld_phasors.h"
#include "core/clones.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

#define BLOCK 128
#define LANES 8

/* Weights of some atoms, and their turn from one frequency to the next. */
typedef struct {
    double weight[BLOCK], angle[BLOCK], cos[BLOCK], sin[BLOCK];
    double step_re[BLOCK], step_im[BLOCK]; /* weight (e^(i angle) - 1) */
} block;

struct co_phasors {
    size_t n; /* blocks; behind the last atom weights are 0 */
    block *blocks;
    double mass;
};

co_status co_phasors_create(const co_loss_atoms *atoms, double tilt, double log_moment, double step,
                            co_phasors **phasors)
{
    co_phasors *x = *phasors = co_calloc(1, sizeof *x);
    if (x) x->n = (atoms->n + BLOCK - 1) / BLOCK;
    if (x) x->blocks = co_calloc(x->n, sizeof *x->blocks);
    if (!x || !x->blocks)
        return CO_FAIL(CO_ENOMEM, "out of memory for a privacy loss of %zu atoms", atoms->n);
    double mass = 0.0; /* of the blocks one by one, so that sums are short */
    for (size_t k = 0; k < x->n * BLOCK; k++) {
        block *at = &x->blocks[k / BLOCK];
        const size_t i = k % BLOCK;
        const double loss = k < atoms->n ? atoms->loss[k] : 0.0;
        at->weight[i] = k < atoms->n ? exp(atoms->log_mass[k] + tilt * loss - log_moment) : 0.0;
        at->angle[i] = loss * step;
        const double half = sin(0.5 * at->angle[i]);
        at->cos[i] = cos(at->angle[i]), at->sin[i] = sin(at->angle[i]);
        at->step_re[i] = -2.0 * at->weight[i] * half * half;
        at->step_im[i] = at->weight[i] * at->sin[i];
        mass += at->weight[i];
        if (i == BLOCK - 1) x->mass += mass, mass = 0.0;
    }
    return CO_OK;
}

double co_phasors_mass(const co_phasors *phasors)
{
    return phasors->mass;
}

void co_phasors_destroy(co_phasors *phasors)
{
    if (phasors) co_free(phasors->blocks);
    co_free(phasors);
}

/* sum[j] += sum over the block's phasors, each turned j times, for j < CO_ROTATIONS. */
CO_CLONES static void rotate(const block *x, double *restrict at_re, double *restrict at_im,
                             double (*restrict sum)[2])
{
    for (int j = 0; j < CO_ROTATIONS; j++) {
        double re[LANES] = {0}, im[LANES] = {0};
        for (int i = 0; i < BLOCK; i += LANES)
            for (int l = 0; l < LANES; l++) {
                const double a = at_re[i + l], b = at_im[i + l];
                re[l] += a, im[l] += b;
                at_re[i + l] = a * x->cos[i + l] - b * x->sin[i + l] + x->step_re[i + l];
                at_im[i + l] = a * x->sin[i + l] + b * x->cos[i + l] + x->step_im[i + l];
            }
        for (int l = 0; l < LANES; l++) sum[j][0] += re[l], sum[j][1] += im[l];
    }
}

double co_phasors_sum(const co_phasors *phasors, size_t first, double (*sum)[2])
{
    double re[BLOCK], im[BLOCK], apart = 0.0;
    memset(sum, 0, CO_ROTATIONS * sizeof *sum);
    for (size_t k = 0; k < phasors->n; k++) {
        const block *x = &phasors->blocks[k];
        for (size_t i = 0; i < BLOCK; i++) {
            const double turn = x->angle[i] * (double)first, sin_half = sin(0.5 * turn),
                         cos_half = cos(0.5 * turn),
                         rest = fma(x->angle[i], (double)first, -turn); /* its rounding */
            const double cos_less_1 = -2.0 * sin_half * sin_half,
                         sin_turn = 2.0 * sin_half * cos_half;
            re[i] = x->weight[i] * (cos_less_1 - rest * sin_turn);
            im[i] = x->weight[i] * (sin_turn + rest * (1.0 + cos_less_1));
            apart +=
                x->weight[i] * fmin(2.0, fabs(x->angle[i]) * (double)(first + CO_ROTATIONS - 1));
        }
        rotate(x, re, im, sum);
    }
    return apart;
}
