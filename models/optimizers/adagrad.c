/* models/optimizers/adagrad.c - steps that shrink where gradients have been large, as
 * torch.optim.Adagrad.
 *
 * g = grad + weight_decay p; s += g^2 (s starts at initial_accumulator);
 * p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps). Cost: one pass over params, grad and a
 * slot. Source: Duchi, Hazan, Singer, JMLR 12 (2011), the diagonal case of section 1.1. */
#include "core/clones.h"
#include "core/memory.h"
#include "models/optimizers/optimizer.h"
#include <math.h>

typedef struct {
    double lr_decay, eps, weight_decay, initial;
} adagrad;

static co_status create(const co_config *opt, void **self)
{
    adagrad *s = co_malloc(1, sizeof *s);
    if (!s) return CO_FAIL(CO_ENOMEM, "optimizer adagrad");
    *s = (adagrad){co_config_real(opt, "lr_decay"), co_config_real(opt, "eps"),
                   co_config_real(opt, "weight_decay"), co_config_real(opt, "initial_accumulator")};
    *self = s;
    return CO_OK;
}

CO_CLONES static void adagrad_move(float *restrict p, const float *restrict grad,
                                   float *restrict sum, size_t n, float rate, float eps,
                                   float decay)
{
    for (size_t i = 0; i < n; i++) {
        const float g = grad[i] + decay * p[i];
        sum[i] += g * g;
        p[i] -= rate * g / (sqrtf(sum[i]) + eps);
    }
}

static void step(const void *self, float *params, const float *grad, float *const *slot, size_t n,
                 double lr, int64_t t)
{
    const adagrad *s = self;
    const double rate = lr / (1.0 + (double)(t - 1) * s->lr_decay);
    for (size_t i = 0; t == 1 && i < n; i++) slot[0][i] = (float)s->initial; /* zeroed before */
    adagrad_move(params, grad, slot[0], n, (float)rate, (float)s->eps, (float)s->weight_decay);
}

static const co_param params[] = {
    {"lr_decay", CO_REAL, .lo = 0.0, .hi = 1e6, .doc = "step t has lr / (1 + (t - 1) lr_decay)"},
    {"eps", CO_REAL, .def = 1e-10, .lo = 0.0, .hi = 1e6, .flags = CO_LO_OPEN,
     .doc = "added to the root of the sum of squares"},
    {"weight_decay", CO_REAL, .lo = 0.0, .hi = 1e6,
     .doc = "times the parameters, added to the gradient"},
    {"initial_accumulator", CO_REAL, .lo = 0.0, .hi = 1e30,
     .doc = "where the sums of squares start"},
    {0}};
const co_optimizer co_optimizer_adagrad = {
    .name = "adagrad",
    .summary = "steps divided by the root of the sum of squared gradients",
    .source = "Duchi et al. 2011, JMLR 12",
    .params = params,
    .n_slots = 1,
    .create = create,
    .destroy = co_free,
    .step = step};
