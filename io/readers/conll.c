/* io/readers/conll.c - tagged sentences: a word a line, sentences parted by blank lines.
 *
 * Fields of a line are parted by tabs when it has one, else by blanks; the word is field 0, its tag
 * field `column`. Tags are O, B-TYPE and I-TYPE. Classes: O, then for each type in byte order B- and
 * I- (scheme=bio) or I- alone (scheme=io, which reads B- as I-). Lines of -DOCSTART- are passed
 * over; a blank inside a word becomes '_'. Splits: train 0, dev 2, test 1. */
#include "core/memory.h"
#include "io/readers/columns.h"
#include "io/readers/members.h"
#include "io/readers/raw.h"
#include "io/readers/reader.h"
#include "io/readers/texts.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    co_texts texts;
    co_members types;
    int32_t *tag; /* [n_tags] -1: outside; 2 type: begins; 2 type + 1: inside */
    size_t n_tags, tag_room;
    size_t n_words; /* of the open sentence */
    size_t column;
    bool io;
} sentences;

static co_status end_sentence(sentences *s)
{
    if (s->n_words == 0) return CO_OK;
    s->n_words = 0;
    return co_texts_end(&s->texts);
}

static co_status read_tag(sentences *s, const char *path, size_t row, const char *text, int32_t *tag)
{
    const bool begins = text[0] == 'B';
    *tag = -1;
    if (strcmp(text, "O") == 0) return CO_OK;
    if ((!begins && text[0] != 'I') || text[1] != '-' || !text[2])
        return CO_FAIL(CO_EDATA, "%s:%zu: tag '%.40s': O, B-TYPE and I-TYPE are taken; is it in column=%zu?",
                       path, row, text, s->column);
    CO_TRY(co_members_number(&s->types, text + 2, tag));
    *tag = 2 * *tag + (!begins || s->io);
    return CO_OK;
}

/* Cuts the line into fields; returns how many, at most n. */
static size_t cut(char *line, char **field, size_t n)
{
    const char *marks = strchr(line, '\t') ? "\t" : " ";
    size_t found = 0;
    for (char *at = line; found < n;) {
        field[found++] = at;
        at += strcspn(at, marks);
        if (!*at) break;
        *at++ = 0;
        at += strspn(at, marks);
    }
    return found;
}

static co_status read_line(sentences *s, const char *path, size_t row, char *line)
{
    enum { MOST = 64 };
    char *field[MOST];
    for (size_t n = strlen(line); n && (line[n - 1] == '\r' || line[n - 1] == ' ' || line[n - 1] == '\t');)
        line[--n] = 0;
    if (!*line) return end_sentence(s);
    const size_t n = cut(line, field, MOST);
    if (strcmp(field[0], "-DOCSTART-") == 0) return end_sentence(s);
    if (n <= s->column || !*field[0])
        return CO_FAIL(CO_EDATA, "%s:%zu: '%.40s': %zu fields, a word and column %zu are wanted", path, row,
                       field[0], n, s->column);
    if (co_reserve((void **)&s->tag, &s->tag_room, s->n_tags + 1, sizeof *s->tag))
        return CO_FAIL(CO_ENOMEM, "%s: out of memory after %zu words", path, s->n_tags);
    CO_TRY(read_tag(s, path, row, field[s->column], &s->tag[s->n_tags]));
    s->n_tags++;
    for (char *c = field[0]; *c; c++)
        if (*c == ' ') *c = '_';
    if (s->n_words++) CO_TRY(co_texts_bytes(&s->texts, " ", 1));
    return co_texts_bytes(&s->texts, field[0], strlen(field[0]));
}

static co_status read_file(sentences *s, const char *path)
{
    co_raw raw;
    CO_TRY(co_raw_read(path, &raw));
    co_status st = CO_OK;
    if (memchr(raw.bytes, 0, raw.n)) st = CO_FAIL(CO_EDATA, "%s: holds a byte 0: no text", path);
    char *line = raw.bytes;
    for (size_t row = 1; st == CO_OK && line < raw.bytes + raw.n; row++) {
        char *stop = strchr(line, '\n');
        if (stop) *stop = 0;
        char *next = stop ? stop + 1 : raw.bytes + raw.n;
        st = read_line(s, path, row, line);
        line = next;
    }
    if (st == CO_OK) st = end_sentence(s);
    co_raw_fini(&raw);
    return st;
}

/* Types in byte order: rank[type]. */
static int32_t *rank_types(const co_members *types)
{
    int32_t *rank = co_calloc(types->n + 1, sizeof *rank);
    for (size_t i = 0; rank && i < types->n; i++)
        for (size_t j = 0; j < types->n; j++) rank[i] += strcmp(types->name[j], types->name[i]) < 0;
    return rank;
}

static co_status name_classes(const sentences *s, const int32_t *rank, co_dataset *data)
{
    const size_t per = s->io ? 1 : 2;
    data->n_classes = 1 + per * s->types.n;
    data->classes = co_calloc(data->n_classes, sizeof *data->classes);
    if (!data->classes) return CO_FAIL(CO_ENOMEM, "names of %zu tags", data->n_classes);
    bool good = (data->classes[0] = co_strdup("O")) != NULL;
    for (size_t t = 0; t < s->types.n; t++) {
        char **name = data->classes + 1 + per * (size_t)rank[t];
        if (!s->io) good = (*name++ = co_format("B-%s", s->types.name[t])) && good;
        good = (*name = co_format("I-%s", s->types.name[t])) && good;
    }
    return good ? CO_OK : CO_FAIL(CO_ENOMEM, "names of %zu tags", data->n_classes);
}

static co_status give_tags(sentences *s, co_dataset *data)
{
    int32_t *rank = rank_types(&s->types);
    co_status st = rank ? name_classes(s, rank, data) : CO_FAIL(CO_ENOMEM, "types of tags");
    for (size_t i = 0; st == CO_OK && i < s->n_tags; i++) {
        const int32_t tag = s->tag[i];
        if (tag < 0)
            s->tag[i] = 0;
        else
            s->tag[i] = s->io ? 1 + rank[tag / 2] : 1 + 2 * rank[tag / 2] + tag % 2;
    }
    co_free(rank);
    data->token_y = s->tag;
    data->n_tokens = s->n_tags;
    s->tag = NULL;
    return st;
}

static co_status read_all(const co_config *opt, sentences *s, co_dataset *data)
{
    static const char *const keys[] = {"train", "dev", "test"};
    static const uint8_t splits[] = {0, 2, 1};
    const char *paths[3];
    size_t end[3], n_paths = 0;
    for (int k = 0; k < 3; k++) {
        if (co_config_has(opt, keys[k])) {
            paths[n_paths++] = co_config_string(opt, keys[k]);
            CO_TRY(read_file(s, paths[n_paths - 1]));
        }
        end[k] = s->texts.n;
    }
    CO_TRY(co_texts_give(&s->texts, paths[0], data));
    for (int64_t i = 0; i < data->n; i++)
        data->split[i] = splits[i < (int64_t)end[0] ? 0 : i < (int64_t)end[1] ? 1 : 2];
    data->task = CO_DATA_TAGGING;
    CO_TRY(give_tags(s, data));
    return co_columns_source(data, "conll", paths, n_paths);
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources, co_dataset *data)
{
    sentences s = {.column = (size_t)co_config_int(opt, "column"),
                   .io = strcmp(co_config_string(opt, "scheme"), "io") == 0};
    if (n_sources)
        return CO_FAIL(CO_EUSAGE, "conll takes its files as train= dev= test=, not '%s'", sources[0]);
    const co_status st = read_all(opt, &s, data);
    co_texts_fini(&s.texts);
    co_members_fini(&s.types);
    co_free(s.tag);
    return st;
}

static const co_param params[] = {
    {"train", CO_STRING, .flags = CO_REQUIRED, .doc = "file of training sentences"},
    {"dev", CO_STRING, .flags = CO_OPTIONAL, .doc = "file of validation sentences"},
    {"test", CO_STRING, .flags = CO_OPTIONAL, .doc = "file of test sentences"},
    {"column", CO_INT, .def = 1.0, .lo = 1.0, .hi = 63.0, .doc = "field of the tag; the word is field 0"},
    {"scheme", CO_CHOICE, .words = "bio|io", .doc = "tags kept: B- and I-, or I- alone"},
    CO_TEXT_PARAMS("blank", 0.0),
    {0}};
const co_reader co_reader_conll = {.name = "conll",
                                   .summary = "sentences with a tag a word; tagging of entities",
                                   .params = params,
                                   .usage = "conll train=F [dev=F] [test=F] [column=1] [scheme=bio|io]",
                                   .text = true,
                                   .read = read};
