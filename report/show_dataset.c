/* report/show_dataset.c - a data set: shape, splits, classes, users. Cost: one pass over the
 * columns, never over x. */
#include "core/memory.h"
#include "core/text.h"
#include "report/show.h"
#include <inttypes.h>
#include <math.h>

enum { SPLITS = 3, MAX_CLASSES_SHOWN = 20 };

typedef struct {
    int64_t split[SPLITS];
    int64_t *class_split; /* [n_classes][SPLITS], of multilabel those with the label; NULL without
                             labels */
} counts;

static co_status count_examples(const co_dataset *data, counts *c)
{
    *c = (counts){0};
    const uint8_t *with = data->task == CO_DATA_MULTILABEL ? data->targets : NULL;
    if ((data->y || with) && data->n_classes) {
        c->class_split = co_calloc(data->n_classes, SPLITS * sizeof *c->class_split);
        if (!c->class_split)
            return CO_FAIL(CO_ENOMEM, "out of memory to count %zu classes", data->n_classes);
    }
    for (int64_t i = 0; i < data->n; i++) {
        const size_t split = data->split[i];
        c->split[split]++;
        if (data->y && c->class_split) c->class_split[(size_t)data->y[i] * SPLITS + split]++;
        for (size_t k = 0; with && k < data->n_classes; k++)
            c->class_split[k * SPLITS + split] += with[(size_t)i * data->n_classes + k];
    }
    return CO_OK;
}

/* Whether letters, targets, answers or questions stand beside the tokens. */
static void print_beside(FILE *out, const co_dataset *data)
{
    if (data->n_chars)
        co_print_field(out, "letters", "%zu, alphabet %zu", data->n_chars, data->n_char_vocab);
    if (data->task == CO_DATA_SEQ2SEQ)
        co_print_field(out, "targets", "%zu tokens, vocabulary %zu%s", data->n_target_tokens,
                       data->n_target_vocab, data->target_vocab ? "" : ", that of the tokens");
    if (data->task == CO_DATA_SPAN)
        co_print_field(out, "questions", "%zu, windows %" PRId64, data->n_questions, data->n);
    if (data->task == CO_DATA_SPAN || data->n_answers)
        co_print_field(out, data->task == CO_DATA_SPAN ? "answers" : "references", "%zu",
                       data->n_answers);
    if (data->task == CO_DATA_JOINT) co_print_field(out, "tags", "%zu", data->n_tags);
}

static void print_shape(FILE *out, const co_dataset *data)
{
    char scale[CO_REAL_TEXT], shift[CO_REAL_TEXT];
    if (data->n_vocab || co_dataset_has_targets(data))
        co_print_field(out, "task", "%s", co_data_task_names[data->task]);
    if (data->n_vocab) {
        co_print_field(out, "tokens", "%zu, vocabulary %zu", data->n_tokens, data->n_vocab);
        print_beside(out, data);
        return;
    }
    if (data->x_size == 0) {
        co_print_field(out, "x", "none");
        return;
    }
    fprintf(out, "  %-16s %s [%" PRId64, "x", data->x_type == CO_U8 ? "u8" : "f32", data->n);
    for (size_t i = 0; i < data->x_ndim; i++) fprintf(out, ", %zu", data->x_dim[i]);
    fputc(']', out);
    for (size_t i = 0; i < data->n_scale && i < 4; i++) {
        co_format_real(data->scale[i], scale);
        co_format_real(data->shift[i], shift);
        fprintf(out, "%s x * %s + %s", i ? ";" : ", value =", scale, shift);
    }
    fputs(data->n_scale > 4 ? "; ..\n" : "\n", out);
}

/* Mean, standard deviation and range of each number of a regression. */
static void print_numbers(FILE *out, const co_dataset *data)
{
    const float *y = data->targets;
    const size_t k = data->n_classes, n = (size_t)data->n,
                 shown = k <= MAX_CLASSES_SHOWN ? k : MAX_CLASSES_SHOWN;
    fprintf(out, "\n  %-16s %12s %12s %12s %12s\n", "y", "mean", "sd", "least", "most");
    for (size_t c = 0; c < shown; c++) {
        double mean = 0.0, square = 0.0, least = (double)y[c], most = least;
        for (size_t i = 0; i < n; i++) mean += (double)y[i * k + c] / (double)n;
        for (size_t i = 0; i < n; i++) {
            const double value = (double)y[i * k + c];
            square += (value - mean) * (value - mean) / (double)n;
            least = value < least ? value : least;
            most = value > most ? value : most;
        }
        fprintf(out, "  %-16s %12.6g %12.6g %12.6g %12.6g\n", data->classes[c], mean, sqrt(square),
                least, most);
    }
    if (shown < k) fprintf(out, "  .. and %zu more\n", k - shown);
    fputc('\n', out);
}

static void print_classes(FILE *out, const co_dataset *data, const int64_t *class_split)
{
    int width = 16;
    const size_t shown = data->n_classes <= MAX_CLASSES_SHOWN ? data->n_classes : MAX_CLASSES_SHOWN;
    fprintf(out, "\n  %-*s %10s %10s %10s\n", width, data->targets ? "label" : "class", "train",
            "test", "validation");
    for (size_t c = 0; c < shown; c++) {
        const int64_t *n = class_split + c * SPLITS;
        char number[24];
        snprintf(number, sizeof number, "%zu", c);
        fprintf(out, "  %-*s %10" PRId64 " %10" PRId64 " %10" PRId64 "\n", width,
                data->classes && data->classes[c] ? data->classes[c] : number, n[0], n[1], n[2]);
    }
    if (shown < data->n_classes) fprintf(out, "  .. and %zu more\n", data->n_classes - shown);
    fputc('\n', out);
}

/* How many users or groups; the first names. */
static void print_names(FILE *out, const char *label, const int32_t *column, size_t n,
                        char *const *names)
{
    if (!column) {
        co_print_field(out, label, "none");
        return;
    }
    fprintf(out, "  %-16s %zu", label, n);
    for (size_t i = 0; names && i < n && i < 3; i++)
        fprintf(out, "%s%s", i ? ", " : ": ", names[i]);
    fputs(names && n > 3 ? ", ..\n" : "\n", out);
}

void co_show_dataset(FILE *out, const co_dataset *data)
{
    counts c;
    const co_status counted = count_examples(data, &c);
    if (counted == CO_OK)
        co_print_field(out, "examples",
                       "%" PRId64 ": %" PRId64 " train, %" PRId64 " test, %" PRId64 " validation",
                       data->n, c.split[0], c.split[1], c.split[2]);
    print_shape(out, data);
    const char *what = !data->targets                     ? "classes"
                       : data->task == CO_DATA_REGRESSION ? "numbers"
                                                          : "labels";
    co_print_field(out, what, data->n_classes ? "%zu" : "none", data->n_classes);
    print_names(out, "users", data->user, data->n_users, data->user_name);
    if (data->group) print_names(out, "groups", data->group, data->n_groups, data->group_name);
    if (c.class_split) print_classes(out, data, c.class_split);
    if (data->targets && data->task == CO_DATA_REGRESSION) print_numbers(out, data);
    if (data->source) co_print_field(out, "source", "%s", data->source);
    if (data->digest[0]) co_print_field(out, "digest", "%s", data->digest);
    co_free(c.class_split);
}

static co_status text(const co_file *file, FILE *out)
{
    co_dataset data = {0};
    co_status st = co_dataset_read_columns(co_file_path(file), &data);
    data.digest[0] = '\0'; /* show prints it for every kind of file */
    if (st == CO_OK) co_show_dataset(out, &data);
    co_dataset_fini(&data);
    return st;
}

static co_status json_stats(const co_file *file, co_json *json)
{
    co_dataset data = {0};
    counts c = {0};
    co_status st = co_dataset_read_columns(co_file_path(file), &data);
    if (st == CO_OK) st = count_examples(&data, &c);
    if (st == CO_OK) {
        co_json_open(json, "stats", '{');
        co_json_int(json, "n_examples", data.n);
        co_json_int(json, "n_train", c.split[0]);
        co_json_int(json, "n_test", c.split[1]);
        co_json_int(json, "n_validation", c.split[2]);
        co_json_int(json, "n_classes", (int64_t)data.n_classes);
        co_json_int(json, "n_users", (int64_t)data.n_users);
        if (data.task == CO_DATA_SPAN) co_json_int(json, "n_questions", (int64_t)data.n_questions);
        co_json_close(json, '}');
    }
    co_free(c.class_split);
    co_dataset_fini(&data);
    return st;
}

const co_view co_view_dataset = {.format = "cohort-dataset", .text = text, .json = json_stats};
