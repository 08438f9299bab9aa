/* tests/mpi/edges.c - edge servers: where they must be FedAvg, what their steps take in virtual
 * time and in bytes, and what is refused. HierFAVG itself against NumPy: tests/mpi/algorithms.c. */
#include "core/memory.h"
#include "core/vector.h"
#include "sim/outlook.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char blobs[256], out[256];
static co_comm comm;

static co_status try_text(const char *yaml, co_experiment *experiment, co_run *run)
{
    char *text = co_format("name: edges\n%seval: {every: 0}\ndata: {file: "
                           "%s}\noutput: {dir: %s, checkpoint_every: 0}\n%s\n",
                           strstr(yaml, "model:") ? "" : "model: {name: mlp, hidden: [9]}\n", blobs,
                           out, yaml);
    const co_status st = play_text(text, &comm, experiment, run);
    co_free(text);
    return st;
}

static bool open_text(const char *yaml, co_experiment *experiment, co_run *run)
{
    const co_status st = try_text(yaml, experiment, run);
    if (st != CO_OK) fprintf(stderr, "%s\n", co_status_message());
    CHECK(st == CO_OK);
    return st == CO_OK;
}

/* The last models of two runs: equal in bits, or as near as two orders of rounding. */
static void compare(const char *one, const char *other, double most)
{
    float *model = NULL;
    const char *const yaml[2] = {one, other};
    for (int k = 0; k < 2; k++) {
        co_experiment experiment;
        co_run run;
        if (!open_text(yaml[k], &experiment, &run)) break;
        const size_t n = co_model_size(run.model);
        if (k == 0) {
            model = co_malloc(n, sizeof *model);
            memcpy(model, run.exchange.model, n * sizeof *model);
        } else if (most == 0.0) {
            CHECK(memcmp(model, run.exchange.model, n * sizeof *model) == 0);
        } else {
            CHECK(relative_distance(run.exchange.model, model, n) < most);
        }
        close_run(&experiment, &run);
    }
    co_free(model);
}

#define COMMON                                                                                     \
    "rounds: 4\npartition: {method: dirichlet, devices: 30, alpha: 0.3}\n"                         \
    "devices: {per_round: 9}\nlocal: {lr: 0.1}\n"

static void one_edge_is_fedavg(void)
{
    compare(COMMON, COMMON "aggregate: {groups: {servers: 1}}", 0.0);
    compare(COMMON "server: {optimizer: adam, lr: 0.01}",
            COMMON "server: {optimizer: adam, lr: 0.01}\naggregate: {groups: {servers: 1}}", 0.0);
    compare(COMMON "model: {layers: [{dense: 9}, tanh, {dense: classes}], freeze: [0.weight]}\n",
            COMMON "model: {layers: [{dense: 9}, tanh, {dense: classes}], freeze: [0.weight]}\n"
                   "aggregate: {groups: {servers: 1}}",
            0.0);
}

static void edges_averaged_at_once_are_fedavg(void)
{
    compare(COMMON, COMMON "aggregate: {groups: {servers: 7}}", 1e-6);
    compare(COMMON "aggregate: {weight: uniform}",
            COMMON "aggregate: {weight: uniform, groups: {servers: 30, cloud_every: 1}}", 1e-6);
}

/* One edge is the cloud, whenever it is told. */
static void one_edge_is_fedavg_however_seldom(void)
{
    compare(COMMON, COMMON "aggregate: {groups: {servers: 1, cloud_every: 2}}", 1e-6);
    compare(COMMON, COMMON "aggregate: {groups: {servers: 1, cloud_every: 4}}", 1e-6);
}

/* The cloud's model stays between its averages, and is what it would be without the rounds that
 * follow the last. */
static void between_averages_the_cloud_stays(void)
{
#define THREE                                                                                      \
    "aggregate: {groups: {servers: 4, cloud_every: 3}}\nlocal: {lr: 0.1}\ndevices: {per_round: "   \
    "9}\n"
#define DATA "partition: {method: dirichlet, devices: 30, alpha: 0.3}\n"
    compare("rounds: 3\n" DATA THREE, "rounds: 5\n" DATA THREE, 0.0);
    co_experiment experiment;
    co_run run;
    if (!open_text("rounds: 6\n" DATA THREE, &experiment, &run)) return;
    const co_table *t = &run.record.rounds;
    const uint64_t *digest = comm.rank == 0 ? t->data[co_table_find(t, "model_digest")] : NULL;
    for (size_t k = 0; digest && k + 1 < t->n_rows; k++)
        CHECK((digest[k] != digest[k + 1]) == ((k + 2) % 3 == 0));
    close_run(&experiment, &run);
}

enum { EDGES = 3, EVERY = 3, STEPS = 7 };

/* What the table of devices says that a step must have taken, by hand. */
static void check_times(const co_run *run, double bytes)
{
    const co_table *rounds = &run->record.rounds, *devices = &run->record.devices;
    const size_t at = (size_t)co_table_find(devices, "round"),
                 device = (size_t)co_table_find(devices, "device"),
                 examples = (size_t)co_table_find(devices, "n_examples");
    double ready[EDGES] = {0}, sim = 0.0;
    bool any[EDGES] = {0};
    for (size_t k = 0, i = 0; k < STEPS; k++) {
        for (int l = 0; l < EDGES; l++) ready[l] += k % EVERY == 0 ? bytes / 2e3 : 0.0;
        double end[EDGES];
        memcpy(end, ready, sizeof end);
        for (; i < devices->n_rows && co_table_get_i64(devices, i, at) == (int64_t)k + 1; i++) {
            const int l = (int)(co_table_get_i64(devices, i, device) % EDGES);
            const double n = (double)co_table_get_i64(devices, i, examples);
            end[l] = fmax(end[l], ready[l] + bytes / 1e4 + 0.25 * n + bytes / 5e3);
            any[l] |= n > 0.0;
        }
        memcpy(ready, end, sizeof end);
        int64_t up = 0, down = k % EVERY == 0 ? EDGES * (int64_t)bytes : 0;
        for (int l = 0; l < EDGES; l++) {
            const bool sends = (k + 1) % EVERY == 0 && any[l];
            sim = fmax(sim, ready[l] + (sends ? bytes / 1e3 : 0.0));
            up += sends ? (int64_t)bytes : 0;
        }
        for (int l = 0; (k + 1) % EVERY == 0 && l < EDGES; l++) {
            ready[l] = sim;
            any[l] = false;
        }
        CHECK(fabs(co_table_get_f64(rounds, k, (size_t)co_table_find(rounds, "sim_s")) - sim) <
              1e-6 * sim);
        CHECK(co_table_get_i64(rounds, k, (size_t)co_table_find(rounds, "bytes_cloud_up")) == up);
        CHECK(co_table_get_i64(rounds, k, (size_t)co_table_find(rounds, "bytes_cloud_down")) ==
              down);
    }
}

static void an_edge_waits_for_its_own_devices(void)
{
    co_experiment experiment;
    co_run run;
    if (!open_text("rounds: 7\npartition: {method: dirichlet, devices: 30, alpha: 0.1}\n"
                   "devices: {per_round: 2}\nlocal: {lr: 0.1}\n"
                   "clock: {seconds_per_unit: 0.25, up: 5e3, down: 1e4}\n"
                   "aggregate: {groups: {servers: 3, cloud_every: 3, up: 1e3, down: 2e3}}",
                   &experiment, &run))
        return;
    const co_table *t = &run.record.rounds;
    if (comm.rank == 0) check_times(&run, (double)run.plan.bytes_down);
    for (size_t k = 0; comm.rank == 0 && k < t->n_rows; k++)
        for (int up = 0; up < 2; up++)
            CHECK(co_table_get_i64(
                      t, k, (size_t)co_table_find(t, up ? "bytes_edge_up" : "bytes_edge_down")) ==
                  co_table_get_i64(t, k, (size_t)co_table_find(t, up ? "bytes_up" : "bytes_down")));
    close_run(&experiment, &run);
}

#define TIMED                                                                                      \
    COMMON                                                                                         \
    "clock: {seconds_per_unit: 0.25, up: 5e3, down: 1e4, dropout: 0.1, availability: {name: "      \
    "markov, on_s: 20, off_s: 20}}\n"

/* Also where devices come and go; the dry run's schedule is the run's. */
static void one_edge_takes_as_long(void)
{
    static const char *const groups[] = {"", "aggregate: {groups: {servers: 1}}",
                                         "aggregate: {groups: {servers: 5, cloud_every: 2}}"};
    int64_t time[3] = {-1, -2, 0};
    for (int k = 0; k < 3; k++) {
        co_experiment experiment;
        co_run run;
        co_outlook outlook;
        char *text = co_format("%s%s", TIMED, groups[k]);
        if (open_text(text, &experiment, &run)) {
            time[k] = run.time;
            CHECK(co_outlook_play(&outlook, &run.plan, &run.population, co_run_flops(&run),
                                  INFINITY, &comm) == CO_OK);
            CHECK(outlook.time == run.time && outlook.n_steps == 4);
            co_outlook_fini(&outlook);
            close_run(&experiment, &run);
        }
        co_free(text);
    }
    CHECK(time[0] == time[1] && time[0] > 0);
    compare(TIMED, TIMED "aggregate: {groups: {servers: 1}}", 0.0);
}

/* An edge whose only device is away asks it again when the others have made their step, though the
 * cloud never averages. */
static void edges_of_devices_that_are_away_go_on(void)
{
    co_experiment experiment;
    co_run run;
    if (!open_text(
            "rounds: 20\npartition: {method: iid, devices: 30}\ndevices: {per_round: 30}\n"
            "local: {lr: 0.1}\naggregate: {groups: {servers: 30, cloud_every: 40}}\n"
            "clock: {seconds_per_unit: 1, availability: {name: markov, on_s: 60, off_s: 60}}",
            &experiment, &run))
        return;
    const co_table *t = &run.record.devices;
    bool away[30] = {0};
    int n_away = 0, n_back = 0;
    for (size_t i = 0; comm.rank == 0 && i < t->n_rows; i++) {
        const int64_t device = co_table_get_i64(t, i, (size_t)co_table_find(t, "device")),
                      status = co_table_get_i64(t, i, (size_t)co_table_find(t, "status"));
        if (co_table_get_i64(t, i, (size_t)co_table_find(t, "round")) == 1) {
            away[device] = status == CO_UNAVAILABLE;
            n_away += away[device];
        } else if (away[device] && status != CO_UNAVAILABLE) {
            away[device] = false;
            n_back++;
        }
    }
    CHECK(comm.rank != 0 || (n_away > 5 && n_back > n_away / 2));
    close_run(&experiment, &run);
}

/* Groups 3 and 7 of the trace are edges 0 and 1. */
static void edges_of_a_trace(void)
{
    char path[256], *text;
    snprintf(path, sizeof path, "%s", scratch_file("trace.csv"));
    MPI_Bcast(path, sizeof path, MPI_CHAR, 0, comm.world);
    FILE *file = comm.rank == 0 ? fopen(path, "w") : NULL;
    if (file) fprintf(file, "device,group\n");
    for (int k = 0; file && k < 30; k++) fprintf(file, "%d,%d\n", k, k < 20 ? 7 : 3);
    if (file) fclose(file);
    MPI_Barrier(comm.world);
    co_experiment experiment;
    co_run run;
    text = co_format(COMMON "clock: {trace: %s}\naggregate: {groups: {by: trace, cloud_every: 2}}",
                     path);
    if (open_text(text, &experiment, &run)) {
        const co_groups *g = run.plan.groups;
        CHECK(g->n == 2);
        for (int64_t k = 0; k < 30; k++) CHECK(co_groups_of(g, k) == (k < 20));
        close_run(&experiment, &run);
    }
    co_free(text);
    MPI_Barrier(comm.world);
    if (comm.rank == 0) unlink(path);
}

static void refused(const char *yaml, const char *word)
{
    co_experiment experiment;
    co_run run;
    const co_status st = try_text(yaml, &experiment, &run);
    if (st == CO_OK) close_run(&experiment, &run);
    if (st != CO_EUSAGE || !strstr(co_status_message(), word))
        fprintf(stderr, "%s\n-> %s\n", yaml, co_status_message());
    CHECK(st == CO_EUSAGE && strstr(co_status_message(), word));
}

static void what_edges_cannot_do_is_refused(void)
{
#define TWO "aggregate: {groups: {servers: 2}}\n"
    refused(COMMON "aggregate: {groups: {servers: 31}}", "31 edge servers are more than the 30");
    refused(COMMON "aggregate: {groups: {by: user}}", "no column `user`");
    refused(COMMON "aggregate: {groups: {by: group}}", "no column `group`");
    refused(COMMON "aggregate: {groups: {by: trace}}", "clock.trace");
    refused(COMMON "aggregate: {groups: {}}", "give servers");
    refused(COMMON "aggregate: {groups: {servers: 2, by: user}}", "one of them");
    refused(COMMON "aggregate: {groups: 3}", "must be a map");
    refused(COMMON "aggregate: {groups: {servers: 2, up: 10}}", "without the section clock");
    refused(COMMON "aggregate: {rule: median, groups: {servers: 2}}", "median");
    refused(COMMON "aggregate: {unbiased: true, groups: {servers: 2}}", "unbiased");
    refused(COMMON TWO "algorithm: scaffold", "scaffold");
    refused(COMMON TWO "privacy: {clip: 1, noise_multiplier: 1, delta: 1e-3}", "one sum");
}

/* An edge of empty devices: sizes of a law that leaves the last one nothing. */
static void an_edge_without_an_example_is_refused(void)
{
    refused("rounds: 2\npartition: {method: dirichlet, devices: 500, alpha: 0.01}\n"
            "devices: {per_round: 2}\nlocal: {lr: 0.1}\naggregate: {groups: {servers: 500}}",
            "has no example to train on");
}

int main(int argc, char **argv)
{
    const int rank = harness_start(&argc, &argv);
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&comm) == CO_OK);
    if (rank == 0) {
        snprintf(blobs, sizeof blobs, "%s", scratch_file("edges.h5"));
        snprintf(out, sizeof out, "%s", scratch_file("edges"));
        CHECK(write_blobs(blobs, 400, 6, 4, 5) == CO_OK);
    }
    MPI_Bcast(blobs, sizeof blobs, MPI_CHAR, 0, comm.world);
    MPI_Bcast(out, sizeof out, MPI_CHAR, 0, comm.world);
    one_edge_is_fedavg();
    edges_averaged_at_once_are_fedavg();
    one_edge_is_fedavg_however_seldom();
    between_averages_the_cloud_stays();
    an_edge_waits_for_its_own_devices();
    one_edge_takes_as_long();
    edges_of_a_trace();
    edges_of_devices_that_are_away_go_on();
    what_edges_cannot_do_is_refused();
    an_edge_without_an_example_is_refused();
    if (rank == 0) {
        co_output_remove(out);
        rmdir(out);
        unlink(blobs);
    }
    co_comm_fini(&comm);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
