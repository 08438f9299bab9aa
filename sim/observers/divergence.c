/* sim/observers/divergence.c - ends a run in which training gives nothing finite any more. */
#include "core/memory.h"
#include "sim/run.h"

/* Most rounds in a row in which every device may diverge. */
enum { LIMIT = 3 };

typedef struct {
    int64_t n_rounds; /* in a row in which every device was non-finite */
} divergence;

static co_status create(co_run *run, void **self)
{
    (void)run;
    *self = co_calloc(1, sizeof(divergence));
    return *self ? CO_OK : CO_FAIL(CO_ENOMEM, "watch for divergence");
}

/* Rounds at the end of the record in which no device gave a finite update. */
static co_status load(void *self, co_run *run)
{
    divergence *d = self;
    const co_table *t = &run->record.rounds;
    if (run->comm->rank == 0) {
        const size_t selected = (size_t)co_table_find(t, "n_selected"),
                     empty = (size_t)co_table_find(t, "n_empty"),
                     nonfinite = (size_t)co_table_find(t, "n_nonfinite");
        for (size_t i = t->n_rows; i-- > 0; d->n_rounds++) {
            const int64_t bad = co_table_get_i64(t, i, nonfinite);
            const int64_t asked = co_table_get_i64(t, i, selected) - co_table_get_i64(t, i, empty);
            if (bad == 0 || bad != asked) break;
        }
    }
    MPI_Bcast(&d->n_rounds, 1, MPI_INT64_T, 0, run->comm->world);
    return CO_OK;
}

static co_status step(void *self, co_run *run)
{
    divergence *d = self;
    const bool all = co_exchange_counted(&run->exchange, CO_COUNT_NONFINITE) > 0 &&
                     co_exchange_counted(&run->exchange, CO_COUNT_REPORTED) == 0;
    d->n_rounds = all ? d->n_rounds + 1 : 0;
    if (d->n_rounds >= LIMIT) run->ending = CO_DIVERGED;
    return CO_OK;
}

const co_observer co_observer_divergence = {
    .name = "divergence",
    .summary = "ends a run in which no device gives a finite update for 3 rounds",
    .create = create,
    .destroy = co_free,
    .load = load,
    .step = step};
