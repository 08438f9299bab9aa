/* sim/run_stages.c - the stages of a run and its wire, and what of the rest of the experiment does
 * not go with them. */
#include "sim/run.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Integers modulo 2^b only mean something as a sum whose weights their stage knows. Local. */
static co_status check_ring(const co_run *r)
{
    const co_experiment *e = r->experiment;
    if (r->chain.ring.bits == 0 || e->aggregator->fixed_total) return CO_OK;
    return co_config_fail(&e->aggregate, co_config_node(&e->aggregate, "rule"),
                          "%s does not go with a transform that makes integers modulo 2^%d: their "
                          "sum is all there is; use mean",
                          e->aggregator->name, r->chain.ring.bits);
}

/* What a stage does to the sum means nothing to a rule that reads updates one by one. Local. */
static co_status check_sum(const co_run *r)
{
    const co_experiment *e = r->experiment;
    for (const co_link *link = r->chain.link; link < r->chain.link + r->chain.n; link++) {
        const char *name = link->stage->name;
        if (!link->stage->backward || !link->serves) continue;
        if (!e->aggregator->finish)
            return co_config_fail(&e->aggregate, co_config_node(&e->aggregate, "rule"),
                                  "%s reads updates one by one, and what %s has done to them the "
                                  "server undoes in their sum alone; use mean",
                                  e->aggregator->name, name);
        if (e->group_keys.is_on)
            return co_config_fail(&e->aggregate, co_config_node(&e->aggregate, "groups"),
                                  "%s needs one sum over all devices, edge servers make one each; "
                                  "leave it or aggregate.groups out",
                                  name);
    }
    return CO_OK;
}

/* Why a device's part in the sum is not the same part of the population's weight in all steps;
 * NULL: it is. */
static const char *find_moving_share(const co_run *r)
{
    const co_experiment *e = r->experiment;
    return !e->aggregator->fixed_total       ? "aggregate.rule has weights of its own; use mean"
           : r->plan.unbiased                ? "aggregate.unbiased weighs by chances"
           : co_planner_is_stale(e->planner) ? "devices.mode weighs old versions less"
           : r->population.n_periods > 0     ? "devices.period_rounds lets weights change"
           : r->charge.is_on                 ? "section privacy bounds what devices send behind it"
                                             : NULL;
}

/* Local. */
static co_status check_shares(co_run *r)
{
    const char *why = find_moving_share(r);
    for (const co_link *link = r->chain.link; link < r->chain.link + r->chain.n; link++) {
        if (!link->stage->fixed_shares || !link->serves) continue;
        r->plan.weighs_population = true;
        if (why)
            return co_config_fail(link->where, co_config_node(link->where, "name"),
                                  "%s keeps the mean of what all devices have sent, in which each "
                                  "has a fixed part: %s; leave one of the two out",
                                  link->stage->name, why);
    }
    return CO_OK;
}

/* Who is measured before a step is sent the model as well, to no message of a version. Local. */
static co_status create_downlink(co_run *r, const co_stage_site *site)
{
    const co_experiment *e = r->experiment;
    const co_selector *s = e->selector;
    if (e->n_downlink > 0 && s->survey && s->most_surveyed(r->plan.chosen_by) > 0)
        return co_config_fail(&e->devices, co_config_node(&e->devices, "select"),
                              "%s sends the model to candidates before each step, downlink its "
                              "changes behind it: set last_known: true, or leave downlink out",
                              s->name);
    return co_downlink_create(&r->downlink, e, site);
}

/* What no device weighs more than, as the experiment says it. */
static double most_weight(const co_experiment *e)
{
    if (co_config_bool(&e->aggregate, "unbiased")) return INFINITY; /* w_i over a probability */
    return e->weighting.by == CO_WEIGHT_UNIFORM ? fmin(1.0, e->weighting.cap) : e->weighting.cap;
}

/* Masks are of integers. Local. */
static co_status add_secagg(co_run *r)
{
    const co_experiment *e = r->experiment;
    if (!r->secagg.is_on) return CO_OK;
    for (size_t k = 0; k < r->chain.n; k++)
        if (r->chain.link[k].stage->gives == CO_INTEGERS) {
            co_chain_add(&r->chain, &co_stage_secagg, &r->secagg);
            return CO_OK;
        }
    return co_config_fail(&e->secagg, e->secagg.map,
                          "sums integers modulo 2^b, and nothing makes any of the updates: let "
                          "transforms end with {name: ring, ..}, or set privacy.mechanism: ddgauss "
                          "or skellam");
}

/* The stages, in their order: transforms, attackers, the private one, masks. Local. */
co_status co_run_create_chain(co_run *r)
{
    const co_experiment *e = r->experiment;
    const co_stage *poisoning;
    void *attack = NULL;
    CO_TRY(co_chain_create(&r->chain, e));
    CO_TRY(co_poisoning_create(e->attack, &e->devices, &poisoning, &attack));
    if (poisoning) co_chain_attack(&r->chain, poisoning, attack);
    if (r->privacy.charge) co_chain_add(&r->chain, &co_stage_private, &r->privacy);
    if (r->shares.charge) co_chain_add(&r->chain, &co_stage_shares, &r->shares);
    CO_TRY(add_secagg(r));
    co_stage_site site = {.layout = co_model_layout(r->model),
                          .cohort = r->plan.capacity,
                          .population = r->population.n_devices};
    site.tensor = co_model_tensors(r->model, &site.n_tensors);
    site.most_weight = most_weight(e);
    CO_TRY(co_chain_ready(&r->chain, &site));
    CO_TRY(co_messages_init(&r->messages, e, &r->chain, &r->plan, r->population.n_devices));
    r->chain.noise = &r->messages.source;
    CO_TRY(check_ring(r));
    CO_TRY(check_sum(r));
    CO_TRY(check_shares(r));
    return create_downlink(r, &site);
}

/* Whole updates for an aggregator or a stage that sees them all, residues where stages make such,
 * else sums. Collective(comm). */
co_status co_run_create_wire(co_run *r)
{
    const co_experiment *e = r->experiment;
    const bool whole = e->aggregator->combine || co_chain_needs_rows(&r->chain);
    const co_wire_setup setup = {
        .exchange = &r->exchange,
        .bank = &r->bank,
        .bits = r->chain.ring.bits,
        .capacity = r->plan.capacity,
        .adds_up = e->aggregator->finish != NULL,
        .n_scratch = co_aggregation_scratch(&r->aggregation, r->plan.capacity, r->exchange.n_own)};
    r->wire = co_wire_find(r->chain.ring.bits ? "ring"
                           : whole            ? "rows"
                           : r->plan.groups   ? "edges"
                                              : "sum");
    return r->wire->create(&setup, &r->wire_self);
}
