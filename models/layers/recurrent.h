/* models/layers/recurrent.h - what recurrent layers share: walking through a batch of sequences,
 * stacked layers, both directions, the products with the weights. A layer adds its cell: how gates
 * make the next state. gru.c is the simplest. */
#pragma once
#include "models/kernels/kernels.h"
#include "models/layers/layer.h"

/* One step of m sequences with h units each; all matrices are row-major and dense. fast: NULL on
 * the reference path. What backward needs stays where the sums were, and becomes their gradient
 * there. */
typedef struct {
    size_t n_gates; /* blocks of h rows in the weights */
    size_t n_kept;  /* blocks of h floats a row kept from forward to backward beside gx and gh */
    bool apart;     /* the cell uses gx and gh apart; else gx holds their sum, and gh is NULL */
    /* gx[m][n_gates h], in: W_ih x + b_ih, gh: W_hh before + b_hh, out: for backward; before[m][h]:
     * the last outputs, zeros at the first step; kept_before: of the last step, NULL at the first;
     * writes kept[m][n_kept h] and the outputs y[m][h]. */
    void (*forward)(const co_kernels *fast, size_t m, size_t h, float *gx, float *gh,
                    const float *before, const float *kept_before, float *kept, float *y);
    /* dy[m][h] by the outputs, in: everything that came back to them, out: what goes straight to
     * `before` (not through the gates); carry[m][h]: the cell's own second gradient, zeros at the
     * last step of a sequence. gx and gh, in: as forward left them, out: the gradient by what they
     * were. */
    void (*backward)(const co_kernels *fast, size_t m, size_t h, float *gx, float *gh,
                     const float *kept, const float *kept_before, const float *before, float *dy,
                     float *carry);
} co_cell;

extern const co_param co_recurrent_params[]; /* units, layers, bidirectional */

/* A layer's table sets all of these; its create calls co_recurrent_create with its cell. */
co_status co_recurrent_create(const co_config *opt, const co_shape *in, const co_cell *cell,
                              co_shape *out, void **self);
size_t co_recurrent_tensors(const void *self, co_tensor_shape *shape);
co_facts co_recurrent_facts(const void *self);
void co_recurrent_init(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor);
size_t co_recurrent_cache_size(const void *self, size_t n, size_t rows);
size_t co_recurrent_scratch_size(const void *self, size_t n, size_t rows);
void co_recurrent_forward(const void *self, const co_call *call);
void co_recurrent_backward_input(const void *self, const co_call *call);
void co_recurrent_backward_params(const void *self, const co_call *call);
void co_recurrent_backward(const void *self, const co_call *call);
size_t co_recurrent_step_size(const void *self, const co_steps_size *size);
void co_recurrent_lay(const void *self, const co_call *call, const co_steps_size *size,
                      float *block);
void co_recurrent_step(const void *self, const co_call *call, const co_step *step, float *block);
void co_recurrent_norms(const void *self, const co_call *call, double *const *squared);
size_t co_recurrent_norms_size(const void *self, size_t n, size_t rows);
double co_recurrent_flops(const void *self);
