/* sim/run.c - what a rank holds: made, resumed, described, given back. */
#include "sim/run.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/vector.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

void co_run_look(co_run *r)
{
    const co_experiment *e = r->experiment;
    co_plan_look(&r->plan, e, &r->population);
    r->population_weight = 0.0;
    if (e->rule->shared || e->aggregator->slots)
        for (int64_t k = 0; k < r->population.n_devices; k++)
            r->population_weight += co_plan_weight(e, &r->population, k);
}

/* The vector that the rule has all devices receive, and the weights it goes by. Collective(comm).
 */
static co_status create_shared(co_run *r)
{
    const co_experiment *e = r->experiment;
    co_run_look(r);
    return e->rule->shared ? co_exchange_init(&r->shared, co_model_layout(r->model),
                                              CO_BOARD_TRAINED, 0, 0, 0, r->comm)
                           : CO_OK;
}

/* The stages, in their order: transforms, attackers, the central bound. Local. */
static co_status create_chain(co_run *r)
{
    const co_experiment *e = r->experiment;
    const co_stage *poisoning;
    void *attack = NULL;
    CO_TRY(co_chain_create(&r->chain, e));
    CO_TRY(co_poisoning_create(e->attack, &e->devices, &poisoning, &attack));
    if (poisoning) co_chain_add(&r->chain, poisoning, attack);
    if (r->privacy.is_on) co_chain_add(&r->chain, &co_stage_private, &r->privacy);
    r->first_count = CO_N_COUNTS + r->n_sums - r->task->n_reals(r->population.labels.n);
    return co_chain_ready(&r->chain, co_model_layout(r->model), r->plan.capacity);
}

/* Whole updates for an aggregator or a stage that sees them all, else sums. Collective(comm). */
static co_status create_wire(co_run *r)
{
    const co_experiment *e = r->experiment;
    const bool whole = e->aggregator->combine || co_chain_needs_rows(&r->chain);
    const co_wire_setup setup = {
        .exchange = &r->exchange,
        .capacity = r->plan.capacity,
        .adds_up = e->aggregator->finish != NULL,
        .n_scratch = co_aggregation_scratch(&r->aggregation, r->plan.capacity, r->exchange.n_own)};
    r->wire = co_wire_find(whole ? "rows" : "sum");
    return r->wire->create(&setup, &r->wire_self);
}

static size_t wire_bytes(const co_run *r)
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
                         r->population.n_devices, r->experiment->rounds, wire_bytes(r), r->comm);
}

static co_status check_stop_metric(const co_run *r)
{
    const co_config *stop = &r->experiment->stop;
    const char *name = co_config_string(stop, "metric");
    if (strcmp(name, "none") == 0) return CO_OK;
    const char *known[34] = {"loss"};
    size_t n = 1;
    for (const co_metric *m = r->task->metrics; m->name && n < 33; m++) known[n++] = m->name;
    for (size_t k = 0; k < n; k++)
        if (strcmp(known[k], name) == 0) {
            if (r->central && r->population.has_split[1]) return CO_OK;
            return co_config_fail(
                stop, co_config_node(stop, "metric"),
                "is measured on split 1 (test), which this run does not evaluate");
        }
    const char *near = co_nearest(name, known);
    return co_config_fail(stop, co_config_node(stop, "metric"),
                          "'%s' is no column of eval; known: loss, %s%s%s", name, known[1],
                          near ? "; did you mean " : "", near ? near : "");
}

/* Whether the devices' own test parts are evaluated; asked for without any is refused. */
static co_status decide_devices(co_run *r)
{
    const co_config *eval = &r->experiment->eval;
    if (!r->experiment->eval_keys.devices) return CO_OK;
    if (!co_population_has_tests(&r->population))
        return co_config_fail(
            eval, co_config_node(eval, "devices"),
            "the devices have no test parts; make the partition with test_fraction: 0.2");
    r->on_devices = r->experiment->eval_keys.every > 0;
    return CO_OK;
}

/* Whether central evaluation takes place; an explicit true without examples for it is refused. */
static co_status decide_central(co_run *r)
{
    const co_config *eval = &r->experiment->eval;
    const co_eval_keys *keys = &r->experiment->eval_keys;
    const bool any = r->population.has_split[1] || r->population.has_split[2];
    const bool on = keys->every > 0;
    if (keys->central && !any)
        return co_config_fail(eval, co_config_node(eval, "central"),
                              "the data have neither a test nor a validation split; import them "
                              "with test_fraction=0.1");
    if (!keys->central_asked && !any && on)
        co_warn("no evaluation: the data have no test split (import with test_fraction=0.1, or set "
                "eval.every: 0)");
    r->central = any && on && (!keys->central_asked || keys->central);
    const co_config *output = &r->experiment->output;
    if (!r->central && r->experiment->output_keys.best)
        return co_config_fail(
            output, co_config_node(output, "best"),
            "needs evaluations on the test or the validation split, which this run does not have");
    return check_stop_metric(r);
}

static void count_shared(co_run *r)
{
    size_t n_tensors;
    const co_tensor *tensor = co_model_tensors(r->model, &n_tensors);
    for (size_t k = 0; k < n_tensors; k++)
        if (tensor[k].role == CO_SHARED) r->n_shared += (int64_t)tensor[k].size;
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

static co_status create_local(co_run *r, const char *dir)
{
    const co_experiment *e = r->experiment;
    CO_TRY(check_examples(r));
    CO_TRY(decide_central(r));
    CO_TRY(decide_devices(r));
    CO_TRY(co_plan_init(&r->plan, e, &r->population, r->comm->size));
    CO_TRY(co_aggregate_check(e->aggregator, &e->aggregate, (size_t)fmax(1.0, r->plan.per_round)));
    CO_TRY(co_aggregation_create(e->aggregator, &e->aggregate, &r->aggregation));
    CO_TRY(co_model_create(&e->model, &r->population.shape, &r->population.labels, r->task,
                           &r->model));
    count_shared(r);
    r->n_sums = r->task->n_sums(r->population.labels.n);
    CO_TRY(co_trainer_create(e, r->model, co_population_largest(&r->population, 1000),
                             r->population.most_rows, &r->trainer));
    if (r->central || r->on_devices) CO_TRY(co_evaluator_init(&r->evaluator, r->model));
    if (r->on_devices)
        CO_TRY(co_device_evaluator_init(&r->device_evaluator, &r->evaluator, &r->population,
                                        e->eval_keys.sample, (uint64_t)e->seed, r->comm));
    CO_TRY(co_experiment_digest(e, r->config_digest));
    if (r->comm->rank == 0)
        CO_TRY(co_record_init(&r->record, e, &r->population, r->model, dir, r->comm->size));
    return CO_OK;
}

/* The first model, once per node: drawn from the seed, or read from model.init. */
static co_status start_model(co_run *r)
{
    co_status st = CO_OK;
    if (r->comm->node_rank == 0) {
        co_model_init(r->model, (uint64_t)r->experiment->seed, r->exchange.model);
        if (co_config_has(&r->experiment->model, "init"))
            st = co_checkpoint_read_model(co_config_string(&r->experiment->model, "init"), r->model,
                                          r->exchange.model);
    }
    st = co_agree(st, r->comm);
    co_shared_sync(&r->exchange.board, r->comm);
    co_exchange_hash(&r->exchange);
    return st;
}

/* Collective(comm). */
static co_status create_exchange(co_run *r)
{
    const size_t n_reals = r->task->n_reals(r->population.labels.n);
    return co_exchange_init(&r->exchange, co_model_layout(r->model), CO_BOARD_WHOLE,
                            r->n_sums - n_reals + r->chain.n_counts, CO_SUM_TASK + n_reals,
                            r->plan.capacity, r->comm);
}

co_status co_run_create(co_run *r, co_experiment *e, const char *dir, const co_comm *comm)
{
    *r = (co_run){.comm = comm, .experiment = e, .dir = dir, .last_loss = NAN, .last_metric = NAN};
    const bool want_tests =
        e->eval_keys.every > 0 && (!e->eval_keys.central_asked || e->eval_keys.central);
    co_status st = co_population_create(e, want_tests, comm, &r->population);
    if (st == CO_OK) r->task = co_task_find(r->population.task);
    if (st == CO_OK) st = co_agree(create_local(r, dir), comm);
    if (st == CO_OK) st = co_private_init(&r->privacy, e, &r->plan, r->population.n_devices, comm);
    if (st == CO_OK) st = co_agree(create_chain(r), comm);
    if (st == CO_OK) st = create_exchange(r);
    if (st == CO_OK) st = create_shared(r);
    if (st == CO_OK) st = co_agree(co_run_combine_create(r), comm);
    if (st == CO_OK) st = create_wire(r);
    if (st == CO_OK) st = create_state(r);
    if (st == CO_OK) st = start_model(r);
    if (st != CO_OK) co_run_destroy(r);
    return st;
}

void co_run_destroy(co_run *r)
{
    co_run_combine_destroy(r);
    co_record_fini(&r->record);
    co_device_evaluator_fini(&r->device_evaluator);
    co_evaluator_fini(&r->evaluator);
    co_trainer_destroy(r->trainer);
    if (r->wire && r->wire->destroy) r->wire->destroy(r->wire_self);
    co_chain_destroy(&r->chain);
    co_aggregation_destroy(&r->aggregation);
    co_state_fini(&r->state);
    co_exchange_fini(&r->shared);
    co_exchange_fini(&r->exchange);
    co_private_fini(&r->privacy);
    co_plan_fini(&r->plan);
    co_model_destroy(r->model);
    co_population_fini(&r->population);
    co_free(r->sums);
    co_free(r->metrics);
    co_free(r->pending);
    *r = (co_run){0};
}

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

/* Rank 0 reads the whole vectors; the model goes to every node's board, the slots to their owners.
 */
static co_status read_snapshot(co_run *r, const char *path, co_snapshot *s)
{
    co_status st = co_run_open_slots(r);
    if (st == CO_OK) st = co_checkpoint_read(path, s, r->model);
    if (st == CO_OK) st = check_snapshot(r, s, path);
    if (st == CO_OK && s->privacy) st = co_private_resume(&r->privacy, s->privacy, s->round, path);
    if (st == CO_OK)
        st = co_record_resume(&r->record, s->round, r->experiment->eval_keys.every,
                              r->experiment->rounds);
    if (st == CO_OK && s->privacy) st = co_record_retell(&r->record, &r->privacy);
    return st;
}

/* Rounds at the end of the record in which no device gave a finite update. */
static int64_t count_diverged(const co_record *record)
{
    const co_table *t = &record->rounds;
    const size_t selected = (size_t)co_table_find(t, "n_selected"),
                 empty = (size_t)co_table_find(t, "n_empty"),
                 nonfinite = (size_t)co_table_find(t, "n_nonfinite");
    int64_t n = 0;
    for (size_t i = t->n_rows; i-- > 0; n++) {
        const int64_t bad = co_table_get_i64(t, i, nonfinite);
        if (bad == 0 || bad != co_table_get_i64(t, i, selected) - co_table_get_i64(t, i, empty))
            break;
    }
    return n;
}

co_status co_run_resume(co_run *r, const char *path)
{
    co_private_state privacy = {0};
    co_snapshot s = {.model = r->exchange.model,
                     .n_slots = r->n_slots,
                     .slot = r->whole_slot,
                     .slot_name = r->slot_name,
                     .privacy = r->privacy.is_on ? &privacy : NULL,
                     .state = &r->state,
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
    if (st == CO_OK) st = co_private_share(&r->privacy, r->comm);
    if (st == CO_OK) {
        int64_t words[2] = {s.round, r->comm->rank == 0 ? count_diverged(&r->record) : 0};
        MPI_Bcast(words, 2, MPI_INT64_T, 0, r->comm->world);
        r->round = r->start_round = words[0];
        r->diverged_rounds = words[1];
        co_run_scatter_slots(r);
        if (r->shared.comm) co_exchange_gather(&r->shared);
        st = co_shared_broadcast(&r->exchange.board, r->comm);
        if (st == CO_OK) co_exchange_hash(&r->exchange);
    }
    co_run_free_slots(r);
    return st;
}

static void describe_state(const co_run *r)
{
    char all[32], each[32];
    if (!r->state.comm) return;
    co_format_bytes(r->state.bytes_all, all, sizeof all);
    co_format_bytes((double)(r->state.block * sizeof(float)), each, sizeof each);
    printf("device state up to %s over all nodes beside it: %s for each device that takes part (",
           all, each);
    for (size_t k = 0; k < r->state.n_slots; k++) printf("%s%s", k ? ", " : "", r->state_name[k]);
    puts(")");
}

static void warn_of_double_counting(const co_experiment *e)
{
    const char *weight = co_config_string(&e->aggregate, "weight");
    if (!e->selector->looks_at_all || e->weighting.by == CO_WEIGHT_UNIFORM ||
        co_config_bool(&e->aggregate, "unbiased"))
        return;
    co_warn("data count twice: devices.select: %s asks devices with more of them more often, and "
            "aggregate.weight: %s "
            "counts them again; set aggregate.weight: uniform, or aggregate.unbiased: true",
            e->selector->name, weight);
}

void co_run_describe(co_run *r)
{
    const co_experiment *e = r->experiment;
    const size_t all_rows =
        r->population.has_data
            ? (size_t)(r->population.mean_rows * (double)r->population.data.n + 0.5)
            : 0;
    const size_t own = co_trainer_bytes(r->trainer, all_rows) + co_exchange_bytes(&r->exchange) +
                       wire_bytes(r) + (r->shared.comm ? co_exchange_bytes(&r->shared) : 0) +
                       r->n_slots * r->exchange.n_own * sizeof(float) +
                       r->exchange.n_own * sizeof(double);
    const size_t node = r->exchange.board.bytes + r->population.csr.bytes +
                        r->population.tests.bytes + r->population.data.shared_x.bytes +
                        r->shared.board.bytes;
    if (r->comm->rank != 0) return;
    warn_of_double_counting(e);
    char rank_text[32], node_text[32], down[32], up[32];
    const double per_round = r->plan.per_round;
    double examples = 0.0;
    const int64_t n = r->population.n_devices < 100000 ? r->population.n_devices : 100000;
    for (int64_t k = 0; k < n; k++)
        examples += (double)co_population_examples(&r->population, k) / (double)n;
    co_format_bytes((double)own, rank_text, sizeof rank_text);
    co_format_bytes((double)node, node_text, sizeof node_text);
    const double vectors = r->shared.comm ? 2.0 : 1.0;
    co_format_bytes(per_round * 4.0 * (double)r->n_shared * vectors, down, sizeof down);
    co_format_bytes(per_round * 4.0 * (double)r->n_shared * vectors, up, sizeof up);
    char tokens[48] = "";
    if (r->population.shape.tokens)
        snprintf(tokens, sizeof tokens, ", %.1f tokens an example", r->population.mean_rows);
    printf("devices      %lld, %g a round%s, %.1f examples each on average%s\n",
           (long long)r->population.n_devices, per_round, e->selector->any_real ? " expected" : "",
           examples, tokens);
    printf("model        %zu parameters (%lld travel), %.3g multiply-adds an example\n",
           co_model_size(r->model), (long long)r->n_shared,
           co_model_flops(r->model, r->population.mean_rows));
    printf("a round      about %.0f examples, %s down, %s up\n", per_round * examples, down, up);
    printf("memory       %s a rank, %s a node beside it; %d rank%s on %d node%s\n", rank_text,
           node_text, r->comm->size, r->comm->size == 1 ? "" : "s", r->comm->n_nodes,
           r->comm->n_nodes == 1 ? "" : "s");
    describe_state(r);
    if (co_private_print(&r->privacy, e->rounds) != CO_OK) co_warn("%s", co_status_message());
    printf("rounds       %lld, evaluated every %lld (%s), output in %s\n", (long long)e->rounds,
           (long long)e->eval_keys.every,
           r->central && r->on_devices ? "central and on devices"
           : r->central                ? "central"
           : r->on_devices             ? "on devices"
                                       : "no evaluation",
           r->dir);
}
