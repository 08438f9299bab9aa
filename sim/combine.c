/* sim/combine.c - the server's part of a step, on the coordinates that this rank owns: stages
 * backward, aggregator, server optimiser; and its state as whole vectors for checkpoints. Cost: the
 * slice a few times, and a hash of it. */
#include "core/clones.h"
#include "core/memory.h"
#include "core/vector.h"
#include "io/files/digest.h"
#include "sim/run.h"
#include <math.h>
#include <string.h>

/* Sum of squares with eight fixed lanes: the same bits whoever owns the block. */
CO_CLONES static double square_sum(const double *x, size_t n)
{
    double lane[8] = {0}, sum = 0.0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t k = 0; k < 8; k++) lane[k] += x[i + k] * x[i + k];
    for (size_t k = 0; i + k < n; k++) lane[k] += x[i + k] * x[i + k];
    for (size_t k = 0; k < 8; k++) sum += lane[k];
    return sum;
}

/* The server's step on what travels of this rank's slice. Local. */
static void step_spans(co_run *r, double lr)
{
    enum { MAX_SLOTS = 4 };
    const co_exchange *x = &r->exchange;
    CO_ASSERT(r->n_server_slots <= MAX_SLOTS);
    for (const co_part *s = x->own_span; s < x->own_span + x->n_own_spans; s++) {
        float *slot[MAX_SLOTS];
        for (size_t k = 0; k < r->n_server_slots; k++) slot[k] = r->slot[k] + s->at;
        r->experiment->server_optimizer->step(r->server, x->model + s->offset, r->update + s->at,
                                              slot, s->size, lr, r->plan.round);
    }
}

/* What does not travel is not changed either, whatever noise a stage added to it. */
static void clear_unsent(co_run *r)
{
    const co_exchange *x = &r->exchange;
    size_t end = 0;
    for (size_t k = 0; k <= x->n_own_spans; k++) {
        const size_t begin = k < x->n_own_spans ? x->own_span[k].at : x->n_own;
        memset(r->update + end, 0, (begin - end) * sizeof *r->update);
        if (k < x->n_own_spans) end = begin + x->own_span[k].size;
    }
}

/* Collective(comm) for a rule that sees all updates, else Local. */
static void aggregate(co_run *r, const co_round_sum *sum, const co_gathered *gathered)
{
    const co_experiment *e = r->experiment;
    if (e->aggregator->finish) {
        e->aggregator->finish(r->aggregation.self, sum, r->update);
        return;
    }
    const co_updates in = {.n_rows = gathered->n_rows,
                           .n = sum->n,
                           .row = (const float *const *)gathered->row,
                           .weight = gathered->weight,
                           .comm = r->comm,
                           .slot = sum->slot,
                           .scratch = gathered->scratch};
    co_aggregate_all(&r->aggregation, &in, (uint64_t)e->seed, r->plan.round, r->update);
}

/* What has met, backward through the stages and into the step's update. False when nothing has, and
 * the model stays. Collective(comm) where the aggregator sees whole updates, else Local. */
static bool make_update(co_run *r, const co_gathered *gathered)
{
    co_exchange *x = &r->exchange;
    const double total = co_exchange_summed(x, CO_SUM_TOTAL);
    co_round_sum in = {.n = x->n_own,
                       .part = x->own,
                       .n_parts = x->n_own_parts,
                       .sum = co_exchange_sum(x),
                       .bits = r->chain.ring.bits,
                       .value = r->update,
                       .weight = r->plan.weight,
                       .total = total > 0.0 && r->plan.bound > 0.0 ? r->plan.fixed_total : total,
                       .terms = co_exchange_summed(x, CO_SUM_TERMS),
                       .coverage = r->plan.population_weight > 0.0
                                       ? r->plan.weight / r->plan.population_weight
                                       : 1.0,
                       .n_reported = co_exchange_counted(x, CO_COUNT_REPORTED),
                       .slot = r->slot + r->n_server_slots};
    r->step_failed = r->secagg.failed;
    if (r->step_failed) return false;
    float *const *stages = r->slot + r->n_server_slots + r->n_rule_slots;
    if (!co_chain_releases(&r->chain) && (in.n_reported == 0 || in.total <= 0.0)) return false;
    co_chain_backward(&r->chain, r->plan.round, stages, &in);
    r->step_failed = in.failed;
    if (in.failed) return false;
    CO_ASSERT(in.bits == 0); /* the stage that made residues has made a sum of them */
    aggregate(r, &in, gathered);
    return true;
}

/* The update and the server's step on this rank's slice, and the records of its blocks. */
static void step_slice(co_run *r, const co_gathered *gathered, double lr)
{
    const co_exchange *x = &r->exchange;
    float *rest = r->downlink_rest;
    r->step_failed = false;
    if (rest) co_downlink_begin(x, rest);
    if (r->plan.groups ? co_edges_average(&r->edges, r->plan.round, r->update)
                       : make_update(r, gathered)) {
        clear_unsent(r);
        step_spans(r, lr);
    } else {
        memset(r->update, 0, x->n_own * sizeof *r->update);
    }
    if (rest) co_downlink_send(&r->downlink, r->plan.round, x, rest);
    for (const co_part *p = x->own; p < x->own + x->n_own_parts; p++)
        for (size_t done = 0; done < p->size; done += CO_BLOCK) {
            const size_t at = p->at + done,
                         n = p->size - done < CO_BLOCK ? p->size - done : CO_BLOCK;
            co_block_record *record = &x->block[x->first_block + at / CO_BLOCK];
            record->square_sum = square_sum(r->update + at, n);
            co_hash16(x->model + p->offset + done, n * sizeof *x->model, record->hash);
        }
}

void co_run_combine(co_run *r, const co_gathered *gathered, double lr)
{
    step_slice(r, gathered, lr);
    if (!r->plan.groups) co_bank_step(&r->bank, r->update);
}

co_status co_run_combine_create(co_run *r)
{
    const co_experiment *e = r->experiment;
    const co_server *server = e->server_optimizer;
    if (server->create) CO_TRY(server->create(&e->server, &r->server));
    const char *const none[] = {NULL}, *const *own = server->slots ? server->slots : none;
    const char *const *rules = e->aggregator->slots ? e->aggregator->slots : none;
    while (own[r->n_server_slots]) r->n_server_slots++;
    r->n_slots = r->n_server_slots;
    while (rules[r->n_rule_slots]) r->n_rule_slots++;
    r->n_slots += r->n_rule_slots + r->chain.n_server_slots + co_downlink_is_on(&r->downlink);
    const size_t n_sliced = r->n_slots;
    r->n_slots += r->bank.n;
    r->slot_name = co_calloc(r->n_slots, sizeof *r->slot_name);
    r->slots = co_calloc(n_sliced * r->exchange.n_own, sizeof *r->slots);
    r->slot = co_calloc(r->n_slots, sizeof *r->slot);
    r->whole_slot = co_calloc(r->n_slots, sizeof *r->whole_slot);
    r->update = co_malloc(r->exchange.n_own, sizeof *r->update);
    if (!r->slot_name || !r->slots || !r->slot || !r->whole_slot || !r->update)
        return CO_FAIL(CO_ENOMEM, "no memory for the server's state");
    for (size_t k = 0; k < n_sliced; k++) {
        r->slot[k] = r->slots + k * r->exchange.n_own;
        if (k < r->n_server_slots + r->n_rule_slots)
            r->slot_name[k] = k < r->n_server_slots ? own[k] : rules[k - r->n_server_slots];
        if (server->init && k < r->n_server_slots)
            server->init(r->server, k, r->slot[k], r->exchange.n_own);
    }
    co_chain_server_slots(&r->chain, r->slot_name + r->n_server_slots + r->n_rule_slots,
                          r->chain.n_server_slots);
    if (co_downlink_is_on(&r->downlink)) {
        r->downlink_rest = r->slot[n_sliced - 1];
        r->slot_name[n_sliced - 1] = CO_DOWNLINK_SLOT;
    }
    for (size_t k = 0; k < r->bank.n; k++) {
        r->slot[n_sliced + k] = co_bank_own(&r->bank, k);
        r->slot_name[n_sliced + k] = r->bank.name[k];
    }
    return CO_OK;
}

co_status co_run_open_slots(co_run *r)
{
    for (size_t k = 0; k < r->n_slots && r->comm->rank == 0; k++) {
        if (!r->whole_slot[k]) r->whole_slot[k] = co_malloc(r->exchange.n_params, sizeof(float));
        if (!r->whole_slot[k])
            return CO_FAIL(CO_ENOMEM, "no memory for the server's state as a whole");
    }
    return CO_OK;
}

void co_run_free_slots(co_run *r)
{
    for (size_t k = 0; r->whole_slot && k < r->n_slots; k++) {
        co_free(r->whole_slot[k]);
        r->whole_slot[k] = NULL;
    }
}

/* Where each rank's part of a whole vector stands. */
static void spans(const co_run *r, int *counts, int *at)
{
    for (int k = 0; k < r->comm->size; k++) {
        counts[k] = (int)r->exchange.slice_n[k];
        at[k] = (int)r->exchange.slice_first[k];
    }
}

/* Makes a whole vector of what is trained of it: the rest is as it was at first. */
static void widen(const co_run *r, size_t k)
{
    const co_server *server = r->experiment->server_optimizer;
    const co_layout *l = r->exchange.layout;
    float *slot = r->whole_slot[k];
    size_t end = l->whole;
    for (size_t p = l->n_parts + 1; p-- > 0;) { /* the last one first: nothing is in its way */
        const size_t begin = p > 0 ? l->part[p - 1].offset + l->part[p - 1].size : 0;
        if (p > 0)
            memmove(slot + l->part[p - 1].offset, slot + l->part[p - 1].at,
                    l->part[p - 1].size * sizeof *slot);
        memset(slot + begin, 0, (end - begin) * sizeof *slot);
        if (server->init && k < r->n_server_slots)
            server->init(r->server, k, slot + begin, end - begin);
        if (p > 0) end = l->part[p - 1].offset;
    }
}

co_status co_run_gather_slots(co_run *r)
{
    int counts[r->comm->size], at[r->comm->size];
    CO_TRY(co_agree(co_run_open_slots(r), r->comm));
    spans(r, counts, at);
    for (size_t k = 0; k < r->n_slots; k++) {
        MPI_Gatherv(r->slot[k], (int)r->exchange.n_own, MPI_FLOAT, r->whole_slot[k], counts, at,
                    MPI_FLOAT, 0, r->comm->world);
        if (r->comm->rank == 0) widen(r, k);
    }
    return CO_OK;
}

void co_run_scatter_slots(co_run *r)
{
    int counts[r->comm->size], at[r->comm->size];
    spans(r, counts, at);
    for (size_t k = 0; r->comm->rank == 0 && k < r->n_slots; k++)
        co_layout_pack(r->exchange.layout, r->whole_slot[k], r->whole_slot[k]);
    for (size_t k = 0; k < r->n_slots; k++)
        MPI_Scatterv(r->whole_slot[k], counts, at, MPI_FLOAT, r->slot[k], (int)r->exchange.n_own,
                     MPI_FLOAT, 0, r->comm->world);
}

void co_run_combine_destroy(co_run *r)
{
    if (r->experiment && r->experiment->server_optimizer->destroy)
        r->experiment->server_optimizer->destroy(r->server);
    co_run_free_slots(r);
    co_free(r->slots);
    co_free(r->slot_name);
    co_free(r->slot);
    co_free(r->whole_slot);
    co_free(r->update);
}
