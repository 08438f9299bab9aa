/* sim/trainer.h - trains one device to completion: read its examples, local rule, optimiser, update = local - global.
 *
 * Every device starts from the global model with zeroed optimiser state: nothing of one device reaches the next. All draws are
 * keyed by (seed, round, device, step). Nothing is allocated after the trainer is made, but when a
 * batch of texts has more tokens than any before. Local. */
#pragma once
#include "models/model.h"
#include "sim/plan.h"
#include "sim/population.h"

typedef struct co_trainer co_trainer;

/* capacity: the most examples a device can have (grows by itself if a generator draws a larger one); most_rows: of an example. */
co_status co_trainer_create(const co_experiment *experiment, const co_model *model, int64_t capacity, size_t most_rows,
                            co_trainer **trainer);
void co_trainer_destroy(co_trainer *trainer);
size_t co_trainer_bytes(const co_trainer *trainer);

/* Trains row->device from global[size] with learning rate lr; *update[size] is the trainer's own memory, good until the next call. sums[..] (of
 * the task, zeroed by the caller) gets loss and metrics of every batch as it was before its step. Sets row->outcome
 * (CO_NONFINITE when the update has a NaN or Inf), loss and update_norm (after the transforms). CO_ESTOPPED when the round is given
 * up half way (sim/watch.h). */
co_status co_trainer_train(co_trainer *trainer, co_population *population, const float *global, int64_t round, double lr,
                           co_plan_row *row, float **update, double *sums);
