/* partition/sizes.h - how many examples each device gets, whatever they are. */
#pragma once
#include "partition/partitioner.h"

typedef enum {
    CO_SIZES_EQUAL,
    CO_SIZES_LOGNORMAL,
    CO_SIZES_ZIPF,
    CO_SIZES_DIRICHLET,
    CO_SIZES_POWER,      /* (id + 1)^parameter: 1 linear, 2 square */
    CO_SIZES_EXPONENTIAL /* e^(parameter id) */
} co_size_law;
/* Adds to count[i * stride], i over the devices of this rank, its part of n examples. parameter:
 * sigma of the log-normal, exponent of Zipf, concentration of the Dirichlet law. EQUAL: spans that
 * differ by at most 1, the empty ones spread evenly. ZIPF: weight (j + 1)^-exponent, the ranks j a
 * keyed permutation of the devices. Uses the streams `draw_id` and draw_id + 1.
 * Collective(in->ranks).
 */
co_status co_sizes(const co_partition_input *in, uint64_t draw_id, co_size_law law,
                   double parameter, int64_t n, int32_t *count, size_t stride);

/* Options of members whose sizes are chosen, entries of their tables. */
#define CO_SIZES_PARAMS                                                                            \
    {.key = "sizes",                                                                               \
     .type = CO_STRING,                                                                            \
     .words = "equal",                                                                             \
     .doc =                                                                                        \
         "sizes of the devices: equal, lognormal, zipf, dirichlet, linear, square, exponential "   \
         "(as id + 1, its square, e^id), given (the list `given`), or a file with a size a line"}, \
        {.key = "sigma",                                                                           \
         .type = CO_REAL,                                                                          \
         .def = 1.0,                                                                               \
         .lo = 0.0,                                                                                \
         .hi = 10.0,                                                                               \
         .doc = "sizes lognormal: standard deviation of the log size"},                            \
        {.key = "exponent",                                                                        \
         .type = CO_REAL,                                                                          \
         .def = 1.0,                                                                               \
         .lo = 0.0,                                                                                \
         .hi = 10.0,                                                                               \
         .doc = "Zipf and power law: size in proportion to rank^-exponent"},                       \
        {.key = "beta",                                                                            \
         .type = CO_REAL,                                                                          \
         .def = 1.0,                                                                               \
         .lo = 1e-6,                                                                               \
         .hi = 1e6,                                                                                \
         .doc = "concentration of Dirichlet sizes: small = few large devices"},                    \
    {                                                                                              \
        .key = "given", .type = CO_INTS, .lo = 0, .hi = 2147483647, .flags = CO_OPTIONAL,          \
        .doc = "sizes given: examples of each device"                                              \
    }

/* Entry `devices` of their tables: as many as there are given sizes, 0 when a law makes them.
 * CO_EFILE, CO_EDATA: the file. Local. */
co_status co_sizes_devices(const co_config *opt, int64_t *n_devices);
/* Whether the sizes are exact, by the list or a file; those of a law add up to all examples. */
bool co_sizes_are_given(const co_config *opt);
/* Whether the law is `equal`, with which members stay as they are without these options. */
bool co_sizes_are_equal(const co_config *opt);
/* Adds to count[i], i over the devices of this rank, its size. CO_EUSAGE: another number of sizes
 * than devices, or more examples than there are. Collective(in->ranks); the status is agreed. */
co_status co_sizes_by_option(const co_config *opt, const co_partition_input *in, uint64_t draw_id,
                             int32_t *count);
/* *size: [n_devices], a new block, the same on all ranks; NULL after a failure. Likewise. */
co_status co_sizes_of_all(const co_config *opt, const co_partition_input *in, uint64_t draw_id,
                          int64_t **size);
