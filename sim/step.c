/* sim/step.c - the devices' half of a step.
 *
 * Where the aggregator weighs devices by the loss of the received model, all are measured first:
 * a_i = w_i stress_i over the sum of all, one reduction of an exact scalar. */
#include "sim/step.h"
#include "core/memory.h"
#include "sim/watch.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

void co_step_declare(co_run *r)
{
    for (size_t k = 0; k < r->plan.n; k++) {
        co_plan_row *row = &r->plan.row[k];
        const co_work *work = r->works.work[row->work];
        row->bytes_down = row->bytes_up = 0;
        if (work->traffic)
            work->traffic(r->works.self[row->work], &row->bytes_down, &row->bytes_up);
        row->bytes_up = co_chain_bytes(&r->chain, row->attacker, row->bytes_up);
    }
}

static bool is_own(const co_run *r, const co_plan_row *row)
{
    return row->rank == r->comm->rank && row->outcome != CO_EMPTY;
}

static co_request request_of(const co_run *r, double lr)
{
    return (co_request){.step = r->plan.round,
                        .lr = lr,
                        .beside = co_bank_read(&r->bank, CO_INTO_RULE),
                        .n_slices = (size_t)r->comm->size};
}

/* The update of the model through the stages and onto the wire. Local. */
static void send(co_run *r, size_t k, co_given *given, float *const *state)
{
    co_plan_row *row = &r->plan.row[k];
    const co_aggregator *rule = r->experiment->aggregator;
    co_contribution c = {.n = given->piece[0].n,
                         .update = given->piece[0].value,
                         .norm = row->update_norm,
                         .weight = row->weight,
                         .share = row->share,
                         .attacker = row->attacker};
    const bool finite = co_chain_forward(&r->chain, r->plan.round, row->device, &c,
                                         state ? state + r->n_rule_states : NULL);
    given->report.norm = row->update_norm = finite ? c.norm : NAN;
    given->report.loss = row->loss_before;
    if (!finite) {
        row->outcome = CO_NONFINITE;
        return;
    }
    double factor = 1.0;
    if (rule->report)
        rule->report(&r->experiment->aggregate, &given->report, &factor, &given->term);
    c.share *= factor;
    row->saturated = r->wire->add(r->wire_self, &r->plan, k, &c) > 0;
    for (size_t i = 0; i < r->chain.n_counts; i++)
        co_exchange_count(&r->exchange, r->first_count + i, r->chain.counts[i]);
}

/* Counts and exact scalars of a device, and what it adds to the bank. Local. */
static void count(co_run *r, size_t k, const co_given *given)
{
    co_exchange *x = &r->exchange;
    const co_plan_row *row = &r->plan.row[k];
    if (row->outcome == CO_REPORTED) {
        for (size_t i = 1; i < given->n_pieces; i++)
            co_bank_add(&r->bank, given->piece[i].into, given->piece[i].value,
                        row->weight / r->plan.population_weight);
        co_exchange_scalar(x, CO_SUM_TOTAL, row->share);
        co_exchange_scalar(x, CO_SUM_TERMS, row->share * given->term);
        const size_t n_reals = r->task->n_reals(r->population.labels.n);
        for (size_t i = 0; i < n_reals; i++) co_exchange_scalar(x, CO_SUM_TASK + i, given->sums[i]);
        for (size_t i = n_reals; i < r->n_sums; i++)
            co_exchange_count(x, CO_N_COUNTS + i - n_reals, (int64_t)given->sums[i]);
        co_exchange_count(x, CO_COUNT_REPORTED, 1);
        co_exchange_count(x, CO_COUNT_SATURATED, row->saturated);
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
    with->version = co_versions_read(&r->versions, row->version);
    with->state = co_state_open(&r->state, &r->plan, k);
    CO_TRY(r->works.work[row->work]->perform(r->works.self[row->work], with, row, &given));
    if (row->outcome == CO_REPORTED && !given.piece[0].is_added) send(r, k, &given, with->state);
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
        with.slice = plain && !co_chain_touches(&r->chain, row->attacker) ? slice : NULL;
        CO_TRY(ask(r, r->plan.order[i], &with));
    }
    return CO_OK;
}

/* Losses of the received model on this rank's devices, and from them their stress. A model that is
 * not finite there has stress 0: the device's update will not be finite either. Local. */
static co_status measure_own(co_run *r, double lr, co_scalar *sum)
{
    const co_experiment *e = r->experiment;
    const size_t measure = co_work_index("measure");
    co_request with = request_of(r, lr);
    for (size_t k = 0; k < r->plan.n; k++) {
        co_plan_row *row = &r->plan.row[k];
        co_given given;
        if (!is_own(r, row)) continue;
        with.version = co_versions_read(&r->versions, row->version);
        CO_TRY(r->works.work[measure]->perform(r->works.self[measure], &with, row, &given));
        const double stress = e->aggregator->stress(&e->aggregate, row->loss_before);
        row->share = isfinite(stress) ? row->share * stress : 0.0;
        co_scalar_add(sum, row->share);
    }
    return CO_OK;
}

/* Collective(comm). */
static co_status share_by_stress(co_run *r, double lr)
{
    co_scalar sum = {0};
    const co_status st = measure_own(r, lr, &sum);
    MPI_Allreduce(MPI_IN_PLACE, sum.digit, CO_SCALAR_DIGITS, MPI_INT64_T, MPI_SUM, r->comm->world);
    const double total = co_scalar_value(&sum);
    for (size_t k = 0; k < r->plan.n; k++)
        if (r->plan.row[k].rank == r->comm->rank)
            r->plan.row[k].share *= total > 0.0 ? 1.0 / total : 0.0;
    return st;
}

co_status co_step_work(co_run *r, double lr)
{
    co_status st = r->experiment->aggregator->stress ? share_by_stress(r, lr) : CO_OK;
    if (r->late != CO_OK) st = r->late;
    return st == CO_OK ? ask_own(r, lr) : st;
}
