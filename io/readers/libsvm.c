/* io/readers/libsvm.c - sparse text rows "label [qid:user] index:value .." (indices ascending, from
 * 1 or from 0), made dense float rows.
 *
 * The number of features is the largest index of the training and test files together; labels are
 * whole numbers (-1/+1 or others), ranked in ascending order. task=regression: the label is a
 * number. task=multilabel: labels are integers with commas (1,3,7), or none where a line begins
 * with index:value or qid:user; those of all files are the columns, ascending. Queries (qid) are
 * users; a row without has none. '#' begins a comment. More than 16 GiB of dense floats are
 * refused. Cost: two passes over the text. Source: Chang and Lin, LIBSVM, ACM TIST 2011, the
 * README's data format. */
#include "core/memory.h"
#include "io/readers/columns.h"
#include "io/readers/labels.h"
#include "io/readers/raw.h"
#include "io/readers/reader.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Labels of multilabel rows, in the order of the text. */
typedef struct {
    int64_t *label;
    size_t *row;
    size_t n, label_room, row_room;
} tag_list;

/* What a row's label is, and who takes it on the second walk; NULL on the first, which counts. */
typedef struct {
    co_data_task task;
    int64_t *label;   /* classification: [n] */
    co_dataset *data; /* regression */
    tag_list *tags;   /* multilabel */
} label_sink;

typedef struct {
    const char *path;
    int64_t first_index;
    size_t line, n_rows, n_features, n_qids;
    size_t first; /* row of the data set that row 0 of this file is */
    label_sink to;
    int64_t *qid; /* of row 0 of this file; -1: none; NULL: count only */
    float *x;
    size_t width;
} parse_state;

/* Takes the next word of a line ended by 0; NULL at its end. The word is ended by 0 in place. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " \t\r");
    if (!*word) return NULL;
    char *end = word + strcspn(word, " \t\r");
    *at = end + (*end != 0);
    *end = 0;
    return word;
}

static co_status take_pair(parse_state *s, char *word, int64_t *last)
{
    char *colon = strchr(word, ':');
    int64_t index;
    double value;
    if (!colon)
        return CO_FAIL(CO_EDATA, "%s:%zu: '%.40s' is no index:value", s->path, s->line, word);
    *colon = 0;
    const bool number = co_raw_int(word, &index);
    *colon = ':';
    if (number && index == 0 && s->first_index == 1)
        return CO_FAIL(CO_EDATA,
                       "%s:%zu: '%.40s': indices are from 1; if these count from 0, give "
                       "first_index=0",
                       s->path, s->line, word);
    if (!number || index < s->first_index)
        return CO_FAIL(CO_EDATA, "%s:%zu: '%.40s': an index is an integer from %" PRId64, s->path,
                       s->line, word, s->first_index);
    if (index <= *last)
        return CO_FAIL(CO_EDATA, "%s:%zu: '%.40s': index not above the one before (%" PRId64 ")",
                       s->path, s->line, word, *last);
    if (!co_raw_real(colon + 1, &value) || value > 3.4e38 || value < -3.4e38)
        return CO_FAIL(CO_EDATA, "%s:%zu: '%.40s': the value is no finite 32-bit number", s->path,
                       s->line, word);
    *last = index;
    if (s->x) s->x[s->n_rows * s->width + (size_t)(index - s->first_index)] = (float)value;
    return CO_OK;
}

static co_status take_class(const parse_state *s, const char *word)
{
    double real;
    int64_t label;
    char where[1024];
    if (co_raw_whole(word, &label)) {
        if (s->to.label) s->to.label[s->first + s->n_rows] = label;
        return CO_OK;
    }
    if (!co_raw_real(word, &real))
        return CO_FAIL(CO_EDATA, "%s:%zu: label '%.40s' is no integer%s", s->path, s->line, word,
                       strchr(word, ',') ? "; several labels are learnt with task=multilabel" : "");
    snprintf(where, sizeof where, "%s:%zu", s->path, s->line);
    return co_labels_real(where, word);
}

/* A number of a regression. */
static co_status take_number(const parse_state *s, const char *word)
{
    double value;
    if (!co_raw_real(word, &value) || value > 3.4e38 || value < -3.4e38)
        return CO_FAIL(CO_EDATA, "%s:%zu: label '%.40s' is no finite 32-bit number", s->path,
                       s->line, word);
    if (s->to.data) co_columns_put_target(s->to.data, s->first + s->n_rows, 0, value);
    return CO_OK;
}

/* "1,3,7". The word is cut in place. */
static co_status take_tags(const parse_state *s, char *word)
{
    tag_list *tags = s->to.tags;
    for (char *at = word; at;) {
        char *label = strsep(&at, ",");
        int64_t value;
        if (!co_raw_whole(label, &value))
            return CO_FAIL(CO_EDATA,
                           "%s:%zu: label '%.40s' is no integer; task=multilabel takes them with "
                           "commas (1,3,7)",
                           s->path, s->line, label);
        if (!tags) continue;
        CO_TRY(
            co_reserve((void **)&tags->label, &tags->label_room, tags->n + 1, sizeof *tags->label));
        CO_TRY(co_reserve((void **)&tags->row, &tags->row_room, tags->n + 1, sizeof *tags->row));
        tags->label[tags->n] = value;
        tags->row[tags->n++] = s->first + s->n_rows;
    }
    return CO_OK;
}

static co_status take_label(const parse_state *s, char *word)
{
    if (s->to.task == CO_DATA_CLASSIFICATION) return take_class(s, word);
    return s->to.task == CO_DATA_REGRESSION ? take_number(s, word) : take_tags(s, word);
}

static co_status take_qid(parse_state *s, const char *word)
{
    int64_t qid;
    if (!co_raw_int(word + 4, &qid) || qid < 0)
        return CO_FAIL(CO_EDATA, "%s:%zu: '%.40s': a qid is an integer from 0", s->path, s->line,
                       word);
    if (s->qid) s->qid[s->n_rows] = qid;
    s->n_qids++;
    return CO_OK;
}

static co_status take_line(parse_state *s, char *line)
{
    int64_t last = s->first_index - 1;
    line[strcspn(line, "#")] = 0;
    char *word = next_word(&line);
    if (!word) return CO_OK;
    if (s->to.task != CO_DATA_MULTILABEL || !strchr(word, ':')) { /* else a row without labels */
        CO_TRY(take_label(s, word));
        word = next_word(&line);
    }
    if (word && strncmp(word, "qid:", 4) == 0) {
        CO_TRY(take_qid(s, word));
        word = next_word(&line);
    }
    for (; word; word = next_word(&line)) CO_TRY(take_pair(s, word, &last));
    const size_t n_features = (size_t)(last - s->first_index + 1);
    if (n_features > s->n_features) s->n_features = n_features;
    s->n_rows++;
    return CO_OK;
}

/* Walks over all lines. Each is copied aside, so that the text survives for the second pass. */
static co_status walk(parse_state *s, const co_raw *file)
{
    char *copy = NULL;
    size_t room = 0;
    co_status st = CO_OK;
    for (const char *at = file->bytes; *at && st == CO_OK;) {
        const size_t length = strcspn(at, "\n");
        s->line++;
        st = co_reserve((void **)&copy, &room, length + 1, 1);
        if (st != CO_OK) break;
        memcpy(copy, at, length);
        copy[length] = 0;
        st = take_line(s, copy);
        at += length + (at[length] == '\n');
    }
    co_free(copy);
    return st;
}

/* The columns are the distinct labels. */
static co_status give_tags(const tag_list *tags, const char *where, co_dataset *data)
{
    int64_t *distinct = NULL;
    size_t k = 0;
    int32_t *column = co_malloc(tags->n, sizeof *column);
    co_status st = column ? co_columns_rank(tags->label, tags->n, false, column, &distinct, &k)
                          : CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu labels", where, tags->n);
    if (st == CO_OK && k == 0) st = CO_FAIL(CO_EDATA, "%s: no row has a label", where);
    if (st == CO_OK) st = co_columns_targets(data, where, CO_DATA_MULTILABEL, k);
    if (st == CO_OK) st = co_columns_numbered("", distinct, k, &data->classes);
    for (size_t i = 0; st == CO_OK && i < tags->n; i++)
        co_columns_put_target(data, tags->row[i], (size_t)column[i], 1.0);
    co_free(column);
    co_free(distinct);
    return st;
}

/* Users are the queries, in ascending order. */
static co_status give_users(const int64_t *qid, co_dataset *data)
{
    int64_t *distinct = NULL;
    data->user = co_malloc((size_t)data->n, sizeof *data->user);
    co_status st = data->user ? CO_OK : CO_FAIL(CO_ENOMEM, "users of the rows");
    if (st == CO_OK)
        st = co_columns_rank(qid, (size_t)data->n, true, data->user, &distinct, &data->n_users);
    if (st == CO_OK) st = co_columns_numbered("", distinct, data->n_users, &data->user_name);
    co_free(distinct);
    return st;
}

/* The second walk, which fills the rows. */
static co_status fill(const char *const *paths, size_t n_paths, const co_raw *file,
                      int64_t first_index, size_t n_train, bool users, co_data_task task,
                      co_dataset *data)
{
    const size_t n = (size_t)data->n, width = data->x_size;
    int64_t *label = co_malloc(2 * n, sizeof *label), *qid = label + n;
    tag_list tags = {0};
    if (!label) return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu labels", paths[0], n);
    co_status st = task == CO_DATA_REGRESSION ? co_columns_targets(data, paths[0], task, 1) : CO_OK;
    if (st == CO_OK && task == CO_DATA_REGRESSION)
        st = co_columns_numbered("", NULL, 1, &data->classes);
    for (size_t i = 0; i < n; i++) qid[i] = -1;
    for (size_t k = 0; k < n_paths && st == CO_OK; k++) {
        const size_t first = k ? n_train : 0;
        parse_state s = {.path = paths[k],
                         .first_index = first_index,
                         .first = first,
                         .to = {.task = task, .label = label, .data = data, .tags = &tags},
                         .qid = qid + first,
                         .x = (float *)data->x + first * width,
                         .width = width};
        st = walk(&s, &file[k]);
    }
    if (st == CO_OK && task == CO_DATA_CLASSIFICATION) st = co_columns_classes(data, label);
    if (st == CO_OK && task == CO_DATA_MULTILABEL) st = give_tags(&tags, paths[0], data);
    if (st == CO_OK && users) st = give_users(qid, data);
    co_free(tags.label);
    co_free(tags.row);
    co_free(label);
    return st;
}

static co_status build(const char *const *paths, size_t n_paths, int64_t first_index,
                       co_data_task task, co_raw *file, co_dataset *data)
{
    size_t n[2] = {0}, width = 0, n_qids = 0;
    for (size_t k = 0; k < n_paths; k++) {
        parse_state s = {.path = paths[k], .first_index = first_index, .to.task = task};
        CO_TRY(co_raw_text(paths[k], &file[k]));
        CO_TRY(walk(&s, &file[k]));
        n[k] = s.n_rows;
        n_qids += s.n_qids;
        if (s.n_features > width) width = s.n_features;
    }
    if (n[0] == 0) return CO_FAIL(CO_EDATA, "%s: no rows", paths[0]);
    CO_TRY(co_columns_fit(paths[0], n[0] + n[1], width));
    CO_TRY(co_columns_start(data, paths[0], n[0] + n[1], CO_F32, 1, &width));
    memset(data->split + n[0], 1, n[1]);
    CO_TRY(fill(paths, n_paths, file, first_index, n[0], n_qids > 0, task, data));
    return co_columns_source(data, "libsvm", paths, n_paths);
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    if (n_sources != 1)
        return CO_FAIL(CO_EUSAGE, "libsvm takes one file, %zu were given", n_sources);
    const bool test = co_config_has(opt, "test");
    const char *paths[2] = {sources[0], test ? co_config_string(opt, "test") : NULL};
    co_raw file[2] = {{0}};
    const co_data_task task = co_columns_task(co_config_string(opt, "task"));
    const co_status st =
        build(paths, test ? 2 : 1, co_config_int(opt, "first_index"), task, file, data);
    for (int k = 0; k < 2; k++) co_raw_fini(&file[k]);
    return st;
}

static const co_param params[] = {
    {"test", CO_STRING, .flags = CO_OPTIONAL, .doc = "file of test rows"},
    CO_TASK_PARAM,
    {"first_index", CO_INT, .def = 1.0, .lo = 0.0, .hi = 1.0,
     .doc = "the features count from 1, or from 0 (scikit-learn's default)"},
    {0}};
const co_reader co_reader_libsvm = {
    .name = "libsvm",
    .summary = "sparse text rows of LIBSVM, made dense; qid is the user",
    .source = "Chang and Lin, ACM TIST 2(3), 2011",
    .params = params,
    .usage = "libsvm FILE [test=FILE] [first_index=0] [task=regression|multilabel]",
    .read = read};
