/* sim/observers/examples.c - what the devices' examples have paid (section local.dp), after every
 * step: a row of table privacy_examples, and the end of the run where it is asked for. */
#include "core/memory.h"
#include "sim/run.h"

/* Nothing is kept: a byte stands for taking part. */
static co_status create(co_run *run, void **self)
{
    if (!run->experiment->example_keys.is_on) return CO_OK;
    *self = co_calloc(1, 1);
    return *self ? CO_OK : CO_FAIL(CO_ENOMEM, "privacy of examples");
}

static void end_where_spent(co_run *r)
{
    if (r->experiment->example_keys.stops && co_budget_is_exhausted(&r->budget))
        r->ending = CO_DONE;
}

/* A run that ended so does not go on by itself. */
static co_status begin(void *self, co_run *run)
{
    (void)self;
    if (run->round > 0) end_where_spent(run);
    return CO_OK;
}

static co_status step(void *self, co_run *run)
{
    (void)self;
    if (run->comm->rank == 0 && run->late == CO_OK) {
        co_example_row row;
        run->late = co_budget_tell(&run->budget, run->round, &row);
        if (run->late == CO_OK) co_record_examples(&run->record, &row);
        co_record_statement(&run->record, co_budget_release(&run->budget));
    }
    end_where_spent(run);
    return CO_OK;
}

const co_observer co_observer_examples = {.name = "examples",
                                          .summary =
                                              "epsilon of the devices' examples after every step",
                                          .create = create,
                                          .destroy = co_free,
                                          .begin = begin,
                                          .step = step};
