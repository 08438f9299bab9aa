/* privacy/mechanisms/correlated.h - noise of a step that depends on that of others (DP-FTRL).
 *
 * Over all steps such a mechanism releases x + N, row t of x the sum of step t and N = B' z: z are
 * independent Gaussian draws, a matrix C says what of x each draw covers, and B' C = 1 makes N such
 * that a + N is a function of C a + z alone, whatever a is. So all steps together are one Gaussian
 * release of C x, whose sensitivity (in units of one contribution's bound) is that of the columns
 * of C that a device takes part in. Noise of later steps takes back part of that of earlier ones:
 * what prefix sums, the model, have on them is far less than without. No sampling is claimed.
 *
 * Neighbours: all contributions of one device are zero. That contributions are chosen after what
 * was released before changes nothing: C is lower triangular, z Gaussian (Denisov et al. 2022,
 * arXiv:2202.08312, Theorem 2.1). */
#pragma once
#include "core/config.h"
#include "privacy/mechanisms/noise_words.h"

/* A part of a rank's slice, and what is kept of earlier steps for it. */
typedef struct {
    uint64_t first; /* coordinate in the model's vector */
    size_t n;
    double *const *kept; /* [n_kept][n] zero before step 1 */
} co_noise_part;

typedef struct {
    /* For n_steps, in which steps of one device are `separation` apart at least (difference of
     * their indices, >= 1). CO_EUSAGE says which key does not go with them. Local. */
    co_status (*create)(const co_config *opt, int64_t n_steps, int64_t separation, void **self);
    void (*destroy)(void *self);
    /* Vectors that a slice keeps from step to step. They are never stored: what they are at step t
     * is computed by going through the steps before. */
    size_t (*n_kept)(const void *self);
    /* noise[n] of that step (1 ..), whole numbers; draws have standard deviation `scale`. The steps
     * of a part are gone through in order, each once. A function of (source, step, coordinate). */
    void (*next)(const void *self, const co_noise_source *source, int64_t step, double scale,
                 const co_noise_part *part, double *noise);
    /* Square of the sensitivity of the first n_steps, of which no device takes part in more than
     * `most`, in units of the bound; exact, or above it where the member says so. Rounded up to a
     * whole number: so many releases of one contribution with draws of that size. CO_ENOMEM. */
    co_status (*cost)(void *self, int64_t n_steps, int64_t most, int64_t *squared);
    /* Variance of the noise on prefix sums, draws of variance 1: of all n_steps of create, the
     * largest and the mean. CO_ENOMEM. */
    co_status (*errors)(const void *self, double *most, double *mean);
    /* A digest of C, which must not change under a run, never 0. NULL: earlier rows are the same
     * for any number of steps. */
    uint64_t (*digest)(const void *self);
    /* What C is, for people. */
    void (*say)(const void *self, char *text, size_t room);
} co_correlation;

/* out[n] = draw `index` at coordinates first .. : standard normal (24 bits, |x| < 6.7), keyed by
 * (source, index, coordinate). Local. */
void co_correlated_draw(const co_noise_source *source, uint64_t index, uint64_t first, size_t n,
                        float *out);

/* Options that all such mechanisms share. */
#define CO_CORRELATED_PARAMS                                                                       \
    {.key = "clip",                                                                                \
     .type = CO_REAL,                                                                              \
     .lo = 0.0,                                                                                    \
     .hi = 1e12,                                                                                   \
     .flags = CO_REQUIRED | CO_LO_OPEN,                                                            \
     .doc = "most that one device's update may be, L2 norm"},                                      \
        {.key = "noise_multiplier",                                                                \
         .type = CO_REAL,                                                                          \
         .lo = 0.0,                                                                                \
         .hi = 1e6,                                                                                \
         .flags = CO_OPTIONAL,                                                                     \
         .doc = "standard deviation of one draw / clip; or epsilon"},                              \
        {.key = "epsilon",                                                                         \
         .type = CO_REAL,                                                                          \
         .lo = 0.0,                                                                                \
         .hi = 1e4,                                                                                \
         .flags = CO_OPTIONAL | CO_LO_OPEN,                                                        \
         .doc = "target after `rounds`: the noise is found; or noise_multiplier"},                 \
        {.key = "delta",                                                                           \
         .type = CO_REAL,                                                                          \
         .lo = 0.0,                                                                                \
         .hi = 1.0,                                                                                \
         .flags = CO_OPTIONAL | CO_HI_OPEN,                                                        \
         .doc = "of the guarantee; at most 1 / population"},                                       \
        {.key = "accountant",                                                                      \
         .type = CO_CHOICE,                                                                        \
         .words = "pld|rdp",                                                                       \
         .doc = "pld: tight, never above rdp; rdp: fast"},                                         \
        {.key = "conversion",                                                                      \
         .type = CO_CHOICE,                                                                        \
         .words = "improved|classic",                                                              \
         .doc = "accountant rdp: to epsilon"},                                                     \
    {                                                                                              \
        .key = "secure", .type = CO_BOOL, .def = 0,                                                \
        .doc = "refused: rows of noise are combined with floats, whose low bits leak"              \
    }
