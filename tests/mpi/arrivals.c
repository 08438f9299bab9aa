/* tests/mpi/arrivals.c - privacy where no sampling hides who takes part: each device is charged for
 * its own steps, counted exactly, and changes a step by no more than the clip; and the schedule
 * that is played through before the run is the one that the run then follows. On any number of
 * ranks. */
#include "core/memory.h"
#include "sim/outlook.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEVICES = 7, ROUNDS = 14, FEATURES = 5, CLASSES = 3, MOST = 64, LAST = DEVICES - 1 };
static char users[2][256], out[256];
static co_comm comm;

/* Every device another number of examples, so that they take different times. */
static int64_t held(int device)
{
    return 6 + 5 * device;
}

/* One device a user; inputs of the last are `factor` times as large. */
static void write_users(const char *path, double factor)
{
    int64_t n = 0;
    for (int d = 0; d < DEVICES; d++) n += held(d);
    co_dataset data = {.n = n,
                       .x_type = CO_F32,
                       .x_ndim = 1,
                       .x_dim = {FEATURES},
                       .x_size = FEATURES,
                       .n_classes = CLASSES,
                       .n_scale = 1,
                       .n_users = DEVICES};
    co_stream s = co_stream_open(8, CO_DRAW_TEST, 1, 0, 0);
    float *x = co_malloc((size_t)n * FEATURES, sizeof *x);
    data.x = x;
    data.y = co_malloc((size_t)n, sizeof *data.y);
    data.user = co_malloc((size_t)n, sizeof *data.user);
    data.split = co_calloc((size_t)n, 1);
    data.scale = co_malloc(1, sizeof *data.scale);
    data.shift = co_calloc(1, sizeof *data.shift);
    data.classes = co_malloc(CLASSES, sizeof *data.classes);
    data.user_name = co_malloc(DEVICES, sizeof *data.user_name);
    data.scale[0] = 1.0;
    for (int c = 0; c < CLASSES; c++) data.classes[c] = co_format("%d", c);
    for (int d = 0; d < DEVICES; d++) data.user_name[d] = co_format("%d", d);
    for (int64_t i = 0, d = 0, left = held(0); i < n; i++, left--) {
        if (left == 0) left = held((int)++d);
        data.user[i] = (int32_t)d;
        data.y[i] = (int32_t)(i % CLASSES);
        for (int f = 0; f < FEATURES; f++)
            x[i * FEATURES + f] =
                (float)fmax(-3e38, fmin(3e38, (co_draw_normal(&s) + (f == (int)(i % CLASSES))) *
                                                  (d == LAST ? factor : 1.0)));
    }
    CHECK(co_dataset_write(&data, path, 1, "test: users\n") == CO_OK);
    co_dataset_fini(&data);
}

static const char *const modes[] = {
    "mode: buffered, per_round: 2, concurrency: 4, staleness: polynomial",
    "mode: buffered, per_round: 1, concurrency: 3, difference: current, max_staleness: 2",
    "mode: semi_synchronous, per_round: 3, interval_s: 25, staleness: hinge",
    "mode: deadline, per_round: 2, over_select: 2",
    "mode: deadline, per_round: 3, over_select: 1.3, deadline_s: 20, late: partial",
    "select: available, per_round: 2",
    "per_round: 2, min_separation: 2"};
enum { N_MODES = sizeof modes / sizeof *modes, AVAILABLE = 5 };

static co_status try(const char *data, int mode, int rounds, const char *more, co_experiment *e,
                     co_run *run)
{
    char *text = co_format(
        "name: arrivals\nrounds: %d\nseed: 5\ndata: {file: %s}\npartition: {method: natural}\n"
        "devices: {%s, counts: public}\nmodel: {name: softmax}\nlocal: {batch: 5, lr: 0.5}\n"
        "clock: {seconds_per_unit: 1, down: 100, up: 100%s}\neval: {every: 0}\n"
        "output: {dir: %s, checkpoint_every: 0}\n%s\n",
        rounds, data, modes[mode],
        mode == AVAILABLE ? ", availability: {name: markov, on_s: 200, off_s: 100}" : "", out,
        more);
    const co_status st = play_text(text, &comm, e, run);
    if (st != CO_OK) fprintf(stderr, "%s\n%s\n", text, co_status_message());
    co_free(text);
    CHECK(st == CO_OK);
    return st;
}

#define PRIVATE "privacy: {clip: 0.02, noise_multiplier: 2, delta: 1e-5}"

/* What table devices says of the steps of each device up to a round. */
static int64_t brute_force(const co_table *t, int64_t round, int64_t parts[DEVICES])
{
    int64_t most = 0;
    memset(parts, 0, DEVICES * sizeof *parts);
    for (size_t i = 0; i < t->n_rows; i++) {
        const int64_t status = co_table_get_i64(t, i, (size_t)co_table_find(t, "status"));
        if (co_table_get_i64(t, i, 0) > round || (status != CO_REPORTED && status != CO_NONFINITE))
            continue;
        const int64_t n = ++parts[co_table_get_i64(t, i, 1)];
        if (n > most) most = n;
    }
    return most;
}

/* k releases of a gaussian with noise 2 at delta 1e-5, by dp_accounting (PLDAccountant's
 * distribution, interval 1e-4). */
static const double epsilon_of[ROUNDS + 1] = {0.0,     1.99309, 2.94323, 3.70863, 4.37718,
                                              4.98331, 5.54483, 6.07240, 6.57297, 7.05141,
                                              7.51128, 7.95525, 8.38542, 8.80346, 9.21073};

static void each_device_pays_for_its_own_steps(void)
{
    for (int mode = 0; mode < N_MODES; mode++) {
        co_experiment experiment;
        co_run run;
        int64_t parts[DEVICES], most = 0;
        if (try(users[0], mode, ROUNDS, PRIVATE, &experiment, &run) != CO_OK) return;
        const co_table *t = &run.record.privacy;
        for (int64_t round = 1; comm.rank == 0 && round <= ROUNDS; round++) {
            const size_t row = (size_t)round - 1;
            most = brute_force(&run.record.devices, round, parts);
            CHECK(co_table_get_i64(t, row, (size_t)co_table_find(t, "participations")) == most);
            const double epsilon = co_table_get_f64(t, row, (size_t)co_table_find(t, "epsilon"));
            CHECK(epsilon >= epsilon_of[most] * (1.0 - 1e-4));
            CHECK(epsilon <= epsilon_of[most] * 1.003);
            if (most == 0) CHECK(epsilon == 0.0);
        }
        MPI_Bcast(&most, 1, MPI_INT64_T, 0, comm.world);
        MPI_Bcast(parts, DEVICES, MPI_INT64_T, 0, comm.world);
        CHECK(memcmp(parts, run.charge.parts, sizeof parts) == 0);
        CHECK(run.charge.state.ledger.rows[0].count == most && most < ROUNDS && most > 1);
        CHECK(run.charge.last == most); /* as was foreseen */
        CHECK(strcmp(run.charge.statement->name, "arrivals") == 0);
        close_run(&experiment, &run);
    }
}

/* Sampling goes on to be claimed where the draw alone decides. */
static void sampling_is_claimed_where_it_holds(void)
{
    static const char *const kept[] = {"per_round: 2",
                                       "mode: deadline, per_round: 3, deadline_s: 20"};
    for (int k = 0; k < 2; k++) {
        co_experiment experiment;
        char *text =
            co_format("name: t\nrounds: 3\ndata: {file: %s}\npartition: {method: natural}\n"
                      "devices: {%s}\nmodel: {name: softmax}\n"
                      "clock: {seconds_per_unit: 1, dropout: 0.1}\n" PRIVATE "\n",
                      users[0], kept[k]);
        CHECK(co_experiment_parse(text, "test.yaml", &experiment) == CO_OK);
        CHECK(co_charge_is_sampled(&experiment));
        co_experiment_fini(&experiment);
        co_free(text);
    }
}

/* The sum of the last step, whole on every rank, and the row of the last device; NULL: none. */
static size_t sum_of(const char *data, int mode, int rounds, int64_t sum[MOST], double *bound,
                     double *factor)
{
    co_experiment experiment;
    co_run run;
    if (try(data, mode, rounds, PRIVATE "\nserver: {lr: 0}", &experiment, &run) != CO_OK) return 0;
    const size_t n = run.exchange.n_params;
    CHECK(n <= MOST);
    memset(sum, 0, MOST * sizeof *sum);
    memcpy(sum + run.exchange.first, co_exchange_sum(&run.exchange),
           run.exchange.n_own * sizeof *sum);
    MPI_Allreduce(MPI_IN_PLACE, sum, MOST, MPI_INT64_T, MPI_SUM, comm.world);
    *bound = run.privacy.grid.bound;
    *factor = 0.0;
    for (size_t i = 0; i < run.plan.n; i++)
        if (run.plan.row[i].device == LAST) *factor = run.plan.row[i].factor;
    close_run(&experiment, &run);
    return n;
}

/* A device with huge inputs against the same device whose updates are not finite and so count as
 * zero: noise, times and, since the model stands still, all other devices are the same. */
static void a_device_changes_its_own_steps_alone_and_by_the_clip_at_most(void)
{
    for (int mode = 0; mode < 4; mode++) {
        int n_parts = 0, n_old = 0;
        for (int rounds = 1; rounds <= 10; rounds++) {
            int64_t with[MOST], without[MOST];
            double bound, factor, same, squares = 0.0;
            const size_t n = sum_of(users[0], mode, rounds, with, &bound, &factor);
            CHECK(sum_of(users[1], mode, rounds, without, &bound, &same) == n && same == factor);
            for (size_t j = 0; j < n; j++) {
                const double by = (double)(with[j] - without[j]);
                squares += by * by;
            }
            CHECK(sqrt(squares) <= factor * bound);
            CHECK(sqrt(squares) >= 0.999 * factor * bound);
            n_parts += factor > 0.0;
            n_old += factor > 0.0 && factor < 1.0;
        }
        CHECK(n_parts < 10 && (mode > 0 || n_parts > 0)); /* of some the slowest never comes */
        CHECK(mode != 0 || n_old > 0);
    }
}

static uint64_t mixed(const co_keeps *keeps)
{
    uint64_t h = 1;
    for (const co_kept *k = keeps->list; k < keeps->list + keeps->n; k++)
        for (int64_t i = 0; i < (k->n ? *k->n : k->most); i++)
            h = (h ^ ((const uint64_t *)k->value)[i]) * 0x100000001b3u;
    return h;
}

static double summed(const co_table *t, const char *column)
{
    double sum = 0.0;
    for (size_t i = 0; i < t->n_rows; i++)
        sum += co_table_get_f64(t, i, (size_t)co_table_find(t, column));
    return sum;
}

static void the_schedule_that_is_played_through_is_the_run_s(void)
{
    for (int mode = 0; mode < N_MODES; mode++) {
        co_experiment experiment;
        co_run run;
        co_outlook o;
        if (try(users[0], mode, ROUNDS, "", &experiment, &run) != CO_OK) return;
        const uint64_t before = mixed(&run.keeps);
        CHECK(co_outlook_play(&o, &run.plan, &run.population, co_run_flops(&run), INFINITY,
                              &comm) == CO_OK);
        CHECK(mixed(&run.keeps) == before);
        CHECK(o.is_whole && !o.end && o.n_steps == ROUNDS && o.time == run.time && o.time > 0);
        CHECK(o.most_versions == 1 + (int64_t)run.versions.most);
        CHECK(co_versions_room((size_t)o.most_versions - 1) == run.versions.room);
        CHECK(mode > 2 || o.most_versions > 1);
        if (comm.rank == 0) {
            const co_table *t = &run.record.rounds;
            CHECK(fabs(summed(t, "device_s") - o.device_s) < 1e-6 && o.device_s > 0.0);
            CHECK(fabs(summed(t, "lost_s") - o.lost_s) < 1e-6);
        }
        co_outlook_fini(&o);
        close_run(&experiment, &run);
    }
}

int main(int argc, char **argv)
{
    harness_start(&argc, &argv);
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&comm) == CO_OK);
    if (comm.rank == 0) {
        snprintf(users[0], sizeof users[0], "%s", scratch_file("arrivals-huge.h5"));
        snprintf(users[1], sizeof users[1], "%s", scratch_file("arrivals-spoiled.h5"));
        snprintf(out, sizeof out, "%s", scratch_file("arrivals"));
        write_users(users[0], 1000.0);
        write_users(users[1], 1e39);
    }
    MPI_Bcast(users, sizeof users, MPI_CHAR, 0, comm.world);
    MPI_Bcast(out, sizeof out, MPI_CHAR, 0, comm.world);
    each_device_pays_for_its_own_steps();
    sampling_is_claimed_where_it_holds();
    a_device_changes_its_own_steps_alone_and_by_the_clip_at_most();
    the_schedule_that_is_played_through_is_the_run_s();
    MPI_Barrier(comm.world);
    if (comm.rank == 0) {
        co_output_remove(out);
        rmdir(out);
        for (int k = 0; k < 2; k++) unlink(users[k]);
    }
    co_comm_fini(&comm);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
