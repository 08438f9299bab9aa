/* sim/observers/devices.c - how well the new version serves each device's own test part: rows of
 * eval with means, deciles and the worst tenth. */
#include "core/log.h"
#include "core/memory.h"
#include "sim/run.h"
#include <stdio.h>

typedef struct {
    co_device_evaluator evaluator;
    int column[CO_MAX_METRICS + 1][CO_N_SCORES]; /* in eval: loss (mean alone), metrics */
} devices;

static void name_of(const co_metric *metric, int score, char *name, size_t size)
{
    snprintf(name, size, "%s%s", metric->name, co_score_suffix[score]);
}

static void columns(const co_run *run, co_eval_columns *add)
{
    if (!run->experiment->eval_keys.devices) return;
    for (int s = CO_SCORE_MEAN + 1; s < CO_N_SCORES; s++)
        for (const co_metric *m = run->task->metrics; m->name; m++) {
            char name[80];
            name_of(m, s, name, sizeof name);
            co_eval_columns_add(add, &(co_column){.name = name,
                                                  .type = CO_F64,
                                                  .unit = m->unit,
                                                  .covered = co_eval_covered(run->experiment, true),
                                                  .better = m->higher_is_better ? CO_BETTER_HIGHER
                                                                                : CO_BETTER_LOWER});
        }
}

static void destroy(void *self)
{
    if (self) co_device_evaluator_fini(&((devices *)self)->evaluator);
    co_free(self);
}

/* Asked for without any test part is refused. */
static co_status create(co_run *run, void **self)
{
    const co_experiment *e = run->experiment;
    if (!e->eval_keys.devices) return CO_OK;
    if (!co_population_has_tests(&run->population))
        return co_config_fail(
            &e->eval, co_config_node(&e->eval, "devices"),
            "the devices have no test parts; make the partition with test_fraction: 0.2");
    if (!co_evaluates_devices(e)) return CO_OK;
    CO_TRY(co_evaluator_ready(&run->evaluator, run->model, &run->population));
    devices *d = co_calloc(1, sizeof *d);
    if (!d) return CO_FAIL(CO_ENOMEM, "evaluation on devices");
    const co_status st =
        co_device_evaluator_init(&d->evaluator, &run->evaluator, &run->population,
                                 e->eval_keys.sample, (uint64_t)e->seed, run->comm);
    if (st != CO_OK)
        destroy(d);
    else
        *self = d;
    return st;
}

static co_status add_row(const devices *d, co_run *r, int64_t n,
                         double (*scores)[CO_N_SCORES]) /* rank 0 */
{
    size_t row;
    CO_TRY(co_record_eval(&r->record, r->round, 1, CO_SCOPE_DEVICES, n, &row));
    co_record_set(&r->record, row, d->column[0][CO_SCORE_MEAN], scores[0][CO_SCORE_MEAN]);
    for (size_t k = 1; r->task->metrics[k - 1].name; k++)
        for (int s = 0; s < CO_N_SCORES; s++)
            co_record_set(&r->record, row, d->column[k][s], scores[k][s]);
    return CO_OK;
}

/* Collective(comm). */
static co_status evaluate(devices *d, co_run *r)
{
    const double start = co_now_s();
    double scores[CO_MAX_METRICS + 1][CO_N_SCORES];
    int64_t n;
    CO_TRY(
        co_evaluate_devices(&d->evaluator, &r->population, r->exchange.model, r->comm, &n, scores));
    const co_status st = r->comm->rank == 0 ? add_row(d, r, n, scores) : CO_OK;
    if (r->late == CO_OK) r->late = st;
    r->exchange.record[r->comm->rank].eval_s += co_now_s() - start;
    return CO_OK;
}

static co_status begin(void *self, co_run *run)
{
    devices *d = self;
    const co_table *t = &run->record.eval;
    if (run->comm->rank == 0) {
        d->column[0][CO_SCORE_MEAN] = co_table_find(t, "loss");
        for (size_t k = 1; run->task->metrics[k - 1].name; k++)
            for (int s = 0; s < CO_N_SCORES; s++) {
                char name[80];
                name_of(&run->task->metrics[k - 1], s, name, sizeof name);
                d->column[k][s] = co_table_find(t, name);
            }
    }
    return run->round == 0 ? evaluate(d, run) : CO_OK;
}

static co_status step(void *self, co_run *run)
{
    return co_evaluation_is_due(run->experiment, &run->moment) ? evaluate(self, run) : CO_OK;
}

const co_observer co_observer_devices = {.name = "devices",
                                         .summary = "evaluates on each device's own test part",
                                         .create = create,
                                         .destroy = destroy,
                                         .columns = columns,
                                         .begin = begin,
                                         .step = step};
