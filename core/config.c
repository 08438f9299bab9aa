/* core/config.c - checks a map of options against tables, fills in defaults, reads checked values.
 *
 * Checking is O(keys x table entries), once per run. Messages are
 * "file:line:column: section.key: what is wrong; what is allowed". */
#include "core/config.h"
#include "core/memory.h"
#include "core/param.h"
#include "core/text.h"
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH 192 /* a key with its index, in messages */
#define SUGGEST 512

/* "file:line:column: " of the node, else of the section. */
static void format_place(const co_config *cfg, const co_node *node, char *text, size_t size)
{
    const co_node *at = node && !node->is_default ? node : cfg->map;
    if (at && at->line > 0)
        snprintf(text, size, "%.256s:%d:%d: ", cfg->file, at->line, at->column);
    else
        snprintf(text, size, "%.256s: ", at && at->column > 0 ? "command line" : cfg->file);
}

static co_status fail_path(const co_config *cfg, const co_node *node, const char *path,
                           const char *format, va_list args)
{
    char place[320], what[800];
    const char *section = cfg->section ? cfg->section : "";
    format_place(cfg, node, place, sizeof place);
    vsnprintf(what, sizeof what, format, args);
    return CO_FAIL(CO_EUSAGE, "%s%.128s%s%.128s%s%s", place, section, *section && *path ? "." : "",
                   path, *section || *path ? ": " : "", what);
}

co_status co_config_fail(const co_config *cfg, const co_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const bool of_key =
        node && node != cfg->map && node->key; /* the section itself is named already */
    const co_status st = fail_path(cfg, node, of_key ? node->key : "", format, args);
    va_end(args);
    return st;
}

__attribute__((format(printf, 4, 5))) static co_status
fail_at(const co_config *cfg, const co_node *node, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const co_status st = fail_path(cfg, node, path, format, args);
    va_end(args);
    return st;
}

/* At most 60 bytes of whole characters, control characters as '?'. */
static void format_excerpt(const char *from, char text[72])
{
    const size_t n = strlen(from);
    size_t used = 0;
    while (used < n) {
        uint32_t code = 0;
        size_t bytes = co_utf8_decode(from + used, n - used, &code);
        if (used + (bytes ? bytes : 1) > 60) break;
        if (bytes == 0 || code < 32 || code == 127) {
            text[used++] = '?';
            continue;
        }
        memcpy(text + used, from + used, bytes);
        used += bytes;
    }
    snprintf(text + used, 72 - used, "%s", used < n ? ".." : "");
}

static bool is_number_or_bool(const co_node *node)
{
    double real;
    bool truth;
    co_node plain = *node;
    plain.quoted = false;
    return co_node_real(&plain, &real) || co_node_bool(&plain, &truth);
}

/* What was found instead, for messages. */
static void format_found(const co_node *node, char text[128])
{
    char excerpt[72];
    if (node->kind != CO_NODE_SCALAR) {
        snprintf(text, 128, "%s", node->kind == CO_NODE_MAP ? "a map" : "a list");
    } else if (co_node_is_null(node)) {
        snprintf(text, 128, "nothing");
    } else {
        const bool in_quotes = node->quoted && is_number_or_bool(node);
        format_excerpt(node->text, excerpt);
        snprintf(text, 128, in_quotes ? "the quoted text '%s'; remove the quotes" : "'%s'",
                 excerpt);
    }
}

/* Why a scalar that looks like a number is none; "" when that is plain to see. */
static const char *why_no_number(const co_node *node, co_type type)
{
    double value;
    char *end;
    if (node->kind != CO_NODE_SCALAR || node->quoted) return "";
    const char *digits = node->text + strspn(node->text, "+-");
    if (type == CO_INT && co_node_real(node, &value))
        return digits[strspn(digits, "0123456789")] ? "; write it with digits alone"
                                                    : "; it does not fit into 64 bits";
    if (digits[0] == '0' && isdigit((unsigned char)digits[1]))
        return "; leading zeros are not allowed";
    value = strtod(node->text, &end);
    if (end == node->text || *end != '\0' || strpbrk(node->text, "xX")) return "";
    return isfinite(value) ? value == 0.0 ? "; it is too small" : "" : "; it must be finite";
}

static co_status check_choice(const co_config *cfg, const co_param *param, const co_node *node,
                              const char *path)
{
    char buffer[CO_WORDS_TEXT], excerpt[72], suggestion[SUGGEST];
    const char *words[CO_WORDS + 1];
    co_param_words(param->words, buffer, words);
    for (size_t i = 0; words[i]; i++)
        if (strcmp(words[i], node->text) == 0) return CO_OK;
    co_suggest(node->text, words, suggestion, sizeof suggestion);
    format_excerpt(node->text, excerpt);
    return fail_at(cfg, node, path, "unknown word '%s'%s", excerpt, suggestion);
}

/* A scalar of the type (of the elements, for lists) within the range. */
static co_status check_scalar(const co_config *cfg, const co_param *param, const co_node *node,
                              const char *path)
{
    static const char *const names[] = {[CO_INT] = "an integer",
                                        [CO_REAL] = "a number",
                                        [CO_BOOL] = "true or false",
                                        [CO_STRING] = "a text",
                                        [CO_CHOICE] = "a word"};
    const co_type type = co_param_element(param->type);
    char found[128], allowed[2 * CO_REAL_TEXT + 8];
    double value = 0.0;
    int64_t integer;
    bool truth, good = node->kind == CO_NODE_SCALAR;
    if (co_node_is_null(node))
        return fail_at(cfg, node, path, "has no value; expected %s, or no such line", names[type]);
    if (type == CO_INT) {
        good = co_node_int(node, &integer);
        if (good) value = (double)integer;
    }
    if (type == CO_REAL) good = co_node_real(node, &value);
    if (type == CO_BOOL) good = co_node_bool(node, &truth);
    if (!good) {
        format_found(node, found);
        return fail_at(cfg, node, path, "expected %s, found %s%s", names[type], found,
                       type == CO_INT || type == CO_REAL ? why_no_number(node, type) : "");
    }
    if (type == CO_CHOICE) return check_choice(cfg, param, node, path);
    if (co_param_contains(param, value)) return CO_OK;
    co_param_allowed(param, allowed, sizeof allowed);
    return fail_at(cfg, node, path, "%.64s is out of range; allowed: %s", node->text, allowed);
}

/* Makes a list of one of a scalar, in place. */
static co_status wrap_in_list(co_node *node)
{
    co_node *element = co_calloc(1, sizeof *element);
    if (!element) return CO_FAIL(CO_ENOMEM, "out of memory for the option %s", node->key);
    *element = *node;
    element->key = NULL;
    element->next = NULL;
    node->kind = CO_NODE_LIST;
    node->text = NULL;
    node->quoted = false;
    node->first = element;
    return CO_OK;
}

static co_status check_list(const co_config *cfg, const co_param *param, co_node *node)
{
    char path[PATH];
    size_t i = 0;
    if (co_node_is_null(node))
        return co_config_fail(cfg, node, "has no value; write [] for an empty list");
    if (node->kind == CO_NODE_MAP) return co_config_fail(cfg, node, "expected a list, found a map");
    if (node->kind == CO_NODE_SCALAR) {
        CO_TRY(check_scalar(cfg, param, node, node->key));
        return wrap_in_list(node);
    }
    for (const co_node *element = node->first; element; element = element->next) {
        snprintf(path, sizeof path, "%.128s[%zu]", node->key, i++);
        CO_TRY(check_scalar(cfg, param, element, path));
    }
    return CO_OK;
}

/* One entry of a table: the written value is checked, a missing one filled in. */
static co_status check_option(const co_config *cfg, const co_param *param)
{
    const bool may_miss =
        param->flags & CO_OPTIONAL || (param->type == CO_TREE && !(param->flags & CO_REQUIRED));
    co_node *node = co_node_find(cfg->map, param->key);
    if (node && co_node_is_null(node) && (may_miss || param->type == CO_TREE)) {
        co_node_remove(cfg->map, param->key);
        node = NULL;
    }
    if (!node && param->flags & CO_REQUIRED)
        return fail_at(cfg, NULL, param->key, "required key is missing (%s)",
                       param->doc ? param->doc : "");
    if (!node && may_miss) return CO_OK;
    if (!node) {
        node = co_param_default_node(param);
        if (!node) return CO_FAIL(CO_ENOMEM, "out of memory for the option %s", param->key);
        co_node_append(cfg->map, node);
    }
    if (param->type == CO_TREE) return CO_OK;
    const bool list =
        co_param_is_list(param) || (param->flags & CO_OR_LIST && node->kind == CO_NODE_LIST);
    const co_status st =
        list ? check_list(cfg, param, node) : check_scalar(cfg, param, node, node->key);
    if (st != CO_EUSAGE || !node->is_default) return st;
    return co_fail_in(CO_EINTERNAL, "the table of this option has a default that it forbids");
}

/* known: the keys of all tables, NULL at the end. */
static co_status check_keys(const co_config *cfg, const char *const *known)
{
    char suggestion[SUGGEST];
    for (const co_node *node = cfg->map->first, *next; node; node = next) {
        size_t i = 0;
        next = node->next;
        while (known[i] && strcmp(known[i], node->key) != 0) i++;
        if (!known[i] && node->is_optional) {
            co_node_remove(cfg->map, node->key);
            continue;
        }
        if (!known[i]) {
            co_suggest(node->key, known, suggestion, sizeof suggestion);
            return co_config_fail(cfg, node, "unknown key%s", suggestion);
        }
        for (const co_node *later = node->next; later; later = later->next)
            if (strcmp(later->key, node->key) == 0)
                return co_config_fail(cfg, later, "given twice, first on line %d", node->line);
    }
    return CO_OK;
}

co_status co_config_check(const co_config *cfg, const co_param *const *tables, size_t n_tables)
{
    char found[128];
    size_t n = 0;
    CO_ASSERT(cfg->map);
    if (cfg->map->kind != CO_NODE_MAP) {
        format_found(cfg->map, found);
        return co_config_fail(cfg, NULL, "expected a map of options, key: value, found %s", found);
    }
    for (size_t t = 0; t < n_tables; t++)
        for (const co_param *p = tables[t]; p && p->key; p++) n++;
    const char **known = co_calloc(n + 1, sizeof *known);
    if (!known) return CO_FAIL(CO_ENOMEM, "out of memory for %zu option names", n);
    n = 0;
    for (size_t t = 0; t < n_tables; t++)
        for (const co_param *p = tables[t]; p && p->key; p++) known[n++] = p->key;
    const co_status st = check_keys(cfg, known);
    co_free(known);
    CO_TRY(st);
    for (size_t t = 0; t < n_tables; t++)
        for (const co_param *p = tables[t]; p && p->key; p++) CO_TRY(check_option(cfg, p));
    return CO_OK;
}

co_status co_config_named_map(const co_config *cfg, co_node *node)
{
    if (node->kind == CO_NODE_SCALAR && !co_node_is_null(node)) {
        co_node *name = co_node_create(CO_NODE_SCALAR, "name", node->text);
        if (!name) return CO_FAIL(CO_ENOMEM, "experiment tree");
        name->line = node->line;
        name->column = node->column;
        name->quoted = node->quoted;
        co_free(node->text);
        node->text = NULL;
        node->kind = CO_NODE_MAP;
        node->first = name;
    }
    const co_node *name = node->kind == CO_NODE_MAP ? co_node_find(node, "name") : NULL;
    if (name && name->kind == CO_NODE_SCALAR && !co_node_is_null(name)) return CO_OK;
    return co_config_fail(cfg, node, "must be a name, or a map with name: ..");
}

bool co_config_has(const co_config *cfg, const char *key)
{
    return co_node_find(cfg->map, key) != NULL;
}

const co_node *co_config_node(const co_config *cfg, const char *key)
{
    return co_node_find(cfg->map, key);
}

int64_t co_config_int(const co_config *cfg, const char *key)
{
    int64_t value = 0;
    const co_node *node = co_node_find(cfg->map, key);
    CO_ASSERT(node && co_node_int(node, &value));
    return value;
}

double co_config_real(const co_config *cfg, const char *key)
{
    double value = 0.0;
    const co_node *node = co_node_find(cfg->map, key);
    CO_ASSERT(node && co_node_real(node, &value));
    return value;
}

bool co_config_bool(const co_config *cfg, const char *key)
{
    bool value = false;
    const co_node *node = co_node_find(cfg->map, key);
    CO_ASSERT(node && co_node_bool(node, &value));
    return value;
}

const char *co_config_string(const co_config *cfg, const char *key)
{
    const co_node *node = co_node_find(cfg->map, key);
    CO_ASSERT(node && node->kind == CO_NODE_SCALAR && node->text);
    return node->text;
}
