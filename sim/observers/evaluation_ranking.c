/* sim/observers/evaluation_ranking.c - pairs go to the rank that sorts their output.
 *
 * Time: n_outputs / ranks sorts of all examples' pairs. Messages: n_outputs / ranks all-to-alls of
 * 8 bytes an example, and one sum of n_outputs scores, each of which one rank alone fills in. */
#include "sim/observers/evaluation_ranking.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

void co_ranking_init(co_ranking *r, const co_task *task, size_t n_outputs)
{
    *r = (co_ranking){.task = task};
    for (const co_metric *m = task->metrics; m->name; m++)
        if (m->of_pairs) r->n_outputs = n_outputs;
}

void co_ranking_fini(co_ranking *r)
{
    co_free(r->pair);
    co_free(r->sent);
    co_free(r->column);
    *r = (co_ranking){0};
}

void co_ranking_clear(co_ranking *r)
{
    r->n_rows = 0;
}

co_status co_ranking_add(co_ranking *r, const float *out, const float *target, size_t n)
{
    const size_t used = r->n_rows * r->n_outputs, m = n * r->n_outputs;
    if (r->n_outputs == 0) return CO_OK;
    if (co_reserve((void **)&r->pair, &r->capacity, used + m, sizeof *r->pair))
        return CO_FAIL(CO_ENOMEM, "no memory to rank %zu outputs of %zu examples", r->n_outputs,
                       r->n_rows + n);
    for (size_t k = 0; k < m; k++) r->pair[used + k] = co_pair(out[k], target[k] > 0.5f);
    r->n_rows += n;
    return CO_OK;
}

static void take_column(const co_ranking *r, size_t output, uint64_t *column)
{
    for (size_t i = 0; i < r->n_rows; i++) column[i] = r->pair[i * r->n_outputs + output];
}

/* score[metric][output] from a column of pairs, which is sorted for it. */
static void score_column(const co_ranking *r, uint64_t *column, size_t n, size_t output,
                         double *score)
{
    co_pairs_sort(column, n);
    for (const co_metric *m = r->task->metrics; m->name; m++)
        if (m->of_pairs) {
            score[output] = m->of_pairs(column, n);
            score += r->n_outputs;
        }
}

static size_t n_ranking(const co_ranking *r)
{
    size_t n = 0;
    for (const co_metric *m = r->task->metrics; m->name; m++) n += m->of_pairs != NULL;
    return n;
}

static void average(const co_ranking *r, const double *score, double *metrics)
{
    for (size_t k = 0; r->task->metrics[k].name; k++) {
        double sum = 0.0, n = 0.0;
        if (!r->task->metrics[k].of_pairs) continue;
        for (size_t j = 0; j < r->n_outputs; j++) {
            sum += isnan(score[j]) ? 0.0 : score[j];
            n += isnan(score[j]) ? 0.0 : 1.0;
        }
        metrics[k] = n > 0.0 ? sum / n : 0.0;
        score += r->n_outputs;
    }
}

/* Room for `sent` pairs under way, a column of `all`, and the scores. */
static co_status make_room(co_ranking *r, size_t sent, size_t all, double **score)
{
    const size_t most = sent > all ? sent : all;
    *score = co_calloc(n_ranking(r) * r->n_outputs, sizeof **score);
    if (most > r->room) {
        co_free(r->sent);
        co_free(r->column);
        r->room = 0;
        r->sent = co_malloc(most, sizeof *r->sent);
        r->column = co_malloc(most, sizeof *r->column);
        if (r->sent && r->column) r->room = most;
    }
    return *score && most <= r->room
               ? CO_OK
               : CO_FAIL(CO_ENOMEM, "no memory to rank %zu outputs of %zu examples", r->n_outputs,
                         all);
}

co_status co_ranking_measure_own(co_ranking *r, double *metrics)
{
    double *score = NULL;
    if (r->n_outputs == 0) return CO_OK;
    const co_status st = make_room(r, 0, r->n_rows, &score);
    for (size_t j = 0; st == CO_OK && j < r->n_outputs; j++) {
        take_column(r, j, r->column);
        score_column(r, r->column, r->n_rows, j, score);
    }
    if (st == CO_OK) average(r, score, metrics);
    co_free(score);
    return st;
}

/* Outputs first .. first + size - 1 to the ranks, one to each. Collective(comm). */
static void deal(co_ranking *r, const co_comm *comm, size_t first, const int *n_rows)
{
    const int own = n_rows[comm->rank];
    int n_sent[comm->size], sent_at[comm->size], n_got[comm->size], got_at[comm->size];
    for (int k = 0, at = 0; k < comm->size; k++) {
        const bool any = first + (size_t)k < r->n_outputs;
        if (any) take_column(r, first + (size_t)k, r->sent + (size_t)k * (size_t)own);
        n_sent[k] = any ? own : 0;
        sent_at[k] = k * own;
        n_got[k] = first + (size_t)comm->rank < r->n_outputs ? n_rows[k] : 0;
        got_at[k] = at;
        at += n_got[k];
    }
    MPI_Alltoallv(r->sent, n_sent, sent_at, MPI_UINT64_T, r->column, n_got, got_at, MPI_UINT64_T,
                  comm->world);
}

co_status co_ranking_measure(co_ranking *r, const co_comm *comm, double *metrics)
{
    double *score = NULL;
    const size_t size = (size_t)comm->size;
    int n_rows[comm->size], own = (int)r->n_rows;
    size_t all = 0;
    if (r->n_outputs == 0) return CO_OK;
    MPI_Allgather(&own, 1, MPI_INT, n_rows, 1, MPI_INT, comm->world);
    for (int k = 0; k < comm->size; k++) all += (size_t)n_rows[k];
    co_status st = make_room(r, size * r->n_rows, all, &score);
    if (st == CO_OK && all > INT32_MAX / size)
        st = CO_FAIL(CO_EUSAGE, "%zu examples are too many to be ranked", all);
    st = co_agree(st, comm);
    for (size_t first = 0; st == CO_OK && first < r->n_outputs; first += size) {
        const size_t output = first + (size_t)comm->rank;
        deal(r, comm, first, n_rows);
        if (output < r->n_outputs) score_column(r, r->column, all, output, score);
    }
    if (st == CO_OK) {
        MPI_Allreduce(MPI_IN_PLACE, score, (int)(n_ranking(r) * r->n_outputs), MPI_DOUBLE, MPI_SUM,
                      comm->world);
        average(r, score, metrics);
    }
    co_free(score);
    return st;
}
