/* aggregators/servers/adaptive.c - FedAdagrad, FedYogi, FedAdam: adaptive steps of the global
 * model. m = beta1 m + (1 - beta1) D with D the mean update, then by member adagrad: v += D^2;
 * yogi: v -= (1 - beta2) D^2 sign(v - D^2);  adam: v = beta2 v + (1 - beta2) D^2 and w += lr m /
 * (sqrt(v) + eps). No bias correction; m starts at 0, v at eps^2. Cost: one pass over the slice,
 * two floats of state a coordinate. Source: Reddi et al., ICLR 2021, arXiv:2003.00295, Algorithm 2
 * (eps is their tau; their experiments take beta1 = 0 for FedAdagrad). */
#include "aggregators/servers/server.h"
#include "core/memory.h"
#include <math.h>

typedef struct {
    double beta1, beta2, eps;
} adaptive;

static co_status make(const co_config *opt, double beta2, void **self)
{
    adaptive *s = co_malloc(1, sizeof *s);
    if (!s) return CO_FAIL(CO_ENOMEM, "state of an adaptive server optimiser");
    *s = (adaptive){co_config_real(opt, "beta1"), beta2, co_config_real(opt, "eps")};
    *self = s;
    return CO_OK;
}

static co_status create(const co_config *opt, void **self)
{
    return make(opt, co_config_real(opt, "beta2"), self);
}

static co_status create_adagrad(const co_config *opt, void **self)
{
    return make(opt, 1.0, self);
}

static void init(const void *self, size_t slot, float *values, size_t n)
{
    const adaptive *s = self;
    for (size_t i = 0; i < n; i++) values[i] = slot == 0 ? 0.0f : (float)(s->eps * s->eps);
}

typedef double next_square(const adaptive *s, double v, double square);

static double sum_square(const adaptive *s, double v, double square)
{
    (void)s;
    return v + square;
}

static double toward_square(const adaptive *s, double v, double square)
{
    const double sign = (double)((v > square) - (v < square));
    return v - (1.0 - s->beta2) * square * sign;
}

static double mean_square(const adaptive *s, double v, double square)
{
    return s->beta2 * v + (1.0 - s->beta2) * square;
}

static inline void move(const adaptive *s, next_square *next, float *model, const double *update,
                        float *const *slot, size_t n, double lr)
{
    for (size_t i = 0; i < n; i++) {
        const double d = update[i];
        const double m = s->beta1 * (double)slot[0][i] + (1.0 - s->beta1) * d;
        const double v = next(s, (double)slot[1][i], d * d);
        slot[0][i] = (float)m;
        slot[1][i] = (float)v;
        model[i] = (float)((double)model[i] + lr * m / (sqrt(v) + s->eps));
    }
}

static void step_adagrad(const void *self, float *model, const double *update, float *const *slot,
                         size_t n, double lr, int64_t round)
{
    (void)round;
    move(self, sum_square, model, update, slot, n, lr);
}

static void step_yogi(const void *self, float *model, const double *update, float *const *slot,
                      size_t n, double lr, int64_t round)
{
    (void)round;
    move(self, toward_square, model, update, slot, n, lr);
}

static void step_adam(const void *self, float *model, const double *update, float *const *slot,
                      size_t n, double lr, int64_t round)
{
    (void)round;
    move(self, mean_square, model, update, slot, n, lr);
}

#define BETA1                                                                                      \
    {                                                                                              \
        "beta1", CO_REAL, .def = 0.9, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN,                   \
                          .doc = "decay of the mean"                                               \
    }
#define BETA2                                                                                      \
    {                                                                                              \
        "beta2", CO_REAL, .def = 0.99, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN,                  \
                          .doc = "decay of the mean square"                                        \
    }
#define EPS                                                                                        \
    {                                                                                              \
        "eps", CO_REAL, .def = 1e-3, .lo = 0.0, .hi = 1e6, .flags = CO_LO_OPEN,                    \
                        .doc = "degree of adaptivity (their tau)"                                  \
    }

static const co_param params_adagrad[] = {BETA1, EPS, {0}};
static const co_param params[] = {BETA1, BETA2, EPS, {0}};
static const char *const slots[] = {"m", "v", NULL};

const co_server co_server_adagrad = {.name = "adagrad",
                                     .summary =
                                         "FedAdagrad: steps over the root of a sum of squares",
                                     .source = "Reddi et al. 2021, arXiv:2003.00295, Algorithm 2",
                                     .params = params_adagrad,
                                     .slots = slots,
                                     .create = create_adagrad,
                                     .destroy = co_free,
                                     .init = init,
                                     .step = step_adagrad};
const co_server co_server_yogi = {.name = "yogi",
                                  .summary =
                                      "FedYogi: as adam, its mean square changes by small steps",
                                  .source = "Reddi et al. 2021, arXiv:2003.00295, Algorithm 2",
                                  .params = params,
                                  .slots = slots,
                                  .create = create,
                                  .destroy = co_free,
                                  .init = init,
                                  .step = step_yogi};
const co_server co_server_adam = {.name = "adam",
                                  .summary = "FedAdam: adaptive steps, no bias correction",
                                  .source = "Reddi et al. 2021, arXiv:2003.00295, Algorithm 2",
                                  .params = params,
                                  .slots = slots,
                                  .create = create,
                                  .destroy = co_free,
                                  .init = init,
                                  .step = step_adam};
