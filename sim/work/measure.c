/* sim/work/measure.c - the loss of the received model on all examples of the device, before it
 * trains: for rules that weigh devices by it. One forward pass; nothing but sums leaves. */
#include "core/memory.h"
#include "sim/work/work.h"
#include <math.h>

typedef struct {
    co_workplace *place;
    double *sums;
} measure;

static void destroy(void *self)
{
    if (self) co_free(((measure *)self)->sums);
    co_free(self);
}

static co_status create(co_workplace *place, void **self)
{
    measure *m = co_calloc(1, sizeof *m);
    double *sums = co_calloc(place->n_sums, sizeof *sums);
    if (!m || !sums) {
        co_free(m);
        co_free(sums);
        return CO_FAIL(CO_ENOMEM, "no memory to measure losses");
    }
    *m = (measure){place, sums};
    *self = m;
    return CO_OK;
}

static co_status perform(void *self, const co_request *request, co_plan_row *row, co_given *given)
{
    measure *m = self;
    CO_TRY(co_workplace_open(m->place, row));
    const float *params = co_workplace_receive(m->place, request->version, request->frozen);
    CO_TRY(co_workplace_survey(m->place, params, row, request->step, m->sums, NULL));
    row->loss_before = co_task_mean_loss(m->sums);
    *given = (co_given){
        .sums = m->sums,
        .term = 1.0,
        .report = {.loss = row->loss_before, .norm = NAN, .reach = NAN, .lr = request->lr}};
    return CO_OK;
}

const co_work co_work_measure = {.name = "measure",
                                 .summary =
                                     "the loss of the received model on the device's examples",
                                 .create = create,
                                 .destroy = destroy,
                                 .perform = perform};
