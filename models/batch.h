/* models/batch.h - what flows through a model: shapes of one row, batches, and the context of one
 * pass. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The shape of one row. An example is one row, or, when `sequence` is set, as many rows as its
 * sequence is long. */
typedef struct {
    bool sequence; /* rows are the steps of sequences */
    bool target;   /* of the sequences that a decoder reads, which have lengths of their own */
    bool tokens;   /* rows are int32 token ids below dim[0], not floats (ndim 0); dim[1]: letters
                      that they are made of, 0 where the data have none */
    size_t ndim;   /* 1: [features]; 3: [channels, height, width] */
    size_t dim[3];
    size_t lanes; /* 0, or the image stands channels-last, channels padded with zeros to a multiple
                     of this (kernels.h); only between layers */
} co_shape;
size_t co_shape_size(const co_shape *shape);               /* floats of one row */
size_t co_shape_channels(const co_shape *shape);           /* of an image, padding included */
bool co_shape_equal(const co_shape *a, const co_shape *b); /* but for lanes */
enum { CO_SHAPE_TEXT = 96 };
/* "[3, 32, 32]", "sequences of [8]", for messages. Local. */
void co_shape_text(const co_shape *shape, char text[CO_SHAPE_TEXT]);
/* *product *= factor; false, and *product left alone, when that exceeds 2^31 - 1. */
bool co_size_multiply(size_t *product, size_t factor);

/* n examples. Nothing is owned. */
typedef struct {
    size_t n;               /* examples */
    size_t rows;            /* n, or the steps of all sequences */
    const int64_t *offsets; /* [n + 1] rows of each example; NULL: one row each */
    const float *x;         /* [rows][size]; NULL for tokens */
    const int32_t *tokens;  /* [rows]; NULL for floats */
    /* letters of the tokens, where the data have them: [char_offsets[rows]], those of token r from
     * char_offsets[r] on; the first token's need not stand first */
    const int32_t *chars;
    const int64_t *char_offsets; /* [rows + 1] */
    /* what a decoder reads, where there is one: each target without its last token */
    size_t target_rows;
    const int64_t *target_offsets; /* [n + 1] */
    const int32_t *target_tokens;  /* [target_rows] */
    const void *y; /* as the task defines it: classification int32[n]; lm, mlm, tagging int32[rows];
                      joint int32[rows][2]; seq2seq int32[target_rows]; span int32[n][2];
                      regression, multilabel float[n][labels] */
} co_batch;

/* Rows that a batch has where rows have this shape. */
static inline size_t co_shape_rows(const co_shape *shape, const co_batch *batch)
{
    return !shape->sequence ? batch->n : shape->target ? batch->target_rows : batch->rows;
}
/* The same for batches of at most that many examples, rows and rows of targets. */
static inline size_t co_shape_most_rows(const co_shape *shape, size_t n, size_t rows,
                                        size_t target_rows)
{
    return !shape->sequence ? n : shape->target ? target_rows : rows;
}
/* [n + 1] where each example's rows begin; NULL: one row each. */
static inline const int64_t *co_shape_offsets(const co_shape *shape, const co_batch *batch)
{
    return !shape->sequence ? NULL : shape->target ? batch->target_offsets : batch->offsets;
}
/* First row of example i where rows have this shape; i may be n. */
static inline size_t co_shape_first_row(const co_shape *shape, const co_batch *batch, size_t i)
{
    const int64_t *offsets = co_shape_offsets(shape, batch);
    return offsets ? (size_t)offsets[i] : i;
}
/* The tokens that stand at rows of this shape; NULL where the batch has none. */
static inline const int32_t *co_shape_tokens(const co_shape *shape, const co_batch *batch)
{
    return shape->target ? batch->target_tokens : batch->tokens;
}

/* Examples first .. first + n of a batch as one of their own: floats of a row of x; 4-byte words of
 * the labels of an example, or of each row (of a target, where there are some) where per_row.
 * offsets[2 (n + 1)] is room. Local. */
void co_batch_part(const co_batch *whole, size_t first, size_t n, size_t x_floats, size_t y_words,
                   bool per_row, int64_t *offsets, co_batch *part);

/* One pass of a batch through a model. The four numbers and the layer's node key every draw that it
 * makes (dropout). Layers that work example by example may get a batch in parts, one after another
 * (layer.h): then batch is the part. */
typedef struct {
    const co_batch *batch;
    size_t first; /* examples in the parts before */
    bool more;    /* parts follow */
    bool train;   /* false: evaluation, dropout is the identity */
    /* Examples, and rows of sequences, that the batch stands behind in a larger one: what it draws
     * is what its examples would get there. */
    size_t drawn, drawn_rows, drawn_target_rows;
    uint64_t seed, round, device, step;
    /* The whole vector, whose frozen tensors are read in place: then parameters and gradients hold
     * only what is trained (co_layout). NULL: they are whole vectors. */
    const float *frozen;
} co_pass;

/* Rows of this shape whose draws stand before those of the batch. */
static inline size_t co_pass_drawn(const co_pass *pass, const co_shape *shape)
{
    if (!shape->sequence) return pass->first + pass->drawn;
    return pass->first + (shape->target ? pass->drawn_target_rows : pass->drawn_rows);
}
