/* trust/adversaries/sign_flip.c - the update, turned around and scaled: u becomes -scale u.
 * Source: Li et al., AAAI 2019, arXiv:1811.03761, section 5 (there with a factor of 4). */
#include "trust/adversaries/attack.h"
#include "core/memory.h"
#include "core/vector.h"

static co_status create(const co_config *opt, void **self)
{
    double *scale = co_malloc(1, sizeof *scale);
    if (!scale) return CO_FAIL(CO_ENOMEM, "sign flip");
    *scale = co_config_real(opt, "scale");
    *self = scale;
    return CO_OK;
}

static void tamper(const void *self, const co_stream *stream, size_t first, float *update, size_t n)
{
    (void)stream;
    (void)first;
    co_vector_scale(update, n, -(float)*(const double *)self);
}

static const co_param params[] = {
    {"scale", CO_REAL, .def = 4.0, .lo = 0.0, .hi = 1e30, .doc = "factor of the turned update"},
    {0}};

const co_attack co_attack_sign_flip = {.name = "sign_flip",
                                       .summary = "sends -scale times its update",
                                       .source = "Li et al. 2019, arXiv:1811.03761",
                                       .params = params,
                                       .create = create,
                                       .destroy = co_free,
                                       .tamper = tamper};
