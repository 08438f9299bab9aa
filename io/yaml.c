/* io/yaml.c - libyaml's events as a tree of nodes; command-line overrides.
 *
 * The bytes are checked first (UTF-8, tabs, size), so that each complaint has a line and a column.
 * A map's entry carries the position of its key. Linear in the text, but for the search of
 * duplicate keys (at most 1,000 in a map). */
#include "io/yaml.h"
#include "core/memory.h"
#include "core/text.h"
#include "io/magic.h"
#include "io/yaml_plain.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define MAX_BYTES (1u << 20)
#define MAX_DEPTH 32
#define MAX_KEYS 1000
#define MAX_KEY_BYTES 128 /* libyaml takes keys of up to 1,024 bytes, escapes included */

typedef struct {
    yaml_parser_t yaml;
    const char *name; /* stands for the file in messages */
    const char *word; /* the override that is read; NULL for a file */
    const char *text;
    size_t n;
} source;

/* line and column from 1 */
__attribute__((format(printf, 4, 5))) static co_status
fail_at(const source *s, size_t line, size_t column, const char *format, ...)
{
    char what[600];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (s->word) return CO_FAIL(CO_EUSAGE, "command line: %.128s: %s", s->word, what);
    return CO_FAIL(CO_EUSAGE, "%.256s:%zu:%zu: %s", s->name, line, column, what);
}

static co_status fail_mark(const source *s, yaml_mark_t mark, const char *what)
{
    return fail_at(s, mark.line + 1, mark.column + 1, "%s", what);
}

static bool is_printable(uint32_t code)
{
    return code == '\t' || code == '\n' || code == '\r' || (code >= 0x20 && code < 0x7f) ||
           code == 0x85 || (code >= 0xa0 && code != 0xfffe && code != 0xffff);
}

/* A file of another kind is named, instead of its first odd byte. */
static co_status check_kind(const source *s)
{
    const char *what = s->word ? NULL : co_magic(s->text, s->n);
    return what ? fail_at(s, 1, 1, "this is %s; a text file (YAML) is wanted", what) : CO_OK;
}

static co_status check_bytes(const source *s)
{
    size_t line = 1, column = 1, bytes;
    bool in_indent = true;
    for (size_t i = 0; i < s->n; i += bytes) {
        uint32_t code;
        bytes = co_utf8_decode(s->text + i, s->n - i, &code);
        if (i >= MAX_BYTES)
            return fail_at(s, line, column,
                           "the text goes on beyond 1 MiB; keep data in data files");
        if (bytes == 0 || !is_printable(code)) CO_TRY(check_kind(s));
        if (bytes == 0)
            return fail_at(s, line, column, "not UTF-8; save the file in that encoding");
        if (!is_printable(code))
            return fail_at(s, line, column,
                           "control character %02X; write it as an escape in double quotes", code);
        if (code == '\t' && in_indent)
            return fail_at(s, line, column, "a tab indents this line; use blanks");
        in_indent = code == '\n' || (in_indent && code == ' ');
        column = code == '\n' ? 1 : column + 1;
        line += code == '\n';
    }
    return CO_OK;
}

static co_status next_event(source *s, yaml_event_t *event)
{
    const yaml_parser_t *yaml = &s->yaml;
    if (yaml_parser_parse(&s->yaml, event)) return CO_OK;
    if (yaml->error == YAML_MEMORY_ERROR)
        return CO_FAIL(CO_ENOMEM, "out of memory for %s", s->name);
    return fail_at(s, yaml->problem_mark.line + 1, yaml->problem_mark.column + 1,
                   "not YAML: %s%s%s (a text with : # * & ! or brackets needs quotes)",
                   yaml->problem ? yaml->problem : "unreadable", yaml->context ? ", " : "",
                   yaml->context ? yaml->context : "");
}

/* Refuses what could make a node mean something else than it shows. */
static co_status check_event(const source *s, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    bool is_block = false;
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return fail_mark(s, event->start_mark,
                         "aliases (*name) are not allowed; write the value out, or quote the text");
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        if (memchr(event->data.scalar.value, 0, event->data.scalar.length))
            return fail_mark(s, event->start_mark, "a text contains the character NUL");
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        is_block = event->data.sequence_start.style == YAML_BLOCK_SEQUENCE_STYLE;
        break;
    default:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        is_block = event->data.mapping_start.style == YAML_BLOCK_MAPPING_STYLE;
        break;
    }
    if (anchor)
        return fail_mark(s, event->start_mark,
                         "anchors (&name) are not allowed; write the value out, or quote the text");
    if (tag)
        return fail_mark(s, event->start_mark,
                         "tags (!name) are not allowed; leave it out, or quote the text");
    if (s->word && is_block)
        return fail_mark(s, event->start_mark, "write lists as [a, b] and maps as {key: value}");
    return CO_OK;
}

static co_node *create_scalar(const yaml_event_t *event, const char *key)
{
    const char *text = (const char *)event->data.scalar.value;
    const bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    const bool is_null = is_plain && co_yaml_is_null(text);
    co_node *node = co_node_create(CO_NODE_SCALAR, key, is_null ? "" : text);
    if (node) node->quoted = !is_null && !(is_plain && co_yaml_is_plain(text));
    return node;
}

static co_status read_children(source *s, co_node *parent, int depth);

/* The node that begins with the event. What was made stands at *out also after a failure. */
static co_status read_node(source *s, const yaml_event_t *event, const char *key, yaml_mark_t mark,
                           int depth, co_node **out)
{
    CO_TRY(check_event(s, event));
    const bool is_scalar = event->type == YAML_SCALAR_EVENT;
    if (depth > MAX_DEPTH)
        return fail_at(s, mark.line + 1, mark.column + 1, "more than %d levels", MAX_DEPTH);
    *out = is_scalar ? create_scalar(event, key)
                     : co_node_create(event->type == YAML_MAPPING_START_EVENT ? CO_NODE_MAP
                                                                              : CO_NODE_LIST,
                                      key, NULL);
    if (!*out) return CO_FAIL(CO_ENOMEM, "out of memory for the options of %s", s->name);
    (*out)->line = s->word ? 0 : (int)mark.line + 1;
    (*out)->column = (int)mark.column + 1;
    return is_scalar ? CO_OK : read_children(s, *out, depth + 1);
}

/* A map's key (the event) and its value. */
static co_status read_entry(source *s, const yaml_event_t *event, const co_node *map, int depth,
                            co_node **out)
{
    const yaml_mark_t mark = event->start_mark;
    yaml_event_t value;
    CO_TRY(check_event(s, event));
    if (event->type != YAML_SCALAR_EVENT)
        return fail_mark(s, mark, "a key must be a word, not a list or a map");
    const char *key = (const char *)event->data.scalar.value;
    if (!*key && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return fail_mark(s, mark, "a key is missing before ':'");
    if (strlen(key) > MAX_KEY_BYTES)
        return fail_at(s, mark.line + 1, mark.column + 1, "a key of more than %d bytes",
                       MAX_KEY_BYTES);
    const co_node *first = co_node_find(map, key);
    if (first)
        return fail_at(s, mark.line + 1, mark.column + 1,
                       "the key %s is given twice, first on line %d", key, first->line);
    CO_TRY(next_event(s, &value));
    const co_status st = read_node(s, &value, key, mark, depth, out);
    yaml_event_delete(&value);
    return st;
}

static co_status read_children(source *s, co_node *parent, int depth)
{
    const bool is_map = parent->kind == CO_NODE_MAP;
    co_node **end = &parent->first;
    for (size_t n = 1;; n++, end = &(*end)->next) {
        yaml_event_t event;
        co_status st = CO_OK;
        CO_TRY(next_event(s, &event));
        const bool is_end =
            event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
        if (!is_end && is_map && n > MAX_KEYS)
            st = fail_mark(s, event.start_mark, "more than 1000 keys in one map");
        else if (!is_end && is_map)
            st = read_entry(s, &event, parent, depth, end);
        else if (!is_end)
            st = read_node(s, &event, NULL, event.start_mark, depth, end);
        yaml_event_delete(&event);
        if (is_end || st != CO_OK) return st;
    }
}

/* The next event must be of the type; its content is not needed. */
static co_status expect(source *s, yaml_event_type_t type, const char *else_what)
{
    yaml_event_t event;
    CO_TRY(next_event(s, &event));
    const co_status st = event.type == type ? CO_OK : fail_mark(s, event.start_mark, else_what);
    yaml_event_delete(&event);
    return st;
}

static co_status read_document(source *s, int depth, co_node **root)
{
    yaml_event_t event;
    CO_TRY(expect(s, YAML_STREAM_START_EVENT, "not YAML"));
    CO_TRY(expect(s, YAML_DOCUMENT_START_EVENT,
                  s->word ? "a value is missing" : "nothing in it; expected lines `key: value`"));
    CO_TRY(next_event(s, &event));
    const bool is_map = event.type == YAML_MAPPING_START_EVENT;
    const co_status st = s->word || is_map
                             ? read_node(s, &event, NULL, event.start_mark, depth, root)
                             : fail_mark(s, event.start_mark, "expected lines `key: value`");
    yaml_event_delete(&event);
    CO_TRY(st);
    CO_TRY(expect(s, YAML_DOCUMENT_END_EVENT, "not YAML"));
    return expect(s, YAML_STREAM_END_EVENT, "a second document starts here; only one is allowed");
}

/* depth: levels above the text's root. */
static co_status read_source(source *s, int depth, co_node **root)
{
    const char *other;
    const size_t mark = co_text_mark(s->text, s->n, &other);
    *root = NULL;
    if (other) return fail_at(s, 1, 1, "the text is encoded as %s; save it as UTF-8", other);
    s->text += mark;
    s->n -= mark;
    CO_TRY(check_bytes(s));
    if (!yaml_parser_initialize(&s->yaml))
        return CO_FAIL(CO_ENOMEM, "out of memory for %s", s->name);
    yaml_parser_set_encoding(&s->yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&s->yaml, (const unsigned char *)s->text, s->n);
    const co_status st = read_document(s, depth, root);
    yaml_parser_delete(&s->yaml);
    if (st == CO_OK) return CO_OK;
    co_node_destroy(*root);
    *root = NULL;
    return st;
}

co_status co_yaml_read_text(const char *text, const char *name, co_node **root)
{
    source s = {.name = name, .text = text, .n = strlen(text)};
    return read_source(&s, 0, root);
}

co_status co_yaml_read_file(const char *path, co_node **root)
{
    *root = NULL;
    FILE *file = fopen(path, "rb");
    if (!file) return CO_FAIL(CO_EFILE, "%s: cannot be opened (%s)", path, strerror(errno));
    char *text = co_malloc(MAX_BYTES + 1, 1);
    const size_t n = text ? fread(text, 1, MAX_BYTES + 1, file) : 0;
    const int error = text && ferror(file) ? errno : 0;
    fclose(file);
    source s = {.name = path, .text = text, .n = n};
    const co_status st = !text ? CO_FAIL(CO_ENOMEM, "%s: out of memory for its text", path)
                         : error
                             ? CO_FAIL(CO_EFILE, "%s: cannot be read (%s)", path, strerror(error))
                             : read_source(&s, 0, root);
    co_free(text);
    return st;
}

/* Cuts "a.b.c" at its points, in place. Returns the number of keys; 0 when one of them is empty or
 * there are too many. */
static int split_keys(char *path, char *keys[MAX_DEPTH])
{
    int n = 0;
    for (char *key = path; key; n++) {
        char *point = strchr(key, '.');
        if (point) *point = '\0';
        if (!*key || strlen(key) > MAX_KEY_BYTES || n == MAX_DEPTH) return 0;
        keys[n] = key;
        key = point ? point + 1 : NULL;
    }
    return n;
}

/* Puts *value into sections named keys[1 .. n), each the only entry of the one before, and gives
 * the outermost the name keys[0]. */
static co_status wrap_in_sections(co_node **value, char *const *keys, int n)
{
    while (n > 0) {
        (*value)->key = co_strdup(keys[--n]);
        co_node *section = n > 0 ? co_node_create(CO_NODE_MAP, NULL, NULL) : NULL;
        if (!(*value)->key || (n > 0 && !section)) {
            co_node_destroy(section);
            return CO_FAIL(CO_ENOMEM, "out of memory for the option %s", keys[n]);
        }
        if (!section) return CO_OK;
        section->column = 1;
        section->first = *value;
        *value = section;
    }
    return CO_OK;
}

static void replace_child(co_node *map, co_node *child_take)
{
    co_node **link = &map->first;
    while (*link && strcmp((*link)->key, child_take->key) != 0) link = &(*link)->next;
    co_node *old = *link;
    child_take->next = old ? old->next : NULL;
    *link = child_take;
    co_node_destroy(old);
}

/* Takes *value when it succeeds. */
static co_status set_at(co_node *root, char *const *keys, int n, const char *word, co_node **value)
{
    co_node *map = root;
    int i = 0;
    for (; i < n - 1; i++) {
        co_node *child = co_node_find(map, keys[i]);
        if (!child || co_node_is_null(child)) break;
        if (child->kind != CO_NODE_MAP)
            return CO_FAIL(
                CO_EUSAGE,
                "command line: %.128s: %.128s is %s and has no keys; replace it as a whole", word,
                keys[i], child->kind == CO_NODE_LIST ? "a list" : "a single value");
        map = child;
    }
    CO_TRY(wrap_in_sections(value, keys + i, n - i));
    replace_child(map, *value);
    *value = NULL;
    return CO_OK;
}

/* The value behind '=', the whole word: a '#' in it begins no comment. Nothing there is a key
 * without a value. depth: keys above it. */
static co_status read_value(const char *word, const char *text, int depth, co_node **value)
{
    source s = {.name = "command line", .word = word, .text = text, .n = strlen(text)};
    const bool is_closed = *text && strchr("[{\"'", *text), has_sign = strchr(text, '#') != NULL;
    if (is_closed && has_sign && !strchr("]}\"'", text[s.n - 1]))
        return fail_at(&s, 1, 1,
                       "something stands behind the value; put the whole of it in quotes");
    if (*text && (is_closed || !has_sign)) return read_source(&s, depth, value);
    *value = co_node_create(CO_NODE_SCALAR, NULL, *text ? text : NULL);
    if (!*value) return CO_FAIL(CO_ENOMEM, "out of memory for the option %.128s", word);
    (*value)->column = 1;
    (*value)->quoted = *text != 0;
    return CO_OK;
}

static co_status fail_word(const char *word, const char *what)
{
    return CO_FAIL(CO_EUSAGE, "command line: %.128s: %s", word, what);
}

co_status co_yaml_override(co_node *root, const char *word)
{
    char *keys[MAX_DEPTH];
    co_node *value = NULL;
    const source whole = {.name = "command line", .word = word, .text = word, .n = strlen(word)};
    const char *equals = strchr(word, '=');
    CO_ASSERT(root->kind == CO_NODE_MAP);
    CO_TRY(check_bytes(&whole));
    if (!equals) return fail_word(word, "expected section.key=value");
    const int n_path = (int)(equals - word); /* check_bytes bounds it */
    if (memchr(word, '[', (size_t)n_path))
        return fail_word(word, "an element of a list cannot be set; give the whole list");
    char *path = co_format("%.*s", n_path, word);
    if (!path) return CO_FAIL(CO_ENOMEM, "out of memory for the option %.128s", word);
    const int n = split_keys(path, keys);
    co_status st = n > 0 ? read_value(word, equals + 1, n, &value)
                         : fail_word(word, "a key is empty or too long; write section.key=value");
    if (st == CO_OK) st = set_at(root, keys, n, word, &value);
    co_node_destroy(value);
    co_free(path);
    return st;
}
