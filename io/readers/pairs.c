/* io/readers/pairs.c - line-aligned texts: line i of the file of targets goes with line i of that
 * of sources, as translations are published. Cost: O(bytes). */
#include "core/memory.h"
#include "io/readers/answers.h"
#include "io/readers/columns.h"
#include "io/readers/encoding.h"
#include "io/readers/raw.h"
#include "io/readers/reader.h"
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *path;
    co_raw raw;
    const char *at, *end;
} lines;

static co_status open_lines(const co_config *opt, const char *key, lines *l)
{
    l->path = co_config_string(opt, key);
    CO_TRY(co_raw_text_as(l->path, co_encoding_of(opt), &l->raw));
    l->at = l->raw.bytes;
    l->end = l->raw.bytes + l->raw.n;
    return CO_OK;
}

/* The line at hand, without its end; the next one is at hand then. */
static const char *take_line(lines *l, size_t *n)
{
    const char *line = l->at, *stop = memchr(line, '\n', (size_t)(l->end - line));
    l->at = stop ? stop + 1 : l->end;
    if (!stop) stop = l->end;
    *n = (size_t)(stop - line);
    if (*n && line[*n - 1] == '\r') --*n;
    return line;
}

static size_t count_lines(const lines *l)
{
    lines rest = *l;
    size_t n = 0, bytes;
    while (rest.at < rest.end) take_line(&rest, &bytes), n++;
    return n;
}

static co_status add_lines(co_pairs *pairs, lines *source, lines *target, uint8_t split)
{
    const size_t n = count_lines(source), m = count_lines(target);
    if (n != m)
        return CO_FAIL(CO_EDATA,
                       "%s has %zu lines, %s has %zu; each target belongs to the source of "
                       "its line",
                       source->path, n, target->path, m);
    for (size_t row = 1; row <= n; row++) {
        char where[2200];
        size_t bytes[2];
        const char *from = take_line(source, &bytes[0]), *to = take_line(target, &bytes[1]);
        snprintf(where, sizeof where, "%s, %s:%zu", source->path, target->path, row);
        CO_TRY(co_pairs_add(pairs, where, from, bytes[0], to, bytes[1], split, NULL));
    }
    return CO_OK;
}

static co_status add_files(const co_config *opt, const char *source_key, const char *target_key,
                           uint8_t split, co_pairs *pairs)
{
    lines source = {0}, target = {0};
    if (!co_config_has(opt, source_key) && !co_config_has(opt, target_key)) return CO_OK;
    if (!co_config_has(opt, source_key) || !co_config_has(opt, target_key))
        return CO_FAIL(CO_EUSAGE, "pairs: %s= and %s= go together", source_key, target_key);
    co_status st = open_lines(opt, source_key, &source);
    if (st == CO_OK) st = open_lines(opt, target_key, &target);
    if (st == CO_OK) st = add_lines(pairs, &source, &target, split);
    co_raw_fini(&source.raw);
    co_raw_fini(&target.raw);
    return st;
}

static co_status read_all(const co_config *opt, co_pairs *pairs, co_dataset *data)
{
    const char *const files[] = {co_config_string(opt, "source"), co_config_string(opt, "target")};
    CO_TRY(add_files(opt, "source", "target", 0, pairs));
    CO_TRY(add_files(opt, "test_source", "test_target", 1, pairs));
    CO_TRY(add_files(opt, "validation_source", "validation_target", 2, pairs));
    CO_TRY(co_pairs_give(pairs, files[0], data));
    return co_columns_source(data, "pairs", files, 2);
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    co_pairs pairs = {0};
    if (n_sources)
        return CO_FAIL(CO_EUSAGE, "pairs: '%.60s': files are named as source=FILE target=FILE",
                       sources[0]);
    const co_status st = read_all(opt, &pairs, data);
    co_pairs_fini(&pairs);
    return st;
}

static const co_param params[] = {
    {"source", CO_STRING, .flags = CO_REQUIRED, .doc = "file of sources, a text a line; .gz too"},
    {"target", CO_STRING, .flags = CO_REQUIRED, .doc = "file of their targets, line by line"},
    {"test_source", CO_STRING, .flags = CO_OPTIONAL, .doc = "sources of split 1"},
    {"test_target", CO_STRING, .flags = CO_OPTIONAL, .doc = "and their targets"},
    {"validation_source", CO_STRING, .flags = CO_OPTIONAL, .doc = "sources of split 2"},
    {"validation_target", CO_STRING, .flags = CO_OPTIONAL, .doc = "and their targets"},
    CO_PAIR_PARAMS,
    CO_ENCODING_PARAM,
    CO_TEXT_PARAMS("word", 128.0),
    {0}};
const co_reader co_reader_pairs = {
    .name = "pairs",
    .summary = "line-aligned texts: sources and their targets, for translation (seq2seq)",
    .params = params,
    .usage = "pairs source=FILE target=FILE [test_source=FILE test_target=FILE] "
             "[validation_source=FILE validation_target=FILE] [shared=true] [tokens=word] "
             "[max_tokens=128]",
    .text = true,
    .read = read};
