/* aggregators/stages/rotate.c - a keyed rotation of each block, so that what comes behind it meets
 * numbers of like size (aggregators/hadamard.h).
 *
 * All devices of a step turn the same way: the sum is turned back on each owner's slice. A rounding
 * to levels of the largest magnitude of a bucket then errs by that of a rotated one, which is
 * sqrt(2 log n / n) of the norm and not the norm. Nothing is sent of it: signs are keyed by (seed,
 * step, block). Cost: 1 to 2 ns a coordinate, on a device and on the slice. Source: Suresh et al.,
 * ICML 2017, arXiv:1611.00429, section 3; there the vector is padded to a power of two, here the
 * last block and blocks of which a part travels are cut into powers of two, for padding would have
 * to be sent. */
#include "aggregators/hadamard.h"
#include "aggregators/stages/stage.h"
#include "core/memory.h"
#include <math.h>

static co_status create(const co_config *opt, void **self)
{
    const co_layout **layout = co_calloc(1, sizeof *layout);
    (void)opt;
    *self = layout;
    return layout ? CO_OK : CO_FAIL(CO_ENOMEM, "rotate state");
}

static co_status ready(void *self, const co_stage_site *site)
{
    *(const co_layout **)self = site->layout;
    return CO_OK;
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    (void)state;
    co_rotate(*(const co_layout **)self, key->seed, key->step, c->part, c->n_parts, 1.0, c->update);
    c->norm = NAN;
}

static void backward(void *self, const co_stage_key *key, co_round_sum *sum)
{
    co_sum_to_values(sum);
    co_rotate_back(*(const co_layout **)self, key->seed, key->step, sum->part, sum->n_parts,
                   sum->value);
}

const co_stage co_stage_rotate = {.name = "rotate",
                                  .summary =
                                      "turns each block at random, and the sum back: flattens "
                                      "updates before they are rounded",
                                  .source = "Suresh et al. 2017, arXiv:1611.00429",
                                  .create = create,
                                  .destroy = co_free,
                                  .ready = ready,
                                  .forward = forward,
                                  .backward = backward,
                                  .enforced = true,
                                  .blockwise = true,
                                  .mixes = true};
