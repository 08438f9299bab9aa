/* privacy/accountants/pld_contour.h - the curve of any number of events by one integral in the
 * complex plane. Local. */
#pragma once
#include "privacy/accountants/pld_saddle.h"

/* One question: epsilon for a delta, or delta for an epsilon. */
typedef struct {
    bool for_delta;
    double epsilon, delta;
    double enough; /* an upper bound that is no larger need not be sharper */
} co_loss_question;

/* The answer for a ledger seen in one direction: an upper bound (CO_SPREAD) or a lower bound
 * (CO_MERGED) of the curve. The ledger is not empty, has noise and rate > 0, and delta > 0. quick:
 * fewer atoms and frequencies. */
co_status co_contour_answer(const co_ledger *ledger, const co_loss_question *ask,
                            co_direction direction, co_loss_form form, bool quick, double *answer);
