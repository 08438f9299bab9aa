/* sim/run.c - what a rank holds: made, given back. */
#include "sim/run.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/vector.h"
#include "sim/devices/timing.h"
#include "sim/first_model.h"
#include "sim/outlook.h"
#include "sim/planners/secure.h"
#include <math.h>

#define MOST_PLAYED 1e8 /* participations of a schedule that is played through for its privacy */

double co_run_flops(const co_run *r)
{
    return co_model_flops(r->model, r->population.mean_rows, r->population.mean_target_rows);
}

/* What the rule has all devices receive, or models of edge servers. Collective(comm). */
static co_status create_bank(co_run *r)
{
    const char *name = r->experiment->rule->common;
    co_plan_look(&r->plan);
    if (name) CO_TRY(co_bank_open(&r->bank, name, co_model_layout(r->model), 0, r->comm));
    return co_edges_create(&r->edges, r->plan.groups, &r->bank, &r->exchange);
}

size_t co_run_wire_bytes(const co_run *r)
{
    return r->wire->bytes ? r->wire->bytes(r->wire_self) : 0;
}

/* Collective(comm). */
static co_status create_state(co_run *r)
{
    const char *const *own = r->experiment->rule->slots;
    for (r->n_rule_states = 0; own && own[r->n_rule_states]; r->n_rule_states++) {
        CO_ASSERT(r->n_rule_states < CO_MAX_STATES);
        r->state_name[r->n_rule_states] = own[r->n_rule_states];
    }
    if (co_model_layout(r->model)->n_spans[CO_PERSONAL] > 0)
        r->state_name[r->n_rule_states++] = "personal";
    const size_t n = r->n_rule_states + co_chain_slots(&r->chain, r->state_name + r->n_rule_states,
                                                       CO_MAX_STATES - r->n_rule_states);
    return co_state_init(&r->state, n, co_model_layout(r->model)->n, r->plan.capacity,
                         r->population.n_devices, r->experiment->rounds, co_run_wire_bytes(r),
                         r->comm);
}

/* Refuses a run in which no device ever holds an example. O(devices), in most cases O(1). */
static co_status check_examples(co_run *r)
{
    co_population *p = &r->population;
    const int64_t last = r->experiment->rounds, span = p->n_periods ? p->period_rounds : last;
    bool any = false;
    for (int64_t round = 1; round <= last && !any; round += span) {
        const int64_t was = p->period;
        co_population_move(p, round);
        if (round > 1 && p->period == was) break; /* the last period goes on */
        for (int64_t k = 0; k < p->n_devices && !any; k++) any = co_population_examples(p, k) > 0;
    }
    co_population_move(p, 0);
    if (any) return CO_OK;
    return p->n_periods
               ? co_config_fail(&r->experiment->devices,
                                co_config_node(&r->experiment->devices, "memory"),
                                "in no round does any of the %lld devices hold an example to train "
                                "on: give them more "
                                "memory, or let the run reach the periods in which examples arrive",
                                (long long)p->n_devices)
               : co_config_fail(&r->experiment->top, NULL,
                                "none of the %lld devices has an example to train on; look at the "
                                "partition with cohort show",
                                (long long)p->n_devices);
}

co_status co_run_check_lengths(const co_config *opt, const co_model *model,
                               const co_population *population)
{
    const co_node *trained = co_node_find(opt->map, "most_positions");
    const size_t have[] = {population->most_rows, population->most_target_rows};
    int64_t n;
    for (int target = 0; target < 2; target++) {
        size_t most = co_model_longest(model, target);
        if (most == 0 && trained && co_node_int(trained, &n)) most = (size_t)n;
        if (most > 0 && have[target] > most)
            return co_config_fail(
                opt, trained,
                "the model has positions for %zu tokens, but the longest %s of the data "
                "has %zu; give positions more (most), or import the texts with "
                "max_tokens=%zu",
                most,
                target                         ? "target"
                : population->most_target_rows ? "source"
                                               : "text",
                have[target], most);
    }
    return CO_OK;
}

/* Rank 0. */
static co_status create_record(co_run *r, const char *dir)
{
    co_eval_columns *eval = co_calloc(1, sizeof *eval);
    if (!eval) return CO_FAIL(CO_ENOMEM, "columns of eval");
    co_observers_columns(r, eval);
    const co_status st = co_record_init(&r->record, r->experiment, &r->population, r->model, eval,
                                        dir, r->comm->size);
    co_free(eval);
    return st;
}

static co_status create_local(co_run *r, const char *dir)
{
    const co_experiment *e = r->experiment;
    CO_TRY(check_examples(r));
    CO_TRY(co_plan_init(&r->plan, e, &r->population, r->comm->size, co_work_index("train")));
    CO_TRY(co_aggregate_check(e->aggregator, &e->aggregate, (size_t)fmax(1.0, r->plan.per_round)));
    CO_TRY(co_aggregation_create(e->aggregator, &e->aggregate, &r->aggregation));
    CO_TRY(co_model_create(&e->model, &r->population.shape, &r->population.labels, r->task,
                           &r->model));
    if (!co_model_has_head(r->model))
        return co_config_fail(&e->model, co_config_node(&e->model, "head"),
                              "none gives hidden states, which nothing can be trained on; leave "
                              "head out, or ask cohort predict for output=hidden");
    CO_TRY(co_run_check_lengths(&e->model, r->model, &r->population));
    CO_TRY(co_workplace_init(&r->place, e, r->model, &r->population));
    CO_TRY(co_works_create(&r->works, &r->place));
    r->measure = co_work_index("measure");
    CO_TRY(co_observers_create(r));
    CO_TRY(co_experiment_digest(e, r->config_digest));
    return r->comm->rank == 0 ? create_record(r, dir) : CO_OK;
}

/* Where the first model comes from; frozen tensors stay what they were there. */
static co_status name_base(co_run *r)
{
    const co_experiment *e = r->experiment;
    const co_node *init = co_node_find(e->model.map, "init"),
                  *from = co_node_find(e->model.map, "from");
    r->base = from   ? co_format("model.from %s", from->text)
              : init ? co_format("model.init %s", init->text)
                     : co_format("seed %llu", (unsigned long long)e->seed);
    return r->base ? CO_OK : CO_FAIL(CO_ENOMEM, "model");
}

/* Training on public examples, by one rank. Collective(comm). */
static co_status warm_start(co_run *r)
{
    if (!r->public.experiment || r->public.keys.warm_start == 0 || r->experiment->resumes)
        return CO_OK;
    CO_TRY(co_agree(
        r->comm->rank == 0 ? co_public_warm_start(&r->public, r->exchange.model) : CO_OK, r->comm));
    return co_segment_broadcast(&r->exchange.board, r->comm);
}

/* The first model, once per node: drawn from the seed, or read from model.init or model.from. */
static co_status start_model(co_run *r)
{
    size_t n_frozen;
    co_model_spans(r->model, CO_FROZEN, &n_frozen);
    /* a checkpoint may leave frozen tensors out, and then finds them here */
    const bool makes = !r->experiment->resumes || n_frozen > 0;
    co_status st = name_base(r);
    if (st == CO_OK && makes && r->comm->node_rank == 0)
        st = co_first_model(r->experiment, r->model, r->exchange.model);
    st = co_agree(st, r->comm);
    co_segment_sync(&r->exchange.board, r->comm);
    if (st == CO_OK && makes) st = warm_start(r);
    co_exchange_hash(&r->exchange);
    return st;
}

/* Collective(comm). */
static co_status create_budget(co_run *r)
{
    CO_TRY(co_budget_init(&r->budget, r->experiment, &r->population, r->comm));
    if (r->budget.experiment) r->plan.budget = r->place.budget = &r->budget;
    CO_TRY(co_public_init(&r->public, r->experiment, r->model, &r->population, r->comm));
    if (r->public.experiment) r->place.public = &r->public;
    return CO_OK;
}

/* Edge servers' last models are nobody's. */
static void warn_of_left_rounds(const co_experiment *e)
{
    const long long left = (long long)(e->rounds % e->group_keys.cloud_every);
    if (left > 0)
        co_warn("the last %lld of %lld rounds change edge servers alone: the cloud averages every "
                "%lld; let rounds be a multiple of aggregate.groups.cloud_every",
                left, (long long)e->rounds, (long long)e->group_keys.cloud_every);
}

/* What a participation is sent and sends, in bytes: the model's part through the stages, what goes
 * beside it (a rule's common vector) as it is. Local. */
static co_status set_traffic(co_run *r)
{
    const co_work *train = r->works.work[r->plan.train];
    const int64_t n = (int64_t)co_model_layout(r->model)->n_shared,
                  model = n * (int64_t)sizeof(float);
    int64_t up;
    train->traffic(r->works.self[r->plan.train], &r->plan.bytes_down, &up);
    for (int attacker = 0; attacker < 2; attacker++) {
        r->message[attacker] = co_chain_message(&r->chain, attacker, n);
        r->plan.bytes_up[attacker] = up - model + co_message_bytes(&r->message[attacker]);
    }
    if (!co_downlink_is_on(&r->downlink)) return CO_OK;
    return co_plan_send_versions(&r->plan, model, co_chain_bytes(&r->downlink.chain, false, n));
}

/* The clock; the planner, which may look at it and at bytes. Collective(comm). */
static co_status create_planner(co_run *r)
{
    const co_experiment *e = r->experiment;
    CO_TRY(co_agree(set_traffic(r), r->comm));
    CO_TRY(co_timing_create(e, &r->population, co_run_flops(r), r->comm, &r->plan.timing));
    co_status st =
        co_groups_create(e, &r->population, r->plan.timing, r->plan.bytes_down, &r->plan.groups);
    if (st == CO_OK)
        st = co_secure_create(e, co_model_layout(r->model)->n_shared, r->chain.ring.bits,
                              r->plan.n_asked, r->plan.input.per_round, &r->plan.secure);
    if (st == CO_OK && e->planner->create)
        st = e->planner->create(&e->devices, &r->plan, &r->planner);
    CO_TRY(co_agree(st, r->comm));
    if (r->plan.groups) {
        co_groups_keeps(r->plan.groups, &r->keeps);
        warn_of_left_rounds(e);
    }
    if (co_is_timed(e)) {
        co_keep_ints(&r->keeps, "clock/time", &r->time, NULL, 1);
        co_keep_within(&r->keeps, 0.0, (double)CO_NEVER);
    }
    if (e->planner->keeps) e->planner->keeps(r->planner, &r->keeps);
    co_plan_keeps(&r->plan, &r->keeps);
    return CO_OK;
}

/* The most steps that a device may take part in: as the schedule says, where it can be played in
 * time, and never more than the separation allows. Collective(comm). */
co_status co_run_foresee_parts(co_run *r, int64_t *most)
{
    const co_experiment *e = r->experiment;
    co_outlook outlook;
    const int64_t apart = co_min_separation(e);
    *most = (e->rounds + apart - 1) / apart;
    if (!co_outlook_can(e) || (double)e->rounds * r->plan.per_round > MOST_PLAYED) return CO_OK;
    CO_TRY(co_outlook_play(&outlook, &r->plan, &r->population, co_run_flops(r), INFINITY, r->comm));
    if (outlook.most_parts < *most) *most = outlook.most_parts > 0 ? outlook.most_parts : 1;
    co_outlook_fini(&outlook);
    return CO_OK;
}

/* Collective(comm). */
static co_status start_privacy(co_run *r)
{
    int64_t last = r->experiment->rounds;
    if (r->charge.release.by_arrival) CO_TRY(co_run_foresee_parts(r, &last));
    co_charge_keeps(&r->charge, &r->keeps);
    co_messages_start(&r->messages, r->comm);
    co_messages_keeps(&r->messages, &r->keeps);
    CO_TRY(co_shares_start(&r->shares, last, r->comm));
    return co_private_start(&r->privacy, last, r->comm);
}

/* Collective(comm). */
static co_status create_exchange(co_run *r)
{
    co_needs needs = {CO_N_COUNTS, CO_N_SCALARS};
    co_observers_needs(r, &needs);
    r->first_count = needs.n_counts;
    return co_exchange_init(&r->exchange, co_model_layout(r->model),
                            r->plan.heard ? CO_BOARD_ROWS : CO_BOARD_WHOLE,
                            needs.n_counts - CO_N_COUNTS + r->chain.n_counts, needs.n_scalars,
                            r->plan.capacity, r->comm);
}

co_status co_run_create(co_run *r, co_experiment *e, const char *dir, const co_comm *comm)
{
    *r = (co_run){.comm = comm, .experiment = e, .dir = dir};
    const bool want_tests =
        co_eval_is_on(&e->eval_keys) && (!e->eval_keys.central_asked || e->eval_keys.central);
    co_status st = co_population_create(e, want_tests, comm, &r->population);
    if (st == CO_OK) r->task = co_task_find(r->population.task);
    if (st == CO_OK) st = co_agree(create_local(r, dir), comm);
    if (st == CO_OK) st = create_budget(r);
    if (st == CO_OK)
        st = co_agree(co_private_init(&r->privacy, e, &r->plan, r->population.n_devices,
                                      comm->rank == 0, &r->charge),
                      comm);
    if (st == CO_OK)
        st = co_agree(co_shares_init(&r->shares, e, &r->plan, r->population.n_devices,
                                     comm->rank == 0, &r->charge),
                      comm);
    if (st == CO_OK)
        st = co_secagg_create(&r->secagg, e, &r->plan, co_model_layout(r->model), comm);
    if (st == CO_OK) st = co_agree(co_run_create_chain(r), comm);
    if (st == CO_OK) st = create_planner(r);
    if (st == CO_OK) st = start_privacy(r);
    if (st == CO_OK) st = create_exchange(r);
    if (st == CO_OK) st = co_agree(co_private_open(&r->privacy, r->exchange.n_own), comm);
    if (st == CO_OK) co_versions_init(&r->versions, &r->exchange);
    if (st == CO_OK) st = create_bank(r);
    if (st == CO_OK) st = co_agree(co_run_combine_create(r), comm);
    if (st == CO_OK) st = co_run_create_wire(r);
    if (st == CO_OK) st = create_state(r);
    if (st == CO_OK) st = start_model(r);
    if (st != CO_OK) co_run_destroy(r);
    return st;
}

void co_run_destroy(co_run *r)
{
    co_run_combine_destroy(r);
    co_observers_destroy(r);
    co_record_fini(&r->record);
    co_evaluator_fini(&r->evaluator);
    co_works_destroy(&r->works);
    co_workplace_fini(&r->place);
    if (r->wire && r->wire->destroy) r->wire->destroy(r->wire_self);
    co_chain_destroy(&r->chain);
    co_downlink_destroy(&r->downlink);
    co_aggregation_destroy(&r->aggregation);
    co_budget_fini(&r->budget);
    co_public_fini(&r->public);
    co_state_fini(&r->state);
    co_edges_fini(&r->edges);
    co_bank_fini(&r->bank);
    co_versions_fini(&r->versions);
    co_exchange_fini(&r->exchange);
    co_messages_fini(&r->messages);
    co_private_fini(&r->privacy);
    co_shares_fini(&r->shares);
    co_charge_fini(&r->charge);
    if (r->experiment && r->experiment->planner->destroy)
        r->experiment->planner->destroy(r->planner);
    co_keeps_fini(&r->keeps);
    co_timing_destroy(r->plan.timing);
    co_groups_destroy(r->plan.groups);
    co_secagg_destroy(&r->secagg);
    co_secure_destroy(r->plan.secure);
    co_plan_fini(&r->plan);
    co_model_destroy(r->model);
    co_free(r->base);
    co_population_fini(&r->population);
    *r = (co_run){0};
}
