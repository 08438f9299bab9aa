/* tests/bench/events.c - what a planner decides, event by event, on a clock of tests:
 *
 *     cohort_events DEVICES PER_ROUND STEPS SALT 'devices options' [calm | quiet]
 *
 * prints draws (step, ordinal, how many are wanted, who), trips (step, device, start, end,
 * outcome), and for each step its rows, its losses and its time: what tests/reference/events.py
 * simulates by itself from draws and trips. quiet: nothing of that, but the time of a step beyond
 * one of the planner synchronous. */
#include "core/log.h"
#include "sim/planners/planner.h"
#include "sim/work/work.h"
#include "tests/harness.h"
#include "tests/kinds/played_clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_quiet;

static void tell(void *self, int64_t step, const co_plan_row *row)
{
    (void)self;
    if (!is_quiet)
        printf("trip %lld %lld %lld %lld %s %lld\n", (long long)step, (long long)row->device,
               (long long)row->start, (long long)row->end, co_outcome_names[row->outcome],
               (long long)row->n_steps);
}

/* The selector uniform, which says what it draws. */
static const co_selector *within;

static size_t told_draw(void *self, const co_selector_input *in, const co_draw *draw,
                        int64_t *devices, int64_t *scratch)
{
    const size_t n = within->draw(self, in, draw, devices, scratch);
    if (!is_quiet) {
        printf("draw %lld %lld %zu", (long long)draw->round, (long long)draw->ordinal, draw->m);
        for (size_t i = 0; i < n; i++) printf(" %lld", (long long)devices[i]);
        puts("");
    }
    return n;
}

static void print_rows(const char *what, const co_plan *plan, const co_plan_row *row, size_t n)
{
    for (size_t k = 0; k < n; k++)
        printf("%s %lld %lld %lld %lld %lld %lld %s %lld\n", what, (long long)plan->round,
               (long long)row[k].device, (long long)row[k].version, (long long)row[k].start,
               (long long)row[k].end, (long long)(plan->round - 1 - row[k].version),
               co_outcome_names[row[k].outcome], (long long)row[k].n_steps);
}

typedef struct {
    co_experiment experiment;
    co_population population;
    co_plan plan;
    co_selector selector;
    co_timing *timing;
    void *self;
} bench;

static co_status open_bench(bench *b, char **argument, const char *options, bool calm,
                            const co_comm *comm)
{
    char text[1200];
    *b = (bench){0};
    snprintf(text, sizeof text,
             "name: events\nrounds: 1\nseed: %s\ndata: {generator: synthetic, devices: %s, alpha: "
             "1, beta: 1, features: 2, classes: 2}\nmodel: {name: softmax}\ndevices: {per_round: "
             "%s%s}\nlocal: {epochs: 3, batch: 5}\n",
             argument[4], argument[1], argument[2], options);
    CO_TRY(co_experiment_parse(text, "events", &b->experiment));
    CO_TRY(co_population_create(&b->experiment, false, comm, &b->population));
    CO_TRY(co_plan_init(&b->plan, &b->experiment, &b->population, 1, co_work_index("train")));
    within = b->experiment.selector;
    b->selector = *within;
    b->selector.draw = told_draw;
    b->plan.selector = &b->selector;
    played_clock_open(&b->timing, (uint64_t)atoll(argument[4]));
    if (!b->timing) return CO_FAIL(CO_ENOMEM, "clock");
    b->timing->is_calm = calm;
    b->timing->tell = tell;
    b->plan.timing = b->timing;
    const co_planner *member = b->experiment.planner;
    if (member->create) CO_TRY(member->create(&b->experiment.devices, &b->plan, &b->self));
    co_plan_look(&b->plan);
    return CO_OK;
}

static void close_bench(bench *b)
{
    const co_planner *member = b->experiment.planner;
    if (member && member->destroy) member->destroy(b->self);
    played_clock_close(b->timing);
    co_plan_fini(&b->plan);
    co_population_fini(&b->population);
    co_experiment_fini(&b->experiment);
}

/* Seconds of a step. */
static co_status play(bench *b, int64_t n_steps, double *seconds)
{
    int64_t time = 0;
    const double start = co_now_s();
    for (int64_t step = 1; step <= n_steps; step++) {
        const co_clock now = {step, time};
        CO_TRY(co_planner_make(b->experiment.planner, b->self, &now, &b->plan));
        time = b->plan.time;
        if (is_quiet) continue;
        print_rows("row", &b->plan, b->plan.row, b->plan.n);
        print_rows("lost", &b->plan, b->plan.lost, b->plan.n_lost);
        printf("step %lld %lld\n", (long long)step, (long long)time);
    }
    *seconds = (co_now_s() - start) / (double)n_steps;
    return CO_OK;
}

static co_status run(char **argument, bool calm, const co_comm *comm)
{
    char options[600];
    bench b;
    double seconds, plain = 0.0;
    snprintf(options, sizeof options, ", %s", argument[5]);
    co_status st = open_bench(&b, argument, options, calm, comm);
    if (st == CO_OK) st = play(&b, atoll(argument[3]), &seconds);
    close_bench(&b);
    if (st != CO_OK || !is_quiet) return st;
    st = open_bench(&b, argument, "", calm, comm);
    if (st == CO_OK) st = play(&b, atoll(argument[3]), &plain);
    close_bench(&b);
    if (st == CO_OK) printf("%.1f us a step, synchronous %.1f us\n", 1e6 * seconds, 1e6 * plain);
    return st;
}

int main(int argc, char **argv)
{
    co_comm comm;
    MPI_Init(&argc, &argv);
    if (argc < 6 || co_comm_init(&comm) != CO_OK) {
        fprintf(stderr, "cohort_events DEVICES PER_ROUND STEPS SALT 'options' [calm | quiet]\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    is_quiet = argc > 6 && strcmp(argv[6], "quiet") == 0;
    const co_status st = run(argv, argc > 6 && strcmp(argv[6], "calm") == 0, &comm);
    if (st != CO_OK) fprintf(stderr, "%s\n", co_status_message());
    co_comm_fini(&comm);
    MPI_Finalize();
    return st == CO_OK ? 0 : 2;
}
