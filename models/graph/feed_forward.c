/* models/graph/feed_forward.c - every row by itself: a dense layer in, a function, and a dense
 * layer out that gives the input's width.
 *
 * Parts in and out in item k are "k.in" and "k.out", or as `names` calls them. Cost: that of its
 * layers. Source: Vaswani et al., NeurIPS 2017, arXiv:1706.03762, section 3.3. */
#include "models/graph/block.h"
#include <string.h>

static const char *const part_names[] = {"in", "out", NULL};

static co_status add_function(const co_place *own, const char *act, size_t in, size_t *out)
{
    const bool near = strcmp(act, "gelu_tanh") == 0;
    const char *const options[] = {"form", near ? "tanh" : NULL, NULL};
    return co_parts_add(own, near ? "gelu" : act, options, &in, out);
}

static co_status build(const co_place *place, const co_config *opt, size_t in, size_t *out)
{
    co_place part[2], own;
    size_t width, inner, bent;
    CO_TRY(co_parts_width(place, opt, in, &width));
    CO_TRY(co_parts_check(place, opt, part_names));
    for (size_t p = 0; p < 2; p++) CO_TRY(co_parts_name(place, opt, part_names[p], &part[p]));
    CO_TRY(co_parts_dense(&part[0], opt, (size_t)co_config_int(opt, "units"), in, &inner));
    CO_TRY(co_parts_inside(&part[1], "act", &own));
    CO_TRY(add_function(&own, co_config_string(opt, "act"), inner, &bent));
    return co_parts_dense(&part[1], opt, width, bent, out);
}

static const co_param params[] = {
    {"units", CO_INT, .lo = 1, .hi = 1 << 24, .flags = CO_REQUIRED, .doc = "width between the two"},
    {"act", CO_CHOICE, .words = "gelu|gelu_tanh|relu|silu|tanh", .doc = "the function"},
    {"bias", CO_BOOL, .def = 1, .doc = "of the dense layers"},
    {"transposed", CO_BOOL, .doc = "weights stand as [inputs][units] (Conv1D of GPT-2)"},
    {"names", CO_TREE, .flags = CO_OPTIONAL, .doc = "names of the dense layers: {in: .., out: ..}"},
    {0}};
const co_block co_block_feed_forward = {.name = "feed_forward",
                                        .summary = "two dense layers with a function between them",
                                        .source = "Vaswani et al., NeurIPS 2017, arXiv:1706.03762",
                                        .params = params,
                                        .main_option = "units",
                                        .build = build};
