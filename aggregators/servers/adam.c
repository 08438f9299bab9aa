/* aggregators/servers/adam.c - FedAdam.
 * m = beta1 m + (1 - beta1) D, v = beta2 v + (1 - beta2) D^2, w += lr m / (sqrt(v) + eps), D the mean update; no bias
 * correction, v starts at eps^2. Cost: one pass over the slice, two floats of state a coordinate.
 * Source: Reddi et al., ICLR 2021, arXiv:2003.00295, Algorithm 2 (eps is their tau). */
#include "aggregators/servers/server.h"
#include "core/memory.h"
#include <math.h>

typedef struct {
    double beta1, beta2, eps;
} adam;

static co_status create(const co_config *opt, void **self)
{
    adam *s = co_malloc(1, sizeof *s);
    if (!s) return CO_FAIL(CO_ENOMEM, "server adam state");
    *s = (adam){co_config_real(opt, "beta1"), co_config_real(opt, "beta2"), co_config_real(opt, "eps")};
    *self = s;
    return CO_OK;
}

static void init(const void *self, size_t slot, float *values, size_t n)
{
    const adam *s = self;
    for (size_t i = 0; i < n; i++) values[i] = slot == 0 ? 0.0f : (float)(s->eps * s->eps);
}

static void step(const void *self, float *model, const double *update, float *const *slot, size_t n, double lr,
                 int64_t round)
{
    const adam *s = self;
    (void)round;
    for (size_t i = 0; i < n; i++) {
        const double d = update[i];
        const double m = s->beta1 * (double)slot[0][i] + (1.0 - s->beta1) * d;
        const double v = s->beta2 * (double)slot[1][i] + (1.0 - s->beta2) * d * d;
        slot[0][i] = (float)m;
        slot[1][i] = (float)v;
        model[i] = (float)((double)model[i] + lr * m / (sqrt(v) + s->eps));
    }
}

static const co_param params[] = {
    {"beta1", CO_REAL, .def = 0.9, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN, .doc = "decay of the mean"},
    {"beta2", CO_REAL, .def = 0.99, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN, .doc = "decay of the mean square"},
    {"eps", CO_REAL, .def = 1e-3, .lo = 0.0, .hi = 1e6, .flags = CO_LO_OPEN, .doc = "degree of adaptivity (their tau)"},
    {0}};
static const char *const slots[] = {"m", "v", NULL};

const co_server co_server_adam = {.name = "adam",
                                  .summary = "FedAdam: adaptive steps, no bias correction",
                                  .source = "Reddi et al. 2021, arXiv:2003.00295, Algorithm 2",
                                  .params = params,
                                  .slots = slots,
                                  .create = create,
                                  .destroy = co_free,
                                  .init = init,
                                  .step = step};
