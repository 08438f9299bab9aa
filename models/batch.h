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
    bool tokens;   /* rows are int32 token ids below dim[0], not floats (ndim 0) */
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
    const void *y; /* as the task defines it: classification int32[n]; lm, mlm, tagging int32[rows];
                      regression, multilabel float[n][labels] */
} co_batch;

/* Rows that a batch has where rows have this shape. */
static inline size_t co_shape_rows(const co_shape *shape, const co_batch *batch)
{
    return shape->sequence ? batch->rows : batch->n;
}
/* First row of example i where rows have this shape; i may be n. */
static inline size_t co_shape_first_row(const co_shape *shape, const co_batch *batch, size_t i)
{
    return shape->sequence && batch->offsets ? (size_t)batch->offsets[i] : i;
}

/* Examples first .. first + n of a batch as one of their own: floats of a row of x; 4-byte words of
 * the labels of an example, or of each row where per_row. offsets[n + 1] is room. Local. */
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
    size_t drawn, drawn_rows;
    uint64_t seed, round, device, step;
    /* The whole vector, whose frozen tensors are read in place: then parameters and gradients hold
     * only what is trained (co_layout). NULL: they are whole vectors. */
    const float *frozen;
} co_pass;

/* Rows of this shape whose draws stand before those of the batch. */
static inline size_t co_pass_drawn(const co_pass *pass, const co_shape *shape)
{
    return pass->first + (shape->sequence ? pass->drawn_rows : pass->drawn);
}
