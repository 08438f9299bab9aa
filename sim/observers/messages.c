/* sim/observers/messages.c - statements of local privacy, after every step: of messages (a
 * transform of local privacy) and of labels (section local.label_dp). */
#include "core/memory.h"
#include "privacy/mechanisms/response.h"
#include "sim/run.h"

/* Nothing is kept: a byte stands for taking part. */
static co_status create(co_run *run, void **self)
{
    if (!run->experiment->private_stage && run->experiment->label_epsilon == 0.0) return CO_OK;
    *self = co_calloc(1, 1);
    return *self ? CO_OK : CO_FAIL(CO_ENOMEM, "statements of local privacy");
}

static co_status tell(co_run *run)
{
    const double epsilon = run->experiment->label_epsilon;
    if (run->messages.stage) {
        co_release release;
        CO_TRY(co_messages_release(&run->messages, &release));
        co_record_statement(&run->record, release);
    }
    if (epsilon > 0.0)
        co_record_statement(&run->record,
                            (co_release){.unit = CO_UNIT_EXAMPLE,
                                         .mechanism = &co_mechanism_response,
                                         .rate = 1.0,
                                         .n_releases = 1,
                                         .epsilon = epsilon,
                                         .n_classes = (int64_t)co_model_n_classes(run->model)});
    return CO_OK;
}

static co_status step(void *self, co_run *run)
{
    (void)self;
    if (run->comm->rank == 0 && run->late == CO_OK) run->late = tell(run);
    return CO_OK;
}

/* A run that goes on may have no step left. */
static co_status begin(void *self, co_run *run)
{
    (void)self;
    return co_agree(run->comm->rank == 0 && run->round > 0 ? tell(run) : CO_OK, run->comm);
}

const co_observer co_observer_messages = {.name = "messages",
                                          .summary = "statements of local privacy after every step",
                                          .create = create,
                                          .destroy = co_free,
                                          .begin = begin,
                                          .step = step};
