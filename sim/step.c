/* sim/step.c - the devices' half of a step.
 *
 * Where the aggregator weighs devices by the loss of the received model, all are measured first:
 * a_i = w_i stress_i over the sum of all, one reduction of an exact scalar. */
#include "sim/step.h"
#include "core/log.h"
#include "core/vector.h"
#include "sim/watch.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

void co_step_open(co_run *r)
{
    CO_ASSERT(!co_fault("assert")); /* the test of what a broken invariant does to other ranks */
    co_exchange_clear(&r->exchange);
    co_bank_clear(&r->bank);
    if (r->wire->begin) r->wire->begin(r->wire_self, &r->plan);
    co_state_begin(&r->state, &r->plan);
    r->times.start = co_now_s();
}

static bool is_own(const co_run *r, const co_plan_row *row)
{
    return row->rank == r->comm->rank && co_row_works(row);
}

static co_request request_of(const co_run *r, double lr)
{
    return (co_request){.step = r->plan.round,
                        .lr = lr,
                        .beside = r->experiment->rule->common ? co_bank_read(&r->bank, CO_INTO_RULE)
                                                              : NULL,
                        .frozen = r->exchange.model,
                        .n_slices = (size_t)r->comm->size};
}

/* What is meant for the model that the row adds to, in what a device gives; NULL: nothing. */
static const co_piece *model_piece(const co_given *given, const co_plan_row *row)
{
    for (size_t i = 0; i < given->n_pieces; i++)
        if (given->piece[i].into == row->into) return &given->piece[i];
    return NULL;
}

/* The model that a device starts from. */
static const float *version_of(co_run *r, const co_plan_row *row)
{
    return r->plan.groups ? co_edges_read(&r->edges, row, r->plan.round)
                          : co_versions_read(&r->versions, row->version);
}

static bool is_moved(const co_run *r, const co_plan_row *row)
{
    return r->plan.is_to_newest && row->version != r->versions.newest;
}

/* Makes an update lead from the newest version to the device's model: what was added to the model
 * since the version that the device started from comes off again. Local. */
static void lead_to_newest(const co_run *r, const co_piece *piece, const float *version,
                           co_plan_row *row)
{
    const co_layout *layout = r->exchange.layout;
    const float *newest = r->exchange.model;
    for (const co_part *s = layout->span[CO_SHARED];
         s < layout->span[CO_SHARED] + layout->n_spans[CO_SHARED]; s++)
        for (size_t j = 0; j < s->size; j++)
            piece->value[s->at + j] += version[s->offset + j] - newest[s->offset + j];
    row->update_norm = co_vector_norm(piece->value, piece->n);
    if (!isfinite(row->update_norm)) row->outcome = CO_NONFINITE;
}

/* The update of the model through the stages and onto the wire. Local. */
static void send(co_run *r, size_t k, const co_piece *piece, co_given *given, float *const *state)
{
    co_plan_row *row = &r->plan.row[k];
    const co_aggregator *rule = r->experiment->aggregator;
    co_contribution c = {.n = piece->n,
                         .update = piece->value,
                         .norm = row->update_norm,
                         .weight = row->weight,
                         .factor = row->factor,
                         .coefficient = row->coefficient,
                         .attacker = row->attacker,
                         .words = r->wire->words ? r->wire->words(r->wire_self) : NULL};
    const bool finite = co_chain_forward(&r->chain, r->plan.round, row->device, &c,
                                         state ? state + r->n_rule_states : NULL);
    given->report.norm = row->update_norm = finite ? c.norm : NAN;
    given->report.loss = row->loss_before;
    if (!finite) {
        row->outcome = CO_NONFINITE;
        return;
    }
    double factor = 1.0;
    if (!isnan(c.coded_bits)) {
        const co_message *m = &r->message[row->attacker];
        row->bytes_coded = row->bytes_up + (int64_t)ceil(c.coded_bits / 8.0) - co_message_bytes(m);
    }
    if (rule->report) rule->report(r->aggregation.self, &given->report, &factor, &given->term);
    c.coefficient *= factor;
    row->saturated = r->wire->add(r->wire_self, &r->plan, k, &c) > 0;
    for (size_t i = 0; i < r->chain.n_counts; i++)
        co_exchange_count(&r->exchange, r->first_count + i, r->chain.counts[i]);
}

/* Nobody sees what a single device has found. */
static void blind(co_plan_row *row, co_given *given)
{
    row->loss = row->update_norm = NAN;
    given->report = (co_device_report){.loss = NAN, .norm = NAN, .reach = NAN, .lr = NAN};
    for (size_t i = 0; i < given->n_pieces; i++) given->piece[i].value = NULL;
}

/* Counts and exact scalars of a device, and what it adds to the bank. Local. */
static void count(co_run *r, size_t k, co_given *given)
{
    co_exchange *x = &r->exchange;
    co_plan_row *row = &r->plan.row[k];
    if (r->secagg.is_on) blind(row, given);
    if (row->outcome == CO_REPORTED) {
        for (size_t i = 0; i < given->n_pieces; i++)
            if (given->piece[i].into != row->into)
                co_bank_add(&r->bank, given->piece[i].into, given->piece[i].value,
                            row->weight / r->plan.population_weight);
        if (model_piece(given, row)) {
            co_exchange_scalar(x, CO_SUM_TOTAL, row->share);
            co_exchange_scalar(x, CO_SUM_TERMS, row->share * given->term);
        }
        co_observers_see(r, row, given);
        co_exchange_count(x, CO_COUNT_REPORTED, 1);
        co_exchange_count(x, CO_COUNT_SATURATED, row->saturated);
        co_exchange_count(x, CO_COUNT_CODED, row->bytes_coded);
    } else {
        co_exchange_count(x, CO_COUNT_NONFINITE, 1);
    }
    co_exchange_count(x, CO_COUNT_EXAMPLES, row->n_examples);
    co_exchange_row(x, k, row);
}

/* One device: its state, its work, what it gives. Local. */
static co_status ask(co_run *r, size_t k, co_request *with)
{
    co_plan_row *row = &r->plan.row[k];
    co_given given;
    while (co_fault("hang")) sleep(3600); /* the watchdog's test */
    with->version = version_of(r, row);
    with->state = co_state_open(&r->state, &r->plan, k);
    CO_TRY(r->works.work[row->work]->perform(r->works.self[row->work], with, row, &given));
    const co_piece *piece = model_piece(&given, row);
    if (row->outcome == CO_REPORTED && piece && is_moved(r, row))
        lead_to_newest(r, piece, with->version, row);
    if (row->outcome == CO_REPORTED && piece && !piece->is_added)
        send(r, k, piece, &given, with->state);
    co_state_close(&r->state, &r->plan, k, row->outcome == CO_REPORTED);
    count(r, k, &given);
    return CO_OK;
}

static co_status ask_own(co_run *r, double lr)
{
    co_sum_slice slice[r->comm->size];
    const bool plain = r->wire->slices && !r->experiment->aggregator->report;
    co_request with = request_of(r, lr);
    if (plain) r->wire->slices(r->wire_self, slice);
    for (size_t i = 0; i < r->plan.n; i++) {
        const co_plan_row *row = &r->plan.row[r->plan.order[i]];
        if (!is_own(r, row)) continue;
        const bool adds = row->into == CO_INTO_MODEL && !is_moved(r, row) &&
                          !co_chain_touches(&r->chain, row->attacker);
        with.slice = plain && adds ? slice : NULL;
        CO_TRY(ask(r, r->plan.order[i], &with));
    }
    return CO_OK;
}

/* Losses of the received model on this rank's devices, and from them their stress. A model that is
 * not finite there has stress 0: the device's update will not be finite either. Local. */
static co_status measure_own(co_run *r, double lr, co_scalar *sum)
{
    const co_experiment *e = r->experiment;
    co_request with = request_of(r, lr);
    for (size_t k = 0; k < r->plan.n; k++) {
        co_plan_row *row = &r->plan.row[k];
        co_given given;
        if (!is_own(r, row)) continue;
        with.version = co_versions_read(&r->versions, row->version);
        CO_TRY(r->works.work[r->measure]->perform(r->works.self[r->measure], &with, row, &given));
        const double stress = e->aggregator->stress(r->aggregation.self, row->loss_before);
        row->coefficient = isfinite(stress) ? row->coefficient * stress : 0.0;
        co_scalar_add(sum, row->coefficient);
    }
    return CO_OK;
}

/* Collective(comm). */
static co_status weigh_by_stress(co_run *r, double lr)
{
    co_scalar sum = {0};
    const co_status st = measure_own(r, lr, &sum);
    MPI_Allreduce(MPI_IN_PLACE, sum.digit, CO_SCALAR_DIGITS, MPI_INT64_T, MPI_SUM, r->comm->world);
    const double total = co_scalar_value(&sum);
    for (size_t k = 0; k < r->plan.n; k++)
        if (r->plan.row[k].rank == r->comm->rank)
            r->plan.row[k].share = r->plan.row[k].coefficient *= total > 0.0 ? 1.0 / total : 0.0;
    return st;
}

co_status co_step_work(co_run *r, double lr)
{
    co_status st = r->experiment->aggregator->stress ? weigh_by_stress(r, lr) : CO_OK;
    if (r->late != CO_OK) st = r->late;
    if (st == CO_OK) st = ask_own(r, lr);
    if (st == CO_OK && co_fault("train")) st = CO_FAIL(CO_EINTERNAL, "injected fault in training");
    if (st == CO_OK && r->comm->rank == 0)
        st = co_record_reserve(&r->record, r->plan.capacity + r->plan.n_lost);
    r->times.worked = co_now_s();
    return st;
}

co_status co_step_meet(co_run *r, co_status st, co_gathered *met)
{
    co_exchange *x = &r->exchange;
    if (st != CO_OK)
        co_exchange_count(x, st == CO_ESTOPPED ? CO_COUNT_ABANDONED : CO_COUNT_FAILED, 1);
    if (r->wire->send) r->wire->send(r->wire_self);
    co_watch_progress(CO_WATCH_WAITING, r->plan.round);
    co_exchange_reduce(x, &r->times.wait);
    *met = r->wire->finish(r->wire_self, &r->plan, &r->chain);
    co_state_finish(&r->state, &r->plan);
    const int64_t lost =
        co_exchange_counted(x, CO_COUNT_FAILED) + co_exchange_counted(x, CO_COUNT_ABANDONED);
    if (lost)
        co_secagg_abandon(&r->secagg);
    else
        st = co_secagg_end(&r->secagg, x->own_span, x->n_own_spans, x->wire_first[r->comm->rank]);
    co_watch_progress(CO_WATCH_WORKING, r->plan.round);
    co_state_commit(&r->state, &r->plan, lost == 0 && st == CO_OK && !r->secagg.failed);
    return lost ? CO_OK : st;
}

/* What this rank had to do, for all to see. */
static void note_load(co_run *r)
{
    co_rank_record *own = &r->exchange.record[r->comm->rank];
    own->n_devices = own->n_examples = 0;
    own->cost = 0.0;
    for (size_t i = 0; i < r->plan.n; i++) {
        const co_plan_row *row = &r->plan.row[i];
        if (row->rank != r->comm->rank || row->n_examples == 0) continue;
        own->n_devices++;
        own->n_examples += row->n_examples;
        own->cost += row->cost;
    }
    own->train_s = r->times.worked - r->times.start;
    own->wait_s = r->times.wait;
    own->stop_wanted = co_stop_wanted();
}

void co_step_gather(co_run *r)
{
    co_exchange *x = &r->exchange;
    note_load(r);
    co_watch_progress(CO_WATCH_WAITING, r->plan.round); /* until this rank has examples of its own
                                                            again, or writes files */
    co_exchange_tell(x);
    co_exchange_gather(x);
    if (x->told) co_exchange_take_rows(x, &r->plan);
    r->round = r->plan.round;
    if (!r->step_failed) co_charge_take_part(&r->charge, &r->plan);
    co_messages_count(&r->messages, &r->plan);
    const co_stage_end end = {co_exchange_counts(x, r->first_count),
                              co_exchange_counted(x, CO_COUNT_REPORTED), r->step_failed};
    const co_status st = co_chain_end(&r->chain, r->round, &end);
    const co_status spent = r->step_failed ? CO_OK : co_budget_commit(&r->budget, &r->plan);
    co_plan_close(&r->plan);
    if (r->late == CO_OK) r->late = st != CO_OK ? st : spent;
    for (int k = 0; k < r->comm->size; k++) r->stop_wanted |= x->record[k].stop_wanted != 0;
    co_watch_round(co_now_s() - r->times.start);
}
