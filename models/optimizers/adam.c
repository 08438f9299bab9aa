/* models/optimizers/adam.c - Adam and AdamW, as torch.optim.Adam and AdamW without amsgrad.
 *
 * adam: g = grad + weight_decay p; adamw: p -= lr weight_decay p first, and g = grad. Then
 * m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2,
 * p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps). Cost: one pass over params, grad
 * and two slots. Source: Kingma, Ba, ICLR 2015, arXiv:1412.6980, Algorithm 1; Loshchilov, Hutter,
 * ICLR 2019, arXiv:1711.05101, Algorithm 2. PyTorch's form of the latter: the decay is times lr. */
#include "core/clones.h"
#include "core/elementary.h"
#include "core/memory.h"
#include "models/optimizers/optimizer.h"
#include <math.h>

typedef struct {
    double beta1, beta2, eps, weight_decay;
} adam;

static co_status create(const co_config *opt, void **self)
{
    adam *s = co_malloc(1, sizeof *s);
    if (!s) return CO_FAIL(CO_ENOMEM, "optimizer adam");
    *s = (adam){co_config_real(opt, "beta1"), co_config_real(opt, "beta2"),
                co_config_real(opt, "eps"), co_config_real(opt, "weight_decay")};
    *self = s;
    return CO_OK;
}

/* What one step multiplies with, rounded to float once. */
typedef struct {
    float beta1, rest1, beta2, rest2, rate, root, eps, decay, keep;
} factors;

static factors factors_of(const adam *s, double lr, int64_t t)
{
    return (factors){.beta1 = (float)s->beta1,
                     .rest1 = (float)(1.0 - s->beta1),
                     .beta2 = (float)s->beta2,
                     .rest2 = (float)(1.0 - s->beta2),
                     .rate = (float)(lr / (1.0 - co_plain_power(s->beta1, (double)t))),
                     .root = (float)sqrt(1.0 - co_plain_power(s->beta2, (double)t)),
                     .eps = (float)s->eps,
                     .keep = 1.0f};
}

CO_CLONES static void adam_move(float *restrict p, const float *restrict grad, float *restrict m,
                                float *restrict v, size_t n, const factors *f)
{
    const factors k = *f;
    for (size_t i = 0; i < n; i++) {
        const float old = p[i] * k.keep, g = grad[i] + k.decay * old;
        m[i] = k.beta1 * m[i] + k.rest1 * g;
        v[i] = k.beta2 * v[i] + k.rest2 * g * g;
        p[i] = old - k.rate * m[i] / (sqrtf(v[i]) / k.root + k.eps);
    }
}

static void step_adam(const void *self, float *params, const float *grad, float *const *slot,
                      size_t n, double lr, int64_t t)
{
    const adam *s = self;
    factors f = factors_of(s, lr, t);
    f.decay = (float)s->weight_decay;
    adam_move(params, grad, slot[0], slot[1], n, &f);
}

static void step_adamw(const void *self, float *params, const float *grad, float *const *slot,
                       size_t n, double lr, int64_t t)
{
    const adam *s = self;
    factors f = factors_of(s, lr, t);
    f.keep = (float)(1.0 - lr * s->weight_decay);
    adam_move(params, grad, slot[0], slot[1], n, &f);
}

#define BETAS                                                                                      \
    {"beta1",                                                                                      \
     CO_REAL,                                                                                      \
     .def = 0.9,                                                                                   \
     .lo = 0.0,                                                                                    \
     .hi = 1.0,                                                                                    \
     .flags = CO_HI_OPEN,                                                                          \
     .doc = "decay of the mean"},                                                                  \
        {"beta2",                                                                                  \
         CO_REAL,                                                                                  \
         .def = 0.999,                                                                             \
         .lo = 0.0,                                                                                \
         .hi = 1.0,                                                                                \
         .flags = CO_HI_OPEN,                                                                      \
         .doc = "decay of the mean square"},                                                       \
    {                                                                                              \
        "eps", CO_REAL, .def = 1e-8, .lo = 0.0, .hi = 1e6, .flags = CO_LO_OPEN,                    \
                        .doc = "added to the root of the mean square"                              \
    }

static const co_param params_adam[] = {BETAS,
                                       {"weight_decay", CO_REAL, .lo = 0.0, .hi = 1e6,
                                        .doc = "times the parameters, added to the gradient"},
                                       {0}};
static const co_param params_adamw[] = {
    BETAS,
    {"weight_decay", CO_REAL, .def = 0.01, .lo = 0.0, .hi = 1e6,
     .doc = "times lr: the share of the parameters taken off each step"},
    {0}};

const co_optimizer co_optimizer_adam = {
    .name = "adam",
    .summary = "steps by mean and mean square of the gradients, bias-corrected",
    .source = "Kingma, Ba 2015, arXiv:1412.6980, Algorithm 1",
    .params = params_adam,
    .n_slots = 2,
    .create = create,
    .destroy = co_free,
    .step = step_adam};
const co_optimizer co_optimizer_adamw = {
    .name = "adamw",
    .summary = "adam with the weight decay beside the gradient, not in it",
    .source = "Loshchilov, Hutter 2019, arXiv:1711.05101, Algorithm 2",
    .params = params_adamw,
    .n_slots = 2,
    .create = create,
    .destroy = co_free,
    .step = step_adamw};
