/* core/param.c - what an entry of an option table says: range, words, default. */
#include "core/param.h"
#include "core/memory.h"
#include "core/text.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

co_type co_param_element(co_type type)
{
    return type == CO_INTS      ? CO_INT
           : type == CO_REALS   ? CO_REAL
           : type == CO_STRINGS ? CO_STRING
                                : type;
}

bool co_param_is_list(const co_param *param)
{
    return co_param_element(param->type) != param->type;
}

static bool has_range(const co_param *param)
{
    const co_type type = co_param_element(param->type);
    return (type == CO_INT || type == CO_REAL) && (param->lo != 0.0 || param->hi != 0.0);
}

bool co_param_contains(const co_param *param, double value)
{
    if (!has_range(param)) return true;
    if (value < param->lo || value > param->hi) return false;
    return !(value == param->lo && param->flags & CO_LO_OPEN) &&
           !(value == param->hi && param->flags & CO_HI_OPEN);
}

static void format_number(const co_param *param, double value, char text[CO_REAL_TEXT])
{
    if (co_param_element(param->type) == CO_INT && fabs(value) < 1e15)
        snprintf(text, CO_REAL_TEXT, "%lld", (long long)value);
    else
        co_format_real(value, text);
}

void co_param_words(const char *words, char buffer[CO_WORDS_TEXT], const char *out[CO_WORDS + 1])
{
    size_t n = 0;
    CO_ASSERT(words && strlen(words) < CO_WORDS_TEXT);
    strcpy(buffer, words);
    for (char *save, *w = strtok_r(buffer, "|", &save); w; w = strtok_r(NULL, "|", &save)) {
        CO_ASSERT(n < CO_WORDS);
        out[n++] = w;
    }
    out[n] = NULL;
}

void co_param_allowed(const co_param *param, char *text, size_t size)
{
    char buffer[CO_WORDS_TEXT], lo[CO_REAL_TEXT], hi[CO_REAL_TEXT];
    const char *words[CO_WORDS + 1];
    text[0] = '\0';
    if (param->type == CO_BOOL) snprintf(text, size, "true | false");
    if (has_range(param)) {
        format_number(param, param->lo, lo);
        format_number(param, param->hi, hi);
        snprintf(text, size, "%c%s, %s%c",
                 param->flags & CO_LO_OPEN || isinf(param->lo) ? '(' : '[', lo, hi,
                 param->flags & CO_HI_OPEN || isinf(param->hi) ? ')' : ']');
    }
    if (param->type != CO_CHOICE) return;
    co_param_words(param->words, buffer, words);
    for (size_t i = 0, used = 0; words[i] && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " | " : "", words[i]);
}

void co_param_default(const co_param *param, char *text, size_t size)
{
    char buffer[CO_WORDS_TEXT], number[CO_REAL_TEXT];
    const char *words[CO_WORDS + 1], *string = param->words ? param->words : "";
    text[0] = '\0';
    if (param->flags & (CO_REQUIRED | CO_OPTIONAL)) return;
    switch (param->type) {
    case CO_INT:
    case CO_REAL:
        format_number(param, param->def, number);
        snprintf(text, size, "%s", number);
        break;
    case CO_BOOL: snprintf(text, size, "%s", param->def != 0.0 ? "true" : "false"); break;
    case CO_CHOICE:
        co_param_words(param->words, buffer, words);
        for (size_t i = 0; words[i]; i++)
            if ((double)i == param->def) snprintf(text, size, "%s", words[i]);
        CO_ASSERT(text[0]);
        break;
    case CO_STRING: snprintf(text, size, *string ? "%s" : "\"\"", string); break;
    case CO_INTS:
    case CO_REALS:
    case CO_STRINGS: snprintf(text, size, "[%s]", string); break;
    case CO_TREE: break;
    }
}

static co_node *default_scalar(const co_param *param)
{
    char text[CO_WORDS_TEXT];
    const bool is_string = param->type == CO_STRING;
    const char *words = param->words ? param->words : "";
    if (!is_string) co_param_default(param, text, sizeof text);
    co_node *node = co_node_create(CO_NODE_SCALAR, param->key, is_string ? words : text);
    if (node) node->quoted = is_string && *words == '\0';
    return node;
}

static co_node *default_list(const co_param *param)
{
    char text[CO_WORDS_TEXT];
    co_node *list = co_node_create(CO_NODE_LIST, param->key, NULL);
    if (!list || !param->words) return list;
    for (const char *w = param->words; *(w += strspn(w, " ,")) != '\0'; w += strcspn(w, ",")) {
        snprintf(text, sizeof text, "%.*s", (int)strcspn(w, ","), w);
        co_node *element = co_node_create(CO_NODE_SCALAR, NULL, text);
        if (!element) {
            co_node_destroy(list);
            return NULL;
        }
        element->is_default = true;
        co_node_append(list, element);
    }
    return list;
}

co_node *co_param_default_node(const co_param *param)
{
    co_node *node = co_param_is_list(param) ? default_list(param) : default_scalar(param);
    if (node) node->is_default = true;
    return node;
}
