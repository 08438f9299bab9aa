/* sim/wires/exchange.c - slices, the reduce-scatter and the all-gather.
 * Per round and rank: 8 bytes a coordinate that travels out, 8 / ranks in, 4 in again. On one node
 * each rank adds up its slice where the others have left it, without MPI. Among nodes the
 * all-gather runs between one rank of each. */
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

/* How many shared coordinates there are before the coordinate `end`. *span: from where to look, and
 * where it was found. */
static size_t count_travelling(const co_layout *l, size_t end, size_t *span, size_t *before)
{
    const co_part *s = l->span[CO_SHARED];
    for (; *span < l->n_spans[CO_SHARED] && s[*span].at + s[*span].size <= end; ++*span)
        *before += s[*span].size;
    const bool inside = *span < l->n_spans[CO_SHARED] && s[*span].at < end;
    return *before + (inside ? end - s[*span].at : 0);
}

/* Blocks go to the ranks in order, each to that in whose part of what travels its middle lies. */
static void deal_blocks(co_exchange *x)
{
    const size_t size = (size_t)x->comm->size, all = x->layout->n_shared;
    size_t span = 0, before = 0, last = 0;
    for (size_t r = 0; r < size; r++) x->slice_n[r] = 0;
    for (size_t b = 0; b < x->n_blocks; b++) {
        const size_t begin = b * CO_BLOCK, end = begin + CO_BLOCK < x->n ? begin + CO_BLOCK : x->n;
        const size_t now = count_travelling(x->layout, end, &span, &before);
        const double middle = 0.5 * (double)(last + now);
        size_t r = all > 0 ? (size_t)(middle * (double)size / (double)all) : 0;
        if (r >= size) r = size - 1;
        x->slice_n[r] += end - begin;
        last = now;
    }
}

static co_status lay_out(co_exchange *x)
{
    const int size = x->comm->size;
    size_t at = 0, first = 0, span = 0, before = 0, counted = 0;
    deal_blocks(x);
    for (int r = 0; r < size; r++) {
        x->slice_first[r] = first;
        first += x->slice_n[r];
        x->wire_first[r] = counted;
        counted = count_travelling(x->layout, first, &span, &before);
        x->wire_n[r] = counted - x->wire_first[r];
        const size_t words = x->slice_n[r] + tail_words(x, r);
        if (words > INT_MAX)
            return CO_FAIL(
                CO_EUSAGE,
                "the model's %zu parameters need more than %d ranks: at most 2^31 words a rank",
                x->n, size);
        x->counts[r] = (int)(x->wire_n[r] + tail_words(x, r));
        x->at[r] = at;
        at += words;
    }
    x->n_send = at;
    x->first = x->slice_first[x->comm->rank];
    x->n_own = x->slice_n[x->comm->rank];
    x->first_block = x->first / CO_BLOCK;
    return CO_OK;
}

/* What of a part lies in a rank's slice; `at` counts from its begin. */
static co_part cut_to_slice(const co_exchange *x, int rank, const co_part *p)
{
    const size_t first = x->slice_first[rank], end_own = first + x->slice_n[rank],
                 begin = p->at > first ? p->at : first, end_part = p->at + p->size,
                 end = end_part < end_own ? end_part : end_own;
    if (begin >= end) return (co_part){0};
    return (co_part){p->offset + (begin - p->at), begin - first, end - begin};
}

/* What of the parts lies in this rank's slice; returns how many pieces that are. */
static size_t take_own(const co_exchange *x, const co_part *part, size_t n_parts, co_part *own)
{
    size_t n = 0;
    for (const co_part *p = part; p < part + n_parts; p++) {
        own[n] = cut_to_slice(x, x->comm->rank, p);
        n += own[n].size > 0;
    }
    return n;
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
        x->send ? CO_OK : CO_FAIL(CO_ENOMEM, "no memory for the exact sum of %zu parameters", x->n),
        comm);
}

static co_status allocate(co_exchange *x)
{
    const size_t size = (size_t)x->comm->size, n_nodes = (size_t)x->comm->n_nodes;
    x->counts = co_malloc(size, sizeof *x->counts);
    x->at = co_malloc(size, sizeof *x->at);
    x->slice_first = co_malloc(size, sizeof *x->slice_first);
    x->slice_n = co_malloc(size, sizeof *x->slice_n);
    x->wire_first = co_malloc(size, sizeof *x->wire_first);
    x->wire_n = co_malloc(size, sizeof *x->wire_n);
    x->gather_counts = co_malloc(n_nodes, sizeof *x->gather_counts);
    x->gather_at = co_malloc(n_nodes, sizeof *x->gather_at);
    x->own = co_malloc(x->layout->n_parts + 1, sizeof *x->own);
    x->own_span = co_malloc(x->layout->n_spans[CO_SHARED] + 1, sizeof *x->own_span);
    x->hashes = co_malloc(x->n_all_blocks, 16);
    return x->counts && x->at && x->slice_first && x->slice_n && x->wire_first && x->wire_n &&
                   x->gather_counts && x->gather_at && x->own && x->own_span && x->hashes
               ? CO_OK
               : CO_FAIL(CO_ENOMEM, "slices of the model");
}

/* Words of what a rank receives, once it stands at its places. */
static size_t received_words(const co_exchange *x)
{
    return x->n_own + tail_words(x, x->comm->rank);
}

co_status co_exchange_init(co_exchange *x, const co_layout *layout, co_board board, size_t n_counts,
                           size_t n_scalars, size_t n_rows, const co_comm *comm)
{
    const size_t size = (size_t)comm->size;
    *x = (co_exchange){.comm = comm,
                       .layout = layout,
                       .kind = board,
                       .n_params = board != CO_BOARD_TRAINED ? layout->whole : layout->n,
                       .n = layout->n,
                       .n_blocks = co_n_blocks(layout->n),
                       .n_counts = CO_N_COUNTS + n_counts,
                       .n_scalars = n_scalars,
                       .n_rows = n_rows};
    x->n_all_blocks = co_n_blocks(x->n_params);
    co_status st = allocate(x);
    if (st == CO_OK) st = lay_out(x);
    if (st == CO_OK) {
        x->n_own_parts = take_own(x, layout->part, layout->n_parts, x->own);
        x->n_own_spans =
            take_own(x, layout->span[CO_SHARED], layout->n_spans[CO_SHARED], x->own_span);
        x->received = co_malloc(received_words(x), sizeof *x->received);
        if (!x->received)
            st = CO_FAIL(CO_ENOMEM, "no memory for the exact sum of %zu parameters", x->n);
    }
    st = co_agree(st, comm);
    const size_t model_bytes = (x->n_params * sizeof(float) + 63) / 64 * 64;
    const size_t block_bytes = (x->n_all_blocks * sizeof(co_block_record) + 63) / 64 * 64;
    const size_t told_bytes = board == CO_BOARD_ROWS ? n_rows * CO_ROW_WORDS * sizeof(int64_t) : 0;
    if (st == CO_OK)
        st = co_segment_create(
            &x->board, model_bytes + block_bytes + told_bytes + size * sizeof(co_rank_record),
            comm);
    if (st == CO_OK) st = create_send(x);
    if (st != CO_OK) {
        co_exchange_fini(x);
        return st;
    }
    x->model = x->board.data;
    x->block = (co_block_record *)((char *)x->board.data + model_bytes);
    char *const behind = (char *)x->board.data + model_bytes + block_bytes;
    x->told = told_bytes ? (int64_t *)behind : NULL;
    x->record = (co_rank_record *)(behind + told_bytes);
    return CO_OK;
}

void co_exchange_fini(co_exchange *x)
{
    if (x->board.data) co_segment_fini(&x->board);
    if (x->segments.of)
        co_segments_fini(&x->segments);
    else
        co_free(x->send);
    co_free(x->received);
    co_free(x->counts);
    co_free(x->at);
    co_free(x->slice_first);
    co_free(x->slice_n);
    co_free(x->wire_first);
    co_free(x->wire_n);
    co_free(x->own);
    co_free(x->own_span);
    co_free(x->hashes);
    co_free(x->gather_counts);
    co_free(x->gather_at);
    *x = (co_exchange){0};
}

size_t co_exchange_bytes(const co_exchange *x)
{
    return (x->n_send + received_words(x)) * sizeof(int64_t) + 16 * x->n_all_blocks;
}

void co_exchange_clear(co_exchange *x)
{
    memset(x->send, 0, x->n_send * sizeof *x->send);
}

size_t co_exchange_add(co_exchange *x, const float *update, double coefficient)
{
    size_t cut = 0;
    for (int r = 0; r < x->comm->size; r++)
        if (x->slice_n[r])
            cut += co_exact_add(x->send + x->at[r], update + x->slice_first[r], x->slice_n[r],
                                coefficient);
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
    const size_t n = received_words(x), at = x->at[x->comm->rank];
    for (size_t j = 0; j < n; j += CO_BLOCK / 2) {
        const size_t m = n - j < CO_BLOCK / 2 ? n - j : CO_BLOCK / 2;
        memcpy(x->received + j, x->send + at + j, m * sizeof *x->send);
        for (int r = 0; r < x->comm->size; r++)
            if (r != x->comm->rank)
                add_words(x->received + j, (const int64_t *)x->segments.of[r] + at + j, m);
    }
}

/* The shared spans of a rank's slice, one after the other; *at: from the begin of the slice. False
 * at the end. */
static bool next_shared(const co_exchange *x, int rank, size_t *span, size_t *at, size_t *n)
{
    const co_layout *l = x->layout;
    const size_t begin = x->slice_first[rank], end = begin + x->slice_n[rank];
    for (; *span < l->n_spans[CO_SHARED]; ++*span) {
        const co_part s = l->span[CO_SHARED][*span];
        const size_t from = s.at > begin ? s.at : begin,
                     to = s.at + s.size < end ? s.at + s.size : end;
        if (from >= to) continue;
        *at = from - begin;
        *n = to - from;
        ++*span;
        return true;
    }
    return false;
}

size_t co_exchange_squeeze(const co_exchange *x, int rank, void *values, size_t bytes)
{
    char *base = values;
    size_t span = 0, at, n, done = 0;
    if (x->wire_n[rank] == x->slice_n[rank]) return x->slice_n[rank];
    while (next_shared(x, rank, &span, &at, &n)) {
        memmove(base + done * bytes, base + at * bytes, n * bytes);
        done += n;
    }
    return done;
}

void co_exchange_spread(const co_exchange *x, int rank, void *values, size_t bytes)
{
    char *base = values;
    const co_layout *l = x->layout;
    const size_t begin = x->slice_first[rank];
    size_t left = x->wire_n[rank], end = x->slice_n[rank];
    if (left == end) return;
    for (size_t s = l->n_spans[CO_SHARED];
         s-- > 0;) { /* the last one first: nothing is in its way */
        const co_part span = l->span[CO_SHARED][s];
        const size_t stop = span.at + span.size;
        if (span.at >= begin + end || stop <= begin) continue;
        const size_t from = span.at > begin ? span.at - begin : 0,
                     to = stop - begin < end ? stop - begin : end;
        left -= to - from;
        memmove(base + from * bytes, base + left * bytes, (to - from) * bytes);
        memset(base + to * bytes, 0, (end - to) * bytes);
        end = from;
    }
    memset(base, 0, end * bytes);
}

/* What a rank sends, without what lies between shared coordinates. */
static void squeeze_send(co_exchange *x)
{
    int64_t *to = x->send;
    if (x->layout->n_shared == x->n) return;
    for (int r = 0; r < x->comm->size; r++) {
        int64_t *part = x->send + x->at[r];
        const size_t n = co_exchange_squeeze(x, r, part, sizeof *part);
        memmove(part + n, part + x->slice_n[r], tail_words(x, r) * sizeof *part);
        memmove(to, part, (size_t)x->counts[r] * sizeof *part);
        to += x->counts[r];
    }
}

static void spread_received(co_exchange *x)
{
    const int rank = x->comm->rank;
    memmove(x->received + x->n_own, x->received + x->wire_n[rank],
            tail_words(x, rank) * sizeof *x->received);
    co_exchange_spread(x, rank, x->received, sizeof *x->received);
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
    squeeze_send(x);
    MPI_Reduce_scatter(x->send, x->received, x->counts, MPI_INT64_T, MPI_SUM, x->comm->world);
    spread_received(x);
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

void co_exchange_add_own(co_exchange *x, const float *update, double coefficient)
{
    co_exact_add(x->received, update, x->n_own, coefficient);
}

void co_exchange_values(const co_exchange *x, double *values)
{
    co_exact_mean(x->received, x->n_own, 1.0, values);
}

int64_t *co_exchange_sum(co_exchange *x)
{
    return x->received;
}

static const int64_t *received_rows(const co_exchange *x)
{
    return x->received + x->n_own + x->n_counts + x->n_scalars * CO_SCALAR_DIGITS;
}

void co_exchange_tell(co_exchange *x)
{
    if (x->told && x->comm->rank == 0)
        memcpy(x->told, received_rows(x), x->n_rows * CO_ROW_WORDS * sizeof *x->told);
}

void co_exchange_take_rows(const co_exchange *x, co_plan *plan)
{
    const int64_t *word = x->told ? x->told : received_rows(x);
    for (size_t i = 0; i < plan->n; i++, word += CO_ROW_WORDS) {
        co_plan_row *row = &plan->row[i];
        if (!co_row_works(row)) continue;
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

/* What travels from the board into one packed vector, or back. */
static void copy_shared(const co_exchange *x, float *packed, bool to_board)
{
    const co_part *s = x->layout->span[CO_SHARED];
    for (size_t k = 0; k < x->layout->n_spans[CO_SHARED]; packed += s[k++].size) {
        float *board = x->model + (x->kind != CO_BOARD_TRAINED ? s[k].offset : s[k].at);
        memcpy(to_board ? board : packed, to_board ? packed : board, s[k].size * sizeof *packed);
    }
}

/* The model, its shared coordinates alone, by way of the memory of the sum, which is free now and
 * has 8 bytes for each. */
static void gather_model(co_exchange *x)
{
    if (x->layout->n_shared == x->n_params) {
        gather_span(x, x->model, x->slice_first, x->n_params, sizeof(float));
        return;
    }
    float *packed = (float *)x->send;
    copy_shared(x, packed, false);
    gather_span(x, packed, x->wire_first, x->layout->n_shared, sizeof(float));
    copy_shared(x, packed, true);
}

void co_exchange_copy(const co_exchange *x, int rank, float *to)
{
    for (const co_part *p = x->layout->part; p < x->layout->part + x->layout->n_parts; p++) {
        const co_part own = cut_to_slice(x, rank, p);
        memcpy(to + own.offset, x->model + own.offset, own.size * sizeof *to);
    }
}

void co_exchange_gather(co_exchange *x)
{
    const co_comm *comm = x->comm;
    co_segment_sync(&x->board, comm);
    if (comm->n_nodes == 1) return;
    if (comm->leaders != MPI_COMM_NULL) {
        enum { RECORD_WORDS = sizeof(co_rank_record) / sizeof(int64_t) };
        const size_t n_told = x->told ? x->n_rows * CO_ROW_WORDS : 0;
        size_t block_first[comm->size], rank_first[comm->size];
        for (int r = 0; r < comm->size; r++) {
            block_first[r] = x->slice_first[r] == x->n ? x->n_blocks : x->slice_first[r] / CO_BLOCK;
            rank_first[r] = r == 0 ? 0 : n_told + (size_t)r * RECORD_WORDS;
        }
        gather_model(x);
        gather_span(x, x->block, block_first, x->n_blocks, sizeof(co_block_record));
        gather_span(x, x->told ? (void *)x->told : x->record, rank_first,
                    n_told + (size_t)comm->size * RECORD_WORDS, sizeof(int64_t));
    }
    co_segment_sync(&x->board, comm);
}

double co_exchange_update_norm(const co_exchange *x)
{
    double sum = 0.0;
    for (size_t b = 0; b < x->n_blocks; b++) sum += x->block[b].square_sum;
    return sqrt(sum);
}

/* The board's blocks in which nothing is trained, from that one on: the next one at or behind
 * *block. *part: those before it. */
static bool next_fixed(const co_exchange *x, size_t *block, size_t *part)
{
    while (*part < x->layout->n_parts && *block == x->layout->part[*part].offset / CO_BLOCK) {
        *block += co_n_blocks(x->layout->part[*part].size);
        ++*part;
    }
    return *block < x->n_all_blocks;
}

void co_exchange_hash(co_exchange *x)
{
    const co_comm *comm = x->comm;
    const size_t n = x->n_all_blocks - x->n_blocks;
    const size_t first = (size_t)co_span_first((int64_t)n, comm->node_rank, comm->node_size),
                 end = (size_t)co_span_first((int64_t)n, comm->node_rank + 1, comm->node_size);
    size_t block = 0, part = 0;
    if (n == 0) return;
    for (size_t k = 0; k < end && next_fixed(x, &block, &part); k++, block++) {
        const size_t at = block * CO_BLOCK,
                     left = x->n_params - at < CO_BLOCK ? x->n_params - at : CO_BLOCK;
        if (k >= first)
            co_hash16(x->model + at, left * sizeof *x->model, x->block[x->n_blocks + k].hash);
    }
    co_segment_sync(&x->board, comm);
}

uint64_t co_exchange_digest(const co_exchange *x)
{
    size_t block = 0, part = 0, trained = 0, fixed = x->n_blocks;
    for (; fixed < x->n_all_blocks && next_fixed(x, &block, &part); block++)
        memcpy(x->hashes + 16 * block, x->block[fixed++].hash, 16);
    for (part = 0; part < x->layout->n_parts; part++) {
        const size_t n = co_n_blocks(x->layout->part[part].size);
        for (block = x->layout->part[part].offset / CO_BLOCK;
             trained < x->layout->part[part].at / CO_BLOCK + n;)
            memcpy(x->hashes + 16 * block++, x->block[trained++].hash, 16);
    }
    return co_model_digest(x->hashes, x->n_all_blocks);
}
