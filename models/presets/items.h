/* models/presets/items.h - a preset's list of layers, written as an experiment file writes it.
 * Local. */
#pragma once
#include "core/config.h"
#include "core/text.h"

/* Adds items in YAML's flow form, each with a comma behind it: "relu, {dense: 10}, ". Parts of an
 * item may come in turn. */
void co_items_add(co_text *items, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The list of what was added, and frees the text. CO_ENOMEM. */
co_status co_items_list(co_text *items, co_node **list);
