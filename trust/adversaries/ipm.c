/* trust/adversaries/ipm.c - inner product manipulation: all attackers send -epsilon times the
 * honest mean. Against a mean, f of n attackers turn the step around when epsilon f > n - f; a
 * small epsilon hides among updates that differ. Source: Xie, Koyejo, Gupta, UAI 2019,
 * arXiv:1903.03936, equation 2. */
#include "trust/adversaries/attack.h"
#include "core/memory.h"

static co_status create(const co_config *opt, void **self)
{
    double *epsilon = co_malloc(1, sizeof *epsilon);
    if (!epsilon) return CO_FAIL(CO_ENOMEM, "inner product manipulation");
    *epsilon = co_config_real(opt, "epsilon");
    *self = epsilon;
    return CO_OK;
}

static void collude(const void *self, const co_updates *honest, size_t n_attackers, float *out)
{
    const double factor = -*(const double *)self / (double)honest->n_rows;
    (void)n_attackers;
    for (size_t j = 0; j < honest->n; j++) {
        double sum = 0.0;
        for (size_t i = 0; i < honest->n_rows; i++) sum += (double)honest->row[i][j];
        out[j] = (float)(factor * sum);
    }
}

static const co_param params[] = {
    {"epsilon", CO_REAL, .def = 0.1, .lo = 0.0, .hi = 1e30, .doc = "factor of the turned mean"},
    {0}};

const co_attack co_attack_ipm = {.name = "ipm",
                                 .summary =
                                     "inner product manipulation: -epsilon times the honest mean",
                                 .source = "Xie et al. 2019, arXiv:1903.03936, equation 2",
                                 .params = params,
                                 .create = create,
                                 .destroy = co_free,
                                 .collude = collude};
