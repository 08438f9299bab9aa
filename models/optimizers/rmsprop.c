/* models/optimizers/rmsprop.c - steps divided by a running root mean square, as
 * torch.optim.RMSprop.
 *
 * g = grad + weight_decay p; v = a v + (1 - a) g^2 with a = smoothing (torch: alpha);
 * centered: c = a c + (1 - a) g, r = sqrt(v - c^2) + eps, else r = sqrt(v) + eps;
 * momentum: b = momentum b + g / r, p -= lr b, else p -= lr g / r. Cost: one pass over params, grad
 * and three slots. Source: Tieleman, Hinton, lecture 6.5 of Neural Networks for Machine Learning,
 * 2012; centered: Graves 2013, arXiv:1308.0850, equations (38) to (45) with eps outside the root.
 */
#include "core/clones.h"
#include "core/memory.h"
#include "models/optimizers/optimizer.h"
#include <math.h>

typedef struct {
    double smoothing, eps, weight_decay, momentum;
    bool centered;
} rmsprop;

static co_status create(const co_config *opt, void **self)
{
    rmsprop *s = co_malloc(1, sizeof *s);
    if (!s) return CO_FAIL(CO_ENOMEM, "optimizer rmsprop");
    *s = (rmsprop){co_config_real(opt, "smoothing"), co_config_real(opt, "eps"),
                   co_config_real(opt, "weight_decay"), co_config_real(opt, "momentum"),
                   co_config_bool(opt, "centered")};
    *self = s;
    return CO_OK;
}

typedef struct {
    float keep, rest, lr, eps, decay, momentum, centre; /* centre: 1 or 0 */
} factors;

/* With momentum 0 the buffer holds g / r itself, with centre 0 the mean takes part in nothing. */
CO_CLONES static void rmsprop_move(float *restrict p, const float *restrict grad,
                                   float *restrict square, float *restrict mean,
                                   float *restrict buffer, size_t n, const factors *f)
{
    const factors k = *f;
    for (size_t i = 0; i < n; i++) {
        const float g = grad[i] + k.decay * p[i];
        square[i] = k.keep * square[i] + k.rest * g * g;
        mean[i] = k.keep * mean[i] + k.rest * g;
        const float spread = square[i] - k.centre * mean[i] * mean[i];
        const float root = sqrtf(spread > 0.0f ? spread : 0.0f); /* rounding may give -1e-20 */
        buffer[i] = k.momentum * buffer[i] + g / (root + k.eps);
        p[i] -= k.lr * buffer[i];
    }
}

static void step(const void *self, float *params, const float *grad, float *const *slot, size_t n,
                 double lr, int64_t t)
{
    const rmsprop *s = self;
    const factors f = {(float)s->smoothing,
                       (float)(1.0 - s->smoothing),
                       (float)lr,
                       (float)s->eps,
                       (float)s->weight_decay,
                       (float)s->momentum,
                       s->centered ? 1.0f : 0.0f};
    (void)t;
    rmsprop_move(params, grad, slot[0], slot[1], slot[2], n, &f);
}

static const co_param params[] = {
    {"smoothing", CO_REAL, .def = 0.99, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN,
     .doc = "decay of the mean square (torch: alpha)"},
    {"eps", CO_REAL, .def = 1e-8, .lo = 0.0, .hi = 1e6, .flags = CO_LO_OPEN,
     .doc = "added to the root of the mean square"},
    {"weight_decay", CO_REAL, .lo = 0.0, .hi = 1e6,
     .doc = "times the parameters, added to the gradient"},
    {"momentum", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN,
     .doc = "share of the last step kept"},
    {"centered", CO_BOOL, .doc = "the variance instead of the mean square"},
    {0}};
const co_optimizer co_optimizer_rmsprop = {
    .name = "rmsprop",
    .summary = "steps divided by a running root mean square of the gradients",
    .source = "Tieleman, Hinton 2012; Graves 2013, arXiv:1308.0850",
    .params = params,
    .n_slots = 3,
    .create = create,
    .destroy = co_free,
    .step = step};
