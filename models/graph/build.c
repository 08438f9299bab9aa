/* models/graph/build.c - from a list of layers and blocks to nodes (nodes.c).
 *
 * An item is a layer or a block, with options or without. Keys beside it: `tie` lets a layer use
 * tensors of a layer before it: {dense: classes, tie: {weight: 0.weight}}; `name` stands in place
 * of its numbered place; `after` puts its tensors behind those of another item (order.c).
 * Cost: linear in items. */
#include "core/memory.h"
#include "models/graph/block.h"
#include <stdio.h>
#include <string.h>

static co_status check_list(const co_config *at, const co_node *list)
{
    if (list->kind == CO_NODE_LIST && list->first) return CO_OK;
    return co_config_fail(at, list, "layers must be a list such as [flatten, {dense: classes}]");
}

/* What an item says; NULL where it says nothing. */
typedef struct {
    const char *what; /* the layer or block */
    const co_node *value, *tie, *name, *after;
} parts;

/* `relu`, `{dense: 10}` or `{dense: 10, tie: .., name: .., after: ..}`. */
static co_status read_item(const co_config *at, const co_node *item, parts *p)
{
    *p = (parts){0};
    size_t n = 1;
    if (item->kind == CO_NODE_SCALAR) {
        p->what = item->text;
        return CO_OK;
    }
    for (const co_node *key = item->kind == CO_NODE_MAP ? item->first : NULL; key;
         key = key->next) {
        const co_node **to = strcmp(key->key, "tie") == 0     ? &p->tie
                             : strcmp(key->key, "name") == 0  ? &p->name
                             : strcmp(key->key, "after") == 0 ? &p->after
                                                              : &p->value;
        n += *to != NULL;
        *to = key;
    }
    if (!p->value || n > 1)
        return co_config_fail(at, item,
                              "a layer is a name (relu) or a map with one key ({dense: 10}), and "
                              "`tie`, `name`, `after` beside it");
    p->what = p->value->key;
    return CO_OK;
}

/* A new map of options from the value behind a name. */
static co_status read_options(const co_config *at, const co_plugin *plugin, const char *main_option,
                              const co_node *value, co_node **map)
{
    if (value && value->kind == CO_NODE_MAP) {
        *map = co_node_copy(value);
        return *map ? CO_OK : CO_FAIL(CO_ENOMEM, "options of a layer");
    }
    if (value && !main_option)
        return co_config_fail(
            at, value, "%s takes no bare value; write {%s: {option: value}} with %s", plugin->name,
            plugin->name, plugin->params ? plugin->params[0].key : "no option at all");
    *map = co_node_create(CO_NODE_MAP, NULL, NULL);
    co_node *option = *map && value ? co_node_copy(value) : NULL;
    if (!*map || (value && !option)) return CO_FAIL(CO_ENOMEM, "options of a layer");
    if (!option) return CO_OK;
    co_free(option->key);
    option->key = co_strdup(main_option);
    co_node_append(*map, option);
    return option->key ? CO_OK : CO_FAIL(CO_ENOMEM, "options of a layer");
}

static co_status fail_unknown(const co_config *at, const co_node *item, const char *name)
{
    const co_kind *const kinds[] = {&co_kind_layer, &co_kind_block};
    const char *words[256];
    char suggestion[512];
    size_t n = 0;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (const co_plugin *const *m = kinds[k]->members;
             *m && n + 1 < sizeof words / sizeof *words; m++)
            words[n++] = (*m)->name;
    words[n] = NULL;
    co_suggest(name, words, suggestion, sizeof suggestion);
    return co_config_fail(at, item, "unknown layer '%.64s'%s", name, suggestion);
}

/* `name` and `after`: where the item stands. */
static co_status place_item(co_place *place, const parts *p)
{
    const co_config at = {.file = place->file, .section = place->section};
    if (p->name) {
        CO_TRY(co_build_check_name(place, p->name));
        if (snprintf(place->name, sizeof place->name, "%s", p->name->text) > CO_NAME)
            return co_config_fail(&at, p->name, "longer than %d characters", CO_NAME);
    }
    if (p->after) {
        CO_TRY(co_build_check_name(place, p->after));
        place->after = p->after->text;
    }
    return CO_OK;
}

/* The item's options, at its own place. */
static co_status build_item(co_place *place, const co_node *item, size_t in, size_t *out)
{
    const co_config at = {.file = place->file, .section = place->section};
    parts p;
    co_node *map = NULL;
    co_status st = CO_OK;
    CO_TRY(read_item(&at, item, &p));
    CO_TRY(place_item(place, &p));
    const co_block *block = co_block_find(p.what);
    const co_layer *layer = block ? NULL : co_layer_find(p.what);
    const co_plugin *plugin = block ? (const co_plugin *)block : (const co_plugin *)layer;
    if (!plugin) return fail_unknown(&at, item, p.what);
    if (block && p.tie)
        return co_config_fail(&at, p.tie, "tie stands beside a layer; %s is a block", p.what);
    if (layer && layer->n_inputs > 1)
        return co_config_fail(&at, item,
                              "%s has %zu inputs and ends a block; write {residual: [..]}", p.what,
                              layer->n_inputs);
    CO_TRY_OUT(
        read_options(&at, plugin, block ? block->main_option : layer->main_option, p.value, &map));
    map->line = item->line;
    map->column = item->column;
    const size_t n = strlen(place->section);
    snprintf(place->section + n, sizeof place->section - n, ".%s", p.what);
    if (layer) {
        st = co_build_layer(place, layer, map, p.tie, &in, out);
    } else {
        const co_config opt = {.file = place->file, .section = place->section, .map = map};
        const co_param *const tables[] = {block->params};
        CO_TRY_OUT(co_config_check(&opt, tables, 1));
        st = block->build(place, &opt, in, out);
    }
out:
    co_node_destroy(map);
    return st;
}

co_status co_build_list(const co_place *place, const co_node *list, const char *name, size_t in,
                        size_t *out)
{
    const co_config at = {.file = place->file, .section = place->section};
    size_t number = 0;
    CO_TRY(check_list(&at, list));
    *out = in;
    for (const co_node *item = list->first; item; item = item->next, number++) {
        co_place here = {.model = place->model,
                         .file = place->file,
                         .after = place->after,
                         .n_classes = place->n_classes,
                         .encoder = place->encoder,
                         .list = co_build_list};
        const int n = snprintf(here.name, sizeof here.name, "%s%s%s%s%zu", place->name,
                               place->name[0] ? "." : "", name, name[0] ? "." : "", number);
        if (n >= (int)sizeof here.name ||
            snprintf(here.section, sizeof here.section, "%s[%zu]", place->section, number) >=
                (int)sizeof here.section)
            return co_config_fail(
                &at, item, "blocks stand too deep inside each other: the name %s.. is too long",
                here.name);
        CO_TRY(build_item(&here, item, *out, out));
    }
    return CO_OK;
}
