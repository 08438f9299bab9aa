/* tests/mpi/shares.c - distributed privacy on any number of ranks: the released sum is the devices'
 * integers one by one, added up plainly; its noise is that of central privacy when exactly as few
 * report as may, and grows with each that comes beyond; with fewer there is no result and no
 * charge. */
#include "aggregators/hadamard.h"
#include "core/memory.h"
#include "privacy/mechanisms/rounding.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
enum { WIDTH = 300 };
#define TOLERANCE 0.03
#else
enum { WIDTH = 1000 };
#define TOLERANCE 0.01
#endif
#define PRIVATE                                                                                    \
    "secagg: {%s}\nprivacy: {mechanism: %s, clip: %g, noise_multiplier: %g, "                      \
    "delta: 1e-5, min_reporting: %d, bits: %d%s}"

static char blobs[256], out[256];
static co_comm comm;

static bool play(char *yaml, co_experiment *experiment, co_run *run)
{
    const bool is_good = play_on(blobs, yaml, out, &comm, experiment, run);
    co_free(yaml);
    return is_good;
}

static double last_of(const co_run *run, const char *column)
{
    return last_value(&run->record.privacy, column, &comm);
}

/* Without learning the sum is noise alone, of a million numbers: at exactly min_reporting devices
 * its variance is (z C)^2 within 1 %, what mechanism gaussian has; with twice as many, twice that.
 */
static void noise_is_that_of_central_privacy_at_the_fewest_devices(void)
{
    static const char *const modes[] = {"ddgauss", "skellam"};
    for (int k = 0; k < 8; k++) {
        co_experiment experiment;
        co_run run;
        const int reports = k & 2 ? 6 : 3;
        double squares = 0.0;
        char *yaml =
            co_format("rounds: 1\npartition: {method: iid, devices: 8}\ndevices: {per_round: %d}\n"
                      "model: {layers: [{dense: %d}, relu, {dense: %d}, relu, {dense: classes}]}\n"
                      "local: {lr: 0}\n" PRIVATE,
                      reports, WIDTH, WIDTH,
                      k & 4 ? "secure: true, threshold: 3" : "simulate: sum, threshold: 3",
                      modes[k & 1], 0.3, 1.7, 3, 16, k & 4 ? ", secure: true" : "");
        if (!play(yaml, &experiment, &run)) return;
        for (size_t j = 0; j < run.exchange.n_own; j++) squares += run.update[j] * run.update[j];
        const double n = (double)run.exchange.n_params, wanted = 0.51 * 0.51 * reports / 3.0,
                     variance = sum_of_ranks(squares, &comm) * reports * reports / n;
        CHECK(n > (double)WIDTH * WIDTH);
        CHECK(fabs(variance / wanted - 1.0) < TOLERANCE);
        CHECK(fabs(last_of(&run, "noise_std") / 0.51 - 1.0) < 1e-5);
        CHECK(last_of(&run, "noise_std") >= 0.51 * (1.0 - 1e-12));
        close_run(&experiment, &run);
    }
}

/* Of those that may be corrupt no noise counts: with 2 of 6 the other 3 of 5 that have to report
 * make the noise that is accounted for; at 0.34 x 6 = 2.04. */
static void noise_is_of_the_honest_alone(void)
{
    co_experiment experiment;
    co_run run;
    double squares = 0.0;
    char *yaml = co_format(
        "rounds: 1\npartition: {method: iid, devices: 8}\ndevices: {per_round: 6}\n"
        "model: {layers: [{dense: %d}, relu, {dense: %d}, relu, {dense: classes}]}\n"
        "local: {lr: 0}\n" PRIVATE,
        WIDTH, WIDTH, "simulate: sum, threshold: 5, corrupt: 0.34", "skellam", 0.3, 1.7, 5, 16, "");
    if (!play(yaml, &experiment, &run)) return;
    for (size_t j = 0; j < run.exchange.n_own; j++) squares += run.update[j] * run.update[j];
    const double n = (double)run.exchange.n_params,
                 variance = sum_of_ranks(squares, &comm) * 6.0 * 6.0 / n;
    CHECK(fabs(variance / (0.51 * 0.51 * 6.0 / 3.0) - 1.0) < TOLERANCE);
    CHECK(run.charge.state.ledger.rows[0].event.n_shares == 3.0);
    CHECK(fabs(last_of(&run, "noise_std") / 0.51 - 1.0) < 1e-5);
    close_run(&experiment, &run);
}

/* sum[j] += the integers of one device, its noise included. */
static bool add_device(co_run *run, co_plan_row *row, const float *model, int64_t *sum, int64_t *q)
{
    const co_shares *s = &run->shares;
    const co_layout *l = co_model_layout(run->model);
    const co_work *train = co_work_find("train");
    const co_request with = {.version = model, .frozen = model, .step = run->plan.round, .lr = 0.1};
    const uint64_t seed = (uint64_t)run->experiment->seed;
    const co_noise_release share = co_noise_share_of(&s->source, run->plan.round, row->device);
    co_workplace fresh;
    void *self = NULL;
    co_given given;
    CHECK(co_workplace_init(&fresh, run->experiment, run->model, &run->population) == CO_OK);
    CHECK(train->create(&fresh, &self) == CO_OK);
    CHECK(train->perform(self, &with, row, &given) == CO_OK);
    const bool reports = row->outcome == CO_REPORTED;
    if (reports) {
        float *u = given.piece[0].value;
        const double norm = row->update_norm, clip = s->setup.clip;
        co_rotate(l, seed, run->plan.round, l->part, l->n_parts,
                  (norm > clip ? clip / norm : 1.0) * (1.0 - 0x1p-18) / s->what.step, u);
        co_round_within(seed, run->plan.round, row->device, u, l->n, s->what.bound_square, q);
        co_noise_table_add(&s->table, &share, 0, l->n, q);
        for (size_t j = 0; j < l->n; j++) sum[j] += q[j];
    }
    train->destroy(self);
    co_workplace_fini(&fresh);
    return reports;
}

/* What the model becomes: the sum back through the rotation, over the number of devices asked. */
static void step_plainly(co_run *run, const int64_t *sum, double *value, float *model)
{
    const co_layout *l = co_model_layout(run->model);
    const double m = run->shares.per_round;
    float *now = co_malloc(l->n, sizeof *now);
    for (size_t j = 0; j < l->n; j++) value[j] = (double)sum[j] * run->shares.what.step / 1.0;
    co_rotate_back(l, (uint64_t)run->experiment->seed, run->plan.round, l->part, l->n_parts, value);
    co_layout_pack(l, model, now);
    for (size_t s = 0; s < l->n_spans[CO_SHARED]; s++)
        for (size_t j = l->span[CO_SHARED][s].at, i = 0; i < l->span[CO_SHARED][s].size; i++, j++)
            now[j] = (float)((double)now[j] + value[j] / m);
    co_layout_unpack(l, now, model);
    co_free(now);
}

/* Three rounds; the bits hold all sums. */
static void equals_plain_integers(const char *words, const char *mechanism)
{
    co_experiment experiment;
    co_run run;
    char *text = co_format("rounds: 3\npartition: {method: dirichlet, devices: 90, alpha: "
                           "0.5}\nlocal: {lr: 0.1, batch: 8}\n%s\n" PRIVATE "\ndata: {file: "
                           "%s}\noutput: {dir: %s, checkpoint_every: 0}\neval: {every: 0}\nname: s",
                           words, "simulate: sum, threshold: 5", mechanism, 0.05, 0.8, 5, 20, "",
                           blobs, out);
    co_status st = co_experiment_parse(text, "test.yaml", &experiment);
    co_free(text);
    CHECK(st == CO_OK);
    if (st != CO_OK) return;
    if (comm.rank == 0) co_output_remove(out);
    MPI_Barrier(comm.world);
    CHECK(co_run_create(&run, &experiment, out, &comm) == CO_OK);
    CHECK(strcmp(run.wire->name, "ring") == 0);
    const co_layout *l = co_model_layout(run.model);
    float *model = co_malloc(l->whole, sizeof *model);
    int64_t *sum = co_malloc(l->n, sizeof *sum), *q = co_malloc(l->n, sizeof *q);
    double *value = co_malloc(l->n, sizeof *value);
    co_model_init(run.model, (uint64_t)experiment.seed, model);
    for (int64_t round = 1; round <= 3; round++) {
        memset(sum, 0, l->n * sizeof *sum);
        co_planner_make(experiment.planner, run.planner, &(co_clock){.step = round}, &run.plan);
        for (size_t k = 0; k < run.plan.n; k++)
            if (run.plan.row[k].outcome != CO_EMPTY)
                add_device(&run, &run.plan.row[k], model, sum, q);
        step_plainly(&run, sum, value, model);
    }
    CHECK(co_run_rounds(&run) == CO_OK);
    CHECK(memcmp(run.exchange.model, model, l->whole * sizeof *model) == 0);
    co_free(model);
    co_free(sum);
    co_free(q);
    co_free(value);
    close_run(&experiment, &run);
}

/* The integers of a round's sum on this rank's slice, at given bits and step. */
static size_t integers_of(int bits, int64_t **sum, int64_t *first)
{
    co_experiment experiment;
    co_run run;
    char *yaml = co_format("rounds: 1\npartition: {method: iid, devices: 8}\ndevices: {per_round: "
                           "5}\nmodel: {layers: [{dense: 90}, relu, {dense: classes}]}\nlocal: "
                           "{lr: 0.1}\n" PRIVATE,
                           "simulate: sum, threshold: 5", "skellam", 0.3, 0.5, 5, bits,
                           ", granularity: 0.001");
    *sum = NULL;
    if (!play(yaml, &experiment, &run)) return 0;
    const size_t n = run.exchange.n_own;
    *sum = co_malloc(n + 1, sizeof **sum);
    *first = (int64_t)run.exchange.first;
    memcpy(*sum, co_exchange_sum(&run.exchange), n * sizeof **sum);
    close_run(&experiment, &run);
    return n;
}

/* Modulo 2^b a sum is the number nearest to zero with the same remainder: what has room is exact.
 */
static void what_wraps_is_off_by_the_modulus_and_the_rest_is_exact(void)
{
    int64_t *wide, *narrow, at, n_wrapped = 0, n_wrong = 0, n_out = 0;
    const size_t n = integers_of(28, &wide, &at);
    CHECK(integers_of(9, &narrow, &at) == n);
    for (size_t j = 0; j < n; j++) {
        const int64_t by = wide[j] - narrow[j];
        n_out += narrow[j] < -256 || narrow[j] > 255;
        n_wrapped += wide[j] < -256 || wide[j] > 255;
        n_wrong += by % 512 != 0 || ((wide[j] >= -256 && wide[j] < 256) && by != 0);
    }
    CHECK(n_wrong == 0 && n_out == 0);
    CHECK(sum_of_ranks((double)n_wrapped, &comm) > 10.0);
    CHECK(sum_of_ranks((double)n_wrapped, &comm) < 0.5 * sum_of_ranks((double)n, &comm));
    co_free(wide);
    co_free(narrow);
}

static int64_t column_of(const co_table *t, size_t row, const char *name)
{
    return co_table_get_i64(t, row, (size_t)co_table_find(t, name));
}

/* Cohorts of any size, whose sums can all be opened: rounds with fewer reports than promised change
 * nothing and are not charged. */
static void too_few_reports_are_no_result_and_cost_nothing(void)
{
    co_experiment experiment;
    co_run run;
    char *yaml = co_format("rounds: 16\npartition: {method: iid, devices: 10}\ndevices: "
                           "{select: poisson, per_round: 5}\nmodel: {name: softmax}\nlocal: {lr: "
                           "0.1}\n" PRIVATE,
                           "simulate: sum, threshold: 0.6", "ddgauss", 0.3, 2.0, 5, 16, "");
    if (!play(yaml, &experiment, &run)) return;
    const co_table *rounds = &run.record.rounds, *t = &run.record.privacy;
    int64_t n_failed = 0, n_exact = 0;
    for (size_t i = 0; i < 16 && comm.rank == 0; i++) {
        const int64_t reported = column_of(rounds, i, "n_reported"),
                      released = column_of(t, i, "released");
        const size_t digest = (size_t)co_table_find(rounds, "model_digest"),
                     epsilon = (size_t)co_table_find(t, "epsilon");
        CHECK(released == (reported >= 5));
        n_failed += !released, n_exact += reported == 5;
        if (i == 0) continue;
        const bool moved =
            ((uint64_t *)rounds->data[digest])[i] != ((uint64_t *)rounds->data[digest])[i - 1];
        CHECK(moved == (released != 0));
        CHECK(released || co_table_get_f64(t, i, epsilon) == co_table_get_f64(t, i - 1, epsilon));
    }
    if (comm.rank == 0) {
        CHECK(n_failed > 2 && n_failed < 14 && n_exact > 0);
        CHECK(run.charge.n_released == 16 - n_failed);
    }
    CHECK(run.charge.state.ledger.n == 1 && run.charge.state.ledger.rows[0].count <= 14);
    close_run(&experiment, &run);
}

/* epsilon against the accountant asked by hand, for the device with the most steps. */
static void epsilon_is_of_the_steps_of_a_device(void)
{
    co_experiment experiment;
    co_run run;
    char *yaml = co_format("rounds: 9\npartition: {method: iid, devices: 40}\ndevices: {per_round: "
                           "8}\nmodel: {name: softmax}\nlocal: {lr: 0.1}\n" PRIVATE,
                           "simulate: sum, threshold: 8", "skellam", 1.0, 2.0, 8, 14, "");
    if (!play(yaml, &experiment, &run)) return;
    const double step = run.shares.what.step, d = (double)co_model_layout(run.model)->n_shared,
                 c = 1.0 / step,
                 bound = fmin(c + sqrt(d), sqrt(c * c + d / 4.0 + 1.0 * (c + sqrt(d) / 2.0)));
    const co_event event = {.noise = CO_NOISE_SKELLAM,
                            .noise_multiplier = 2.0 / step / bound,
                            .rate = 1.0,
                            .lattice_std = 2.0 / step,
                            .dim = d,
                            .n_shares = 8.0};
    co_ledger ledger = {0};
    co_guarantee g = {0};
    const int64_t most = (int64_t)last_of(&run, "participations");
    CHECK(most > 1 && most < 9);
    CHECK(co_ledger_add(&ledger, &event, most) == CO_OK);
    CHECK(co_account_epsilon(co_accountant_find("rdp"), &ledger, &(co_accounting){0}, 1e-5, &g) ==
          CO_OK);
    CHECK(fabs(last_of(&run, "epsilon") / g.epsilon - 1.0) < 1e-5);
    CHECK(last_of(&run, "epsilon") <= g.epsilon * (1.0 + 1e-9));
    co_ledger_fini(&ledger);
    close_run(&experiment, &run);
}

int main(int argc, char **argv)
{
    harness_start(&argc, &argv);
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&comm) == CO_OK);
    if (comm.rank == 0) {
        snprintf(blobs, sizeof blobs, "%s", scratch_file("shares.h5"));
        snprintf(out, sizeof out, "%s", scratch_file("shares"));
        mkdir(out, 0755);
        CHECK(write_blobs(blobs, 600, 10, 4, 5) == CO_OK);
    }
    MPI_Bcast(blobs, sizeof blobs, MPI_CHAR, 0, comm.world);
    MPI_Bcast(out, sizeof out, MPI_CHAR, 0, comm.world);
    noise_is_that_of_central_privacy_at_the_fewest_devices();
    noise_is_of_the_honest_alone();
    equals_plain_integers("model: {layers: [{dense: 700}, tanh, {dense: classes}]}\ndevices: "
                          "{per_round: 9}",
                          "ddgauss");
    equals_plain_integers("model: {layers: [{dense: 1500}, tanh, {dense: classes}], freeze: "
                          "[0.weight]}\ndevices: {per_round: 6, attack: label_flip, attackers: 8}",
                          "skellam");
    what_wraps_is_off_by_the_modulus_and_the_rest_is_exact();
    too_few_reports_are_no_result_and_cost_nothing();
    epsilon_is_of_the_steps_of_a_device();
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
