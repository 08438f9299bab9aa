/* sim/run.c - what a rank holds: made, resumed, described, given back. */
#include "sim/run.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/vector.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static co_status create_server(co_run *r)
{
    const co_experiment *e = r->experiment;
    const co_server *server = e->server_optimizer;
    if (server->create) CO_TRY(server->create(&e->server, &r->server));
    const char *const none[] = {NULL}, *const *own = server->slots ? server->slots : none;
    const char *const *rules = e->aggregator->slots ? e->aggregator->slots : none;
    while (own[r->n_server_slots]) r->n_server_slots++;
    r->n_slots = r->n_server_slots;
    while (rules[r->n_slots - r->n_server_slots]) r->n_slots++;
    const size_t n_sliced = r->n_slots;
    if (e->rule->shared) r->n_slots++;
    r->slot_name = co_calloc(r->n_slots, sizeof *r->slot_name);
    r->slots = co_calloc(n_sliced * r->exchange.n_own, sizeof *r->slots);
    r->slot = co_calloc(r->n_slots, sizeof *r->slot);
    r->whole_slot = co_calloc(r->n_slots, sizeof *r->whole_slot);
    r->update = co_malloc(r->exchange.n_own, sizeof *r->update);
    r->sums = co_malloc(r->n_sums, sizeof *r->sums);
    r->metrics = co_malloc(64, sizeof *r->metrics);
    r->pending = co_calloc((size_t)r->comm->size, sizeof *r->pending);
    if (!r->slot_name || !r->slots || !r->slot || !r->whole_slot || !r->update || !r->sums || !r->metrics || !r->pending)
        return CO_FAIL(CO_ENOMEM, "no memory for the server's state");
    for (size_t k = 0; k < n_sliced; k++) {
        r->slot[k] = r->slots + k * r->exchange.n_own;
        r->slot_name[k] = k < r->n_server_slots ? own[k] : rules[k - r->n_server_slots];
        if (server->init && k < r->n_server_slots) server->init(r->server, k, r->slot[k], r->exchange.n_own);
    }
    if (e->rule->shared) {
        r->slot[n_sliced] = r->shared.model + r->shared.first;
        r->slot_name[n_sliced] = e->rule->shared;
    }
    return CO_OK;
}

void co_run_look(co_run *r)
{
    const co_experiment *e = r->experiment;
    co_plan_look(&r->plan, e, &r->population);
    r->population_weight = 0.0;
    if (e->rule->shared || e->aggregator->slots)
        for (int64_t k = 0; k < r->population.n_devices; k++)
            r->population_weight += co_plan_weight(e, &r->population, k);
}

/* The vector that the rule has all devices receive, and the weights it goes by. Collective(comm). */
static co_status create_shared(co_run *r)
{
    const co_experiment *e = r->experiment;
    co_run_look(r);
    return e->rule->shared ? co_exchange_init(&r->shared, co_model_size(r->model), 0, 0, 0, r->comm) : CO_OK;
}

/* Collective(comm). */
static co_status create_state(co_run *r)
{
    const size_t n_states = co_trainer_states(r->experiment, r->state_name);
    return co_state_init(&r->state, n_states, co_model_size(r->model), r->plan.capacity, r->population.n_devices,
                         r->experiment->rounds, co_cohort_bytes(&r->cohort), r->comm);
}

/* Rows for an aggregator or an attack that sees every update. Collective(comm). */
static co_status create_cohort(co_run *r)
{
    const co_experiment *e = r->experiment;
    if (!e->aggregator->combine && !e->attack->collude) return CO_OK;
    return co_cohort_init(&r->cohort, &r->exchange, r->plan.capacity, !e->aggregator->combine ? 0 :
                          co_aggregate_scratch(e->aggregator, &e->aggregate, r->plan.capacity, r->exchange.n_own));
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
            return co_config_fail(stop, co_config_node(stop, "metric"),
                                  "is measured on split 1 (test), which this run does not evaluate");
        }
    const char *near = co_nearest(name, known);
    return co_config_fail(stop, co_config_node(stop, "metric"), "'%s' is no column of eval; known: loss, %s%s%s", name,
                          known[1], near ? "; did you mean " : "", near ? near : "");
}

/* Whether the devices' own test parts are evaluated; asked for without any is refused. */
static co_status decide_devices(co_run *r)
{
    const co_config *eval = &r->experiment->eval;
    if (!co_config_bool(eval, "devices")) return CO_OK;
    if (!co_population_has_tests(&r->population))
        return co_config_fail(eval, co_config_node(eval, "devices"),
                              "the devices have no test parts; make the partition with test_fraction: 0.2");
    r->on_devices = co_config_int(eval, "every") > 0;
    return CO_OK;
}

/* Whether central evaluation takes place; an explicit true without examples for it is refused. */
static co_status decide_central(co_run *r)
{
    const co_config *eval = &r->experiment->eval;
    const bool asked = co_config_has(eval, "central");
    const bool any = r->population.has_split[1] || r->population.has_split[2];
    const bool on = co_config_int(eval, "every") > 0;
    if (asked && co_config_bool(eval, "central") && !any)
        return co_config_fail(eval, co_config_node(eval, "central"),
                              "the data have neither a test nor a validation split; import them with test_fraction=0.1");
    if (!asked && !any && on)
        co_warn("no evaluation: the data have no test split (import with test_fraction=0.1, or set eval.every: 0)");
    r->central = any && on && (!asked || co_config_bool(eval, "central"));
    return check_stop_metric(r);
}

static void count_shared(co_run *r)
{
    size_t n_tensors;
    const co_tensor *tensor = co_model_tensors(r->model, &n_tensors);
    for (size_t k = 0; k < n_tensors; k++)
        if (tensor[k].role == CO_SHARED) r->n_shared += (int64_t)tensor[k].size;
}

static co_status create_local(co_run *r, const char *dir)
{
    const co_experiment *e = r->experiment;
    CO_TRY(decide_central(r));
    CO_TRY(decide_devices(r));
    CO_TRY(co_plan_init(&r->plan, e, &r->population, r->comm->size));
    CO_TRY(co_aggregate_check(e->aggregator, &e->aggregate, (size_t)fmax(1.0, r->plan.per_round)));
    CO_TRY(co_model_create(&e->model, &r->population.shape, &r->population.labels, r->task, &r->model));
    count_shared(r);
    r->n_sums = r->task->n_sums(r->population.labels.n);
    CO_TRY(co_trainer_create(e, r->model, co_population_largest(&r->population, 1000), r->population.most_rows,
                             &r->trainer));
    if (r->central || r->on_devices) CO_TRY(co_evaluator_init(&r->evaluator, r->model));
    if (r->on_devices)
        CO_TRY(co_device_evaluator_init(&r->device_evaluator, &r->evaluator, &r->population,
                                        co_config_has(&e->eval, "sample") ? co_config_int(&e->eval, "sample") : 0,
                                        (uint64_t)e->seed, r->comm));
    CO_TRY(co_experiment_digest(e, r->config_digest));
    if (r->comm->rank == 0) CO_TRY(co_record_init(&r->record, e, &r->population, r->model, dir, r->comm->size));
    return CO_OK;
}

/* The first model, once per node: drawn from the seed, or read from model.init. */
static co_status start_model(co_run *r)
{
    co_status st = CO_OK;
    if (r->comm->node_rank == 0) {
        co_model_init(r->model, (uint64_t)r->experiment->seed, r->exchange.model);
        if (co_config_has(&r->experiment->model, "init"))
            st = co_checkpoint_read_model(co_config_string(&r->experiment->model, "init"), r->model, r->exchange.model);
    }
    st = co_agree(st, r->comm);
    co_shared_sync(&r->exchange.board, r->comm);
    return st;
}

/* Collective(comm). */
static co_status create_exchange(co_run *r)
{
    const size_t n_reals = r->task->n_reals(r->population.labels.n);
    return co_exchange_init(&r->exchange, co_model_size(r->model), r->n_sums - n_reals, 2 + n_reals, r->plan.capacity, r->comm);
}

co_status co_run_create(co_run *r, co_experiment *e, const char *dir, const co_comm *comm)
{
    *r = (co_run){.comm = comm, .experiment = e, .dir = dir, .last_loss = NAN, .last_metric = NAN};
    const bool want_tests = co_config_int(&e->eval, "every") > 0 &&
                            (!co_config_has(&e->eval, "central") || co_config_bool(&e->eval, "central"));
    co_status st = co_population_create(e, want_tests, comm, &r->population);
    if (st == CO_OK) r->task = co_task_find(r->population.task);
    if (st == CO_OK) st = co_agree(create_local(r, dir), comm);
    if (st == CO_OK) st = co_private_init(&r->privacy, e, &r->plan, r->population.n_devices, comm);
    if (st == CO_OK)
        st = create_exchange(r);
    if (st == CO_OK) st = create_shared(r);
    if (st == CO_OK) st = co_agree(create_server(r), comm);
    if (st == CO_OK) st = create_cohort(r);
    if (st == CO_OK) st = create_state(r);
    if (st == CO_OK) st = start_model(r);
    if (st != CO_OK) co_run_destroy(r);
    return st;
}

void co_run_destroy(co_run *r)
{
    if (r->experiment && r->experiment->server_optimizer->destroy)
        r->experiment->server_optimizer->destroy(r->server);
    co_record_fini(&r->record);
    co_device_evaluator_fini(&r->device_evaluator);
    co_evaluator_fini(&r->evaluator);
    co_trainer_destroy(r->trainer);
    co_cohort_fini(&r->cohort);
    co_state_fini(&r->state);
    co_exchange_fini(&r->shared);
    co_exchange_fini(&r->exchange);
    co_private_fini(&r->privacy);
    co_plan_fini(&r->plan);
    co_model_destroy(r->model);
    co_population_fini(&r->population);
    co_free(r->slots);
    co_free(r->slot_name);
    co_free(r->slot);
    for (size_t k = 0; r->whole_slot && k < r->n_slots; k++) co_free(r->whole_slot[k]);
    co_free(r->whole_slot);
    co_free(r->update);
    co_free(r->sums);
    co_free(r->metrics);
    co_free(r->pending);
    *r = (co_run){0};
}

static co_status check_snapshot(const co_run *r, const co_snapshot *s, const char *path)
{
    if (strcmp(s->data_digest, r->population.data_digest) != 0)
        return CO_FAIL(CO_EUSAGE, "%s: was made with other data (data_digest %s, now %s): give the same data set", path,
                       s->data_digest, r->population.data_digest);
    if (strcmp(s->partition_digest, r->population.partition_digest) != 0)
        return CO_FAIL(CO_EUSAGE, "%s: was made with another partition (partition_digest %s, now %s)", path,
                       s->partition_digest, r->population.partition_digest);
    return CO_OK;
}

/* Rank 0 reads the whole vectors; the model goes to every node's board, the slots to their owners. */
static co_status read_snapshot(co_run *r, const char *path, co_snapshot *s)
{
    co_status st = CO_OK;
    for (size_t k = 0; k < r->n_slots && st == CO_OK; k++) {
        r->whole_slot[k] = co_malloc(r->exchange.n_params, sizeof(float));
        if (!r->whole_slot[k]) st = CO_FAIL(CO_ENOMEM, "checkpoint's server state");
    }
    if (st == CO_OK) st = co_checkpoint_read(path, s, r->model);
    if (st == CO_OK) st = check_snapshot(r, s, path);
    if (st == CO_OK && s->privacy) st = co_private_resume(&r->privacy, s->privacy, s->round, path);
    if (st == CO_OK)
        st = co_record_resume(&r->record, s->round, co_config_int(&r->experiment->eval, "every"), r->experiment->rounds);
    return st;
}

static void scatter_slots(co_run *r)
{
    int counts[r->comm->size], at[r->comm->size];
    for (int k = 0; k < r->comm->size; k++) {
        counts[k] = (int)r->exchange.slice_n[k];
        at[k] = (int)r->exchange.slice_first[k];
    }
    for (size_t k = 0; k < r->n_slots; k++)
        MPI_Scatterv(r->whole_slot[k], counts, at, MPI_FLOAT, r->slot[k], (int)r->exchange.n_own, MPI_FLOAT, 0,
                     r->comm->world);
}

/* Rounds at the end of the record in which no device gave a finite update. */
static int64_t count_diverged(const co_record *record)
{
    const co_table *t = &record->rounds;
    const size_t selected = (size_t)co_table_find(t, "n_selected"), empty = (size_t)co_table_find(t, "n_empty"),
                 nonfinite = (size_t)co_table_find(t, "n_nonfinite");
    int64_t n = 0;
    for (size_t i = t->n_rows; i-- > 0; n++) {
        const int64_t bad = co_table_get_i64(t, i, nonfinite);
        if (bad == 0 || bad != co_table_get_i64(t, i, selected) - co_table_get_i64(t, i, empty)) break;
    }
    return n;
}

co_status co_run_resume(co_run *r, const char *path)
{
    co_private_state privacy = {0};
    co_snapshot s = {.model = r->exchange.model, .n_slots = r->n_slots, .slot = r->whole_slot,
                     .slot_name = r->slot_name, .privacy = r->privacy.is_on ? &privacy : NULL, .state = &r->state, .state_name = r->state_name};
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
        scatter_slots(r);
        if (r->shared.comm) co_exchange_gather(&r->shared);
        st = co_shared_broadcast(&r->exchange.board, r->comm);
    }
    for (size_t k = 0; k < r->n_slots; k++) {
        co_free(r->whole_slot[k]);
        r->whole_slot[k] = NULL;
    }
    return st;
}

static void describe_state(const co_run *r)
{
    char all[32], each[32];
    if (!r->state.comm) return;
    co_format_bytes(r->state.bytes_all, all, sizeof all);
    co_format_bytes((double)(r->state.block * sizeof(float)), each, sizeof each);
    printf("device state up to %s over all nodes beside it: %s for each device that takes part (", all, each);
    for (size_t k = 0; k < r->state.n_slots; k++) printf("%s%s", k ? ", " : "", r->state_name[k]);
    puts(")");
}

static void warn_of_double_counting(const co_experiment *e)
{
    const char *weight = co_config_string(&e->aggregate, "weight");
    if (!e->selector->looks_at_all || strcmp(weight, "uniform") == 0 || co_config_bool(&e->aggregate, "unbiased")) return;
    co_warn("data count twice: devices.select: %s asks devices with more of them more often, and aggregate.weight: %s "
            "counts them again; set aggregate.weight: uniform, or aggregate.unbiased: true", e->selector->name, weight);
}

void co_run_describe(co_run *r)
{
    const co_experiment *e = r->experiment;
    const size_t all_rows = r->population.has_data ? (size_t)(r->population.mean_rows * (double)r->population.data.n + 0.5) : 0;
    const size_t own = co_trainer_bytes(r->trainer, all_rows) + co_exchange_bytes(&r->exchange) +
                       co_cohort_bytes(&r->cohort) + (r->shared.comm ? co_exchange_bytes(&r->shared) : 0) +
                       r->n_slots * r->exchange.n_own * sizeof(float) + r->exchange.n_own * sizeof(double);
    const size_t node = r->exchange.board.bytes + r->population.csr.bytes + r->population.tests.bytes +
                        r->population.data.shared_x.bytes + r->shared.board.bytes;
    if (r->comm->rank != 0) return;
    warn_of_double_counting(e);
    char rank_text[32], node_text[32], down[32], up[32];
    const double per_round = r->plan.per_round;
    double examples = 0.0;
    const int64_t n = r->population.n_devices < 100000 ? r->population.n_devices : 100000;
    for (int64_t k = 0; k < n; k++) examples += (double)co_population_examples(&r->population, k) / (double)n;
    co_format_bytes((double)own, rank_text, sizeof rank_text);
    co_format_bytes((double)node, node_text, sizeof node_text);
    const double vectors = r->shared.comm ? 2.0 : 1.0;
    co_format_bytes(per_round * 4.0 * (double)r->n_shared * vectors, down, sizeof down);
    co_format_bytes(per_round * 4.0 * (double)r->n_shared * vectors, up, sizeof up);
    char tokens[48] = "";
    if (r->population.shape.tokens) snprintf(tokens, sizeof tokens, ", %.1f tokens an example", r->population.mean_rows);
    printf("devices      %lld, %g a round%s, %.1f examples each on average%s\n", (long long)r->population.n_devices,
           per_round, e->selector->any_real ? " expected" : "", examples, tokens);
    printf("model        %zu parameters (%lld travel), %.3g multiply-adds an example\n", co_model_size(r->model),
           (long long)r->n_shared, co_model_flops(r->model, r->population.mean_rows));
    printf("a round      about %.0f examples, %s down, %s up\n", per_round * examples, down, up);
    printf("memory       %s a rank, %s a node beside it; %d rank%s on %d node%s\n", rank_text, node_text, r->comm->size,
           r->comm->size == 1 ? "" : "s", r->comm->n_nodes, r->comm->n_nodes == 1 ? "" : "s");
    describe_state(r);
    if (co_private_print(&r->privacy, e->rounds) != CO_OK) co_warn("%s", co_status_message());
    printf("rounds       %lld, evaluated every %lld (%s), output in %s\n", (long long)e->rounds,
           (long long)co_config_int(&e->eval, "every"), r->central && r->on_devices ? "central and on devices"
           : r->central                ? "central"
           : r->on_devices             ? "on devices"
                                       : "no evaluation", r->dir);
}
