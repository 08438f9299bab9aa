/* tests/mpi/clock.c - time and presence of devices: formulas, drop-outs, outages, traces; the same
 * on every rank, in any order of questions. */
#include "core/memory.h"
#include "io/files/file.h"
#include "sim/devices/timing.h"
#include "sim/work/work.h"
#include "tests/harness.h"
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define S INT64_C(1000000000)
enum { FLOPS = 4000 };

static co_comm comm;

typedef struct {
    co_experiment e;
    co_population population;
    co_timing *timing;
} bench;

static co_status try_open(bench *b, int64_t n_devices, const char *clock)
{
    char text[2000];
    *b = (bench){.population = {.n_devices = n_devices, .mean_rows = 1.0}};
    snprintf(text, sizeof text,
             "name: test\nseed: 5\nrounds: 9\ndata: {generator: synthetic, devices: 30, alpha: 1, "
             "beta: 1}\nmodel: {name: softmax}\ndevices: {per_round: 3}\nlocal: {lr: 0.1}\n"
             "clock: %s\n",
             clock);
    co_status st = co_experiment_parse(text, "test.yaml", &b->e);
    if (st == CO_OK) st = co_timing_create(&b->e, &b->population, FLOPS, &comm, &b->timing);
    return st;
}

static void open_bench(bench *b, int64_t n_devices, const char *clock)
{
    const co_status st = try_open(b, n_devices, clock);
    if (st != CO_OK) fprintf(stderr, "%s\n", co_status_message());
    CHECK(st == CO_OK);
}

static void close_bench(bench *b)
{
    co_timing_destroy(b->timing);
    co_experiment_fini(&b->e);
}

/* n units of training in `steps` steps, 1000 bytes to the device, 500 from it. */
static co_plan_row job(int64_t device, int64_t start, double units, int64_t steps)
{
    return (co_plan_row){.device = device,
                         .start = start,
                         .end = start,
                         .cost = units + 1.0,
                         .n_steps = steps,
                         .bytes_down = 1000,
                         .bytes_up = 500};
}

static int64_t end_of(bench *b, int64_t device, double units)
{
    co_plan_row row = job(device, 7, units, 1);
    co_timing_run(b->timing, 1, &row);
    CHECK(row.outcome == CO_REPORTED && row.end - 7 == co_timing_trip(b->timing, &row));
    return row.end - 7;
}

static void trips_follow_the_formula(void)
{
    bench b;
    open_bench(&b, 20, "{speed: 2, seconds_per_unit: 0.5, down: 100, up: 50}");
    CHECK(end_of(&b, 3, 12.0) == (10 + 12 + 10) * S);
    CHECK(co_timing_next_arrival(b.timing, 5) == CO_NEVER && co_timing_is_there(b.timing, 3, 5));
    close_bench(&b);
    open_bench(&b, 20, "{flops: 100}"); /* three times the multiply-adds, at 100 a second */
    CHECK(end_of(&b, 3, 2.0) == 2 * 3 * FLOPS / 100 * S);
    close_bench(&b);
    open_bench(&b, 20, "{speed: lognormal, seconds_per_unit: 1, up: {name: pareto, median: 50}}");
    int64_t different = 0;
    for (int64_t k = 0; k < 20; k++) {
        const co_clock_keys *keys = &b.e.clock_keys;
        const double seconds = 4.0 * co_law_factor(&keys->speed, 5, k, 0) +
                               500.0 / 50.0 * co_law_factor(&keys->up, 5, k, 2);
        CHECK(fabs(1e-9 * (double)end_of(&b, k, 4.0) - seconds) < 3e-9);
        different += end_of(&b, k, 4.0) != end_of(&b, (k + 1) % 20, 4.0);
    }
    CHECK(different == 20);
    close_bench(&b);
    open_bench(&b, 20, "{speed: 1e15}");
    co_plan_row row = job(0, 5 * S, 1e9, 1);
    co_timing_run(b.timing, 1, &row);
    CHECK(row.end == CO_NEVER); /* and no overflow */
    close_bench(&b);
}

static void dropped_ones_are_the_share_at_any_moment(void)
{
    enum { N = 40000 };
    bench b;
    open_bench(&b, N, "{seconds_per_unit: 1, dropout: 0.3}");
    double lost = 0.0, moment = 0.0, square = 0.0, again = 0.0;
    for (int64_t k = 0; k < N; k++) {
        co_plan_row row = job(k, 3 * S, 10.0, 1), next = row;
        co_timing_run(b.timing, 4, &row);
        co_timing_run(b.timing, 5, &next);
        CHECK(row.outcome == CO_DROPPED || row.end == 13 * S);
        if (row.outcome != CO_DROPPED) continue;
        const double x = (double)(row.end - 3 * S) / (double)(10 * S);
        lost++, moment += x, square += x * x, again += next.outcome == CO_DROPPED;
    }
    CHECK(fabs(lost / N - 0.3) < 5.0 * sqrt(0.21 / N));
    CHECK(fabs(again / lost - 0.3) < 5.0 * sqrt(0.21 / lost)); /* of another step: by itself */
    CHECK(fabs(moment / lost - 0.5) < 5.0 * sqrt(1.0 / 12 / lost));
    CHECK(fabs(square / lost - 1.0 / 3) < 5.0 * sqrt(4.0 / 45 / lost));
    close_bench(&b);
}

/* steps_by against trying every number of steps. */
static void as_many_steps_as_fit(void)
{
    bench b;
    open_bench(&b, 50, "{speed: lognormal, seconds_per_unit: 1, down: 300, up: 100}");
    for (int64_t k = 0; k < 50; k++) {
        co_plan_row row = job(k, 11, 40.0, 7);
        co_timing_run(b.timing, 1, &row);
        for (int64_t deadline = 0; deadline < row.end + S; deadline += row.end / 97) {
            int64_t most = 0;
            const int64_t none = row.start +
                                 co_timing_trip(b.timing, &(co_plan_row){.device = k,
                                                                         .bytes_down = 1000,
                                                                         .bytes_up = 500}),
                          work = row.end - none;
            for (int64_t n = 1; n <= 7; n++)
                if ((double)none + (double)work * (double)n / 7.0 <= (double)deadline) most = n;
            CHECK(co_timing_steps_by(b.timing, &row, deadline) == most);
        }
        row.outcome = CO_DROPPED; /* went away at half of its way */
        const int64_t whole = row.end;
        row.end = row.start + (row.end - row.start) / 2;
        CHECK(co_timing_steps_by(b.timing, &row, row.end + 1) == 0);
        CHECK(co_timing_steps_by(b.timing, &row, whole) == 0);
    }
    close_bench(&b);
}

/* A device that goes away is lost then; one that is not there is not asked. */
static void presence_decides(bench *b, int64_t n_devices)
{
    int64_t n[CO_N_OUTCOMES] = {0}, end[200];
    int outcome[200];
    for (int64_t k = 0; k < n_devices; k++) {
        co_plan_row row = job(k, 100 * S + k, 5.0, 1);
        co_timing_run(b->timing, 1, &row);
        end[k] = row.end, outcome[k] = row.outcome;
        n[row.outcome]++;
        CHECK((row.outcome == CO_UNAVAILABLE) == !co_timing_is_there(b->timing, k, 100 * S + k));
        if (row.outcome == CO_UNAVAILABLE) CHECK(row.end == row.start);
        if (row.outcome == CO_REPORTED) CHECK(row.end == row.start + 5 * S);
        if (row.outcome == CO_DROPPED)
            CHECK(!co_timing_is_there(b->timing, k, row.end) &&
                  co_timing_is_there(b->timing, k, row.end - 1));
    }
    CHECK(n[CO_UNAVAILABLE] > 0 && n[CO_REPORTED] > 0 && n[CO_DROPPED] > 0);
    for (int64_t k = n_devices; k-- > 0;) { /* in another order, after other questions */
        co_plan_row row = job(k, 100 * S + k, 5.0, 1);
        co_timing_is_there(b->timing, k, (900 - k) * S);
        co_timing_run(b->timing, 1, &row);
        CHECK(row.end == end[k] && row.outcome == outcome[k]);
    }
    int64_t sum = 0, most, least;
    for (int64_t k = 0; k < n_devices; k++) sum += end[k] * (k + 1) % 1000003 + outcome[k];
    MPI_Allreduce(&sum, &most, 1, MPI_INT64_T, MPI_MAX, comm.world);
    MPI_Allreduce(&sum, &least, 1, MPI_INT64_T, MPI_MIN, comm.world);
    CHECK(most == least);
}

#define OUTAGE "outage: {groups: 60, up_s: 20, down_s: 10}"

static void who_goes_away_is_lost(void)
{
    static const char *const clocks[] = {
        "{seconds_per_unit: 1, availability: {name: markov, on_s: 12, off_s: 8}}",
        "{seconds_per_unit: 1, availability: {name: periodic, period_s: 30, share: 0.5}}",
        "{seconds_per_unit: 1, " OUTAGE "}",
        "{seconds_per_unit: 1, availability: {name: markov, on_s: 50, off_s: 8}, " OUTAGE "}"};
    for (int i = 0; i < 4; i++) {
        bench b;
        open_bench(&b, 200, clocks[i]);
        presence_decides(&b, 200);
        close_bench(&b);
    }
}

/* Devices of a group come and go at the same nanosecond. */
static void groups_go_away_together(void)
{
    enum { N = 120, TIMES = 400 };
    static bool there[N][TIMES];
    bench b;
    open_bench(&b, N, "{outage: {groups: 4, up_s: 30, down_s: 20}}");
    double share = 0.0;
    int n_courses = 0;
    for (int64_t k = 0; k < N; k++) {
        bool is_new = true;
        for (int i = 0; i < TIMES; i++)
            share += there[k][i] = co_timing_is_there(b.timing, k, i * 7 * S);
        for (int64_t j = 0; j < k; j++) is_new &= memcmp(there[j], there[k], TIMES) != 0;
        n_courses += is_new;
    }
    CHECK(n_courses == 4);
    CHECK(fabs(share / N / TIMES - 0.6) < 0.15);
    close_bench(&b);
}

/* next_arrival against asking every device at every change of the periods. */
static void the_next_one_to_come_is_found(void)
{
    bench b;
    open_bench(&b, 6, "{availability: {name: periodic, period_s: 100, share: 0.1}}");
    for (int64_t time = 0; time < 300 * S; time += 17 * S + 1) {
        const int64_t next = co_timing_next_arrival(b.timing, time);
        bool comes = false;
        CHECK(next > time && next < time + 101 * S);
        for (int64_t k = 0; k < 6; k++) {
            comes |=
                !co_timing_is_there(b.timing, k, next - 1) && co_timing_is_there(b.timing, k, next);
            for (int64_t t = time + S; t < next; t += S / 2) /* nobody before */
                CHECK(!co_timing_is_there(b.timing, k, t) ||
                      co_timing_is_there(b.timing, k, t - S / 2 < time ? time : t - S / 2));
        }
        CHECK(comes);
    }
    close_bench(&b);
}

static void write_text(const char *path, const char *text)
{
    if (comm.rank == 0) {
        FILE *file = fopen(path, "w");
        CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
    }
    MPI_Barrier(comm.world);
}

static void check_trace(const char *files)
{
    char clock[1200];
    snprintf(clock, sizeof clock,
             "{speed: file, up: file, down: file, availability: file, trace: %s}", files);
    bench b;
    open_bench(&b, 3, clock);
    if (!b.timing) return;
    CHECK(co_timing_bytes(b.timing) > 0);
    CHECK(!co_timing_is_there(b.timing, 0, 0) && co_timing_is_there(b.timing, 0, S));
    CHECK(co_timing_is_there(b.timing, 0, 999 * S / 10) &&
          !co_timing_is_there(b.timing, 0, 100 * S));
    co_plan_row row = job(1, 2 * S, 4.0, 1); /* 1000 / 500 + 4 x 0.25 + 500 / 250 */
    co_timing_run(b.timing, 1, &row);
    CHECK(row.outcome == CO_REPORTED && row.end == 7 * S);
    row = job(2, 8 * S, 4.0, 1); /* there until 9, and from 9.5 on */
    co_timing_run(b.timing, 1, &row);
    CHECK(row.outcome == CO_DROPPED && row.end == 9 * S);
    CHECK(co_timing_next_arrival(b.timing, 8 * S) == 9 * S + S / 2);
    CHECK(co_timing_next_arrival(b.timing, 100 * S) == CO_NEVER);
    close_bench(&b);
}

static void traces_are_read(void)
{
    char dir[512], text[1500];
    if (comm.rank == 0) snprintf(dir, sizeof dir, "%s", scratch_file("trace"));
    MPI_Bcast(dir, sizeof dir, MPI_CHAR, 0, comm.world);
    char *devices = co_format("%s.devices.csv", dir), *times = co_format("%s.times.csv", dir),
         *both = co_format("%s.h5", dir);
    write_text(devices, "device,up,seconds_per_example,down\n2,1000,1,1000\n0,1,1,1\n1,250,0.25,"
                        "500\n");
    write_text(times, "device,start_s,end_s\n2,0,9\n0,1,50\n1,0,8\n2,9.5,20\n0,50,100\n");
    if (comm.rank == 0) {
        static const double seconds[] = {1, 0.25, 1}, up[] = {1, 250, 1000},
                            down[] = {1, 500, 1000}, start[] = {1, 50, 0, 0, 9.5},
                            end[] = {50, 100, 8, 9, 20};
        static const int64_t offsets[] = {0, 2, 3, 5};
        co_file *file;
        CHECK(co_file_create(both, NULL, &file) == CO_OK);
        CHECK(co_file_write_f64(file, "seconds_per_example", seconds, 3) == CO_OK &&
              co_file_write_f64(file, "up", up, 3) == CO_OK &&
              co_file_write_f64(file, "down", down, 3) == CO_OK &&
              co_file_write_i64(file, "intervals/offsets", offsets, 4) == CO_OK &&
              co_file_write_f64(file, "intervals/start_s", start, 5) == CO_OK &&
              co_file_write_f64(file, "intervals/end_s", end, 5) == CO_OK);
        CHECK(co_file_publish(file, 0644) == CO_OK);
    }
    MPI_Barrier(comm.world);
    snprintf(text, sizeof text, "[%s, %s]", devices, times);
    check_trace(text);
    check_trace(both);
    bench b; /* what is asked of it has to be in it */
    snprintf(text, sizeof text, "{speed: file, trace: %s}", times);
    CHECK(try_open(&b, 3, text) == CO_EUSAGE &&
          strstr(co_status_message(), "no column seconds_per_example"));
    close_bench(&b);
    write_text(devices, "device,group\n0,1\n1,0\n2,1\n3,0\n");
    write_text(times, "group,start_s,end_s\n1,5,6\n0,2,3\n");
    snprintf(text, sizeof text, "{availability: file, trace: [%s, %s]}", devices, times);
    open_bench(&b, 4, text);
    for (int64_t k = 0; k < 4 && b.timing; k++)
        CHECK(co_timing_is_there(b.timing, k, k % 2 ? 2 * S : 5 * S) &&
              !co_timing_is_there(b.timing, k, k % 2 ? 5 * S : 2 * S));
    close_bench(&b);
    co_free(devices);
    co_free(times);
    co_free(both);
}

/* A step of 100 out of a million devices: what the clock adds. */
static void a_million_devices_cost_nothing(void)
{
    enum { STEPS = 50, ASKED = 100 };
    bench b;
    open_bench(&b, 1000000,
               "{speed: lognormal, seconds_per_unit: 1, up: {name: pareto, "
               "median: 1e5}, dropout: 0.1, availability: {name: markov, on_s: "
               "3600, off_s: 7200}, outage: {groups: 50, up_s: 86400, down_s: "
               "600}}");
    struct timespec t[2];
    int64_t time = 0;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t[0]);
    for (int64_t step = 1; step <= STEPS; step++) {
        int64_t n = 0;
        for (int64_t k = step * 7919; n < ASKED; k = (k + 104729) % 1000000) {
            if (!co_timing_is_there(b.timing, k, time)) continue;
            co_plan_row row = job(k, time, 30.0, 3);
            co_timing_run(b.timing, step, &row);
            n++;
        }
        time += 100 * S;
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t[1]);
    const double ms =
        (1e3 * (double)(t[1].tv_sec - t[0].tv_sec) + 1e-6 * (double)(t[1].tv_nsec - t[0].tv_nsec)) /
        STEPS;
    if (comm.rank == 0)
        fprintf(stderr, "a step of %d of a million devices: %.3f ms, %zu bytes\n", ASKED, ms,
                co_timing_bytes(b.timing));
#ifndef __SANITIZE_ADDRESS__
    CHECK(ms < 1.0);
#endif
    CHECK(co_timing_bytes(b.timing) == 0);
    close_bench(&b);
}

int main(int argc, char **argv)
{
    harness_start(&argc, &argv);
    CHECK(co_comm_init(&comm) == CO_OK);
    trips_follow_the_formula();
    dropped_ones_are_the_share_at_any_moment();
    as_many_steps_as_fit();
    who_goes_away_is_lost();
    groups_go_away_together();
    the_next_one_to_come_is_found();
    traces_are_read();
    a_million_devices_cost_nothing();
    co_comm_fini(&comm);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
