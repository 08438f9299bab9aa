/* privacy/accountants/pld_compose.h - the composed privacy loss on a window of the grid, with its
 * error. Local. */
#pragma once
#include "privacy/accountants/pld_saddle.h"

typedef struct co_composition co_composition;

/* size: a power of two >= 2. The window starts at the grid index bottom. */
co_status co_composition_create(size_t size, double step, const co_saddle *at, int64_t bottom,
                                co_composition **composition);
/* One more event, count times. */
co_status co_composition_add(co_composition *c, const co_loss_pmf *pmf, double count);
/* After the last event: back from frequencies. */
void co_composition_finish(co_composition *c);
void co_composition_destroy(co_composition *c); /* NULL allowed */

/* From above (lower false) or below: an upper or lower bound of the composed pmf's delta at
 * epsilon, errors of rounding, of what lies outside the window and of what was cut off included. */
double co_composition_delta(const co_composition *c, double epsilon, bool lower);
/* lower false: an epsilon with delta(epsilon) <= delta; *in_window false: a lower tilt may give a
 * smaller one. lower true: an epsilon with delta(epsilon) >= delta, 0 when none is known. */
double co_composition_epsilon(const co_composition *c, double delta, bool lower, bool *in_window);
/* About how much of delta at epsilon is there for rounding. */
double co_composition_rounding(const co_composition *c, double epsilon);
