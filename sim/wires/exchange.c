/* sim/wires/exchange.c - slices, the reduce-scatter and the all-gather.
 * Per round and rank: 8 bytes a parameter out, 8 / ranks in, 4 in again. On one node each rank adds
 * up its slice where the others have left it, without MPI. Among nodes the all-gather runs between
 * one rank of each. */
#include "sim/wires/exchange.h"
#include "core/clones.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/vector.h"
#include "io/files/digest.h"
#include <limits.h>
#include <math.h>
#include <string.h>

static size_t tail_words(const co_exchange *x, int rank)
{
    return x->n_counts + x->n_scalars * CO_SCALAR_DIGITS +
           (rank == 0 ? x->n_rows * CO_ROW_WORDS : 0);
}

static co_status lay_out(co_exchange *x)
{
    const int size = x->comm->size;
    size_t at = 0;
    for (int r = 0; r < size; r++) {
        const size_t begin = (size_t)co_span_first((int64_t)x->n_blocks, r, size) * CO_BLOCK;
        const size_t end = (size_t)co_span_first((int64_t)x->n_blocks, r + 1, size) * CO_BLOCK;
        x->slice_first[r] = begin < x->n_params ? begin : x->n_params;
        x->slice_n[r] = (end < x->n_params ? end : x->n_params) - x->slice_first[r];
        const size_t words = x->slice_n[r] + tail_words(x, r);
        if (words > INT_MAX)
            return CO_FAIL(
                CO_EUSAGE,
                "the model's %zu parameters need more than %d ranks: at most 2^31 words a rank",
                x->n_params, size);
        x->counts[r] = (int)words;
        x->at[r] = at;
        at += words;
    }
    x->n_send = at;
    x->first = x->slice_first[x->comm->rank];
    x->n_own = x->slice_n[x->comm->rank];
    x->first_block = x->first / CO_BLOCK;
    x->n_own_blocks = co_n_blocks(x->n_own);
    return CO_OK;
}

/* Collective(comm). */
static co_status create_send(co_exchange *x)
{
    const co_comm *comm = x->comm;
    if (comm->n_nodes == 1 && comm->size > 1 &&
        co_segments_create(&x->segments, x->n_send * sizeof *x->send, comm)) {
        x->send = x->segments.own;
        return CO_OK;
    }
    x->send = co_malloc(x->n_send, sizeof *x->send);
    return co_agree(
        x->send ? CO_OK
                : CO_FAIL(CO_ENOMEM, "no memory for the exact sum of %zu parameters", x->n_params),
        comm);
}

co_status co_exchange_init(co_exchange *x, size_t n_params, size_t n_counts, size_t n_scalars,
                           size_t n_rows, const co_comm *comm)
{
    const size_t size = (size_t)comm->size;
    *x = (co_exchange){.comm = comm,
                       .n_params = n_params,
                       .n_blocks = co_n_blocks(n_params),
                       .n_counts = CO_N_COUNTS + n_counts,
                       .n_scalars = n_scalars,
                       .n_rows = n_rows};
    co_status st = CO_OK;
    x->counts = co_malloc(size, sizeof *x->counts);
    x->at = co_malloc(size, sizeof *x->at);
    x->slice_first = co_malloc(size, sizeof *x->slice_first);
    x->slice_n = co_malloc(size, sizeof *x->slice_n);
    x->gather_counts = co_malloc((size_t)comm->n_nodes, sizeof *x->gather_counts);
    x->gather_at = co_malloc((size_t)comm->n_nodes, sizeof *x->gather_at);
    if (!x->counts || !x->at || !x->slice_first || !x->slice_n || !x->gather_counts ||
        !x->gather_at)
        st = CO_FAIL(CO_ENOMEM, "slices of the model");
    if (st == CO_OK) st = lay_out(x);
    if (st == CO_OK) {
        x->received = co_malloc((size_t)x->counts[comm->rank], sizeof *x->received);
        if (!x->received)
            st = CO_FAIL(CO_ENOMEM, "no memory for the exact sum of %zu parameters", n_params);
    }
    st = co_agree(st, comm);
    const size_t model_bytes = (n_params * sizeof(float) + 63) / 64 * 64;
    const size_t block_bytes = (x->n_blocks * sizeof(co_block_record) + 63) / 64 * 64;
    if (st == CO_OK)
        st = co_shared_create(&x->board, model_bytes + block_bytes + size * sizeof(co_rank_record),
                              comm);
    if (st == CO_OK) st = create_send(x);
    if (st != CO_OK) {
        co_exchange_fini(x);
        return st;
    }
    x->model = x->board.data;
    x->block = (co_block_record *)((char *)x->board.data + model_bytes);
    x->record = (co_rank_record *)((char *)x->board.data + model_bytes + block_bytes);
    return CO_OK;
}

void co_exchange_fini(co_exchange *x)
{
    if (x->board.data) co_shared_fini(&x->board);
    if (x->segments.of)
        co_segments_fini(&x->segments);
    else
        co_free(x->send);
    co_free(x->received);
    co_free(x->counts);
    co_free(x->at);
    co_free(x->slice_first);
    co_free(x->slice_n);
    co_free(x->gather_counts);
    co_free(x->gather_at);
    *x = (co_exchange){0};
}

size_t co_exchange_bytes(const co_exchange *x)
{
    return (x->n_send + (size_t)x->counts[x->comm->rank]) * sizeof(int64_t);
}

void co_exchange_clear(co_exchange *x)
{
    memset(x->send, 0, x->n_send * sizeof *x->send);
}

size_t co_exchange_add(co_exchange *x, const float *update, double share)
{
    size_t cut = 0;
    for (int r = 0; r < x->comm->size; r++)
        if (x->slice_n[r])
            cut +=
                co_exact_add(x->send + x->at[r], update + x->slice_first[r], x->slice_n[r], share);
    return cut;
}

void co_exchange_slices(const co_exchange *x, co_sum_slice *slice)
{
    for (int r = 0; r < x->comm->size; r++)
        slice[r] = (co_sum_slice){
            .sum = x->send + x->at[r], .first = x->slice_first[r], .n = x->slice_n[r]};
}

/* The tail is filled in for rank 0 and copied to the other destinations before the reduction. */
static int64_t *own_tail(const co_exchange *x)
{
    return x->send + x->at[0] + x->slice_n[0];
}

void co_exchange_count(co_exchange *x, size_t which, int64_t n)
{
    own_tail(x)[which] += n;
}

void co_exchange_scalar(co_exchange *x, size_t which, double value)
{
    co_scalar sum;
    int64_t *digits = own_tail(x) + x->n_counts + which * CO_SCALAR_DIGITS;
    memcpy(sum.digit, digits, sizeof sum.digit);
    co_scalar_add(&sum, value);
    memcpy(digits, sum.digit, sizeof sum.digit);
}

void co_exchange_row(co_exchange *x, size_t row, const co_plan_row *from)
{
    int64_t *word =
        own_tail(x) + x->n_counts + x->n_scalars * CO_SCALAR_DIGITS + row * CO_ROW_WORDS;
    word[0] = from->outcome + (from->saturated ? CO_N_OUTCOMES : 0);
    memcpy(word + 1, &from->loss, sizeof(double));
    memcpy(word + 2, &from->update_norm, sizeof(double));
}

CO_CLONES static void add_words(int64_t *restrict sum, const int64_t *restrict from, size_t n)
{
    for (size_t j = 0; j < n; j++) sum[j] += from[j];
}

/* What all ranks of the node have for this one, part by part in the first cache. */
static void add_segments(co_exchange *x)
{
    const size_t n = (size_t)x->counts[x->comm->rank], at = x->at[x->comm->rank];
    for (size_t j = 0; j < n; j += CO_BLOCK / 2) {
        const size_t m = n - j < CO_BLOCK / 2 ? n - j : CO_BLOCK / 2;
        memcpy(x->received + j, x->send + at + j, m * sizeof *x->send);
        for (int r = 0; r < x->comm->size; r++)
            if (r != x->comm->rank)
                add_words(x->received + j, (const int64_t *)x->segments.of[r] + at + j, m);
    }
}

void co_exchange_reduce(co_exchange *x, double *wait_s)
{
    const size_t common = x->n_counts + x->n_scalars * CO_SCALAR_DIGITS;
    for (int r = 1; r < x->comm->size; r++)
        memcpy(x->send + x->at[r] + x->slice_n[r], own_tail(x), common * sizeof(int64_t));
    if (x->comm->size == 1) { /* what it sends is what it gets */
        int64_t *const sent = x->send;
        x->send = x->received;
        x->received = sent;
        *wait_s = 0.0;
        return;
    }
    const double start = co_now_s();
    if (x->segments.of) {
        co_segments_sync(&x->segments, x->comm);
        *wait_s = co_now_s() - start;
        add_segments(x);
        return;
    }
    MPI_Barrier(x->comm->world);
    *wait_s = co_now_s() - start;
    MPI_Reduce_scatter(x->send, x->received, x->counts, MPI_INT64_T, MPI_SUM, x->comm->world);
}

int64_t co_exchange_counted(const co_exchange *x, size_t which)
{
    return x->received[x->n_own + which];
}

double co_exchange_summed(const co_exchange *x, size_t which)
{
    co_scalar sum;
    memcpy(sum.digit, x->received + x->n_own + x->n_counts + which * CO_SCALAR_DIGITS,
           sizeof sum.digit);
    return co_scalar_value(&sum);
}

const int64_t *co_exchange_counts(const co_exchange *x, size_t first)
{
    return x->received + x->n_own + first;
}

void co_exchange_add_own(co_exchange *x, const float *update, double share)
{
    co_exact_add(x->received, update, x->n_own, share);
}

void co_exchange_values(const co_exchange *x, double *values)
{
    co_exact_mean(x->received, x->n_own, 1.0, values);
}

int64_t *co_exchange_sum(co_exchange *x)
{
    return x->received;
}

void co_exchange_take_rows(const co_exchange *x, co_plan *plan)
{
    const int64_t *word = x->received + x->n_own + x->n_counts + x->n_scalars * CO_SCALAR_DIGITS;
    for (size_t i = 0; i < plan->n; i++, word += CO_ROW_WORDS) {
        co_plan_row *row = &plan->row[i];
        if (row->outcome == CO_EMPTY) continue;
        row->outcome = (int)(word[0] % CO_N_OUTCOMES);
        row->saturated = word[0] >= CO_N_OUTCOMES;
        memcpy(&row->loss, word + 1, sizeof(double));
        memcpy(&row->update_norm, word + 2, sizeof(double));
    }
}

/* One all-gather between the nodes: a node's part is a span of `base`, cut by its ranks' spans. */
static void gather_span(co_exchange *x, void *base, const size_t *first_of_rank, size_t n,
                        size_t element)
{
    const co_comm *comm = x->comm;
    for (int node = 0; node < comm->n_nodes; node++) {
        size_t begin = n, end = 0;
        for (int r = 0; r < comm->size; r++) {
            if (comm->node_of_rank[r] != node) continue;
            if (first_of_rank[r] < begin) begin = first_of_rank[r];
            const size_t next = r + 1 < comm->size ? first_of_rank[r + 1] : n;
            if (next > end) end = next;
        }
        x->gather_at[node] = (int)begin;
        x->gather_counts[node] = end > begin ? (int)(end - begin) : 0;
    }
    MPI_Datatype type;
    MPI_Type_contiguous((int)element, MPI_BYTE, &type);
    MPI_Type_commit(&type);
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, base, x->gather_counts, x->gather_at, type,
                   comm->leaders);
    MPI_Type_free(&type);
}

void co_exchange_gather(co_exchange *x)
{
    const co_comm *comm = x->comm;
    co_shared_sync(&x->board, comm);
    if (comm->n_nodes == 1) return;
    if (comm->leaders != MPI_COMM_NULL) {
        size_t block_first[comm->size], rank_first[comm->size];
        for (int r = 0; r < comm->size; r++) {
            block_first[r] =
                x->slice_first[r] == x->n_params ? x->n_blocks : x->slice_first[r] / CO_BLOCK;
            rank_first[r] = (size_t)r;
        }
        gather_span(x, x->model, x->slice_first, x->n_params, sizeof(float));
        gather_span(x, x->block, block_first, x->n_blocks, sizeof(co_block_record));
        gather_span(x, x->record, rank_first, (size_t)comm->size, sizeof(co_rank_record));
    }
    co_shared_sync(&x->board, comm);
}

double co_exchange_update_norm(const co_exchange *x)
{
    double sum = 0.0;
    for (size_t b = 0; b < x->n_blocks; b++) sum += x->block[b].square_sum;
    return sqrt(sum);
}

uint64_t co_exchange_digest(const co_exchange *x)
{
    unsigned char *hashes =
        (unsigned char *)
            x->send; /* free between two rounds, and never smaller: 8 bytes a parameter */
    CO_ASSERT(16 * x->n_blocks <= x->n_send * sizeof *x->send);
    for (size_t b = 0; b < x->n_blocks; b++) memcpy(hashes + 16 * b, x->block[b].hash, 16);
    return co_model_digest(hashes, x->n_blocks);
}
