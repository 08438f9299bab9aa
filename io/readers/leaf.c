/* io/readers/leaf.c - the JSON files of LEAF:
 * {"users": [..], "num_samples": [..], "user_data": {USER: {"x": [..], "y": [..]}}}.
 *
 * Files below train/ come first, then those below test/ (split 1); without such folders all is
 * split 0. What x and y hold decides: lists of numbers are rows of floats to classify (FEMNIST);
 * texts with a text each as y are language modelling: y is what follows x (Shakespeare: 80
 * characters and the next one), every token but the first is predicted, where LEAF predicts y
 * alone; texts with a number as y are classified; of lists of texts (Sentiment140) number `field`
 * is. Classes stand in numerical or byte order. num_samples must agree with the data. Cost: one
 * pass over the bytes. Source: Caldas et al., LEAF, 2018, arXiv:1812.01097. */
#include "core/memory.h"
#include "io/json_in.h"
#include "io/readers/columns.h"
#include "io/readers/encoding.h"
#include "io/readers/labels.h"
#include "io/readers/members.h"
#include "io/readers/paths.h"
#include "io/readers/raw.h"
#include "io/readers/reader.h"
#include "io/readers/texts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum { NONE, NUMBERS, TEXT, FIELDS } form;

typedef struct {
    form form;
    const char *encoding;
    size_t field, width; /* FIELDS: the text that is taken; NUMBERS: of a row */
    co_texts texts;
    float *x;
    size_t n_x, x_room;
    char **label; /* [n_labels] y as it stands */
    size_t n_labels, label_room;
    bool text_label;
    int32_t *user; /* [n] */
    size_t n, user_room, n_train;
    co_members users;
    int64_t *count; /* of each user in the open file */
    size_t count_room;
} leaf;

/* Calls take for every element of the list that stands next. */
static co_status take_list(leaf *l, co_json_in *in, co_status (*take)(leaf *, co_json_in *))
{
    bool first = true, more = true;
    CO_TRY(co_json_in_take(in, '['));
    for (;;) {
        CO_TRY(co_json_in_more(in, ']', &first, &more));
        if (!more) return CO_OK;
        CO_TRY(take(l, in));
    }
}

/* ---- x ---- */

static co_status set_form(leaf *l, const co_json_in *in, form f)
{
    if (l->form != NONE && l->form != f)
        return CO_FAIL(CO_EDATA, "%s: x of example %zu is of another kind than the ones before",
                       in->path, l->n);
    l->form = f;
    return CO_OK;
}

static co_status add_text(leaf *l, co_json_in *in)
{
    char *text;
    CO_TRY(co_json_in_text(in, &text));
    const co_status st = co_texts_bytes(&l->texts, text, strlen(text));
    co_free(text);
    return st;
}

static co_status take_number(leaf *l, co_json_in *in)
{
    char *end;
    co_json_in_next(in);
    const float value = strtof(in->at, &end);
    if (end == in->at)
        return CO_FAIL(CO_EDATA, "%s: '%.20s' in x of example %zu is no number", in->path, in->at,
                       l->n);
    if (co_reserve((void **)&l->x, &l->x_room, l->n_x + 1, sizeof *l->x))
        return CO_FAIL(CO_ENOMEM, "%s: out of memory after %zu numbers", in->path, l->n_x);
    l->x[l->n_x++] = value;
    in->at = end;
    return CO_OK;
}

static co_status take_row(leaf *l, co_json_in *in)
{
    const size_t before = l->n_x;
    CO_TRY(set_form(l, in, NUMBERS));
    CO_TRY(take_list(l, in, take_number));
    if (l->width == 0) l->width = l->n_x - before;
    if (l->width > 0 && l->n_x - before == l->width) return CO_OK;
    return CO_FAIL(CO_EDATA, "%s: x of example %zu has %zu numbers; those before have %zu",
                   in->path, l->n, l->n_x - before, l->width);
}

static co_status take_fields(leaf *l, co_json_in *in)
{
    bool first = true, more = true;
    size_t k = 0;
    CO_TRY(set_form(l, in, FIELDS));
    CO_TRY(co_json_in_take(in, '['));
    for (;; k++) {
        CO_TRY(co_json_in_more(in, ']', &first, &more));
        if (!more) break;
        CO_TRY(k == l->field ? add_text(l, in) : co_json_in_skip(in));
    }
    if (k > l->field) return co_texts_end(&l->texts);
    return CO_FAIL(CO_EDATA,
                   "%s: x of example %zu has %zu fields, number %zu is none of them; give field=",
                   in->path, l->n, k, l->field);
}

static co_status take_x(leaf *l, co_json_in *in)
{
    const bool list = co_json_in_next(in) == '[';
    co_json_in inside = *in;
    if (co_reserve((void **)&l->user, &l->user_room, l->n + 1, sizeof *l->user))
        return CO_FAIL(CO_ENOMEM, "%s: out of memory after %zu examples", in->path, l->n);
    if (list) {
        inside.at++;
        CO_TRY(co_json_in_next(&inside) == '"' ? take_fields(l, in) : take_row(l, in));
    } else {
        CO_TRY(set_form(l, in, TEXT));
        CO_TRY(add_text(l, in));
        CO_TRY(co_texts_end(&l->texts));
    }
    l->n++;
    return CO_OK;
}

/* ---- y ---- */

static co_status real_label(const leaf *l, const co_json_in *in)
{
    char where[1024], label[41];
    snprintf(where, sizeof where, "%s: y of example %zu", in->path, l->n_labels);
    snprintf(label, sizeof label, "%.*s", (int)strspn(in->at, "+-.0123456789eE"), in->at);
    return co_labels_real(where, label);
}

static co_status take_y(leaf *l, co_json_in *in)
{
    const bool text = co_json_in_next(in) == '"';
    char *label = NULL;
    double value;
    int64_t whole;
    if (l->n_labels > 0 && text != l->text_label)
        return CO_FAIL(CO_EDATA, "%s: y holds both texts and numbers", in->path);
    l->text_label = text;
    if (text) {
        CO_TRY(co_json_in_text(in, &label));
    } else {
        const co_json_in before = *in;
        CO_TRY(co_json_in_real(in, &value));
        if (!co_raw_whole_real(value, &whole)) return real_label(l, &before);
        label = co_format("%lld", (long long)whole);
    }
    if (!label ||
        co_reserve((void **)&l->label, &l->label_room, l->n_labels + 1, sizeof *l->label)) {
        co_free(label);
        return CO_FAIL(CO_ENOMEM, "%s: out of memory after %zu labels", in->path, l->n_labels);
    }
    l->label[l->n_labels++] = label;
    return CO_OK;
}

/* ---- a file ---- */

static co_status take_part(leaf *l, co_json_in *in)
{
    char *key;
    CO_TRY(co_json_in_key(in, &key));
    const bool x = strcmp(key, "x") == 0, y = strcmp(key, "y") == 0;
    co_free(key);
    if (x) return take_list(l, in, take_x);
    return y ? take_list(l, in, take_y) : co_json_in_skip(in);
}

/* Calls take for every entry of the map that stands next; it takes the key as well. */
static co_status take_map(leaf *l, co_json_in *in, co_status (*take)(leaf *, co_json_in *))
{
    bool first = true, more = true;
    CO_TRY(co_json_in_take(in, '{'));
    for (;;) {
        CO_TRY(co_json_in_more(in, '}', &first, &more));
        if (!more) return CO_OK;
        CO_TRY(take(l, in));
    }
}

/* Number of the user, with a count of its own. */
static co_status number_user(leaf *l, const co_json_in *in, const char *name, int32_t *number)
{
    const size_t before = l->users.n;
    CO_TRY(co_members_number(&l->users, name, number));
    if (co_reserve((void **)&l->count, &l->count_room, l->users.n, sizeof *l->count))
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu users", in->path, l->users.n);
    if (l->users.n > before) l->count[*number] = 0;
    return CO_OK;
}

static co_status take_user(leaf *l, co_json_in *in)
{
    char *name;
    int32_t number = 0;
    const size_t before = l->n;
    CO_TRY(co_json_in_key(in, &name));
    co_status st = number_user(l, in, name, &number);
    if (st == CO_OK) st = take_map(l, in, take_part);
    if (st == CO_OK && l->n != l->n_labels)
        st = CO_FAIL(CO_EDATA, "%s: user %s has %zu x and %zu y", in->path, name, l->n - before,
                     l->n_labels - before);
    for (size_t i = before; st == CO_OK && i < l->n; i++) l->user[i] = number;
    if (st == CO_OK) l->count[number] += (int64_t)(l->n - before);
    co_free(name);
    return st;
}

/* The two lists beside each other: how many examples each user has. */
static co_status check_counts(leaf *l, co_json_in users, co_json_in samples)
{
    bool first_user = true, first = true, more_users = true, more = true;
    CO_TRY(co_json_in_take(&users, '['));
    CO_TRY(co_json_in_take(&samples, '['));
    for (;;) {
        char *name;
        int64_t n = 0;
        int32_t number = 0;
        CO_TRY(co_json_in_more(&users, ']', &first_user, &more_users));
        CO_TRY(co_json_in_more(&samples, ']', &first, &more));
        if (more != more_users)
            return CO_FAIL(CO_EDATA, "%s: users and num_samples are not equally long", users.path);
        if (!more) return CO_OK;
        CO_TRY(co_json_in_int(&samples, &n));
        CO_TRY(co_json_in_text(&users, &name));
        co_status st = number_user(l, &users, name, &number);
        if (st == CO_OK && l->count[number] != n)
            st =
                CO_FAIL(CO_EDATA,
                        "%s: num_samples says that user %s has %lld examples, user_data holds %lld",
                        users.path, name, (long long)n, (long long)l->count[number]);
        co_free(name);
        CO_TRY(st);
    }
}

static co_status read_text(leaf *l, co_json_in *in)
{
    co_json_in users = {0}, samples = {0};
    bool first = true, more = true, data = false;
    for (size_t u = 0; u < l->users.n; u++) l->count[u] = 0;
    CO_TRY(co_json_in_take(in, '{'));
    for (;;) {
        char *key;
        CO_TRY(co_json_in_more(in, '}', &first, &more));
        if (!more) break;
        CO_TRY(co_json_in_key(in, &key));
        if (strcmp(key, "users") == 0) users = *in;
        if (strcmp(key, "num_samples") == 0) samples = *in;
        const bool here = strcmp(key, "user_data") == 0;
        co_free(key);
        data |= here;
        CO_TRY(here ? take_map(l, in, take_user) : co_json_in_skip(in));
    }
    CO_TRY(co_json_in_end(in));
    if (!data) return CO_FAIL(CO_EDATA, "%s: has no user_data; a file of LEAF is wanted", in->path);
    return users.at && samples.at ? check_counts(l, users, samples) : CO_OK;
}

static co_status read_file(leaf *l, const char *path)
{
    co_raw raw;
    CO_TRY(co_raw_text_as(path, l->encoding, &raw));
    co_json_in in = {.path = path, .text = raw.bytes, .at = raw.bytes};
    const co_status st = read_text(l, &in);
    co_raw_fini(&raw);
    return st;
}

/* Files below a folder test/ of the source when test is set, else all others. */
static co_status read_files(leaf *l, const char *source, char *const *paths, size_t n, bool test)
{
    for (size_t i = 0; i < n; i++)
        if ((strstr(paths[i] + strlen(source), "/test/") != NULL) == test)
            CO_TRY(read_file(l, paths[i]));
    return CO_OK;
}

/* ---- the data set ---- */

static co_status give_classes(leaf *l, const char *source, co_dataset *data)
{
    if (!data->y) data->y = co_malloc(l->n, sizeof *data->y); /* floats have theirs */
    if (!data->y) return CO_FAIL(CO_ENOMEM, "labels of %zu examples", l->n);
    return co_labels_number(source, (const char *const *)l->label, l->n, data->y, &data->classes,
                            &data->n_classes);
}

static co_status give_floats(leaf *l, const char *source, co_dataset *data)
{
    CO_TRY(co_columns_start(data, source, l->n, CO_F32, 1, &l->width));
    memcpy(data->x, l->x, l->n_x * sizeof *l->x);
    CO_TRY(co_columns_finite(data, source, 0, l->n));
    return give_classes(l, source, data);
}

/* Every text followed by its y. */
static co_status join_labels(leaf *l)
{
    co_texts joined = {0};
    co_status st = CO_OK;
    for (size_t i = 0; st == CO_OK && i < l->n; i++) {
        const size_t first = i ? (size_t)l->texts.end[i - 1] : 0;
        st = co_texts_bytes(&joined, l->texts.bytes + first, (size_t)l->texts.end[i] - first);
        if (st == CO_OK) st = co_texts_bytes(&joined, l->label[i], strlen(l->label[i]));
        if (st == CO_OK) st = co_texts_end(&joined);
    }
    co_texts_fini(&l->texts);
    l->texts = joined;
    return st;
}

static co_status give(leaf *l, const char *source, co_dataset *data)
{
    if (l->n == 0) return CO_FAIL(CO_EDATA, "%s: its files hold no example", source);
    if (l->form == NUMBERS) {
        CO_TRY(give_floats(l, source, data));
    } else if (l->form == TEXT && l->text_label) {
        CO_TRY(join_labels(l));
        CO_TRY(co_texts_give(&l->texts, source, data));
        data->task = CO_DATA_LM;
    } else {
        CO_TRY(co_texts_give(&l->texts, source, data));
        CO_TRY(give_classes(l, source, data));
    }
    for (size_t i = l->n_train; i < l->n; i++) data->split[i] = 1;
    data->user = l->user;
    l->user = NULL;
    data->user_name = l->users.name;
    data->n_users = l->users.n;
    l->users.name = NULL;
    l->users.n = 0;
    return co_columns_source(data, "leaf", &source, 1);
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    leaf l = {.field = (size_t)co_config_int(opt, "field"), .encoding = co_encoding_of(opt)};
    char **paths = NULL;
    size_t n = 0;
    if (n_sources != 1)
        return CO_FAIL(CO_EUSAGE, "leaf takes one folder or file, %zu were given", n_sources);
    co_status st = co_paths_list(sources[0], ".json", &paths, &n);
    if (st == CO_OK) st = read_files(&l, sources[0], paths, n, false);
    l.n_train = l.n;
    if (st == CO_OK) st = read_files(&l, sources[0], paths, n, true);
    if (st == CO_OK) st = give(&l, sources[0], data);
    co_strings_free(paths, n);
    co_strings_free(l.label, l.n_labels);
    co_texts_fini(&l.texts);
    co_members_fini(&l.users);
    co_free(l.x);
    co_free(l.user);
    co_free(l.count);
    return st;
}

static const co_param params[] = {{"field", CO_INT, .def = 4.0, .lo = 0.0, .hi = 1000.0,
                                   .doc = "x as lists of texts: the one to take, from 0"},
                                  CO_ENCODING_PARAM,
                                  CO_TEXT_PARAMS("char", 0.0),
                                  {0}};
const co_reader co_reader_leaf = {.name = "leaf",
                                  .summary =
                                      "JSON files of LEAF: users with x and y; floats or texts",
                                  .source = "Caldas et al., LEAF, 2018, arXiv:1812.01097",
                                  .params = params,
                                  .usage = "leaf DIR [tokens=char|byte|word] [field=4]",
                                  .text = true,
                                  .read = read};
