/* tests/mpi/pairs.c - every pair of members that the tables allow plays three rounds, by rank 0
 * alone and by all ranks, with the same bits; every pair they forbid is refused with a reason.
 *
 * The parts of an experiment: local rule, local optimiser, transform, aggregator, server optimiser,
 * attack, and how local steps are made; pairs_time.c has planners, selectors, clocks, privacy and
 * edge servers. */
#include "tests/covering.h"
#include "tests/same_bits.h"
#include "trust/adversaries/attack.h"
#include "core/memory.h"
#include "tests/harness.h"
#include "sim/run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RULE, OPTIMIZER, TRANSFORM, AGGREGATOR, SERVER, ATTACK, STEPS, PARTS };

static const co_kind *const kinds[STEPS] = {
    &co_kind_local_rule, &co_kind_optimizer,        &co_kind_stage,
    &co_kind_aggregator, &co_kind_server_optimizer, &co_kind_attack};
static const char *const steps[] = {
    "", ", accumulate: 2", ", step_schedule: {name: linear, warmup: 0.4}",
    ", weight_decay: 0.1, no_decay: ['*.bias']", ", clip_grad: 0.2"};
static const char *names[PARTS][COVERING_MOST];
static covering pairs;
static same_bits bits;

static void add(size_t part, const char *name)
{
    CHECK(pairs.n[part] < COVERING_MOST);
    names[part][pairs.n[part]++] = name;
}

/* A rule that is half of an algorithm stands in both places, named by the local rule. */
static bool is_half(const char *aggregator)
{
    for (const co_plugin *const *m = co_kind_local_rule.members; *m; m++)
        if (strcmp((*m)->name, aggregator) == 0) return true;
    return false;
}

static const char *aggregator_of(const char *rule, const char *aggregator)
{
    for (const co_plugin *const *m = co_kind_aggregator.members; *m; m++)
        if (strcmp((*m)->name, rule) == 0 && strcmp(aggregator, "mean") == 0) return rule;
    return aggregator;
}

static void list_members(void)
{
    pairs.n_parts = PARTS;
    add(TRANSFORM, "none");
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) add(STEPS, steps[k]);
    for (size_t p = 0; p < STEPS; p++)
        for (const co_plugin *const *m = kinds[p]->members; *m; m++) {
            if (p == AGGREGATOR && is_half((*m)->name)) continue;
            if (strcmp((*m)->name, "sgd") == 0 || strcmp((*m)->name, "mean") == 0)
                pairs.plain[p] = pairs.n[p];
            add(p, (*m)->name);
        }
}

static char *text_of(const size_t at[])
{
    const char *c[PARTS];
    for (size_t p = 0; p < PARTS; p++) c[p] = names[p][at[p]];
    const bool attacked = strcmp(c[ATTACK], "none") != 0,
               transformed = strcmp(c[TRANSFORM], "none") != 0,
               fed_back = strcmp(c[TRANSFORM], "error_feedback") == 0; /* of what is lost there */
    const co_stage *stage = transformed ? co_stage_find(c[TRANSFORM]) : NULL;
    const char *sample = stage && stage->sample ? stage->sample + 1 : "}"; /* behind its { */
    return co_format(
        "name: pair\nrounds: 3\ndata: {generator: synthetic, devices: 9, alpha: 1, "
        "beta: 1, size: 12}\n"
        "model: {name: softmax}\ndevices: {per_round: 6, attack: %s%s}\n"
        "local: {rule: %s, optimizer: %s, lr: 0.01, batch: 3%s}\ntransforms: [%s%s%s%s]\n"
        "aggregate: {rule: %s, %s}\nserver: {optimizer: %s, lr: 0.1}\neval: {every: 3}\n"
        "output: {dir: %s, checkpoint_every: 0}\n",
        c[ATTACK], attacked ? ", attackers: 0.3" : "", c[RULE], c[OPTIMIZER], c[STEPS],
        transformed ? "{name: " : "", transformed ? c[TRANSFORM] : "",
        !transformed       ? ""
        : sample[0] == '}' ? ""
                           : ", ",
        fed_back      ? "}, {name: top_k, fraction: 0.3}"
        : transformed ? sample
                      : "",
        aggregator_of(c[RULE], c[AGGREGATOR]),
        stage && stage->guarantee ? "weight: uniform" : "weight_cap: 9", c[SERVER], bits.out);
}

static bool is_read(const size_t at[])
{
    return same_bits_is_read(text_of(at));
}

static bool play(const size_t at[])
{
    return same_bits_play(&bits, text_of(at));
}

int main(int argc, char **argv)
{
    const int rank = harness_start(&argc, &argv);
    setenv("COHORT_PROGRESS", "off", 1);
    same_bits_start(&bits, "pairs");
    list_members();
    if (bits.all.size == 3) { /* one cut suffices: placement.c has the others */
        const size_t n_forbidden = covering_ask(&pairs, is_read);
        if (rank == 0) printf("%zu pairs forbidden\n", n_forbidden);
        covering_run(&pairs, play);
        CHECK(bits.n_played > 60 && n_forbidden > 5);
    }
    same_bits_end(&bits);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
