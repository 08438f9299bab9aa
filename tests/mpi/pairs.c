/* tests/mpi/pairs.c - every pair of members that the tables allow plays three rounds, by rank 0
 * alone and by all ranks, with the same bits; every pair they forbid is refused with a reason.
 *
 * The parts of an experiment: local rule, local optimiser, transform, aggregator, server optimiser,
 * attack, and how local steps are made. A covering array by greedy choice: an experiment after
 * another takes, part by part, the member that covers most pairs not yet played. An experiment that
 * is refused leaves its pairs open; whether a pair can be played at all is then asked with the
 * plainest members beside it. */
#include "trust/adversaries/attack.h"
#include "core/memory.h"
#include "io/files/file.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PARTS = 7, KINDS = 6, MOST = 16, TRANSFORM = 2, STEPS = 6 };

static const co_kind *const kinds[KINDS] = {
    &co_kind_local_rule, &co_kind_optimizer,        &co_kind_stage,
    &co_kind_aggregator, &co_kind_server_optimizer, &co_kind_attack};
static const char *const plainest[PARTS] = {"sgd", "sgd", "none", "mean", "sgd", "none", ""};
static const char *const steps[] = {
    "", ", accumulate: 2", ", step_schedule: {name: linear, warmup: 0.4}",
    ", weight_decay: 0.1, no_decay: ['*.bias']", ", clip_grad: 0.2"};
static const char *names[PARTS][MOST];
static size_t n_names[PARTS], n_refused, n_played;
static bool open_pair[PARTS][MOST][PARTS][MOST];
static char out[256];
static co_comm all, alone;

static void list_members(void)
{
    names[TRANSFORM][n_names[TRANSFORM]++] = "none";
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++)
        names[STEPS][n_names[STEPS]++] = steps[k];
    for (size_t p = 0; p < KINDS; p++)
        for (const co_plugin *const *m = kinds[p]->members; *m; m++) {
            CHECK(n_names[p] < MOST);
            names[p][n_names[p]++] = (*m)->name;
        }
    for (size_t p = 0; p < PARTS; p++)
        for (size_t q = p + 1; q < PARTS; q++)
            for (size_t i = 0; i < n_names[p]; i++)
                for (size_t k = 0; k < n_names[q]; k++) open_pair[p][i][q][k] = true;
}

static char *text_of(const char *const choice[PARTS])
{
    const bool attacked = strcmp(choice[5], "none") != 0,
               transformed = strcmp(choice[TRANSFORM], "none") != 0;
    return co_format(
        "name: pair\nrounds: 3\ndata: {generator: synthetic, devices: 9, alpha: 1, "
        "beta: 1, size: 12}\n"
        "model: {name: softmax}\ndevices: {per_round: 6, attack: %s%s}\n"
        "local: {rule: %s, optimizer: %s, lr: 0.01, batch: 3%s}\ntransforms: [%s%s%s]\n"
        "aggregate: {rule: %s}\nserver: {optimizer: %s, lr: 0.1}\neval: {every: 3}\n"
        "output: {dir: %s, checkpoint_every: 0}\n",
        choice[5], attacked ? ", attackers: 0.3" : "", choice[0], choice[1], choice[STEPS],
        transformed ? "{name: " : "", transformed ? choice[TRANSFORM] : "", transformed ? "}" : "",
        choice[3], choice[4], out);
}

static void digest_of(const char *name, char hex[33])
{
    char *path = co_format("%s/%s", out, name);
    co_file *file = NULL;
    CHECK(co_file_open(path, NULL, false, &file) == CO_OK);
    CHECK(file && co_file_digest(file, hex) == CO_OK);
    co_file_close(file);
    co_free(path);
}

/* CO_OK, or CO_EUSAGE when the experiment is refused. Collective(comm). */
static co_status play(const char *const choice[PARTS], const co_comm *comm, char hex[2][33])
{
    co_experiment experiment;
    co_run run;
    char *text = text_of(choice);
    const co_status st = play_text(text, comm, &experiment, &run);
    if (st == CO_OK && comm->rank == 0) {
        digest_of("run.h5", hex[0]);
        digest_of("ckpt-00000003.h5", hex[1]);
    }
    if (st == CO_OK) close_run(&experiment, &run);
    if (st != CO_OK && st != CO_EUSAGE) fprintf(stderr, "%s\n%s\n", text, co_status_message());
    CHECK(st == CO_OK || st == CO_EUSAGE);
    CHECK(st == CO_OK || strstr(co_status_message(), "test.yaml"));
    co_free(text);
    return st;
}

/* By rank 0 alone and by all; true when it can be played. Collective(all). */
static bool same_bits(const char *const choice[PARTS])
{
    char expected[2][33] = {"", ""}, got[2][33] = {"", ""};
    int st = all.rank == 0 ? (int)play(choice, &alone, expected) : 0;
    MPI_Bcast(&st, 1, MPI_INT, 0, all.world);
    if (st != CO_OK) {
        n_refused++;
        return false;
    }
    CHECK(play(choice, &all, got) == CO_OK);
    if (memcmp(expected, got, sizeof got) != 0)
        fprintf(stderr, "%s %s %s %s %s %s%s\n", choice[0], choice[1], choice[2], choice[3],
                choice[4], choice[5], choice[STEPS]);
    CHECK(memcmp(expected, got, sizeof got) == 0);
    n_played++;
    return true;
}

static void close_pairs(const size_t at[PARTS])
{
    for (size_t p = 0; p < PARTS; p++)
        for (size_t q = p + 1; q < PARTS; q++) open_pair[p][at[p]][q][at[q]] = false;
}

/* Pairs of member i of part p with the parts chosen already that are still open. */
static size_t gain(const size_t at[PARTS], const bool chosen[PARTS], size_t p, size_t i)
{
    size_t n = 0;
    for (size_t q = 0; q < PARTS; q++) {
        if (!chosen[q]) continue;
        n += p < q ? open_pair[p][i][q][at[q]] : open_pair[q][at[q]][p][i];
    }
    return n;
}

/* An experiment around the open pair (p, i), (q, k). */
static void fill(size_t p, size_t i, size_t q, size_t k, size_t at[PARTS])
{
    bool chosen[PARTS] = {false};
    at[p] = i;
    at[q] = k;
    chosen[p] = chosen[q] = true;
    for (size_t r = 0; r < PARTS; r++) {
        if (chosen[r]) continue;
        size_t best = 0;
        for (size_t j = 1; j < n_names[r]; j++)
            if (gain(at, chosen, r, j) > gain(at, chosen, r, best)) best = j;
        at[r] = best;
        chosen[r] = true;
    }
}

static void cover(size_t p, size_t i, size_t q, size_t k)
{
    size_t at[PARTS];
    const char *choice[PARTS], *plain[PARTS];
    fill(p, i, q, k, at);
    for (size_t r = 0; r < PARTS; r++) {
        choice[r] = names[r][at[r]];
        plain[r] = r == p ? names[p][i] : r == q ? names[q][k] : plainest[r];
    }
    if (same_bits(choice))
        close_pairs(at);
    else
        same_bits(plain); /* or the pair itself is what is refused */
    open_pair[p][i][q][k] = false;
}

int main(int argc, char **argv)
{
    const int rank = harness_start(&argc, &argv);
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&all) == CO_OK);
    CHECK(co_comm_init_on(&alone, MPI_COMM_SELF) == CO_OK);
    if (rank == 0) snprintf(out, sizeof out, "%s", scratch_file("pairs"));
    MPI_Bcast(out, sizeof out, MPI_CHAR, 0, MPI_COMM_WORLD);
    list_members();
    if (all.size == 3) /* one cut suffices: placement.c has the others */
        for (size_t p = 0; p < PARTS; p++)
            for (size_t q = p + 1; q < PARTS; q++)
                for (size_t i = 0; i < n_names[p]; i++)
                    for (size_t k = 0; k < n_names[q]; k++)
                        if (open_pair[p][i][q][k]) cover(p, i, q, k);
    if (rank == 0) {
        printf("%zu experiments played, %zu refused\n", n_played, n_refused);
        CHECK(all.size != 3 || (n_played > 60 && n_refused > 5));
        co_output_remove(out);
        rmdir(out);
    }
    co_comm_fini(&alone);
    co_comm_fini(&all);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
