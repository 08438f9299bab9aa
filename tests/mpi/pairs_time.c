/* tests/mpi/pairs_time.c - planners, selectors, clocks, partitions, privacy and edge servers
 * together, and with every rule, transform, aggregator and attack: every pair that is allowed plays
 * three rounds, by rank 0 alone and by all ranks, with the same bits; every pair that is not is
 * refused with a reason. pairs.c has the pairs of the others. */
#include "tests/covering.h"
#include "trust/adversaries/attack.h"
#include "core/memory.h"
#include "io/files/file.h"
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
    RULE,
    TRANSFORM,
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
     ", dp: {clip: 1, noise_multiplier: 0.8, delta: 1e-3}"},
    {"", ", groups: {servers: 3, cloud_every: 2}", ", groups: {servers: 2, up: 1e4, down: 1e4}"}};
static const co_kind *const kinds[PARTS - RULE] = {&co_kind_local_rule, &co_kind_stage,
                                                   &co_kind_aggregator, &co_kind_attack};
static const char *names[PARTS][COVERING_MOST];
static covering pairs;
static size_t n_refused, n_played;
static char out[256], blobs[256];
static co_comm all, alone;

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

static void list_members(void)
{
    for (size_t p = 0; p < RULE; p++)
        for (const char *const *text = texts[p]; *text; text++) add(p, *text);
    add(TRANSFORM, "none");
    for (size_t p = RULE; p < PARTS; p++)
        for (const co_plugin *const *m = kinds[p - RULE]->members; *m; m++) {
            if (strcmp((*m)->name, "sgd") == 0 || strcmp((*m)->name, "mean") == 0)
                pairs.plain[p] = pairs.n[p];
            add(p, (*m)->name);
        }
    pairs.n_parts = PARTS;
    for (size_t p = 0; p < RULE; p++)
        for (size_t q = p + 1; q < PARTS; q++)
            for (size_t i = 0; i < pairs.n[p]; i++)
                for (size_t k = 0; k < pairs.n[q]; k++) pairs.open[p][i][q][k] = true;
    check_texts(&co_kind_planner, PLANNER);
    check_texts(&co_kind_selector, SELECTOR);
}

static char *text_of(const size_t at[])
{
    const char *c[PARTS];
    for (size_t p = 0; p < PARTS; p++) c[p] = names[p][at[p]];
    const bool attacked = strcmp(c[ATTACK], "none") != 0,
               transformed = strcmp(c[TRANSFORM], "none") != 0, local = c[PRIVACY][0] == ',';
    char *data = *c[DATA] ? co_format("data: {file: %s}\npartition: %s", blobs, c[DATA])
                          : co_strdup("data: {generator: synthetic, devices: 20, alpha: 1, "
                                      "beta: 1, size: 6}");
    char *text = co_format(
        "name: pair\nrounds: 3\n%s\n%s\n%s\nmodel: {name: softmax}\n"
        "devices: {per_round: 5, counts: public, %s, %s, attack: %s%s}\n"
        "local: {rule: %s, lr: 0.01, batch: 3%s}\ntransforms: [%s%s%s]\n"
        "aggregate: {rule: %s%s}\neval: {every: 3}\noutput: {dir: %s, checkpoint_every: 0}\n",
        data, c[CLOCK], local ? "" : c[PRIVACY], c[PLANNER], c[SELECTOR], c[ATTACK],
        attacked ? ", attackers: 0.3" : "", c[RULE], local ? c[PRIVACY] : "",
        transformed ? "{name: " : "", transformed ? c[TRANSFORM] : "", transformed ? "}" : "",
        c[AGGREGATOR], c[GROUPS], out);
    co_free(data);
    return text;
}

/* A refusal is CO_EUSAGE and says where. */
static void check_refusal(co_status st, const char *text)
{
    const bool ok = st == CO_EUSAGE && strstr(co_status_message(), "test.yaml");
    if (!ok) fprintf(stderr, "%s\n%s\n", text, co_status_message());
    CHECK(ok);
}

/* Whether the experiment can be read. Local, the same on all ranks. */
static bool is_read(const size_t at[])
{
    co_experiment experiment;
    char *text = text_of(at);
    const co_status st = co_experiment_parse(text, "test.yaml", &experiment);
    if (st == CO_OK)
        co_experiment_fini(&experiment);
    else
        check_refusal(st, text);
    co_free(text);
    return st == CO_OK;
}

static void digest_of(const char *name, char hex[33])
{
    char *path = co_format("%s/%s", out, name);
    co_file *file = NULL;
    CHECK(co_file_open(path, NULL, false, &file) == CO_OK);
    CHECK(file && co_file_digest(file, hex) == CO_OK);
    co_file_close(file);
    co_free(path);
}

/* Collective(comm). */
static co_status play(const char *text, const co_comm *comm, char hex[2][33])
{
    co_experiment experiment;
    co_run run;
    const co_status st = play_text(text, comm, &experiment, &run);
    if (st != CO_OK) {
        check_refusal(st, text);
        return st;
    }
    if (comm->rank == 0) {
        digest_of("run.h5", hex[0]);
        digest_of("ckpt-00000003.h5", hex[1]);
    }
    close_run(&experiment, &run);
    return CO_OK;
}

/* By rank 0 alone and by all; the last text on stdout is the one under way. Collective(all). */
static bool has_same_bits(const size_t at[])
{
    char expected[2][33] = {"", ""}, got[2][33] = {"", ""};
    char *text = text_of(at);
    if (all.rank == 0) printf("%s\n", text), fflush(stdout);
    int st = all.rank == 0 ? (int)play(text, &alone, expected) : 0;
    MPI_Bcast(&st, 1, MPI_INT, 0, all.world);
    if (st == CO_OK) {
        CHECK(play(text, &all, got) == CO_OK);
        if (memcmp(expected, got, sizeof got) != 0) fprintf(stderr, "other bits:\n%s\n", text);
        CHECK(memcmp(expected, got, sizeof got) == 0);
    }
    n_played += st == CO_OK;
    n_refused += st != CO_OK;
    co_free(text);
    return st == CO_OK;
}

int main(int argc, char **argv)
{
    const int rank = harness_start(&argc, &argv);
    size_t n_forbidden = 0;
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&all) == CO_OK);
    CHECK(co_comm_init_on(&alone, MPI_COMM_SELF) == CO_OK);
    if (rank == 0) {
        snprintf(out, sizeof out, "%s", scratch_file("pairs"));
        snprintf(blobs, sizeof blobs, "%s", scratch_file("pairs.h5"));
        CHECK(write_blobs(blobs, 200, 4, 3, 1) == CO_OK);
    }
    MPI_Bcast(blobs, sizeof blobs, MPI_CHAR, 0, MPI_COMM_WORLD);
    MPI_Bcast(out, sizeof out, MPI_CHAR, 0, MPI_COMM_WORLD);
    list_members();
    if (all.size == 3) { /* one cut suffices: placement.c has the others */
        n_forbidden = covering_ask(&pairs, is_read);
        if (rank == 0) printf("%zu pairs forbidden\n", n_forbidden), fflush(stdout);
        covering_run(&pairs, has_same_bits);
    }
    if (rank == 0) {
        printf("%zu experiments played, %zu refused\n", n_played, n_refused);
        CHECK(all.size != 3 || (n_played > 60 && n_forbidden > 60));
        co_output_remove(out);
        rmdir(out);
        unlink(blobs);
    }
    co_comm_fini(&alone);
    co_comm_fini(&all);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
