/* trust/adversaries/alie.c - a little is enough: all attackers send mean - z s, coordinate by
 * coordinate. mean and s: of the honest updates, s the sample deviation (divided by n - 1; 0 for
 * one update). Papers that attack gradients, which point against updates, have -z. z defaults to
 * the largest for which enough honest devices lie further out for the attackers to look like a
 * majority: the normal quantile of (n - f - k) / (n - f), k = floor(n / 2 + 1) - f, of n updates f
 * from attackers. Source: Baruch, Baruch, Goldberg, NeurIPS 2019, arXiv:1902.06083, Algorithm 3. */
#include "trust/adversaries/attack.h"
#include "core/memory.h"
#include <math.h>

/* z with P(N(0, 1) < z) = p, by bisection; 0 where p is no probability between 0 and 1. */
static double normal_quantile(double p)
{
    double lo = -10.0, hi = 10.0;
    if (!(p > 0.0 && p < 1.0)) return 0.0;
    for (int k = 0; k < 60; k++) {
        const double z = 0.5 * (lo + hi);
        if (0.5 * erfc(-z / sqrt(2.0)) < p)
            lo = z;
        else
            hi = z;
    }
    return lo;
}

static double default_z(size_t n_honest, size_t n_attackers)
{
    const double honest = (double)n_honest, liars = (double)n_attackers;
    const double needed = floor((honest + liars) / 2.0 + 1.0) - liars;
    return normal_quantile((honest - needed) / honest);
}

static co_status create(const co_config *opt, void **self)
{
    double *z = co_malloc(1, sizeof *z);
    if (!z) return CO_FAIL(CO_ENOMEM, "a little is enough");
    *z = co_config_has(opt, "z") ? co_config_real(opt, "z") : NAN; /* NaN: the default */
    *self = z;
    return CO_OK;
}

static void collude(const void *self, const co_updates *honest, size_t n_attackers, float *out)
{
    const size_t m = honest->n_rows;
    const double asked = *(const double *)self,
                 z = isnan(asked) ? default_z(m, n_attackers) : asked;
    for (size_t j = 0; j < honest->n; j++) {
        double sum = 0.0, squares = 0.0;
        for (size_t i = 0; i < m; i++) sum += (double)honest->row[i][j];
        const double mean = sum / (double)m;
        for (size_t i = 0; i < m; i++) {
            const double far = (double)honest->row[i][j] - mean;
            squares += far * far;
        }
        out[j] = (float)(mean - z * (m > 1 ? sqrt(squares / (double)(m - 1)) : 0.0));
    }
}

static const co_param params[] = {{"z", CO_REAL, .lo = -1e6, .hi = 1e6, .flags = CO_OPTIONAL,
                                   .doc = "deviations of updates below their mean; below 0: of "
                                          "gradients (default: what the numbers of devices allow)"},
                                  {0}};

const co_attack co_attack_alie = {.name = "alie",
                                  .summary = "a little is enough: honest mean - z deviations",
                                  .source = "Baruch et al. 2019, arXiv:1902.06083, Algorithm 3",
                                  .params = params,
                                  .create = create,
                                  .destroy = co_free,
                                  .collude = collude};
