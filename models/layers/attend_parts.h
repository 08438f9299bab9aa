/* models/layers/attend_parts.h - what the files models/layers/attend*.c share; nobody else includes
 * it. All calls are Local. */
#pragma once
#include "models/kernels/kernels.h"
#include "models/layers/layer.h"

enum { CO_ATTEND_BLOCK = 64 }; /* queries that go at a time */

typedef struct {
    co_shape in, out;             /* of keys and values; of queries */
    size_t heads, kv_heads, size; /* size: d */
    bool causal;
    float scale;
    uint32_t limit; /* of 2^16 draws, those that drop */
    double *rate; /* [size / 2][2] cosine and sine of the angle from row to row; NULL: no rotary */
    const co_kernels *use, *fast; /* fast NULL: reference, which uses the plain loops below */
} co_attend;

/* For a text with keys of `length` rows; row: floats from a row of scores to the next, no power of
 * two. */
typedef struct {
    bool back;
    size_t length, row;
    float *scores, *slopes;             /* [CO_ATTEND_BLOCK][row] */
    float *mask;                        /* [row] factors of a row of probabilities */
    uint32_t *draws;                    /* [CO_ATTEND_BLOCK][row / 2] two columns a word */
    float *keys_across, *values_across; /* [size][row] keys, turned, and values as columns */
    float *keys;                        /* [length][size] turned */
    float *q, *dq;                      /* [CO_ATTEND_BLOCK][size] queries, turned and scaled */
    float *waves;                       /* [length][size] cosines, then sines */
    float rate[CO_ATTEND_BLOCK];        /* 1 / sum of exponentials of a row */
} co_attend_room;

/* Rows first .. first + rows - 1 of the queries that begin at row `begin` of the batch, of one
 * head; they see `keys` rows of those that begin at `from` at most. */
typedef struct {
    size_t begin, from, first, rows, keys, head;
} co_attend_block;

/* Queries of a target, keys of its text. */
static inline bool co_attend_is_cross(const co_attend *a)
{
    return a->in.target != a->out.target;
}
static inline size_t co_attend_align(size_t floats)
{
    return (floats + 15) / 16 * 16;
}
/* Floats from a row of scores to the next. */
static inline size_t co_attend_row_of(size_t length)
{
    return co_attend_align(length) + 16;
}
/* The first column of the head's k or v, in the text's first row. */
static inline size_t co_attend_kv_at(const co_attend *a, const co_attend_block *b)
{
    return (b->from * a->kv_heads + b->head / (a->heads / a->kv_heads)) * a->size;
}

/* The waves of w->length rows. */
void co_attend_waves(const co_attend *a, const co_attend_room *w);
/* Rows of one head, from row `first` of the text on, turned forward (sign 1) or back (-1) and
 * multiplied by factor. to may be from. */
void co_attend_turn(const co_attend *a, const co_attend_room *w, size_t first, size_t rows,
                    float sign, float factor, const float *from, size_t from_row, float *to,
                    size_t to_row);
/* y of a block, with its log of the sum of exponentials; the gradients that come from it. The
 * head's keys, and for backward its values, stand in w. */
void co_attend_forward(const co_attend *a, co_attend_room *w, const co_attend_block *b,
                       const co_call *call);
void co_attend_backward(const co_attend *a, const co_attend_room *w, const co_attend_block *b,
                        const co_call *call);
/* One row a text, as the layer's table has them. */
size_t co_attend_step_size(const void *self, const co_steps_size *size);
void co_attend_lay(const void *self, const co_call *call, const co_steps_size *size, float *kept);
void co_attend_step(const void *self, const co_call *call, const co_step *step, float *kept);
