/* io/yaml.h - YAML text to a tree of nodes and back (libyaml). Local.
 *
 * One document; mappings, sequences, scalars. Anchors, tags, a second document, an empty file, duplicate keys and keys that are
 * not scalars are refused with file, line and column (CO_EUSAGE). */
#pragma once
#include "core/config.h"

co_status co_yaml_read_file(const char *path, co_node **root); /* missing file: CO_EFILE */
/* name stands for the file in messages. */
co_status co_yaml_read_text(const char *text, const char *name, co_node **root);
/* key=value words, as on the command line: section.key=value; the value is YAML; a list is replaced whole. Sets them in
 * root, making sections as needed. */
co_status co_yaml_override(co_node *root, const char *word);
/* The tree as YAML text in a new block: same tree, same text. Defaults included. */
co_status co_yaml_write(const co_node *root, char **text);
