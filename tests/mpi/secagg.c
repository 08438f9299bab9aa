/* tests/mpi/secagg.c - secure aggregation in a run, with the stage of tests that makes integers
 * modulo 2^16 (tests/probes/residues.c): the protocol with all its messages and masks, its sum
 * alone, and the plain integers give the same model and the same tables, whoever drops out in
 * whichever stage; a step that leaves too few changes nothing. mpi/ring.c adds the integers by
 * itself. */
#include "core/memory.h"
#include "sim/planners/secure.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const co_stage co_stage_residues;

enum { DEVICES = 12 };

static char blobs[256], out[256], trace[256];
static co_comm comm;

static co_status open_with(const char *words, co_experiment *experiment, co_run *run)
{
    char *text = co_format(
        "name: secagg\npartition: {method: dirichlet, devices: %d, alpha: 5}\n"
        "eval: {every: 0}\ndata: {file: %s}\noutput: {dir: %s, "
        "checkpoint_every: 0}\n%s\n%s",
        DEVICES, blobs, out,
        strstr(words, "model:") ? "" : "model: {layers: [{dense: 500}, tanh, {dense: classes}]}",
        words);
    co_status st = co_experiment_parse(text, "test.yaml", experiment);
    co_free(text);
    if (st != CO_OK) return st;
    if (comm.rank == 0) co_output_remove(out);
    MPI_Barrier(comm.world);
    experiment->transform[experiment->n_transforms++] = &co_stage_residues;
    st = co_run_create(run, experiment, out, &comm);
    if (st != CO_OK) co_experiment_fini(experiment);
    return st;
}

static bool play(const char *words, const char *section, co_experiment *experiment, co_run *run)
{
    char *text = co_format("%s\n%s\n", words, section);
    co_status st = open_with(text, experiment, run);
    co_free(text);
    if (st == CO_OK && (st = co_run_rounds(run)) != CO_OK) close_run(experiment, run);
    if (st != CO_OK) fprintf(stderr, "%s: %s\n", section, co_status_message());
    CHECK(st == CO_OK);
    return st == CO_OK;
}

/* A column of rounds, on rank 0. */
static double at(const co_run *run, size_t row, const char *name)
{
    const co_table *t = &run->record.rounds;
    const int c = co_table_find(t, name);
    CHECK(c >= 0);
    return co_table_get_f64(t, row, (size_t)c);
}

static int64_t digest_of(const co_run *run, size_t row)
{
    const co_table *t = &run->record.rounds;
    return co_table_get_i64(t, row, (size_t)co_table_find(t, "model_digest"));
}

static double of_stage(const co_run *run, size_t row, const char *what, int stage)
{
    char name[64];
    snprintf(name, sizeof name, "secagg_%s_%s", what, co_secure_stage_names[stage]);
    return at(run, row, name);
}

static void same_table(const co_table *a, const co_table *b)
{
    CHECK(a->n_rows == b->n_rows && a->n_columns == b->n_columns);
    for (size_t c = 0; c < a->n_columns; c++) {
        const bool same =
            memcmp(a->data[c], b->data[c], a->n_rows * co_dtype_size(a->columns[c].type, 0)) == 0;
        if (strcmp(a->names[c], "wall_s") == 0) continue;
        if (!same) fprintf(stderr, "%s/%s differs\n", a->group, a->names[c]);
        CHECK(same);
    }
}

/* Plays both ways; *run, the protocol's, is left open. */
static bool play_both(const char *words, const char *keys, co_experiment *experiment, co_run *run)
{
    co_experiment other;
    co_run sum;
    char *protocol = co_format("secagg: {%s, simulate: protocol}", keys),
         *plain = co_format("secagg: {%s, simulate: sum}", keys);
    bool good = play(words, protocol, experiment, run);
    if (good && !play(words, plain, &other, &sum)) {
        close_run(experiment, run);
        good = false;
    }
    if (good) {
        const size_t n = co_model_layout(run->model)->whole;
        CHECK(memcmp(run->exchange.model, sum.exchange.model, n * sizeof(float)) == 0);
        if (comm.rank == 0) same_table(&run->record.rounds, &sum.record.rounds);
        if (comm.rank == 0) same_table(&run->record.devices, &sum.record.devices);
        close_run(&other, &sum);
    }
    co_free(protocol);
    co_free(plain);
    return good;
}

/* The same devices without secure aggregation, where none drops out. */
static void masks_change_nothing(void)
{
    static const char words[] = "rounds: 3\ndevices: {per_round: 7}\nlocal: {lr: 0.1, batch: 8}";
    static const char *const keys[] = {"protocol: secagg", "protocol: secagg, secure: true",
                                       "protocol: secagg_plus, neighbours: 4, threshold: 3"};
    co_experiment e, bare;
    co_run run, plain;
    if (!play(words, "", &bare, &plain)) return;
    const size_t n = co_model_layout(plain.model)->whole;
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        if (!play_both(words, keys[k], &e, &run)) continue;
        CHECK(memcmp(run.exchange.model, plain.exchange.model, n * sizeof(float)) == 0);
        for (size_t i = 0; comm.rank == 0 && i < 3; i++) {
            const double bytes = at(&run, i, "bytes_up") + at(&run, i, "bytes_down");
            double stages = 7.0 * (double)run.plan.bytes_down;
            for (int s = 0; s < CO_SECAGG_STAGES; s++) {
                stages += of_stage(&run, i, "bytes", s);
                CHECK(of_stage(&run, i, "answered", s) == 7.0);
            }
            CHECK(bytes == stages && at(&run, i, "secagg_failed") == 0.0);
            CHECK(bytes > at(&plain, i, "bytes_up") + at(&plain, i, "bytes_down"));
        }
        for (size_t i = 0; comm.rank == 0 && i < run.record.devices.n_rows; i++) {
            const co_table *t = &run.record.devices;
            CHECK(isnan(co_table_get_f64(t, i, (size_t)co_table_find(t, "loss"))));
            CHECK(isnan(co_table_get_f64(t, i, (size_t)co_table_find(t, "update_norm"))));
        }
        close_run(&e, &run);
    }
    close_run(&bare, &plain);
}

/* By chance, on clocks that make every stage lose some. */
static void devices_drop_out_everywhere(void)
{
    static const char *const words[] = {
        "rounds: 12\ndevices: {per_round: 11}\nlocal: {lr: 0.1, batch: 8}\n"
        "clock: {seconds_per_unit: 0.05, down: 3e4, up: 2e4, dropout: 0.4}",
        "rounds: 12\ndevices: {mode: deadline, over_select: 1.3, per_round: 8}\n"
        "local: {lr: 0.1, batch: 8}\nclock: {seconds_per_unit: 0.05, down: 3e4, up: 1e4, speed: "
        "{name: lognormal, sigma: 1}, availability: {name: markov, on_s: 20, off_s: 6}}",
        "rounds: 12\ndevices: {mode: deadline, deadline_s: 12, late: partial, per_round: 10}\n"
        "local: {lr: 0.1, batch: 2}\nclock: {seconds_per_unit: 0.5, down: 3e4, up: 1e4, speed: "
        "{name: lognormal, sigma: 1}, dropout: 0.2}",
        "rounds: 12\ndevices: {select: poisson, per_round: 6}\nlocal: {lr: 0.1, batch: 8}\n"
        "clock: {seconds_per_unit: 0.05, down: 3e4, up: 1e4, dropout: 0.2}"};
    static const char *const keys[] = {
        "protocol: secagg, threshold: 2, agreement_s: 0.01, share_s: 0.05, stage_s: 30",
        "protocol: secagg_plus, neighbours: 6, threshold: 3, agreement_s: 0.02, share_s: 0.05",
        "protocol: secagg, threshold: 0.3", "protocol: secagg, threshold: 3"};
    double lost[CO_SECAGG_STAGES] = {0}, failed = 0.0, went = 0.0;
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        co_experiment e;
        co_run run;
        if (!play_both(words[k], keys[k], &e, &run)) continue;
        for (size_t i = 0; comm.rank == 0 && i < run.record.rounds.n_rows; i++) {
            const int ended = (int)at(&run, i, "secagg_failed");
            const double time = at(&run, i, "sim_s") - (i ? at(&run, i - 1, "sim_s") : 0.0);
            double seconds = 0.0, before = at(&run, i, "n_selected");
            for (int s = 0; s < (ended ? ended : CO_SECAGG_STAGES); s++) {
                lost[s] += before - of_stage(&run, i, "answered", s);
                before = of_stage(&run, i, "answered", s);
                seconds += of_stage(&run, i, "s", s);
            }
            if (!ended)
                CHECK(of_stage(&run, i, "answered", CO_SECAGG_INPUT) == at(&run, i, "n_reported"));
            CHECK(fabs(time - seconds) < 1e-6 || at(&run, i, "n_selected") < 2.0);
            failed += ended > 0;
            went += ended == 0;
        }
        close_run(&e, &run);
    }
    if (comm.rank == 0)
        printf("lost %g %g %g %g %g, failed %g of %g\n", lost[0], lost[1], lost[2], lost[3],
               lost[4], failed, failed + went);
    for (int s = 0; comm.rank == 0 && s < CO_SECAGG_STAGES; s++) CHECK(lost[s] > 0.0);
    if (comm.rank == 0) CHECK(failed > 3.0 && went > 20.0);
}

/* Device s goes away in the middle of stage s of the first round and is back a day later. */
static void write_trace(const double end_s[CO_SECAGG_STAGES])
{
    FILE *file = comm.rank == 0 ? fopen(trace, "w") : NULL;
    if (!file) return;
    fputs("device,start_s,end_s\n", file);
    for (int d = 0; d < DEVICES; d++) {
        const bool leaves = d < CO_SECAGG_STAGES;
        const double begin = d > 0 && leaves ? end_s[d - 1] : 0.0;
        if (leaves) fprintf(file, "%d,0,%.9f\n", d, 0.5 * (begin + end_s[d]));
        fprintf(file, "%d,%d,1000000000\n", d, leaves ? 86400 : 0);
    }
    fclose(file);
}

static const char all_of_them[] =
    "rounds: 3\ndevices: {per_round: 12}\nlocal: {lr: 0.1, batch: 8}\n"
    "clock: {seconds_per_unit: 0.05, down: 3e4, up: 2e4, availability: %s%s%s}";

/* When the stages of the first round end with nobody away. */
static bool time_stages(double end_s[CO_SECAGG_STAGES])
{
    co_experiment e;
    co_run run;
    char words[400];
    snprintf(words, sizeof words, all_of_them, "always", "", "");
    if (!play_both(words, "threshold: 7", &e, &run)) return false;
    for (int s = 0; comm.rank == 0 && s < CO_SECAGG_STAGES; s++)
        end_s[s] = (s ? end_s[s - 1] : 0.0) + of_stage(&run, 0, "s", s);
    close_run(&e, &run);
    return true;
}

/* With a threshold of as many as are left in the end, and one more. */
static void traces_hit_each_stage(void)
{
    double end_s[CO_SECAGG_STAGES];
    char words[700];
    if (!time_stages(end_s)) return;
    write_trace(end_s);
    snprintf(words, sizeof words, all_of_them, "file, trace: [", trace, "]");
    for (int threshold = 7; threshold <= 8; threshold++) {
        co_experiment e;
        co_run run;
        char keys[64];
        snprintf(keys, sizeof keys, "threshold: %d", threshold);
        if (!play_both(words, keys, &e, &run)) return;
        for (int s = 0; comm.rank == 0 && s < CO_SECAGG_STAGES; s++)
            CHECK(of_stage(&run, 0, "answered", s) == 11.0 - s);
        if (comm.rank == 0) {
            const bool fails = threshold == 8;
            CHECK(at(&run, 0, "n_reported") == 9.0 && at(&run, 0, "n_dropped") == 3.0);
            CHECK(at(&run, 0, "secagg_failed") == (fails ? 5.0 : 0.0));
            CHECK(isnan(at(&run, 0, "train_loss")) == fails);
            CHECK((at(&run, 0, "update_norm") == 0.0) == fails);
            /* five are still away: 7 are enough for one threshold only */
            CHECK(at(&run, 1, "secagg_failed") == (fails ? 1.0 : 0.0));
            CHECK((digest_of(&run, 0) == digest_of(&run, 1)) == fails);
        }
        close_run(&e, &run);
    }
}

/* A round fails, the next one does not: the same model as without the failed one's devices. */
static void goes_on_behind_a_failed_round(void)
{
    co_experiment e;
    co_run run;
    if (!play_both("rounds: 10\ndevices: {select: poisson, per_round: 5}\nlocal: {lr: 0.1, batch: "
                   "8}\nserver: {optimizer: adam, lr: 0.01}",
                   "threshold: 5", &e, &run))
        return;
    size_t failed = 0, moved = 0;
    for (size_t i = 1; comm.rank == 0 && i < 10; i++) {
        const bool stays = digest_of(&run, i) == digest_of(&run, i - 1),
                   fails = at(&run, i, "secagg_failed") > 0.0;
        CHECK(stays == fails);
        failed += fails;
        moved += fails && i < 9 && at(&run, i + 1, "secagg_failed") == 0.0;
    }
    if (comm.rank == 0) CHECK(failed > 0 && moved > 0);
    close_run(&e, &run);
}

/* A rate so high that only who makes few steps has a finite update. */
static void what_is_not_finite_is_no_input(void)
{
    static const char diverges[] = "rounds: 2\ndevices: {per_round: 12}\nlocal: {lr: 1e6, batch: "
                                   "8}\nmodel: {layers: [{dense: 20}, {dense: classes}]}";
    co_experiment e;
    co_run run;
    if (!play_both(diverges, "threshold: 2", &e, &run)) return;
    if (comm.rank == 0) {
        CHECK(at(&run, 0, "n_nonfinite") > 0.0 && at(&run, 0, "n_reported") > 1.0);
        CHECK(of_stage(&run, 0, "answered", CO_SECAGG_SHARE) == 12.0);
        CHECK(of_stage(&run, 0, "answered", CO_SECAGG_INPUT) == at(&run, 0, "n_reported"));
        CHECK(at(&run, 0, "secagg_failed") == 0.0);
    }
    close_run(&e, &run);
    if (!play_both(diverges, "threshold: 12", &e, &run)) return;
    if (comm.rank == 0) CHECK(at(&run, 0, "secagg_failed") == 3.0); /* input */
    close_run(&e, &run);
}

int main(int argc, char **argv)
{
    harness_start(&argc, &argv);
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&comm) == CO_OK);
    if (comm.rank == 0) {
        snprintf(blobs, sizeof blobs, "%s", scratch_file("secagg.h5"));
        snprintf(trace, sizeof trace, "%s", scratch_file("secagg.csv"));
        snprintf(out, sizeof out, "%s", scratch_file("secagg"));
        mkdir(out, 0755);
        CHECK(write_blobs(blobs, 600, 10, 4, 5) == CO_OK);
    }
    MPI_Bcast(blobs, sizeof blobs, MPI_CHAR, 0, comm.world);
    MPI_Bcast(trace, sizeof trace, MPI_CHAR, 0, comm.world);
    MPI_Bcast(out, sizeof out, MPI_CHAR, 0, comm.world);
    masks_change_nothing();
    devices_drop_out_everywhere();
    traces_hit_each_stage();
    goes_on_behind_a_failed_round();
    what_is_not_finite_is_no_input();
    MPI_Barrier(comm.world);
    if (comm.rank == 0) {
        co_output_remove(out);
        rmdir(out);
        unlink(blobs);
        unlink(trace);
    }
    co_comm_fini(&comm);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
