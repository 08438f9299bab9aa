/* models/layers/segments.c - y = x + S[s], with s the number of separator tokens before this one in
 * its text, at most most - 1: which of a text's parts a token is in.
 *
 * S [most][units] is a tensor; dS[s] gets the dy of all rows of that part. A separator belongs to
 * the part that it ends. Without a separator, and in batches without tokens, all rows have s = 0.
 * Cost: one pass. Source: Devlin et al., NAACL 2019, arXiv:1810.04805, section 3 (token types). */
#include "core/memory.h"
#include "core/vector.h"
#include "models/layers/init.h"
#include "models/layers/input.h"
#include <string.h>

typedef struct {
    co_shape shape;
    size_t most, units;
    int64_t separator;
    float scale;
} segments;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    const size_t most = (size_t)co_config_int(opt, "most");
    size_t floats = most;
    (void)n_classes;
    *self = NULL;
    CO_TRY(co_input_sequences(opt, in));
    if (!co_size_multiply(&floats, in->dim[0]))
        return co_config_fail(opt, co_config_node(opt, "most"),
                              "%zu x %zu weights are more than 2^31 - 1; use fewer segments", most,
                              in->dim[0]);
    segments *s = co_malloc(1, sizeof *s);
    if (!s) return CO_FAIL(CO_ENOMEM, "layer segments");
    *s = (segments){.shape = *in,
                    .most = most,
                    .units = in->dim[0],
                    .separator = co_config_int(opt, "separator"),
                    .scale = (float)co_config_real(opt, "scale")};
    *out = *in;
    *self = s;
    return CO_OK;
}

static size_t tensors(const void *self, co_tensor_shape *shape)
{
    const segments *s = self;
    shape[0] = (co_tensor_shape){"weight", 2, {s->most, s->units}};
    return 1;
}

static void init(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor)
{
    const segments *s = self;
    (void)t;
    co_init_normal(seed, number, s->scale, s->most * s->units, tensor);
}

/* The segment of the row behind row r of a text, which is in segment `now`. */
static size_t next_segment(const segments *s, const co_batch *batch, size_t r, size_t now)
{
    const int32_t *tokens = co_shape_tokens(&s->shape, batch);
    const bool ends = tokens && tokens[r] == s->separator;
    return ends && now + 1 < s->most ? now + 1 : now;
}

static void forward(const void *self, const co_call *call)
{
    const segments *s = self;
    const co_batch *batch = call->pass->batch;
    const float *table = co_call_tensor(call, 0);
    for (size_t i = 0; i < batch->n; i++) {
        const size_t end = co_shape_first_row(&s->shape, batch, i + 1);
        size_t now = 0;
        for (size_t r = co_shape_first_row(&s->shape, batch, i); r < end; r++) {
            const float *restrict from = table + now * s->units, *x = call->x[0] + r * s->units;
            float *y = call->y + r * s->units;
            for (size_t k = 0; k < s->units; k++) y[k] = x[k] + from[k];
            now = next_segment(s, batch, r, now);
        }
    }
}

static void backward_input(const void *self, const co_call *call)
{
    const segments *s = self;
    if (call->dx[0] != call->dy)
        memcpy(call->dx[0], call->dy,
               co_shape_rows(&s->shape, call->pass->batch) * s->units * sizeof *call->dy);
}

static void backward_params(const void *self, const co_call *call)
{
    const segments *s = self;
    const co_batch *batch = call->pass->batch;
    for (size_t i = 0; i < batch->n; i++) {
        float *target = co_call_own(call, 0, i, s->most * s->units);
        const size_t end = co_shape_first_row(&s->shape, batch, i + 1);
        size_t now = 0;
        for (size_t r = co_shape_first_row(&s->shape, batch, i); r < end; r++) {
            co_vector_add_scaled(target + now * s->units, call->dy + r * s->units, s->units,
                                 call->scale ? call->scale[i] : 1.0f);
            now = next_segment(s, batch, r, now);
        }
    }
}

/* Kept of a row: the segment of the row behind it, in one of two places in turn. */
static size_t step_size(const void *self, const co_steps_size *size)
{
    (void)self;
    return 2 * size->n_slots;
}

static void step(const void *self, const co_call *call, const co_step *step, float *block)
{
    const segments *s = self;
    const float *table = co_call_tensor(call, 0);
    const co_batch batch = {.tokens = step->token, .target_tokens = step->token};
    int32_t *kept = (int32_t *)block;
    for (size_t r = 0; r < step->n; r++) {
        const int32_t t = step->at[r];
        const size_t last = (size_t)((t + 1) % 2) * step->size->n_slots,
                     own = (size_t)(t % 2) * step->size->n_slots;
        const size_t now = t > 0 ? (size_t)kept[last + (size_t)step->past[r][t - 1]] : 0;
        const float *restrict from = table + now * s->units, *x = call->x[0] + r * s->units;
        float *y = call->y + r * s->units;
        for (size_t k = 0; k < s->units; k++) y[k] = x[k] + from[k];
        kept[own + (size_t)step->slot[r]] = (int32_t)next_segment(s, &batch, r, now);
    }
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){
        .in_place = true, .spares_input = true, .spares_output = true, .steps = true, .each = true};
}

static const co_param params[] = {
    {"most", CO_INT, .def = 2, .lo = 1, .hi = 1 << 24, .doc = "segments that there are"},
    {"separator", CO_INT, .def = -1, .lo = -1, .hi = INT32_MAX,
     .doc = "token id that ends a segment; -1: none does"},
    {"scale", CO_REAL, .def = 0.02, .lo = 0.0, .hi = 1e6,
     .doc = "standard deviation of the initial values"},
    {0}};
const co_layer co_layer_segments = {.name = "segments",
                                    .summary =
                                        "adds a vector for the part of a text each row is in",
                                    .source = "Devlin et al., NAACL 2019, arXiv:1810.04805",
                                    .params = params,
                                    .main_option = "most",
                                    .create = create,
                                    .destroy = co_free,
                                    .facts = facts,
                                    .tensors = tensors,
                                    .init = init,
                                    .forward = forward,
                                    .backward_input = backward_input,
                                    .backward_params = backward_params,
                                    .step_size = step_size,
                                    .step = step};
