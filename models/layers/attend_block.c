/* models/layers/attend_block.c - one block of queries of one head against the keys of its text,
 * forward and backward, and rotary positions. */
#include "models/layers/attend_parts.h"
#include "core/clones.h"
#include "core/elementary.h"
#include "core/random.h"
#include <string.h>

/* ---- rotary positions ---- */

/* From row to row the angles grow by one turn each: in double, so that it adds 1e-16 a row. */
void co_attend_waves(const co_attend *a, const co_attend_room *w)
{
    const size_t half = a->size / 2;
    for (size_t i = 0; a->rate && i < half; i++) {
        double c = 1.0, s = 0.0;
        for (size_t t = 0; t < w->length; t++) {
            w->waves[t * a->size + i] = (float)c, w->waves[t * a->size + half + i] = (float)s;
            const double next = c * a->rate[2 * i] - s * a->rate[2 * i + 1];
            s = c * a->rate[2 * i + 1] + s * a->rate[2 * i];
            c = next;
        }
    }
}

/* The columns of the next head, on their way to a near cache while this one is worked on. */
static void fetch_next(const co_attend *a, size_t rows, const float *head, size_t row)
{
    for (size_t r = 0; r < rows; r++, head += row)
        for (size_t k = 0; k < a->size; k += 16) __builtin_prefetch(head + a->size + k);
}

/* Rows of one head, from row `first` of the text on, turned forward (sign 1) or back (-1) and
 * multiplied by factor. to may be from. */
void co_attend_turn(const co_attend *a, const co_attend_room *w, size_t first, size_t rows,
                    float sign, float factor, const float *from, size_t from_row, float *to,
                    size_t to_row)
{
    const size_t half = a->size / 2;
    for (size_t r = 0; r < rows; r++, from += from_row, to += to_row) {
        const float *c = w->waves + (first + r) * a->size, *s = c + half;
        if (!a->rate)
            for (size_t k = 0; k < a->size; k++) to[k] = factor * from[k];
        else
            for (size_t k = 0; k < half; k++) {
                const float left = factor * from[k], right = factor * from[k + half],
                            way = sign * s[k];
                to[k] = left * c[k] - right * way;
                to[k + half] = right * c[k] + left * way;
            }
    }
}

/* ---- one block of queries ---- */

/* limit: of 2^16. mask has room for an even n. */
CO_CLONES static void mask_row(size_t n, uint32_t limit, const uint32_t *restrict draw,
                               float *restrict mask)
{
    const float factor = 65536.0f / (float)(int32_t)(65536 - limit);
    for (size_t i = 0; i < (n + 1) / 2; i++) {
        mask[2 * i] = (draw[i] & 65535) < limit ? 0.0f : factor;
        mask[2 * i + 1] = draw[i] >> 16 < limit ? 0.0f : factor;
    }
}

CO_CLONES static void multiply_row(size_t n, const float *restrict by, float *restrict x)
{
    for (size_t i = 0; i < n; i++) x[i] *= by[i];
}

static size_t seen_by(const co_attend *a, const co_attend_block *b, size_t r)
{
    return a->causal ? b->first + r + 1 : b->keys;
}

/* The first column of the head's q or y, in the block's first row; of its k or v, in the text's. */
static size_t q_at(const co_attend *a, const co_attend_block *b)
{
    return ((b->begin + b->first) * a->heads + b->head) * a->size;
}

static bool drops(const co_attend *a, const co_call *call)
{
    return a->limit > 0 && call->pass->train;
}

static void draw(const co_attend *a, const co_attend_room *w, const co_attend_block *b,
                 const co_call *call)
{
    const co_pass *pass = call->pass;
    if (!drops(a, call)) return;
    const co_stream stream =
        co_stream_open(pass->seed, CO_DRAW_DROPOUT, pass->round, pass->device, call->draw);
    const size_t row = co_pass_drawn(pass, &a->out) + b->begin + b->first;
    co_fill_u32(&stream, (uint64_t)(row * a->heads + b->head) << 31, b->rows * ((b->keys + 1) / 2),
                w->draws);
}

/* The factors of the probabilities of row r of the block; NULL: nothing is dropped. */
static const float *mask_of(const co_attend *a, const co_attend_room *w, const co_attend_block *b,
                            size_t r, const co_call *call)
{
    if (!drops(a, call)) return NULL;
    mask_row(seen_by(a, b, r), a->limit, w->draws + r * ((b->keys + 1) / 2), w->mask);
    return w->mask;
}

/* Q K' / sqrt d of the block. */
static void score(const co_attend *a, const co_attend_room *w, const co_attend_block *b,
                  const co_call *call)
{
    fetch_next(a, b->rows, call->x[0] + q_at(a, b), a->heads * a->size);
    co_attend_turn(a, w, b->first, b->rows, 1.0f, a->scale, call->x[0] + q_at(a, b),
                   a->heads * a->size, w->q, a->size);
    a->use->product(&(co_product){.rows = b->rows,
                                  .cols = b->keys,
                                  .depth = a->size,
                                  .n_segments = 1,
                                  .a = w->q,
                                  .a_row = a->size,
                                  .a_step = 1,
                                  .b = w->keys_across,
                                  .b_step = w->row,
                                  .c = w->scores,
                                  .c_row = w->row});
}

void co_attend_forward(const co_attend *a, co_attend_room *w, const co_attend_block *b,
                       const co_call *call)
{
    float *y = call->y + q_at(a, b);
    draw(a, w, b, call);
    score(a, w, b, call);
    for (size_t r = 0; r < b->rows; r++) {
        const size_t n = seen_by(a, b, r), row = b->begin + b->first + r;
        float *s = w->scores + r * w->row, max;
        const float sum = a->use->softmax(n, s, &max);
        const float *mask = mask_of(a, w, b, r, call);
        if (mask) multiply_row(n, mask, s);
        memset(s + n, 0, (b->keys - n) * sizeof *s);
        call->cache[row * a->heads + b->head] = max + (float)co_plain_log((double)sum);
        w->rate[r] = 1.0f / sum;
    }
    a->use->product(&(co_product){.rows = b->rows,
                                  .cols = a->size,
                                  .depth = b->keys,
                                  .n_segments = 1,
                                  .a = w->scores,
                                  .a_row = w->row,
                                  .a_step = 1,
                                  .b = call->x[2] + co_attend_kv_at(a, b),
                                  .b_step = a->kv_heads * a->size,
                                  .c = y,
                                  .c_row = a->heads * a->size});
    for (size_t r = 0; r < b->rows; r++, y += a->heads * a->size)
        for (size_t k = 0; k < a->size; k++) y[k] *= w->rate[r];
}

/* Probabilities (times mask) into scores, dS into slopes. */
static void slope(const co_attend *a, const co_attend_room *w, const co_attend_block *b,
                  const co_call *call)
{
    const float *dy = call->dy + q_at(a, b);
    draw(a, w, b, call);
    score(a, w, b, call);
    fetch_next(a, b->rows, dy, a->heads * a->size);
    a->use->product(&(co_product){.rows = b->rows,
                                  .cols = b->keys,
                                  .depth = a->size,
                                  .n_segments = 1,
                                  .a = dy,
                                  .a_row = a->heads * a->size,
                                  .a_step = 1,
                                  .b = w->values_across,
                                  .b_step = w->row,
                                  .c = w->slopes,
                                  .c_row = w->row});
    for (size_t r = 0; r < b->rows; r++) {
        const size_t n = seen_by(a, b, r), row = b->begin + b->first + r, at = r * w->row;
        const float *mask = mask_of(a, w, b, r, call);
        a->use->softmax_back(n, call->cache[row * a->heads + b->head], mask, w->scores + at,
                             w->slopes + at);
        memset(w->scores + at + n, 0, (b->keys - n) * sizeof *w->scores);
        memset(w->slopes + at + n, 0, (b->keys - n) * sizeof *w->slopes);
    }
}

/* to[keys][size] += from' b: from [rows][keys] of the block. */
static void add_to_keys(const co_attend *a, const co_attend_room *w, const co_attend_block *b,
                        const float *from, const float *with, size_t with_row, float *to)
{
    a->use->product(&(co_product){.rows = b->keys,
                                  .cols = a->size,
                                  .depth = b->rows,
                                  .n_segments = 1,
                                  .a = from,
                                  .a_row = 1,
                                  .a_step = w->row,
                                  .b = with,
                                  .b_step = with_row,
                                  .c = to,
                                  .c_row = a->kv_heads * a->size,
                                  .add = true,
                                  .factor = 1.0f});
}

void co_attend_backward(const co_attend *a, const co_attend_room *w, const co_attend_block *b,
                        const co_call *call)
{
    const size_t q_row = a->heads * a->size, kv_row = a->kv_heads * a->size,
                 kv = co_attend_kv_at(a, b);
    slope(a, w, b, call);
    if (call->dx[2])
        add_to_keys(a, w, b, w->scores, call->dy + q_at(a, b), q_row, call->dx[2] + kv);
    if (call->dx[1]) add_to_keys(a, w, b, w->slopes, w->q, a->size, call->dx[1] + kv);
    if (!call->dx[0]) return;
    a->use->product(&(co_product){.rows = b->rows,
                                  .cols = a->size,
                                  .depth = b->keys,
                                  .n_segments = 1,
                                  .a = w->slopes,
                                  .a_row = w->row,
                                  .a_step = 1,
                                  .b = a->rate ? w->keys : call->x[1] + kv,
                                  .b_step = a->rate ? a->size : kv_row,
                                  .c = w->dq,
                                  .c_row = a->size});
    co_attend_turn(a, w, b->first, b->rows, -1.0f, a->scale, w->dq, a->size,
                   call->dx[0] + q_at(a, b), q_row);
}
