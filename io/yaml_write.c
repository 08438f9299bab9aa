/* io/yaml_write.c - a tree as YAML text: top-level sections as blocks, below them one line where
 * 100 columns suffice.
 *
 * Texts that could be misread are written in double quotes with YAML's escapes, so that reading
 * gives the same tree. Cost O(size x depth): a line that grows too long is cut back and written as
 * a block. */
#include "io/yaml.h"
#include "core/memory.h"
#include "core/text.h"
#include "io/yaml_plain.h"
#include <stdio.h>
#include <string.h>

#define COLUMNS 100

bool co_yaml_is_null(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0) return true;
    return false;
}

bool co_yaml_is_plain(const char *text)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/";
    const size_t n = strlen(text), start = strspn(text, "+-.~");
    if (n == 0 || start > 2 || text[start] == '\0' || !strchr(letters, text[start])) return false;
    if (co_yaml_is_null(text) || text[n - 1] == ' ') return false;
    for (size_t i = start; i < n; i++)
        if (!strchr(letters, text[i]) && !strchr(" +-.~%=@()^$;<>*", text[i])) return false;
    return true;
}

typedef struct {
    co_text text;
    bool bad_utf8;
} writer;

static bool must_escape(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
           code == 0xfeff || code == 0xfffe || code == 0xffff;
}

static void write_quoted(writer *w, const char *s)
{
    char escape[16];
    co_text_add(&w->text, "\"");
    for (size_t left = strlen(s), bytes; left > 0; s += bytes, left -= bytes) {
        uint32_t code;
        bytes = co_utf8_decode(s, left, &code);
        if (bytes == 0) {
            w->bad_utf8 = true;
            return;
        }
        if (code == '"' || code == '\\')
            snprintf(escape, sizeof escape, "\\%c", (char)code);
        else if (code == '\n' || code == '\t' || code == '\r')
            snprintf(escape, sizeof escape, "\\%c", code == '\n' ? 'n' : code == '\t' ? 't' : 'r');
        else if (must_escape(code))
            snprintf(escape, sizeof escape, code < 0x100 ? "\\x%02X" : "\\u%04X", code);
        else
            snprintf(escape, sizeof escape, "%.*s", (int)bytes, s);
        co_text_add(&w->text, escape);
    }
    co_text_add(&w->text, "\"");
}

static void write_key(writer *w, const char *key)
{
    if (co_yaml_is_plain(key))
        co_text_add(&w->text, key);
    else
        write_quoted(w, key);
    co_text_add(&w->text, ":");
}

static void write_scalar(writer *w, const co_node *node)
{
    if (co_node_is_null(node))
        co_text_add(&w->text, "null");
    else if (!node->quoted && co_yaml_is_plain(node->text))
        co_text_add(&w->text, node->text);
    else
        write_quoted(w, node->text);
}

/* On one line. False when the text passes `limit` bytes: then it is incomplete. */
static bool write_flow(writer *w, const co_node *node, size_t limit)
{
    const bool is_map = node->kind == CO_NODE_MAP;
    if (node->kind == CO_NODE_SCALAR) {
        write_scalar(w, node);
        return w->text.n <= limit;
    }
    co_text_add(&w->text, is_map ? "{" : "[");
    for (const co_node *child = node->first; child; child = child->next) {
        if (child != node->first) co_text_add(&w->text, ", ");
        if (is_map) write_key(w, child->key);
        if (is_map) co_text_add(&w->text, " ");
        if (!write_flow(w, child, limit)) return false;
    }
    co_text_add(&w->text, is_map ? "}" : "]");
    return w->text.n <= limit;
}

static void write_block(writer *w, const co_node *node, int indent)
{
    char blanks[128];
    snprintf(blanks, sizeof blanks, "%*s", indent, "");
    for (const co_node *child = node->first; child; child = child->next) {
        const size_t line = w->text.n;
        co_text_add(&w->text, blanks);
        if (node->kind == CO_NODE_MAP)
            write_key(w, child->key);
        else
            co_text_add(&w->text, "-");
        const size_t head = w->text.n;
        co_text_add(&w->text, " ");
        const bool is_section = indent == 0 && child->kind == CO_NODE_MAP;
        const bool one_line = child->kind == CO_NODE_SCALAR || !child->first;
        const size_t limit = one_line ? SIZE_MAX : is_section ? 0 : line + COLUMNS;
        const bool fits = write_flow(w, child, limit);
        if (!fits) co_text_cut(&w->text, head);
        co_text_add(&w->text, "\n");
        if (!fits) write_block(w, child, indent + 2);
    }
}

co_status co_yaml_write(const co_node *root, char **text)
{
    writer w = {0};
    CO_ASSERT(root->kind == CO_NODE_MAP);
    if (root->first)
        write_block(&w, root, 0);
    else
        co_text_add(&w.text, "{}\n");
    *text = w.text.data;
    if (!w.text.failed && !w.bad_utf8) return CO_OK;
    co_text_fini(&w.text);
    *text = NULL;
    return w.bad_utf8
               ? CO_FAIL(CO_EUSAGE,
                         "an option's text is not UTF-8; use another encoding for names and paths")
               : CO_FAIL(CO_ENOMEM, "out of memory for the options as YAML");
}
