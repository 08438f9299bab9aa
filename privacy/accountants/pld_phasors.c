/* privacy/accountants/pld_phasors.c - characteristic function of a tilted privacy loss at equally
 * spaced frequencies.
 *
 * Each atom is a phasor that turns by the same angle from one frequency to the next: four
 * multiplications an atom and frequency, sine and cosine once in CO_ROTATIONS, after which rounding
 * is below 2^-47 of the sum. */
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
} block;

struct co_phasors {
    size_t n; /* blocks; behind the last atom weights are 0 */
    block *blocks;
};

co_status co_phasors_create(const co_loss_atoms *atoms, double tilt, double log_moment, double step,
                            co_phasors **phasors)
{
    co_phasors *x = *phasors = co_calloc(1, sizeof *x);
    if (x) x->n = (atoms->n + BLOCK - 1) / BLOCK;
    if (x) x->blocks = co_calloc(x->n, sizeof *x->blocks);
    if (!x || !x->blocks)
        return CO_FAIL(CO_ENOMEM, "out of memory for a privacy loss of %zu atoms", atoms->n);
    for (size_t k = 0; k < x->n * BLOCK; k++) {
        block *at = &x->blocks[k / BLOCK];
        const size_t i = k % BLOCK;
        const double loss = k < atoms->n ? atoms->loss[k] : 0.0;
        at->weight[i] = k < atoms->n ? exp(atoms->log_mass[k] + tilt * loss - log_moment) : 0.0;
        at->angle[i] = loss * step;
        at->cos[i] = cos(at->angle[i]), at->sin[i] = sin(at->angle[i]);
    }
    return CO_OK;
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
                at_re[i + l] = a * x->cos[i + l] - b * x->sin[i + l];
                at_im[i + l] = a * x->sin[i + l] + b * x->cos[i + l];
            }
        for (int l = 0; l < LANES; l++) sum[j][0] += re[l], sum[j][1] += im[l];
    }
}

void co_phasors_sum(const co_phasors *phasors, size_t first, double (*sum)[2])
{
    double re[BLOCK], im[BLOCK];
    memset(sum, 0, CO_ROTATIONS * sizeof *sum);
    for (size_t k = 0; k < phasors->n; k++) {
        const block *x = &phasors->blocks[k];
        for (size_t i = 0; i < BLOCK; i++) {
            const double turn = x->angle[i] * (double)first, cos_turn = cos(turn),
                         sin_turn = sin(turn),
                         rest = fma(x->angle[i], (double)first, -turn); /* its rounding */
            re[i] = x->weight[i] * (cos_turn - rest * sin_turn);
            im[i] = x->weight[i] * (sin_turn + rest * cos_turn);
        }
        rotate(x, re, im, sum);
    }
}
