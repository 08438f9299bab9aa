/* io/readers/tff.c - TensorFlow Federated's HDF5: examples/CLIENT/FEATURE, a row an example.
 *
 * x= names the feature that is learned from (default: the first of pixels, image, x, snippets,
 * tokens that the first client has), y= the class, group= a coarser class (CIFAR-100:
 * coarse_label). Clients become users, in byte order of their names; test=FILE holds the same
 * clients' test examples, split
 * 1. uint8 stays bytes with scale 1/255, other numbers become float32; rows [H, W] become one
 * channel and [H, W, C] with C up to 4 channels first. Texts with a class are classified, those
 * without are for lm. A group's attribute `name` is the client's real name (export tff writes it
 * for names with a slash). Cost: three HDF5 objects opened a client. Source: the data sets
 * published with TensorFlow Federated (federated EMNIST, CIFAR-100, Shakespeare). */
#include "core/memory.h"
#include "io/readers/columns.h"
#include "io/readers/members.h"
#include "io/readers/reader.h"
#include "io/readers/texts.h"
#include <stdio.h>
#include <string.h>

static const char ROOT[] = "/examples/";

typedef struct {
    const co_config *opt;
    co_dataset *data;
    const char *path; /* of the file at hand */
    co_file *file;
    char x[64], y[64], group[64]; /* features; "": none */
    co_members clients;
    co_texts texts;
    int64_t *label, *coarse; /* [n] */
    int32_t *user;           /* [n] */
    bool labelled;           /* the first client has the class */
    size_t n, label_room, coarse_room, user_room;
    uint8_t *split;
    size_t split_room;
    float *rows; /* [n][row] as stored: floats, or bytes in the same block */
    size_t row, rows_room;
    co_extent shape; /* of the first client's x */
} source;

/* ---- features ---- */

static char *feature_path(const char *client, const char *feature)
{
    return co_format("%s%s/%s", ROOT, client, feature);
}

static bool has_feature(const source *s, const char *client, const char *feature)
{
    char *path = feature_path(client, feature);
    const bool has = path && co_file_has(s->file, path);
    co_free(path);
    return has;
}

/* The names of the features, from the options or the first client. */
static co_status choose_features(source *s, const char *client)
{
    static const char *const known[] = {"pixels", "image", "x", "snippets", "tokens"};
    const bool asked = co_config_has(s->opt, "x");
    if (s->x[0]) return CO_OK;
    if (asked) snprintf(s->x, sizeof s->x, "%s", co_config_string(s->opt, "x"));
    for (size_t k = 0; !s->x[0] && k < sizeof known / sizeof *known; k++)
        if (has_feature(s, client, known[k])) snprintf(s->x, sizeof s->x, "%s", known[k]);
    snprintf(s->y, sizeof s->y, "%s", co_config_string(s->opt, "y"));
    if (co_config_has(s->opt, "group"))
        snprintf(s->group, sizeof s->group, "%s", co_config_string(s->opt, "group"));
    s->labelled = has_feature(s, client, s->y);
    if (s->x[0] && has_feature(s, client, s->x)) return CO_OK;
    return CO_FAIL(CO_EDATA, "%s: client '%.40s' has no feature %s; name it by x=", s->path, client,
                   s->x[0] ? s->x : "pixels, image, x, snippets or tokens");
}

/* A column of integers, appended to *column. */
static co_status take_column(source *s, const char *client, const char *feature, size_t n,
                             int64_t **column, size_t *room)
{
    char *path = feature_path(client, feature);
    int64_t *values = NULL;
    size_t n_values = 0;
    if (!path || co_reserve((void **)column, room, s->n + n, sizeof **column)) {
        co_free(path);
        return CO_FAIL(CO_ENOMEM, "%s: %zu labels", s->path, s->n + n);
    }
    co_status st = co_file_read_new(s->file, path, CO_I64, (void **)&values, &n_values);
    if (st == CO_OK && n_values != n)
        st = CO_FAIL(CO_EDATA, "%s: %s has %zu numbers for %zu examples", s->path, path, n_values,
                     n);
    if (st == CO_OK && n) memcpy(*column + s->n, values, n * sizeof *values);
    co_free(values);
    co_free(path);
    return st;
}

static co_status check_shape(source *s, const char *path, const co_extent *extent)
{
    if (extent->ndim < 1 || extent->ndim > 5)
        return CO_FAIL(CO_EDATA, "%s: %s has %zu dimensions; 1 to 5 are read", s->path, path,
                       extent->ndim);
    if (s->shape.ndim == 0) {
        s->shape = *extent;
        s->row = 1;
        for (size_t d = 1; d < extent->ndim; d++) s->row *= extent->dim[d];
        return CO_OK;
    }
    if (extent->ndim == s->shape.ndim && extent->type == s->shape.type &&
        memcmp(extent->dim + 1, s->shape.dim + 1, (extent->ndim - 1) * sizeof *extent->dim) == 0)
        return CO_OK;
    return CO_FAIL(CO_EDATA, "%s: %s differs from the first client's in type or shape", s->path,
                   path);
}

static bool is_bytes(const source *s)
{
    return s->shape.type == CO_U8;
}

static co_status take_numbers(source *s, const char *path, size_t n)
{
    const size_t width = is_bytes(s) ? 1 : sizeof(float);
    if (co_reserve((void **)&s->rows, &s->rows_room, (s->n + n) * s->row, width))
        return CO_FAIL(CO_ENOMEM, "%s: %zu examples", s->path, s->n + n);
    return co_file_read(s->file, path, is_bytes(s) ? CO_U8 : CO_F32, 0,
                        (char *)s->rows + s->n * s->row * width);
}

static co_status take_texts(source *s, const char *path)
{
    char **text;
    size_t n;
    CO_TRY(co_file_read_strings(s->file, path, &text, &n));
    co_status st = CO_OK;
    for (size_t i = 0; st == CO_OK && i < n; i++) {
        st = co_texts_bytes(&s->texts, text[i], strlen(text[i]));
        if (st == CO_OK) st = co_texts_end(&s->texts);
    }
    co_strings_free(text, n);
    return st;
}

/* ---- clients ---- */

static co_status mark_rows(source *s, const char *client, uint8_t split, size_t n)
{
    int32_t user;
    if (co_reserve((void **)&s->user, &s->user_room, s->n + n, sizeof *s->user) ||
        co_reserve((void **)&s->split, &s->split_room, s->n + n, sizeof *s->split))
        return CO_FAIL(CO_ENOMEM, "%s: %zu examples", s->path, s->n + n);
    char *path = co_format("%s%s@name", ROOT, client), *name = NULL;
    co_status st = path ? CO_OK : CO_FAIL(CO_ENOMEM, "name of a client");
    if (st == CO_OK && co_file_has_attr(s->file, path)) st = co_file_get_text(s->file, path, &name);
    if (st == CO_OK) st = co_members_number(&s->clients, name ? name : client, &user);
    co_free(path);
    co_free(name);
    CO_TRY(st);
    for (size_t i = s->n; i < s->n + n; i++) {
        s->user[i] = user;
        s->split[i] = split;
    }
    return CO_OK;
}

static co_status take_client(source *s, const char *client, uint8_t split)
{
    co_extent extent;
    CO_TRY(choose_features(s, client));
    char *path = feature_path(client, s->x);
    if (!path) return CO_FAIL(CO_ENOMEM, "name of a feature");
    co_status st = co_file_extent(s->file, path, &extent);
    if (st == CO_OK) st = check_shape(s, path, &extent);
    const size_t n = st == CO_OK ? extent.dim[0] : 0;
    if (st == CO_OK && n > 0)
        st = extent.type == CO_STR ? take_texts(s, path) : take_numbers(s, path, n);
    co_free(path);
    if (st == CO_OK && (s->shape.type != CO_STR || s->labelled))
        st = take_column(s, client, s->y, n, &s->label, &s->label_room);
    if (st == CO_OK && s->group[0])
        st = take_column(s, client, s->group, n, &s->coarse, &s->coarse_room);
    if (st == CO_OK) st = mark_rows(s, client, split, n);
    s->n += n;
    return st;
}

/* Clients stand in the list of datasets one after another. */
static co_status walk_clients(source *s, char *const *names, size_t n, uint8_t split)
{
    char last[256] = "";
    size_t n_clients = 0;
    for (size_t i = 0; i < n; i++) {
        if (strncmp(names[i], ROOT, strlen(ROOT)) != 0) continue;
        const char *client = names[i] + strlen(ROOT), *slash = strchr(client, '/');
        const size_t length = slash ? (size_t)(slash - client) : 0;
        if (!slash || length >= sizeof last)
            return CO_FAIL(CO_EDATA, "%s: '%.80s' is no examples/CLIENT/FEATURE", s->path,
                           names[i]);
        if (strlen(last) == length && memcmp(last, client, length) == 0) continue;
        memcpy(last, client, length);
        last[length] = '\0';
        CO_TRY(take_client(s, last, split));
        n_clients++;
    }
    return n_clients ? CO_OK : CO_FAIL(CO_EDATA, "%s: has no examples/CLIENT/FEATURE", s->path);
}

static co_status read_file(source *s, const char *path, uint8_t split)
{
    char **names = NULL;
    size_t n = 0;
    s->path = path;
    CO_TRY(co_file_open_foreign(path, &s->file));
    co_status st = co_file_list(s->file, &names, &n);
    if (st == CO_OK) st = walk_clients(s, names, n, split);
    co_strings_free(names, n);
    co_file_close(s->file);
    s->file = NULL;
    return st;
}

/* ---- the data set ---- */

/* From [H][W][C] to [C][H][W], or as it stands. */
static void copy_rows(const source *s, size_t channels, co_dataset *data)
{
    const size_t width = is_bytes(s) ? 1 : sizeof(float), area = s->row / channels;
    const char *from = (const char *)s->rows;
    char *to = data->x;
    for (size_t i = 0; i < s->n; i++, from += s->row * width, to += s->row * width)
        for (size_t c = 0; c < channels; c++)
            for (size_t a = 0; a < area; a++)
                memcpy(to + (c * area + a) * width, from + (a * channels + c) * width, width);
}

static co_status give_numbers(source *s)
{
    co_dataset *data = s->data;
    const size_t ndim = s->shape.ndim - 1, *d = s->shape.dim + 1, one = 1;
    const bool last = ndim == 3 && d[2] <= 4;
    const size_t gray[3] = {1, d[0], ndim > 1 ? d[1] : 1},
                 colour[3] = {last ? d[2] : 1, d[0], d[1]};
    CO_TRY(co_columns_start(data, s->path, s->n, is_bytes(s) ? CO_U8 : CO_F32,
                            ndim == 0   ? 1
                            : ndim == 2 ? 3
                                        : ndim,
                            ndim == 0   ? &one
                            : ndim == 2 ? gray
                            : last      ? colour
                                        : d));
    copy_rows(s, last ? d[2] : 1, data);
    if (!is_bytes(s)) CO_TRY(co_columns_finite(data, s->path, 0, s->n));
    return co_columns_classes(data, s->label);
}

static co_status give_groups(source *s)
{
    co_dataset *data = s->data;
    int64_t *distinct = NULL;
    if (!s->group[0]) return CO_OK;
    data->group = co_malloc(s->n, sizeof *data->group);
    if (!data->group) return CO_FAIL(CO_ENOMEM, "%s: groups of %zu examples", s->path, s->n);
    CO_TRY(co_columns_rank(s->coarse, s->n, false, data->group, &distinct, &data->n_groups));
    const co_status st = co_columns_numbered("", distinct, data->n_groups, &data->group_name);
    co_free(distinct);
    return st;
}

static co_status give(source *s)
{
    co_dataset *data = s->data;
    if (s->n == 0) return CO_FAIL(CO_EDATA, "%s: its clients have no examples", s->path);
    if (s->shape.type == CO_STR) {
        CO_TRY(co_texts_give(&s->texts, s->path, data));
        data->task = s->labelled ? CO_DATA_CLASSIFICATION : CO_DATA_LM;
        if (s->labelled) {
            data->y = co_malloc(s->n, sizeof *data->y);
            if (!data->y) return CO_FAIL(CO_ENOMEM, "%s: classes of %zu texts", s->path, s->n);
            CO_TRY(co_columns_classes(data, s->label));
        }
    } else {
        CO_TRY(give_numbers(s));
    }
    memcpy(data->split, s->split, s->n);
    CO_TRY(give_groups(s));
    data->user = s->user;
    s->user = NULL;
    data->user_name = s->clients.name;
    data->n_users = s->clients.n;
    s->clients = (co_members){.slot = s->clients.slot};
    return CO_OK;
}

static co_status read_all(source *s, const char *train)
{
    const bool test = co_config_has(s->opt, "test");
    const char *paths[2] = {train, test ? co_config_string(s->opt, "test") : NULL};
    for (int k = 0; k < 1 + test; k++) CO_TRY(read_file(s, paths[k], (uint8_t)k));
    CO_TRY(give(s));
    return co_columns_source(s->data, "tff", paths, (size_t)(1 + test));
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    source s = {.opt = opt, .data = data};
    if (n_sources != 1)
        return CO_FAIL(CO_EUSAGE, "tff takes one file, %zu were given; test=FILE names another",
                       n_sources);
    const co_status st = read_all(&s, sources[0]);
    co_texts_fini(&s.texts);
    co_members_fini(&s.clients);
    co_free(s.label);
    co_free(s.coarse);
    co_free(s.user);
    co_free(s.split);
    co_free(s.rows);
    return st;
}

static const co_param params[] = {
    {"x", CO_STRING, .flags = CO_OPTIONAL,
     .doc = "feature learned from; default: pixels, image, x, snippets or tokens"},
    {"y", CO_STRING, .words = "label", .doc = "feature with the class"},
    {"group", CO_STRING, .flags = CO_OPTIONAL,
     .doc = "feature with a coarser class (coarse_label)"},
    {"test", CO_STRING, .flags = CO_OPTIONAL, .doc = "file with the clients' test examples"},
    CO_TEXT_PARAMS("char", 0.0),
    {0}};
const co_reader co_reader_tff = {.name = "tff",
                                 .summary = "TensorFlow Federated's HDF5, a user a client",
                                 .source = "data sets of TensorFlow Federated",
                                 .params = params,
                                 .usage =
                                     "tff FILE [test=FILE] [x=pixels y=label group=coarse_label]",
                                 .text = true,
                                 .read = read};
