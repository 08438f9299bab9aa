/* sim/rounds.c - the loop over rounds: plan, train, reduce, step, gather, record; now and then
 * evaluate, checkpoint, publish.
 *
 * A round costs one barrier, one reduce-scatter of 8 bytes a parameter and one all-gather of the
 * new model. An error on one rank rides in the reduction as a count; only then do the ranks agree
 * on its message. */
#include "core/log.h"
#include "core/memory.h"
#include "sim/run.h"
#include "sim/watch.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Most rounds in a row in which every device may diverge. */
enum { DIVERGED_LIMIT = 3 };

static co_rank_record *own_record(co_run *r)
{
    return &r->exchange.record[r->comm->rank];
}

/* What a device that was trained gives, through the stages and onto the wire. Local. */
static void send(co_run *r, size_t k, co_trained *trained, float *const *state)
{
    co_plan_row *row = &r->plan.row[k];
    const co_aggregator *rule = r->experiment->aggregator;
    if (row->outcome == CO_REPORTED && !trained->is_added) {
        co_contribution c = {.n = r->exchange.n,
                             .update = trained->update,
                             .norm = row->update_norm,
                             .weight = row->weight,
                             .share = row->share,
                             .attacker = row->attacker};
        const bool finite = co_chain_forward(&r->chain, r->plan.round, row->device, &c,
                                             state ? state + r->n_rule_states : NULL);
        trained->report.norm = row->update_norm = finite ? c.norm : NAN;
        trained->report.loss = row->loss_before;
        if (finite) {
            trained->term = 1.0;
            double factor = 1.0;
            if (rule->report)
                rule->report(r->aggregation.self, &trained->report, &factor, &trained->term);
            c.share *= factor;
            row->saturated = r->wire->add(r->wire_self, &r->plan, k, &c) > 0;
            for (size_t i = 0; i < r->chain.n_counts; i++)
                co_exchange_count(&r->exchange, r->first_count + i, r->chain.counts[i]);
        } else {
            row->outcome = CO_NONFINITE;
        }
    }
}

/* Counts and exact scalars of a device. Local. */
static void count(co_run *r, size_t k, const co_trained *trained)
{
    co_exchange *x = &r->exchange;
    const co_plan_row *row = &r->plan.row[k];
    if (row->outcome == CO_REPORTED) {
        if (trained->change)
            co_exchange_add(&r->shared, trained->change, row->weight / r->population_weight);
        co_exchange_scalar(x, CO_SUM_TOTAL, row->share);
        co_exchange_scalar(x, CO_SUM_TERMS, row->share * trained->term);
        const size_t n_reals = r->task->n_reals(r->population.labels.n);
        for (size_t i = 0; i < n_reals; i++) co_exchange_scalar(x, CO_SUM_TASK + i, r->sums[i]);
        for (size_t i = n_reals; i < r->n_sums; i++)
            co_exchange_count(x, CO_N_COUNTS + i - n_reals, (int64_t)r->sums[i]);
        co_exchange_count(x, CO_COUNT_REPORTED, 1);
        co_exchange_count(x, CO_COUNT_SATURATED, row->saturated);
    } else {
        co_exchange_count(x, CO_COUNT_NONFINITE, 1);
    }
    co_exchange_count(x, CO_COUNT_EXAMPLES, row->n_examples);
    co_exchange_row(x, k, row);
}

/* Trains this rank's devices of the plan, one to completion before the next. Local. */
static co_status train_own(co_run *r, double lr)
{
    co_sum_slice slice[r->comm->size];
    const bool plain = r->wire->slices && !r->experiment->aggregator->report;
    co_training with = {.global = r->exchange.model,
                        .shared = r->shared.model,
                        .round = r->plan.round,
                        .lr = lr,
                        .n_slices = (size_t)r->comm->size};
    if (plain) r->wire->slices(r->wire_self, slice);
    for (size_t i = 0; i < r->plan.n; i++) {
        const size_t k = r->plan.order[i];
        co_plan_row *row = &r->plan.row[k];
        co_trained trained;
        if (row->rank != r->comm->rank || row->outcome == CO_EMPTY) continue;
        memset(r->sums, 0, r->n_sums * sizeof *r->sums);
        while (co_fault("hang")) sleep(3600); /* the watchdog's test */
        with.slice = plain && !co_chain_touches(&r->chain, row->attacker) ? slice : NULL;
        with.state = co_state_open(&r->state, &r->plan, k);
        CO_TRY(co_trainer_train(r->trainer, &r->population, &with, row, &trained, r->sums));
        send(r, k, &trained, with.state);
        co_state_close(&r->state, &r->plan, k, row->outcome == CO_REPORTED);
        count(r, k, &trained);
    }
    return CO_OK;
}

/* Losses of the received model on this rank's devices, and from them their stress. A model that is
 * not finite there has stress 0: the device's update will not be finite either. Local. */
static co_status measure_own(co_run *r, co_scalar *sum)
{
    const co_experiment *e = r->experiment;
    for (size_t k = 0; k < r->plan.n; k++) {
        co_plan_row *row = &r->plan.row[k];
        if (row->rank != r->comm->rank || row->outcome == CO_EMPTY) continue;
        CO_TRY(co_trainer_measure(r->trainer, &r->population, r->exchange.model, r->plan.round, row,
                                  &row->loss_before));
        const double stress = e->aggregator->stress(r->aggregation.self, row->loss_before);
        row->share = isfinite(stress) ? row->share * stress : 0.0;
        co_scalar_add(sum, row->share);
    }
    return CO_OK;
}

/* The shares a_i where they depend on the devices' losses: w_i stress_i over the sum of all.
 * Collective(comm); returns this rank's own status, which the round's reduction carries to the
 * others. */
static co_status share_by_stress(co_run *r)
{
    co_scalar sum = {0};
    const co_status st = measure_own(r, &sum);
    MPI_Allreduce(MPI_IN_PLACE, sum.digit, CO_SCALAR_DIGITS, MPI_INT64_T, MPI_SUM, r->comm->world);
    const double total = co_scalar_value(&sum);
    for (size_t k = 0; k < r->plan.n; k++)
        if (r->plan.row[k].rank == r->comm->rank)
            r->plan.row[k].share *= total > 0.0 ? 1.0 / total : 0.0;
    return st;
}

static void measure(co_run *r, double train_s)
{
    co_rank_record *own = own_record(r);
    own->n_devices = own->n_examples = 0;
    own->cost = 0.0;
    for (size_t i = 0; i < r->plan.n; i++) {
        const co_plan_row *row = &r->plan.row[i];
        if (row->rank != r->comm->rank || row->n_examples == 0) continue;
        own->n_devices++;
        own->n_examples += row->n_examples;
        own->cost += row->cost;
    }
    own->train_s = train_s;
    r->spent_s += train_s;
    r->spent_cost += own->cost;
}

static void add_round(co_run *r, double lr_local, double lr_server)
{
    const co_exchange *x = &r->exchange;
    const int64_t reported = co_exchange_counted(x, CO_COUNT_REPORTED);
    const int64_t vectors = r->shared.comm ? 2 : 1;
    const size_t n_reals = r->task->n_reals(r->population.labels.n);
    for (size_t k = 0; k < n_reals; k++) r->sums[k] = co_exchange_summed(x, CO_SUM_TASK + k);
    for (size_t k = n_reals; k < r->n_sums; k++)
        r->sums[k] = (double)co_exchange_counted(x, CO_N_COUNTS + k - n_reals);
    for (size_t k = 0; r->task->metrics[k].finish; k++)
        r->metrics[k] =
            reported ? r->task->metrics[k].finish(r->sums, r->population.labels.n) : NAN;
    const co_round_row row = {.n_reported = reported,
                              .n_nonfinite = co_exchange_counted(x, CO_COUNT_NONFINITE),
                              .n_saturated = co_exchange_counted(x, CO_COUNT_SATURATED),
                              .n_examples = co_exchange_counted(x, CO_COUNT_EXAMPLES),
                              .train_loss = reported ? co_task_mean_loss(r->sums) : NAN,
                              .update_norm = co_exchange_update_norm(x),
                              .lr_local = lr_local,
                              .lr_server = lr_server,
                              .bytes_down = (int64_t)r->plan.n * 4 * r->n_shared * vectors,
                              .bytes_up = reported * 4 * r->n_shared * vectors,
                              .model_digest = co_exchange_digest(x)};
    co_exchange_take_rows(x, &r->plan);
    co_record_round(&r->record, &r->plan, &row, r->metrics);
}

/* Rank 0: the times that followed last round have come with this round's records. */
static void add_load(co_run *r)
{
    const double rate = r->spent_cost > 0.0 ? r->spent_s / r->spent_cost : 0.0;
    if (r->has_pending) {
        for (int k = 0; k < r->comm->size; k++) {
            r->pending[k].reduce_s = r->exchange.record[k].reduce_s;
            r->pending[k].eval_s = r->exchange.record[k].eval_s;
            r->pending[k].write_s = r->exchange.record[k].write_s;
        }
        co_record_load(&r->record, r->plan.round - 1, r->pending, rate);
    } else {
        co_record_wrote(&r->record,
                        r->exchange.record); /* of the save that completed the round before */
    }
    memcpy(r->pending, r->exchange.record, (size_t)r->comm->size * sizeof *r->pending);
    r->has_pending = true;
}

/* Completes the load of the last round now, before the run file is published for good.
 * Collective(comm). */
static void complete_load(co_run *r)
{
    co_exchange_gather(&r->exchange);
    if (r->comm->rank == 0 && r->has_pending) {
        const co_rank_record *record = r->exchange.record;
        memcpy(r->pending, record, (size_t)r->comm->size * sizeof *record);
        co_record_load(&r->record, r->round, r->pending,
                       r->spent_cost > 0.0 ? r->spent_s / r->spent_cost : 0.0);
        r->has_pending = false;
    }
    MPI_Barrier(r->comm->node); /* nobody changes a record before rank 0 has read it */
    own_record(r)->reduce_s = own_record(r)->eval_s = own_record(r)->write_s = 0.0;
}

/* One round. Collective(comm). */
static co_status play_round(co_run *r)
{
    const co_experiment *e = r->experiment;
    const int64_t round = r->round + 1;
    const double lr_local = co_schedule_rate(&e->local_rate, round),
                 lr_server = co_schedule_rate(&e->server_rate, round);
    double wait_s;
    if (co_population_move(&r->population, round)) co_run_look(r);
    co_plan_make(&r->plan, e, &r->population, round, r->comm->size);
    co_status_set_round(round);
    CO_ASSERT(
        !co_fault("assert")); /* the test of what a broken invariant does to the other ranks */
    co_exchange_clear(&r->exchange);
    if (r->shared.comm) co_exchange_clear(&r->shared);
    if (r->wire->begin) r->wire->begin(r->wire_self, &r->plan);
    co_state_begin(&r->state, &r->plan);
    const double start = co_now_s();
    co_status st = e->aggregator->stress ? share_by_stress(r) : CO_OK;
    if (r->late != CO_OK) st = r->late;
    if (st == CO_OK) st = train_own(r, lr_local);
    if (st == CO_OK && co_fault("train")) st = CO_FAIL(CO_EINTERNAL, "injected fault in training");
    if (st == CO_OK && r->comm->rank == 0) st = co_record_reserve(&r->record, r->plan.capacity);
    if (st != CO_OK)
        co_exchange_count(&r->exchange, st == CO_ESTOPPED ? CO_COUNT_ABANDONED : CO_COUNT_FAILED,
                          1);
    const double trained = co_now_s();
    co_watch_progress(CO_WATCH_WAITING, round);
    co_exchange_reduce(&r->exchange, &wait_s);
    const co_gathered gathered = r->wire->finish(r->wire_self, &r->plan, &r->chain);
    co_state_finish(&r->state, &r->plan);
    co_watch_progress(CO_WATCH_WORKING, round);
    co_state_commit(&r->state, &r->plan,
                    co_exchange_counted(&r->exchange, CO_COUNT_FAILED) +
                            co_exchange_counted(&r->exchange, CO_COUNT_ABANDONED) ==
                        0);
    if (co_exchange_counted(&r->exchange, CO_COUNT_FAILED) > 0) return co_agree(st, r->comm);
    if (co_exchange_counted(&r->exchange, CO_COUNT_ABANDONED) > 0) {
        r->stopping = true; /* nothing of this round has touched the model */
        return CO_OK;
    }
    co_run_combine(r, &gathered, lr_server);
    measure(r, trained - start);
    own_record(r)->wait_s = wait_s;
    own_record(r)->stop_wanted = co_stop_wanted();
    co_watch_progress(CO_WATCH_WAITING,
                      round); /* until this rank has examples of its own again, or writes files */
    co_exchange_gather(&r->exchange);
    r->round = round;
    if (r->comm->rank == 0) {
        add_load(r);
        add_round(r, lr_local, lr_server);
    }
    st = co_chain_end(&r->chain, round, co_exchange_counts(&r->exchange, r->first_count),
                      co_exchange_counted(&r->exchange, CO_COUNT_REPORTED));
    if (r->late == CO_OK) r->late = st;
    if (st == CO_OK && r->privacy.is_on && r->comm->rank == 0)
        co_record_private(&r->record, &r->privacy.row);
    for (int k = 0; k < r->comm->size; k++) r->stopping |= r->exchange.record[k].stop_wanted != 0;
    MPI_Barrier(r->comm->node);
    co_watch_round(co_now_s() - start);
    own_record(r)->reduce_s = co_now_s() - trained - wait_s;
    own_record(r)->eval_s = own_record(r)->write_s = 0.0;
    const int64_t active = co_exchange_counted(&r->exchange, CO_COUNT_NONFINITE);
    const bool all = active > 0 && co_exchange_counted(&r->exchange, CO_COUNT_REPORTED) == 0;
    r->diverged_rounds = all ? r->diverged_rounds + 1 : 0;
    return CO_OK;
}

/* One row of eval. Collective(comm). */
static co_status evaluate_span(co_run *r, co_scope scope, co_eval_span span)
{
    double loss;
    co_status st = CO_OK;
    if (span.n == 0) return CO_OK;
    CO_TRY(co_evaluate_span(&r->evaluator, &r->population, span, r->exchange.model, r->comm, &loss,
                            r->metrics));
    if (scope == CO_SCOPE_ALL && (span.split == 1 || !r->population.has_split[1])) {
        r->last_loss = loss;
        r->last_metric = r->metrics[0];
    }
    if (r->comm->rank == 0)
        st = co_record_eval(&r->record, r->round, span.split, scope, span.n, loss, r->metrics);
    if (r->late == CO_OK) r->late = st;
    return CO_OK;
}

/* Evaluates splits 1 and 2 as rows of their own; with periods the current one and the past ones
 * beside them. Collective(comm). */
static co_status evaluate_central(co_run *r)
{
    for (int split = 1; split <= 2; split++) {
        int64_t first, n;
        if (!r->population.has_split[split]) continue;
        CO_TRY(
            evaluate_span(r, CO_SCOPE_ALL, (co_eval_span){split, 0, r->population.n_split[split]}));
        if (!r->population.n_periods) continue;
        co_population_recent(&r->population, split, &first, &n);
        CO_TRY(evaluate_span(r, CO_SCOPE_RECENT, (co_eval_span){split, first, n}));
        CO_TRY(evaluate_span(r, CO_SCOPE_PAST, (co_eval_span){split, 0, first}));
    }
    return CO_OK;
}

/* A row over the devices' own test parts. Collective(comm). */
static co_status evaluate_devices(co_run *r)
{
    double scores[CO_MAX_METRICS + 1][CO_N_SCORES];
    int64_t n_devices;
    CO_TRY(co_evaluate_devices(&r->device_evaluator, &r->population, r->exchange.model, r->comm,
                               &n_devices, scores));
    co_status st = CO_OK;
    if (r->comm->rank == 0) st = co_record_eval_devices(&r->record, r->round, n_devices, scores);
    if (r->late == CO_OK) r->late = st;
    return CO_OK;
}

static co_snapshot snapshot_of(co_run *r)
{
    co_snapshot s = {.round = r->round,
                     .model_digest = co_exchange_digest(&r->exchange),
                     .model = r->exchange.model,
                     .n_slots = r->n_slots,
                     .slot_name = r->slot_name,
                     .slot = r->whole_slot,
                     .privacy = r->privacy.is_on ? &r->privacy.state : NULL,
                     .state = &r->state,
                     .state_name = r->state_name};
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

/* Whether the evaluation of this round is the best so far, on the validation split where there is
 * one. Decided from the table, as the stop rule: nothing to keep over a resume. Only evaluations at
 * multiples of eval.every count: a longer run has them too. */
static bool is_best(const co_run *r)
{
    const co_table *t = &r->record.eval;
    const int64_t every = r->experiment->eval_keys.every, of = r->population.has_split[2] ? 2 : 1;
    const char *wanted = r->experiment->stop_keys.metric;
    const int column =
        co_record_eval_column(&r->record, wanted ? wanted : r->task->metrics[0].name);
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
        if (co_table_get_i64(t, i, (size_t)round) % every != 0 || isnan(value)) continue;
        if (!isnan(best) && (higher ? value <= best : value >= best)) continue;
        best = value;
        at = co_table_get_i64(t, i, (size_t)round);
    }
    return at == r->round;
}

static bool wants_best(const co_run *r)
{
    return r->comm->rank == 0 && r->central && r->experiment->output_keys.best;
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

/* Local. An error is kept for the next point where ranks agree. */
static void keep_best(co_run *r)
{
    if (!wants_best(r) || r->late != CO_OK || !is_best(r)) return;
    const co_snapshot s = snapshot_of(r);
    co_watch_progress(CO_WATCH_WORKING, -1);
    r->late = co_checkpoint_write_best(r->dir, &s, r->model, (uint64_t)r->experiment->seed,
                                       r->record.config, r->record.source);
    co_watch_progress(CO_WATCH_WAITING, -1);
}

/* Collective(comm). */
static co_status evaluate(co_run *r)
{
    const double start = co_now_s();
    if (r->central) CO_TRY(evaluate_central(r));
    if (r->on_devices) CO_TRY(evaluate_devices(r));
    keep_best(r);
    own_record(r)->eval_s += co_now_s() - start;
    return CO_OK;
}

/* The stop rule over all evaluations so far, decided by rank 0 from the table: nothing to keep over
 * a resume. */
static bool stop_rule(const co_run *r)
{
    const co_stop_keys *stop = &r->experiment->stop_keys;
    const char *name = stop->metric;
    const co_table *t = &r->record.eval;
    const int column = co_record_eval_column(&r->record, name), split = co_table_find(t, "split"),
              scope = co_table_find(t, "scope");
    const bool higher = t->columns[column].better == CO_BETTER_HIGHER;
    double best = NAN;
    int64_t since = 0;
    for (size_t i = 0; i < t->n_rows; i++) {
        const double value = co_table_get_f64(t, i, (size_t)column);
        if (co_table_get_i64(t, i, (size_t)split) != 1 ||
            co_table_get_i64(t, i, (size_t)scope) != 0)
            continue;
        const bool better = isnan(best) || (higher ? value > best : value < best);
        since = better ? 0 : since + 1;
        if (better) best = value;
    }
    if (isnan(best)) return false;
    if (stop->has_target && (higher ? best >= stop->target : best <= stop->target)) return true;
    return stop->patience > 0 && since >= stop->patience;
}

static void check_finished(co_run *r)
{
    int stop = r->round >= r->experiment->rounds;
    if (r->experiment->stop_keys.metric) {
        if (r->comm->rank == 0) stop |= stop_rule(r);
        MPI_Bcast(&stop, 1, MPI_INT, 0, r->comm->world);
    }
    r->finished = stop;
}

/* The run file first, then the checkpoint: a resume cuts later rows. Collective(comm). */
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

static void show_progress(co_run *r, co_progress *progress)
{
    if (r->comm->rank != 0) return;
    const co_table *t = &r->record.rounds;
    const int column = co_table_find(t, "train_loss");
    char text[160], metric[64] = "";
    if (!isnan(r->last_metric))
        snprintf(metric, sizeof metric, ", test %s %.4f", r->task->metrics[0].name, r->last_metric);
    snprintf(text, sizeof text, "round %lld/%lld, train loss %.4f%s", (long long)r->round,
             (long long)r->experiment->rounds,
             t->n_rows ? co_table_get_f64(t, t->n_rows - 1, (size_t)column) : NAN, metric);
    co_progress_step(progress, r->finished ? r->experiment->rounds : r->round,
                     r->experiment->rounds, text);
}

static co_status diverged(co_run *r)
{
    if (r->comm->rank == 0) {
        const co_status st = co_record_publish(&r->record, "stopped");
        if (st != CO_OK) co_warn("%s", co_status_message());
    }
    return CO_FAIL(
        CO_EDIVERGED,
        "round %lld: every device gave a non-finite update for %d rounds; lower local.lr, or set "
        "local.clip_grad",
        (long long)r->round, DIVERGED_LIMIT);
}

/* Asked to stop: a checkpoint, and exit code 75. Before the first round is done there is nothing to
 * keep. Collective(comm). */
static co_status stop_now(co_run *r)
{
    if (r->round > 0) CO_TRY(save(r, "stopped"));
    return CO_FAIL(CO_ESTOPPED, "stopped on request after round %lld of %lld; --resume goes on",
                   (long long)r->round, (long long)r->experiment->rounds);
}

/* What follows a round: evaluation, the end, files. Collective(comm). */
static co_status after_round(co_run *r)
{
    if (r->stopping && r->plan.round > r->round)
        return stop_now(r); /* given up: the round before is the last */
    const int64_t every = r->experiment->eval_keys.every,
                  save_every = r->experiment->output_keys.checkpoint_every;
    const bool last = r->round >= r->experiment->rounds;
    if (r->diverged_rounds >= DIVERGED_LIMIT) return diverged(r);
    if ((r->central || r->on_devices) && (r->round % every == 0 || last)) {
        CO_TRY(evaluate(r));
        check_finished(r);
    }
    r->finished |= last;
    if (r->stopping && !r->finished) return stop_now(r);
    if (r->finished || (save_every > 0 && r->round % save_every == 0))
        return save(r, r->finished ? "done" : "running");
    if (r->comm->rank == 0 && r->late == CO_OK && co_record_is_due(&r->record)) {
        const double start = co_now_s();
        co_watch_progress(CO_WATCH_WORKING, -1);
        r->late = co_record_publish(&r->record, "running");
        co_watch_progress(CO_WATCH_WAITING, -1);
        own_record(r)->write_s += co_now_s() - start;
    }
    return CO_OK;
}

/* An error in the rounds says in which, and what can be done after its cause is gone. */
static co_status place_error(const co_run *r, co_status st)
{
    char cause[900];
    if (st == CO_OK || st == CO_ESTOPPED || st == CO_EDIVERGED)
        return st; /* these say it themselves */
    snprintf(cause, sizeof cause, "%s", co_status_message());
    return CO_FAIL(st, "round %lld: %s; --resume goes on from the newest checkpoint",
                   (long long)r->plan.round, cause);
}

co_status co_run_rounds(co_run *r)
{
    co_progress progress;
    co_status st = CO_OK;
    if (r->round > 0 && r->central) check_finished(r);
    if (r->round >= r->experiment->rounds) r->finished = true;
    if (r->finished) return CO_OK;
    if (r->round > 0) look_for_best(r);
    co_progress_start(&progress, r->round);
    co_watch_start(r->experiment->stop_keys.walltime_s);
    if (r->round == 0 && (r->central || r->on_devices)) st = evaluate(r);
    if (st == CO_OK && r->round == 0 && r->privacy.state.is_secure)
        st = save(r, "running"); /* the key, before its first use */
    while (st == CO_OK && !r->finished) {
        st = play_round(r);
        if (st == CO_OK) st = after_round(r);
        if (st == CO_OK) show_progress(r, &progress);
    }
    co_watch_end();
    co_progress_end(&progress);
    co_status_set_round(-1);
    return place_error(r, st);
}
