/* sim/work/workplace.h - what the works of a rank share: the model's workspace, and room for the
 * examples of the device at hand.
 *
 * Nothing of one device is left for the next but memory. Nothing is allocated once it is made, but
 * when a generator draws a larger device, or a batch of texts has more tokens than any before.
 * Local. */
#pragma once
#include "models/model.h"
#include "sim/devices/population.h"
#include "sim/planners/plan.h"

typedef struct co_budget co_budget; /* sim/devices/budget.h */
typedef struct co_public co_public; /* sim/work/public_data.h */

typedef struct {
    const co_experiment *experiment;
    const co_model *model;
    co_population *population;
    /* Tests alone: coordinates [first, first + n) of the noise of a device's step, in units of its
     * standard deviation; NULL: the seed's. */
    void (*given_noise)(int64_t step, size_t first, size_t n, float *noise);
    co_public *public;       /* examples beside those of the devices; NULL: none */
    const co_budget *budget; /* of the devices under local.dp; NULL without */
    co_workspace *workspace;
    co_examples examples; /* of the batch that was read last */
    uint64_t seed;
    const co_layout *layout;
    size_t n, n_sums; /* coordinates, of what is trained; sums of the task */
    /* [n] of the model at hand, and where its frozen tensors are, if some blocks of it are not
     * trained; else NULL */
    float *received;
    const float *frozen;
    size_t batch, n_index;  /* the most examples of a batch, of a device */
    int64_t *index;         /* [n_index] the order in which batches are read */
    int64_t *subset, *room; /* of local.max_examples; room to draw it */
} co_workplace;

co_status co_workplace_init(co_workplace *place, const co_experiment *experiment,
                            const co_model *model, co_population *population);
void co_workplace_fini(co_workplace *place);
/* Memory when the longest of all texts meet in one batch. */
size_t co_workplace_bytes(const co_workplace *place);

/* Makes ready for the row's device. CO_ENOMEM. */
co_status co_workplace_open(co_workplace *place, const co_plan_row *row);
/* What is trained of a version [whole], and from then on frozen tensors are read in `frozen`:
 * [n], good until the next call. */
const float *co_workplace_receive(co_workplace *place, const float *version, const float *frozen);
/* index: the order in which an epoch goes through the device's examples, keyed by (step, device,
 * epoch); of a keyed subset where the row counts fewer than the device holds. */
void co_workplace_shuffle(co_workplace *place, const co_plan_row *row, int64_t step, int64_t epoch);
/* Examples index[at, at + n), with the labels that the device takes them to have. CO_ENOMEM;
 * CO_ESTOPPED when the step is given up half way (sim/watch.h). */
co_status co_workplace_read(co_workplace *place, const co_plan_row *row, int64_t step, int64_t at,
                            size_t n);
/* Where a survey leaves the gradient [n]; room: for that of a batch [layout->n_grad]. */
typedef struct {
    float *gradient, *room;
} co_survey_gradient;
/* A pass over all examples of the opened device, as in evaluation: sums[n_sums] of the task, and
 * with `into` the gradient of the mean loss. params as received. As co_workplace_read. */
co_status co_workplace_survey(co_workplace *place, const float *params, const co_plan_row *row,
                              int64_t step, double *sums, const co_survey_gradient *into);
