/* sim/describe.c - the dry run: what a run will take, in examples, bytes, memory, virtual time. */
#include "core/log.h"
#include "privacy/mechanisms/response.h"
#include "sim/devices/timing.h"
#include "sim/generation.h"
#include "sim/outlook.h"
#include "sim/planners/secure.h"
#include "sim/run.h"
#include <math.h>
#include <stdio.h>

#define MOST_S 2.0 /* of playing the schedule */

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

/* Edge servers; the models that go between them and the cloud. */
static void describe_groups(const co_run *r)
{
    const co_groups *g = r->plan.groups;
    char model[32];
    if (!g) return;
    co_format_bytes((double)g->bytes, model, sizeof model);
    printf(
        "edge servers %zu below the cloud, which averages them every %lld round%s: %s each down, "
        "and up\n",
        g->n, (long long)g->cloud_every, g->cloud_every == 1 ? "" : "s", model);
}

/* How often a round has too few devices, by its sample and by those that drop out. */
static void describe_failures(const co_run *r)
{
    const bool is_poisson = r->experiment->selector->sampling == CO_SAMPLING_POISSON;
    const double asked = r->plan.input.per_round,
                 dropout = r->experiment->clock_keys.is_on ? r->experiment->clock_keys.dropout : 0,
                 of = is_poisson ? (double)r->population.n_devices : asked, rate = asked / of;
    const size_t least = co_secure_least(r->plan.secure, (size_t)llround(asked));
    if (least == 0) return;
    if (is_poisson)
        printf("             a round of fewer than %zu devices fails: with probability %.3g of the "
               "sample alone\n",
               least, co_binomial_below(of, rate, (double)least));
    if (dropout > 0.0)
        printf("             a round %sfails with probability %.3g where all that drop out do so "
               "before their input\n",
               is_poisson ? "" : "that keeps too few ",
               co_binomial_below(of, rate * (1.0 - dropout), (double)least));
}

static void describe_memory(const co_run *r)
{
    char text[160];
    if (!r->population.memory) return;
    co_held_describe(r->population.memory, text, sizeof text);
    printf("memory       of each device: %s\n", text);
}

/* Who shares with whom, in a round of as many devices as there are on average. */
static void describe_secagg(const co_run *r)
{
    char down[32], up[32];
    co_secure *s = r->plan.secure;
    co_secagg_shape shape;
    if (!s || co_secure_shape(s, (size_t)llround(r->plan.input.per_round), &shape) != CO_OK) return;
    co_format_bytes((double)co_secagg_bytes_all(&shape, CO_SECAGG_DOWN), down, sizeof down);
    co_format_bytes((double)co_secagg_bytes_all(&shape, CO_SECAGG_UP) -
                        (double)co_secagg_bytes(&shape, CO_SECAGG_INPUT, CO_SECAGG_UP),
                    up, sizeof up);
    printf("secure sums  of %zu devices, %zu neighbours each, %zu of %zu shares open a secret; %s "
           "down and %s up a device beside model and update%s\n",
           shape.n, shape.k, shape.threshold, shape.k + 1, down, up,
           r->secagg.is_played ? "" : "; the masks are not made");
    describe_failures(r);
}

/* How much less than a whole model a message is. */
static void print_less(const char *what, double bytes, double whole)
{
    char text[32], all[32];
    co_format_bytes(bytes, text, sizeof text);
    co_format_bytes(whole, all, sizeof all);
    if (bytes < whole)
        printf("             %s %s, %.3g x less than the model's %s\n", what, text, whole / bytes,
               all);
    else
        printf("             %s %s, no less than the model's %s\n", what, text, all);
}

/* What stages make of what goes up and down. */
static void describe_messages(const co_run *r)
{
    const double up = (double)co_message_bytes(&r->message[0]),
                 whole = (double)co_model_layout(r->model)->n_shared * sizeof(float);
    if (up != whole) print_less("a device sends", up, whole);
    if (co_downlink_is_on(&r->downlink))
        print_less("for each version that it lacks it is sent", (double)r->plan.bytes_version,
                   whole);
}

static void warn_of_double_counting(const co_experiment *e)
{
    const char *weight = co_config_string(&e->aggregate, "weight");
    if (!e->selector->looks_at_all || e->weighting.by == CO_WEIGHT_UNIFORM ||
        co_config_bool(&e->aggregate, "unbiased"))
        return;
    co_warn("data count twice: devices.select: %s asks devices with more of them more often, and "
            "aggregate.weight: %s "
            "counts them again; set aggregate.weight: uniform%s",
            e->selector->name, weight, e->selector->chance ? ", or aggregate.unbiased: true" : "");
}

/* Bytes of a rank, and of a node beside it. */
static void measure(const co_run *r, size_t *own, size_t *node)
{
    const co_experiment *e = r->experiment;
    *own = co_workplace_bytes(&r->place) + co_public_bytes(&r->public) + co_works_bytes(&r->works) +
           co_exchange_bytes(&r->exchange) + co_run_wire_bytes(r) + co_bank_bytes(&r->bank) +
           co_edges_bytes(&r->edges) + co_groups_bytes(r->plan.groups, r->population.n_devices) +
           co_secure_bytes(r->plan.secure) + co_held_bytes(r->population.memory) +
           r->n_slots * r->exchange.n_own * sizeof(float) + r->exchange.n_own * sizeof(double) +
           (e->eval_keys.generate.asked
                ? co_generation_bytes(r->model, &r->population, &e->eval_keys.generate.how)
                : 0);
    *node = r->exchange.board.bytes + r->population.csr.bytes + r->population.tests.bytes +
            r->population.data.memory.bytes + co_bank_node_bytes(&r->bank) +
            co_versions_node_bytes(&r->versions) + co_timing_bytes(r->plan.timing);
}

/* Rank 0. */
static void print(co_run *r, int64_t most_messages)
{
    const co_experiment *e = r->experiment;
    size_t own, node;
    measure(r, &own, &node);
    warn_of_double_counting(e);
    char rank_text[32], node_text[32], down[32], up[32];
    const double per_round = r->plan.per_round;
    double examples = 0.0;
    const int64_t n = r->population.n_devices < 100000 ? r->population.n_devices : 100000;
    for (int64_t k = 0; k < n; k++)
        examples += (double)co_population_examples(&r->population, k) / (double)n;
    co_format_bytes((double)own, rank_text, sizeof rank_text);
    co_format_bytes((double)node, node_text, sizeof node_text);
    const size_t n_surveyed =
        e->selector->survey ? e->selector->most_surveyed(r->plan.chosen_by) : 0;
    const double n_sent = n_surveyed > 0 ? (double)n_surveyed : per_round;
    co_format_bytes(n_sent * (double)r->plan.bytes_down, down, sizeof down);
    co_format_bytes(per_round * (double)r->plan.bytes_up[0], up, sizeof up);
    char tokens[80] = "";
    if (r->population.shape.tokens)
        snprintf(tokens, sizeof tokens, ", %.1f tokens an example", r->population.mean_rows);
    if (r->population.most_target_rows)
        snprintf(tokens, sizeof tokens, ", %.1f tokens of a source, %.1f of a target",
                 r->population.mean_rows, r->population.mean_target_rows);
    printf("devices      %lld, %g a round%s, %.1f examples each on average%s\n",
           (long long)r->population.n_devices, per_round, e->selector->any_real ? " expected" : "",
           examples, tokens);
    printf("model        %zu parameters (%lld travel), %.3g multiply-adds an example\n",
           co_model_size(r->model), (long long)co_model_layout(r->model)->n_shared,
           co_run_flops(r));
    printf("a round      about %.0f examples, %s%s down, %s up\n", per_round * examples,
           co_downlink_is_on(&r->downlink) ? "at most " : "", down, up);
    describe_messages(r);
    if (n_surveyed > 0)
        printf("             a pass over the examples of %zu devices goes before it\n", n_surveyed);
    printf("memory       %s a rank, %s a node beside it; %d rank%s on %d node%s\n", rank_text,
           node_text, r->comm->size, r->comm->size == 1 ? "" : "s", r->comm->n_nodes,
           r->comm->n_nodes == 1 ? "" : "s");
    describe_memory(r);
    describe_state(r);
    describe_groups(r);
    describe_secagg(r);
    const bool central = co_evaluates_central(e, &r->population), devices = co_evaluates_devices(e);
    co_budget_print(&r->budget);
    co_shares_print(&r->shares, e->rounds);
    if (co_private_print(&r->privacy, e->rounds) != CO_OK) co_warn("%s", co_status_message());
    if (co_messages_print(&r->messages, most_messages) != CO_OK) co_warn("%s", co_status_message());
    if (e->label_epsilon > 0.0)
        printf("labels       randomised response, epsilon %g of each for all rounds: %.4g of them "
               "as they are\n",
               e->label_epsilon,
               co_response_right(e->label_epsilon, (int64_t)co_model_n_classes(r->model)));
    char every[96] = "";
    int n_every = 0;
    if (e->eval_keys.every > 0 || e->eval_keys.every_s == 0.0)
        n_every = snprintf(every, sizeof every, " every %lld", (long long)e->eval_keys.every);
    if (e->eval_keys.every_s > 0.0)
        snprintf(every + n_every, sizeof every - (size_t)n_every, "%s every %g virtual seconds",
                 n_every ? " and" : "", e->eval_keys.every_s);
    printf("rounds       %lld, evaluated%s (%s), output in %s\n", (long long)e->rounds, every,
           central && devices ? "central and on devices"
           : central          ? "central"
           : devices          ? "on devices"
                              : "no evaluation",
           r->dir);
}

/* How far virtual time goes, where there is any. Collective(comm). */
static void describe_schedule(co_run *r)
{
    co_outlook outlook;
    if (!co_is_timed(r->experiment)) return;
    if (!co_outlook_can(r->experiment)) {
        if (r->comm->rank == 0)
            printf("virtual time unknown before the run: devices.select: %s looks at losses\n",
                   r->experiment->selector->name);
        return;
    }
    if (co_outlook_play(&outlook, &r->plan, &r->population, co_run_flops(r), MOST_S, r->comm) !=
        CO_OK) {
        if (r->comm->rank == 0) co_warn("%s", co_status_message());
        return;
    }
    if (r->comm->rank == 0)
        co_outlook_print(&outlook, r->experiment->rounds,
                         (double)(r->exchange.n_params * sizeof(float)));
    co_outlook_fini(&outlook);
}

void co_run_describe(co_run *r)
{
    int64_t most_messages = r->experiment->rounds;
    if (r->messages.stage && co_run_foresee_parts(r, &most_messages) != CO_OK && r->comm->rank == 0)
        co_warn("%s", co_status_message());
    if (r->comm->rank == 0) print(r, most_messages);
    describe_schedule(r);
}
