/* models/presets/items.c - from the text of items to a list of nodes. Cost: linear in the text. */
#include "models/presets/items.h"
#include "core/memory.h"
#include "io/yaml.h"
#include <stdarg.h>
#include <stdio.h>

void co_items_add(co_text *items, const char *format, ...)
{
    char piece[1024];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(piece, sizeof piece, format, args);
    va_end(args);
    CO_ASSERT(n >= 0 && (size_t)n < sizeof piece);
    co_text_add(items, piece);
}

/* Nobody wrote them in a file: messages name the section alone. */
static void forget_lines(co_node *node)
{
    node->line = node->column = 0;
    for (co_node *child = node->first; child; child = child->next) forget_lines(child);
}

co_status co_items_list(co_text *items, co_node **list)
{
    co_text text = {0};
    co_node *root = NULL;
    co_status st = CO_OK;
    co_text_add(&text, "layers: [");
    co_text_join(&text, items);
    co_text_add(&text, "]");
    *list = NULL;
    if (text.failed) st = CO_FAIL(CO_ENOMEM, "list of layers");
    co_text_fini(items);
    if (st == CO_OK) st = co_yaml_read_text(text.data, "a preset", &root);
    co_text_fini(&text);
    if (st == CO_OK && !(*list = co_node_copy(root->first)))
        st = CO_FAIL(CO_ENOMEM, "list of layers");
    if (*list) forget_lines(*list);
    co_node_destroy(root);
    return st;
}
