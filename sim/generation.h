/* sim/generation.h - texts that a model writes on examples of a data set: the target of a source
 * (task seq2seq), or how a text goes on (task lm). All calls are Local, and give the same on any
 * number of ranks, whichever examples are asked for together. */
#pragma once
#include "models/decoding/decode.h"
#include "models/decoding/spell.h"
#include "models/decoding/text_scores.h"
#include "sim/devices/population.h"

enum { CO_GENERATION_BLOCK = 64 }; /* examples that go together where they are many */

typedef struct {
    const co_dataset *data;
    bool pairs; /* seq2seq */
    co_decoding how;
    co_decoder *decoder;
    co_speller speller;
    co_written written;
    co_text text; /* of the examples that were read last, one behind the other */
    int64_t *bounds;
    size_t bounds_room;
    int64_t *offsets, *source_offsets; /* of prompts and sources */
    int32_t *prompts, *sources;
    size_t n_room, prompts_room, sources_room;
    co_text_scorer *scorer;
    co_text answer;         /* a target as text, where an example has no references */
    co_passage *references; /* of an example, as many as one has at most */
} co_generation;

/* beams .. of `how` are asked for; its end, and max_length where that is 0 (the longest target, or
 * the longest text and 32 tokens), come from the data. CO_EUSAGE: the task has no text to write, or
 * as co_decoder_create. data, model: borrowed. */
co_status co_generation_create(const co_model *model, const co_population *population,
                               const co_decoding *how, co_generation *generation);
void co_generation_fini(co_generation *generation);
/* Memory of one; 0 where there can be none. */
size_t co_generation_bytes(const co_model *model, const co_population *population,
                           const co_decoding *how);
/* Before texts are written, and after params have changed. */
void co_generation_lay(co_generation *generation, const float *params);
/* Texts of examples ids[n] into generation->text; text i: bytes bounds[i] .. bounds[i + 1].
 * CO_ENOMEM. */
co_status co_generation_write(co_generation *generation, const int64_t *ids, size_t n);
/* sums[CO_TEXT_SUMS] += how near they came to the references of the examples, or to their targets.
 */
co_status co_generation_score(co_generation *generation, const int64_t *ids, size_t n,
                              double *sums);
