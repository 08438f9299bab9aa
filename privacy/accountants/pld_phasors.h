/* privacy/accountants/pld_phasors.h - characteristic function of a tilted privacy loss. Local. */
#pragma once
#include "privacy/accountants/pld_law.h"

#define CO_ROTATIONS 32

/* sum[j] = E[e^(i w L)] for w = (first + j) step, 0 <= j < CO_ROTATIONS, of the loss L with masses
 * e^(tilt loss - log_moment) times its own. */
void co_loss_characteristic(const co_loss_atoms *atoms, double tilt, double log_moment, double step,
                            size_t first, double (*sum)[2]);
