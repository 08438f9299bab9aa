/* io/tokenisers/vocabulary.c - an open hash table over a pool of names.
 *
 * Linear probing, at most half full, FNV-1a with a final mix. Numbers come from sorting, so they do
 * not depend on the table. Cost: O(1) a token; sorting once. */
#include "io/tokenisers/vocabulary.h"
#include "core/memory.h"
#include "core/text.h"
#include "io/files/file.h"
#include "io/readers/raw.h"
#include "io/tokenisers/tokeniser.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_TOKENS ((size_t)1 << 30)

void co_vocabulary_fini(co_vocabulary *v)
{
    co_free(v->pool);
    co_free(v->entry);
    co_free(v->slot);
    co_strings_free(v->names, v->n_names);
    *v = (co_vocabulary){0};
}

static co_status no_memory(const co_vocabulary *v)
{
    return CO_FAIL(CO_ENOMEM, "out of memory for a vocabulary of %zu words", v->n);
}

static uint64_t hash_of(const char *name, size_t n)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3u;
    return hash ^ hash >> 29;
}

/* The slot that holds the name, or the free one where it belongs. */
static size_t probe(const co_vocabulary *v, uint64_t hash, const char *name, size_t n)
{
    size_t s = hash & (v->n_slots - 1);
    for (; v->slot[s]; s = (s + 1) & (v->n_slots - 1)) {
        const co_vocabulary_entry *e = &v->entry[v->slot[s] - 1];
        if (e->hash == hash && e->n == n && memcmp(v->pool + e->at, name, n) == 0) break;
    }
    return s;
}

static co_status grow(co_vocabulary *v)
{
    const size_t n_slots = v->n_slots ? 2 * v->n_slots : 1024;
    uint32_t *slot = co_calloc(n_slots, sizeof *slot);
    if (!slot || v->n >= MOST_TOKENS) {
        co_free(slot);
        return no_memory(v);
    }
    co_free(v->slot);
    v->slot = slot;
    v->n_slots = n_slots;
    for (size_t i = 0; i < v->n; i++) {
        const co_vocabulary_entry *e = &v->entry[i];
        v->slot[probe(v, e->hash, v->pool + e->at, e->n)] = (uint32_t)i + 1;
    }
    return CO_OK;
}

/* *entry: of the name, new with count 0 if it was not there. */
static co_status add(co_vocabulary *v, const char *name, size_t n, co_vocabulary_entry **entry)
{
    if (2 * (v->n + 1) > v->n_slots) CO_TRY(grow(v));
    const uint64_t hash = hash_of(name, n);
    const size_t s = probe(v, hash, name, n);
    if (!v->slot[s]) {
        if (co_reserve((void **)&v->pool, &v->pool_room, v->n_pool + n, 1) ||
            co_reserve((void **)&v->entry, &v->room, v->n + 1, sizeof *v->entry))
            return no_memory(v);
        memcpy(v->pool + v->n_pool, name, n);
        v->entry[v->n++] = (co_vocabulary_entry){.at = v->n_pool, .n = (uint32_t)n, .hash = hash};
        v->n_pool += n;
        if (n > v->longest) v->longest = n;
        v->slot[s] = (uint32_t)v->n;
    }
    *entry = &v->entry[v->slot[s] - 1];
    return CO_OK;
}

co_status co_vocabulary_count(co_vocabulary *v, const char *name, size_t n)
{
    co_vocabulary_entry *e = NULL;
    CO_TRY(add(v, name, n, &e));
    e->count++;
    return CO_OK;
}

int32_t co_vocabulary_find(const co_vocabulary *v, const char *name, size_t n)
{
    if (v->n_slots == 0) return 0;
    const uint32_t found = v->slot[probe(v, hash_of(name, n), name, n)];
    return found ? v->entry[found - 1].id : 0;
}

/* Room for "<unk>" and n names. */
static co_status start_names(co_vocabulary *v, size_t n)
{
    v->names = co_calloc(n + 1, sizeof *v->names);
    if (!v->names) return no_memory(v);
    v->n_names = n + 1;
    v->names[0] = co_strdup("<unk>");
    return v->names[0] ? CO_OK : no_memory(v);
}

static co_status give_name(co_vocabulary *v, const co_vocabulary_entry *e)
{
    char *name = co_calloc((size_t)e->n + 1, 1);
    if (!name) return no_memory(v);
    memcpy(name, v->pool + e->at, e->n);
    v->names[e->id] = name;
    return CO_OK;
}

static int by_count(const void *a, const void *b, void *pool)
{
    const co_vocabulary_entry *x = *(co_vocabulary_entry *const *)a,
                              *y = *(co_vocabulary_entry *const *)b;
    const char *bytes = pool;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    const int order = memcmp(bytes + x->at, bytes + y->at, x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

co_status co_vocabulary_cut(co_vocabulary *v, int64_t min_count)
{
    co_vocabulary_entry **kept = co_malloc(v->n, sizeof *kept);
    if (!kept) return no_memory(v);
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++)
        if (v->entry[i].count >= min_count) kept[n++] = &v->entry[i];
    if (n) qsort_r(kept, n, sizeof *kept, by_count, v->pool);
    co_status st = start_names(v, n);
    for (size_t i = 0; st == CO_OK && i < n; i++) {
        kept[i]->id = (int32_t)i + 1;
        st = give_name(v, kept[i]);
    }
    co_free(kept);
    return st;
}

co_status co_vocabulary_mark(co_vocabulary *v, const char *name)
{
    co_vocabulary_entry *e = NULL;
    CO_TRY(add(v, name, strlen(name), &e));
    if (e->id) return CO_OK;
    char **names = co_calloc(v->n_names + 1, sizeof *names);
    if (!names) return no_memory(v);
    memcpy(names, v->names, v->n_names * sizeof *names);
    co_free(v->names);
    v->names = names;
    e->id = (int32_t)v->n_names++;
    return give_name(v, e);
}

co_status co_vocabulary_bytes(co_vocabulary *v)
{
    CO_TRY(start_names(v, 256));
    for (int b = 0; b < 256; b++)
        if (!(v->names[b + 1] = co_format("0x%02x", b))) return no_memory(v);
    return CO_OK;
}

/* Replaces the escapes in place; returns the bytes left. */
static size_t unescape(char *line, size_t n)
{
    static const char from[] = "ntr\\", to[] = "\n\t\r\\";
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        const char *at = line[i] == '\\' && i + 1 < n ? strchr(from, line[i + 1]) : NULL;
        line[used++] = at && *at ? to[at - from] : line[i];
        i += at && *at;
    }
    return used;
}

static co_status read_lines(co_vocabulary *v, const char *path, co_raw *raw)
{
    char *line = raw->bytes, *end = raw->bytes + raw->n;
    while (end > line && (end[-1] == '\n' || end[-1] == '\r')) end--;
    for (size_t row = 1; line < end; row++) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        size_t n = (size_t)(stop - line);
        if (n && line[n - 1] == '\r') n--;
        n = unescape(line, n);
        if (n == 0 || n > CO_TOKEN_BYTES)
            return CO_FAIL(CO_EDATA, "%s:%zu: a token of %zu bytes; 1 to %d are taken, one a line",
                           path, row, n, CO_TOKEN_BYTES);
        co_vocabulary_entry *e = NULL;
        const size_t before = v->n;
        if (row > 1 || n != 5 || memcmp(line, "<unk>", 5) != 0) {
            CO_TRY(add(v, line, n, &e));
            if (v->n == before)
                return CO_FAIL(CO_EDATA, "%s:%zu: '%.*s' stands in it twice", path, row, (int)n,
                               line);
            e->id = (int32_t)v->n;
        }
        line = stop + 1;
    }
    return CO_OK;
}

co_status co_vocabulary_read(co_vocabulary *v, const char *path)
{
    co_raw raw;
    CO_TRY(co_raw_text(path, &raw));
    co_status st = read_lines(v, path, &raw);
    co_raw_fini(&raw);
    if (st == CO_OK && v->n == 0) st = CO_FAIL(CO_EDATA, "%s: names no token", path);
    if (st == CO_OK) st = start_names(v, v->n);
    for (size_t i = 0; st == CO_OK && i < v->n; i++) st = give_name(v, &v->entry[i]);
    return st;
}

/* ---- a published one ---- */

enum { FAULTS_TOLD = 4 };

/* What is wrong with a vocabulary, for one message. */
typedef struct {
    co_text text;
    size_t n;
} faults;

static void add_fault(faults *f, const char *format, ...)
{
    char text[160];
    va_list list;
    if (f->n++ >= FAULTS_TOLD) return;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (f->n > 1) co_text_add(&f->text, "; ");
    co_text_add(&f->text, text);
}

static bool is_utf8(const char *line, size_t n)
{
    uint32_t code;
    for (size_t at = 0, bytes; at < n; at += bytes)
        if (!(bytes = co_utf8_decode(line + at, n - at, &code))) return false;
    return true;
}

/* Line `row` from 1: its number is row - 1, and its entry's id row. */
static co_status take_line(co_vocabulary *v, const char *line, size_t n, size_t row, faults *f)
{
    co_vocabulary_entry *e = NULL;
    const size_t before = v->n;
    if (n == 0) add_fault(f, "line %zu is empty", row);
    if (n > CO_TOKEN_BYTES)
        add_fault(f, "line %zu has %zu bytes, more than %d", row, n, CO_TOKEN_BYTES);
    else if (!is_utf8(line, n))
        add_fault(f, "line %zu is not UTF-8", row);
    if (n == 0 || n > CO_TOKEN_BYTES) return CO_OK;
    CO_TRY(add(v, line, n, &e));
    if (v->n == before)
        add_fault(f, "line %zu repeats line %d ('%.*s')", row, (int)e->id, (int)(n < 40 ? n : 40),
                  line);
    else
        e->id = (int32_t)row;
    return CO_OK;
}

static co_status take_lines(co_vocabulary *v, const co_raw *raw, faults *f)
{
    const char *line = raw->bytes, *end = raw->bytes + raw->n;
    while (end > line && (end[-1] == '\n' || end[-1] == '\r')) end--;
    for (size_t row = 1; line < end; row++) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        const size_t n = (size_t)(stop - line);
        CO_TRY(take_line(v, line, n && line[n - 1] == '\r' ? n - 1 : n, row, f));
        line = stop + 1;
    }
    return CO_OK;
}

static co_status tell_faults(const char *path, faults *f)
{
    if (f->n == 0) return CO_OK;
    if (f->text.failed) return CO_FAIL(CO_ENOMEM, "%s: out of memory", path);
    char more[48] = "";
    if (f->n > FAULTS_TOLD) snprintf(more, sizeof more, "; and %zu more", f->n - FAULTS_TOLD);
    return CO_FAIL(CO_EDATA,
                   "%s: is no vocabulary of a model: %s%s; give its vocab.txt as it was published, "
                   "a token a line",
                   path, f->text.data, more);
}

/* Names in the order of the lines, which are the entries' order when there is no fault. */
static co_status name_lines(co_vocabulary *v)
{
    v->names = co_calloc(v->n, sizeof *v->names);
    if (!v->names) return no_memory(v);
    v->n_names = v->n;
    for (size_t i = 0; i < v->n; i++) {
        v->names[i] = co_calloc((size_t)v->entry[i].n + 1, 1);
        if (!v->names[i]) return no_memory(v);
        memcpy(v->names[i], v->pool + v->entry[i].at, v->entry[i].n);
    }
    return CO_OK;
}

co_status co_vocabulary_read_published(co_vocabulary *v, const char *path, const char *const *marks)
{
    co_raw raw;
    faults f = {0};
    CO_TRY(co_raw_text(path, &raw));
    co_status st = take_lines(v, &raw, &f);
    co_raw_fini(&raw);
    for (; st == CO_OK && *marks; marks++)
        if (!co_vocabulary_find(v, *marks, strlen(*marks))) add_fault(&f, "%s is missing", *marks);
    if (st == CO_OK) st = tell_faults(path, &f);
    co_text_fini(&f.text);
    return st == CO_OK ? name_lines(v) : st;
}
