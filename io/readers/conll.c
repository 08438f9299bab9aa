/* io/readers/conll.c - tagged sentences: a word a line, sentences parted by blank lines.
 *
 * Fields of a line are parted by tabs when it has one, else by blanks; the word is field 0, its tag
 * field `column`. Tags are O, B-TYPE and I-TYPE. Classes: O, then for each type in byte order B-
 * and I- (scheme=bio) or I- alone (scheme=io, which reads B- as I-); scheme=plain: every tag as it
 * stands (parts of speech), in byte order. Lines of -DOCSTART- are passed over; a blank inside a
 * word becomes
 * '_'. A file whose first word line has ten fields parted by tabs, a word's number first, is
 * CoNLL-U: the word is field 1 and its part of speech field 3; comments (#), multiword lines (1-2)
 * and empty nodes (1.1) are passed over; what follows `# newdoc` is one user, named by its id.
 * Splits: train 0, dev 2, test 1. Source of CoNLL-U: universaldependencies.org/format.html. */
#include "core/memory.h"
#include "io/readers/columns.h"
#include "io/readers/encoding.h"
#include "io/readers/members.h"
#include "io/readers/raw.h"
#include "io/readers/reader.h"
#include "io/readers/tags.h"
#include "io/readers/texts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *encoding;
    co_texts texts;
    co_tags tags;
    size_t n_words; /* of the open sentence */
    co_members documents;
    int32_t document; /* the open one; -1: none */
    int32_t *user;    /* [n sentences] */
    size_t user_room;
    size_t asked;        /* column=, or 0 */
    size_t word, column; /* fields, in the open file */
    co_tag_scheme scheme;
    bool conllu;
} sentences;

static co_status end_sentence(sentences *s)
{
    if (s->n_words == 0) return CO_OK;
    s->n_words = 0;
    if (co_reserve((void **)&s->user, &s->user_room, s->texts.n + 1, sizeof *s->user))
        return CO_FAIL(CO_ENOMEM, "out of memory after %zu sentences", s->texts.n);
    s->user[s->texts.n] = s->document;
    return co_texts_end(&s->texts);
}

/* A comment of CoNLL-U: `# newdoc id = NAME` begins a document. One without an id gets a number. */
static co_status read_comment(sentences *s, const char *line)
{
    char own[24];
    line += 1 + strspn(line + 1, " \t");
    if (strncmp(line, "newdoc", 6) != 0 || (line[6] && line[6] != ' ')) return CO_OK;
    CO_TRY(end_sentence(s));
    const char *name = line + 6 + strspn(line + 6, " ");
    if (strncmp(name, "id", 2) == 0) name += 2 + strspn(name + 2, " =");
    snprintf(own, sizeof own, "%zu", s->documents.n);
    return co_members_number(&s->documents, *name ? name : own, &s->document);
}

static co_status read_tag(sentences *s, const char *path, size_t row, const char *text)
{
    const bool begins = text[0] == 'B';
    if (s->scheme == CO_TAGS_PLAIN) return co_tags_add(&s->tags, text, true);
    if (strcmp(text, "O") == 0) return co_tags_add(&s->tags, NULL, false);
    if ((!begins && text[0] != 'I') || text[1] != '-' || !text[2])
        return CO_FAIL(CO_EDATA,
                       "%s:%zu: tag '%.40s': O, B-TYPE and I-TYPE are taken; is it in column=%zu? "
                       "scheme=plain takes tags as they stand",
                       path, row, text, s->column);
    return co_tags_add(&s->tags, text + 2, begins);
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

enum { MOST = 64, CONLLU_FIELDS = 10 };

/* Ranges (1-2) and empty nodes (1.1) are no words of the sentence. */
static co_status skip_node(const char *path, size_t row, const char *id)
{
    const size_t digits = strspn(id, "0123456789");
    const char *rest = id + digits + 1;
    if (digits && (id[digits] == '-' || id[digits] == '.') && *rest &&
        !rest[strspn(rest, "0123456789")])
        return CO_OK;
    return CO_FAIL(CO_EDATA,
                   "%s:%zu: '%.40s': a word's number, a range 1-2 or a node 1.1 begins a line of "
                   "CoNLL-U",
                   path, row, id);
}

static co_status read_line(sentences *s, const char *path, size_t row, char *line)
{
    char *field[MOST];
    for (size_t n = strlen(line);
         n && (line[n - 1] == '\r' || line[n - 1] == ' ' || line[n - 1] == '\t');)
        line[--n] = 0;
    if (!*line) return end_sentence(s);
    if (s->conllu && *line == '#') return read_comment(s, line);
    const size_t n = cut(line, field, MOST);
    if (s->conllu && field[0][strspn(field[0], "0123456789")])
        return skip_node(path, row, field[0]);
    if (strcmp(field[0], "-DOCSTART-") == 0) return end_sentence(s);
    if (n <= s->column || n <= s->word || !*field[s->word])
        return CO_FAIL(CO_EDATA, "%s:%zu: '%.40s': %zu fields, a word and column %zu are wanted",
                       path, row, field[0], n, s->column);
    CO_TRY(read_tag(s, path, row, field[s->column]));
    char *word = field[s->word];
    for (char *c = word; *c; c++)
        if (*c == ' ') *c = '_';
    if (s->n_words++) CO_TRY(co_texts_bytes(&s->texts, " ", 1));
    return co_texts_bytes(&s->texts, word, strlen(word));
}

/* Whether the first line that is neither blank nor a comment is a word, range or node of CoNLL-U.
 */
static bool is_conllu(const char *text)
{
    while (*text == '#' || *text == '\n' || *text == '\r') {
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    size_t tabs = 0;
    const size_t id = strspn(text, "0123456789-.");
    for (const char *c = text; *c && *c != '\n'; c++) tabs += *c == '\t';
    return id > 0 && text[id] == '\t' && tabs == CONLLU_FIELDS - 1;
}

static co_status open_form(sentences *s, const char *path, const char *text)
{
    s->conllu = is_conllu(text);
    s->word = s->conllu ? 1 : 0;
    s->column = s->asked ? s->asked : s->conllu ? 3 : 1;
    s->document = -1;
    if (!s->conllu || s->column != s->word) return CO_OK;
    return CO_FAIL(CO_EUSAGE,
                   "%s: column=1 is the word itself in CoNLL-U; 3 is the part of speech, "
                   "7 the relation",
                   path);
}

static co_status read_file(sentences *s, const char *path)
{
    co_raw raw;
    CO_TRY(co_raw_text_as(path, s->encoding, &raw));
    co_status st = open_form(s, path, raw.bytes);
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

/* Documents are users; without a mark of one nobody is. */
static void give_users(sentences *s, co_dataset *data)
{
    if (s->documents.n == 0) return;
    data->user = s->user;
    s->user = NULL;
    data->user_name = s->documents.name;
    data->n_users = s->documents.n;
    s->documents.name = NULL;
    s->documents.n = 0;
}

static co_status read_all(const co_config *opt, sentences *s, co_dataset *data)
{
    static const char *const keys[] = {"train", "dev", "test"};
    static const uint8_t splits[] = {0, 2, 1};
    const char *paths[3] = {NULL}; /* train is required */
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
    data->n_tokens = s->tags.n;
    CO_TRY(co_tags_give(&s->tags, s->scheme, &data->token_y, &data->classes, &data->n_classes));
    give_users(s, data);
    return co_columns_source(data, "conll", paths, n_paths);
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    const char *scheme = co_config_string(opt, "scheme");
    sentences s = {.encoding = co_encoding_of(opt),
                   .asked = co_config_has(opt, "column") ? (size_t)co_config_int(opt, "column") : 0,
                   .scheme = strcmp(scheme, "io") == 0      ? CO_TAGS_IO
                             : strcmp(scheme, "plain") == 0 ? CO_TAGS_PLAIN
                                                            : CO_TAGS_BIO};
    if (n_sources)
        return CO_FAIL(CO_EUSAGE, "conll takes its files as train= dev= test=, not '%s'",
                       sources[0]);
    const co_status st = read_all(opt, &s, data);
    co_texts_fini(&s.texts);
    co_tags_fini(&s.tags);
    co_members_fini(&s.documents);
    co_free(s.user);
    return st;
}

static const co_param params[] = {
    {"train", CO_STRING, .flags = CO_REQUIRED, .doc = "file of training sentences"},
    {"dev", CO_STRING, .flags = CO_OPTIONAL, .doc = "file of validation sentences"},
    {"test", CO_STRING, .flags = CO_OPTIONAL, .doc = "file of test sentences"},
    {"column", CO_INT, .lo = 1.0, .hi = 63.0, .flags = CO_OPTIONAL,
     .doc = "field of the tag, from 0; default 1, CoNLL-U: 3 (part of speech)"},
    {"scheme", CO_CHOICE, .words = "bio|io|plain",
     .doc = "tags kept: B- and I-, I- alone, or every tag as it stands"},
    CO_ENCODING_PARAM,
    CO_TEXT_PARAMS("blank", 0.0),
    CO_LETTER_PARAMS,
    {0}};
const co_reader co_reader_conll = {
    .name = "conll",
    .summary = "sentences with a tag a word, also CoNLL-U; tagging of entities or parts of speech",
    .params = params,
    .usage = "conll train=F [dev=F] [test=F] [column=1] [scheme=bio|io|plain]",
    .text = true,
    .read = read};
