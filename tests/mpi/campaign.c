/* tests/mpi/campaign.c - parts of a job beside each other, and many runs dealt to them: nothing
 * that is written depends on the groups; of several errors the first run's is told; what is missing
 * comes with the next call. */
#include "core/memory.h"
#include "io/files/file.h"
#include "sim/campaign/campaign.h"
#include "sim/play.h"
#include "tests/harness.h"
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N_RUNS = 4 };

static co_comm all;
static char folder[512], experiment[600];

static void write_experiment(void)
{
    FILE *file = fopen(experiment, "w");
    CHECK(file != NULL);
    fputs("name: tiny\nrounds: 30\n"
          "data: {generator: synthetic, devices: 20, alpha: 1, beta: 1, size: 30}\n"
          "model: {name: softmax}\ndevices: {per_round: 7}\nlocal: {lr: 0.01}\n"
          "eval: {every: 0}\noutput: {dir: nowhere}\n",
          file);
    CHECK(fclose(file) == 0);
}

/* Run k of four: two rates, two seeds. */
static co_campaign make(const char *where)
{
    static const char *const rate[] = {"local.lr=0.01", "local.lr=0.03"};
    co_campaign c = {0};
    for (int k = 0; k < N_RUNS; k++) {
        co_campaign_run *run;
        char *word[] = {(char *)(size_t)rate[k / 2]};
        CHECK(co_campaign_add(&c, co_format("run %d", k), co_format("%s/%s-%d", folder, where, k),
                              word, 1, &run) == CO_OK);
        run->experiment = experiment;
        run->seed = 1 + k % 2;
    }
    return c;
}

static void digest_of(const char *where, int k, char hex[33])
{
    char path[700];
    co_file *file = NULL;
    snprintf(path, sizeof path, "%s/%s-%d/run.h5", folder, where, k);
    hex[0] = 0;
    if (co_file_open(path, "cohort-run", false, &file) != CO_OK) return;
    CHECK(co_file_digest(file, hex) == CO_OK);
    co_file_close(file);
}

/* Rank 0 compares what lies in two families of folders. */
static void check_same(const char *a, const char *b)
{
    char x[33], y[33];
    for (int k = 0; k < N_RUNS && all.rank == 0; k++) {
        digest_of(a, k, x);
        digest_of(b, k, y);
        CHECK(*x && strcmp(x, y) == 0);
    }
}

static void play_alone(void)
{
    co_comm alone;
    co_campaign c = make("alone");
    CHECK(co_comm_init_on(&alone, MPI_COMM_SELF) == CO_OK);
    if (all.rank == 0) CHECK(co_campaign_play(&c, 1, &alone) == CO_OK);
    co_comm_fini(&alone);
    co_campaign_fini(&c);
    MPI_Barrier(all.world);
}

/* Two groups at once: memory of their own, agreement of their own, messages with ranks of the job.
 */
static void check_parts(void)
{
    const int own = all.rank >= (all.size + 1) / 2, first = own ? (all.size + 1) / 2 : 0;
    MPI_Comm base;
    co_comm part;
    co_segment block;
    char expected[64];
    MPI_Comm_split(all.world, own, all.rank, &base);
    CHECK(co_comm_init_on(&part, base) == CO_OK);
    MPI_Comm_free(&base);
    CHECK(co_status_rank() == all.rank && part.rank == all.rank - first);
    CHECK(co_segment_create(&block, 4096, &part) == CO_OK);
    int *value = block.data;
    if (part.node_rank == 0) *value = 100 + own;
    co_segment_sync(&block, &part);
    MPI_Barrier(all.world);
    CHECK(*value == 100 + own);
    co_segment_fini(&block);

    const bool fails = own && part.rank == part.size - 1;
    const co_status st = co_agree(fails ? CO_FAIL(CO_EDATA, "bad") : CO_OK, &part);
    CHECK(st == (own ? CO_EDATA : CO_OK));
    snprintf(expected, sizeof expected, "rank %d: bad", all.size - 1);
    if (own) CHECK(strcmp(co_status_message(), part.size > 1 ? expected : "bad") == 0);
    co_comm_fini(&part);
}

static void check_groups(int n_groups)
{
    char where[16];
    co_campaign c;
    snprintf(where, sizeof where, "of%d", n_groups);
    c = make(where);
    CHECK(co_campaign_play(&c, n_groups, &all) == CO_OK);
    for (int k = 0; k < N_RUNS; k++) CHECK(c.run[k].status == CO_OK);
    co_campaign_fini(&c);
    check_same("alone", where);
}

/* An error of the last rank in the middle; the next call goes on. */
static void check_error(void)
{
    char site[32];
    co_campaign c = make("error");
    snprintf(site, sizeof site, "train:%d:3", all.size - 1);
    co_fault_plan(site);
    CHECK(co_campaign_play(&c, 2, &all) == CO_EINTERNAL);
    co_fault_plan(NULL);
    int n_done = 0;
    for (int k = 0; k < N_RUNS; k++) n_done += c.run[k].status == CO_OK;
    CHECK(n_done < N_RUNS);
    CHECK(strstr(co_status_message(), "/error-") && strstr(co_status_message(), "injected"));
    CHECK(co_campaign_play(&c, 2, &all) == CO_OK);
    co_campaign_fini(&c);
    check_same("alone", "error");
}

/* Where it may diverge that is a result; where not, the first such run ends the campaign. */
static void check_divergence(void)
{
    co_campaign c = make("wild");
    static char *words[] = {"local.lr=1000000", "local.weight_decay=0.001", "local.epochs=20"};
    char **own[N_RUNS];
    for (int k = 2; k < N_RUNS; k++) {
        own[k] = c.run[k].words;
        c.run[k].words = words;
        c.run[k].n_words = 3;
        c.run[k].may_diverge = true;
    }
    CHECK(co_campaign_play(&c, 2, &all) == CO_OK);
    CHECK(c.run[1].status == CO_OK && c.run[2].status == CO_EDIVERGED &&
          c.run[3].status == CO_EDIVERGED);
    c.run[3].may_diverge = false;
    CHECK(co_campaign_play(&c, 2, &all) == CO_EDIVERGED);
    CHECK(strstr(co_status_message(), "/wild-3: round 3"));
    for (int k = 2; k < N_RUNS; k++) c.run[k].words = own[k];
    co_campaign_fini(&c);
}

int main(int argc, char **argv)
{
    harness_start(&argc, &argv);
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&all) == CO_OK);
    if (all.rank == 0) {
        snprintf(folder, sizeof folder, "%s.%d", scratch_file("campaign"), (int)getpid());
        mkdir(folder, 0755);
    }
    MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, all.world);
    snprintf(experiment, sizeof experiment, "%s/e.yaml", folder);
    if (all.rank == 0) write_experiment();
    MPI_Barrier(all.world);
    co_campaign none = {0};
    CHECK(co_campaign_play(&none, 2, &all) == CO_OK);
    check_parts();
    play_alone();
    for (int n = 1; n <= all.size; n++) check_groups(n);
    check_error();
    check_divergence();
    char *command = co_format("rm -rf '%s'", folder);
    if (all.rank == 0) CHECK(command && system(command) == 0);
    co_free(command);
    co_comm_fini(&all);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
