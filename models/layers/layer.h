/* models/layers/layer.h - kind layer: forward, and backward in two phases.
 *
 * A model is a list of layers over one parameter vector; the layer gets pointers to its own part of it, tensors one after
 * another in PyTorch's order, shape and names, row-major, without padding. Backward runs in two phases: backward_input hands dx
 * down the chain; backward_params then forms the weight gradients from the kept activations, with an optional scale per
 * example (per-example clipping). Shapes with `lanes` stand channels-last: a layer that takes images takes both layouts.
 * Layers keep no state between calls but what `cache` carries from forward to backward.
 *
 * Adding one: a file models/layers/<name>.c with the table co_layer_<name>, and a line in list.h. relu.c is the simplest. */
#pragma once
#include "core/config.h"
#include "models/batch.h"

typedef enum { CO_SHARED, CO_PERSONAL, CO_FROZEN } co_role; /* travels, stays with the device, never changes */

typedef struct {
    char name[64]; /* "weight"; the model makes "3.weight" of it */
    size_t ndim, dim[4];
} co_tensor_shape;

enum { CO_MAX_TENSORS = 64 }; /* of one layer */

typedef struct {
    CO_PLUGIN_FIELDS;
    const char *main_option; /* the option that `{dense: 10}` sets; NULL: a bare value is refused */
    /* Local. Checks the shapes; *out is the shape of an output row; n_classes stands for the word `classes`. CO_EUSAGE when the input does
     * not fit, naming both shapes. */
    co_status (*create)(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out, void **self);
    void (*destroy)(void *self); /* NULL allowed as argument */
    /* Tensors into shape[CO_MAX_TENSORS]; returns how many. NULL: none. */
    size_t (*tensors)(const void *self, co_tensor_shape *shape);
    /* PyTorch's default initial values, from stream (seed, CO_DRAW_MODEL_INIT, 0, 0, first_tensor + i) for tensor i. NULL: none. */
    void (*init)(const void *self, uint64_t seed, uint64_t first_tensor, float *params);
    /* Floats kept from forward to backward, and floats of scratch that no call leaves anything in, for that many
     * examples and rows. NULL: none. */
    size_t (*cache_size)(const void *self, size_t n, size_t rows);
    size_t (*scratch_size)(const void *self, size_t n, size_t rows);
    /* True when rows keep their floats and only get another shape: the model then passes x and dy on and never calls forward.
     * NULL: false. */
    bool (*passes_on)(const void *self);
    /* Images alone: a batch may come in parts, which stay in the second cache from layer to layer. pass->first examples came
     * before: x, y, dy and dx point to the part, cache does not move and keeps what the parts share. Weights change with the last
     * part (!pass->more). */
    bool in_parts;
    /* Called when the layer in front is a relu: true when this layer from now on does its work at once, and backward too; the
     * relu then passes on. Once, before anything else. NULL: false. */
    bool (*take_relu)(void *self);
    /* in_place: forward and backward_input may be called with y = x and dx = dy, and backward reads y alone. spares_output,
     * spares_input: no backward of this layer reads y, or x. Where in_place stands behind spares_output, the model gives both
     * one buffer; what stands between spares_output and spares_input lasts for one part of the batch only. */
    bool in_place, spares_output, spares_input;
    /* x[rows][in] -> y[rows_out][out]. x is NULL for tokens (see pass->batch). */
    void (*forward)(const void *self, const co_pass *pass, const float *params, const float *x, float *y, float *cache,
                    float *scratch);
    /* dy -> dx (overwritten). NULL: not differentiable by its input (embedding). */
    void (*backward_input)(const void *self, const co_pass *pass, const float *params, const float *x, const float *y,
                           const float *dy, float *dx, float *cache, float *scratch);
    /* backward_params works on what backward_input leaves in the cache, which therefore always comes first, with dx NULL where
     * none is wanted, and once after each forward, whose values it uses up (recurrent layers). */
    bool input_first;
    /* grad += the gradient by the parameters; scale[n] per example or NULL (all 1). NULL: no parameters. */
    void (*backward_params)(const void *self, const co_pass *pass, const float *params, const float *x, const float *y,
                            const float *dy, const float *scale, float *grad, const float *cache, float *scratch);
    /* Both phases in one: dx from params (NULL: not wanted), then target += factor times the gradient. target is a gradient
     * buffer, or params itself, which makes the step of SGD with factor -lr. The same bits as the two phases in turn. NULL:
     * there is no faster way; nor when has_backward is there and says false. */
    void (*backward)(const void *self, const co_pass *pass, const float *params, const float *x, const float *y,
                     const float *dy, float *dx, float factor, float *target, const float *cache, float *scratch);
    bool (*has_backward)(const void *self);
    /* Multiply-adds of one forward row, for predicting cost. NULL: negligible. */
    double (*flops)(const void *self);
} co_layer;

extern const co_kind co_kind_layer;
const co_layer *co_layer_find(const char *name);
