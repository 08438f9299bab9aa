/* aggregators/stages/local.h - what the stages of local differential privacy have in common: their
 * options, the coordinates that travel piece by piece, each with a stream of its own, and what one
 * message of them guarantees.
 *
 * A message is what a device sends in one step; neighbours are any two inputs of the stage, so that
 * the server, and whoever reads the wire, may be the adversary. Local. */
#pragma once
#include "aggregators/stages/stage.h"

/* Options clip, delta, secure, on which those of each stage follow. */
#define CO_LOCAL_CLIP(norm)                                                                        \
    {                                                                                              \
        "clip", CO_REAL, .lo = 0.0, .hi = 1e12, .flags = CO_REQUIRED | CO_LO_OPEN,                 \
                         .doc = "most that an update may be, " norm " norm"                        \
    }
#define CO_LOCAL_EPSILON(flag)                                                                     \
    {                                                                                              \
        "epsilon", CO_REAL, .lo = 0.0, .hi = 1000.0, .flags = (flag) | CO_LO_OPEN,                 \
                            .doc = "of one message"                                                \
    }
#define CO_LOCAL_DELTA                                                                             \
    {                                                                                              \
        "delta", CO_REAL,                                                                          \
            .lo = 0.0, .hi = 1.0, .flags = CO_OPTIONAL | CO_LO_OPEN | CO_HI_OPEN,                  \
            .doc =                                                                                 \
                "of the guarantee over all messages of a device (one alone has 0); at most 1 / "   \
                "population; none: 0"                                                              \
    }
#define CO_LOCAL_SECURE                                                                            \
    {                                                                                              \
        "secure", CO_BOOL, .doc = "noise from a secret key, for exact draws alone (local_laplace)" \
    }

typedef struct {
    double clip, epsilon, delta; /* of a message of its own kind: see co_release */
    bool is_secure;
    const co_layout *layout; /* NULL: everything travels */
} co_local;

/* The options that stages share; CO_EUSAGE where secure is asked of draws with floats. */
co_status co_local_read(const co_config *opt, const co_mechanism *mechanism, co_local *local);
/* A piece of what travels, of one block of the model's vector at most. */
typedef struct {
    size_t at, n;     /* of the update */
    size_t offset;    /* of the model's vector */
    co_stream stream; /* the piece's own, for this message */
} co_local_piece;
typedef struct {
    const co_part *span;
    size_t n_spans, next, done; /* done: floats of the span */
    co_part all;
} co_local_walk;
co_local_walk co_local_begin(const co_local *local, size_t n);
/* False: there is no further one. The walk must not be copied in between. */
bool co_local_next(co_local_walk *walk, const co_stage_key *key, co_local_piece *piece);
/* For what a message has once; none of the pieces has it. */
co_stream co_local_stream(const co_stage_key *key);
