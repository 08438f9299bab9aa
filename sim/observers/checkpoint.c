/* sim/observers/checkpoint.c - the files of a run: run file and checkpoint at their times and at
 * the end, the model of the best evaluation. The run file first: a resume cuts later rows. */
#include "core/log.h"
#include "core/memory.h"
#include "sim/run.h"
#include "sim/watch.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Nothing is kept: a byte stands for taking part. */
static co_status create(co_run *run, void **self)
{
    const co_config *output = &run->experiment->output;
    if (run->experiment->output_keys.best &&
        !co_evaluates_central(run->experiment, &run->population))
        return co_config_fail(
            output, co_config_node(output, "best"),
            "needs evaluations on the test or the validation split, which this run does not have");
    *self = co_calloc(1, 1);
    return *self ? CO_OK : CO_FAIL(CO_ENOMEM, "checkpoints");
}

static co_snapshot snapshot_of(co_run *r)
{
    co_snapshot s = {.round = r->round,
                     .model_digest = co_exchange_digest(&r->exchange),
                     .model = r->exchange.model,
                     .versions = &r->versions,
                     .keeps = &r->keeps,
                     .n_slots = r->n_slots,
                     .slot_name = r->slot_name,
                     .slot = r->whole_slot,
                     .privacy = r->charge.is_on ? &r->charge.state : NULL,
                     .budget = r->budget.experiment ? &r->budget : NULL,
                     .state = &r->state,
                     .state_name = r->state_name};
    if (r->experiment->output_keys.refers) s.base = r->base;
    memcpy(s.config_digest, r->config_digest, sizeof s.config_digest);
    memcpy(s.data_digest, r->population.data_digest, sizeof s.data_digest);
    memcpy(s.partition_digest, r->population.partition_digest, sizeof s.partition_digest);
    return s;
}

static co_status write_files(co_run *r, const char *state)
{
    const co_experiment *e = r->experiment;
    const co_snapshot s = snapshot_of(r);
    CO_TRY(co_record_publish(&r->record, state));
    return co_checkpoint_write(r->dir, &s, r->model, (uint64_t)e->seed, r->record.config,
                               r->record.source, e->output_keys.keep);
}

static co_rank_record *own_record(co_run *r)
{
    return &r->exchange.record[r->comm->rank];
}

/* The load of the last round, whose times are known by now. Collective(comm). */
static void complete_load(co_run *r)
{
    co_exchange_gather(&r->exchange);
    if (r->comm->rank == 0) co_record_complete(&r->record, r->round, r->exchange.record);
    MPI_Barrier(r->comm->node); /* nobody changes a record before rank 0 has read it */
    own_record(r)->reduce_s = own_record(r)->eval_s = own_record(r)->write_s = 0.0;
}

/* Collective(comm). */
static co_status save(co_run *r, const char *state)
{
    complete_load(r);
    const double start = co_now_s();
    CO_TRY(co_run_gather_slots(r));
    CO_TRY(co_state_list(&r->state));
    co_status st = r->late; /* a row that could not be kept must not be missing in silence */
    if (st == CO_OK && r->comm->rank == 0) {
        co_watch_progress(CO_WATCH_WORKING, -1);
        st = write_files(r, state);
        co_watch_progress(CO_WATCH_WAITING, -1);
    }
    co_state_end(&r->state);
    co_run_free_slots(r);
    own_record(r)->write_s += co_now_s() - start;
    return co_agree(st, r->comm);
}

static bool wants_best(const co_run *r)
{
    return r->comm->rank == 0 && r->experiment->output_keys.best;
}

/* Whether the evaluation of this round is the best so far, on the validation split where there is
 * one. Decided from the table, as the stop rule: nothing to keep over a resume. Only evaluations
 * that a longer run has too count. */
static bool is_best(const co_run *r)
{
    const co_table *t = &r->record.eval;
    const int64_t of = r->population.has_split[2] ? 2 : 1;
    const char *wanted = r->experiment->stop_keys.metric;
    const int column = co_table_find(t, wanted ? wanted : r->task->metrics[0].name);
    const int split = co_table_find(t, "split"), scope = co_table_find(t, "scope"),
              round = co_table_find(t, "round");
    const bool higher = t->columns[column].better == CO_BETTER_HIGHER;
    double best = NAN;
    int64_t at = -1;
    for (size_t i = 0; i < t->n_rows; i++) {
        const double value = co_table_get_f64(t, i, (size_t)column);
        if (co_table_get_i64(t, i, (size_t)split) != of ||
            co_table_get_i64(t, i, (size_t)scope) != CO_SCOPE_ALL)
            continue;
        const co_moment moment =
            co_record_moment(&r->record, co_table_get_i64(t, i, (size_t)round));
        if (!co_evaluation_is_regular(r->experiment, &moment) || isnan(value)) continue;
        if (!isnan(best) && (higher ? value <= best : value >= best)) continue;
        best = value;
        at = co_table_get_i64(t, i, (size_t)round);
    }
    return at == r->round;
}

/* Local. An error is kept for the next point where ranks agree. */
static void keep_best(co_run *r)
{
    const double start = co_now_s();
    if (!wants_best(r) || r->late != CO_OK ||
        !co_evaluation_is_regular(r->experiment, &r->moment) || !is_best(r))
        return;
    const co_snapshot s = snapshot_of(r);
    co_watch_progress(CO_WATCH_WORKING, -1);
    r->late = co_checkpoint_write_best(r->dir, &s, r->model, (uint64_t)r->experiment->seed,
                                       r->record.config, r->record.source);
    co_watch_progress(CO_WATCH_WAITING, -1);
    own_record(r)->write_s += co_now_s() - start;
}

/* A start that asks for best.h5 for the first time has no model of the rounds before it. */
static void look_for_best(const co_run *r)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/best.h5", r->dir);
    if (wants_best(r) && access(path, F_OK) != 0)
        co_warn("output.best: %s is not there; it comes with the next evaluation that is better "
                "than all so far",
                path);
}

static co_status begin(void *self, co_run *run)
{
    (void)self;
    if (run->round > 0) {
        if (run->ending == CO_GOES_ON) look_for_best(run);
        return CO_OK;
    }
    keep_best(run);
    return run->charge.state.is_secure ? save(run, "running") /* the key, before its first use */
                                       : CO_OK;
}

static co_status step(void *self, co_run *run)
{
    const int64_t every = run->experiment->output_keys.checkpoint_every;
    (void)self;
    keep_best(run);
    if (run->ending != CO_GOES_ON) return CO_OK;
    if (every > 0 && run->round % every == 0) return save(run, "running");
    if (run->comm->rank == 0 && run->late == CO_OK && co_record_is_due(&run->record)) {
        const double start = co_now_s();
        co_watch_progress(CO_WATCH_WORKING, -1);
        run->late = co_record_publish(&run->record, "running");
        co_watch_progress(CO_WATCH_WAITING, -1);
        own_record(run)->write_s += co_now_s() - start;
    }
    return CO_OK;
}

/* Before the first round is done there is nothing to keep; of a model that has diverged, the rows.
 */
static co_status end(void *self, co_run *run)
{
    (void)self;
    if (run->ending == CO_DONE) return save(run, "done");
    if (run->ending == CO_STOPPED && run->round > 0) return save(run, "stopped");
    if (run->ending == CO_DIVERGED && run->comm->rank == 0 &&
        co_record_publish(&run->record, "stopped") != CO_OK)
        co_warn("%s", co_status_message());
    return CO_OK;
}

const co_observer co_observer_checkpoint = {.name = "checkpoint",
                                            .summary =
                                                "run file and checkpoints on disk, the best model",
                                            .create = create,
                                            .destroy = co_free,
                                            .begin = begin,
                                            .step = step,
                                            .end = end};
