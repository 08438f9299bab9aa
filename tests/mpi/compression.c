/* tests/mpi/compression.c - error feedback and compressed messages of the server in whole runs, on
 * any number of ranks, with stages of the test's own: what devices have sent and what they remember
 * is what they were to send; the mean that EF21 keeps on the server is that of what all devices
 * have sent, absent ones included; what devices have and what the server keeps back is the model of
 * a server that sends all of it; bytes are those of every message that a device lacked; and what
 * cannot be is refused before the first step. */
#include "core/memory.h"
#include "core/random.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 64, ROUNDS = 7 };
#define WIDE "model: {layers: [{dense: 700}, tanh, {dense: classes}]}\n"
#define FROZEN "model: {layers: [{dense: 1500}, tanh, {dense: classes}], freeze: [0.weight]}\n"

static char blobs[256], out[256];
static co_comm comm;

/* ---- stages ---- */

/* Adds up what comes by, in its own vector. */
static void add_up(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    (void)self, (void)key;
    for (size_t j = 0; j < c->n; j++) state[0][j] += c->update[j];
}

/* What a device sends depends on who and when alone. */
static void say_what_is_fixed(void *self, const co_stage_key *key, co_contribution *c,
                              float *const *state)
{
    (void)self, (void)state;
    for (const co_part *p = c->part; p < c->part + c->n_parts; p++) {
        co_stream s = co_stream_open(77, CO_DRAW_TEST, (uint64_t)key->step, (uint64_t)key->device,
                                     (uint64_t)p->offset);
        for (size_t j = 0; j < p->size; j++)
            c->update[p->at + j] = 0.1f * (float)co_draw_normal(&s);
    }
    c->norm = NAN;
}

static int64_t n_coded; /* of the last step */

/* To the nearest multiple of 1/64: a code of 8 bits. */
static void coarsen(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    (void)self, (void)key, (void)state;
    int64_t n_zero = 0;
    for (size_t j = 0; j < c->n; j++) {
        c->update[j] = rintf(c->update[j] * 64.0f) / 64.0f;
        n_zero += c->update[j] == 0.0f;
    }
    c->norm = NAN;
    c->coded_bits = 1.0 * (double)n_zero + 9.3 * (double)(c->n - (size_t)n_zero);
    if (c->counts) c->counts[0] = (int64_t)ceil(c->coded_bits / 8.0);
}

static co_status end_of_coarse(void *self, const co_stage_key *key, const co_stage_end *end)
{
    (void)self, (void)key;
    n_coded = end->counts[0];
    return CO_OK;
}

static void in_bytes(const void *self, co_message *m)
{
    (void)self;
    m->bits = 8.0;
    m->beside += 5;
}

/* Devices 0 to 4 give no update that is finite. */
static void spoil(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    (void)self, (void)state;
    if (key->device < 5) c->norm = INFINITY;
}

static void in_half(const void *self, co_message *m)
{
    (void)self;
    m->bits = 16.0;
}

static void pass(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    (void)self, (void)key, (void)c, (void)state;
}

static void look_at_rows(void *self, const co_stage_rows *rows)
{
    (void)self, (void)rows;
}

static void double_sum(void *self, const co_stage_key *key, co_round_sum *sum)
{
    (void)self, (void)key;
    co_sum_to_values(sum);
    for (size_t j = 0; j < sum->n; j++) sum->value[j] *= 2.0;
}

/* Half of it is sent; the server knows. */
static void send_half(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    (void)self, (void)key, (void)state;
    for (size_t j = 0; j < c->n; j++) c->update[j] *= 0.5f;
    c->norm = NAN;
}

static co_ring make_ring(const void *self, size_t cohort)
{
    (void)self, (void)cohort;
    return (co_ring){.bits = 30, .bound = 1};
}

static const char *const asked_slots[] = {"asked", NULL}, *const sent_slots[] = {"sent", NULL};
static const co_stage asked = {.name = "asked", .forward = add_up, .slots = asked_slots},
                      sent = {.name = "sent", .forward = add_up, .slots = sent_slots},
                      fixed = {.name = "fixed", .forward = say_what_is_fixed},
                      coarse = {.name = "coarse",
                                .forward = coarsen,
                                .end = end_of_coarse,
                                .message = in_bytes,
                                .n_counts = 1,
                                .keeps_zeros = true,
                                .codes = true,
                                .blockwise = true},
                      whole = {.name = "whole",
                               .forward = pass,
                               .message = in_half,
                               .blockwise = true},
                      halved = {.name = "halved",
                                .forward = send_half,
                                .backward = double_sum,
                                .keeps_zeros = true,
                                .mixes = true,
                                .blockwise = true},
                      spoils = {.name = "spoils", .forward = spoil},
                      symbols = {.name = "symbols", .forward = pass, .coded = true},
                      few = {.name = "few", .forward = pass, .message = in_half, .sparse = true},
                      shapes = {.name = "shapes", .forward = pass, .by_tensor = true},
                      rows = {.name = "rows", .rows = look_at_rows},
                      plain = {.name = "plain", .forward = pass, .keeps_zeros = true},
                      fills = {.name = "fills", .forward = pass},
                      integers = {.name = "integers",
                                  .forward = pass,
                                  .gives = CO_INTEGERS,
                                  .keeps_zeros = true,
                                  .ring = make_ring};

/* Stages in front of those of the text, behind them, and of the downlink; each list ends with NULL.
 */
typedef struct {
    const co_stage *front[4], *behind[4], *down[4];
} lists;

static co_status open_with(const char *words, const lists *l, co_experiment *e, co_run *run)
{
    char *text =
        co_format("name: compression\npartition: {method: dirichlet, devices: 20, alpha: 0.5}\n%s"
                  "eval: {every: 0}\ndata: {file: %s}\noutput: {dir: %s, checkpoint_every: 0, "
                  "devices: true}\n%s",
                  strstr(words, "local:") ? "" : "local: {lr: 0.1, batch: 8}\n", blobs, out, words);
    co_status st = co_experiment_parse(text, "test.yaml", e);
    co_free(text);
    if (st != CO_OK) return st;
    if (comm.rank == 0) co_output_remove(out);
    MPI_Barrier(comm.world);
    size_t n_front = 0;
    while (l->front[n_front]) n_front++;
    for (size_t k = e->n_transforms; k-- > 0;) {
        e->transform[k + n_front] = e->transform[k];
        e->transform_options[k + n_front] = e->transform_options[k];
    }
    memcpy(e->transform, l->front, n_front * sizeof *l->front);
    e->n_transforms += n_front;
    for (size_t k = 0; l->behind[k]; k++) e->transform[e->n_transforms++] = l->behind[k];
    for (size_t k = 0; l->down[k]; k++) e->downlink[e->n_downlink++] = l->down[k];
    st = co_run_create(run, e, out, &comm);
    if (st != CO_OK) co_experiment_fini(e);
    return st;
}

static bool play(const char *words, const lists *l, co_experiment *e, co_run *run)
{
    co_status st = open_with(words, l, e, run);
    if (st == CO_OK && (st = co_run_rounds(run)) != CO_OK) close_run(e, run);
    if (st != CO_OK) fprintf(stderr, "%s\n", co_status_message());
    CHECK(st == CO_OK);
    return st == CO_OK;
}

/* A device's vector, where it is at home; NULL: elsewhere, or it never took part. */
static const float *kept(const co_run *run, const char *name, int64_t device)
{
    const co_state *s = &run->state;
    if (device % comm.size != comm.rank || !s->home[device / comm.size]) return NULL;
    for (size_t k = 0; k < s->n_slots; k++)
        if (strcmp(run->state_name[k], name) == 0) return s->home[device / comm.size] + k * s->n;
    CHECK(false && "no such vector");
    return NULL;
}

static const float *slot_of(const co_run *run, const char *name)
{
    for (size_t k = 0; k < run->n_slots; k++)
        if (strcmp(run->slot_name[k], name) == 0) return run->slot[k];
    return NULL;
}

/* ---- laws ---- */

/* Over all steps: what was asked to be sent is what was sent and what is remembered. */
static void classic_remembers_what_is_lost(void)
{
    const lists l = {{&asked}, {&coarse, &sent}, {NULL}};
    co_experiment e;
    co_run run;
    double largest = 0.0, worst = 0.0, n_took_part = 0.0;
    if (!play(FROZEN "rounds: 9\ndevices: {per_round: 6}\ntransforms: [{name: error_feedback}]", &l,
              &e, &run))
        return;
    CHECK(!slot_of(&run, "error_feedback_mean"));
    for (int64_t k = 0; k < 20; k++) {
        const float *in = kept(&run, "asked", k), *memory = kept(&run, "error_feedback", k),
                    *left = kept(&run, "sent", k);
        if (!in) continue;
        n_took_part++;
        for (size_t j = 0; j < run.state.n; j++) {
            worst = fmax(worst, fabs((double)in[j] - (double)left[j] - (double)memory[j]));
            largest = fmax(largest, fabs((double)memory[j]));
        }
    }
    CHECK(sum_of_ranks(n_took_part, &comm) > 10);
    CHECK(worst < 1e-6);
    CHECK(sum_of_ranks(largest, &comm) > 0.005 && largest < 1.0 / 128 + 1e-6);
    close_run(&e, &run);
}

/* G is the mean of what all devices have sent, each with its part of the population's weight. */
static void ef21_keeps_the_mean_of_all(const char *words, bool is_decoded, bool some_fail)
{
    const lists l = {{some_fail ? &spoils : NULL},
                     {is_decoded ? &halved : &coarse, is_decoded ? &coarse : &sent},
                     {NULL}};
    co_experiment e;
    co_run run;
    if (!play(words, &l, &e, &run)) return;
    const size_t n = run.state.n;
    double *mean = co_calloc(n, sizeof *mean), all = 0.0, moved = 0.0, n_absent = 0.0;
    const float *own = slot_of(&run, "error_feedback_mean");
    CHECK(own);
    for (int64_t k = 0; k < 20; k++) all += co_plan_weight(&e, &run.population, k);
    for (int64_t k = 0; k < 20; k++) {
        const float *memory = kept(&run, "error_feedback", k);
        n_absent += k % comm.size == comm.rank && !memory;
        if (!memory) continue;
        if (!is_decoded) CHECK(memcmp(memory, kept(&run, "sent", k), n * sizeof *memory) == 0);
        const double part = co_plan_weight(&e, &run.population, k) / all;
        for (size_t j = 0; j < n; j++) mean[j] += part * (double)memory[j];
    }
    MPI_Allreduce(MPI_IN_PLACE, mean, (int)n, MPI_DOUBLE, MPI_SUM, comm.world);
    for (size_t j = 0; own && j < run.exchange.n_own; j++) {
        CHECK(fabs(mean[run.exchange.first + j] - (double)own[j]) < 2e-7);
        CHECK(run.update[j] == (double)own[j]);
        moved = fmax(moved, fabs((double)own[j]));
    }
    CHECK(sum_of_ranks(moved, &comm) > 0.002);
    CHECK(sum_of_ranks(n_absent, &comm) > 0); /* some were never asked, most not in each step */
    co_free(mean);
    close_run(&e, &run);
}

/* The model of the server: what devices have, and beside it what is kept back. */
static void take_model(const co_run *run, bool with_rest, float *model)
{
    const co_exchange *x = &run->exchange;
    const float *rest = with_rest ? slot_of(run, "downlink_rest") : NULL;
    CHECK(!with_rest || rest);
    for (size_t p = 0; p < x->n_own_parts; p++)
        for (size_t j = 0; j < x->own[p].size; j++)
            model[x->own[p].at + j] =
                x->model[x->own[p].offset + j] + (rest ? rest[x->own[p].at + j] : 0.0f);
}

/* Devices whose updates do not depend on the model: what is kept back is all that is missing. */
static void nothing_is_lost_on_the_way_down(const char *words, const co_stage *stage)
{
    const lists without = {{NULL}, {&fixed}, {NULL}}, with = {{NULL}, {&fixed}, {stage}};
    co_experiment e;
    co_run run;
    if (!play(words, &without, &e, &run)) return;
    const size_t n = run.exchange.n_own;
    float *plainly = co_malloc(n, sizeof *plainly), *whole_model = co_malloc(n, sizeof *plainly),
          *had = co_malloc(n, sizeof *had);
    take_model(&run, false, plainly);
    close_run(&e, &run);
    if (play(words, &with, &e, &run)) {
        double worst = 0.0, kept_back = 0.0;
        take_model(&run, true, whole_model);
        take_model(&run, false, had);
        for (size_t j = 0; j < n; j++) {
            worst = fmax(worst, fabs((double)whole_model[j] - (double)plainly[j]));
            kept_back = fmax(kept_back, fabs((double)had[j] - (double)plainly[j]));
        }
        CHECK(worst < 1e-6);
        CHECK(stage == &whole ? kept_back == 0.0 : sum_of_ranks(kept_back, &comm) > 0.004);
        CHECK(kept_back < 1.0 / 128 + 1e-6);
        close_run(&e, &run);
    }
    co_free(plainly);
    co_free(whole_model);
    co_free(had);
}

/* Digests of all rounds; rank 0 fills. */
static size_t digests(const co_run *run, int64_t *digest)
{
    const co_table *t = &run->record.rounds;
    if (comm.rank != 0) return 0;
    const size_t column = (size_t)co_table_find(t, "model_digest");
    for (size_t k = 0; k < t->n_rows && k < MOST; k++)
        digest[k] = (int64_t)((const uint64_t *)t->data[column])[k];
    return t->n_rows;
}

/* A message that loses nothing leaves no trace. */
static void a_whole_message_changes_nothing(const char *words)
{
    const lists without = {{NULL}}, with = {{NULL}, {NULL}, {&whole}};
    int64_t digest[2][MOST] = {{0}};
    for (int k = 0; k < 2; k++) {
        co_experiment e;
        co_run run;
        if (!play(words, k ? &with : &without, &e, &run)) return;
        CHECK(comm.rank > 0 || digests(&run, digest[k]) == ROUNDS);
        close_run(&e, &run);
    }
    CHECK(memcmp(digest[0], digest[1], sizeof digest[0]) == 0);
}

/* ---- bytes ---- */

static int64_t cell(const co_table *t, size_t row, const char *column)
{
    const int at = co_table_find(t, column);
    CHECK(at >= 0);
    return at < 0 ? 0 : co_table_get_i64(t, row, (size_t)at);
}

/* Message by message, for every device of every row, in the order of the rows. */
static void bytes_are_those_of_the_messages_that_a_device_lacked(const char *words)
{
    const lists l = {{NULL}, {NULL}, {&coarse}};
    co_experiment e;
    co_run run;
    if (!play(words, &l, &e, &run)) return;
    const co_table *t = &run.record.devices, *rounds = &run.record.rounds;
    const int64_t n = (int64_t)co_model_layout(run.model)->n_shared, message = n + 5;
    int64_t has[20], n_part = 0, n_whole = 0, sums[MOST] = {0}, sum_now = 0, n_away = 0;
    for (int k = 0; k < 20; k++) has[k] = -1;
    for (size_t i = 0; comm.rank == 0 && i < t->n_rows;) {
        const int64_t round = cell(t, i, "round");
        const size_t first = i;
        for (; i < t->n_rows && cell(t, i, "round") == round; i++) {
            const int64_t device = cell(t, i, "device"), status = cell(t, i, "status");
            int64_t wanted = 0;
            for (int64_t v = has[device]; has[device] >= 0 && v < cell(t, i, "version"); v++)
                wanted += message;
            if (has[device] < 0 || wanted > 4 * n) wanted = 4 * n;
            n_whole += wanted == 4 * n;
            n_part += wanted > 0 && wanted < 4 * n;
            if (status == CO_UNAVAILABLE) wanted = 0;
            CHECK(cell(t, i, "bytes_down") == wanted);
            sums[round] += wanted;
        }
        for (size_t k = first; k < i; k++) {
            const int64_t status = cell(t, k, "status");
            n_away += status != CO_REPORTED;
            if (status == CO_REPORTED || status == CO_EMPTY || status == CO_NONFINITE)
                has[cell(t, k, "device")] = cell(t, k, "version");
        }
    }
    for (size_t r = 0; comm.rank == 0 && r < rounds->n_rows; r++) {
        CHECK(cell(rounds, r, "bytes_down") == sums[cell(rounds, r, "round")]);
        sum_now += cell(rounds, r, "bytes_down");
    }
    if (comm.rank == 0) CHECK(n_part > 5 && n_whole > 5 && sum_now > 0);
    if (comm.rank == 0 && (strstr(words, "dropout") || strstr(words, "dp:"))) CHECK(n_away > 3);
    close_run(&e, &run);
}

/* Up, behind a code: the exact sum of whole bytes of all devices; attackers write none. */
static void coded_bytes_are_summed_exactly(void)
{
    const lists l = {{NULL}, {&coarse}, {NULL}};
    for (int attacked = 0; attacked < 2; attacked++) {
        co_experiment e;
        co_run run;
        if (!play(attacked ? WIDE "rounds: 3\ndevices: {per_round: 7, attack: sign_flip, "
                                  "attackers: 8}"
                           : WIDE "rounds: 3\ndevices: {per_round: 7}",
                  &l, &e, &run))
            return;
        if (comm.rank == 0) {
            const co_table *t = &run.record.rounds, *d = &run.record.devices;
            const size_t last = t->n_rows - 1;
            const int64_t n = (int64_t)co_model_layout(run.model)->n_shared;
            int64_t n_attackers = 0;
            for (size_t i = 0; i < d->n_rows; i++)
                for (size_t k = 0; cell(d, i, "round") == 3 && k < run.plan.n_attackers; k++)
                    n_attackers += run.plan.attackers[k] == cell(d, i, "device") &&
                                   cell(d, i, "status") == CO_REPORTED;
            CHECK(cell(t, last, "bytes_up_coded") == n_coded + n_attackers * 4 * n);
            CHECK(cell(t, last, "bytes_up") ==
                  (cell(t, last, "n_reported") - n_attackers) * (n + 5) + n_attackers * 4 * n);
            CHECK(attacked ? n_attackers > 0 : n_attackers == 0);
            CHECK(cell(t, last, "bytes_up_coded") < cell(t, last, "bytes_up"));
        }
        close_run(&e, &run);
    }
    const lists none = {{NULL}};
    co_experiment e;
    co_run run;
    if (!play(WIDE "rounds: 1\nalgorithm: scaffold\ndevices: {per_round: 7}", &none, &e, &run))
        return;
    if (comm.rank == 0) CHECK(co_table_find(&run.record.rounds, "bytes_up_coded") < 0);
    close_run(&e, &run);
    /* what goes beside the update goes as it is */
    if (!play(WIDE "rounds: 1\nalgorithm: scaffold\ndevices: {per_round: 7}", &l, &e, &run)) return;
    const int64_t n = (int64_t)co_model_layout(run.model)->n_shared;
    CHECK(run.plan.bytes_up[0] == 4 * n + n + 5 && run.plan.bytes_down == 8 * n);
    close_run(&e, &run);
}

/* ---- refusals ---- */

static void refused(const char *words, const lists *l, const char *why)
{
    co_experiment e;
    co_run run;
    const co_status st = open_with(words, l, &e, &run);
    const bool is_said = st == CO_EUSAGE && strstr(co_status_message(), why);
    if (!is_said) fprintf(stderr, "%s: %d %s\n", why, st, co_status_message());
    CHECK(is_said);
    if (st == CO_OK) close_run(&e, &run);
}

static void allowed(const char *words, const lists *l)
{
    co_experiment e;
    co_run run;
    const co_status st = open_with(words, l, &e, &run);
    if (st != CO_OK) fprintf(stderr, "%s\n", co_status_message());
    CHECK(st == CO_OK);
    if (st == CO_OK) close_run(&e, &run);
}

#define SOME "model: {name: softmax}\nrounds: 2\ndevices: {per_round: 7}\n"
#define EF "transforms: [{name: error_feedback}]\n"
#define EF21 "transforms: [{name: error_feedback, method: ef21}]\n"
#define STAGES(...) (&(const lists){{NULL}, {__VA_ARGS__}, {NULL}})
#define DOWN(stage) (&(const lists){{NULL}, {NULL}, {stage}})

static void orders_that_cannot_be_are_refused(void)
{
    refused(SOME EF, STAGES(&plain), "nothing behind error_feedback makes an update smaller");
    refused(SOME EF, STAGES(&integers), "error_feedback has to know what the server has");
    refused(SOME EF, STAGES(&coarse, &integers), "error_feedback has to know what the server has");
    refused(SOME, STAGES(&symbols, &plain),
            "plain cannot stand behind symbols, which has said how");
    refused(SOME, STAGES(&few, &fills), "fills cannot stand behind few, which leaves few");
    refused(SOME, STAGES(&few, &integers), "which leaves each device coordinates of its own");
    refused(SOME, STAGES(&halved, &asked), "asked cannot stand behind halved, which mixes");
    refused(SOME, STAGES(&halved, &shapes), "shapes cannot stand behind halved, which mixes");
    refused(SOME EF, &(const lists){{&few}, {&coarse}, {NULL}},
            "error_feedback cannot stand behind few");
    refused(
        SOME "transforms: [{name: error_feedback}, {name: local_laplace, clip: 1, epsilon: 8}]\n"
             "aggregate: {weight: uniform}",
        STAGES(&coarse), "the noise of local_laplace behind error_feedback would count as lost");
    refused(SOME, STAGES(&rows, &integers), "rows reads the updates of all devices");
    refused(SOME "aggregate: {rule: median}", STAGES(&halved), "median reads updates one by one");
    allowed(SOME, STAGES(&plain, &few, &plain));
    for (int k = 0; k < 2; k++)
        refused("model: {name: softmax}\nrounds: 2\ndevices: {select: poisson, per_round: 7}\n"
                "privacy: {mechanism: ddgauss, clip: 1, noise_multiplier: 1, delta: 1e-3, "
                "min_reporting: 3}\nsecagg: {protocol: secagg}",
                k ? STAGES(&symbols) : STAGES(&few),
                k ? "distributed privacy cannot stand behind symbols"
                  : "distributed privacy cannot stand behind few");
    allowed(SOME, STAGES(&halved, &few, &plain));
    allowed(SOME EF "aggregate: {rule: median}", STAGES(&coarse));
    allowed("model: {name: softmax}\nrounds: 2\ndevices: {per_round: 7, attack: sign_flip, "
            "attackers: 3}\nprivacy: {clip: 1, noise_multiplier: 1, delta: 1e-3}\n" EF,
            STAGES(&few));
}

static void ef21_needs_fixed_shares(void)
{
    const lists *l = STAGES(&coarse);
    refused(SOME EF21 "aggregate: {rule: median}", l, "median reads updates one by one");
    refused(SOME EF21 "algorithm: qfedavg", l, "aggregate.rule has weights of its own");
    refused(SOME EF21 "aggregate: {unbiased: true}", l, "aggregate.unbiased weighs by chances");
    refused("model: {name: softmax}\nrounds: 2\nclock: {seconds_per_unit: 1}\ndevices: {mode: "
            "buffered, per_round: 3, concurrency: 5}\n" EF21,
            l, "devices.mode weighs old versions less");
    refused(SOME EF21 "privacy: {clip: 1, noise_multiplier: 1, delta: 1e-3}", l,
            "section privacy bounds what devices send");
    refused(SOME EF21 "aggregate: {groups: {servers: 2}}", l, "needs one sum over all devices");
    allowed(SOME EF "aggregate: {groups: {servers: 2}}", l);
    allowed(SOME EF "algorithm: qfedavg", l);
}

static void downlinks_that_cannot_be_are_refused(void)
{
    refused(SOME "downlink: [{name: error_feedback}]", DOWN(NULL),
            "the server makes up for what is lost on its way down in any case");
    refused(SOME "downlink: [{name: clip}]", DOWN(NULL), "clip looks at an update as a whole");
    refused(SOME "downlink: {name: clip}", DOWN(NULL), "downlink: must be a list");
    refused(SOME "downlink: [clip]", DOWN(NULL), "downlink: an item is a map: {name: clip}");
    refused("model: {name: softmax}\nrounds: 2\ndevices: {per_round: 3, select: power_of_choice, "
            "candidates: 6}\n",
            DOWN(&coarse), "power_of_choice sends the model to candidates before each step");
    refused(SOME, &(const lists){{NULL}, {NULL}, {&symbols, &plain}},
            "downlink: plain cannot stand behind symbols");
    allowed("model: {name: softmax}\nrounds: 2\ndevices: {per_round: 3, select: power_of_choice, "
            "candidates: 6, last_known: true}\n",
            DOWN(&coarse));
}

int main(int argc, char **argv)
{
    harness_start(&argc, &argv);
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&comm) == CO_OK);
    if (comm.rank == 0) {
        snprintf(blobs, sizeof blobs, "%s", scratch_file("compression.h5"));
        snprintf(out, sizeof out, "%s", scratch_file("compression"));
        mkdir(out, 0755);
        CHECK(write_blobs(blobs, 400, 10, 4, 5) == CO_OK);
    }
    MPI_Bcast(blobs, sizeof blobs, MPI_CHAR, 0, comm.world);
    MPI_Bcast(out, sizeof out, MPI_CHAR, 0, comm.world);
    classic_remembers_what_is_lost();
    ef21_keeps_the_mean_of_all(FROZEN "rounds: 4\ndevices: {per_round: 5}\n" EF21, false, false);
    ef21_keeps_the_mean_of_all(WIDE "rounds: 5\ndevices: {per_round: 4}\nclock: {dropout: "
                                    "0.3}\naggregate: {weight: uniform}\n" EF21,
                               false, false);
    ef21_keeps_the_mean_of_all(WIDE "rounds: 4\ndevices: {per_round: 5}\n" EF21, true, false);
    ef21_keeps_the_mean_of_all(WIDE "rounds: 4\ndevices: {per_round: 12}\n" EF21, false, true);
    nothing_is_lost_on_the_way_down(WIDE "rounds: 7\ndevices: {per_round: 5}", &coarse);
    nothing_is_lost_on_the_way_down(WIDE "rounds: 7\ndevices: {per_round: 5}", &whole);
    nothing_is_lost_on_the_way_down(
        FROZEN "rounds: 7\nserver: {optimizer: adam, lr: 0.01}\ndevices: {per_round: 5}", &coarse);
    a_whole_message_changes_nothing(WIDE "rounds: 7\ndevices: {per_round: 5}");
    a_whole_message_changes_nothing(FROZEN "rounds: 7\ndevices: {select: poisson, per_round: 1.1}\n"
                                           "server: {optimizer: adam, lr: 0.01}");
    bytes_are_those_of_the_messages_that_a_device_lacked(
        WIDE "rounds: 30\ndevices: {per_round: 4}\nclock: {seconds_per_unit: 1, down: 1e4, "
             "dropout: 0.2, availability: {name: markov, on_s: 60, off_s: 20}}");
    bytes_are_those_of_the_messages_that_a_device_lacked(
        WIDE "rounds: 30\ndevices: {mode: buffered, per_round: 3, concurrency: 7, max_staleness: "
             "4}\nclock: {seconds_per_unit: 1, speed: {name: lognormal, sigma: 1}, down: 1e4, "
             "dropout: 0.2}");
    bytes_are_those_of_the_messages_that_a_device_lacked(
        WIDE "rounds: 30\ndevices: {mode: deadline, per_round: 3, over_select: 2}\nclock: "
             "{seconds_per_unit: 1, down: 1e4}");
    bytes_are_those_of_the_messages_that_a_device_lacked(
        WIDE "rounds: 30\ndevices: {per_round: 5}\nclock: {seconds_per_unit: 1, down: 1e4}\n"
             "local: {lr: 0.1, batch: 8, dp: {clip: 1, noise_multiplier: 2, epsilon: 4, delta: "
             "1e-3}}");
    coded_bytes_are_summed_exactly();
    orders_that_cannot_be_are_refused();
    ef21_needs_fixed_shares();
    downlinks_that_cannot_be_are_refused();
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
