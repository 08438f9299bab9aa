/* models/graph/repeat.c - the same list of layers several times, one behind the other, each with
 * weights of its own.
 *
 * Item i of copy c in item k of the list is "k.c.i". Cost: that of the copies. */
#include "models/graph/block.h"
#include <stdio.h>

static co_status build(const co_place *place, const co_config *opt, size_t in, size_t *out)
{
    const int64_t times = co_config_int(opt, "times");
    *out = in;
    for (int64_t c = 0; c < times; c++) {
        char copy[24];
        snprintf(copy, sizeof copy, "%lld", (long long)c);
        CO_TRY(place->list(place, co_config_node(opt, "layers"), copy, *out, out));
    }
    return CO_OK;
}

static const co_param params[] = {
    {"times", CO_INT, .lo = 1, .hi = 65536, .flags = CO_REQUIRED,
     .doc = "copies, one behind the other"},
    {"layers", CO_TREE, .flags = CO_REQUIRED, .doc = "list of layers of one copy"},
    {0}};
const co_block co_block_repeat = {.name = "repeat",
                                  .summary =
                                      "the same layers several times, each with weights of its own",
                                  .params = params,
                                  .build = build};
