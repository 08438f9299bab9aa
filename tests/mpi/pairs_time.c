/* tests/mpi/pairs_time.c - planners, selectors, clocks, partitions, privacy, edge servers,
 * transforms and downlinks together, and with every rule, aggregator and attack: every pair that is
 * allowed plays three rounds, by rank 0 alone and by all ranks, with the same bits; every pair that
 * is not is refused with a reason. pairs.c has the pairs of the others. */
#include "tests/covering.h"
#include "tests/same_bits.h"
#include "trust/adversaries/attack.h"
#include "core/memory.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PLANNER,
    SELECTOR,
    CLOCK,
    DATA,
    PRIVACY,
    GROUPS,
    DOWNLINK,
    TRANSFORM,
    SECAGG,
    RULE,
    AGGREGATOR,
    ATTACK,
    PARTS
};

/* Texts of the experiment; the first of each is the plainest. */
static const char *const texts[RULE][COVERING_MOST] = {
    {"mode: synchronous", "mode: deadline, over_select: 1.3",
     "mode: deadline, deadline_s: 9, late: partial",
     "mode: buffered, concurrency: 6, staleness: polynomial",
     "mode: buffered, concurrency: 7, difference: current, max_staleness: 2, divisor: weights",
     "mode: semi_synchronous, interval_s: 7, staleness: hinge",
     "mode: semi_synchronous, interval_s: 9, steps_by_speed: true"},
    {"select: uniform", "select: poisson", "select: weighted", "select: mixture", "select: top_m",
     "select: available", "select: oort", "select: power_of_choice",
     "select: power_of_choice, last_known: true", "select: uniform, min_separation: 2"},
    {"clock: {seconds_per_unit: 1, down: 1000, up: 1000}", "",
     "clock: {seconds_per_unit: 1, speed: {name: lognormal, sigma: 1}, dropout: 0.2, "
     "availability: {name: markov, on_s: 30, off_s: 10}}",
     "clock: {seconds_per_unit: 1, up: {name: pareto, median: 900}, availability: {name: "
     "periodic, period_s: 40, share: 0.6}, outage: {groups: 4, up_s: 60, down_s: 20}}"},
    {"", "{method: dirichlet, devices: 20, alpha: 0.5}", "{method: iid, devices: 20, sizes: zipf}"},
    {"", "privacy: {clip: 0.1, noise_multiplier: 1, delta: 1e-3}",
     "privacy: {mechanism: skellam, clip: 0.1, noise_multiplier: 1, delta: 1e-3, min_reporting: 2, "
     "bits: 12}\nsecagg: {simulate: sum, threshold: 2}",
     ", dp: {clip: 1, noise_multiplier: 0.8, delta: 1e-3}"},
    {"", ", groups: {servers: 3, cloud_every: 2}", ", groups: {servers: 2, up: 1e4, down: 1e4}"},
    {"", "{name: rotate}, {name: quantise, levels: 3}", "{name: bf16}"},
    {"", "{name: clip, norm: 0.1}", "{name: momentum}, {name: half}",
     "{name: error_feedback}, {name: top_k, fraction: 0.2}",
     "{name: error_feedback, method: ef21}, {name: rotate}, {name: quantise, levels: 1}",
     "{name: error_feedback}, {name: sign}", "{name: random_k, fraction: 0.3}, {name: bf16}",
     "{name: error_feedback}, {name: ternary, fraction: 0.2}", "{name: low_rank, rank: 1}",
     "{name: rotate}, {name: random_k, fraction: 0.5}, {name: ring, clip: 1}",
     "{name: privunit, clip: 0.1, epsilon: 8}, {name: half}",
     "{name: momentum}, {name: local_gaussian, clip: 0.1, epsilon: 8, delta: 1e-3}",
     "{name: local_laplace, clip: 1, epsilon: 40}, {name: ring, clip: 1}"},
    {"", "secagg: {protocol: secagg, threshold: 2}",
     "secagg: {protocol: secagg_plus, neighbours: 2, threshold: 2, simulate: sum}"}};
static const co_kind *const kinds[PARTS - RULE] = {&co_kind_local_rule, &co_kind_aggregator,
                                                   &co_kind_attack};
static const char *names[PARTS][COVERING_MOST];
static covering pairs;
static char blobs[256];
static same_bits bits;

static void add(size_t part, const char *name)
{
    CHECK(pairs.n[part] < COVERING_MOST);
    names[part][pairs.n[part]++] = name;
}

/* Every member of the kind stands in a text. */
static void check_texts(const co_kind *kind, size_t part)
{
    for (const co_plugin *const *m = kind->members; *m; m++) {
        bool is_there = false;
        for (size_t i = 0; i < pairs.n[part]; i++)
            is_there |= strstr(names[part][i], (*m)->name) != NULL;
        if (!is_there) fprintf(stderr, "%s %s stands in no text\n", kind->name, (*m)->name);
        CHECK(is_there);
    }
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
    for (size_t p = 0; p < RULE; p++)
        for (const char *const *text = texts[p]; *text; text++) add(p, *text);
    for (size_t p = RULE; p < PARTS; p++)
        for (const co_plugin *const *m = kinds[p - RULE]->members; *m; m++) {
            if (p == AGGREGATOR && is_half((*m)->name)) continue;
            if (strcmp((*m)->name, "sgd") == 0 || strcmp((*m)->name, "mean") == 0)
                pairs.plain[p] = pairs.n[p];
            add(p, (*m)->name);
        }
    pairs.n_parts = PARTS;
    for (size_t p = RULE; p < PARTS; p++)
        for (size_t q = p + 1; q < PARTS; q++) pairs.apart[p][q] = true;
    for (size_t q = RULE; q < PARTS; q++) pairs.apart[TRANSFORM][q] = true;
    check_texts(&co_kind_planner, PLANNER);
    check_texts(&co_kind_selector, SELECTOR);
    check_texts(&co_kind_stage, TRANSFORM);
}

static char *text_of(const size_t at[])
{
    const char *c[PARTS];
    for (size_t p = 0; p < PARTS; p++) c[p] = names[p][at[p]];
    const bool attacked = strcmp(c[ATTACK], "none") != 0, local = c[PRIVACY][0] == ',',
               rings = strstr(c[TRANSFORM], "ring") != NULL, masks = *c[SECAGG] && !rings,
               is_message = strstr(c[TRANSFORM], "epsilon") != NULL; /* local privacy */
    char *data = *c[DATA] ? co_format("data: {file: %s}\npartition: %s", blobs, c[DATA])
                          : co_strdup("data: {generator: synthetic, devices: 20, alpha: 1, "
                                      "beta: 1, size: 6}");
    char *text = co_format(
        "name: pair\nrounds: 3\n%s\n%s\n%s\n%s\nmodel: {name: softmax}\n"
        "devices: {per_round: 5, counts: public, %s, %s, attack: %s%s}\n"
        "local: {rule: %s, lr: 0.01, batch: 3%s}\ntransforms: [%s%s%s]\ndownlink: [%s]\n"
        "aggregate: {rule: %s%s%s}\neval: {every: 3}\noutput: {dir: %s, checkpoint_every: 0}\n",
        data, c[CLOCK], c[SECAGG], local ? "" : c[PRIVACY], c[PLANNER], c[SELECTOR], c[ATTACK],
        attacked ? ", attackers: 0.3" : "", c[RULE], local ? c[PRIVACY] : "", c[TRANSFORM],
        masks && *c[TRANSFORM] ? ", " : "", masks ? "{name: ring}" : "", c[DOWNLINK],
        aggregator_of(c[RULE], c[AGGREGATOR]), c[GROUPS],
        is_message       ? ", weight: uniform"
        : rings || masks ? ", weight_cap: 9"
                         : "",
        bits.out);
    co_free(data);
    return text;
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
    if (rank == 0) {
        snprintf(blobs, sizeof blobs, "%s", scratch_file("pairs.h5"));
        CHECK(write_blobs(blobs, 200, 4, 3, 1) == CO_OK);
    }
    MPI_Bcast(blobs, sizeof blobs, MPI_CHAR, 0, MPI_COMM_WORLD);
    list_members();
    if (bits.all.size == 3) { /* one cut suffices: placement.c has the others */
        const size_t n_forbidden = covering_ask(&pairs, is_read);
        if (rank == 0) printf("%zu pairs forbidden\n", n_forbidden);
        covering_run(&pairs, play);
        CHECK(bits.n_played > 60 && n_forbidden > 60);
    }
    if (rank == 0) unlink(blobs);
    same_bits_end(&bits);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
