/* tests/probes/residues.c - a stage that makes integers modulo 2^16 of an update: each number in
 * steps of 2^-10, at most 500 of them either way. Backward: the sum of residues as the integer
 * nearest to 0, in those steps, over the number of devices that came. */
#include "aggregators/stages/stage.h"
#include <math.h>

enum { BITS = 16, MOST = 500, STEP_BITS = 10 };

static co_ring ring(const void *self, size_t cohort)
{
    (void)self;
    (void)cohort;
    return (co_ring){.bits = BITS, .bound = MOST};
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    (void)self;
    (void)key;
    (void)state;
    for (size_t j = 0; j < c->n; j++) {
        const double steps = rint(ldexp((double)c->update[j], STEP_BITS));
        c->residue[j] = (uint64_t)(int64_t)fmax(-MOST, fmin(MOST, steps)) & ((1u << BITS) - 1);
    }
}

static void backward(void *self, const co_stage_key *key, co_round_sum *sum)
{
    (void)self;
    (void)key;
    for (size_t j = 0; j < sum->n; j++)
        if (sum->sum[j] >= 1 << (BITS - 1)) sum->sum[j] -= 1 << BITS;
    sum->bits = 0;
    sum->step = ldexp(1.0, -STEP_BITS);
    sum->total = (double)sum->n_reported;
}

static void message(const void *self, co_message *m)
{
    (void)self;
    m->bits = BITS;
}

const co_stage co_stage_residues = {.name = "residues",
                                    .summary = "integers modulo 2^16 of an update",
                                    .gives = CO_INTEGERS,
                                    .ring = ring,
                                    .forward = forward,
                                    .backward = backward,
                                    .message = message};
