/* models/layers/rms_norm.c - y = x r w, with r = 1 / sqrt(mean of squares + eps) of a row's own
 * floats.
 *
 * Backward, with z = x r, g = w dy: dw = sum dy z over the rows, dx = r (g - z mean(g z)). r is
 * kept of each row. Cost: two passes over a row each way while it is in the cache. Source: Zhang &
 * Sennrich, NeurIPS 2019, arXiv:1910.07467, equation 4; eps as in Llama. */
#include "models/layers/row_norm.h"

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    (void)n_classes;
    return co_row_norm_create(opt, in, false, out, self);
}

static const co_param params[] = {{"eps", CO_REAL, .def = 1e-6, .lo = 0.0, .hi = 1.0,
                                   .flags = CO_LO_OPEN, .doc = "added to the mean of squares"},
                                  {0}};
const co_layer co_layer_rms_norm = {.name = "rms_norm",
                                    .summary = "each row to a mean square of 1, then scaled",
                                    .source = "Zhang & Sennrich, NeurIPS 2019, arXiv:1910.07467",
                                    .params = params,
                                    .create = create,
                                    CO_ROW_NORM_ENTRIES};
