/* io/yaml_plain.h - which texts stand in YAML without quotes: reader and writer must agree. Local.
 */
#pragma once
#include <stdbool.h>

/* True for ASCII words, numbers and paths that mean themselves in every position of a line: no
 * indicators, no blanks at the ends, nothing that YAML reads as null. Narrower than YAML's own
 * rule. */
bool co_yaml_is_plain(const char *text);
bool co_yaml_is_null(const char *text); /* "", ~, null */
