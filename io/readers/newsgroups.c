/* io/readers/newsgroups.c - messages in folders: ../SPLIT/GROUP/ID, a tree or a tar file of one.
 *
 * The class is the folder's name, the split that of the folder above it: test when its name has
 * `test` in it. The text is the subject and what follows the first blank line, as it stands; the
 * user is the address of the line `From:` (in angles, else up to the first blank), small letters.
 * With task=multilabel the labels are the parts of the folder's name between dots:
 * comp.sys.mac.hardware has four of them. Training messages come first, each part in the order of
 * the source. A tar header's checksum is checked; entries that are no plain files are passed over.
 */
#include "core/memory.h"
#include "core/text.h"
#include "io/readers/columns.h"
#include "io/readers/encoding.h"
#include "io/readers/members.h"
#include "io/readers/paths.h"
#include "io/readers/raw.h"
#include "io/readers/reader.h"
#include "io/readers/texts.h"
#include "io/tokenisers/tokeniser.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

typedef struct {
    const char *encoding;
    co_texts texts;
    co_members users, groups;
    int32_t *user, *group; /* [n messages] */
    size_t user_room, group_room, n_train;
} mail;

/* The last folder of the path, and whether the one above it is a test part. */
static bool read_place(const char *path, char group[CO_TOKEN_BYTES + 3], bool *test)
{
    const char *part[3] = {NULL, NULL, path}; /* of the last three parts, where they begin */
    co_token_flaws ignored = {0};
    for (const char *c = path; *c; c++)
        if (*c == '/' && c[1] && c[1] != '/') {
            part[0] = part[1];
            part[1] = part[2];
            part[2] = c + 1;
        }
    if (!part[1]) return false;
    const size_t n = strcspn(part[1], "/");
    group[co_token_clean(part[1], n, false, group, &ignored)] = 0;
    *test = false;
    for (const char *c = part[0]; c && c + 4 <= part[1]; c++)
        *test |= strncasecmp(c, "test", 4) == 0;
    return n > 0;
}

/* The value of a header line, to the end of the line; NULL when it has none. */
static const char *header(const char *bytes, size_t head, const char *key, size_t *n)
{
    const size_t m = strlen(key);
    for (const char *line = bytes, *end = bytes + head; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        if ((size_t)(stop - line) >= m && strncasecmp(line, key, m) == 0) {
            *n = (size_t)(stop - line) - m;
            return line + m;
        }
        line = stop + 1;
    }
    return NULL;
}

static void address(const char *from, size_t n, char name[CO_TOKEN_BYTES + 3])
{
    const char *open = memchr(from, '<', n), *close = memchr(from, '>', n);
    co_token_flaws ignored = {0};
    if (open && close && close > open + 1) {
        from = open + 1;
        n = (size_t)(close - from);
    }
    while (n && (*from == ' ' || *from == '\t')) from++, n--;
    size_t used = 0;
    while (used < n && from[used] != ' ' && from[used] != '\r') used++;
    name[co_token_clean(from, used, true, name, &ignored)] = 0;
}

/* Bytes up to the first blank line, and where the body begins. */
static size_t head_of(const char *bytes, size_t n, size_t *body)
{
    for (const char *c = bytes; (c = memchr(c, '\n', n - (size_t)(c - bytes))); c++) {
        const size_t at = (size_t)(c - bytes);
        const size_t skip = at + 1 < n && c[1] == '\r' ? 2 : 1;
        if (at + skip < n && c[skip] == '\n') {
            *body = at + skip + 1;
            return at + 1;
        }
    }
    *body = n;
    return n;
}

static co_status add_utf8(mail *m, const char *path, const char *bytes, size_t n, bool want_test)
{
    char group[CO_TOKEN_BYTES + 3], name[CO_TOKEN_BYTES + 3] = "";
    bool test = false;
    size_t body, n_from = 0, n_subject = 0;
    if (!read_place(path, group, &test) || test != want_test) return CO_OK;
    const char *other;
    const size_t mark = co_text_mark(bytes, n, &other);
    if (other)
        return CO_FAIL(CO_EDATA, "%s: is encoded as %s; save it as UTF-8, or give encoding=", path,
                       other);
    bytes += mark;
    n -= mark;
    const size_t head = head_of(bytes, n, &body), at = m->texts.n;
    const char *from = header(bytes, head, "From:", &n_from);
    const char *subject = header(bytes, head, "Subject:", &n_subject);
    if (from) address(from, n_from, name);
    if (co_reserve((void **)&m->user, &m->user_room, at + 1, sizeof *m->user) ||
        co_reserve((void **)&m->group, &m->group_room, at + 1, sizeof *m->group))
        return CO_FAIL(CO_ENOMEM, "out of memory after %zu messages", at);
    m->user[at] = -1;
    if (name[0]) CO_TRY(co_members_number(&m->users, name, &m->user[at]));
    CO_TRY(co_members_number(&m->groups, group, &m->group[at]));
    if (subject) CO_TRY(co_texts_bytes(&m->texts, subject, n_subject));
    CO_TRY(co_texts_bytes(&m->texts, "\n", 1));
    CO_TRY(co_texts_bytes(&m->texts, bytes + body, n - body));
    return co_texts_end(&m->texts);
}

static co_status add_message(mail *m, const char *path, const char *bytes, size_t n, bool want_test)
{
    char group[CO_TOKEN_BYTES + 3];
    bool test;
    co_raw raw;
    if (!m->encoding) return add_utf8(m, path, bytes, n, want_test);
    if (!read_place(path, group, &test) || test != want_test) return CO_OK;
    CO_TRY(co_raw_text_of(path, m->encoding, bytes, n, &raw));
    const co_status st = add_utf8(m, path, raw.bytes, raw.n, want_test);
    co_raw_fini(&raw);
    return st;
}

/* ---- tar ---- */

enum { BLOCK = 512 };

static bool good_header(const char *h)
{
    long sum = 0;
    char text[9] = {0};
    memcpy(text, h + 148, 8);
    for (int i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? ' ' : (unsigned char)h[i];
    return strtol(text, NULL, 8) == sum;
}

static co_status walk_tar(mail *m, const char *source, const co_raw *raw, bool test)
{
    char path[260], digits[13];
    for (size_t at = 0; at + BLOCK <= raw->n && raw->bytes[at];) {
        const char *h = raw->bytes + at;
        if (!good_header(h))
            return CO_FAIL(CO_EDATA, "%s: byte %zu: no tar header; give a folder, .tar or .tar.gz",
                           source, at);
        memcpy(digits, h + 124, 12);
        digits[12] = 0;
        const size_t n = (size_t)strtoull(digits, NULL, 8);
        at += BLOCK;
        if (n > raw->n - at)
            return CO_FAIL(CO_EDATA, "%s: byte %zu: the file is cut short", source, at);
        if (h[156] == 'L')
            return CO_FAIL(CO_EDATA,
                           "%s: byte %zu: names of more than 255 bytes are not read; "
                           "unpack it and give the folder",
                           source, at);
        const bool prefixed = memcmp(h + 257, "ustar", 5) == 0 && h[345];
        snprintf(path, sizeof path, "%.*s%s%.*s", prefixed ? 155 : 0, h + 345, prefixed ? "/" : "",
                 100, h);
        if (h[156] == '0' || h[156] == 0) CO_TRY(add_message(m, path, raw->bytes + at, n, test));
        at += (n + BLOCK - 1) / BLOCK * BLOCK;
    }
    return CO_OK;
}

static co_status walk_tree(mail *m, char *const *paths, size_t n, bool test)
{
    for (size_t i = 0; i < n; i++) {
        co_raw raw;
        char group[CO_TOKEN_BYTES + 3];
        bool is_test;
        if (!read_place(paths[i], group, &is_test) || is_test != test) continue;
        CO_TRY(co_raw_read(paths[i], &raw));
        const co_status st = add_message(m, paths[i], raw.bytes, raw.n, test);
        co_raw_fini(&raw);
        CO_TRY(st);
    }
    return CO_OK;
}

static co_status read_messages(mail *m, const char *source)
{
    struct stat about;
    char **paths = NULL;
    co_raw raw = {0};
    size_t n = 0;
    const bool tree = stat(source, &about) == 0 && S_ISDIR(about.st_mode);
    co_status st = tree ? co_paths_list(source, "", &paths, &n) : co_raw_read(source, &raw);
    for (int test = 0; st == CO_OK && test < 2; test++) {
        st = tree ? walk_tree(m, paths, n, test) : walk_tar(m, source, &raw, test);
        if (!test) m->n_train = m->texts.n;
    }
    co_strings_free(paths, n);
    co_raw_fini(&raw);
    return st;
}

static co_status name_classes(const mail *m, co_dataset *data)
{
    const size_t n = (size_t)data->n;
    const char **text = co_malloc(n, sizeof *text);
    data->y = co_malloc(n, sizeof *data->y);
    co_status st = text && data->y ? CO_OK : CO_FAIL(CO_ENOMEM, "labels of %zu messages", n);
    for (size_t i = 0; st == CO_OK && i < n; i++) text[i] = m->groups.name[m->group[i]];
    if (st == CO_OK) st = co_columns_rank_text(text, n, data->y, &data->classes, &data->n_classes);
    co_free(text);
    return st;
}

/* The parts of all groups' names, one after another: end[g] of group g. Cuts the names in place. */
static co_status cut_names(const mail *m, const char ***part, size_t *end)
{
    size_t n = 0, room = 0;
    for (size_t g = 0; g < m->groups.n; g++) {
        for (char *at = m->groups.name[g]; at;) {
            if (co_reserve((void **)part, &room, n + 1, sizeof **part))
                return CO_FAIL(CO_ENOMEM, "parts of groups' names");
            (*part)[n++] = strsep(&at, ".");
        }
        end[g] = n;
    }
    return CO_OK;
}

static co_status name_labels(const mail *m, const char *source, co_dataset *data)
{
    const char **part = NULL;
    char **names = NULL;
    int32_t *label = NULL;
    size_t *end = co_malloc(m->groups.n, sizeof *end), k = 0;
    co_status st =
        end ? cut_names(m, &part, end) : CO_FAIL(CO_ENOMEM, "labels of %zu groups", m->groups.n);
    if (st == CO_OK && !(label = co_malloc(end[m->groups.n - 1], sizeof *label)))
        st = CO_FAIL(CO_ENOMEM, "labels of %zu groups", m->groups.n);
    if (st == CO_OK) st = co_columns_rank_text(part, end[m->groups.n - 1], label, &names, &k);
    if (st == CO_OK) st = co_columns_targets(data, source, CO_DATA_MULTILABEL, k);
    if (st == CO_OK)
        data->classes = names;
    else
        co_strings_free(names, k);
    for (size_t i = 0; st == CO_OK && i < (size_t)data->n; i++) {
        const size_t g = (size_t)m->group[i];
        for (size_t p = g ? end[g - 1] : 0; p < end[g]; p++)
            co_columns_put_target(data, i, (size_t)label[p], 1.0);
    }
    co_free(part);
    co_free(label);
    co_free(end);
    return st;
}

static co_status read_all(mail *m, const char *source, bool classes, co_dataset *data)
{
    CO_TRY(read_messages(m, source));
    CO_TRY(co_texts_give(&m->texts, source, data));
    for (int64_t i = (int64_t)m->n_train; i < data->n; i++) data->split[i] = 1;
    CO_TRY(classes ? name_classes(m, data) : name_labels(m, source, data));
    data->user = m->user;
    m->user = NULL;
    data->user_name = m->users.name;
    data->n_users = m->users.n;
    m->users.name = NULL;
    m->users.n = 0;
    return co_columns_source(data, "newsgroups", &source, 1);
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    mail m = {.encoding = co_encoding_of(opt)};
    if (n_sources != 1)
        return CO_FAIL(CO_EUSAGE, "newsgroups takes one folder or tar file, %zu were given",
                       n_sources);
    const co_status st = read_all(
        &m, sources[0], strcmp(co_config_string(opt, "task"), "classification") == 0, data);
    co_texts_fini(&m.texts);
    co_members_fini(&m.users);
    co_members_fini(&m.groups);
    co_free(m.user);
    co_free(m.group);
    return st;
}

static const co_param params[] = {
    {"task", CO_CHOICE, .words = "classification|multilabel",
     .doc = "the folder's name is the class, or each of its parts a label"},
    CO_ENCODING_PARAM,
    CO_TEXT_PARAMS("word", 0.0),
    CO_LETTER_PARAMS,
    {0}};
const co_reader co_reader_newsgroups = {
    .name = "newsgroups",
    .summary = "messages in folders: the folder is the class, the author the user",
    .source = "20 Newsgroups, by date",
    .params = params,
    .usage = "newsgroups DIR|TAR [task=multilabel] [tokens=word min_count=5 max_tokens=256]",
    .text = true,
    .read = read};
