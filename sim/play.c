/* sim/play.c - a run from the look into its output folder to the last file.
 *
 * Order: output folder (made and locked), checkpoint, data, model; only then is anything removed or
 * written. */
#include "sim/play.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/files/lock.h"
#include "models/kernel_path.h"
#include "sim/run.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MANY_CUT 1e-3 /* of the numbers that came */

co_status co_blas_agree(const co_comm *comm)
{
    co_kernel_level best;
    int least;
    CO_TRY(co_agree(co_kernel_best(&best), comm));
    const int mine = (int)best;
    MPI_Allreduce(&mine, &least, 1, MPI_INT, MPI_MIN, comm->world);
    co_kernel_use((co_kernel_level)least);
    char own[64] = "", first[64];
    snprintf(own, sizeof own, "%s/%s", co_kernel_path(), co_blas_core());
    memcpy(first, own, sizeof first);
    MPI_Bcast(first, sizeof first, MPI_CHAR, 0, comm->world);
    const co_status st =
        strcmp(own, first) == 0
            ? CO_OK
            : CO_FAIL(
                  CO_EUSAGE,
                  "computes with %s, rank 0 with %s: results would depend on the placement; set "
                  "OPENBLAS_CORETYPE=Haswell for all ranks",
                  own, first);
    return co_agree(st, comm);
}

/* Fault sites as in io/files/file.h: file_open, file_full, file_sync, file_rename. */
static co_status write_text(const char *path, const char *text)
{
    char *aside = co_format("%s.tmp", path);
    if (!aside) return CO_FAIL(CO_ENOMEM, "%s", path);
    errno = EIO;
    FILE *file = co_fault("file_open") ? NULL : fopen(aside, "w");
    bool good = file && !co_fault("file_full") && fputs(text, file) >= 0 && fflush(file) == 0;
    good = good && !co_fault("file_sync") && fsync(fileno(file)) == 0;
    if (file) good &= fclose(file) == 0;
    good = good && !co_fault("file_rename") && rename(aside, path) == 0;
    const co_status st = good ? CO_OK : CO_FAIL(CO_EFILE, "%s: %s", path, strerror(errno));
    if (!good) unlink(aside);
    co_free(aside);
    return st;
}

/* What rank 0 finds in the output folder. */
typedef struct {
    char *checkpoint; /* path or NULL */
    char *config;     /* experiment stored there */
} found;

/* The file that a section reads, or NULL. */
static const char *path_in(const co_config *section, const char *key)
{
    const co_node *node = section->map ? co_node_find(section->map, key) : NULL;
    return node && node->kind == CO_NODE_SCALAR ? node->text : NULL;
}

/* Locks the folder before it looks, but for a dry run: what is found then stays as it is. A resume
 * waits for the last ranks of a job that was killed a moment ago. */
static co_status look(const co_experiment *e, co_play_mode mode, found *f, co_lock **lock)
{
    const char *dir = co_config_string(&e->output, "dir");
    int64_t round;
    size_t n_damaged;
    bool exists;
    if (!mode.dry_run) CO_TRY(co_lock_take(dir, mode.resume ? 10.0 : 0.0, lock));
    CO_TRY(co_output_exists(dir, &exists));
    if (exists && !mode.resume && !mode.overwrite && !mode.dry_run)
        return CO_FAIL(
            CO_EUSAGE,
            "%s: holds a run already; add --resume to go on with it, --overwrite to replace it, "
            "or set output.dir",
            dir);
    if (mode.overwrite && !mode.dry_run) {
        const char *const inputs[] = {path_in(&e->data, "file"), path_in(&e->partition, "file"),
                                      path_in(&e->model, "init")};
        CO_TRY(co_output_spares(dir, inputs, sizeof inputs / sizeof *inputs));
    }
    if (!mode.resume) return CO_OK;
    CO_TRY(co_checkpoint_find(dir, &f->checkpoint, &round, &n_damaged));
    if (!f->checkpoint && n_damaged)
        return CO_FAIL(
            CO_EDATA, "%s: no good checkpoint is left (%zu damaged); start afresh with --overwrite",
            dir, n_damaged);
    if (!f->checkpoint) {
        co_log("no checkpoint in %s: starting at round 0", dir);
        return CO_OK;
    }
    return co_checkpoint_config(f->checkpoint, &f->config);
}

co_status co_broadcast_text(char **text, const co_comm *comm)
{
    int64_t n = comm->rank == 0 && *text ? (int64_t)strlen(*text) + 1 : 0;
    MPI_Bcast(&n, 1, MPI_INT64_T, 0, comm->world);
    if (n == 0) return CO_OK;
    co_status st = CO_OK;
    if (comm->rank != 0 && !(*text = co_malloc((size_t)n, 1)))
        st = CO_FAIL(CO_ENOMEM, "experiment text");
    CO_TRY(co_agree(st, comm));
    MPI_Bcast(*text, (int)n, MPI_CHAR, 0, comm->world);
    return CO_OK;
}

static co_status open_output(const co_run *run, co_play_mode mode, bool resumed)
{
    char *text = NULL, *path = NULL;
    CO_TRY(co_output_sweep(run->dir));
    if (!resumed && (mode.overwrite || mode.resume)) CO_TRY(co_output_remove(run->dir));
    CO_TRY(co_experiment_text(run->experiment, &text));
    path = co_format("%s/experiment.yaml", run->dir);
    const co_status st = path ? write_text(path, text) : CO_FAIL(CO_ENOMEM, "experiment.yaml");
    co_free(path);
    co_free(text);
    return st;
}

static int64_t total(const co_table *rounds, const char *name)
{
    int64_t sum = 0;
    for (size_t i = 0; i < rounds->n_rows; i++)
        sum += co_table_get_i64(rounds, i, (size_t)co_table_find(rounds, name));
    return sum;
}

/* A run in which devices were asked, and none came back. */
static void warn_of_silence(const co_table *rounds)
{
    if (total(rounds, "n_reported") + total(rounds, "n_nonfinite") > 0 ||
        total(rounds, "n_selected") == 0)
        return;
    const bool is_timed = co_table_find(rounds, "n_late") >= 0;
    co_warn("the model is what it was: none of %lld participations reported; %lld dropped out, "
            "%lld were late, %lld unavailable, %lld without examples",
            (long long)total(rounds, "n_selected"), (long long)total(rounds, "n_dropped"),
            is_timed ? (long long)total(rounds, "n_late") : 0,
            is_timed ? (long long)total(rounds, "n_unavailable") : 0,
            (long long)total(rounds, "n_empty"));
}

/* Updates that did not reach the sum as they were. */
static void warn_of_losses(const co_table *rounds)
{
    const long long asked = (long long)(total(rounds, "n_selected") - total(rounds, "n_empty"));
    const long long lost = (long long)total(rounds, "n_nonfinite"),
                    cut = (long long)total(rounds, "n_saturated");
    if (lost)
        co_warn("%lld of %lld updates were not finite and are lost: lower local.lr, or set "
                "local.clip_grad",
                lost, asked);
    if (cut)
        co_warn("%lld of %lld updates had numbers beyond 2^18, which the sum cut to that: lower "
                "local.lr, or scale the data",
                cut, asked);
}

/* Rounds whose sum nobody could open. */
static void warn_of_failed_sums(const co_table *rounds)
{
    const int column = co_table_find(rounds, "secagg_failed");
    size_t failed = 0;
    for (size_t i = 0; column >= 0 && i < rounds->n_rows; i++)
        failed += co_table_get_i64(rounds, i, (size_t)column) != 0;
    if (failed)
        co_warn("%zu of %zu rounds changed nothing, for too few devices were left to open their "
                "sum, or those left were in parts without masks between them; lower "
                "secagg.threshold, ask more devices, or give each more secagg.neighbours",
                failed, rounds->n_rows);
}

/* Numbers of updates that the ring's integers cut or, with noise in shares, wrapped: more than one
 * in a thousand. */
static void warn_of_cut(const co_run *run)
{
    const co_table *rounds = &run->record.rounds;
    const int column = co_table_find(rounds, "values_cut");
    double cut = 0.0, sent = 0.0;
    for (size_t i = 0; column >= 0 && i < rounds->n_rows; i++) {
        const int64_t n = co_table_get_i64(rounds, i, (size_t)column);
        if (n < 0) continue; /* an earlier version did not count */
        cut += (double)n;
        sent += (double)co_table_get_i64(rounds, i, (size_t)co_table_find(rounds, "n_reported")) *
                (double)run->exchange.layout->n_shared;
    }
    if (cut > MANY_CUT * sent)
        co_warn("%.0f of %.0f numbers of updates (%.2g %%) were beyond what the ring's integers "
                "hold, and %s",
                cut, sent, 100.0 * cut / sent,
                run->shares.charge ? "wrapped: raise privacy.bits"
                                   : "were cut to ring's clip: raise it, or bound updates in "
                                     "front of it by transform clip");
}

static void report(const co_run *run, double seconds)
{
    char text[32], train_loss[32];
    double loss, metric;
    co_format_seconds(seconds, text, sizeof text);
    const co_table *rounds = &run->record.rounds;
    if (run->comm->rank != 0 || rounds->n_rows == 0) return;
    warn_of_losses(rounds);
    warn_of_silence(rounds);
    warn_of_failed_sums(rounds);
    warn_of_cut(run);
    if (!co_log_speaks()) return;
    const double trained =
        co_table_get_f64(rounds, rounds->n_rows - 1, (size_t)co_table_find(rounds, "train_loss"));
    co_format_loss(trained, train_loss, sizeof train_loss);
    printf("%lld rounds, train loss %s", (long long)run->round, train_loss);
    co_record_newest(&run->record, &loss, &metric);
    if (!isnan(metric))
        printf(", test loss %.4f, test %s %.4f", loss, run->task->metrics[0].name, metric);
    printf("; %s on %d rank%s\nfiles in %s: cohort show %s/run.h5, cohort plot %s/run.h5\n", text,
           run->comm->size, run->comm->size == 1 ? "" : "s", run->dir, run->dir, run->dir);
}

/* Votes are -1, 0 or 1 whatever the updates were: the rate alone is the length of a step. */
static void warn_of_long_votes(const co_experiment *e)
{
    const double rate = co_config_real(&e->server, "lr");
    if (strcmp(e->aggregator->name, "majority_vote") != 0 || rate < 0.1) return;
    co_warn("server.lr: %g moves every number of the model by about as much in a round, for the "
            "votes of aggregate.rule: majority_vote are +-1; a rate like 1e-3 makes sense",
            rate);
}

static co_status train(co_run *run, co_play_mode mode, const char *checkpoint, bool resumed)
{
    const co_comm *comm = run->comm;
    if (resumed) CO_TRY(co_run_resume(run, checkpoint));
    if (comm->rank == 0) warn_of_long_votes(run->experiment);
    if (mode.dry_run) {
        char *text = NULL;
        if (comm->rank == 0 && co_experiment_text(run->experiment, &text) == CO_OK)
            printf("%s\n", text);
        co_free(text);
        co_run_describe(run);
        return CO_OK;
    }
    if (resumed && run->round >= run->experiment->rounds) {
        co_log("%s: finished already (round %lld of %lld)", run->dir, (long long)run->round,
               (long long)run->experiment->rounds);
        return co_agree(comm->rank == 0 ? co_output_sweep(run->dir) : CO_OK, comm);
    }
    CO_TRY(co_agree(comm->rank == 0 ? open_output(run, mode, resumed) : CO_OK, comm));
    if (resumed) co_log("resuming after round %lld", (long long)run->round);
    const double start = co_now_s();
    CO_TRY(co_run_rounds(run));
    report(run, co_now_s() - start);
    return CO_OK;
}

co_status co_play(co_experiment *e, co_play_mode mode, const co_comm *comm)
{
    found f = {0};
    co_run run;
    co_lock *lock = NULL;
    int resumed = 0;
    co_status st = co_agree(comm->rank == 0 ? look(e, mode, &f, &lock) : CO_OK, comm);
    if (st == CO_OK) st = co_broadcast_text(&f.config, comm);
    if (st == CO_OK && f.config) {
        resumed = 1;
        e->resumes = true;
        st = co_agree(co_experiment_continue(e, f.config), comm);
    }
    if (st == CO_OK) st = co_run_create(&run, e, co_config_string(&e->output, "dir"), comm);
    if (st == CO_OK) {
        st = train(&run, mode, f.checkpoint, resumed);
        co_run_destroy(&run);
    }
    co_lock_release(lock);
    co_free(f.checkpoint);
    co_free(f.config);
    return st;
}
