/* sim/work/trainer.h - trains one device to completion: read its examples, local rule, optimiser,
 * update = local - global.
 *
 * Every device starts from the global model with zeroed optimiser state: nothing of one device
 * reaches the next. All draws are keyed by (seed, round, device, step). Nothing is allocated after
 * the trainer is made, but when a batch of texts has more tokens than any before. Local. */
#pragma once
#include "core/exact.h"
#include "models/model.h"
#include "sim/planners/plan.h"
#include "sim/devices/population.h"

typedef struct co_trainer co_trainer;

/* capacity: the most examples a device can have (grows by itself if a generator draws a larger
 * one); most_rows: of an example. */
co_status co_trainer_create(const co_experiment *experiment, const co_model *model,
                            int64_t capacity, size_t most_rows, co_trainer **trainer);
void co_trainer_destroy(co_trainer *trainer);
/* Memory when the longest of all the examples, all_rows together, meet in one batch. */
size_t co_trainer_bytes(const co_trainer *trainer, size_t all_rows);

/* What a device receives. n, whole: of the model's co_layout. */
typedef struct {
    const float *global; /* [whole] the model; frozen tensors are read there */
    const float *shared; /* [n] the local rule's vector; NULL without */
    float *const *state; /* [slots][n] what the rule keeps on the device; then, where tensors are
                            personal, how far they are from global */
    int64_t round;
    double lr;
    const co_sum_slice *slice; /* [n_slices] sums to which the update is added, times the row's
                                  share, while it is formed; NULL: the caller does that */
    size_t n_slices;
} co_training;

/* What comes back: the trainer's own memory, good until the next call. */
typedef struct {
    float *update;       /* [n] local - global, for the stages to change; not where is_added */
    const float *change; /* [n] for the rule's shared vector; NULL without */
    bool is_added;       /* to the sums */
    double
        term; /* what the device's share counts for in the sum of terms (co_aggregator.report); 1 */
    co_device_report report; /* all but the loss, which co_trainer_measure gives */
} co_trained;

/* Trains row->device. sums[..] (of the task, zeroed by the caller) gets loss and metrics of every
 * batch as it was before its step. Sets row->outcome (CO_NONFINITE when the update has a NaN or
 * Inf: then the state is not to be kept), loss and update_norm; with is_added also saturated.
 * CO_ESTOPPED when the round is given up half way (sim/watch.h). */
co_status co_trainer_train(co_trainer *trainer, co_population *population, const co_training *with,
                           co_plan_row *row, co_trained *trained, double *sums);
/* Mean loss of `global` on all examples of row->device, as in evaluation. CO_ESTOPPED as above. */
co_status co_trainer_measure(co_trainer *trainer, co_population *population, const float *global,
                             int64_t round, const co_plan_row *row, double *loss);
