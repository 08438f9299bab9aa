/* models/layers/positions.c - y = x + P[first + t] for row t of a text.
 *
 * learned: P [most][units] is a tensor, and dP[first + t] gets the dy of every text's row t.
 * sinusoidal: P[t][2i] = sin(t / 10000^(2i / units)), P[t][2i + 1] the cosine of the same; nothing
 * is learnt. A text has at most most - first rows (co_layer.longest). Cost: one pass. Sources:
 * Vaswani et al., NeurIPS 2017, arXiv:1706.03762, section 3.5; first: RoBERTa's numbers begin at
 * 2. */
#include "core/elementary.h"
#include "core/memory.h"
#include "core/vector.h"
#include "models/layers/init.h"
#include "models/layers/input.h"
#include "models/layers/outer.h"
#include <string.h>

typedef struct {
    co_shape shape;
    size_t most, first, units;
    float scale;
    float *table; /* [most][units]; NULL: learned */
} positions;

static void destroy(void *self)
{
    if (self) co_free(((positions *)self)->table);
    co_free(self);
}

static void fill_sinusoidal(const positions *p)
{
    for (size_t k = 0; k < p->units; k++) {
        const size_t even = k - k % 2;
        const double rate = 1.0 / co_plain_power(10000.0, (double)even / (double)p->units);
        for (size_t t = 0; t < p->most; t++) {
            const double angle = (double)t * rate;
            p->table[t * p->units + k] = (float)(k % 2 ? co_plain_cos(angle) : co_plain_sin(angle));
        }
    }
}

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    const size_t most = (size_t)co_config_int(opt, "most"),
                 first = (size_t)co_config_int(opt, "first");
    size_t floats = most;
    (void)n_classes;
    *self = NULL;
    CO_TRY(co_input_sequences(opt, in));
    if (first >= most)
        return co_config_fail(opt, co_config_node(opt, "first"),
                              "%zu leaves none of %zu positions; make most larger", first, most);
    if (!co_size_multiply(&floats, in->dim[0]))
        return co_config_fail(opt, co_config_node(opt, "most"),
                              "%zu x %zu weights are more than 2^31 - 1; use fewer positions", most,
                              in->dim[0]);
    positions *p = co_malloc(1, sizeof *p);
    if (!p) return CO_FAIL(CO_ENOMEM, "layer positions");
    *p = (positions){.shape = *in,
                     .most = most,
                     .first = first,
                     .units = in->dim[0],
                     .scale = (float)co_config_real(opt, "scale")};
    if (strcmp(co_config_string(opt, "kind"), "sinusoidal") == 0) {
        p->table = co_malloc(floats, sizeof *p->table);
        if (!p->table) {
            destroy(p);
            return CO_FAIL(CO_ENOMEM, "layer positions");
        }
        fill_sinusoidal(p);
    }
    *out = *in;
    *self = p;
    return CO_OK;
}

static size_t tensors(const void *self, co_tensor_shape *shape)
{
    const positions *p = self;
    if (p->table) return 0;
    shape[0] = (co_tensor_shape){"weight", 2, {p->most, p->units}};
    return 1;
}

static void init(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor)
{
    const positions *p = self;
    (void)t;
    co_init_normal(seed, number, p->scale, p->most * p->units, tensor);
}

static size_t longest(const void *self)
{
    const positions *p = self;
    return p->most - p->first;
}

static void forward(const void *self, const co_call *call)
{
    const positions *p = self;
    const co_batch *batch = call->pass->batch;
    const float *table = p->table ? p->table : co_call_tensor(call, 0);
    for (size_t i = 0; i < batch->n; i++) {
        const size_t row = co_shape_first_row(&p->shape, batch, i),
                     n = co_shape_first_row(&p->shape, batch, i + 1) - row;
        const float *restrict from = table + p->first * p->units, *x = call->x[0] + row * p->units;
        float *y = call->y + row * p->units;
        CO_ASSERT(n <= longest(p)); /* co_model_longest */
        for (size_t k = 0; k < n * p->units; k++) y[k] = x[k] + from[k];
    }
}

static void backward_input(const void *self, const co_call *call)
{
    const positions *p = self;
    if (call->dx[0] != call->dy)
        memcpy(call->dx[0], call->dy,
               co_shape_rows(&p->shape, call->pass->batch) * p->units * sizeof *call->dy);
}

static void backward_params(const void *self, const co_call *call)
{
    const positions *p = self;
    const co_batch *batch = call->pass->batch;
    if (p->table) return;
    float *target = co_call_target(call, 0) + p->first * p->units;
    for (size_t i = 0; i < batch->n; i++) {
        const size_t row = co_shape_first_row(&p->shape, batch, i),
                     n = co_shape_first_row(&p->shape, batch, i + 1) - row;
        co_vector_add_scaled(target, call->dy + row * p->units, n * p->units,
                             call->scale ? call->scale[i] : 1.0f);
    }
}

static void step(const void *self, const co_call *call, const co_step *step, float *block)
{
    const positions *p = self;
    const float *table = p->table ? p->table : co_call_tensor(call, 0);
    (void)block;
    for (size_t r = 0; r < step->n; r++) {
        const float *restrict from = table + (p->first + (size_t)step->at[r]) * p->units,
                              *x = call->x[0] + r * p->units;
        float *y = call->y + r * p->units;
        CO_ASSERT((size_t)step->at[r] < longest(p));
        for (size_t k = 0; k < p->units; k++) y[k] = x[k] + from[k];
    }
}

/* An example meets each place once. */
static void norms(const void *self, const co_call *call, double *const *squared)
{
    const positions *p = self;
    const co_batch *batch = call->pass->batch;
    for (size_t i = 0; !p->table && squared[0] && i < batch->n; i++) {
        const size_t row = co_shape_first_row(&p->shape, batch, i),
                     n = co_shape_first_row(&p->shape, batch, i + 1) - row;
        squared[0][i] += co_outer_row(n * p->units, call->dy + row * p->units);
    }
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){.in_place = true, .spares_input = true, .spares_output = true, .steps = true};
}

static const co_param params[] = {
    {"kind", CO_CHOICE, .words = "learned|sinusoidal",
     .doc = "a learnt vector for every position, or waves of given lengths"},
    {"most", CO_INT, .def = 512, .lo = 1, .hi = 1 << 24, .doc = "positions that there are"},
    {"first", CO_INT, .def = 0, .lo = 0, .hi = 1 << 24, .doc = "position of a text's first row"},
    {"scale", CO_REAL, .def = 0.02, .lo = 0.0, .hi = 1e6,
     .doc = "standard deviation of the initial values of learned ones"},
    {0}};
const co_layer co_layer_positions = {.name = "positions",
                                     .summary = "adds a vector for each row's place in its text",
                                     .source = "Vaswani et al., NeurIPS 2017, arXiv:1706.03762",
                                     .params = params,
                                     .main_option = "kind",
                                     .create = create,
                                     .destroy = destroy,
                                     .facts = facts,
                                     .tensors = tensors,
                                     .init = init,
                                     .longest = longest,
                                     .forward = forward,
                                     .backward_input = backward_input,
                                     .backward_params = backward_params,
                                     .norms = norms,
                                     .step = step};
