/* models/graph/steps.h - a model on growing texts, one new row each a call: what decoding works
 * with (models/decoding).
 *
 * Nodes that depend on the growing texts are stepped: layers over time by their `step`, those that
 * go row by row by their forward. Nodes that depend on another text alone (an encoder) run once for
 * it, all rows at once and no other text beside it; of their values those are kept that stepped
 * nodes read. Where no node stands apart, as in a language model, all are stepped. The bits of a
 * row depend on its text, its source, the parameters and the kernel path alone. All calls are
 * Local. Memory: what layers keep of `most` rows under each slot, a copy of the weights of dense
 * and recurrent layers, and a pass over n_slots rows. */
#pragma once
#include "models/model.h"

typedef struct co_steps co_steps;

/* CO_EUSAGE: the model has a layer that cannot: it sees rows that are still to come, or gives no
 * row for each. */
co_status co_steps_check(const co_model *model);
co_status co_steps_create(const co_model *model, const co_steps_size *size, co_steps **steps);
void co_steps_destroy(co_steps *steps); /* NULL allowed */
size_t co_steps_bytes(const co_model *model, const co_steps_size *size);
/* Some nodes read another text. */
bool co_steps_has_source(const co_model *model);

/* Before all others, and after they have changed. Borrowed from now on. */
void co_steps_lay(co_steps *steps, const float *params);
/* source: one text, kept at that place; its rows are place most_source .. of co_step.source. */
void co_steps_read(co_steps *steps, size_t place, const co_batch *source);
/* The outputs [step->n][outputs] for the new rows; they stay until the next call. */
const float *co_steps_next(co_steps *steps, const co_step *step);
