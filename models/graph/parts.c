/* models/graph/parts.c - layers that a block is made of, named by its place or as option `names`
 * says. */
#include "core/memory.h"
#include "models/graph/block.h"
#include <stdio.h>
#include <string.h>

co_status co_parts_check(const co_place *place, const co_config *opt, const char *const *parts)
{
    const co_node *names = co_config_node(opt, "names");
    if (!names) return CO_OK;
    if (names->kind != CO_NODE_MAP)
        return co_config_fail(opt, names, "names is a map such as {%s: encoder.%s}", parts[0],
                              parts[0]);
    for (const co_node *name = names->first; name; name = name->next) {
        char known[256] = "";
        bool found = false;
        for (const char *const *p = parts; *p; p++) {
            found = found || strcmp(name->key, *p) == 0;
            const size_t n = strlen(known);
            snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", *p);
        }
        if (!found)
            return co_config_fail(opt, name, "the block has no part %s; its parts are %s",
                                  name->key, known);
        CO_TRY(co_build_check_name(place, name));
    }
    return CO_OK;
}

co_status co_parts_name(const co_place *place, const co_config *opt, const char *part,
                        co_place *own)
{
    const co_node *names = co_config_node(opt, "names"),
                  *name = names ? co_node_find(names, part) : NULL;
    *own = *place;
    const int n = name ? snprintf(own->name, sizeof own->name, "%s", name->text)
                       : snprintf(own->name, sizeof own->name, "%s.%s", place->name, part);
    if (n <= CO_NAME) return CO_OK;
    return co_config_fail(opt, names, "the name of %s is longer than %d characters", part, CO_NAME);
}

co_status co_parts_inside(const co_place *owner, const char *part, co_place *own)
{
    *own = *owner;
    const size_t n = strlen(own->name);
    if (n + strlen(part) + 1 > CO_NAME)
        return CO_FAIL(CO_EUSAGE, "%s: %s.%s is longer than %d characters", owner->section,
                       owner->name, part, CO_NAME);
    snprintf(own->name + n, sizeof own->name - n, ".%s", part);
    return CO_OK;
}

co_status co_parts_add(const co_place *own, const char *layer, const char *const *options,
                       const size_t *in, size_t *out)
{
    co_node *map = co_node_create(CO_NODE_MAP, NULL, NULL);
    co_status st = map ? CO_OK : CO_FAIL(CO_ENOMEM, "options of a layer");
    for (; st == CO_OK && *options; options += 2)
        if (options[1]) st = co_node_set(map, options[0], options[1]);
    if (st == CO_OK) st = co_build_layer(own, co_layer_find(layer), map, NULL, in, out);
    co_node_destroy(map);
    return st;
}

co_status co_parts_dense(const co_place *own, const co_config *opt, size_t units, size_t in,
                         size_t *out)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", units);
    const char *const options[] = {
        "units",      text,
        "bias",       co_config_bool(opt, "bias") ? "true" : "false",
        "transposed", co_config_bool(opt, "transposed") ? "true" : "false",
        "packed",     "true",
        NULL};
    return co_parts_add(own, "dense", options, &in, out);
}

co_status co_parts_width(const co_place *place, const co_config *opt, size_t in, size_t *width)
{
    char text[CO_SHAPE_TEXT];
    const co_shape *shape = &place->model->node[in].out;
    co_shape_text(shape, text);
    *width = shape->dim[0];
    if (shape->ndim == 1 && !shape->tokens) return CO_OK;
    return co_config_fail(opt, NULL, "needs rows of [features], its input is %s%s", text,
                          shape->tokens ? "; put embedding before it" : "");
}
