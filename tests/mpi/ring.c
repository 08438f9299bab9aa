/* tests/mpi/ring.c - integers modulo 2^b from the devices to the model, of tests/probes/residues.c
 * and of transform ring: the same bits, on any number of ranks, as every device's update by itself,
 * rounded and added up plainly, with secure aggregation among devices that drop out as well; and
 * chains and rules that cannot be are refused before the first step. */
#include "core/exact.h"
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

static char blobs[256], out[256];
static co_comm comm;

/* An experiment with stages that no list names. */
static co_status open_with(const char *words, const co_stage *const *stages, size_t n,
                           co_experiment *experiment, co_run *run)
{
    char *text =
        co_format("name: ring\nrounds: 3\npartition: {method: dirichlet, devices: 90, "
                  "alpha: 0.5}\nlocal: {lr: 0.1, batch: 8}\neval: {every: 0}\ndata: {file: "
                  "%s}\noutput: {dir: %s, checkpoint_every: 0}\n%s",
                  blobs, out, words);
    co_status st = co_experiment_parse(text, "test.yaml", experiment);
    co_free(text);
    if (st != CO_OK) return st;
    if (comm.rank == 0) co_output_remove(out);
    MPI_Barrier(comm.world);
    for (size_t k = 0; k < n; k++) experiment->transform[experiment->n_transforms++] = stages[k];
    st = co_run_create(run, experiment, out, &comm);
    if (st != CO_OK) co_experiment_fini(experiment);
    return st;
}

/* sum[j] += the integers that transform ring, the run's only stage, makes of an update. Returns how
 * many of its numbers that travel are beyond clip. */
static int64_t add_rounded(co_run *run, const co_plan_row *row, float *update, int64_t *sum)
{
    const co_layout *l = co_model_layout(run->model);
    const int64_t all = INT64_C(1) << run->chain.ring.bits;
    const co_stage_key key = {.seed = run->chain.seed,
                              .step = run->plan.round,
                              .device = row->device,
                              .cohort = run->chain.cohort};
    co_contribution c = {.n = l->n,
                         .part = l->part,
                         .n_parts = l->n_parts,
                         .update = update,
                         .residue = run->chain.residue,
                         .weight = row->weight,
                         .factor = row->factor};
    const double clip = co_config_real(&run->experiment->transform_options[0], "clip");
    int64_t n_cut = 0, n_told[1] = {0};
    for (size_t s = 0; s < l->n_spans[CO_SHARED]; s++)
        for (size_t j = 0; j < l->span[CO_SHARED][s].size; j++) {
            const double x = (double)update[l->span[CO_SHARED][s].at + j];
            n_cut += x > clip || x < -clip;
        }
    c.counts = n_told;
    memset(c.residue, 0, l->n * sizeof *c.residue);
    run->chain.link[0].stage->forward(run->chain.link[0].self, &key, &c, NULL);
    for (size_t j = 0; j < l->n; j++)
        sum[j] += (int64_t)c.residue[j] - ((int64_t)c.residue[j] < all / 2 ? 0 : all);
    return n_cut;
}

/* sum[j] += the integers of one device's update, that of an attacker turned around and four times
 * as large where it is_turned. Frozen coordinates give none. */
static bool add_device(co_run *run, co_plan_row *row, const float *model, int64_t *sum,
                       bool is_turned, int64_t *n_cut)
{
    const co_work *train = co_work_find("train");
    const co_request with = {.version = model, .frozen = model, .step = run->plan.round, .lr = 0.1};
    co_workplace fresh;
    void *self = NULL;
    co_given given;
    const size_t n = co_model_layout(run->model)->n;
    CHECK(co_workplace_init(&fresh, run->experiment, run->model, &run->population) == CO_OK);
    CHECK(train->create(&fresh, &self) == CO_OK);
    CHECK(train->perform(self, &with, row, &given) == CO_OK);
    const bool reports = row->outcome == CO_REPORTED;
    const bool is_ring = strcmp(run->chain.link[0].stage->name, "ring") == 0;
    if (reports && is_ring) *n_cut += add_rounded(run, row, given.piece[0].value, sum);
    for (size_t j = 0; reports && !is_ring && j < n; j++) {
        const double turned = row->attacker && is_turned ? -4.0 : 1.0;
        double steps = rint(turned * (double)given.piece[0].value[j] * 1024.0);
        steps = steps > 500.0 ? 500.0 : steps < -500.0 ? -500.0 : steps;
        sum[j] += (int64_t)steps;
    }
    train->destroy(self);
    co_workplace_fini(&fresh);
    return reports;
}

/* Of each of three rounds, in the run file; some there are. */
static void cuts_are_counted(const co_run *run, const int64_t *n_cut)
{
    const co_table *rounds = &run->record.rounds;
    CHECK(n_cut[0] > 0);
    if (comm.rank != 0) return;
    const int column = co_table_find(rounds, "values_cut");
    CHECK(column >= 0);
    for (size_t i = 0; column >= 0 && i < 3; i++)
        CHECK(co_table_get_i64(rounds, i, (size_t)column) == n_cut[i]);
}

/* Three rounds of the run and of plain integers beside it, in such steps. weight_cap: of ring; 0:
 * every device counts the same. *n_lost: devices that the steps asked in vain. */
static void equals_plain_integers(const char *words, double step, double weight_cap, size_t *n_lost)
{
    const co_stage *const stages[] = {&co_stage_residues};
    co_experiment experiment;
    co_run run;
    CHECK(open_with(words, stages, strstr(words, "name: ring") ? 0 : 1, &experiment, &run) ==
          CO_OK);
    CHECK(strcmp(run.wire->name, "ring") == 0);
    const co_layout *l = co_model_layout(run.model);
    const size_t whole = l->whole;
    float *model = co_malloc(whole, sizeof *model), *now = co_malloc(l->n, sizeof *now);
    int64_t *sum = co_malloc(l->n, sizeof *sum), largest = 0, time = 0, n_cut[3] = {0};
    *n_lost = 0;
    co_model_init(run.model, (uint64_t)experiment.seed, model);
    for (int64_t round = 1; round <= 3; round++) {
        int64_t n_reported = 0;
        co_scalar shares = {0};
        memset(sum, 0, l->n * sizeof *sum);
        co_planner_make(experiment.planner, run.planner, &(co_clock){round, time}, &run.plan);
        time = run.plan.time;
        *n_lost += run.plan.n_lost;
        if (run.plan.secure) CHECK(run.plan.secure->failed == CO_SECAGG_STAGES);
        for (size_t k = 0; k < run.plan.n; k++)
            if (run.plan.row[k].outcome != CO_EMPTY) {
                n_reported += add_device(&run, &run.plan.row[k], model, sum,
                                         strstr(words, "sign_flip") != NULL, &n_cut[round - 1]);
                co_scalar_add(&shares, run.plan.row[k].share);
            }
        const double total = weight_cap > 0.0
                                 ? co_scalar_value(&shares) * (run.plan.weight / weight_cap)
                                 : (double)n_reported;
        co_layout_pack(l, model, now);
        for (size_t s = 0; s < l->n_spans[CO_SHARED]; s++)
            for (size_t j = l->span[CO_SHARED][s].at, i = 0; i < l->span[CO_SHARED][s].size;
                 i++, j++) {
                now[j] = (float)((double)now[j] + (double)sum[j] * step / total);
                largest = llabs(sum[j]) > largest ? llabs(sum[j]) : largest;
            }
        co_layout_unpack(l, now, model);
    }
    CHECK(largest > 20);
    CHECK(co_run_rounds(&run) == CO_OK);
    CHECK(memcmp(run.exchange.model, model, whole * sizeof *model) == 0);
    if (strstr(words, "name: ring")) cuts_are_counted(&run, n_cut);
    co_free(model);
    co_free(now);
    co_free(sum);
    close_run(&experiment, &run);
}

static void refused(const char *words, const co_stage *const *stages, size_t n, const char *word)
{
    co_experiment experiment;
    co_run run;
    const co_status st = open_with(words, stages, n, &experiment, &run);
    CHECK(st == CO_EUSAGE && strstr(co_status_message(), word));
    if (!strstr(co_status_message(), word)) fprintf(stderr, "%s: %s\n", word, co_status_message());
    if (st == CO_OK) close_run(&experiment, &run);
}

static void pass(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    (void)self, (void)key, (void)c, (void)state;
}

static void impossible_chains_are_refused(void)
{
    static const co_stage floats = {.name = "floats", .summary = "test", .forward = pass},
                          integers = {.name = "integers",
                                      .summary = "test",
                                      .takes = CO_INTEGERS,
                                      .gives = CO_INTEGERS,
                                      .forward = pass};
    const co_stage *const ring = &co_stage_residues;
    const char *const plain = "model: {name: softmax}\ndevices: {per_round: 7}";
    refused(plain, (const co_stage *const[]){ring, &floats}, 2, "floats works on numbers");
    refused(plain, (const co_stage *const[]){&integers, ring}, 2, "nothing in front of it");
    refused(plain, (const co_stage *const[]){ring, ring}, 2, "residues works on numbers");
    refused("model: {name: softmax}\ndevices: {per_round: 7, attack: alie, attackers: 0.2}", &ring,
            1, "poisoning reads the updates of all devices");
    refused("model: {name: softmax}\ndevices: {per_round: 7}\nprivacy: {mechanism: gaussian, clip: "
            "1, noise_multiplier: 1, delta: 1e-5}",
            &ring, 1, "central privacy works on numbers");
    refused("model: {name: softmax}\ndevices: {per_round: 7}\naggregate: {rule: median}", &ring, 1,
            "median does not go with");
    refused("model: {name: softmax}\ndevices: {per_round: "
            "70}",
            &ring, 1, "ask fewer devices");
    co_experiment experiment;
    co_run run;
    CHECK(open_with(plain, (const co_stage *const[]){&floats, ring, &integers}, 3, &experiment,
                    &run) == CO_OK);
    close_run(&experiment, &run);
}

static void members_that_cannot_follow_are_refused(void)
{
    static const struct {
        const char *first, *second, *why;
    } cases[] = {{"top_k", "random_k", "has chosen which coordinates"},
                 {"random_k", "ternary", "has chosen which coordinates"},
                 {"top_k", "rotate", "which would become many"},
                 {"top_k", "sign", "which would become many"},
                 {"top_k", "momentum", "which would become many"},
                 {"top_k", "ring", "coordinates of its own"},
                 {"rotate", "rotate", "mixes the same coordinates already"},
                 {"rotate", "low_rank", "shapes of tensors mean nothing"},
                 {"quantise", "top_k", "top_k cannot stand behind quantise"},
                 {"quantise", "rotate", "rotate cannot stand behind quantise"},
                 {"half", "ring", "ring cannot stand behind half"},
                 {"low_rank", "ring", "ring cannot stand behind low_rank"},
                 {"sign", "clip", "clip cannot stand behind sign"},
                 {"ring", "sign", "sign works on numbers"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char words[400];
        snprintf(words, sizeof words,
                 "model: {layers: [{dense: 40}, tanh, {dense: classes}]}\ndevices: {per_round: 7}\n"
                 "aggregate: {weight: uniform}\ntransforms: [{name: %s%s}, {name: %s%s}]",
                 cases[k].first, strstr(cases[k].first, "low") ? ", rank: 2" : "", cases[k].second,
                 strstr(cases[k].second, "low") ? ", rank: 2" : "");
        refused(words, NULL, 0, cases[k].why);
    }
    refused("model: {name: softmax}\ndevices: {per_round: 7}\ntransforms: [{name: ring}]", NULL, 0,
            "test.yaml:10: transforms: ring wants to know the largest weight");
    refused("model: {name: softmax}\ndevices: {per_round: 8}\naggregate: {weight: "
            "uniform}\ntransforms: "
            "[{name: ring, levels: 4096, bits: 16}]",
            NULL, 0, "fewer levels, or more bits");
    refused(
        "model: {name: softmax}\ndevices: {per_round: 7}\ntransforms: [{name: rotate}]\naggregate: "
        "{rule: median}",
        NULL, 0, "median sees every update by itself");
    refused("model: {name: softmax}\ndevices: {per_round: 7}\naggregate: {rule: majority_vote}",
            NULL, 0, "majority_vote counts what transform sign makes");
}

/* Many drop out, in all stages. */
static const char with_secagg[] =
    "model: {layers: [{dense: 1500}, tanh, {dense: classes}], freeze: [0.weight]}\ndevices: "
    "{per_round: 12}\nclock: {seconds_per_unit: 0.05, down: 3e4, up: 2e4, dropout: 0.3}\nsecagg: "
    "{protocol: secagg_plus, neighbours: 6, threshold: 2, share_s: 0.05}\n";

int main(int argc, char **argv)
{
    harness_start(&argc, &argv);
    size_t n_lost;
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&comm) == CO_OK);
    if (comm.rank == 0) {
        snprintf(blobs, sizeof blobs, "%s", scratch_file("ring.h5"));
        snprintf(out, sizeof out, "%s", scratch_file("ring"));
        mkdir(out, 0755);
        CHECK(write_blobs(blobs, 600, 10, 4, 5) == CO_OK);
    }
    MPI_Bcast(blobs, sizeof blobs, MPI_CHAR, 0, comm.world);
    MPI_Bcast(out, sizeof out, MPI_CHAR, 0, comm.world);
    equals_plain_integers("model: {layers: [{dense: 700}, tanh, {dense: classes}]}\ndevices: "
                          "{per_round: 9}",
                          0x1p-10, 0.0, &n_lost);
    equals_plain_integers("model: {layers: [{dense: 1500}, tanh, {dense: classes}], freeze: "
                          "[0.weight]}\ndevices: {per_round: 6, attack: label_flip, attackers: 8}",
                          0x1p-10, 0.0, &n_lost);
    equals_plain_integers("model: {layers: [{dense: 700}, tanh, {dense: classes}]}\ndevices: "
                          "{per_round: 9, attack: sign_flip, attackers: 30}",
                          0x1p-10, 0.0, &n_lost);
    equals_plain_integers(
        "model: {layers: [{dense: 700}, tanh, {dense: classes}], freeze: [2.bias]}\n"
        "devices: {per_round: 9}\naggregate: {weight_cap: 7}\ntransforms: [{name: "
        "ring, clip: 0.02, levels: 3000, bits: 16}]",
        0.02 / 3000.0, 7.0, &n_lost);
    equals_plain_integers(
        "model: {layers: [{dense: 700}, tanh, {dense: classes}], freeze: [2.bias]}\n"
        "devices: {per_round: 9}\naggregate: {weight_cap: 7}\ntransforms: [{name: "
        "ring, clip: 0.02, levels: 3000, bits: 40}]",
        0.02 / 3000.0, 7.0, &n_lost);
    CHECK(n_lost == 0);
    equals_plain_integers(with_secagg, 0x1p-10, 0.0, &n_lost);
    CHECK(n_lost > 3);
    impossible_chains_are_refused();
    members_that_cannot_follow_are_refused();
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
