/* sim/cohort.c - point-to-point messages of the rows, and one small reduction that says which came.
 * Per round and rank: cohort x model / ranks floats in, as many out on average. Waiting for a buffer
 * cannot lock up: a rank that waits receives, and every rank comes to wait. */
#include "sim/cohort.h"
#include "core/memory.h"
#include "sim/room.h"
#include <string.h>

static co_status allocate(co_cohort *c, bool buffers)
{
    const co_exchange *x = c->exchange;
    const size_t size = (size_t)x->comm->size;
    c->rows = co_malloc(c->capacity * x->n_own, sizeof *c->rows);
    c->expected = co_malloc(c->capacity, sizeof *c->expected);
    c->sent_row = co_calloc(c->capacity, 1);
    c->counts = co_malloc(c->capacity, sizeof *c->counts);
    c->honest = co_malloc(c->capacity, sizeof *c->honest);
    c->number = co_malloc(c->capacity, sizeof *c->number);
    c->row = co_malloc(c->capacity, sizeof *c->row);
    c->weight = co_malloc(c->capacity, sizeof *c->weight);
    c->scratch = co_malloc(c->n_scratch, 1);
    bool good = c->rows && c->expected && c->sent_row && c->counts && c->number && c->honest && c->row && c->weight &&
                c->scratch;
    for (int k = 0; k < 2; k++) {
        c->leaving[k] = co_malloc(buffers ? x->n_params : 0, sizeof *c->leaving[k]);
        c->sent[k] = co_malloc(size, sizeof *c->sent[k]);
        good = good && c->leaving[k] && c->sent[k];
        for (size_t r = 0; c->sent[k] && r < size; r++) c->sent[k][r] = MPI_REQUEST_NULL;
    }
    return good ? CO_OK : CO_FAIL(CO_ENOMEM, "no memory for the updates of %zu devices", c->capacity);
}

co_status co_cohort_init(co_cohort *c, const co_exchange *exchange, size_t capacity, size_t n_scratch)
{
    const co_comm *comm = exchange->comm;
    *c = (co_cohort){.exchange = exchange, .messages = MPI_COMM_NULL, .capacity = capacity,
                     .n_scratch = n_scratch};
    CO_TRY(co_room_check(co_cohort_bytes(c), "a rule that sees every update",
                         "lower devices.per_round or use more nodes", comm));
    const co_status st = co_agree(allocate(c, comm->size > 1), comm);
    if (st == CO_OK)
        MPI_Comm_dup(comm->world, &c->messages);
    else
        co_cohort_fini(c);
    return st;
}

void co_cohort_fini(co_cohort *c)
{
    if (c->exchange && c->messages != MPI_COMM_NULL) MPI_Comm_free(&c->messages);
    co_free(c->rows);
    co_free(c->expected);
    co_free(c->sent_row);
    co_free(c->counts);
    co_free(c->number);
    co_free(c->honest);
    co_free(c->row);
    co_free(c->weight);
    co_free(c->scratch);
    for (int k = 0; k < 2; k++) {
        co_free(c->leaving[k]);
        co_free(c->sent[k]);
    }
    *c = (co_cohort){0};
}

size_t co_cohort_bytes(const co_cohort *c)
{
    if (!c->exchange) return 0;
    const size_t buffers = c->exchange->comm->size > 1 ? 2 * c->exchange->n_params : 0;
    return (c->capacity * c->exchange->n_own + buffers) * sizeof(float) + c->n_scratch;
}

void co_cohort_expect(co_cohort *c, const co_plan *plan)
{
    const co_exchange *x = c->exchange;
    memset(c->sent_row, 0, c->capacity);
    for (size_t k = 0; k < plan->n; k++) c->counts[k] = -1.0;
    for (size_t i = 0; i < plan->n; i++) {
        const size_t k = plan->order[i];
        const co_plan_row *row = &plan->row[k];
        c->expected[k] = MPI_REQUEST_NULL;
        if (row->outcome == CO_EMPTY || row->rank == x->comm->rank || x->n_own == 0) continue;
        MPI_Irecv(c->rows + k * x->n_own, (int)x->n_own, MPI_FLOAT, row->rank, 0, c->messages,
                  &c->expected[k]);
    }
}

/* update NULL: something has to leave, for those who wait; what, does not matter. */
static void leave(co_cohort *c, const float *update)
{
    const co_comm *comm = c->exchange->comm;
    if (comm->size == 1) return;
    float *buffer = c->leaving[c->turn];
    MPI_Request *sent = c->sent[c->turn];
    c->turn = 1 - c->turn;
    co_wait_all((size_t)comm->size, sent);
    if (update)
        memcpy(buffer, update, c->exchange->n_params * sizeof *buffer);
    else
        memset(buffer, 0, c->exchange->n_params * sizeof *buffer);
    for (int r = 0; r < comm->size; r++)
        if (r != comm->rank && c->exchange->slice_n[r])
            MPI_Isend(buffer + c->exchange->slice_first[r], (int)c->exchange->slice_n[r], MPI_FLOAT, r, 0,
                      c->messages, &sent[r]);
}

void co_cohort_send(co_cohort *c, const co_plan *plan, size_t row, const float *update, double weight)
{
    const co_exchange *x = c->exchange;
    CO_ASSERT(plan->row[row].rank == x->comm->rank && !c->sent_row[row]);
    c->sent_row[row] = 1;
    if (update) c->counts[row] = weight;
    if (update) memcpy(c->rows + row * x->n_own, update + x->first, x->n_own * sizeof *c->rows);
    leave(c, update);
}

size_t co_cohort_finish(co_cohort *c, const co_plan *plan)
{
    const co_exchange *x = c->exchange;
    size_t n = 0;
    for (size_t i = 0; i < plan->n; i++) {
        const size_t k = plan->order[i];
        const co_plan_row *row = &plan->row[k];
        if (row->rank == x->comm->rank && row->outcome != CO_EMPTY && !c->sent_row[k])
            co_cohort_send(c, plan, k, NULL, 0.0);
    }
    co_wait_all(plan->n, c->expected);
    for (int k = 0; k < 2; k++) co_wait_all((size_t)x->comm->size, c->sent[k]);
    MPI_Allreduce(MPI_IN_PLACE, c->counts, (int)plan->n, MPI_DOUBLE, MPI_MAX, c->messages);
    for (size_t k = 0; k < plan->n; k++) {
        if (c->counts[k] < 0.0) continue;
        c->row[n] = c->rows + k * x->n_own;
        c->number[n] = k;
        c->weight[n++] = c->counts[k];
    }
    return n;
}
