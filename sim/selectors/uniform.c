/* sim/selectors/uniform.c - a fixed number of devices, every subset equally likely, without
 * replacement. O(cohort) time and memory whatever the population. Source: McMahan et al. 2017,
 * arXiv:1602.05629, Algorithm 1. */
#include "sim/selectors/draw.h"

static size_t draw(void *self, const co_selector_input *in, const co_draw *wanted, int64_t *devices,
                   int64_t *scratch)
{
    (void)self;
    return co_draw_allowed(in, wanted, devices, scratch);
}

static double chance(const void *self, const co_selector_input *in, int64_t device)
{
    (void)self;
    (void)device;
    return in->per_round / (double)in->n_devices;
}

const co_selector co_selector_uniform = {
    .name = "uniform",
    .summary = "a fixed number of devices, all alike, without replacement; O(cohort)",
    .source = "McMahan et al. 2017, arXiv:1602.05629",
    .sampling = CO_SAMPLING_FIXED,
    .draw = draw,
    .chance = chance};
