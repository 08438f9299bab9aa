/* sim/observers/stop.c - whether the run goes on: its last round, section `stop`, a request to
 * stop. The rule of a metric is decided by rank 0 from all evaluations in the table: nothing to
 * keep over a resume. */
#include "core/memory.h"
#include "sim/run.h"
#include <math.h>
#include <string.h>

static co_status check_metric(const co_run *r)
{
    const co_config *stop = &r->experiment->stop;
    const char *name = r->experiment->stop_keys.metric;
    if (!name) return CO_OK;
    const char *known[34] = {"loss"};
    size_t n = 1;
    for (const co_metric *m = r->task->metrics; m->name && n < 33; m++) known[n++] = m->name;
    for (size_t k = 0; k < n; k++)
        if (strcmp(known[k], name) == 0) {
            if (co_evaluates_central(r->experiment, &r->population) && r->population.has_split[1])
                return CO_OK;
            return co_config_fail(
                stop, co_config_node(stop, "metric"),
                "is measured on split 1 (test), which this run does not evaluate");
        }
    const char *near = co_nearest(name, known);
    return co_config_fail(stop, co_config_node(stop, "metric"),
                          "'%s' is no column of eval; known: loss, %s%s%s", name, known[1],
                          near ? "; did you mean " : "", near ? near : "");
}

/* Nothing is kept: a byte stands for taking part. */
static co_status create(co_run *run, void **self)
{
    CO_TRY(check_metric(run));
    *self = co_calloc(1, 1);
    return *self ? CO_OK : CO_FAIL(CO_ENOMEM, "stop rule");
}

/* Rank 0. */
static bool holds(const co_run *r)
{
    const co_stop_keys *stop = &r->experiment->stop_keys;
    const co_table *t = &r->record.eval;
    const int column = co_table_find(t, stop->metric), split = co_table_find(t, "split"),
              scope = co_table_find(t, "scope");
    const bool higher = t->columns[column].better == CO_BETTER_HIGHER;
    double best = NAN;
    int64_t since = 0;
    for (size_t i = 0; i < t->n_rows; i++) {
        const double value = co_table_get_f64(t, i, (size_t)column);
        if (co_table_get_i64(t, i, (size_t)split) != 1 ||
            co_table_get_i64(t, i, (size_t)scope) != CO_SCOPE_ALL)
            continue;
        const bool better = isnan(best) || (higher ? value > best : value < best);
        since = better ? 0 : since + 1;
        if (better) best = value;
    }
    if (isnan(best)) return false;
    if (stop->has_target && (higher ? best >= stop->target : best <= stop->target)) return true;
    return stop->patience > 0 && since >= stop->patience;
}

static void apply(co_run *r)
{
    int stop = 0;
    if (!r->experiment->stop_keys.metric) return;
    if (r->comm->rank == 0) stop = holds(r);
    MPI_Bcast(&stop, 1, MPI_INT, 0, r->comm->world);
    if (stop) r->ending = CO_DONE;
}

static co_status begin(void *self, co_run *run)
{
    (void)self;
    if (run->round > 0) apply(run);
    if (co_is_last_step(run->experiment, &run->moment)) run->ending = CO_DONE;
    return CO_OK;
}

static co_status step(void *self, co_run *run)
{
    (void)self;
    if (co_evaluation_is_due(run->experiment, &run->moment)) apply(run);
    if (co_is_last_step(run->experiment, &run->moment)) run->ending = CO_DONE;
    if (run->stop_wanted && run->ending == CO_GOES_ON) run->ending = CO_STOPPED;
    return CO_OK;
}

const co_observer co_observer_stop = {.name = "stop",
                                      .summary = "ends a run: last round, section stop, a request",
                                      .create = create,
                                      .destroy = co_free,
                                      .begin = begin,
                                      .step = step};
