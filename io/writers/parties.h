/* io/writers/parties.h - which features each party of a vertical split has, and who has the labels.
 *
 * Even: n features among P parties, the first n modulo P of which have one more. sizes: so many a
 * party, or parts of n that add up to 1, rounded down, the last taking the rest. columns: lists of
 * features. Those of `drop` are nobody's, those of `shared` everybody's, and neither counts for the
 * sizes. shuffle: the features are shared out in an order keyed by seed, else by number. Source:
 * flwr-datasets 0.6.1, VerticalEvenPartitioner and VerticalSizePartitioner. */
#pragma once
#include "core/config.h"

typedef struct {
    int64_t *feature; /* [n] of x's columns, shared ones last */
    size_t n;
    bool active; /* has the labels */
} co_party;

typedef struct {
    co_party *party;
    size_t n;
} co_parties;

/* parties, sizes, columns, active, shared, drop, shuffle, seed. */
#define CO_PARTIES_PARAMS                                                                          \
    {.key = "parties",                                                                             \
     .type = CO_INT,                                                                               \
     .lo = 1,                                                                                      \
     .hi = 1e6,                                                                                    \
     .flags = CO_OPTIONAL,                                                                         \
     .doc = "so many parties, each with the same number of features (or one more)"},               \
        {.key = "sizes",                                                                           \
         .type = CO_REALS,                                                                         \
         .lo = 0.0,                                                                                \
         .hi = 1e15,                                                                               \
         .flags = CO_OPTIONAL,                                                                     \
         .doc = "or: each party's number of features, or its part, of sum 1"},                     \
        {.key = "columns",                                                                         \
         .type = CO_TREE,                                                                          \
         .doc = "or: each party's features by number, [[0, 1], [2, 3, 4]]"},                       \
        {.key = "active",                                                                          \
         .type = CO_STRING,                                                                        \
         .words = "last",                                                                          \
         .doc = "who has the labels: first, last, all, a party's number, or own_first or "         \
                "own_last: one party more, without features"},                                     \
        {.key = "shared",                                                                          \
         .type = CO_INTS,                                                                          \
         .lo = 0,                                                                                  \
         .hi = 1e15,                                                                               \
         .flags = CO_OPTIONAL,                                                                     \
         .doc = "features that every party has"},                                                  \
        {.key = "drop",                                                                            \
         .type = CO_INTS,                                                                          \
         .lo = 0,                                                                                  \
         .hi = 1e15,                                                                               \
         .flags = CO_OPTIONAL,                                                                     \
         .doc = "features that no party has"},                                                     \
        {.key = "shuffle",                                                                         \
         .type = CO_BOOL,                                                                          \
         .def = 1,                                                                                 \
         .doc = "features are shared out in random order; false: by number"},                      \
    {                                                                                              \
        .key = "seed", .type = CO_INT, .def = 0, .lo = 0, .hi = INFINITY, .doc = "of that order"   \
    }

/* parties is overwritten; ended by co_parties_fini, also after a failure. CO_EUSAGE: what does not
 * fit n_features. Local. */
co_status co_parties_make(const co_config *opt, size_t n_features, co_parties *parties);
void co_parties_fini(co_parties *parties);
