/* io/readers/jsonl.c - JSON lines: maps one after another. Texts that `source` and `target` name
 * become pairs; those that `text` names get the class that `y` names. Other keys are passed over.
 * Cost: O(bytes). */
#include "core/memory.h"
#include "io/json_in.h"
#include "io/readers/answers.h"
#include "io/readers/columns.h"
#include "io/readers/encoding.h"
#include "io/readers/labelled.h"
#include "io/readers/raw.h"
#include "io/readers/reader.h"
#include <stdio.h>
#include <string.h>

enum { SOURCE, TARGET, TEXT, LABEL, USER, N_KEYS };
static const char *const keys[N_KEYS] = {"source", "target", "text", "y", "user"};

typedef struct {
    const char *key[N_KEYS]; /* as the file has them; NULL: not asked for */
    co_pairs pairs;
    co_labelled labelled;
    char *cell[N_KEYS]; /* of the map at hand */
    const char *seen;   /* up to here the lines are counted */
    size_t line;
    const char *encoding;
} table;

/* A string, or what stands there: a class or a user may be a number. */
static co_status take_cell(co_json_in *in, bool any, char **cell)
{
    co_free(*cell);
    *cell = NULL;
    if (co_json_in_next(in) == '"' || !any) return co_json_in_text(in, cell);
    const char *from = in->at;
    CO_TRY(co_json_in_skip(in));
    *cell = co_format("%.*s", (int)(in->at - from), from);
    return *cell ? CO_OK : CO_FAIL(CO_ENOMEM, "%s: a name", in->path);
}

static co_status take_field(table *t, co_json_in *in)
{
    char *key;
    int k = 0;
    CO_TRY(co_json_in_key(in, &key));
    while (k < N_KEYS && (!t->key[k] || strcmp(key, t->key[k]) != 0)) k++;
    co_free(key);
    return k < N_KEYS ? take_cell(in, k == USER || k == LABEL, &t->cell[k]) : co_json_in_skip(in);
}

static co_status take_map(table *t, co_json_in *in, uint8_t split)
{
    char where[1100];
    bool first = true, more = true;
    for (; t->seen < in->at; t->seen++) t->line += *t->seen == '\n';
    snprintf(where, sizeof where, "%s:%zu", in->path, t->line);
    CO_TRY(co_json_in_take(in, '{'));
    while (more) {
        CO_TRY(co_json_in_more(in, '}', &first, &more));
        if (more) CO_TRY(take_field(t, in));
    }
    for (int k = 0; k < N_KEYS; k++)
        if (t->key[k] && !t->cell[k])
            return CO_FAIL(CO_EDATA, "%s: has no '%.60s', which %s= names", where, t->key[k],
                           keys[k]);
    if (t->key[TEXT])
        return co_labelled_add(&t->labelled, t->cell[TEXT], t->cell[LABEL], split, t->cell[USER]);
    return co_pairs_add(&t->pairs, where, t->cell[SOURCE], strlen(t->cell[SOURCE]), t->cell[TARGET],
                        strlen(t->cell[TARGET]), split, t->cell[USER]);
}

static void drop_cells(table *t)
{
    for (int k = 0; k < N_KEYS; k++) {
        co_free(t->cell[k]);
        t->cell[k] = NULL;
    }
}

static co_status read_file(table *t, const char *path, uint8_t split)
{
    co_raw raw;
    CO_TRY(co_raw_text_as(path, t->encoding, &raw));
    co_json_in in = {.path = path, .text = raw.bytes, .at = raw.bytes};
    co_status st = CO_OK;
    t->seen = raw.bytes;
    t->line = 1;
    while (st == CO_OK && co_json_in_next(&in)) {
        st = take_map(t, &in, split);
        drop_cells(t);
    }
    co_raw_fini(&raw);
    return st;
}

/* Pairs, or texts with a class. */
static co_status check_keys(const co_config *opt, const table *t)
{
    const bool pairs = t->key[SOURCE] || t->key[TARGET];
    if (pairs && (t->key[TEXT] || t->key[LABEL]))
        return co_config_fail(opt, NULL,
                              "source and target are of pairs, text and y of classes; "
                              "give one of the two");
    if (pairs ? t->key[SOURCE] && t->key[TARGET] : t->key[TEXT] != NULL) return CO_OK;
    return co_config_fail(opt, NULL, "give source=KEY and target=KEY, or text=KEY and y=KEY");
}

static co_status read_all(const co_config *opt, table *t, const char *const *sources,
                          size_t n_sources, co_dataset *data)
{
    for (int k = 0; k < N_KEYS; k++)
        if (co_config_has(opt, keys[k])) t->key[k] = co_config_string(opt, keys[k]);
    CO_TRY(check_keys(opt, t));
    for (size_t i = 0; i < n_sources; i++) CO_TRY(read_file(t, sources[i], 0));
    if (co_config_has(opt, "test")) CO_TRY(read_file(t, co_config_string(opt, "test"), 1));
    if (t->key[TEXT]) {
        CO_TRY(co_labelled_give(&t->labelled, sources[0], data));
        CO_TRY(co_columns_source(data, "jsonl", sources, n_sources));
        return co_reader_split_by(opt, data);
    }
    CO_TRY(co_pairs_give(&t->pairs, sources[0], data));
    CO_TRY(co_columns_source(data, "jsonl", sources, n_sources));
    return co_pairs_finish(opt, data);
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    table t = {.encoding = co_encoding_of(opt)};
    if (n_sources < 1) return CO_FAIL(CO_EUSAGE, "jsonl takes one or more files, none was given");
    const co_status st = read_all(opt, &t, sources, n_sources, data);
    co_pairs_fini(&t.pairs);
    co_labelled_fini(&t.labelled);
    drop_cells(&t);
    return st;
}

static const co_param params[] = {
    {"source", CO_STRING, .flags = CO_OPTIONAL, .doc = "key of the source's text"},
    {"target", CO_STRING, .flags = CO_OPTIONAL, .doc = "key of the target's text"},
    {"text", CO_STRING, .flags = CO_OPTIONAL, .doc = "in place of them: key of the text .."},
    {"y", CO_STRING, .flags = CO_OPTIONAL, .doc = ".. and of its class (without: task lm)"},
    {"user", CO_STRING, .flags = CO_OPTIONAL, .doc = "key of the user"},
    {"test", CO_STRING, .flags = CO_OPTIONAL, .doc = "file of test lines"},
    CO_PAIR_TABLE_PARAMS,
    CO_ENCODING_PARAM,
    CO_TEXT_PARAMS("word", 128.0),
    {0}};
const co_reader co_reader_jsonl = {
    .name = "jsonl",
    .summary = "JSON lines: texts with a class, or pairs, a source and its target (seq2seq)",
    .params = params,
    .usage = "jsonl FILE.. text=KEY y=KEY | source=KEY target=KEY [user=KEY] [test=FILE]",
    .splits = true,
    .text = true,
    .read = read};
