/* io/readers/snips.c - the Snips intents of 2017: sentences with an intent, and slots among their
 * words.
 *
 * A folder with a file for each intent, train_NAME_full.json (or train_NAME.json) and
 * validate_NAME.json: {"NAME": [{"data": [{"text": ..}, {"text": .., "entity": SLOT}, ..]}, ..]}.
 * Blanks and the ends of parts cut words; the raw text is the words with a blank between. Intents,
 * the classes, are those of the training files in byte order; the tags O, B-SLOT and I-SLOT
 * (joint). validate files are split 1. Without encoding= a file that is no
 * UTF-8 is read as Latin-1, and said so.
 * Cost: O(bytes). Source: Coucke et al., 2018, arXiv:1805.10190. */
#include "core/log.h"
#include "core/memory.h"
#include "core/text.h"
#include "io/json_in.h"
#include "io/readers/columns.h"
#include "io/readers/encoding.h"
#include "io/readers/paths.h"
#include "io/readers/raw.h"
#include "io/readers/reader.h"
#include "io/readers/tags.h"
#include "io/readers/texts.h"
#include <string.h>

typedef struct {
    const char *folder, *encoding;
    co_texts texts;
    co_tags tags;
    char **intent; /* [n_intents] of training files, in byte order */
    size_t n_intents, intent_room;
    int32_t *y; /* [n texts] */
    size_t y_room;
    size_t n_train;
} snips;

/* ---- names ---- */

/* The intent in a file's name, train_NAME_full.json; NULL: it is no such file. */
static char *intent_of(const char *path, const char *prefix)
{
    const char *name = co_raw_name(path), *end = name + strlen(name);
    const size_t n = strlen(prefix);
    if (strncmp(name, prefix, n) != 0 || (size_t)(end - name) <= n + 5) return NULL;
    if (strcmp(end - 5, ".json") != 0) return NULL;
    end -= 5;
    if ((size_t)(end - name) > n + 5 && strncmp(end - 5, "_full", 5) == 0) end -= 5;
    return co_format("%.*s", (int)(end - name - (long)n), name + n);
}

static int32_t find_intent(const snips *s, const char *name)
{
    size_t k = 0;
    while (k < s->n_intents && strcmp(s->intent[k], name) != 0) k++;
    return k < s->n_intents ? (int32_t)k : -1;
}

/* In byte order; paths are, but for what follows the name. */
static co_status add_intent(snips *s, const char *path, char *name_take)
{
    size_t at = 0;
    if (find_intent(s, name_take) >= 0) {
        co_free(name_take);
        return CO_FAIL(CO_EDATA, "%s: a second file of that intent", path);
    }
    if (co_reserve((void **)&s->intent, &s->intent_room, s->n_intents + 1, sizeof *s->intent)) {
        co_free(name_take);
        return CO_FAIL(CO_ENOMEM, "names of intents");
    }
    while (at < s->n_intents && strcmp(s->intent[at], name_take) < 0) at++;
    memmove(s->intent + at + 1, s->intent + at, (s->n_intents - at) * sizeof *s->intent);
    s->intent[at] = name_take;
    s->n_intents++;
    return CO_OK;
}

static co_status list_intents(snips *s, char *const *paths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *name = intent_of(paths[i], "train_");
        if (name) CO_TRY(add_intent(s, paths[i], name));
    }
    if (s->n_intents > 0) return CO_OK;
    return CO_FAIL(CO_EFILE,
                   "%s: has no file train_NAME_full.json; a folder with one for each intent is "
                   "wanted, and validate_NAME.json",
                   s->folder);
}

/* ---- content ---- */

static bool is_utf8(const co_raw *raw)
{
    uint32_t code;
    for (size_t at = 0, n; at < raw->n; at += n)
        if ((n = co_utf8_decode(raw->bytes + at, raw->n - at, &code)) == 0) return false;
    return true;
}

/* The text as UTF-8, where it is Latin-1. */
static co_status decode(const char *path, co_raw *raw)
{
    size_t used = 0;
    if (is_utf8(raw)) return CO_OK;
    char *bytes = co_malloc(2 * raw->n + 1, 1);
    if (!bytes) return CO_FAIL(CO_ENOMEM, "%s: %zu bytes of text", path, raw->n);
    for (size_t i = 0; i < raw->n; i++)
        used += co_utf8_encode((unsigned char)raw->bytes[i], bytes + used);
    bytes[used] = 0;
    co_free(raw->bytes);
    *raw = (co_raw){bytes, used};
    co_log("%s is no UTF-8: read as Latin-1", path);
    return CO_OK;
}

/* The words of a part; *n_words: of the sentence so far. */
static co_status add_words(snips *s, const char *text, const char *slot, size_t *n_words)
{
    static const char blanks[] = " \t\r\n";
    bool begins = true;
    for (const char *at = text + strspn(text, blanks); *at; at += strspn(at, blanks)) {
        const size_t n = strcspn(at, blanks);
        if ((*n_words)++) CO_TRY(co_texts_bytes(&s->texts, " ", 1));
        CO_TRY(co_texts_bytes(&s->texts, at, n));
        CO_TRY(co_tags_add(&s->tags, slot, begins));
        begins = false;
        at += n;
    }
    return CO_OK;
}

/* {"text": .., "entity": ..} */
static co_status take_part(snips *s, co_json_in *in, size_t *n_words)
{
    char *text = NULL, *slot = NULL;
    bool first = true, more = true;
    co_status st = co_json_in_take(in, '{');
    while (st == CO_OK && more) {
        char *key = NULL;
        st = co_json_in_more(in, '}', &first, &more);
        if (st != CO_OK || !more) break;
        st = co_json_in_key(in, &key);
        char **to = key && strcmp(key, "text") == 0     ? &text
                    : key && strcmp(key, "entity") == 0 ? &slot
                                                        : NULL;
        co_free(key);
        if (st == CO_OK && to) co_free(*to), *to = NULL;
        if (st == CO_OK) st = to ? co_json_in_text(in, to) : co_json_in_skip(in);
    }
    if (st == CO_OK && !text) st = co_json_in_unexpected(in, "a part with \"text\" before");
    if (st == CO_OK) st = add_words(s, text, slot, n_words);
    co_free(text);
    co_free(slot);
    return st;
}

static co_status take_parts(snips *s, co_json_in *in, size_t *n_words)
{
    bool first = true, more = true;
    CO_TRY(co_json_in_take(in, '['));
    while (more) {
        CO_TRY(co_json_in_more(in, ']', &first, &more));
        if (more) CO_TRY(take_part(s, in, n_words));
    }
    return CO_OK;
}

/* {"data": [..]} */
static co_status take_sentence(snips *s, co_json_in *in, int32_t intent)
{
    size_t n_words = 0;
    bool first = true, more = true;
    CO_TRY(co_json_in_take(in, '{'));
    while (more) {
        char *key = NULL;
        CO_TRY(co_json_in_more(in, '}', &first, &more));
        if (!more) break;
        CO_TRY(co_json_in_key(in, &key));
        const bool data = strcmp(key, "data") == 0;
        co_free(key);
        CO_TRY(data ? take_parts(s, in, &n_words) : co_json_in_skip(in));
    }
    if (n_words == 0) return co_json_in_unexpected(in, "a sentence with words in \"data\" before");
    if (co_reserve((void **)&s->y, &s->y_room, s->texts.n + 1, sizeof *s->y))
        return CO_FAIL(CO_ENOMEM, "out of memory after %zu sentences", s->texts.n);
    s->y[s->texts.n] = intent;
    return co_texts_end(&s->texts);
}

static co_status take_file(snips *s, co_json_in *in, int32_t intent)
{
    char *key = NULL;
    bool first = true, more = true;
    CO_TRY(co_json_in_take(in, '{'));
    CO_TRY(co_json_in_key(in, &key));
    const bool named = strcmp(key, s->intent[intent]) == 0;
    const co_status st = named ? CO_OK
                               : CO_FAIL(CO_EDATA, "%s: holds the intent '%.60s', its name says %s",
                                         in->path, key, s->intent[intent]);
    co_free(key);
    CO_TRY(st);
    CO_TRY(co_json_in_take(in, '['));
    while (more) {
        CO_TRY(co_json_in_more(in, ']', &first, &more));
        if (more) CO_TRY(take_sentence(s, in, intent));
    }
    CO_TRY(co_json_in_take(in, '}'));
    return co_json_in_end(in);
}

static co_status read_file(snips *s, const char *path, int32_t intent)
{
    co_raw raw;
    co_status st = co_raw_text_as(path, s->encoding, &raw);
    if (st == CO_OK && !s->encoding) st = decode(path, &raw);
    co_json_in in = {.path = path, .text = raw.bytes, .at = raw.bytes};
    if (st == CO_OK) st = take_file(s, &in, intent);
    co_raw_fini(&raw);
    return st;
}

static co_status read_files(snips *s, char *const *paths, size_t n, const char *prefix)
{
    for (size_t i = 0; i < n; i++) {
        char *name = intent_of(paths[i], prefix);
        if (!name) continue;
        const int32_t intent = find_intent(s, name);
        const co_status st =
            intent >= 0
                ? CO_OK
                : CO_FAIL(CO_EDATA, "%s: there is no file train_%s_full.json", paths[i], name);
        co_free(name);
        CO_TRY(st);
        CO_TRY(read_file(s, paths[i], intent));
    }
    return CO_OK;
}

static co_status give(snips *s, co_dataset *data)
{
    CO_TRY(co_texts_give(&s->texts, s->folder, data));
    for (int64_t i = 0; i < data->n; i++) data->split[i] = (size_t)i >= s->n_train;
    data->task = CO_DATA_JOINT;
    data->y = s->y;
    s->y = NULL;
    data->classes = s->intent;
    data->n_classes = s->n_intents;
    s->intent = NULL;
    s->n_intents = 0;
    data->n_tokens = s->tags.n;
    CO_TRY(co_tags_give(&s->tags, CO_TAGS_BIO, &data->token_y, &data->tags, &data->n_tags));
    return co_columns_source(data, "snips", &s->folder, 1);
}

static co_status read_folder(snips *s, co_dataset *data)
{
    char **paths;
    size_t n;
    CO_TRY(co_paths_list(s->folder, ".json", &paths, &n));
    co_status st = list_intents(s, paths, n);
    if (st == CO_OK) st = read_files(s, paths, n, "train_");
    s->n_train = s->texts.n;
    if (st == CO_OK) st = read_files(s, paths, n, "validate_");
    co_strings_free(paths, n);
    return st == CO_OK ? give(s, data) : st;
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    snips s = {.encoding = co_encoding_of(opt)};
    if (n_sources != 1)
        return CO_FAIL(CO_EUSAGE, "snips takes one folder, %zu words were given", n_sources);
    s.folder = sources[0];
    const co_status st = read_folder(&s, data);
    co_texts_fini(&s.texts);
    co_tags_fini(&s.tags);
    co_strings_free(s.intent, s.n_intents);
    co_free(s.y);
    return st;
}

static const co_param params[] = {
    CO_ENCODING_PARAM, CO_TEXT_PARAMS("blank", 0.0), CO_LETTER_PARAMS, {0}};
const co_reader co_reader_snips = {
    .name = "snips",
    .summary = "sentences with an intent and slots among their words (joint); Snips, 2017",
    .source = "Coucke et al., 2018, arXiv:1805.10190",
    .params = params,
    .usage = "snips DIR",
    .format = "DIR has a file for each intent, train_NAME_full.json and validate_NAME.json "
              "(split 1)\n",
    .text = true,
    .read = read};
