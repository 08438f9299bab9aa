/* tests/mpi/continual.c - what a device has deleted, or has not received yet, is never read: before
 * each period every such example is made NaN in the shared data, and no update may come out as NaN;
 * how many examples each device trains on is compared with lists made the plain way. Five hundred
 * rounds for each kind of memory. */
#include "core/memory.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PERIODS = 10, PERIOD_ROUNDS = 50, FEATURES = 6, EXAMPLES = 1500 };

static co_comm all;
static char blobs[256], out[256];

typedef struct {
    const char *memory; /* keys of the experiment */
    int64_t window, capacity;
    bool listed; /* by the program: tests/sim/test_held.c knows such lists */
} keeping;

/* Marks in is_held[EXAMPLES] what the device holds in the period; returns how many. */
static int64_t mark_held(const co_population *p, const keeping *k, int64_t device, int64_t period,
                         bool *is_held)
{
    int64_t n_held = 0, n_kept = 0;
    for (int64_t when = period; when >= 0 && when > period - k->window; when--)
        for (int64_t id = EXAMPLES - 1; id >= 0; id--) { /* the latest first */
            bool is_own = false;
            if (p->period_of[id] != when) continue;
            for (int64_t i = p->offsets[device]; i < p->offsets[device + 1]; i++)
                is_own |= p->examples[i] == id;
            if (!is_own) continue;
            n_held++;
            if (n_kept == k->capacity) continue;
            is_held[id] = true;
            n_kept++;
        }
    return n_kept < n_held ? n_kept : n_held;
}

static int64_t mark_listed(co_population *p, int64_t device, int64_t period, bool *is_held)
{
    int64_t n;
    co_population_move(p, period * PERIOD_ROUNDS + 1);
    const int64_t *ids = co_held_list(p, device, &n);
    for (int64_t i = 0; i < n; i++) is_held[ids[i]] = true;
    return n;
}

/* Makes all examples NaN that no device holds in the period. Collective. */
static void poison(co_run *run, const keeping *k, int64_t period, const float *x, int64_t *n_held)
{
    bool is_held[EXAMPLES] = {false};
    float *shared = run->population.data.x;
    for (int64_t d = 0; d < run->population.n_devices; d++)
        n_held[d] = k->listed ? mark_listed(&run->population, d, period, is_held)
                              : mark_held(&run->population, k, d, period, is_held);
    MPI_Barrier(all.world);
    for (int64_t i = 0; i < EXAMPLES * FEATURES && all.node_rank == 0; i++)
        shared[i] = is_held[i / FEATURES] ? x[i] : NAN;
    co_segment_sync(&run->population.data.memory, &all);
}

/* Every row of the period has finite updates from as many examples as the device holds. On rank 0.
 */
static void check_rows(const co_run *run, int64_t period, const int64_t *n_held)
{
    const co_table *t = &run->record.devices;
    int64_t n_rows = 0;
    for (size_t i = 0; i < t->n_rows; i++) {
        if ((co_table_get_i64(t, i, (size_t)co_table_find(t, "round")) - 1) / PERIOD_ROUNDS !=
            period)
            continue;
        const int64_t device = co_table_get_i64(t, i, (size_t)co_table_find(t, "device"));
        const int64_t outcome = co_table_get_i64(t, i, (size_t)co_table_find(t, "status"));
        CHECK(co_table_get_i64(t, i, (size_t)co_table_find(t, "n_examples")) == n_held[device]);
        CHECK(outcome == (n_held[device] > 0 ? CO_REPORTED : CO_EMPTY));
        n_rows++;
    }
    CHECK(n_rows > PERIOD_ROUNDS);
}

static void play(co_run *run, co_experiment *e, int64_t rounds)
{
    e->rounds = rounds;
    CHECK(co_run_rounds(run) == CO_OK);
}

static void try_memory(const keeping *k)
{
    co_experiment e;
    co_run run;
    float *x = co_malloc(EXAMPLES * FEATURES, sizeof *x);
    char *text =
        co_format("name: continual\nrounds: %d\ndata: {file: %s}\n"
                  "partition: {method: temporal, devices: 30, periods: %d, law: labels, drift: "
                  "0.7, sizes: zipf}\n"
                  "model: {name: softmax}\nlocal: {batch: 16, lr: 0.01}\neval: {every: 0}\n"
                  "devices: {select: mixture, per_round: 3, period_rounds: %d, %s}\n"
                  "output: {dir: %s, checkpoint_every: 0}\n",
                  PERIODS * PERIOD_ROUNDS, blobs, PERIODS, PERIOD_ROUNDS, k->memory, out);
    CHECK(co_experiment_parse(text, "test.yaml", &e) == CO_OK);
    const co_status st = co_run_create(&run, &e, out, &all);
    if (st != CO_OK) fprintf(stderr, "%s\n", co_status_message());
    CHECK(st == CO_OK);
    if (st == CO_OK) {
        int64_t n_held[30];
        memcpy(x, run.population.data.x, EXAMPLES * FEATURES * sizeof *x);
        for (int64_t period = 0; period < PERIODS; period++) {
            poison(&run, k, period, x, n_held);
            play(&run, &e, (period + 1) * PERIOD_ROUNDS);
            if (all.rank == 0) check_rows(&run, period, n_held);
        }
        poison(&run, &(keeping){.window = 0}, 0, x,
               n_held); /* now nothing is left: the test would notice */
        play(&run, &e, PERIODS * PERIOD_ROUNDS + 1);
        const co_table *t = &run.record.rounds;
        if (all.rank == 0)
            CHECK(co_table_get_i64(t, t->n_rows - 1, (size_t)co_table_find(t, "n_nonfinite")) > 0);
        co_run_destroy(&run);
    }
    co_experiment_fini(&e);
    co_free(text);
    co_free(x);
    MPI_Barrier(all.world);
    if (all.rank == 0) co_output_remove(out);
    MPI_Barrier(all.world);
}

int main(int argc, char **argv)
{
    const int rank = harness_start(&argc, &argv);
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&all) == CO_OK);
    if (rank == 0) {
        snprintf(blobs, sizeof blobs, "%s", scratch_file("continual.h5"));
        snprintf(out, sizeof out, "%s", scratch_file("continual-out"));
        CHECK(mkdir(out, 0755) == 0);
        CHECK(write_blobs(blobs, EXAMPLES, FEATURES, 5, 8) == CO_OK);
    }
    MPI_Bcast(blobs, sizeof blobs, MPI_CHAR, 0, MPI_COMM_WORLD);
    MPI_Bcast(out, sizeof out, MPI_CHAR, 0, MPI_COMM_WORLD);
    try_memory(&(keeping){"memory: all", INT64_MAX, INT64_MAX});
    try_memory(&(keeping){"memory: window, window: 2", 2, INT64_MAX});
    try_memory(&(keeping){"memory: fifo, capacity: 12", INT64_MAX, 12});
    try_memory(&(keeping){"memory: reservoir, capacity: 12", .listed = true});
    try_memory(&(keeping){"memory: balanced, capacity: 6, replay: 0.99", .listed = true});
    if (rank == 0) {
        rmdir(out);
        unlink(blobs);
    }
    co_comm_fini(&all);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
