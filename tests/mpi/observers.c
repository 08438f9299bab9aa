/* tests/mpi/observers.c - watching changes nothing: a run without one of its observers makes the
 * same models. */
#include "core/memory.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static co_comm comm;

static const char yaml[] =
    "name: watched\nrounds: 5\ndata: {generator: synthetic, devices: 20, alpha: 1, beta: 1}\n"
    "model: {name: softmax}\ndevices: {per_round: 6, select: poisson}\nalgorithm: scaffold\n"
    "local: {lr: 0.05}\neval: {every: 2, devices: true}\noutput: {checkpoint_every: 2, best: "
    "true, dir: %s}\n";

/* The model's digest after a run without the member at that place of the list; NULL: with all. */
static uint64_t digest_without(const char *text, const co_plugin *member)
{
    co_experiment e;
    co_run run;
    uint64_t digest = 0;
    CHECK(co_experiment_parse(text, "test.yaml", &e) == CO_OK);
    co_status st = co_run_create(&run, &e, co_config_string(&e.output, "dir"), &comm);
    CHECK(st == CO_OK);
    for (size_t k = 0; st == CO_OK && co_kind_observer.members[k]; k++)
        if (co_kind_observer.members[k] == member && run.observers.self[k]) {
            ((const co_observer *)member)->destroy(run.observers.self[k]);
            run.observers.self[k] = NULL;
        }
    if (st == CO_OK) st = co_run_rounds(&run);
    CHECK(st == CO_OK);
    if (st == CO_OK) {
        CHECK(run.round == 5 && run.ending == CO_DONE);
        digest = co_exchange_digest(&run.exchange);
        if (comm.rank == 0 && !member) CHECK(run.record.eval.n_rows == 8);
        MPI_Barrier(comm.world); /* nobody gives the board back while another reads it */
        co_run_destroy(&run);
    }
    co_experiment_fini(&e);
    return digest;
}

int main(int argc, char **argv)
{
    char dir[256];
    harness_start(&argc, &argv);
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&comm) == CO_OK);
    if (comm.rank == 0) snprintf(dir, sizeof dir, "%s", scratch_file("watched"));
    MPI_Bcast(dir, sizeof dir, MPI_CHAR, 0, comm.world);
    char *text = co_format(yaml, dir);
    co_experiment e;
    co_run run;
    if (play_text(text, &comm, &e, &run) == CO_OK) close_run(&e, &run); /* the folder is there */
    const uint64_t all = digest_without(text, NULL);
    CHECK(all != 0);
    for (const co_plugin *const *member = co_kind_observer.members; *member; member++) {
        if (strcmp((*member)->name, "stop") == 0) continue; /* it ends the run */
        const uint64_t digest = digest_without(text, *member);
        CHECK(digest == all);
        if (digest != all) fprintf(stderr, "without %s\n", (*member)->name);
    }
    co_free(text);
    co_comm_fini(&comm);
    return harness_end();
}
