/* io/readers/shakespeare.c - plays as speeches; a user is a role of a play.
 *
 * Two forms, told apart file by file. With a line `ACT I`: `NAME<TAB>speech`, continuation lines
 * start with a tab; what stands before ACT I is no speech, nor are headings (ACT .., SCENE ..),
 * directions in brackets, and what follows two blank lines without a name. A name may be broken:
 * the line before `OF EPHESUS<TAB>..` begins it. Without: `NAME:` on a line of its own, the speech
 * below it up to a blank line. Files with neither (poems) hold no speech. Lines of a speech are
 * joined by line ends. The last floor(n / 5) of the n speeches of each role are split 1. */
#include "core/log.h"
#include "core/memory.h"
#include "io/readers/columns.h"
#include "io/readers/encoding.h"
#include "io/readers/members.h"
#include "io/readers/paths.h"
#include "io/readers/raw.h"
#include "io/readers/reader.h"
#include "io/readers/texts.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { NAME = 128 };

typedef struct {
    const char *encoding;
    co_texts texts;
    co_members roles;
    int32_t *user; /* [n speeches] */
    size_t user_room;
    /* the speech that is open */
    bool open, empty, in_bracket;
    int32_t role;
    char pending[NAME]; /* a line that may begin a name */
} plays;

static co_status end_speech(plays *p)
{
    if (!p->open) return CO_OK;
    p->open = false;
    if (p->empty) return CO_OK; /* a direction alone */
    if (co_reserve((void **)&p->user, &p->user_room, p->texts.n + 1, sizeof *p->user))
        return CO_FAIL(CO_ENOMEM, "out of memory after %zu speeches", p->texts.n);
    p->user[p->texts.n] = p->role;
    return co_texts_end(&p->texts);
}

static co_status begin_speech(plays *p, const char *play, const char *name, size_t n)
{
    char full[2 * NAME + 8];
    CO_TRY(end_speech(p));
    snprintf(full, sizeof full, "%.*s/%s%s%.*s", (int)strcspn(play, "."), play, p->pending,
             p->pending[0] ? " " : "", (int)(n < NAME ? n : NAME - 1), name);
    p->pending[0] = 0;
    p->open = p->empty = true;
    p->in_bracket = false;
    return co_members_number(&p->roles, full, &p->role);
}

/* The line without what stands in brackets. */
static co_status add_line(plays *p, const char *line, size_t n)
{
    size_t from = 0;
    bool begun = false;
    if (!p->open) return CO_OK;
    while (from < n) {
        const char *mark = memchr(line + from, p->in_bracket ? ']' : '[', n - from);
        const size_t end = mark ? (size_t)(mark - line) : n;
        size_t first = from;
        while (!begun && first < end && (line[first] == ' ' || line[first] == '\t')) first++;
        if (!p->in_bracket && first < end) {
            if (!p->empty && !begun) CO_TRY(co_texts_bytes(&p->texts, "\n", 1));
            CO_TRY(co_texts_bytes(&p->texts, line + first, end - first));
            begun = true;
            p->empty = false;
        }
        if (mark) p->in_bracket = !p->in_bracket;
        from = end + 1;
    }
    return CO_OK;
}

static bool begins(const char *line, size_t n, const char *word)
{
    const size_t m = strlen(word);
    return n >= m && memcmp(line, word, m) == 0 && (n == m || !isalpha((unsigned char)line[m]));
}

/* `NAME<TAB>speech`, a heading, or the beginning of a name. */
static co_status read_named(plays *p, const char *play, const char *line, size_t n)
{
    const char *tab = memchr(line, '\t', n);
    if (begins(line, n, "ACT") || begins(line, n, "SCENE")) {
        p->pending[0] = 0;
        return end_speech(p);
    }
    if (!tab) {
        snprintf(p->pending, sizeof p->pending, "%.*s", (int)(n < NAME ? n : NAME - 1), line);
        return CO_OK;
    }
    CO_TRY(begin_speech(p, play, line, (size_t)(tab - line)));
    return add_line(p, tab + 1, n - (size_t)(tab + 1 - line));
}

static co_status read_tabbed(plays *p, const char *play, const char *line, size_t n, int *n_blank)
{
    if (n == 0) {
        p->pending[0] = 0;
        return ++*n_blank == 2 ? end_speech(p) : CO_OK;
    }
    *n_blank = 0;
    return line[0] == '\t' ? add_line(p, line + 1, n - 1) : read_named(p, play, line, n);
}

static co_status read_coloned(plays *p, const char *play, const char *line, size_t n, int *n_blank)
{
    if (n == 0) {
        *n_blank = 1;
        return end_speech(p);
    }
    const bool name = *n_blank && line[n - 1] == ':' && n > 1;
    *n_blank = 0;
    return name ? begin_speech(p, play, line, n - 1) : add_line(p, line, n);
}

static size_t line_length(const char *line, const char *end, const char **next)
{
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    *next = stop ? stop + 1 : end;
    if (!stop) stop = end;
    while (stop > line && (stop[-1] == '\r' || stop[-1] == ' ')) stop--;
    return (size_t)(stop - line);
}

/* Where the text behind the line `ACT I` begins; NULL without one. */
static const char *behind_act_one(const co_raw *raw)
{
    const char *end = raw->bytes + raw->n, *next;
    for (const char *line = raw->bytes; line < end; line = next) {
        size_t n = line_length(line, end, &next);
        while (n && line[n - 1] == '\t') n--;
        if (n == 5 && memcmp(line, "ACT I", 5) == 0) return next;
    }
    return NULL;
}

static co_status read_file(plays *p, const char *path)
{
    co_raw raw;
    CO_TRY(co_raw_text_as(path, p->encoding, &raw));
    const char *play = co_raw_name(path), *end = raw.bytes + raw.n, *next = behind_act_one(&raw);
    const bool tabbed = next != NULL;
    const size_t before = p->texts.n;
    co_status st = CO_OK;
    int n_blank = 1;
    for (const char *line = tabbed ? next : raw.bytes; st == CO_OK && line < end; line = next) {
        const size_t n = line_length(line, end, &next);
        st = tabbed ? read_tabbed(p, play, line, n, &n_blank)
                    : read_coloned(p, play, line, n, &n_blank);
    }
    if (st == CO_OK) st = end_speech(p);
    if (st == CO_OK && p->texts.n == before) co_log("%s: holds no speech: left out", path);
    p->pending[0] = 0;
    co_raw_fini(&raw);
    return st;
}

/* The last fifth of each role goes to split 1. */
static co_status split_roles(co_dataset *data)
{
    int64_t *left = co_calloc(data->n_users, sizeof *left);
    if (!left) return CO_FAIL(CO_ENOMEM, "out of memory for %zu roles", data->n_users);
    for (int64_t i = 0; i < data->n; i++) left[data->user[i]]++;
    for (size_t u = 0; u < data->n_users; u++) left[u] /= 5;
    for (int64_t i = data->n; i-- > 0;)
        if (left[data->user[i]] > 0) {
            data->split[i] = 1;
            left[data->user[i]]--;
        }
    co_free(left);
    return CO_OK;
}

static co_status read_all(plays *p, const char *source, co_dataset *data)
{
    char **paths = NULL;
    size_t n = 0;
    co_status st = co_paths_list(source, ".txt", &paths, &n);
    for (size_t i = 0; st == CO_OK && i < n; i++) st = read_file(p, paths[i]);
    co_strings_free(paths, n);
    if (st == CO_OK) st = co_texts_give(&p->texts, source, data);
    if (st != CO_OK) return st;
    data->task = CO_DATA_LM;
    data->user = p->user;
    p->user = NULL;
    data->user_name = p->roles.name;
    data->n_users = p->roles.n;
    p->roles.name = NULL;
    p->roles.n = 0;
    CO_TRY(split_roles(data));
    return co_columns_source(data, "shakespeare", &source, 1);
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    plays p = {.encoding = co_encoding_of(opt)};
    if (n_sources != 1)
        return CO_FAIL(CO_EUSAGE, "shakespeare takes one file or folder of plays, %zu were given",
                       n_sources);
    const co_status st = read_all(&p, sources[0], data);
    co_texts_fini(&p.texts);
    co_members_fini(&p.roles);
    co_free(p.user);
    return st;
}

static const co_param params[] = {CO_ENCODING_PARAM, CO_TEXT_PARAMS("char", 80.0), {0}};
const co_reader co_reader_shakespeare = {
    .name = "shakespeare",
    .summary = "plays: an example is a speech, a user a role; next-token prediction",
    .source = "Caldas et al., LEAF, 2018, arXiv:1812.01097",
    .params = params,
    .usage = "shakespeare FILE|DIR [tokens=char|byte|word] [max_tokens=80]",
    .text = true,
    .read = read};
