/* io/json_tree.c - JSON text to nodes and back. Cost: O(n log n) for maps of n keys. Source: RFC
 * 8259. */
#include "io/json_tree.h"
#include "core/memory.h"
#include "core/text.h"
#include "io/json_in.h"
#include "io/readers/raw.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 64, MAX_BYTES = 1 << 26 };

static co_status take_value(co_json_in *in, char *key_take, int depth, co_node **node);

static int by_key(const void *a, const void *b)
{
    return strcmp((*(co_node *const *)a)->key, (*(co_node *const *)b)->key);
}

static co_status check_twice(const co_json_in *in, const co_node *map, size_t n)
{
    const co_node **sorted = co_malloc(n, sizeof(*sorted));
    if (!sorted) return CO_FAIL(CO_ENOMEM, "%s: keys", in->path);
    size_t at = 0;
    for (const co_node *c = map->first; c; c = c->next) sorted[at++] = c;
    qsort(sorted, n, sizeof(*sorted), by_key);
    co_status st = CO_OK;
    for (size_t i = 1; i < n && st == CO_OK; i++)
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
            st = CO_FAIL(CO_EDATA, "%s: the key '%.100s' stands twice in one map", in->path,
                         sorted[i]->key);
    co_free(sorted);
    return st;
}

static co_status take_children(co_json_in *in, co_node *parent, int depth)
{
    const bool map = parent->kind == CO_NODE_MAP;
    const char closing = map ? '}' : ']';
    co_node **tail = &parent->first;
    bool first = true, more = true;
    size_t n = 0;
    CO_TRY(co_json_in_take(in, map ? '{' : '['));
    for (;;) {
        CO_TRY(co_json_in_more(in, closing, &first, &more));
        if (!more) return map ? check_twice(in, parent, n) : CO_OK;
        char *key = NULL;
        if (map) CO_TRY(co_json_in_key(in, &key));
        CO_TRY(take_value(in, key, depth + 1, tail));
        tail = &(*tail)->next;
        n++;
    }
}

/* Whether the n bytes are a number: -? int frac? exp? */
static bool is_number(const char *s, size_t n)
{
    const char *const digits = "0123456789", *c = s + (*s == '-');
    size_t more = strspn(c, digits);
    if (more == 0 || (more > 1 && *c == '0')) return false;
    c += more;
    if (*c == '.') {
        if ((more = strspn(++c, digits)) == 0) return false;
        c += more;
    }
    if (*c == 'e' || *c == 'E') {
        c += 1 + (c[1] == '+' || c[1] == '-');
        if ((more = strspn(c, digits)) == 0) return false;
        c += more;
    }
    return c == s + n;
}

static co_status take_bare(co_json_in *in, co_node *node)
{
    const size_t n = strcspn(in->at, " \t\r\n,:[]{}\"");
    const bool null = n == 4 && memcmp(in->at, "null", 4) == 0;
    const bool word = null || (n == 4 && memcmp(in->at, "true", 4) == 0) ||
                      (n == 5 && memcmp(in->at, "false", 5) == 0);
    if (!word && !is_number(in->at, n)) return co_json_in_unexpected(in, "a value");
    node->text = co_format("%.*s", null ? 0 : (int)n, in->at);
    in->at += n;
    return node->text ? CO_OK : CO_FAIL(CO_ENOMEM, "%s: a value", in->path);
}

static co_status take_value(co_json_in *in, char *key_take, int depth, co_node **node)
{
    const char next = co_json_in_next(in);
    const co_node_kind kind = next == '{'   ? CO_NODE_MAP
                              : next == '[' ? CO_NODE_LIST
                                            : CO_NODE_SCALAR;
    co_node *made = co_calloc(1, sizeof *made);
    if (!made) {
        co_free(key_take);
        return CO_FAIL(CO_ENOMEM, "%s: a value", in->path);
    }
    *made = (co_node){.kind = kind, .key = key_take};
    *node = made; /* from here on the root's owner frees it */
    if (depth > MAX_DEPTH) return co_json_in_unexpected(in, "a less deep nesting");
    if (kind != CO_NODE_SCALAR) return take_children(in, made, depth);
    made->quoted = next == '"';
    return made->quoted ? co_json_in_text(in, &made->text) : take_bare(in, made);
}

co_status co_json_tree(const char *path, co_node **root)
{
    co_raw raw;
    struct stat is;
    *root = NULL;
    if (stat(path, &is) == 0 && is.st_size > MAX_BYTES)
        return CO_FAIL(CO_EDATA, "%s: is %jd bytes long; at most %d are read of a file like this",
                       path, (intmax_t)is.st_size, MAX_BYTES);
    CO_TRY(co_raw_text(path, &raw));
    co_json_in in = {.path = path, .text = raw.bytes, .at = raw.bytes};
    co_status st = CO_OK;
    for (size_t i = 0, bytes; i < raw.n && st == CO_OK; i += bytes) {
        uint32_t code;
        bytes = co_utf8_decode(raw.bytes + i, raw.n - i, &code);
        if (bytes == 0) st = CO_FAIL(CO_EDATA, "%s: byte %zu is no UTF-8", path, i);
    }
    if (st == CO_OK && co_json_in_next(&in) != '{') st = co_json_in_unexpected(&in, "'{'");
    if (st == CO_OK) st = take_value(&in, NULL, 0, root);
    if (st == CO_OK) st = co_json_in_end(&in);
    co_raw_fini(&raw);
    if (st != CO_OK) {
        co_node_destroy(*root);
        *root = NULL;
    }
    return st;
}

void co_json_put(co_json *json, const co_node *node)
{
    const bool map = node->kind == CO_NODE_MAP;
    if (node->kind == CO_NODE_SCALAR) {
        if (node->quoted)
            co_json_text(json, node->key, node->text);
        else
            co_json_bare(json, node->key, *node->text ? node->text : "null");
        return;
    }
    co_json_open(json, node->key, map ? '{' : '[');
    for (const co_node *c = node->first; c; c = c->next) co_json_put(json, c);
    co_json_close(json, map ? '}' : ']');
}
