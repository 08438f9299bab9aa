/* trust/adversaries/sign_flip.c - the update, turned around and scaled: u becomes -scale u.
 * Source: Li et al., AAAI 2019, arXiv:1811.03761, section 5 (there with a factor of 4). */
#include "trust/adversaries/attack.h"
#include "core/vector.h"

static void tamper(const co_config *opt, const co_stream *stream, float *update, size_t n)
{
    (void)stream;
    co_vector_scale(update, n, -(float)co_config_real(opt, "scale"));
}

static const co_param params[] = {
    {"scale", CO_REAL, .def = 4.0, .lo = 0.0, .hi = 1e30, .doc = "factor of the turned update"},
    {0}};

const co_attack co_attack_sign_flip = {.name = "sign_flip",
                                       .summary = "sends -scale times its update",
                                       .source = "Li et al. 2019, arXiv:1811.03761",
                                       .params = params,
                                       .tamper = tamper};
