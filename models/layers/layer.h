/* models/layers/layer.h - kind layer: a formula. Shapes, tensors, forward, and backward in two
 * phases.
 *
 * A model is a graph of layers over one parameter vector; tensors have PyTorch's order, shape and
 * names, row-major, without padding. Backward runs in two phases: backward_input hands dx down the
 * graph; backward_params then forms the weight gradients from the kept activations, with an
 * optional scale per example (per-example clipping). Shapes with `lanes` stand channels-last: a
 * layer that takes images takes both layouts. Layers keep no state between calls but what `cache`
 * carries from forward to backward, and know nothing of what stands before and behind them: what
 * they allow a model to save, they state as facts.
 *
 * Adding one: a file models/layers/<name>.c with the table co_layer_<name>, and a line in list.h.
 * relu.c is the simplest; its `fast` kernels are for speed alone: a plain loop will do. */
#pragma once
#include "core/config.h"
#include "models/batch.h"
#include <string.h>

typedef enum {
    CO_SHARED,
    CO_PERSONAL,
    CO_FROZEN
} co_role; /* travels, stays with the device, never changes */

typedef struct {
    char name[64]; /* "weight"; the model makes "3.weight" of it */
    size_t ndim, dim[4];
} co_tensor_shape;

enum { CO_MAX_TENSORS = 64, CO_MAX_INPUTS = 3 }; /* of one layer */

/* What a layer allows. Without a fact a model only saves less. */
typedef struct {
    /* y has the floats of x in their order, and dx those of dy: they may share a buffer, and no
     * entry is called. */
    bool alias;
    /* forward and backward_input may be called with y = x[0] and dx[0] = dy, and no entry of
     * backward reads x[0]. */
    bool in_place;
    bool spares_input, spares_output; /* no entry of backward reads x, or y */
    /* Images alone: a batch may come in parts. pass->first examples came before: x, y, dy and dx
     * point to the part, cache does not move and keeps what the parts share. Weights change with
     * the last part (!pass->more). */
    bool in_parts;
    bool rectifies;         /* y = max(x, 0) float by float, dx = dy where y > 0, else 0 */
    bool takes_unrectified; /* call->rectify is heeded */
    bool at_once;           /* `backward` is there and serves */
    bool adds_dx;           /* call->add is heeded */
    bool chains;            /* stands last: its rows are emissions and CO_CRF_EXTRA values of a
                               chain over them (crf.c), whose loss is the layer's own */
    /* Row r of y comes from row r of the inputs alone, and forward, or step where that is there,
     * gives it the same bits whatever other rows stand beside it: decoders may ask for any rows. */
    bool row_wise;
    bool steps; /* `step` is there and serves */
    /* call->each is heeded by backward_params, and by `backward` of layers that take batches in
     * parts: cheap enough that the gradients of a batch's examples are kept side by side. */
    bool each;
} co_facts;

/* What a chain adds to a row of n emissions, at n + ..: the text's loss, the tag. */
enum { CO_CRF_LOSS, CO_CRF_TAG, CO_CRF_EXTRA };

/* The gradient of a matrix [n_left][n_right], example by example, as the sum over its rows r of
 * left_r right_r': rows as those of that shape. index: left_r is 1 at index[r] and 0 elsewhere. */
typedef struct {
    const co_shape *shape;
    const int32_t *index;
    const float *left, *right; /* left NULL where there is an index */
    size_t n_left, n_right;
} co_factors;

/* What an entry works on. Each says below what it uses; the rest is NULL or left as it was. */
typedef struct {
    const co_pass *pass;
    uint64_t draw; /* number of step and node in one, the last key of what the layer draws */
    const float *params, *frozen;  /* the model's vector; the one that holds the frozen tensors */
    float *target;                 /* a vector of gradients, or params itself */
    const size_t *at, *target_at;  /* where each of the layer's tensors begins; in the target */
    const bool *is_frozen;         /* which of them are */
    const float *x[CO_MAX_INPUTS]; /* [rows][in]; NULL for tokens (see pass->batch) */
    float *y;                      /* [rows_out][out]; backward reads it */
    const float *dy;
    float *dx[CO_MAX_INPUTS]; /* overwritten; NULL: not wanted */
    const float *scale;       /* [n] a factor for each example's gradient, or NULL (all 1) */
    float factor;
    float *cache, *scratch;
    /* Floats from one example's target to the next: each gets its own gradient, written over what
     * is there. 0: one for all. Only where facts say each; then scale is NULL and factor 1. */
    size_t each;
    bool add; /* dx[0] += the gradient, with the bits of a sum formed apart; only where facts say
                 adds_dx */
    bool rectify; /* x stands for max(x, 0); only where facts say takes_unrectified */
} co_call;

/* Texts that grow by one row a call (models/decoding): row k of x and y is row at[k] of the text of
 * its own that k stands for. What a layer keeps of a row stands under the row's slot until all
 * texts that go on from it have ended. Texts that share rows grow together, and no two share the
 * slot of a new one. The bits of a row depend on its text alone. */
typedef struct {
    size_t n_slots, most;          /* slots, and rows that a text may have: bounds of slot and at */
    size_t n_sources, most_source; /* other texts that are read, and rows of the longest; or 0 */
} co_steps_size;
typedef struct {
    size_t n; /* texts at hand, rows of x and y: n_slots at most */
    const co_steps_size *size;
    const int32_t *at;          /* [n] number of the row in its text, from 0 */
    const int32_t *slot;        /* [n] where to keep it */
    const int32_t *const *past; /* [n][at] the slots of the rows before it */
    const int32_t *token;       /* [n] of the row */
    const int64_t *source;      /* [n][2] first and end row of its source in x[1] and x[2] of a
                                   layer that reads another text; NULL: there is none */
} co_step;

/* Tensor number t of the layer, and its place in the target. */
static inline const float *co_call_tensor(const co_call *c, size_t t)
{
    return (c->is_frozen[t] ? c->frozen : c->params) + c->at[t];
}
static inline float *co_call_target(const co_call *c, size_t t)
{
    return c->target + c->target_at[t];
}
/* Where example i's gradient by tensor t of so many floats is added: zeros when it is its own. */
static inline float *co_call_own(const co_call *c, size_t t, size_t i, size_t floats)
{
    float *own = co_call_target(c, t) + i * c->each;
    if (c->each) memset(own, 0, floats * sizeof *own);
    return own;
}

typedef struct {
    CO_PLUGIN_FIELDS;
    const char *main_option; /* the option that `{dense: 10}` sets; NULL: a bare value is refused */
    size_t n_inputs; /* 0: one. Layers with more are made by blocks (models/graph), not written in
                        lists */
    /* Local. Checks the shapes in[n_inputs]; *out is the shape of an output row; n_classes stands
     * for the word `classes`. CO_EUSAGE when the input does not fit, naming both shapes. */
    co_status (*create)(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self);
    void (*destroy)(void *self);         /* NULL allowed as argument */
    co_facts (*facts)(const void *self); /* NULL: none */
    /* Tensors into shape[CO_MAX_TENSORS]; returns how many. NULL: none. */
    size_t (*tensors)(const void *self, co_tensor_shape *shape);
    /* PyTorch's default initial values of tensor t, from stream (seed, CO_DRAW_MODEL_INIT, 0, 0,
     * number). NULL: no tensors. */
    void (*init)(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor);
    /* Floats kept from forward to backward, and floats of scratch that no call leaves anything in,
     * for that many examples and rows; of inputs with rows of their own, the most. NULL: none. */
    size_t (*cache_size)(const void *self, size_t n, size_t rows);
    size_t (*scratch_size)(const void *self, size_t n, size_t rows);
    /* x -> y, from params. */
    void (*forward)(const void *self, const co_call *call);
    /* dy -> dx, from params, x, y. NULL: not differentiable by its input (embedding). */
    void (*backward_input)(const void *self, const co_call *call);
    /* backward_params works on what backward_input leaves in the cache, which therefore always
     * comes first, with dx NULL where none is wanted, and once after each forward, whose values it
     * uses up (recurrent layers). */
    bool input_first;
    /* target += the gradient, from x, y, dy, scale. NULL: no parameters. */
    void (*backward_params)(const void *self, const co_call *call);
    /* Norms per example, between the phases: squared[t][i] += the squared norm of example i's
     * gradient by tensor t, for those t where squared[t] is not NULL; rounding in the second phase
     * included (models/layers/outer.h). From that example's rows alone, and what it chooses by cost
     * from its length. norms_size: floats of scratch. NULL: `each`, or backward_params with a scale
     * for one example after the other. */
    void (*norms)(const void *self, const co_call *call, double *const *squared);
    size_t (*norms_size)(const void *self, size_t n, size_t rows);
    /* With facts.each: where a layer keeps an example's gradient by tensor t in an order of its
     * own, with zeros between: how many floats; and target += such a gradient, or a weighted sum of
     * some. NULL: as in the tensor. */
    size_t (*own_size)(const void *self, size_t t);
    void (*own_back)(const void *self, const co_call *call, size_t t, const float *own);
    /* The gradient by tensor t as factors, for tensors that several nodes share. False, or NULL:
     * not as factors. */
    bool (*factors)(const void *self, const co_call *call, size_t t, co_factors *factors);
    /* Both phases in one: dx from params, then target += factor times the gradient, without scale.
     * With target = params this is the step of SGD with factor -lr. The same bits as the two phases
     * in turn (on the reference path: but for rounding). NULL: there is no faster way. */
    void (*backward)(const void *self, const co_call *call);
    /* Decoding, of layers over time, and of those whose forward does not keep the bits of a row
     * (facts: steps). Floats of the block that holds what a layer keeps, with what `lay` makes of
     * params in front. lay: before the first step, and after params have changed; NULL: nothing to
     * do. step: x -> y of one row a text, for layers that go
     * row by row of any max(n_slots, most_source) rows; scratch and cache are not set. */
    size_t (*step_size)(const void *self, const co_steps_size *size);
    void (*lay)(const void *self, const co_call *call, const co_steps_size *size, float *block);
    void (*step)(const void *self, const co_call *call, const co_step *step, float *block);
    /* Most rows that a sequence may have (co_model_longest). NULL: any number. */
    size_t (*longest)(const void *self);
    /* Multiply-adds of one forward row, for predicting cost; and of one row of the first and one of
     * the last input together (attention). NULL: negligible. */
    double (*flops)(const void *self);
    double (*pair_flops)(const void *self);
} co_layer;

extern const co_kind co_kind_layer;
const co_layer *co_layer_find(const char *name);
