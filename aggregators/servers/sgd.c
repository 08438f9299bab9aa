/* aggregators/servers/sgd.c - steps along the mean update, with momentum if asked.
 * g = -update + weight_decay w; m = momentum m + g; w -= lr m (nesterov: lr (g + momentum m)). lr 1
 * and momentum 0 is plain averaging: w += update. Cost: one pass over the slice. Source: Hsu, Qi,
 * Brown 2019, arXiv:1909.06335, FedAvgM; conventions as torch.optim.SGD with dampening 0. */
#include "aggregators/servers/server.h"
#include "core/clones.h"
#include "core/memory.h"

typedef struct {
    double momentum, weight_decay;
    bool nesterov;
} sgd;

static co_status create(const co_config *opt, void **self)
{
    sgd *s = co_malloc(1, sizeof *s);
    if (!s) return CO_FAIL(CO_ENOMEM, "server sgd state");
    *s = (sgd){co_config_real(opt, "momentum"), co_config_real(opt, "weight_decay"),
               co_config_bool(opt, "nesterov")};
    *self = s;
    if (s->nesterov && s->momentum == 0.0) {
        co_free(s);
        *self = NULL;
        return co_config_fail(opt, co_config_node(opt, "nesterov"), "needs momentum above 0");
    }
    return CO_OK;
}

CO_CLONES static void plain_step(float *restrict model, const double *restrict update, size_t n,
                                 double weight_decay, double lr)
{
    for (size_t i = 0; i < n; i++)
        model[i] = (float)((double)model[i] - lr * (weight_decay * (double)model[i] - update[i]));
}

CO_CLONES static void momentum_step(float *restrict model, const double *restrict update,
                                    float *restrict kept, size_t n, double weight_decay,
                                    double momentum, bool nesterov, double lr)
{
    for (size_t i = 0; i < n; i++) {
        const double g = weight_decay * (double)model[i] - update[i],
                     m = momentum * (double)kept[i] + g;
        kept[i] = (float)m;
        model[i] = (float)((double)model[i] - lr * (nesterov ? g + momentum * m : m));
    }
}

static void step(const void *self, float *model, const double *update, float *const *slot, size_t n,
                 double lr, int64_t round)
{
    const sgd *s = self;
    (void)round;
    if (s->momentum > 0.0)
        momentum_step(model, update, slot[0], n, s->weight_decay, s->momentum, s->nesterov, lr);
    else
        plain_step(model, update, n, s->weight_decay, lr);
}

static const co_param params[] = {
    {"momentum", CO_REAL, .def = 0.0, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN,
     .doc = "share of the last step kept"},
    {"nesterov", CO_BOOL, .def = 0, .doc = "look ahead along the momentum"},
    {"weight_decay", CO_REAL, .def = 0.0, .lo = 0.0, .hi = 1e6, .doc = "L2 penalty"},
    {0}};
static const char *const slots[] = {"momentum", NULL};

const co_server co_server_sgd = {.name = "sgd",
                                 .summary = "steps along the mean update; momentum gives FedAvgM",
                                 .source = "Hsu et al. 2019, arXiv:1909.06335",
                                 .params = params,
                                 .slots = slots,
                                 .create = create,
                                 .destroy = co_free,
                                 .step = step};
