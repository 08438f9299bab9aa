/* models/graph/residual.c - y = F(x) + S(x): a list of layers F and what goes past it, S, the
 * identity unless `shortcut` gives layers.
 *
 * Item i of the list in item k is "k.i", of the shortcut "k.shortcut.i". Both ends must have one
 * shape. Cost: one addition a value. Source: He et al., CVPR 2016, arXiv:1512.03385, equations 1
 * and 2. */
#include "models/graph/block.h"

static co_status check_ends(const co_place *place, const co_config *opt, size_t end, size_t past)
{
    char text[CO_SHAPE_TEXT], other[CO_SHAPE_TEXT];
    const co_shape *a = &place->model->node[end].out, *b = &place->model->node[past].out;
    if (co_shape_equal(a, b) && !a->tokens) return CO_OK;
    co_shape_text(a, text);
    co_shape_text(b, other);
    return co_config_fail(
        opt, NULL, "the layers give %s, what goes past them is %s; %s", text, other,
        co_config_has(opt, "shortcut")
            ? "make both ends alike"
            : "write {layers: [..], shortcut: [..]} with layers that make them alike");
}

static co_status build(const co_place *place, const co_config *opt, size_t in, size_t *out)
{
    size_t ends[2] = {in, in};
    CO_TRY(place->list(place, co_config_node(opt, "layers"), "", in, &ends[0]));
    if (co_config_has(opt, "shortcut"))
        CO_TRY(place->list(place, co_config_node(opt, "shortcut"), "shortcut", in, &ends[1]));
    CO_TRY(check_ends(place, opt, ends[0], ends[1]));
    return co_build_layer(place, co_layer_find("add"), NULL, NULL, ends, out);
}

static const co_param params[] = {
    {"layers", CO_TREE, .flags = CO_REQUIRED, .doc = "list of layers that the input goes through"},
    {"shortcut", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "list of layers that it goes past them through; default: as it is"},
    {0}};
const co_block co_block_residual = {
    .name = "residual",
    .summary = "the input, or a shortcut of it, is added to what the layers give",
    .source = "He et al., CVPR 2016, arXiv:1512.03385",
    .params = params,
    .main_option = "layers",
    .build = build};
