/* sim/observers/tables.c - a step as rows of the run file: rounds, devices, load, privacy. The
 * training loss and metrics are exact sums over the devices that reported. */
#include "core/log.h"
#include "core/memory.h"
#include "sim/run.h"
#include <math.h>

typedef struct {
    size_t first_count, first_scalar; /* of the task's sums in the exchange */
    size_t n_sums, n_reals;           /* real sums first, then whole numbers */
    double *sums;                     /* [n_sums] */
} tables;

static void destroy(void *self)
{
    if (self) co_free(((tables *)self)->sums);
    co_free(self);
}

static co_status create(co_run *run, void **self)
{
    tables *t = co_calloc(1, sizeof *t);
    if (!t) return CO_FAIL(CO_ENOMEM, "tables of the run file");
    t->n_sums = run->task->n_sums(run->population.labels.n);
    t->n_reals = run->task->n_reals(run->population.labels.n);
    t->sums = co_malloc(t->n_sums, sizeof *t->sums);
    *self = t;
    return t->sums ? CO_OK : CO_FAIL(CO_ENOMEM, "tables of the run file");
}

static void needs(void *self, const co_run *run, co_needs *n)
{
    tables *t = self;
    (void)run;
    t->first_count = n->n_counts;
    t->first_scalar = n->n_scalars;
    n->n_counts += t->n_sums - t->n_reals;
    n->n_scalars += t->n_reals;
}

static void see(void *self, co_run *run, const co_plan_row *row, const co_given *given)
{
    const tables *t = self;
    (void)row;
    for (size_t i = 0; i < t->n_reals; i++)
        co_exchange_scalar(&run->exchange, t->first_scalar + i, given->sums[i]);
    for (size_t i = t->n_reals; i < t->n_sums; i++)
        co_exchange_count(&run->exchange, t->first_count + i - t->n_reals, (int64_t)given->sums[i]);
}

/* Training loss and metrics of the step. */
static double finish_sums(tables *t, const co_run *r, bool any, double metrics[CO_MAX_METRICS])
{
    const size_t n_outputs = r->population.labels.n;
    for (size_t k = 0; k < t->n_reals; k++)
        t->sums[k] = co_exchange_summed(&r->exchange, t->first_scalar + k);
    for (size_t k = t->n_reals; k < t->n_sums; k++)
        t->sums[k] = (double)co_exchange_counted(&r->exchange, t->first_count + k - t->n_reals);
    for (const co_metric *m = r->task->metrics; m->name; m++)
        if (co_metric_is_trained(m)) *metrics++ = any ? m->finish(t->sums, n_outputs) : NAN;
    return any ? co_task_mean_loss(t->sums) : NAN;
}

static void add_round(tables *t, co_run *r)
{
    const co_exchange *x = &r->exchange;
    double metrics[CO_MAX_METRICS];
    const int64_t reported = co_exchange_counted(x, CO_COUNT_REPORTED);
    const double loss = finish_sums(t, r, reported > 0 && !r->step_failed, metrics);
    const int64_t surveyed = (int64_t)r->plan.n_surveyed;
    int64_t up = surveyed * CO_SURVEY_BYTES, down = surveyed * r->plan.bytes_down;
    const int64_t coded = up + co_exchange_counted(x, CO_COUNT_CODED);
    co_exchange_take_rows(x, &r->plan);
    for (size_t k = 0; k < r->plan.n; k++) {
        down += co_plan_down(&r->plan, &r->plan.row[k]);
        up += co_plan_up(&r->plan, &r->plan.row[k]);
    }
    for (size_t k = 0; k < r->plan.n_lost; k++) {
        down += co_plan_down(&r->plan, &r->plan.lost[k]);
        up += co_plan_up(&r->plan, &r->plan.lost[k]);
    }
    int64_t cloud_down = 0, cloud_up = 0;
    if (r->plan.groups) co_groups_traffic(r->plan.groups, r->round, &cloud_down, &cloud_up);
    const co_round_row row = {.n_reported = reported,
                              .n_nonfinite = co_exchange_counted(x, CO_COUNT_NONFINITE),
                              .n_saturated = co_exchange_counted(x, CO_COUNT_SATURATED),
                              .n_examples = co_exchange_counted(x, CO_COUNT_EXAMPLES),
                              .train_loss = loss,
                              .update_norm = co_exchange_update_norm(x),
                              .lr_local = co_schedule_rate(&r->experiment->local_rate, r->round),
                              .lr_server = co_schedule_rate(&r->experiment->server_rate, r->round),
                              .bytes_down = down,
                              .bytes_up = up,
                              .bytes_coded = coded,
                              .values_cut =
                                  co_chain_cut(&r->chain, co_exchange_counts(x, r->first_count)),
                              .cloud_down = cloud_down,
                              .cloud_up = cloud_up,
                              .model_digest = co_exchange_digest(x)};
    co_record_round(&r->record, &r->plan, &row, metrics);
}

static co_status step(void *self, co_run *run)
{
    if (run->comm->rank == 0) {
        co_record_load(&run->record, run->round, run->exchange.record);
        add_round(self, run);
        if (run->charge.is_on && run->late == CO_OK)
            co_record_private(&run->record, &run->charge.row);
    }
    MPI_Barrier(run->comm->node); /* nobody changes a rank's record before rank 0 has read it */
    co_rank_record *own = &run->exchange.record[run->comm->rank];
    own->reduce_s = co_now_s() - run->times.worked - run->times.wait;
    own->eval_s = own->write_s = 0.0;
    return CO_OK;
}

const co_observer co_observer_tables = {.name = "tables",
                                        .summary = "the rows of a step in the run file",
                                        .create = create,
                                        .destroy = destroy,
                                        .needs = needs,
                                        .see = see,
                                        .step = step};
