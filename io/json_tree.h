/* io/json_tree.h - a JSON file as a tree of nodes and back, as the small files beside weights are
 * read (config.json, the index of shards, adapter_config.json). Local. */
#pragma once
#include "core/config.h"
#include "io/json.h"

/* A string is a scalar that is quoted; numbers, true and false are scalars that are not (ask
 * co_node_int, co_node_real, co_node_bool), null one that co_node_is_null knows. The root is a map.
 * CO_EFILE: missing or not readable. CO_EDATA with file and line: not JSON (RFC 8259), a key twice
 * in a map, more than 64 levels or 64 MiB. */
co_status co_json_tree(const char *path, co_node **root);
/* Writes such a tree: quoted scalars as strings, the others as they stand. */
void co_json_put(co_json *json, const co_node *node);
