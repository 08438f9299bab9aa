/* sim/experiment/sections.c - finding and checking a section by its table. */
#include "sim/experiment/sections.h"
#include <stdio.h>

co_status co_section_open(co_experiment *e, const char *name, co_config *section)
{
    co_node *map = co_node_find(e->root, name);
    *section = (co_config){e->file, name, map};
    if (map && map->kind != CO_NODE_MAP)
        return co_config_fail(&e->top, map, "must be a map of keys");
    if (map) return CO_OK;
    map = co_node_create(CO_NODE_MAP, name, NULL);
    if (!map) return CO_FAIL(CO_ENOMEM, "experiment tree");
    map->is_default = true;
    co_node_append(e->root, map);
    section->map = map;
    return CO_OK;
}

co_status co_section_name(const co_config *section, const char *key, const char *standard,
                          const char **name)
{
    const co_node *node = co_node_find(section->map, key);
    *name = standard;
    if (!node) return CO_OK;
    if (node->kind != CO_NODE_SCALAR || !node->text)
        return co_config_fail(section, node, "must be a name");
    *name = node->text;
    return CO_OK;
}

co_status co_section_member(const co_config *section, const char *key, const char *standard,
                            const co_kind *kind, const co_plugin **member)
{
    const char *name;
    CO_TRY(co_section_name(section, key, standard, &name));
    *member = co_plugin_find(kind, name);
    if (*member) return CO_OK;
    const char *message = co_status_message();
    char text[900];
    snprintf(text, sizeof text, "%s", message);
    return co_config_fail(section, co_node_find(section->map, key), "%s", text);
}

co_status co_section_check(const co_config *section, const co_param *params, const co_plugin *a,
                           const co_plugin *b, const co_plugin *c)
{
    const co_param *tables[] = {params, a ? a->params : NULL, b ? b->params : NULL,
                                c ? c->params : NULL};
    return co_config_check(section, tables, 4);
}
