/* privacy/accountants/pure.h - messages that are epsilon-private as a whole: what several of one
 * device come to, and what shuffling would make of those of a round. All calls are Local and pure
 * functions of their arguments. */
#pragma once
#include <stdint.h>

/* epsilon at delta of n messages, each epsilon-private whatever was sent before: exact for the
 * worst such messages (Kairouz, Oh and Viswanath 2015, arXiv:1311.0776, Theorem 3.3), rounded up.
 * delta in [0, 1); 0: n epsilon. n >= 0. */
double co_pure_epsilon(double epsilon, int64_t n, double delta);

/* n messages of a round, each epsilon-private for itself (replace one), in an order that nobody
 * knows: (result, delta)-private for any one device. Feldman, McMillan and Talwar 2020,
 * arXiv:2012.12803: Theorem 3.1 in closed form, as careful as in its authors' program; NAN where it
 * says nothing: epsilon above log (n / (16 log (4 / delta))). n >= 1, delta in (0, 1). */
double co_shuffled_closed(double epsilon, double n, double delta);
/* The same by their Theorem 3.2, the divergence of the two laws that dominate, summed up: an upper
 * bound, not above epsilon, some ms. n >= 1 and whole. */
double co_shuffled_epsilon(double epsilon, double n, double delta);
/* delta of that at `target`. */
double co_shuffled_delta(double epsilon, double n, double target);
