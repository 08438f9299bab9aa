/* privacy/accountants/pld_phasors.h - characteristic function of a tilted privacy loss. Local. */
#pragma once
#include "privacy/accountants/pld_law.h"

#define CO_ROTATIONS 32

/* Of the loss L with masses e^(tilt loss - log_moment) times its own, at multiples of step. */
typedef struct co_phasors co_phasors;
/* CO_ENOMEM. */
co_status co_phasors_create(const co_loss_atoms *atoms, double tilt, double log_moment, double step,
                            co_phasors **phasors);
/* sum[j] = E[e^(i w L)] for w = (first + j) step, 0 <= j < CO_ROTATIONS. */
void co_phasors_sum(const co_phasors *phasors, size_t first, double (*sum)[2]);
void co_phasors_destroy(co_phasors *phasors); /* NULL allowed */
