/* sim/selectors/draw.h - what selectors share that draw among the devices that may be asked. Local.
 */
#pragma once
#include "sim/selectors/selector.h"

/* draw->m of the devices that may be asked, each subset of them equally likely: a subset of all by
 * the stream of the round, with further draws in place of those that may not. O(m) while at least
 * a share of the devices can be asked, else O(n_devices). As co_selector's draw. */
size_t co_draw_allowed(const co_selector_input *in, const co_draw *draw, int64_t *devices,
                       int64_t *scratch);
