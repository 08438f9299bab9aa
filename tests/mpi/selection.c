/* tests/mpi/selection.c - unbiased weights: the plan's estimate over many rounds, and the model
 * when everybody, or one device, is asked. */
#include "core/memory.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static co_comm all, alone;
static char blobs[256], out[256];

/* Something that differs from device to device and goes with its size. */
static double trait(int64_t device, int64_t n)
{
    return (double)(device % 7) - 2.0 + 0.01 * (double)n;
}

/* sum_i a_i trait_i / total, on average over rounds, is the weighted mean over the population;
 * sum_i a_i <= 1. Local. */
static void estimate(const char *select, const char *weight)
{
    enum { ROUNDS = 20000 };
    co_experiment e;
    co_population population;
    co_plan plan;
    double want = 0.0, weights = 0.0, mean = 0.0, square = 0.0;
    char *text = co_format(
        "name: estimate\nrounds: 1\ndata: {generator: synthetic, devices: 60, alpha: 0, beta: 0}\n"
        "model: {name: softmax}\ndevices: {per_round: 6, select: %s}\n"
        "aggregate: {unbiased: true, %s}\n",
        select, weight);
    CHECK(co_experiment_parse(text, "test.yaml", &e) == CO_OK);
    CHECK(co_population_create(&e, false, &alone, &population) == CO_OK);
    CHECK(co_plan_init(&plan, &e, &population, 1, 0) == CO_OK);
    co_plan_look(&plan);
    for (int64_t k = 0; k < population.n_devices; k++) {
        const int64_t n = co_population_examples(&population, k);
        const double w = co_weighting_of(e.weighting, n, (double)n);
        want += w * trait(k, n);
        weights += w;
    }
    for (int64_t round = 1; round <= ROUNDS; round++) {
        double sum = 0.0, sum_a = 0.0;
        co_planner_make(e.planner, NULL, &(co_clock){.step = round}, &plan);
        for (size_t i = 0; i < plan.n; i++) {
            sum_a += plan.row[i].coefficient;
            sum += plan.row[i].coefficient * trait(plan.row[i].device, plan.row[i].n_examples) /
                   plan.fixed_total;
        }
        CHECK(sum_a <= 1.0 + 1e-12);
        mean += sum / ROUNDS;
        square += sum * sum / ROUNDS;
    }
    const double error = sqrt(fmax(0.0, square - mean * mean) / ROUNDS);
    CHECK(fabs(mean - want / weights) <= 4.0 * error + 1e-9);
    if (!(fabs(mean - want / weights) <= 4.0 * error + 1e-9))
        fprintf(stderr, "%s, %s: %g +- %g, not %g\n", select, weight, mean, error, want / weights);
    co_plan_fini(&plan);
    co_population_fini(&population);
    co_experiment_fini(&e);
    co_free(text);
}

enum { DEVICES = 12, N = 12 * 4 + 4 };

/* The model after so many rounds, and the first device asked with its share of the population's
 * examples. */
static void play(int rounds, const char *keys, float *model, double *part)
{
    co_experiment e;
    co_run run;
    char *text = co_format("name: all\nrounds: %d\ndata: {file: %s}\npartition: {method: quantity, "
                           "devices: %d, beta: 0.5}\n"
                           "model: {name: softmax}\nlocal: {batch: 8, lr: 0.1}\neval: {every: 0}\n"
                           "output: {dir: %s, checkpoint_every: 0}\n%s\n",
                           rounds, blobs, DEVICES, out, keys);
    const co_status st = play_text(text, &all, &e, &run);
    if (st != CO_OK) fprintf(stderr, "%s\n", co_status_message());
    CHECK(st == CO_OK);
    if (st == CO_OK) {
        double sum = 0.0;
        CHECK(co_model_size(run.model) == N);
        memcpy(model, run.exchange.model, N * sizeof *model);
        for (int64_t k = 0; k < DEVICES; k++)
            sum += (double)co_population_examples(&run.population, k);
        *part = (double)run.plan.row[0].n_examples / sum;
        close_run(&e, &run);
    }
    co_free(text);
}

static void ask_all(void)
{
    float plain[N], unbiased[N], uniform[N];
    double part;
    play(3, "devices: {per_round: 12}", plain, &part);
    play(3, "devices: {per_round: 12, select: weighted}\naggregate: {unbiased: true}", unbiased,
         &part);
    CHECK(relative_distance(unbiased, plain, N) < 1e-6);
    play(3, "devices: {per_round: 12, select: weighted}\naggregate: {weight: uniform}", uniform,
         &part);
    CHECK(relative_distance(uniform, plain, N) > 1e-3);
}

/* One device of 12: its update counts 12 times its part of all examples. */
static void ask_one(void)
{
    float start[N], plain[N], unbiased[N], want[N];
    double part;
    play(1, "devices: {per_round: 1}\nserver: {lr: 0}", start, &part);
    play(1, "devices: {per_round: 1}", plain, &part);
    play(1, "devices: {per_round: 1}\naggregate: {unbiased: true}", unbiased, &part);
    for (int j = 0; j < N; j++)
        want[j] =
            (float)((double)start[j] + ((double)plain[j] - (double)start[j]) * DEVICES * part);
    CHECK(relative_distance(unbiased, want, N) < 1e-6);
    CHECK(relative_distance(unbiased, plain, N) > 1e-3);
}

int main(int argc, char **argv)
{
    const int rank = harness_start(&argc, &argv);
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&all) == CO_OK);
    CHECK(co_comm_init_on(&alone, MPI_COMM_SELF) == CO_OK);
    if (rank == 0) {
        snprintf(blobs, sizeof blobs, "%s", scratch_file("selection.h5"));
        snprintf(out, sizeof out, "%s", scratch_file("selection"));
        CHECK(write_blobs(blobs, 500, 12, 4, 5) == CO_OK);
        if (all.size == 1) {
            estimate("uniform", "weight: examples");
            estimate("poisson", "weight: examples");
            estimate("weighted", "weight: uniform");
            estimate("weighted, gamma: 0.5", "weight: examples");
            estimate("mixture", "weight: examples, weight_cap: 30");
        }
    }
    MPI_Bcast(blobs, sizeof blobs, MPI_CHAR, 0, MPI_COMM_WORLD);
    MPI_Bcast(out, sizeof out, MPI_CHAR, 0, MPI_COMM_WORLD);
    ask_all();
    ask_one();
    if (rank == 0) {
        co_output_remove(out);
        rmdir(out);
        unlink(blobs);
    }
    co_comm_fini(&alone);
    co_comm_fini(&all);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
