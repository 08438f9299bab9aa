/* privacy/accountants/pld_phasors.h - characteristic function of a tilted privacy loss. Local. */
#pragma once
#include "privacy/accountants/pld_law.h"

#define CO_ROTATIONS 32

/* Of the loss L with masses e^(tilt loss - log_moment) times its own, at multiples of step. */
typedef struct co_phasors co_phasors;
/* CO_ENOMEM. */
co_status co_phasors_create(const co_loss_atoms *atoms, double tilt, double log_moment, double step,
                            co_phasors **phasors);
/* sum[j] = E[e^(i w L) - 1] for w = (first + j) step, 0 <= j < CO_ROTATIONS: most events of a small
 * rate lose next to nothing, and what they are apart from 1 keeps its digits. Rounding is below
 * 2^-46 of the bound that is returned, on E|e^(i w L) - 1| at all these frequencies. */
double co_phasors_sum(const co_phasors *phasors, size_t first, double (*sum)[2]);
double co_phasors_mass(const co_phasors *phasors); /* E[1], near 1 */
void co_phasors_destroy(co_phasors *phasors);      /* NULL allowed */
