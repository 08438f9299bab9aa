/* models/layers/layer_norm.c - y = (x - m) r w + b, with the mean m of a row's own floats and r = 1
 * / sqrt(variance + eps) (PyTorch's LayerNorm over the last dimension).
 *
 * Backward, with z = (x - m) r, g = w dy and N floats a row: db = sum dy, dw = sum dy z over the
 * rows, dx = r (g - mean g - z mean(g z)). m and r are kept of each row. Cost: two passes over a
 * row each way while it is in the cache. Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450,
 * equations 2 to 4 (there over a layer's units). */
#include "models/layers/row_norm.h"

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    (void)n_classes;
    return co_row_norm_create(opt, in, true, out, self);
}

static const co_param params[] = {{"eps", CO_REAL, .def = 1e-5, .lo = 0.0, .hi = 1.0,
                                   .flags = CO_LO_OPEN, .doc = "added to the variance"},
                                  {0}};
const co_layer co_layer_layer_norm = {.name = "layer_norm",
                                      .summary = "each row to mean 0 and variance 1, then scaled",
                                      .source = "Ba, Kiros & Hinton 2016, arXiv:1607.06450",
                                      .params = params,
                                      .create = create,
                                      CO_ROW_NORM_ENTRIES};
