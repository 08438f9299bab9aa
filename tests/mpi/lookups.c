/* tests/mpi/lookups.c - sections are parsed once: from the first round on no key of the experiment
 * and no plug-in is looked up by name, with any member of the kinds that take part in a round. */
#include "core/memory.h"
#include "sim/selectors/selector.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char blobs[256], out[256];
static co_comm comm;
static int n_runs;

/* A run of three rounds with evaluations and checkpoints, and these words of the experiment. */
static void expect_none(const char *kind, const char *member, const char *words)
{
    co_experiment experiment;
    co_run run;
    char *text = co_format(
        "name: lookups\nrounds: 3\nmodel: {name: softmax}\neval: {every: 1, devices: "
        "true}\nstop: {metric: accuracy, patience: 9}\ndata: {file: %s}\noutput: "
        "{dir: %s, checkpoint_every: 1, best: true}\npartition: {%sdevices: 24, "
        "test_fraction: 0.2}\n%s",
        blobs, out,
        strstr(words, "period_rounds") ? "method: temporal, periods: 3, " : "method: iid, ", words);
    co_status st = co_experiment_parse(text, "test.yaml", &experiment);
    CHECK(st == CO_OK);
    co_free(text);
    if (st != CO_OK) {
        fprintf(stderr, "%s %s: %s\n", kind, member, co_status_message());
        return;
    }
    if (comm.rank == 0) CHECK(co_output_remove(out) == CO_OK);
    MPI_Barrier(comm.world);
    st = co_run_create(&run, &experiment, out, &comm);
    if (st == CO_OK) {
        const size_t before = co_lookups();
        st = co_run_rounds(&run);
        const size_t n = co_lookups() - before;
        if (n) fprintf(stderr, "%s %s: %zu look-ups while the run goes on\n", kind, member, n);
        CHECK(n == 0);
        co_run_destroy(&run);
        n_runs++;
    }
    if (st != CO_OK) fprintf(stderr, "%s %s: %s\n", kind, member, co_status_message());
    CHECK(st == CO_OK);
    co_experiment_fini(&experiment);
}

/* format: the experiment with the member's name. */
static void each(const co_kind *kind, const char *format)
{
    for (const co_plugin *const *at = kind->members; *at; at++) {
        char words[512];
        if (strcmp((*at)->name, "none") == 0) continue;
        snprintf(words, sizeof words, format, (*at)->name);
        expect_none(kind->name, (*at)->name, words);
    }
}

static void each_mechanism(void)
{
    static const char *const more[] = {"", ", clip_quantile: 0.5, clip_count_noise: 2"};
    for (const co_plugin *const *at = co_kind_mechanism.members; *at; at++)
        for (int k = 0; k < 2; k++) {
            char words[512];
            const co_mechanism *m = co_mechanism_find((*at)->name);
            if (m->norm == CO_NORM_NONE ||
                (k && (m->norm == CO_NORM_L1 || m->share || m->correlation)))
                continue;
            snprintf(words, sizeof words,
                     "devices: {%s}\nprivacy: {mechanism: %s, clip: 1, noise_multiplier: 1, delta: "
                     "1e-5%s}",
                     m->correlation ? "per_round: 2, min_separation: 8"
                                    : "select: poisson, per_round: 8",
                     m->name, m->share ? ", min_reporting: 2}\nsecagg: {threshold: 2" : more[k]);
            expect_none("mechanism", m->name, words);
        }
}

/* The rules of which each is one half stand together. */
static void each_aggregator(void)
{
    for (const co_plugin *const *at = co_kind_aggregator.members; *at; at++) {
        char words[512];
        const co_aggregator *a = co_aggregator_find((*at)->name);
        for (int s = 1; s <= (a->combine ? 3 : 1); s += 2) {
            snprintf(words, sizeof words,
                     "devices: {per_round: 9}\naggregate: {rule: %s, bucketing: %d}\nlocal: {rule: "
                     "%s}\ntransforms: [%s]",
                     a->name, s, a->partner ? a->partner : "sgd",
                     a->needs_stage ? "{name: sign}" : "");
            expect_none("aggregator", a->name, words);
        }
    }
    for (const co_plugin *const *at = co_kind_local_rule.members; *at; at++) {
        char words[512];
        const co_rule *rule = co_rule_find((*at)->name);
        snprintf(words, sizeof words,
                 "devices: {per_round: 9}\nlocal: {rule: %s}\naggregate: {rule: %s}", rule->name,
                 rule->partner ? rule->partner : "mean");
        expect_none("local rule", rule->name, words);
    }
}

/* With options of the small model where it needs them, and something behind that is worth to make
 * up for. */
static void each_transform(void)
{
    for (const co_plugin *const *at = co_kind_stage.members; *at; at++) {
        const co_stage *stage = co_stage_find((*at)->name);
        char words[512];
        snprintf(words, sizeof words,
                 "devices: {per_round: 9}\naggregate: {weight: uniform}\ntransforms: [{name: "
                 "%s%s}%s]",
                 stage->name,
                 stage->by_tensor   ? ", rank: 1"
                 : stage->guarantee ? ", clip: 1, epsilon: 4, delta: 1e-3"
                                    : "",
                 stage->close ? ", {name: sign}" : "");
        expect_none("transform", stage->name, words);
    }
}

int main(int argc, char **argv)
{
    harness_start(&argc, &argv);
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&comm) == CO_OK);
    if (comm.rank == 0) {
        snprintf(blobs, sizeof blobs, "%s", scratch_file("lookups.h5"));
        snprintf(out, sizeof out, "%s", scratch_file("lookups"));
        mkdir(out, 0755);
        CHECK(write_blobs(blobs, 400, 6, 4, 3) == CO_OK);
    }
    MPI_Bcast(blobs, sizeof blobs, MPI_CHAR, 0, comm.world);
    MPI_Bcast(out, sizeof out, MPI_CHAR, 0, comm.world);
    each_aggregator();
    each(&co_kind_server_optimizer, "devices: {per_round: 9}\nserver: {optimizer: %s}");
    each(&co_kind_optimizer, "devices: {per_round: 9}\nlocal: {optimizer: %s}");
    each(&co_kind_attack, "devices: {per_round: 9, attack: %s, attackers: 3}");
    each(&co_kind_selector, "devices: {per_round: 9, select: %s}");
    each_transform();
    static const char *const schedules[] = {"constant", "step, every: 2, factor: 0.5",
                                            "exponential, factor: 0.5", "cosine"};
    for (size_t k = 0; k < 4; k++) {
        char words[128];
        snprintf(words, sizeof words, "devices: {per_round: 9}\nlocal: {schedule: {name: %s}}",
                 schedules[k]);
        expect_none("schedule", schedules[k], words);
    }
    each(&co_kind_selector, "devices: {per_round: 5, select: %s, period_rounds: 1, memory: window, "
                            "window: 2, attack: gaussian, attackers: 4}\naggregate: {rule: feddyn, "
                            "weight: uniform}\nlocal: {rule: feddyn}");
    each_mechanism();
    CHECK(n_runs > 30);
    MPI_Barrier(comm.world);
    if (comm.rank == 0) {
        co_output_remove(out);
        rmdir(out);
        unlink(blobs);
    }
    co_comm_fini(&comm);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
