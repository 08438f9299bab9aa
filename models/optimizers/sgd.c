/* models/optimizers/sgd.c - stochastic gradient descent, as torch.optim.SGD with dampening 0.
 *
 * g = grad + weight_decay p; with momentum mu: v = mu v + g, and g = v, or g + mu v with nesterov;
 * p -= lr g. Cost: one pass over params and grad, and over one slot with momentum. Source:
 * Sutskever et al., ICML 2013; PyTorch's form, in which the rate multiplies v when it is used, not
 * when it is gathered. */
#include "models/optimizers/optimizer.h"
#include "core/memory.h"

typedef struct {
    float momentum, weight_decay;
    bool nesterov;
} sgd;

static co_status create(const co_config *opt, void **self)
{
    const sgd wanted = {.momentum = (float)co_config_real(opt, "momentum"),
                        .weight_decay = (float)co_config_real(opt, "weight_decay"),
                        .nesterov = co_config_bool(opt, "nesterov")};
    *self = NULL;
    if (wanted.nesterov && !(wanted.momentum > 0.0f))
        return co_config_fail(opt, co_config_node(opt, "nesterov"),
                              "needs momentum above 0; set momentum: 0.9");
    sgd *s = co_malloc(1, sizeof *s);
    if (!s) return CO_FAIL(CO_ENOMEM, "optimizer sgd");
    *s = wanted;
    *self = s;
    return CO_OK;
}

static bool needs_slots(const void *self)
{
    return ((const sgd *)self)->momentum > 0.0f;
}

static bool is_plain(const void *self)
{
    const sgd *s = self;
    return !(s->momentum > 0.0f) && !(s->weight_decay > 0.0f);
}

static void step_plain(float *restrict p, const float *restrict grad, size_t n, float lr,
                       float decay)
{
    if (decay > 0.0f)
        for (size_t i = 0; i < n; i++) p[i] -= lr * (grad[i] + decay * p[i]);
    else
        for (size_t i = 0; i < n; i++) p[i] -= lr * grad[i];
}

static void step_momentum(float *restrict p, const float *restrict grad, float *restrict v,
                          size_t n, float lr, const sgd *s)
{
    const float mu = s->momentum, decay = s->weight_decay;
    const float own = s->nesterov ? 1.0f : 0.0f, kept = s->nesterov ? mu : 1.0f;
    for (size_t i = 0; i < n; i++) {
        const float g = grad[i] + decay * p[i];
        v[i] = mu * v[i] + g;
        p[i] -= lr * (own * g + kept * v[i]);
    }
}

static void step(const void *self, float *params, const float *grad, float *const *slot, size_t n,
                 double lr, int64_t t)
{
    const sgd *s = self;
    (void)t;
    if (s->momentum > 0.0f)
        step_momentum(params, grad, slot[0], n, (float)lr, s);
    else
        step_plain(params, grad, n, (float)lr, s->weight_decay);
}

static const co_param params[] = {
    {"momentum", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN,
     .doc = "share of the last step kept"},
    {"nesterov", CO_BOOL, .doc = "look ahead by the momentum (needs momentum)"},
    {"weight_decay", CO_REAL, .lo = 0.0, .hi = 1e6,
     .doc = "times the parameters, added to the gradient"},
    {0}};
const co_optimizer co_optimizer_sgd = {
    .name = "sgd",
    .summary = "stochastic gradient descent, with momentum if asked for",
    .source = "Sutskever et al., ICML 2013",
    .params = params,
    .n_slots = 1,
    .create = create,
    .destroy = co_free,
    .needs_slots = needs_slots,
    .is_plain = is_plain,
    .linear = true,
    .step = step};
