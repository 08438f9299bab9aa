/* io/yaml.h - YAML text to a tree of nodes and back (libyaml). Local.
 *
 * One document whose root is a map; mappings, sequences, scalars. Anchors, tags, a second document,
 * an empty file, duplicate keys, keys that are not scalars, indentation by tabs, bytes that are not
 * UTF-8, more than 32 levels, 1,000 keys in one map or 1 MiB of text are refused with file, line
 * and column (CO_EUSAGE). A plain scalar that could not stand everywhere without quotes ("a: b",
 * "x, y") is marked as quoted: it is a string anyhow. */
#pragma once
#include "core/config.h"

co_status co_yaml_read_file(const char *path, co_node **root); /* missing file: CO_EFILE */
/* name stands for the file in messages. */
co_status co_yaml_read_text(const char *text, const char *name, co_node **root);
/* key=value words, as on the command line: section.key=value; the value is YAML (lists and maps in
 * the flow form, [..] and {..}) and replaces what stood there as a whole. Sets them in root, making
 * sections as needed; other keys stay. On failure root is unchanged. */
co_status co_yaml_override(co_node *root, const char *word);
/* The tree (a map) as YAML text in a new block: same tree, same text. Defaults included. CO_EUSAGE
 * when a text is not UTF-8. */
co_status co_yaml_write(const co_node *root, char **text);
