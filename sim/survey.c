/* sim/survey.c - the measuring pass before a step, for selectors that go by the losses of the
 * newest version.
 *
 * The version is sent to every candidate, who goes through all its examples once, forward (a third
 * of what training takes for each), and sends back a number. The step begins when the last of them
 * has answered; those that then train have the version already. A candidate that goes away on its
 * way gives no loss and is not chosen. One reduction of 8 bytes a candidate, as bits, so that the
 * losses are the same on any number of ranks. */
#include "sim/survey.h"
#include "core/memory.h"
#include "sim/devices/timing.h"
#include <math.h>
#include <string.h>

/* The candidates as rows, placed on ranks; *end: when the last one is done. */
static void list(co_run *r, const int64_t *devices, size_t n, co_plan_row *row, size_t *order,
                 int64_t *end)
{
    co_plan pass = r->plan;
    pass.row = row;
    pass.order = order;
    pass.n = n;
    for (size_t i = 0; i < n; i++) {
        row[i] = co_plan_survey_job(&r->plan, devices[i]);
        if (row[i].end > *end) *end = row[i].end;
    }
    co_plan_place(&pass);
}

/* Losses of this rank's candidates, as bits. Local. */
static co_status measure(co_run *r, co_plan_row *row, size_t n, int64_t *bits)
{
    const co_request with = {.step = r->plan.round,
                             .version = co_versions_read(&r->versions, r->plan.round - 1),
                             .frozen = r->exchange.model,
                             .beside = co_bank_read(&r->bank, CO_INTO_RULE)};
    for (size_t i = 0; i < n; i++) {
        co_given given;
        if (row[i].rank != r->comm->rank || row[i].outcome != CO_REPORTED) continue;
        CO_TRY(
            r->works.work[r->measure]->perform(r->works.self[r->measure], &with, &row[i], &given));
        memcpy(&bits[i], &row[i].loss_before, sizeof(double));
    }
    return CO_OK;
}

/* Collective(comm). bits: [n] and two counts. */
static co_status meet(co_run *r, co_status st, size_t n, int64_t *bits)
{
    bits[n] = st != CO_OK && st != CO_ESTOPPED;
    bits[n + 1] = st == CO_ESTOPPED;
    MPI_Allreduce(MPI_IN_PLACE, bits, (int)n + 2, MPI_INT64_T, MPI_SUM, r->comm->world);
    if (bits[n] > 0) return co_agree(st == CO_ESTOPPED ? CO_OK : st, r->comm);
    if (bits[n + 1] > 0) r->ending = CO_STOPPED; /* nothing of this step has touched the model */
    return CO_OK;
}

/* Collective(comm). */
static co_status run(co_run *r, const int64_t *devices, size_t n, double *loss, int64_t *end)
{
    co_plan_row *row = co_malloc(n, sizeof *row);
    size_t *order = co_malloc(n, sizeof *order);
    int64_t *bits = co_calloc(n + 2, sizeof *bits);
    co_status st = row && order && bits ? CO_OK : CO_FAIL(CO_ENOMEM, "losses of %zu devices", n);
    st = co_agree(st, r->comm);
    if (st == CO_OK) {
        list(r, devices, n, row, order, end);
        st = meet(r, measure(r, row, n, bits), n, bits);
    }
    for (size_t i = 0; i < n && st == CO_OK; i++)
        if (row[i].outcome == CO_REPORTED)
            memcpy(&loss[i], &bits[i], sizeof(double));
        else
            loss[i] = NAN;
    co_free(row);
    co_free(order);
    co_free(bits);
    return st;
}

co_status co_run_survey(co_run *r, int64_t step, int64_t *time)
{
    const int64_t *devices;
    double *loss;
    const size_t n = co_plan_survey(&r->plan, step, *time, &devices, &loss);
    return n > 0 ? run(r, devices, n, loss, time) : CO_OK;
}
