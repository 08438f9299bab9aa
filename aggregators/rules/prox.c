/* aggregators/rules/prox.c - a proximal term pulls the local model to the global one.
 * grad += mu (w - w_global), the gradient of mu/2 |w - w_global|^2. Cost: one pass over the vector
 * a step. Source: Li et al., MLSys 2020, arXiv:1812.06127, equation (2). mu = 0 leaves the gradient
 * alone, bit for bit. */
#include "aggregators/rules/rule.h"
#include "core/memory.h"

static co_status create(const co_config *opt, void **self)
{
    float *mu = co_malloc(1, sizeof *mu);
    if (!mu) return CO_FAIL(CO_ENOMEM, "prox state");
    *mu = (float)co_config_real(opt, "mu");
    *self = mu;
    return CO_OK;
}

static void adjust(const void *self, const co_rule_view *view, float *grad)
{
    const float mu = *(const float *)self;
    if (mu == 0.0f) return;
    for (size_t i = 0; i < view->n; i++) grad[i] += mu * (view->local[i] - view->global[i]);
}

static const co_param params[] = {
    {"mu", CO_REAL, .def = 0.01, .lo = 0.0, .hi = 1e6, .doc = "weight of the proximal term"}, {0}};

const co_rule co_rule_prox = {.name = "prox",
                              .summary = "gradient plus mu (w - w_global)",
                              .source = "Li et al. 2020, arXiv:1812.06127, equation (2)",
                              .params = params,
                              .create = create,
                              .destroy = co_free,
                              .adjust = adjust,
                              .linear = true};
