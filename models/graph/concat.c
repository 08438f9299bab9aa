/* models/graph/concat.c - several lists of layers behind the same node, what they give side by
 * side: a word's embedding beside what its letters give.
 *
 * Item i of list l in item k is "k.l.i". All ends must be rows of [features], as many. Cost: that
 * of the lists, and one copy for each but the first. */
#include "models/graph/block.h"
#include <stdio.h>

static co_status build(const co_place *place, const co_config *opt, size_t in, size_t *out)
{
    const co_node *lists = co_config_node(opt, "lists");
    size_t n = 0;
    *out = in;
    for (const co_node *list = lists->kind == CO_NODE_LIST ? lists->first : NULL; list;
         list = list->next, n++) {
        char name[24];
        size_t end, ends[2] = {*out};
        snprintf(name, sizeof name, "%zu", n);
        CO_TRY(place->list(place, list, name, in, &end));
        ends[1] = end;
        if (n > 0) CO_TRY(co_build_layer(place, co_layer_find("beside"), NULL, NULL, ends, &end));
        *out = end;
    }
    if (n >= 2) return CO_OK;
    return co_config_fail(opt, lists,
                          "concat takes two lists of layers or more: {concat: [[..], [..]]}");
}

static const co_param params[] = {
    {"lists", CO_TREE, .flags = CO_REQUIRED, .doc = "lists of layers that the input goes through"},
    {0}};
const co_block co_block_concat = {.name = "concat",
                                  .summary = "what several lists of layers make of the input, side "
                                             "by side",
                                  .params = params,
                                  .main_option = "lists",
                                  .build = build};
