/* models/graph/attention.c - a text's rows see each other: dense layers query, key and value of the
 * same input, attend, and a dense layer out that gives the input's width. cross: keys and values
 * are of what stands in front of the decoder around it.
 *
 * Parts query, key, value, out in item k are "k.query" .., or as `names` calls them. fused: one
 * dense layer query gives all three, cut by slice (c_attn of GPT-2). Cost: that of its layers.
 * Source: Vaswani et al., NeurIPS 2017, arXiv:1706.03762, section 3.2. */
#include "models/graph/block.h"
#include <math.h>
#include <stdio.h>

enum { QUERY, KEY, VALUE, OUT, N_PARTS };
static const char *const part_names[] = {"query", "key", "value", "out", NULL};

typedef struct {
    co_place part[N_PARTS];
    size_t width, size[3]; /* of the input; of query, key, value */
    size_t seen;           /* the node that key and value read */
} shapes;

static co_status check_cross(const co_place *place, const co_config *opt)
{
    if (!co_config_bool(opt, "cross")) return CO_OK;
    if (!place->encoder)
        return co_config_fail(
            opt, co_config_node(opt, "cross"),
            "looks at what stands in front of a decoder, and no decoder is "
            "around it; write {decoder: [.., {attention: {.., cross: true}}, ..]}");
    for (const char *const *key = (const char *const[]){"fused", "causal", NULL}; *key; key++)
        if (co_config_bool(opt, *key))
            return co_config_fail(opt, co_config_node(opt, *key), "does not go with cross: true");
    return CO_OK;
}

static co_status find_shapes(const co_place *place, const co_config *opt, size_t in, shapes *s)
{
    const size_t heads = (size_t)co_config_int(opt, "heads");
    const size_t kv_heads =
        co_config_has(opt, "kv_heads") ? (size_t)co_config_int(opt, "kv_heads") : heads;
    CO_TRY(check_cross(place, opt));
    s->seen = co_config_bool(opt, "cross") ? place->encoder : in;
    CO_TRY(co_parts_width(place, opt, in, &s->width));
    s->size[QUERY] = co_config_has(opt, "units") ? (size_t)co_config_int(opt, "units") : s->width;
    s->size[KEY] = s->size[VALUE] = s->size[QUERY] / heads * kv_heads;
    if (s->size[QUERY] % heads != 0)
        return co_config_fail(opt, co_config_node(opt, "heads"),
                              "%zu heads do not divide %zu units evenly", heads, s->size[QUERY]);
    CO_TRY(co_parts_check(place, opt, part_names));
    for (size_t p = 0; p < N_PARTS; p++)
        CO_TRY(co_parts_name(place, opt, part_names[p], &s->part[p]));
    return CO_OK;
}

static co_status add_fused(const co_config *opt, const shapes *s, size_t in, size_t *ends)
{
    size_t all, from = 0;
    CO_TRY(co_parts_dense(&s->part[QUERY], opt, s->size[QUERY] + 2 * s->size[KEY], in, &all));
    for (size_t p = 0; p < 3; p++) {
        char first[24], size[24];
        co_place own;
        snprintf(first, sizeof first, "%zu", from);
        snprintf(size, sizeof size, "%zu", s->size[p]);
        const char *const options[] = {"from", first, "size", size, NULL};
        CO_TRY(co_parts_inside(&s->part[OUT], part_names[p], &own));
        CO_TRY(co_parts_add(&own, "slice", options, &all, &ends[p]));
        from += s->size[p];
    }
    return CO_OK;
}

static const char *text_of(const co_config *opt, const char *key)
{
    return co_config_has(opt, key) ? co_config_node(opt, key)->text : NULL;
}

static co_status build(const co_place *place, const co_config *opt, size_t in, size_t *out)
{
    shapes s;
    co_place own;
    size_t ends[3], seen;
    CO_TRY(find_shapes(place, opt, in, &s));
    if (co_config_bool(opt, "fused")) {
        CO_TRY(add_fused(opt, &s, in, ends));
    } else {
        const size_t first = co_config_bool(opt, "keys_first") ? KEY : QUERY;
        for (size_t k = 0, p = first; k < 3; k++, p = (p + 1) % 3)
            CO_TRY(co_parts_dense(&s.part[p], opt, s.size[p], p == QUERY ? in : s.seen, &ends[p]));
    }
    const char *const options[] = {
        "heads",    text_of(opt, "heads"),    "causal",  text_of(opt, "causal"),
        "rotary",   text_of(opt, "rotary"),   "dropout", text_of(opt, "dropout"),
        "kv_heads", text_of(opt, "kv_heads"), NULL};
    CO_TRY(co_parts_inside(&s.part[OUT], "attend", &own));
    CO_TRY(co_parts_add(&own, "attend", options, ends, &seen));
    return co_parts_dense(&s.part[OUT], opt, s.width, seen, out);
}

static const co_param params[] = {
    {"heads", CO_INT, .lo = 1, .hi = 65536, .flags = CO_REQUIRED, .doc = "heads of the queries"},
    {"kv_heads", CO_INT, .lo = 1, .hi = 65536, .flags = CO_OPTIONAL,
     .doc = "heads of keys and values, each for as many of the queries'; default: heads"},
    {"causal", CO_BOOL, .doc = "a row sees itself and those before it alone"},
    {"cross", CO_BOOL, .doc = "within a decoder: the target's rows see the text's"},
    {"rotary", CO_REAL, .def = 0.0, .lo = 0.0, .hi = INFINITY,
     .doc = "base of rotary positions, such as 10000; 0: none"},
    {"dropout", CO_REAL, .def = 0.0, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN,
     .doc = "probability that a row's look at another one is dropped"},
    {"units", CO_INT, .lo = 1, .hi = 1 << 24, .flags = CO_OPTIONAL,
     .doc = "width of all queries of a row; default: the input's"},
    {"bias", CO_BOOL, .def = 1, .doc = "of the dense layers"},
    {"fused", CO_BOOL, .doc = "one dense layer, query, gives queries, keys and values"},
    {"keys_first", CO_BOOL, .doc = "tensors stand as key, value, query, out (Bart)"},
    {"transposed", CO_BOOL, .doc = "weights stand as [inputs][units] (Conv1D of GPT-2)"},
    {"names", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "names of the dense layers: {query: .., key: .., value: .., out: ..}"},
    {0}};
const co_block co_block_attention = {.name = "attention",
                                     .summary = "the rows of a text see each other, in heads",
                                     .source = "Vaswani et al., NeurIPS 2017, arXiv:1706.03762",
                                     .params = params,
                                     .main_option = "heads",
                                     .build = build};
