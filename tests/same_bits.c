/* tests/same_bits.c - one experiment on one rank and on all. */
#include "core/memory.h"
#include "io/files/file.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include "tests/same_bits.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__ /* the bits are those of the release build: all ranks alone play */
static const bool compares = false;
#else
static const bool compares = true;
#endif

void same_bits_start(same_bits *s, const char *folder)
{
    memset(s, 0, sizeof *s);
    CHECK(co_comm_init(&s->all) == CO_OK);
    CHECK(co_comm_init_on(&s->alone, MPI_COMM_SELF) == CO_OK);
    if (s->all.rank == 0) snprintf(s->out, sizeof s->out, "%s", scratch_file(folder));
    MPI_Bcast(s->out, sizeof s->out, MPI_CHAR, 0, s->all.world);
}

void same_bits_end(same_bits *s)
{
    if (s->all.rank == 0) {
        printf("%zu experiments played, %zu refused\n", s->n_played, s->n_refused);
        co_output_remove(s->out);
        rmdir(s->out);
    }
    co_comm_fini(&s->alone);
    co_comm_fini(&s->all);
}

/* A refusal is CO_EUSAGE and says where. */
static void check_refusal(co_status st, const char *text)
{
    const bool ok = st == CO_EUSAGE && strstr(co_status_message(), "test.yaml");
    if (!ok) fprintf(stderr, "%s\n%s\n", text, co_status_message());
    CHECK(ok);
}

bool same_bits_is_read(char *text)
{
    co_experiment experiment;
    const co_status st = co_experiment_parse(text, "test.yaml", &experiment);
    if (st == CO_OK)
        co_experiment_fini(&experiment);
    else
        check_refusal(st, text);
    co_free(text);
    return st == CO_OK;
}

static void digest_of(const char *folder, const char *name, char hex[33])
{
    char *path = co_format("%s/%s", folder, name);
    co_file *file = NULL;
    CHECK(co_file_open(path, NULL, false, &file) == CO_OK);
    CHECK(file && co_file_digest(file, hex) == CO_OK);
    co_file_close(file);
    co_free(path);
}

/* Collective(comm). */
static co_status play(const char *text, const char *folder, const co_comm *comm, char hex[2][33])
{
    co_experiment experiment;
    co_run run;
    const co_status st = play_text(text, comm, &experiment, &run);
    if (st != CO_OK) {
        check_refusal(st, text);
        return st;
    }
    if (comm->rank == 0) {
        digest_of(folder, "run.h5", hex[0]);
        digest_of(folder, "ckpt-00000003.h5", hex[1]);
    }
    close_run(&experiment, &run);
    return CO_OK;
}

/* What rank 0 says. The others sleep until it does: they would take the cores on which it plays.
 * Collective(comm). */
static int said_by_first(int word, const co_comm *comm)
{
    MPI_Request request;
    int done = 0;
    MPI_Ibcast(&word, 1, MPI_INT, 0, comm->world, &request);
    for (MPI_Test(&request, &done, MPI_STATUS_IGNORE); !done;
         MPI_Test(&request, &done, MPI_STATUS_IGNORE))
        usleep(200);
    return word;
}

bool same_bits_play(same_bits *s, char *text)
{
    char expected[2][33] = {"", ""}, got[2][33] = {"", ""};
    int st = CO_OK;
    if (s->all.rank == 0) printf("%s\n", text), fflush(stdout);
    if (compares) {
        if (s->all.rank == 0) st = play(text, s->out, &s->alone, expected);
        st = said_by_first(st, &s->all);
    }
    if (st == CO_OK) {
        st = play(text, s->out, &s->all, got);
        CHECK(!compares || st == CO_OK);
        const bool same = !compares || memcmp(expected, got, sizeof got) == 0;
        if (!same) fprintf(stderr, "other bits:\n%s\n", text);
        CHECK(same);
    }
    s->n_played += st == CO_OK;
    s->n_refused += st != CO_OK;
    co_free(text);
    return st == CO_OK;
}
