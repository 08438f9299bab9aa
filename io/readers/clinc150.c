/* io/readers/clinc150.c - CLINC150: sentences with one of 150 intents, and some with none (oos).
 *
 * One map {"train": [["text", "intent"], ..], "val": .., "test": .., "oos_train": .., ..} in any
 * order of its keys. Examples stand as train, oos_train, val, oos_val, test, oos_test; val is split
 * 2, test split 1. Sentences out of scope are a class of their own, or left out (oos=drop). Cost:
 * O(bytes). Source: Larson et al., EMNLP 2019, arXiv:1909.02027. */
#include "core/memory.h"
#include "io/json_in.h"
#include "io/readers/columns.h"
#include "io/readers/encoding.h"
#include "io/readers/labelled.h"
#include "io/readers/raw.h"
#include "io/readers/reader.h"
#include <string.h>

static const struct {
    const char *key;
    uint8_t split;
    bool is_oos;
} parts[] = {{"train", 0, false},  {"oos_train", 0, true}, {"val", 2, false},
             {"oos_val", 2, true}, {"test", 1, false},     {"oos_test", 1, true}};
enum { N_PARTS = sizeof parts / sizeof *parts };

typedef struct {
    bool drops;
    const char *place[N_PARTS]; /* where the list of each part begins in the text; NULL: none */
    co_labelled sentences;
} clinc;

static co_status find_parts(clinc *c, co_json_in *in)
{
    bool first = true, more = true;
    CO_TRY(co_json_in_take(in, '{'));
    while (more) {
        char *key = NULL;
        size_t k = 0;
        CO_TRY(co_json_in_more(in, '}', &first, &more));
        if (!more) break;
        CO_TRY(co_json_in_key(in, &key));
        while (k < N_PARTS && strcmp(parts[k].key, key) != 0) k++;
        const co_status st = k < N_PARTS ? CO_OK
                                         : CO_FAIL(CO_EDATA,
                                                   "%s: a list '%.60s'; known: train, val, test, "
                                                   "oos_train, oos_val, oos_test",
                                                   in->path, key);
        co_free(key);
        CO_TRY(st);
        if (co_json_in_next(in)) c->place[k] = in->at;
        CO_TRY(co_json_in_skip(in));
    }
    return co_json_in_end(in);
}

/* ["text", "intent"] */
static co_status take_pair(clinc *c, co_json_in *in, uint8_t split)
{
    char *text = NULL, *label = NULL;
    CO_TRY(co_json_in_take(in, '['));
    co_status st = co_json_in_text(in, &text);
    if (st == CO_OK) st = co_json_in_take(in, ',');
    if (st == CO_OK) st = co_json_in_text(in, &label);
    if (st == CO_OK) st = co_json_in_take(in, ']');
    if (st == CO_OK) st = co_labelled_add(&c->sentences, text, label, split, NULL);
    co_free(text);
    co_free(label);
    return st;
}

static co_status take_part(clinc *c, co_json_in *in, size_t k)
{
    bool first = true, more = true;
    in->at = c->place[k];
    CO_TRY(co_json_in_take(in, '['));
    while (more) {
        CO_TRY(co_json_in_more(in, ']', &first, &more));
        if (more) CO_TRY(take_pair(c, in, parts[k].split));
    }
    return CO_OK;
}

static co_status take_parts(clinc *c, co_json_in *in)
{
    CO_TRY(find_parts(c, in));
    for (size_t k = 0; k < N_PARTS; k++) {
        if (c->place[k] && !(parts[k].is_oos && c->drops)) CO_TRY(take_part(c, in, k));
        if (k == 0 && c->sentences.texts.n == 0)
            return CO_FAIL(CO_EDATA, "%s: has no sentences under \"train\"", in->path);
    }
    return CO_OK;
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    clinc c = {.drops = strcmp(co_config_string(opt, "oos"), "drop") == 0};
    co_raw raw;
    if (n_sources != 1)
        return CO_FAIL(CO_EUSAGE, "clinc150 takes one file, %zu words were given", n_sources);
    CO_TRY(co_raw_text_as(sources[0], co_encoding_of(opt), &raw));
    co_json_in in = {.path = sources[0], .text = raw.bytes, .at = raw.bytes};
    co_status st = take_parts(&c, &in);
    if (st == CO_OK) st = co_labelled_give(&c.sentences, sources[0], data);
    if (st == CO_OK) st = co_columns_source(data, "clinc150", sources, 1);
    co_raw_fini(&raw);
    co_labelled_fini(&c.sentences);
    return st;
}

static const co_param params[] = {
    {"oos", CO_CHOICE, .words = "keep|drop",
     .doc = "sentences out of scope: a class of their own, or left out"},
    CO_ENCODING_PARAM,
    CO_TEXT_PARAMS("word", 0.0),
    {0}};
const co_reader co_reader_clinc150 = {
    .name = "clinc150",
    .summary = "sentences with an intent, or out of scope; CLINC150",
    .source = "Larson et al. 2019, arXiv:1909.02027",
    .params = params,
    .usage = "clinc150 FILE",
    .format = "FILE is a map of lists train, val, test, oos_train "
              "..: data_full.json or its smaller forms\n",
    .text = true,
    .read = read};
