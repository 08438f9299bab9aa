/* tests/probes/wobble.c - an observer: the L2 norm of the newest step of the model, as a column of
 * eval beside the test metrics. Lower is better, which its name does not say. */
#include "core/memory.h"
#include "sim/run.h"

typedef struct {
    int column;
} wobble;

static void columns(const co_run *run, co_eval_columns *add)
{
    (void)run;
    co_eval_columns_add(
        add,
        &(co_column){.name = "wobble", .type = CO_F64, .unit = "1", .better = CO_BETTER_LOWER});
}

static co_status create(co_run *run, void **self)
{
    if (!co_evaluates_central(run->experiment, &run->population)) return CO_OK;
    *self = co_calloc(1, sizeof(wobble));
    return *self ? CO_OK : CO_FAIL(CO_ENOMEM, "wobble");
}

static co_status begin(void *self, co_run *run)
{
    if (run->comm->rank == 0) ((wobble *)self)->column = co_table_find(&run->record.eval, "wobble");
    return CO_OK;
}

static co_status step(void *self, co_run *run)
{
    size_t row;
    if (run->comm->rank != 0 || !co_evaluation_is_due(run->experiment, &run->moment)) return CO_OK;
    const co_status st =
        co_record_eval(&run->record, run->round, 1, CO_SCOPE_ALL, run->population.n_split[1], &row);
    if (st == CO_OK)
        co_record_set(&run->record, row, ((wobble *)self)->column,
                      co_exchange_update_norm(&run->exchange));
    else if (run->late == CO_OK)
        run->late = st;
    return CO_OK;
}

const co_observer co_observer_wobble = {.name = "wobble",
                                        .summary = "how far the newest step went",
                                        .create = create,
                                        .destroy = co_free,
                                        .columns = columns,
                                        .begin = begin,
                                        .step = step};
