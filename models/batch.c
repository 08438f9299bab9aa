/* models/batch.c - sizes of shapes and how messages print them. Cost: constant. */
#include "models/batch.h"
#include <stdio.h>

enum { MOST = 2147483647 }; /* the BLAS interface counts in 32-bit integers */

size_t co_shape_size(const co_shape *shape)
{
    size_t size = 1;
    if (shape->lanes) return co_shape_channels(shape) * shape->dim[1] * shape->dim[2];
    for (size_t i = 0; i < shape->ndim; i++) size *= shape->dim[i];
    return size;
}

size_t co_shape_channels(const co_shape *shape)
{
    const size_t lanes = shape->lanes ? shape->lanes : 1;
    return (shape->dim[0] + lanes - 1) / lanes * lanes;
}

bool co_shape_equal(const co_shape *a, const co_shape *b)
{
    bool equal = a->sequence == b->sequence && a->target == b->target && a->tokens == b->tokens &&
                 a->ndim == b->ndim;
    for (size_t i = 0; i < (a->tokens ? 1 : a->ndim); i++) equal = equal && a->dim[i] == b->dim[i];
    return equal;
}

void co_shape_text(const co_shape *shape, char text[CO_SHAPE_TEXT])
{
    const char *prefix = !shape->sequence ? "" : shape->target ? "targets of " : "sequences of ";
    const size_t *d = shape->dim;
    if (shape->tokens) {
        snprintf(text, CO_SHAPE_TEXT, "%stokens", prefix);
    } else if (shape->ndim == 1) {
        snprintf(text, CO_SHAPE_TEXT, "%s[%zu]", prefix, d[0]);
    } else if (shape->ndim == 2) {
        snprintf(text, CO_SHAPE_TEXT, "%s[%zu, %zu]", prefix, d[0], d[1]);
    } else if (shape->ndim == 3) {
        snprintf(text, CO_SHAPE_TEXT, "%s[%zu, %zu, %zu]", prefix, d[0], d[1], d[2]);
    } else {
        snprintf(text, CO_SHAPE_TEXT, "%s%zu dimensions", prefix, shape->ndim);
    }
}

bool co_size_multiply(size_t *product, size_t factor)
{
    size_t result;
    if (__builtin_mul_overflow(*product, factor, &result) || result > MOST) return false;
    *product = result;
    return true;
}
