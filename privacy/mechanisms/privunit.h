/* privacy/mechanisms/privunit.h - a direction told with epsilon-differential privacy: PrivUnit.
 *
 * Of a unit vector u in d dimensions a unit vector V is told: with probability p uniform on the cap
 * <V, u> >= cap, else uniform on the rest of the sphere. V / mean is unbiased for u. For any two u
 * and any set of V the chances differ by a factor of e^epsilon at most, which is reached. All calls
 * are Local. */
#pragma once
#include "core/random.h"
#include "privacy/mechanisms/mechanism.h"

enum { CO_PRIVUNIT_LEAST = 4 }; /* dimensions */

typedef struct {
    size_t n;        /* d */
    double cap;      /* cosine from which on a direction is of the cap, in (0, 1) */
    double log_mass; /* log of the cap's share of the sphere */
    double outside;  /* 1 - p */
    double mean;     /* E <V, u>; the variance of V / mean is 1 / mean^2 - 1 */
} co_privunit;

/* log P(<V, u> >= cosine) of a uniform direction V; cosine in [0, 1), n >= 4. Relative error of the
 * share below 1e-9 up to 10^7 dimensions, 1e-11 up to 10^5. */
double co_cap_log_mass(size_t n, double cosine);
/* The cap of least variance for that epsilon, in (0, 1000]; n >= 4. */
co_privunit co_privunit_find(size_t n, double epsilon);
/* <V, u> of a draw; draws of the stream from where it stands. The same bits on every processor. */
double co_privunit_draw(const co_privunit *law, co_stream *stream);

/* What statements name; no member of the kind: it bounds no sum. */
extern const co_mechanism co_mechanism_privunit;
