/* sim/predict_text.h - output=text of `cohort predict`: what a model writes on examples. */
#pragma once
#include "core/comm.h"
#include "sim/generation.h"

typedef struct {
    co_text text;    /* of all examples, one behind the other; rank 0 */
    int64_t *bounds; /* [n + 1] text i: bytes bounds[i] .. bounds[i + 1]; rank 0 */
} co_predicted_texts;
void co_predicted_texts_fini(co_predicted_texts *texts);

/* Texts of examples ids[n], the same on any number of ranks: blocks are dealt in turn.
 * Collective(comm). CO_EUSAGE as co_generation_create. */
co_status co_predict_texts(const co_model *model, const co_population *population,
                           const float *params, const co_decoding *how, const int64_t *ids,
                           int64_t n, const co_comm *comm, co_predicted_texts *texts);
