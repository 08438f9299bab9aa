/* privacy/accountants/pld_phasors.c - characteristic function of a tilted privacy loss at equally
 * spaced frequencies.
 *
 * Each atom is a phasor that turns by the same angle from one frequency to the next: four
 * multiplications an atom and frequency, sines and cosines once in CO_ROTATIONS, after which
 * rounding is below 2^-47 of the sum. */
#include "privacy/accountants/pld_phasors.h"
#include "core/clones.h"
#include <math.h>
#include <string.h>

#define BLOCK 128
#define LANES 8

/* Tilted weights and the turn of each atom from one frequency to the next. */
typedef struct {
    double weight[BLOCK], angle[BLOCK], re[BLOCK], im[BLOCK], cos[BLOCK], sin[BLOCK];
} phasors;

/* sum[j] += sum over the block's phasors, each turned j times, for j < CO_ROTATIONS. */
CO_CLONES static void rotate(phasors *x, double (*restrict sum)[2])
{
    for (int j = 0; j < CO_ROTATIONS; j++) {
        double re[LANES] = {0}, im[LANES] = {0};
        for (int i = 0; i < BLOCK; i += LANES)
            for (int l = 0; l < LANES; l++) {
                const double a = x->re[i + l], b = x->im[i + l];
                re[l] += a, im[l] += b;
                x->re[i + l] = a * x->cos[i + l] - b * x->sin[i + l];
                x->im[i + l] = a * x->sin[i + l] + b * x->cos[i + l];
            }
        for (int l = 0; l < LANES; l++) sum[j][0] += re[l], sum[j][1] += im[l];
    }
}

void co_loss_characteristic(const co_loss_atoms *atoms, double tilt, double log_moment, double step,
                            size_t first, double (*sum)[2])
{
    phasors x;
    memset(sum, 0, CO_ROTATIONS * sizeof *sum);
    for (size_t begin = 0; begin < atoms->n; begin += BLOCK) {
        for (size_t i = 0; i < BLOCK; i++) {
            const size_t k = begin + i;
            const double loss = k < atoms->n ? atoms->loss[k] : 0.0;
            const double weight =
                k < atoms->n ? exp(atoms->log_mass[k] + tilt * loss - log_moment) : 0.0;
            x.re[i] = weight * cos(loss * step * (double)first),
            x.im[i] = weight * sin(loss * step * (double)first);
            x.cos[i] = cos(loss * step), x.sin[i] = sin(loss * step);
        }
        rotate(&x, sum);
    }
}
