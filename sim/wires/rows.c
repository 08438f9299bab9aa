/* sim/wires/rows.c - every update of a round, brought whole to the owners of its coordinates, for
 * rules and attacks that see them all.
 *
 * A rank holds the rows of the whole cohort for its slice. Receives are posted before training, in
 * the order in which the senders train; a trained device leaves at once, from one of two buffers of
 * the model's size. One small reduction says which came. Per round and rank: cohort x model / ranks
 * floats in, as many out on average. Waiting for a buffer cannot lock up: a rank that waits
 * receives, and every rank comes to wait. With an aggregator of sums the rows are added up once the
 * stages have seen them. */
#include "core/memory.h"
#include "core/room.h"
#include "sim/wires/wire.h"
#include <string.h>

typedef struct {
    co_exchange *exchange;
    MPI_Comm messages; /* a communicator of its own: rows of one sender match in order */
    size_t capacity, n_scratch;
    bool adds_up;
    float *rows;             /* [capacity][n_own] */
    float *leaving[2];       /* [n] each, with more than one rank */
    MPI_Request *sent[2];    /* [ranks] */
    MPI_Request *expected;   /* [capacity] */
    size_t next;             /* place in the plan's order behind the last own row that left */
    double *counts;          /* [capacity] what a row counts for; -1: it did not report */
    float **row;             /* [capacity] those that reported */
    const float **honest;    /* [capacity] room for the stages */
    unsigned char *attacker; /* [capacity] */
    double *weight;          /* [capacity] */
    void *scratch;
    unsigned turn;
} rows_wire;

static co_status allocate(rows_wire *c, bool buffers)
{
    const co_exchange *x = c->exchange;
    const size_t size = (size_t)x->comm->size;
    c->rows = co_malloc(c->capacity * x->n_own, sizeof *c->rows);
    c->expected = co_malloc(c->capacity, sizeof *c->expected);
    c->counts = co_malloc(c->capacity, sizeof *c->counts);
    c->honest = co_malloc(c->capacity, sizeof *c->honest);
    c->attacker = co_malloc(c->capacity, 1);
    c->row = co_malloc(c->capacity, sizeof *c->row);
    c->weight = co_malloc(c->capacity, sizeof *c->weight);
    c->scratch = co_malloc(c->n_scratch, 1);
    bool good = c->rows && c->expected && c->counts && c->attacker && c->honest && c->row &&
                c->weight && c->scratch;
    for (int k = 0; k < 2; k++) {
        c->leaving[k] = co_malloc(buffers ? x->n : 0, sizeof *c->leaving[k]);
        c->sent[k] = co_malloc(size, sizeof *c->sent[k]);
        good = good && c->leaving[k] && c->sent[k];
        for (size_t r = 0; c->sent[k] && r < size; r++) c->sent[k][r] = MPI_REQUEST_NULL;
    }
    return good ? CO_OK
                : CO_FAIL(CO_ENOMEM, "no memory for the updates of %zu devices", c->capacity);
}

static size_t bytes(const void *self)
{
    const rows_wire *c = self;
    const size_t buffers = c->exchange->comm->size > 1 ? 2 * c->exchange->n : 0;
    return (c->capacity * c->exchange->n_own + buffers) * sizeof(float) + c->n_scratch;
}

static void destroy(void *self)
{
    rows_wire *c = self;
    if (!c) return;
    if (c->messages != MPI_COMM_NULL) MPI_Comm_free(&c->messages);
    co_free(c->rows);
    co_free(c->expected);
    co_free(c->counts);
    co_free(c->attacker);
    co_free(c->honest);
    co_free(c->row);
    co_free(c->weight);
    co_free(c->scratch);
    for (int k = 0; k < 2; k++) {
        co_free(c->leaving[k]);
        co_free(c->sent[k]);
    }
    co_free(c);
}

static co_status create(const co_wire_setup *setup, void **self)
{
    const co_comm *comm = setup->exchange->comm;
    rows_wire *c = co_calloc(1, sizeof *c);
    co_status st = co_agree(c ? CO_OK : CO_FAIL(CO_ENOMEM, "rows of a round"), comm);
    if (st != CO_OK) {
        co_free(c);
        return st;
    }
    *c = (rows_wire){.exchange = setup->exchange,
                     .messages = MPI_COMM_NULL,
                     .capacity = setup->capacity,
                     .n_scratch = setup->n_scratch,
                     .adds_up = setup->adds_up};
    st = co_room_check(bytes(c), "a rule that sees every update",
                       "lower devices.per_round or use more nodes", comm);
    if (st == CO_OK) st = co_agree(allocate(c, comm->size > 1), comm);
    if (st == CO_OK)
        MPI_Comm_dup(comm->world, &c->messages);
    else
        destroy(c);
    *self = st == CO_OK ? c : NULL;
    return st;
}

static void begin(void *self, const co_plan *plan)
{
    rows_wire *c = self;
    const co_exchange *x = c->exchange;
    c->next = 0;
    for (size_t k = 0; k < plan->n; k++) c->counts[k] = -1.0;
    for (size_t i = 0; i < plan->n; i++) {
        const size_t k = plan->order[i];
        const co_plan_row *row = &plan->row[k];
        c->expected[k] = MPI_REQUEST_NULL;
        if (!co_row_works(row) || row->rank == x->comm->rank || x->n_own == 0) continue;
        MPI_Irecv(c->rows + k * x->n_own, (int)x->wire_n[x->comm->rank], MPI_FLOAT, row->rank, 0,
                  c->messages, &c->expected[k]);
    }
}

/* update NULL: something has to leave, for those who wait; what, does not matter. */
static void leave(rows_wire *c, const float *update)
{
    const co_comm *comm = c->exchange->comm;
    if (comm->size == 1) return;
    float *buffer = c->leaving[c->turn];
    MPI_Request *sent = c->sent[c->turn];
    c->turn = 1 - c->turn;
    co_wait_all((size_t)comm->size, sent);
    if (update)
        memcpy(buffer, update, c->exchange->n * sizeof *buffer);
    else
        memset(buffer, 0, c->exchange->n * sizeof *buffer);
    for (int r = 0; r < comm->size; r++) {
        float *part = buffer + c->exchange->slice_first[r];
        if (r == comm->rank || c->exchange->slice_n[r] == 0) continue;
        const size_t n = co_exchange_squeeze(c->exchange, r, part, sizeof *part);
        MPI_Isend(part, (int)n, MPI_FLOAT, r, 0, c->messages, &sent[r]);
    }
}

/* Own rows up to that place in the plan's order did not report. Something leaves for each: receives
 * match in that order. */
static void pass_over(rows_wire *c, const co_plan *plan, size_t row)
{
    for (; c->next < plan->n && plan->order[c->next] != row; c->next++) {
        const co_plan_row *passed = &plan->row[plan->order[c->next]];
        if (passed->rank == c->exchange->comm->rank && co_row_works(passed)) leave(c, NULL);
    }
}

static size_t add(void *self, const co_plan *plan, size_t row, const co_contribution *contribution)
{
    rows_wire *c = self;
    const co_exchange *x = c->exchange;
    pass_over(c, plan, row);
    CO_ASSERT(c->next < plan->n &&
              plan->row[row].rank == x->comm->rank); /* in the plan's order, each once */
    c->next++;
    c->counts[row] =
        c->adds_up ? contribution->coefficient : contribution->factor * contribution->weight;
    memcpy(c->rows + row * x->n_own, contribution->update + x->first, x->n_own * sizeof *c->rows);
    leave(c, contribution->update);
    return 0;
}

static size_t gather(rows_wire *c, const co_plan *plan)
{
    const co_exchange *x = c->exchange;
    size_t n = 0;
    pass_over(c, plan, SIZE_MAX);
    co_wait_all(plan->n, c->expected);
    for (int k = 0; k < 2; k++) co_wait_all((size_t)x->comm->size, c->sent[k]);
    MPI_Allreduce(MPI_IN_PLACE, c->counts, (int)plan->n, MPI_DOUBLE, MPI_MAX, c->messages);
    for (size_t k = 0; k < plan->n; k++) {
        if (c->counts[k] < 0.0) continue;
        c->row[n] = c->rows + k * x->n_own;
        if (plan->row[k].rank != x->comm->rank)
            co_exchange_spread(x, x->comm->rank, c->row[n], sizeof **c->row);
        c->attacker[n] = plan->row[k].attacker;
        c->weight[n++] = c->counts[k];
    }
    return n;
}

static co_gathered finish(void *self, const co_plan *plan, const co_chain *chain)
{
    rows_wire *c = self;
    const size_t n = gather(c, plan);
    const co_stage_rows all = {.n_rows = n,
                               .n = c->exchange->n_own,
                               .row = c->row,
                               .attacker = c->attacker,
                               .scratch = c->honest};
    co_chain_rows(chain, &all);
    for (size_t i = 0; c->adds_up && i < n; i++)
        co_exchange_add_own(c->exchange, c->row[i], c->weight[i]);
    return (co_gathered){.n_rows = n, .row = c->row, .weight = c->weight, .scratch = c->scratch};
}

const co_wire co_wire_rows = {.name = "rows",
                              .summary = "every update whole, at the owners of its coordinates",
                              .whole = true,
                              .create = create,
                              .destroy = destroy,
                              .bytes = bytes,
                              .begin = begin,
                              .add = add,
                              .finish = finish};
