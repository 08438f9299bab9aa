/* models/layers/row_norm.h - what layer_norm and rms_norm share: rows of features scaled by their
 * own mean square, with a weight for each feature. */
#pragma once
#include "models/layers/layer.h"

/* in: rows of [features]. centred: around the row's mean, and with a bias. */
co_status co_row_norm_create(const co_config *opt, const co_shape *in, bool centred, co_shape *out,
                             void **self);
void co_row_norm_destroy(void *self);
co_facts co_row_norm_facts(const void *self);
size_t co_row_norm_tensors(const void *self, co_tensor_shape *shape);
void co_row_norm_init(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor);
size_t co_row_norm_cache_size(const void *self, size_t n, size_t rows);
void co_row_norm_forward(const void *self, const co_call *call);
void co_row_norm_backward_input(const void *self, const co_call *call);
void co_row_norm_backward_params(const void *self, const co_call *call);

#define CO_ROW_NORM_ENTRIES                                                                        \
    .destroy = co_row_norm_destroy, .facts = co_row_norm_facts, .tensors = co_row_norm_tensors,    \
    .init = co_row_norm_init, .cache_size = co_row_norm_cache_size,                                \
    .forward = co_row_norm_forward, .backward_input = co_row_norm_backward_input,                  \
    .backward_params = co_row_norm_backward_params
