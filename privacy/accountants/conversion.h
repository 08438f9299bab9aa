/* privacy/accountants/conversion.h - from Renyi divergence to (epsilon, delta), and the search for
 * the best order.
 *
 * An order alpha > 1 is written as excess = alpha - 1. moment = excess x (Renyi divergence of order
 * alpha): the logarithm of E[e^(excess loss)], a convex function of the order. Local. */
#pragma once
#include <stdbool.h>

/* classic: Mironov 2017 (arXiv:1702.07476), Proposition 3. Otherwise Canonne, Kamath and Steinke
 * 2020 (arXiv:2004.00010), Proposition 12, equal to Balle et al. 2020 (arXiv:1905.09982),
 * Theorem 21. The epsilon may come out negative. */
double co_rdp_to_epsilon(double excess, double moment, double log_delta, bool classic);
double co_rdp_to_log_delta(double excess, double moment, double epsilon, bool classic);

/* The t in [lo, hi] at which a quasi-convex f is least: golden section down to that width. */
double co_minimise(double (*f)(const void *what, double t), const void *what, double lo, double hi,
                   double width);
