/* sim/selectors/available.c - as uniform, among the devices that are there at that time: every
 * subset of them equally likely. Found by rejection: O(cohort) while a share of the devices is
 * there, whatever the population. Who is there is no sampling that an accountant knows. Source:
 * Bonawitz et al. 2019, arXiv:1902.01046, section 4.2 (devices check in when they are idle and
 * charged, and are chosen among those). */
#include "sim/selectors/draw.h"

static size_t draw(void *self, const co_selector_input *in, const co_draw *wanted, int64_t *devices,
                   int64_t *scratch)
{
    (void)self;
    return co_draw_allowed(in, wanted, devices, scratch);
}

const co_selector co_selector_available = {
    .name = "available",
    .summary = "as uniform, among those that are there now (section clock); O(cohort)",
    .source = "Bonawitz et al. 2019, arXiv:1902.01046",
    .asks_there = true,
    .sampling = CO_SAMPLING_NONE,
    .draw = draw};
