/* privacy/mechanisms/mechanism.h - kind mechanism: what bounds a device's contribution and adds
 * noise to the sum.
 *
 * Contributions are integers on a grid: u / step rounded toward zero, with an L1 or L2 norm of at
 * most clip / step, so that their sum is exact and one device changes it by at most that. Noise is
 * added once, by the owner of a coordinate; or in shares, by each device before its integers meet
 * (privacy/mechanisms/distributed.h). Section `privacy` of an experiment names a mechanism;
 * none has neither bound nor noise. Adding one: a file privacy/<name>.c with the table
 * co_mechanism_<name>, and a line in list.h. */
#pragma once
#include "core/config.h"
#include "privacy/accountants/accountant.h"
#include "privacy/mechanisms/correlated.h"
#include "privacy/mechanisms/noise_table.h"

typedef enum { CO_NORM_NONE, CO_NORM_L1, CO_NORM_L2 } co_norm;

typedef struct {
    CO_PLUGIN_FIELDS;
    co_norm norm;   /* of the bound; CO_NORM_NONE: no bound, no noise, and nothing below */
    co_noise noise; /* how accountants know it; CO_N_NOISES: they do not, and the message as a whole
                       is epsilon-private (privacy/accountants/pure.h) */
    bool is_exact;  /* drawn in integers alone: may be used with secret noise, and takes a whole
                       scale */
    double spread;  /* standard deviation / scale */
    /* sum[j] += noise of coordinate first + j; scale in grid steps, in [2^20, 2^21]. NULL: noise is
     * in shares, or correlated. Local. */
    void (*add)(const co_noise_release *release, double scale, uint64_t first, size_t n,
                int64_t *sum);
    /* The law of a device's share, of a variance of parts / CO_NOISE_UNIT (noise_table.h). NULL: it
     * is the owner who adds noise. Local. */
    co_status (*share)(uint64_t parts, co_noise_table *table);
    const co_correlation *correlation; /* noise of a step depends on that of others (correlated.h);
                                          NULL: each step by itself */
} co_mechanism;

extern const co_kind co_kind_mechanism;
const co_mechanism *co_mechanism_find(const char *name);
/* Options of the mechanisms that bound and add noise to each step by itself. */
extern const co_param co_mechanism_params[];
