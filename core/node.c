/* core/node.c - the tree of options and its strict scalars.
 *
 * integer  [+-]? (0 | [1-9][0-9]*), within int64
 * real     [+-]? (I | I '.' [0-9]* | '.' [0-9]+) ([eE] [+-]? [0-9]+)?  with I as in integer;
 * finite, and zero only when written as zero bool     true | false A scalar in quotes is none of
 * them. Finding a key is linear in the children of its map. */
#include "core/config.h"
#include "core/memory.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

co_node *co_node_create(co_node_kind kind, const char *key, const char *text)
{
    co_node *node = co_calloc(1, sizeof *node);
    if (!node) return NULL;
    node->kind = kind;
    if (key) node->key = co_strdup(key);
    if (kind == CO_NODE_SCALAR) node->text = co_strdup(text ? text : "");
    if ((key && !node->key) || (kind == CO_NODE_SCALAR && !node->text)) {
        co_node_destroy(node);
        return NULL;
    }
    return node;
}

void co_node_destroy(co_node *node)
{
    if (!node) return;
    for (co_node *child = node->first, *next; child; child = next) {
        next = child->next;
        co_node_destroy(child);
    }
    co_free(node->key);
    co_free(node->text);
    co_free(node);
}

void co_node_append(co_node *parent, co_node *child_take)
{
    co_node **end = &parent->first;
    while (*end) end = &(*end)->next;
    *end = child_take;
}

/* The link that points to the child of that key, or the NULL at the end. */
static co_node **find_link(co_node *map, const char *key)
{
    co_node **link = &map->first;
    while (*link && !((*link)->key && strcmp((*link)->key, key) == 0)) link = &(*link)->next;
    return link;
}

static size_t n_lookups;

void co_count_lookup(void)
{
    n_lookups++;
}

size_t co_lookups(void)
{
    return n_lookups;
}

co_node *co_node_find(const co_node *map, const char *key)
{
    co_count_lookup();
    co_node *child = map->first;
    while (child && !(child->key && strcmp(child->key, key) == 0)) child = child->next;
    return child;
}

void co_node_remove(co_node *map, const char *key)
{
    co_node **link = find_link(map, key), *child = *link;
    if (!child) return;
    *link = child->next;
    co_node_destroy(child);
}

co_status co_node_set(co_node *map, const char *key, const char *text)
{
    co_node *node = co_node_create(CO_NODE_SCALAR, key, text);
    if (!node) return CO_FAIL(CO_ENOMEM, "out of memory for the option %s", key);
    node->quoted = text[0] == '\0';
    co_node **link = find_link(map, key), *old = *link;
    if (old) {
        node->next = old->next;
        co_node_destroy(old);
    }
    *link = node;
    return CO_OK;
}

co_node *co_node_copy(const co_node *node)
{
    co_node *copy = co_node_create(node->kind, node->key, node->text);
    if (!copy) return NULL;
    copy->quoted = node->quoted;
    copy->is_default = node->is_default;
    copy->line = node->line;
    copy->column = node->column;
    co_node **end = &copy->first;
    for (const co_node *child = node->first; child; child = child->next) {
        *end = co_node_copy(child);
        if (!*end) {
            co_node_destroy(copy);
            return NULL;
        }
        end = &(*end)->next;
    }
    return copy;
}

size_t co_node_count(const co_node *parent)
{
    size_t n = 0;
    for (const co_node *child = parent->first; child; child = child->next) n++;
    return n;
}

bool co_node_is_null(const co_node *node)
{
    return node->kind == CO_NODE_SCALAR && !node->quoted && node->text[0] == '\0';
}

static const char *skip_digits(const char *s)
{
    while (isdigit((unsigned char)*s)) s++;
    return s;
}

/* Behind a whole number without leading zeros; s itself when there is none. */
static const char *skip_whole(const char *s)
{
    return *s == '0' ? s + 1 : skip_digits(s);
}

static const char *skip_sign(const char *s)
{
    return *s == '-' || *s == '+' ? s + 1 : s;
}

bool co_node_int(const co_node *node, int64_t *value)
{
    if (node->kind != CO_NODE_SCALAR || node->quoted) return false;
    const char *digits = skip_sign(node->text), *end = skip_whole(digits);
    if (end == digits || *end != '\0') return false;
    errno = 0;
    const long long number = strtoll(node->text, NULL, 10);
    if (errno != 0) return false;
    *value = number;
    return true;
}

bool co_node_real(const co_node *node, double *value)
{
    if (node->kind != CO_NODE_SCALAR || node->quoted) return false;
    const char *start = skip_sign(node->text), *whole = skip_whole(start), *end = whole;
    if (*end == '.') end = skip_digits(end + 1);
    if (end == start || (whole == start && end == start + 1))
        return false; /* nothing, or a lone point */
    const char *mantissa_end = end;
    if (*end == 'e' || *end == 'E') {
        const char *digits = skip_sign(end + 1);
        end = skip_digits(digits);
        if (end == digits) return false;
    }
    if (*end != '\0') return false;
    const double number = strtod(node->text, NULL);
    const bool has_digit = strcspn(start, "123456789") < (size_t)(mantissa_end - start);
    if (!isfinite(number) || (number == 0.0 && has_digit)) return false;
    *value = number;
    return true;
}

bool co_node_bool(const co_node *node, bool *value)
{
    if (node->kind != CO_NODE_SCALAR || node->quoted) return false;
    *value = strcmp(node->text, "true") == 0;
    return *value || strcmp(node->text, "false") == 0;
}
