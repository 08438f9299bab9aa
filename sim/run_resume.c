/* sim/run_resume.c - a run goes to the state of a checkpoint. */
#include "sim/run.h"
#include <stdio.h>
#include <string.h>

static co_status check_snapshot(const co_run *r, const co_snapshot *s, const char *path)
{
    if (strcmp(s->data_digest, r->population.data_digest) != 0)
        return CO_FAIL(
            CO_EUSAGE,
            "%s: was made with other data (data_digest %s, now %s): give the same data set", path,
            s->data_digest, r->population.data_digest);
    if (strcmp(s->partition_digest, r->population.partition_digest) != 0)
        return CO_FAIL(CO_EUSAGE,
                       "%s: was made with another partition (partition_digest %s, now %s)", path,
                       s->partition_digest, r->population.partition_digest);
    return CO_OK;
}

static co_status check_planner(const co_run *r, const co_snapshot *s, const char *path)
{
    char cause[300];
    const co_planner *planner = r->experiment->planner;
    const co_clock now = {.step = s->round + 1, .time = r->time};
    const co_status st = planner->check ? planner->check(r->planner, &r->plan, &now) : CO_OK;
    if (st == CO_OK) return st;
    snprintf(cause, sizeof cause, "%s", co_status_message());
    return CO_FAIL(st, "%s: %s", path, cause);
}

/* Rank 0 reads the whole vectors; the model goes to every node's board, the slots to their owners.
 */
static co_status read_snapshot(co_run *r, const char *path, co_snapshot *s)
{
    co_status st = co_run_open_slots(r);
    if (st == CO_OK) st = co_checkpoint_read(path, s, r->model);
    if (st == CO_OK) st = check_snapshot(r, s, path);
    if (st == CO_OK) st = check_planner(r, s, path);
    if (st == CO_OK && s->privacy) st = co_shares_resume(&r->shares, s->privacy->multiplier);
    if (st == CO_OK && s->privacy) st = co_charge_resume(&r->charge, s->privacy, s->round, path);
    if (st == CO_OK) st = co_record_resume(&r->record, s->round, r->experiment);
    if (st == CO_OK && s->privacy) st = co_record_retell(&r->record, &r->charge);
    if (s->budget) co_record_statement(&r->record, co_budget_release(&r->budget));
    return st;
}

/* Once the planner has its lists. Collective(comm). */
static co_status resume_versions(co_run *r, const char *path)
{
    CO_TRY(co_versions_open(&r->versions, r->round, r->experiment->planner, r->planner));
    CO_TRY(co_agree(r->comm->rank == 0 ? co_checkpoint_read_versions(path, &r->versions, r->model)
                                       : CO_OK,
                    r->comm));
    return co_versions_broadcast(&r->versions);
}

co_status co_run_resume(co_run *r, const char *path)
{
    co_private_state privacy = {0};
    co_snapshot s = {.model = r->exchange.model,
                     .n_slots = r->n_slots,
                     .slot = r->whole_slot,
                     .slot_name = r->slot_name,
                     .keeps = &r->keeps,
                     .privacy = r->charge.is_on ? &privacy : NULL,
                     .budget = r->budget.experiment ? &r->budget : NULL,
                     .state = &r->state,
                     .rounds = r->experiment->rounds,
                     .state_name = r->state_name};
    co_status st = CO_OK;
    if (r->comm->rank == 0) {
        st = read_snapshot(r, path, &s);
        co_state_end_put(&r->state);
        co_private_state_fini(&privacy);
    } else {
        co_state_take(&r->state);
    }
    st = co_agree(st, r->comm);
    if (st == CO_OK) st = co_private_broadcast(&r->privacy, r->comm);
    if (st == CO_OK) st = co_shares_broadcast(&r->shares, r->comm);
    if (st == CO_OK) st = co_budget_broadcast(&r->budget, r->comm);
    if (st == CO_OK) {
        r->round = s.round;
        MPI_Bcast(&r->round, 1, MPI_INT64_T, 0, r->comm->world);
        co_keeps_broadcast(&r->keeps, r->comm);
        co_messages_wake(&r->messages);
        r->moment = (co_moment){r->round, 1e-9 * (double)r->time, 1e-9 * (double)r->time};
        co_run_scatter_slots(r);
        st = resume_versions(r, path);
        co_bank_gather(&r->bank);
        if (st == CO_OK) st = co_segment_broadcast(&r->exchange.board, r->comm);
        if (st == CO_OK) co_exchange_hash(&r->exchange);
    }
    if (st == CO_OK) st = co_observers_load(r);
    co_run_free_slots(r);
    return st;
}
