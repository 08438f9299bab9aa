/* tests/mpi/placement.c - a training run gives the same model, metrics and rows on any number of
 * ranks, for any placement.
 *
 * Small experiments are played by rank 0 alone (MPI_COMM_SELF), then by all ranks, then by all
 * ranks with the placement turned around: the content digests of run file and last checkpoint must
 * be equal. */
#include "core/memory.h"
#include "io/files/file.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const experiments[] = {
    /* convolution, dropout, momentum, adam on the server, an uneven partition */
    "name: cnn\nrounds: 4\nalgorithm: fedadam\n"
    "data: {file: BLOBS}\npartition: {method: dirichlet, devices: 40, alpha: 0.2}\n"
    "model: {layers: [{dense: 33}, relu, {dropout: 0.3}, {dense: classes}]}\n"
    "devices: {per_round: 11}\nlocal: {rule: prox, mu: 0.1, epochs: 2, batch: 7, lr: 0.05, "
    "momentum: 0.9}\n"
    "transforms: [{name: clip, norm: 0.5}]\neval: {every: 2}\noutput: {dir: OUT, checkpoint_every: "
    "2, keep: 5}\n",
    /* fewer devices than ranks, a model of several blocks */
    "name: wide\nrounds: 3\ndata: {file: BLOBS}\npartition: {method: iid, devices: 5}\n"
    "model: {layers: [{dense: 700}, tanh, {dense: classes}]}\n"
    "devices: {per_round: 2}\nlocal: {steps: 3, batch: 8, lr: 0.1, max_examples: 20}\n"
    "aggregate: {weight: uniform}\nserver: {optimizer: sgd, momentum: 0.9, lr: 0.7}\neval: {every: "
    "1}\n"
    "output: {dir: OUT, checkpoint_every: 0}\n",
    /* a rule that sees every update, distances over several blocks, buckets, a device without
       examples */
    "name: krum\nrounds: 3\ndata: {file: BLOBS}\npartition: {method: dirichlet, devices: 60, "
    "alpha: 0.05}\n"
    "model: {layers: [{dense: 700}, tanh, {dense: classes}]}\n"
    "devices: {per_round: 17}\nlocal: {steps: 2, batch: 8, lr: 0.1}\n"
    "aggregate: {rule: multi_krum, f: 2, bucketing: 2}\neval: {every: 1}\noutput: {dir: OUT}\n",
    /* a state of the aggregator beside that of the server's optimiser */
    "name: clip\nrounds: 4\nalgorithm: fedyogi\ndata: {file: BLOBS}\npartition: {method: iid, "
    "devices: 9}\n"
    "model: {layers: [{dense: 400}, relu, {dense: classes}]}\n"
    "devices: {per_round: 7}\nlocal: {optimizer: adam, lr: 0.01}\n"
    "aggregate: {rule: centred_clip, tau: 0.5, iterations: 3}\neval: {every: 2}\noutput: {dir: "
    "OUT}\n",
    "name: rfa\nrounds: 3\ndata: {file: BLOBS}\npartition: {method: dirichlet, devices: 30, alpha: "
    "0.3}\n"
    "model: {layers: [{dense: 500}, relu, {dense: classes}]}\n"
    "devices: {per_round: 8}\nlocal: {optimizer: rmsprop, lr: 0.01}\n"
    "aggregate: {rule: geometric_median, bucketing: 3}\neval: {every: 0}\noutput: {dir: OUT}\n",
    "name: trimmed\nrounds: 2\ndata: {file: BLOBS}\npartition: {method: iid, devices: 3}\nmodel: "
    "{name: softmax}\n"
    "devices: {per_round: 3}\nlocal: {optimizer: adagrad, lr: 0.1}\naggregate: {rule: "
    "trimmed_mean, trim: 1}\n"
    "eval: {every: 0}\noutput: {dir: OUT}\n",
    /* device state that travels, two of them, a vector that all devices receive; a device without
       examples */
    "name: scaffold\nrounds: 4\nalgorithm: scaffold\n"
    "data: {file: BLOBS}\npartition: {method: dirichlet, devices: 20, alpha: 0.1}\n"
    "model: {layers: [{dense: 500}, relu, {dense: classes}]}\n"
    "devices: {per_round: 9}\nlocal: {batch: 8, lr: 0.05}\ntransforms: [{name: momentum, beta: "
    "0.5}]\n"
    "eval: {every: 2}\noutput: {dir: OUT}\n",
    "name: feddyn\nrounds: 4\nalgorithm: feddyn\ndata: {file: BLOBS}\npartition: {method: iid, "
    "devices: 4}\n"
    "model: {layers: [{dense: 400}, relu, {dense: classes}]}\n"
    "devices: {per_round: 2}\nlocal: {batch: 50, lr: 0.05}\neval: {every: 0}\noutput: {dir: OUT}\n",
    /* devices under way while steps are made: old versions, differences to the newest, some lost */
    "name: buffered\nrounds: 9\ndata: {file: BLOBS}\npartition: {method: dirichlet, devices: 30, "
    "alpha: 0.3}\n"
    "model: {layers: [{dense: 500}, relu, {dense: classes}]}\n"
    "devices: {mode: buffered, per_round: 4, concurrency: 15, staleness: hinge, staleness_b: 1, "
    "max_staleness: 3, difference: current}\nlocal: {batch: 8, lr: 0.05}\n"
    "clock: {seconds_per_unit: 1, up: 1e5}\neval: {every: 3}\noutput: {dir: OUT}\n",
    "name: ticks\nrounds: 4\ndata: {file: BLOBS}\npartition: {method: dirichlet, devices: 30, "
    "alpha: 0.3}\n"
    "model: {layers: [{dense: 500}, relu, {dense: classes}]}\n"
    "devices: {mode: semi_synchronous, per_round: 9, interval_s: 30, steps_by_speed: true}\n"
    "local: {batch: 8, lr: 0.05}\nclock: {seconds_per_unit: 1}\neval: {every: 0}\n"
    "output: {dir: OUT}\n",
    /* coefficients that come out of a pass before training */
    "name: qfedavg\nrounds: 3\nalgorithm: qfedavg\n"
    "data: {generator: synthetic, devices: 30, alpha: 1, beta: 1, size: 37}\n"
    "model: {name: softmax}\ndevices: {per_round: 7}\nlocal: {batch: 0, lr: 0.01}\neval: {every: "
    "3}\n"
    "output: {dir: OUT}\n",
    "name: fednova\nrounds: 3\nalgorithm: fednova\ndata: {file: BLOBS}\n"
    "partition: {method: dirichlet, devices: 20, alpha: 0.3}\n"
    "model: {name: softmax}\ndevices: {per_round: 7}\nlocal: {batch: 9, lr: 0.05, momentum: "
    "0.9}\neval: {every: 3}\n"
    "output: {dir: OUT}\n",
    /* attackers that know all others, against a mean and against a rule that sees every update; one
       that acts alone */
    "name: ipm\nrounds: 3\ndata: {file: BLOBS}\npartition: {method: iid, devices: 9}\n"
    "model: {layers: [{dense: 500}, relu, {dense: classes}]}\nserver: {momentum: 0.5}\n"
    "devices: {per_round: 7, attack: ipm, attackers: 0.34, epsilon: 2}\neval: {every: 0}\noutput: "
    "{dir: OUT}\n",
    "name: alie\nrounds: 3\ndata: {file: BLOBS}\npartition: {method: dirichlet, devices: 12, "
    "alpha: 0.2}\n"
    "model: {layers: [{dense: 500}, relu, {dense: classes}]}\ntransforms: [{name: momentum}]\n"
    "devices: {per_round: 12, attack: alie, attacker_ids: [3, 11]}\naggregate: {rule: krum, f: 2}\n"
    "eval: {every: 0}\noutput: {dir: OUT}\n",
    "name: noise\nrounds: 3\ndata: {file: BLOBS}\npartition: {method: iid, devices: 9}\n"
    "model: {layers: [{dense: 500}, relu, {dense: classes}]}\n"
    "devices: {per_round: 7, attack: gaussian, attackers: 2, std: 0.1}\neval: {every: 0}\noutput: "
    "{dir: OUT}\n",
    /* by their examples, with unbiased weights */
    "name: weighted\nrounds: 4\ndata: {file: BLOBS}\npartition: {method: quantity, devices: 50, "
    "beta: 0.3}\n"
    "model: {layers: [{dense: 20}, relu, {dense: classes}]}\n"
    "devices: {select: mixture, gamma: 0.7, per_round: 9}\nlocal: {batch: 8, lr: 0.1}\n"
    "aggregate: {unbiased: true}\neval: {every: 2}\noutput: {dir: OUT}\n",
    "name: largest\nrounds: 3\ndata: {generator: synthetic, devices: 40, alpha: 1, beta: 1}\n"
    "model: {name: softmax}\ndevices: {select: top_m, n_max: 30, per_round: 5}\nlocal: {batch: 5, "
    "lr: 0.05}\n"
    "eval: {every: 3}\noutput: {dir: OUT}\n",
    /* examples that arrive and leave, those that get more of them asked more often, a vector that
       all devices receive */
    "name: window\nrounds: 7\nalgorithm: scaffold\ndata: {file: BLOBS}\n"
    "partition: {method: temporal, law: devices, devices: 30, periods: 4, sizes: zipf, "
    "test_fraction: 0.2}\n"
    "model: {name: softmax}\n"
    "devices: {select: weighted, gamma: 0.5, per_round: 8, period_rounds: 2, memory: window, "
    "window: 1}\n"
    "local: {batch: 8, lr: 0.05}\neval: {every: 2, devices: true}\noutput: {dir: OUT}\n",
    /* drawn on the fly */
    "name: drawn\nrounds: 3\ndata: {generator: synthetic, devices: 30, alpha: 1, beta: 1, size: "
    "37}\n"
    "model: {name: softmax}\ndevices: {per_round: 7}\nlocal: {batch: 0, lr: 0.01, clip_grad: "
    "1.0}\neval: {every: 3}\n"
    "output: {dir: OUT}\n",
    /* blocks, a tied tensor, draws inside copies */
    "name: blocks\nrounds: 3\ndata: {generator: synthetic, devices: 30, alpha: 1, beta: 1}\n"
    "model: {layers: [{dense: 20}, {group_norm: 4}, {repeat: {times: 2, layers: [{residual: [relu, "
    "{dropout: 0.2}, {dense: 20}]}]}}, "
    "{dense: 20, tie: {weight: 2.0.0.2.weight}}, relu, {dense: classes}], freeze: [1.bias]}\n"
    "devices: {per_round: 7}\nlocal: {batch: 10, lr: 0.01}\neval: {every: 3}\noutput: {dir: OUT}\n",
    /* next token on natural users, weights by tokens, dropout and momentum on sequences */
    "name: speech\nrounds: 3\ndata: {file: BLOBS.texts}\n"
    "model: {layers: [{embedding: 5}, {lstm: {units: 9, layers: 2}}, {dropout: 0.2}, {dense: "
    "classes}]}\n"
    "devices: {per_round: 5}\nlocal: {epochs: 2, batch: 4, lr: 0.5, momentum: 0.5}\naggregate: "
    "{weight: tokens}\n"
    "eval: {every: 1}\noutput: {dir: OUT, checkpoint_every: 0}\n",
    /* tags, both directions, on the devices' own test parts as well */
    "name: tags\nrounds: 3\ndata: {file: BLOBS.tags}\npartition: {method: iid, devices: 11, "
    "test_fraction: 0.3}\n"
    "model: {layers: [{embedding: 6}, {gru: {units: 7, bidirectional: true}}, {dense: classes}]}\n"
    "devices: {per_round: 4}\nlocal: {steps: 5, batch: 6, lr: 0.5}\neval: {every: 1, devices: "
    "true}\n"
    "output: {dir: OUT, checkpoint_every: 0}\n"};

static char *fill(const char *yaml, const char *blobs, const char *out)
{
    char *text = co_strdup(yaml);
    const char *const words[] = {"BLOBS", blobs, "OUT", out};
    for (int k = 0; k < 4; k += 2) {
        char *at = strstr(text, words[k]);
        if (!at) continue;
        char *next =
            co_format("%.*s%s%s", (int)(at - text), text, words[k + 1], at + strlen(words[k]));
        co_free(text);
        text = next;
    }
    return text;
}

static void digest_of(const char *dir, const char *name, char hex[33])
{
    char *path = co_format("%s/%s", dir, name);
    co_file *file = NULL;
    hex[0] = 0;
    CHECK(co_file_open(path, NULL, false, &file) == CO_OK);
    CHECK(file && co_file_digest(file, hex) == CO_OK);
    co_file_close(file);
    co_free(path);
}

/* Plays on the communicator and leaves the digests of run file and last checkpoint on its rank 0.
 */
static void play(const char *yaml, const char *blobs, const char *out, const co_comm *comm,
                 char hex[2][33])
{
    co_experiment experiment;
    co_run run;
    char *text = fill(yaml, blobs, out);
    const co_status st = play_text(text, comm, &experiment, &run);
    if (st != CO_OK) fprintf(stderr, "%s\n", co_status_message());
    CHECK(st == CO_OK);
    if (st == CO_OK && comm->rank == 0) {
        char name[32];
        snprintf(name, sizeof name, "ckpt-%08lld.h5", (long long)run.round);
        digest_of(out, "run.h5", hex[0]);
        digest_of(out, name, hex[1]);
    }
    if (st == CO_OK) close_run(&experiment, &run);
    co_free(text);
}

/* The seconds of each save are in the row of its round, though the run file was published before
 * the checkpoint was; those of the last one are in no file. */
static void seconds_of_a_save_stand_in_its_round(const char *blobs, const char *out,
                                                 const co_comm *comm)
{
    co_experiment experiment;
    co_run run;
    char *text =
        fill("name: saves\nrounds: 5\ndata: {file: BLOBS}\npartition: {method: iid, devices: "
             "5}\nmodel: {name: softmax}\n"
             "devices: {per_round: 4}\neval: {every: 0}\noutput: {dir: OUT, checkpoint_every: 2}\n",
             blobs, out);
    const bool is_good = play_text(text, comm, &experiment, &run) == CO_OK;
    CHECK(is_good);
    co_free(text);
    if (!is_good) return;
    const co_table *t = &run.record.load;
    const size_t ranks = (size_t)comm->size;
    if (comm->rank == 0) CHECK(t->n_rows == 5 * ranks);
    for (size_t i = 0; comm->rank == 0 && i < t->n_rows; i++) {
        const double seconds = co_table_get_f64(t, i, (size_t)co_table_find(t, "write_s"));
        const int64_t round = co_table_get_i64(t, i, (size_t)co_table_find(t, "round"));
        CHECK(round == (int64_t)(i / ranks) + 1);
        CHECK(round == 2 || round == 4 ? seconds > 0.0 : seconds == 0.0);
    }
    close_run(&experiment, &run);
}

static void write_beside(const char *path, const char *suffix, co_data_task task)
{
    char *name = co_format("%s%s", path, suffix);
    CHECK(write_texts(name, 400, task, 5) == CO_OK);
    co_free(name);
}

static void remove_beside(const char *path, const char *suffix)
{
    char *name = co_format("%s%s", path, suffix);
    unlink(name);
    co_free(name);
}

int main(int argc, char **argv)
{
    const int rank = harness_start(&argc, &argv);
    co_comm all, alone;
    char blobs[256] = "", out[256] = "", expected[2][33], got[2][33];
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&all) == CO_OK);
    CHECK(co_comm_init_on(&alone, MPI_COMM_SELF) == CO_OK);
    if (rank == 0) {
        snprintf(blobs, sizeof blobs, "%s", scratch_file("placement.h5"));
        snprintf(out, sizeof out, "%s", scratch_file("placement"));
        CHECK(write_blobs(blobs, 1500, 12, 4, 3) == CO_OK);
        write_beside(blobs, ".texts", CO_DATA_LM);
        write_beside(blobs, ".tags", CO_DATA_TAGGING);
    }
    MPI_Bcast(blobs, sizeof blobs, MPI_CHAR, 0, MPI_COMM_WORLD);
    MPI_Bcast(out, sizeof out, MPI_CHAR, 0, MPI_COMM_WORLD);
    for (size_t k = 0; k < sizeof experiments / sizeof *experiments; k++) {
        if (rank == 0) play(experiments[k], blobs, out, &alone, expected);
        MPI_Barrier(MPI_COMM_WORLD);
        for (int reversed = 0; reversed < 2; reversed++) {
            setenv("CO_PLACEMENT", reversed ? "reversed" : "", 1);
            play(experiments[k], blobs, out, &all, got);
            if (rank == 0) CHECK(strcmp(got[0], expected[0]) == 0);
            if (rank == 0) CHECK(strcmp(got[1], expected[1]) == 0);
        }
        setenv("CO_PLACEMENT", "", 1);
    }
    seconds_of_a_save_stand_in_its_round(blobs, out, &all);
    if (rank == 0) {
        co_output_remove(out);
        rmdir(out);
        unlink(blobs);
        remove_beside(blobs, ".texts");
        remove_beside(blobs, ".tags");
    }
    co_comm_fini(&alone);
    co_comm_fini(&all);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
