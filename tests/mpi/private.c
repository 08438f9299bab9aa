/* tests/mpi/private.c - what a private run releases, on any number of ranks: noise once and of the
 * promised size, new in every round; a device changes the sum before noise by no more than the
 * clip; a public denominator; epsilon of what was sampled. */
#include "core/memory.h"
#include "privacy/accountants/accountant.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEVICES = 6, EACH = 20, N = DEVICES * EACH, FEATURES = 5, CLASSES = 3, MOST = 64 };
#ifdef __SANITIZE_ADDRESS__
enum { WIDTH = 300 }; /* of a layer whose weights are draws: all of this is slow there */
#define TOLERANCE 0.03
#else
enum { WIDTH = 1000 };
#define TOLERANCE 0.01
#endif
static char blobs[256], users[3][256], out[256];
static co_comm comm;

/* One device per user; the last has inputs `factor` times as large. absent: its examples are none
 * to train on. */
static void write_users(const char *path, int absent, double factor)
{
    co_dataset data = {.n = N,
                       .x_type = CO_F32,
                       .x_ndim = 1,
                       .x_dim = {FEATURES},
                       .x_size = FEATURES,
                       .n_classes = CLASSES,
                       .n_scale = 1,
                       .n_users = DEVICES};
    co_stream s = co_stream_open(4, CO_DRAW_TEST, 1, 0, 0);
    float *x = co_malloc(N * FEATURES, sizeof *x);
    data.x = x;
    data.y = co_malloc(N, sizeof *data.y);
    data.user = co_malloc(N, sizeof *data.user);
    data.split = co_calloc(N, 1);
    data.scale = co_malloc(1, sizeof *data.scale);
    data.shift = co_calloc(1, sizeof *data.shift);
    data.classes = co_malloc(CLASSES, sizeof *data.classes);
    data.user_name = co_malloc(DEVICES, sizeof *data.user_name);
    data.scale[0] = 1.0;
    for (int c = 0; c < CLASSES; c++) data.classes[c] = co_format("%d", c);
    for (int d = 0; d < DEVICES; d++) data.user_name[d] = co_format("%d", d);
    for (int i = 0; i < N; i++) {
        data.user[i] = i / EACH;
        data.y[i] = i % CLASSES;
        data.split[i] = data.user[i] == absent ? 2 : 0;
        for (int f = 0; f < FEATURES; f++)
            x[i * FEATURES + f] =
                (float)fmax(-3e38, fmin(3e38, (co_draw_normal(&s) + (f % CLASSES == data.y[i])) *
                                                  (data.user[i] == DEVICES - 1 ? factor : 1.0)));
    }
    CHECK(co_dataset_write(&data, path, 1, "test: users\n") == CO_OK);
    co_dataset_fini(&data);
}

static bool play(const char *data, const char *yaml, co_experiment *experiment, co_run *run)
{
    return play_on(data, yaml, out, &comm, experiment, run);
}

static double summed(double x)
{
    return sum_of_ranks(x, &comm);
}

static double last_of(const co_run *run, const char *column)
{
    return last_value(&run->record.privacy, column, &comm);
}

/* Without learning the sum is noise alone: over a million coordinates on every number of ranks its
 * variance is (z C)^2 of a gaussian, 2 (z C)^2 of laplace, within 1 %; over two rounds twice that.
 */
static void noise_is_added_once_and_new_in_every_round(void)
{
    static const char *const modes[] = {"mechanism: gaussian", "mechanism: discrete_gaussian",
                                        "mechanism: laplace",
                                        "mechanism: discrete_gaussian, secure: true"};
    static const double factor[] = {1.0, 1.0, 2.0, 1.0};
    for (int k = 0; k < 4; k++)
        for (int rounds = 1; rounds <= 1 + (k == 0); rounds++) {
            co_experiment experiment;
            co_run run;
            char *yaml = co_format(
                "rounds: %d\npartition: {method: iid, devices: 8}\ndevices: {per_round: 2}\n"
                "model: {layers: [{dense: %d}, relu, {dense: %d}, relu, {dense: classes}]}\n"
                "local: {lr: 0}\nprivacy: {%s, clip: 0.3, noise_multiplier: 1.7, delta: 1e-6}",
                rounds, WIDTH, WIDTH, modes[k]);
            const bool is_good = play(blobs, yaml, &experiment, &run);
            co_free(yaml);
            if (!is_good) return;
            double squares = 0.0, moved = 0.0;
            float *first = co_malloc(run.exchange.n_params, sizeof *first);
            co_model_init(run.model, (uint64_t)experiment.seed, first);
            for (size_t j = 0; j < run.exchange.n_own; j++) {
                const double by = (double)run.exchange.model[run.exchange.first + j] -
                                  (double)first[run.exchange.first + j];
                squares += run.update[j] * run.update[j];
                moved += by * by;
            }
            const double n = (double)run.exchange.n_params, wanted = factor[k] * 0.51 * 0.51,
                         per_round = 2.0;
            CHECK(n > (double)WIDTH * WIDTH);
            CHECK(fabs(summed(squares) * per_round * per_round / n / wanted - 1.0) < TOLERANCE);
            CHECK(fabs(summed(moved) * per_round * per_round / n / wanted / rounds - 1.0) <
                  TOLERANCE);
            CHECK(fabs(last_of(&run, "noise_std") - sqrt(wanted)) < 1e-6);
            co_free(first);
            close_run(&experiment, &run);
        }
}

#define ALL                                                                                        \
    "rounds: 1\npartition: {method: natural}\ndevices: {per_round: %d}\nmodel: {name: "            \
    "softmax}\nlocal: {batch: 5, lr: %g}\n"

/* The released sum of steps, whole on every rank. */
static size_t sum_of(const char *data, int n_devices, const char *mechanism, double lr,
                     int64_t sum[MOST], double *bound)
{
    co_experiment experiment;
    co_run run;
    char *yaml =
        co_format(ALL "privacy: {mechanism: %s, clip: 0.02, noise_multiplier: 0.7, delta: 1e-6}",
                  n_devices, lr, mechanism);
    const bool is_good = play(data, yaml, &experiment, &run);
    co_free(yaml);
    if (!is_good) return 0;
    const size_t n = run.exchange.n_params;
    CHECK(n <= MOST);
    memset(sum, 0, MOST * sizeof *sum);
    memcpy(sum + run.exchange.first, co_exchange_sum(&run.exchange),
           run.exchange.n_own * sizeof *sum);
    MPI_Allreduce(MPI_IN_PLACE, sum, MOST, MPI_INT64_T, MPI_SUM, comm.world);
    *bound = run.privacy.grid.bound;
    close_run(&experiment, &run);
    return n;
}

static double distance(const int64_t *a, const int64_t *b, size_t n, bool is_l1)
{
    double sum = 0.0;
    for (size_t j = 0; j < n; j++) {
        const double by = (double)(a[j] - b[j]);
        sum += is_l1 ? fabs(by) : by * by;
    }
    return is_l1 ? sum : sqrt(sum);
}

/* The noise of two runs of one seed is the same: what is left is the device, the one with huge
 * inputs and an ordinary one. */
static void a_device_changes_the_sum_by_the_clip_at_most(void)
{
    static const char *const mechanisms[] = {"gaussian", "discrete_gaussian", "laplace"};
    for (int k = 0; k < 3; k++) {
        int64_t all[MOST], without[MOST], noise[MOST];
        double bound;
        const size_t n = sum_of(users[0], DEVICES, mechanisms[k], 0.5, all, &bound);
        CHECK(sum_of(users[1], DEVICES - 1, mechanisms[k], 0.5, without, &bound) == n);
        CHECK(sum_of(users[0], DEVICES, mechanisms[k], 0.0, noise, &bound) == n);
        const double change = distance(all, without, n, k == 2),
                     whole = distance(all, noise, n, k == 2);
        CHECK(change <= bound && change > 0.999 * bound);
        CHECK(whole > 1.5 * bound &&
              whole <= DEVICES * bound); /* each is clipped by itself, not their sum */
        CHECK(distance(noise, (int64_t[MOST]){0}, n, k == 2) > 0.0);
    }
}

/* A cohort of another size than expected, an empty one among them: the update times the expected
 * number is a whole number of steps, and the model moves in every round. */
static void the_denominator_is_public_and_an_empty_cohort_is_a_noisy_step(void)
{
    co_experiment experiment;
    co_run run;
    int64_t asked[12] = {0};
    const char *const form =
        "seed: 3\nrounds: %d\npartition: {method: natural}\ndevices: {select: poisson, per_round: "
        "0.7}\n"
        "model: {name: softmax}\nprivacy: {clip: 0.02, noise_multiplier: 0.7, delta: 1e-6}";
    uint64_t before = 0;
    for (int rounds = 1; rounds <= 12; rounds++) {
        char *yaml = co_format(form, rounds);
        const bool is_good = play(users[0], yaml, &experiment, &run);
        co_free(yaml);
        if (!is_good) return;
        const co_table *t = &run.record.rounds;
        if (comm.rank == 0)
            asked[rounds - 1] =
                co_table_get_i64(t, (size_t)rounds - 1, (size_t)co_table_find(t, "n_selected"));
        CHECK(co_exchange_digest(&run.exchange) != before);
        before = co_exchange_digest(&run.exchange);
        for (size_t j = 0; j < run.exchange.n_own; j++) {
            const double steps = run.update[j] * 0.7 / run.privacy.grid.step;
            CHECK(fabs(steps - rint(steps)) < 1e-6 &&
                  fabs(steps - (double)co_exchange_sum(&run.exchange)[j]) < 1e-6);
        }
        close_run(&experiment, &run);
    }
    MPI_Bcast(asked, 12, MPI_INT64_T, 0, comm.world);
    bool any_empty = false, any_two = false;
    for (int i = 0; i < 12; i++) any_empty |= asked[i] == 0, any_two |= asked[i] > 1;
    CHECK(any_empty && any_two);
}

/* Without noise the clipped updates go through the ordinary sum, with the same denominator. */
static void without_noise_the_ordinary_sum_is_used(void)
{
    co_experiment experiment;
    co_run run;
    char *yaml =
        co_format(ALL "privacy: {clip: 0.02, noise_multiplier: 0, delta: 1e-6}", DEVICES, 0.5);
    const bool is_good = play(users[0], yaml, &experiment, &run);
    co_free(yaml);
    if (!is_good) return;
    const double norm = co_exchange_update_norm(&run.exchange);
    CHECK(norm <= 0.02 && norm > 0.25 * 0.02);
    CHECK(isinf(last_of(&run, "epsilon")));
    close_run(&experiment, &run);
}

/* Inputs that overflow: the round is as if that device had sent zero. */
static void an_update_that_is_not_finite_counts_as_zero(void)
{
    int64_t spoiled[MOST], without[MOST];
    double bound;
    const size_t n = sum_of(users[2], DEVICES, "gaussian", 0.5, spoiled, &bound);
    CHECK(sum_of(users[1], DEVICES - 1, "gaussian", 0.5, without, &bound) == n);
    CHECK(distance(spoiled, without, n, true) == 0.0);
}

/* epsilon of the run against the accountant asked by hand, for the sampling that took place:
 * replacing one device doubles the sensitivity; selection by public counts is a plain release to
 * every device in every round. */
static void epsilon_is_of_the_sampling_that_took_place(void)
{
    static const char *const select[] = {"poisson", "uniform", "weighted, counts: public",
                                         "top_m, counts: public"};
    static const co_sampling sampling[] = {CO_SAMPLING_POISSON, CO_SAMPLING_FIXED, CO_SAMPLING_NONE,
                                           CO_SAMPLING_NONE};
    double least = 0.0;
    for (int k = 0; k < 4; k++) {
        co_experiment experiment;
        co_run run;
        char *yaml =
            co_format("rounds: 9\npartition: {method: iid, devices: 40}\ndevices: {select: %s, "
                      "per_round: 4}\n"
                      "model: {name: softmax}\nlocal: {lr: 0}\n"
                      "privacy: {clip: 1, noise_multiplier: 2, delta: 1e-5, accountant: rdp}",
                      select[k]);
        const bool is_good = play(users[0], yaml, &experiment, &run);
        co_free(yaml);
        if (!is_good) return;
        co_event event = {.sampling = sampling[k],
                          .rate = k < 2 ? 0.1 : 1.0,
                          .noise_multiplier = k == 0 ? 2.0 : 1.0};
        co_ledger ledger = {0};
        co_guarantee g = {0};
        CHECK(co_ledger_add(&ledger, &event, 9) == CO_OK);
        CHECK(co_account_epsilon(co_accountant_find("rdp"), &ledger, &(co_accounting){0}, 1e-5,
                                 &g) == CO_OK);
        CHECK(last_of(&run, "epsilon") == g.epsilon &&
              last_of(&run, "sampling_rate") == event.rate);
        CHECK(k == 3 ? g.epsilon == least
                     : g.epsilon > least); /* each promises less than the one before */
        least = g.epsilon;
        CHECK(run.charge.state.ledger.n == 1 && run.charge.state.ledger.rows[0].count == 9);
        co_ledger_fini(&ledger);
        close_run(&experiment, &run);
    }
}

/* The clip moves towards the quantile, by a noisy count that is charged: the sum gets more noise
 * than the multiplier says. */
static void the_adaptive_clip_follows_the_norms_and_is_charged(void)
{
    co_experiment experiment;
    co_run run;
    char *yaml = co_format("rounds: 60\npartition: {method: natural}\ndevices: {per_round: "
                           "6}\nmodel: {name: softmax}\n"
                           "local: {batch: 5, lr: 1e-5}\nserver: {lr: 0}\n"
                           "privacy: {clip: 1, noise_multiplier: 0.5, delta: 1e-6, clip_quantile: "
                           "0.5, clip_count_noise: 1}");
    const bool is_good = play(users[0], yaml, &experiment, &run);
    co_free(yaml);
    if (!is_good) return;
    const double multiplier = 1.0 / sqrt(1.0 / 0.25 - 1.0 / 4.0);
    CHECK(fabs(run.privacy.vector_multiplier / multiplier - 1.0) < 1e-12);
    CHECK(fabs(last_of(&run, "noise_std") / last_of(&run, "clip") / multiplier - 1.0) < 1e-9);
    CHECK(run.charge.state.clip <
          0.1); /* norms are some 1e-4: from 1 down, at most e^(-0.1) a round */
    CHECK(run.charge.state.clip > 1e-7);
    close_run(&experiment, &run);
}

int main(int argc, char **argv)
{
    harness_start(&argc, &argv);
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&comm) == CO_OK);
    if (comm.rank == 0) {
        snprintf(blobs, sizeof blobs, "%s", scratch_file("private.h5"));
        snprintf(users[0], sizeof users[0], "%s", scratch_file("private-all.h5"));
        snprintf(users[1], sizeof users[1], "%s", scratch_file("private-without.h5"));
        snprintf(users[2], sizeof users[2], "%s", scratch_file("private-spoiled.h5"));
        snprintf(out, sizeof out, "%s", scratch_file("private"));
        CHECK(write_blobs(blobs, 60, 20, 4, 1) == CO_OK);
        write_users(users[0], -1, 1000.0);
        write_users(users[1], DEVICES - 1, 1000.0);
        write_users(users[2], -1, 1e39);
    }
    MPI_Bcast(blobs, sizeof blobs, MPI_CHAR, 0, comm.world);
    MPI_Bcast(users, sizeof users, MPI_CHAR, 0, comm.world);
    MPI_Bcast(out, sizeof out, MPI_CHAR, 0, comm.world);
    noise_is_added_once_and_new_in_every_round();
    a_device_changes_the_sum_by_the_clip_at_most();
    the_denominator_is_public_and_an_empty_cohort_is_a_noisy_step();
    without_noise_the_ordinary_sum_is_used();
    an_update_that_is_not_finite_counts_as_zero();
    epsilon_is_of_the_sampling_that_took_place();
    the_adaptive_clip_follows_the_norms_and_is_charged();
    MPI_Barrier(comm.world);
    if (comm.rank == 0) {
        co_output_remove(out);
        rmdir(out);
        unlink(blobs);
        for (int k = 0; k < 3; k++) unlink(users[k]);
    }
    co_comm_fini(&comm);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
