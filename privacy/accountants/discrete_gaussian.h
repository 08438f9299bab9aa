/* privacy/accountants/discrete_gaussian.h - tails of the discrete Gaussian on the integers. Local.
 */
#pragma once
#include "core/status.h"

/* upper[m] = P[X >= m] for 0 <= m < n; beyond it is below 1e-300. */
typedef struct {
    double std, *upper;
    size_t n;
} co_discrete_gaussian;

co_status co_discrete_gaussian_init(co_discrete_gaussian *x, double std);
void co_discrete_gaussian_fini(co_discrete_gaussian *x);
double co_discrete_gaussian_upper(const co_discrete_gaussian *x,
                                  double m); /* P[X >= m], any integer m */
/* Exact delta of one release of an integer that changes by 1: P[X > eps s^2 - 1/2] - e^eps P[X >
 * eps s^2 + 1/2] (Canonne, Kamath and Steinke 2020, arXiv:2004.00010, Theorem 7). */
double co_discrete_gaussian_delta(const co_discrete_gaussian *x, double epsilon);
