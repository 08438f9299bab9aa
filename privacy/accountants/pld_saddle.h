/* privacy/accountants/pld_saddle.h - tilt and window for a composed privacy loss. Local. */
#pragma once
#include "privacy/accountants/pld_law.h"

/* One kind of event, count times. */
typedef struct {
    co_loss_atoms atoms;
    double count;
} co_saddle_row;

/* Around the composed loss tilted by e^(tilt loss), all but about 1e-12 of it lies in [bottom,
 * top]. above and below are the further tilts whose Chernoff bounds say so. */
typedef struct {
    double tilt, bottom, top, above, below, log_moment, mean;
    double log_size; /* estimate of log delta */
} co_saddle;

/* K(t) of all rows. */
double co_saddle_moment(const co_saddle_row *rows, size_t n, double t);
/* For an answer near delta (> 0), near epsilon, and at a given tilt. */
co_saddle co_saddle_for_delta(const co_saddle_row *rows, size_t n, double delta);
co_saddle co_saddle_for_epsilon(const co_saddle_row *rows, size_t n, double epsilon);
co_saddle co_saddle_at(const co_saddle_row *rows, size_t n, double tilt);
