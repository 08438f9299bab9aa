/* aggregators/rules/feddyn.c - the device's half of FedDyn: a regulariser that follows the device.
 * Step: gradient - g_i + alpha (local - global). End: g_i -= alpha (local - global). At the minimum
 * of what the device minimises, g_i is the gradient of its own loss. Cost: one float a coordinate
 * for each device that has taken part. Goes with aggregate.rule: feddyn. Source: Acar et al., ICLR
 * 2021, arXiv:2111.04263, Algorithm 1. */
#include "aggregators/rules/rule.h"
#include "core/memory.h"

typedef struct {
    float alpha;
} feddyn;

static co_status create(const co_config *opt, void **self)
{
    feddyn *f = co_malloc(1, sizeof *f);
    if (!f) return CO_FAIL(CO_ENOMEM, "feddyn");
    f->alpha = (float)co_config_real(opt, "alpha");
    *self = f;
    return CO_OK;
}

static void adjust(const void *self, const co_rule_view *view, float *grad)
{
    const float alpha = ((const feddyn *)self)->alpha, *restrict own = view->state[0];
    for (size_t j = 0; j < view->n; j++)
        grad[j] += alpha * (view->local[j] - view->global[j]) - own[j];
}

static void end(const void *self, const co_rule_view *view, float *change)
{
    const float alpha = ((const feddyn *)self)->alpha;
    float *restrict own = view->state[0];
    (void)change;
    for (size_t j = 0; j < view->n; j++) own[j] -= alpha * (view->local[j] - view->global[j]);
}

static const co_param params[] = {{"alpha", CO_REAL, .def = 0.01, .lo = 0.0, .hi = 1e6,
                                   .flags = CO_LO_OPEN, .doc = "strength of the regulariser"},
                                  {0}};
static const char *const slots[] = {"gradient", NULL};

const co_rule co_rule_feddyn = {.name = "feddyn",
                                .summary = "dynamic regularisation, with aggregate.rule feddyn",
                                .source = "Acar et al. 2021, arXiv:2111.04263, Algorithm 1",
                                .params = params,
                                .create = create,
                                .destroy = co_free,
                                .adjust = adjust,
                                .end = end,
                                .partner = "feddyn",
                                .slots = slots};
