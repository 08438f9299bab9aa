/* io/readers/libsvm.c - sparse text rows "label index:value .." (indices from 1, ascending), made
 * dense float rows.
 *
 * The number of features is the largest index of the training and test files together; labels are
 * integers (-1/+1 or others), ranked in ascending order. task=regression: the label is a number. task=multilabel: labels are
 * integers with commas (1,3,7), or none where a line begins with index:value; those of all files are the columns, ascending. '#' begins a comment. More than 16 GiB of
 * dense floats are refused. Cost: two passes over the text. Source: Chang and Lin, LIBSVM, ACM TIST
 * 2011, the README's data format. */
#include "core/memory.h"
#include "io/readers/columns.h"
#include "io/readers/raw.h"
#include "io/readers/reader.h"
#include <inttypes.h>
#include <string.h>

/* Labels of multilabel rows, in the order of the text. */
typedef struct {
    int64_t *label;
    size_t *row;
    size_t n, label_room, row_room;
} tag_list;

typedef struct {
    const char *path;
    size_t line, n_rows, n_features;
    int64_t *label; /* of row 0 of this file; NULL: count only */
    float *x;
    size_t width;
    size_t first;       /* row of data that row 0 of this file is */
    co_data_task task;
    co_dataset *data;   /* regression: takes the numbers; NULL: count only */
    tag_list *tags;     /* multilabel: takes the labels of all rows; NULL: count only */
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
    if (!number || index < 1)
        return CO_FAIL(CO_EDATA, "%s:%zu: '%.40s': an index is an integer from 1", s->path, s->line,
                       word);
    if (index <= *last)
        return CO_FAIL(CO_EDATA, "%s:%zu: '%.40s': index not above the one before (%" PRId64 ")",
                       s->path, s->line, word, *last);
    if (!co_raw_real(colon + 1, &value) || value > 3.4e38 || value < -3.4e38)
        return CO_FAIL(CO_EDATA, "%s:%zu: '%.40s': the value is no finite 32-bit number", s->path,
                       s->line, word);
    *last = index;
    if (s->x) s->x[s->n_rows * s->width + (size_t)(index - 1)] = (float)value;
    return CO_OK;
}

/* A number of a regression. */
static co_status take_number(const parse_state *s, const char *word)
{
    double value;
    if (!co_raw_real(word, &value) || value > 3.4e38 || value < -3.4e38)
        return CO_FAIL(CO_EDATA, "%s:%zu: label '%.40s' is no finite 32-bit number", s->path, s->line, word);
    if (s->data) co_columns_put_target(s->data, s->first + s->n_rows, 0, value);
    return CO_OK;
}

/* "1,3,7". The word is cut in place. */
static co_status take_tags(const parse_state *s, char *word)
{
    tag_list *tags = s->tags;
    for (char *at = word; at;) {
        char *label = strsep(&at, ",");
        int64_t value;
        if (!co_raw_int(label, &value))
            return CO_FAIL(CO_EDATA, "%s:%zu: label '%.40s' is no integer; task=multilabel takes them with commas (1,3,7)", s->path,
                           s->line, label);
        if (!tags) continue;
        CO_TRY(co_reserve((void **)&tags->label, &tags->label_room, tags->n + 1, sizeof *tags->label));
        CO_TRY(co_reserve((void **)&tags->row, &tags->row_room, tags->n + 1, sizeof *tags->row));
        tags->label[tags->n] = value;
        tags->row[tags->n++] = s->first + s->n_rows;
    }
    return CO_OK;
}

static co_status take_class(const parse_state *s, const char *word)
{
    double label;
    if (!co_raw_real(word, &label) || label < -9e15 || label > 9e15 ||
        label != (double)(int64_t)label)
        return CO_FAIL(CO_EDATA, "%s:%zu: label '%.40s' is no integer", s->path, s->line, word);
    if (s->label) s->label[s->n_rows] = (int64_t)label;
    return CO_OK;
}

static co_status take_label(const parse_state *s, char *word)
{
    if (s->task == CO_DATA_CLASSIFICATION) return take_class(s, word);
    return s->task == CO_DATA_REGRESSION ? take_number(s, word) : take_tags(s, word);
}

static co_status take_line(parse_state *s, char *line)
{
    int64_t last = 0;
    line[strcspn(line, "#")] = 0;
    char *word = next_word(&line);
    if (!word) return CO_OK;
    if (s->task == CO_DATA_MULTILABEL && strchr(word, ':'))
        CO_TRY(take_pair(s, word, &last)); /* no label */
    else
        CO_TRY(take_label(s, word));
    for (word = next_word(&line); word; word = next_word(&line)) CO_TRY(take_pair(s, word, &last));
    if ((size_t)last > s->n_features) s->n_features = (size_t)last;
    s->n_rows++;
    return CO_OK;
}

/* Walks over all lines. Each is copied aside, so that the text survives for the second pass. */
static co_status walk(parse_state *s, const co_raw *file)
{
    char *copy = NULL;
    size_t room = 0;
    co_status st = CO_OK;
    const char *zero = memchr(file->bytes, 0, file->n);
    if (zero)
        return CO_FAIL(CO_EDATA, "%s: byte %td is zero; this is no text file", s->path,
                       zero - file->bytes);
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

static co_status fill_tags(const tag_list *tags, const char *where, co_dataset *data)
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

static co_status build(const char *const *paths, size_t n_paths, co_data_task task, co_raw *file, tag_list *tags,
                       co_dataset *data)
{
    size_t n[2] = {0}, width = 0;
    for (size_t k = 0; k < n_paths; k++) {
        parse_state s = {.path = paths[k], .task = task};
        CO_TRY(co_raw_read(paths[k], &file[k]));
        CO_TRY(walk(&s, &file[k]));
        n[k] = s.n_rows;
        if (s.n_features > width) width = s.n_features;
    }
    if (n[0] == 0) return CO_FAIL(CO_EDATA, "%s: no rows", paths[0]);
    CO_TRY(co_columns_fit(paths[0], n[0] + n[1], width));
    CO_TRY(co_columns_start(data, paths[0], n[0] + n[1], CO_F32, 1, &width));
    memset(data->split + n[0], 1, n[1]);
    if (task == CO_DATA_REGRESSION) {
        CO_TRY(co_columns_targets(data, paths[0], task, 1));
        CO_TRY(co_columns_numbered("", NULL, 1, &data->classes));
    }
    int64_t *label = co_malloc(n[0] + n[1], sizeof *label);
    if (!label)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu labels", paths[0], n[0] + n[1]);
    co_status st = CO_OK;
    for (size_t k = 0; k < n_paths && st == CO_OK; k++) {
        const size_t first = k ? n[0] : 0;
        parse_state s = {.path = paths[k],
                         .label = label + first,
                         .first = first,
                         .task = task,
                         .data = data,
                         .tags = tags,
                         .x = (float *)data->x + first * width,
                         .width = width};
        st = walk(&s, &file[k]);
    }
    if (st == CO_OK && task == CO_DATA_CLASSIFICATION) st = co_columns_classes(data, label);
    if (st == CO_OK && task == CO_DATA_MULTILABEL) st = fill_tags(tags, paths[0], data);
    co_free(label);
    return st == CO_OK ? co_columns_source(data, "libsvm", paths, n_paths) : st;
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    if (n_sources != 1)
        return CO_FAIL(CO_EUSAGE, "libsvm takes one file, %zu were given", n_sources);
    const bool test = co_config_has(opt, "test");
    const char *paths[2] = {sources[0], test ? co_config_string(opt, "test") : NULL};
    co_raw file[2] = {{0}};
    tag_list tags = {0};
    const co_data_task task = co_columns_task(co_config_string(opt, "task"));
    const co_status st = build(paths, test ? 2 : 1, task, file, &tags, data);
    co_free(tags.label);
    co_free(tags.row);
    for (int k = 0; k < 2; k++) co_raw_fini(&file[k]);
    return st;
}

static const co_param params[] = {
    {"test", CO_STRING, .flags = CO_OPTIONAL, .doc = "file of test rows"}, CO_TASK_PARAM, {0}};
const co_reader co_reader_libsvm = {.name = "libsvm",
                                    .summary = "sparse text rows of LIBSVM, made dense",
                                    .source = "Chang and Lin, ACM TIST 2(3), 2011",
                                    .params = params,
                                    .usage = "libsvm FILE [test=FILE] [task=regression|multilabel]",
                                    .read = read};
