/* models/graph/encoder.c - a list of layers that reads the text: it gives their tensors names of
 * their own and says what a decoder behind it looks at.
 *
 * Item i of the list in item k is "k.i". Cost: that of its layers. */
#include "models/graph/block.h"

static co_status build(const co_place *place, const co_config *opt, size_t in, size_t *out)
{
    return place->list(place, co_config_node(opt, "layers"), "", in, out);
}

static const co_param params[] = {
    {"layers", CO_TREE, .flags = CO_REQUIRED, .doc = "list of layers that the text goes through"},
    {0}};
const co_block co_block_encoder = {.name = "encoder",
                                   .summary = "layers that read a text, in front of a decoder",
                                   .source = "Vaswani et al., NeurIPS 2017, arXiv:1706.03762",
                                   .params = params,
                                   .main_option = "layers",
                                   .build = build};
