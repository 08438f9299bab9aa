/* io/writers/fednlp.c - FedNLP's HDF5 files: a data set of texts, or partitions of one.
 *
 * Data: /attributes (JSON: task_type, index_list, train_index_list, test_index_list, and
 * label_vocab and num_labels), /X/I and /Y/I: a text and its class or target; words and their tags;
 * a text alone; questions: fednlp_questions.c. Split 1 is the test list, all else the training
 * list. Partitions: /METHOD/n_clients, alpha or beta, and partition_data/I/{train,test}; the
 * devices are 0 .. K - 1 there, names are not kept. METHOD follows FedNLP's own names where it has
 * the method (dirichlet_device: niid_label_clients=K_alpha=A). Source: Lin et al., Findings of
 * NAACL 2022, arXiv:2104.08815, and the files published with it. */
#include "core/memory.h"
#include "io/json.h"
#include "io/writers/aside.h"
#include "io/writers/fednlp_questions.h"
#include "io/writers/writer.h"
#include "io/yaml.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- data ---- */

static void write_ids(co_json *json, const char *key, const co_dataset *data, int split)
{
    co_json_open(json, key, '[');
    for (int64_t i = 0; i < data->n; i++)
        if (split < 0 || (data->split[i] == 1) == split) co_json_int(json, NULL, i);
    co_json_close(json, ']');
}

static void write_attributes(FILE *out, const co_dataset *data)
{
    static const char *const tasks[CO_N_DATA_TASKS] = {[CO_DATA_CLASSIFICATION] =
                                                           "text_classification",
                                                       [CO_DATA_LM] = "lm",
                                                       [CO_DATA_TAGGING] = "seq_tagging",
                                                       [CO_DATA_SEQ2SEQ] = "seq2seq"};
    co_json json = {.out = out};
    co_json_open(&json, NULL, '{');
    write_ids(&json, "index_list", data, -1);
    if (data->task != CO_DATA_LM && data->task != CO_DATA_SEQ2SEQ) {
        co_json_int(&json, "num_labels", (int64_t)data->n_classes);
        co_json_open(&json, "label_vocab", '{');
        for (size_t c = 0; c < data->n_classes; c++)
            co_json_int(&json, data->classes[c], (int64_t)c);
        co_json_close(&json, '}');
    }
    co_json_text(&json, "task_type", tasks[data->task]);
    write_ids(&json, "train_index_list", data, 0);
    write_ids(&json, "test_index_list", data, 1);
    co_json_close(&json, '}');
}

static co_status put_attributes(co_file *file, const co_dataset *data)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n); /* its block is the C library's */
    if (!out) return CO_FAIL(CO_ENOMEM, "attributes of %lld examples", (long long)data->n);
    write_attributes(out, data);
    const bool good = fclose(out) == 0;
    const co_status st =
        good ? co_file_write_variable(file, "attributes", (const char *const *)&text, 1, true)
             : CO_FAIL(CO_ENOMEM, "attributes of %lld examples", (long long)data->n);
    free(text);
    return st;
}

/* Words of a tagged example: its text cut at blanks, as many as it has tags (-1 is none). */
static co_status put_words(co_file *file, const co_dataset *data, int64_t i, char *text)
{
    const int64_t first = data->token_offsets[i], n = data->token_offsets[i + 1] - first;
    const char **word = co_calloc((size_t)n, sizeof *word),
               **tag = co_calloc((size_t)n, sizeof *tag);
    char name[32], *save = NULL;
    co_status st = word && tag ? CO_OK : CO_FAIL(CO_ENOMEM, "%lld words", (long long)n);
    size_t n_words = 0;
    for (int64_t k = first; st == CO_OK && k < first + n; k++) {
        if (data->token_y[k] < 0) continue;
        word[n_words] = strtok_r(n_words ? NULL : text, " ", &save);
        tag[n_words] = data->classes[data->token_y[k]];
        if (!word[n_words++])
            st = CO_FAIL(CO_EDATA, "%s: example %" PRId64 " has fewer words than tags",
                         co_file_path(file), i);
    }
    snprintf(name, sizeof name, "X/%" PRId64, i);
    if (st == CO_OK) st = co_file_write_variable(file, name, word, n_words, false);
    name[0] = 'Y';
    if (st == CO_OK) st = co_file_write_variable(file, name, tag, n_words, false);
    co_free(word);
    co_free(tag);
    return st;
}

/* The target that is learnt: the first of the references. */
static co_status put_target(co_file *file, const co_dataset *data, int64_t i, const char *name,
                            size_t *n_odd)
{
    const int64_t a = data->answer_offsets[i], from = data->answer_bounds[a];
    const size_t n = (size_t)(data->answer_bounds[a + 1] - from);
    char *text = co_writer_text(data->answers + from, n, n_odd);
    if (!text) return CO_FAIL(CO_ENOMEM, "a target of %zu bytes", n);
    const co_status st = co_file_write_variable(file, name, (const char *const *)&text, 1, true);
    co_free(text);
    return st;
}

static co_status put_example(co_file *file, const co_dataset *data, int64_t i, char *text,
                             size_t *n_odd)
{
    char name[32];
    if (data->task == CO_DATA_TAGGING) return put_words(file, data, i, text);
    snprintf(name, sizeof name, "X/%" PRId64, i);
    CO_TRY(co_file_write_variable(file, name, (const char *const *)&text, 1, true));
    if (data->task == CO_DATA_LM) return CO_OK;
    name[0] = 'Y';
    if (data->task == CO_DATA_SEQ2SEQ) return put_target(file, data, i, name, n_odd);
    return co_file_write_variable(file, name, (const char *const *)&data->classes[data->y[i]], 1,
                                  true);
}

static co_status put_examples(co_file *file, const co_dataset *data, const char *path)
{
    size_t n_odd = 0;
    co_status st = put_attributes(file, data);
    for (int64_t i = 0; st == CO_OK && i < data->n; i++) {
        const int64_t from = data->text_offsets[i], n = data->text_offsets[i + 1] - from;
        char *text = co_writer_text(data->text + from, (size_t)n, &n_odd);
        st = text ? put_example(file, data, i, text, &n_odd)
                  : CO_FAIL(CO_ENOMEM, "a text of %lld bytes", (long long)n);
        co_free(text);
    }
    co_writer_warn_odd(path, n_odd);
    return st;
}

/* Whether every example has a reference. */
static bool has_targets(const co_dataset *data)
{
    int64_t i = 0;
    while (i < data->n && data->answer_offsets[i] < data->answer_offsets[i + 1]) i++;
    return i == data->n;
}

/* Whether FedNLP has a form for it. */
static bool is_written(const co_dataset *data)
{
    if (!data->text) return false;
    switch (data->task) {
    case CO_DATA_CLASSIFICATION: return data->classes && data->y;
    case CO_DATA_TAGGING: return data->classes;
    case CO_DATA_SEQ2SEQ: return data->answer_offsets && has_targets(data);
    case CO_DATA_LM:
    case CO_DATA_SPAN: return true;
    default: return false;
    }
}

static co_status write_data(const char *path, co_file *file)
{
    co_dataset data = {0};
    co_status st = co_dataset_read(path, &data);
    if (st == CO_OK && data.task == CO_DATA_JOINT)
        st = CO_FAIL(
            CO_EUSAGE,
            "%s: FedNLP's data files hold a class or tags of a text, not both (task joint)", path);
    else if (st == CO_OK && !is_written(&data))
        st = CO_FAIL(CO_EUSAGE,
                     "%s: FedNLP's data files hold texts, with the names of their classes or "
                     "tags, their targets or answers; this data set has none",
                     path);
    if (st == CO_OK)
        st = data.task == CO_DATA_SPAN ? co_fednlp_put_questions(file, &data, path)
                                       : put_examples(file, &data, path);
    co_dataset_fini(&data);
    return st;
}

/* ---- partitions ---- */

/* The value as FedNLP's names have it: at least one decimal. */
static void write_value(double value, char text[32])
{
    snprintf(text, 32, "%.1f", value);
    if (strtod(text, NULL) != value) snprintf(text, 32, "%.15g", value);
}

typedef struct {
    const char *ours, *theirs, *key;
} method_name;
static const method_name method_names[] = {{"iid", "uniform", NULL},
                                           {"natural", "natural", NULL},
                                           {"dirichlet_device", "niid_label", "alpha"},
                                           {"quantity", "niid_quantity", "beta"},
                                           {"cluster", "niid_cluster", "alpha"},
                                           {"dirichlet", "dirichlet", "alpha"}};

/* FedNLP's name of the method, new block; *key and *value of its parameter, key NULL without one.
 */
static co_status name_method(const char *path, const co_partition *p, const char **key,
                             double *value, char **name)
{
    co_file *file;
    char *text = NULL, number[32];
    co_node *options = NULL;
    const char *method = p->method ? p->method : "imported";
    const method_name *known = NULL;
    for (size_t i = 0; i < sizeof method_names / sizeof *method_names; i++)
        if (strcmp(method, method_names[i].ours) == 0) known = &method_names[i];
    *key = NULL;
    CO_TRY(co_file_open(path, "cohort-partition", true, &file));
    co_status st =
        co_file_has_attr(file, "config") ? co_file_get_text(file, "config", &text) : CO_OK;
    co_file_close(file);
    if (st == CO_OK && text && known && known->key) st = co_yaml_read_text(text, path, &options);
    const co_node *node = options ? co_node_find(options, known->key) : NULL;
    if (st == CO_OK && node && co_node_real(node, value)) *key = known->key;
    write_value(*key ? *value : 0.0, number);
    *name =
        *key ? co_format("%s_clients=%" PRId64 "_%s=%s", known->theirs, p->n_devices, *key, number)
             : co_strdup(known ? known->theirs : method);
    co_node_destroy(options);
    co_free(text);
    return st != CO_OK || *name ? st : CO_FAIL(CO_ENOMEM, "name of a method");
}

static co_status put_list(co_file *file, const char *method, int64_t device, const char *part,
                          const int64_t *offsets, const int64_t *ids)
{
    char *name = co_format("%s/partition_data/%" PRId64 "/%s", method, device, part);
    if (!name) return CO_FAIL(CO_ENOMEM, "name of a list");
    const int64_t first = offsets ? offsets[device] : 0,
                  n = offsets ? offsets[device + 1] - first : 0;
    const co_status st = co_file_write_i64(file, name, n ? ids + first : NULL, (size_t)n);
    co_free(name);
    return st;
}

static co_status put_scalar(co_file *file, const char *method, const char *key, co_dtype type,
                            const void *value)
{
    char *name = co_format("%s/%s", method, key);
    if (!name) return CO_FAIL(CO_ENOMEM, "name of a number");
    const co_status st = co_file_write(file, name, &(co_extent){.type = type}, value);
    co_free(name);
    return st;
}

static co_status put_partition(co_file *file, const char *path, const char *wanted,
                               const co_partition *p)
{
    const char *key;
    char *method = NULL;
    double value = 0.0;
    co_status st = name_method(path, p, &key, &value, &method);
    if (st == CO_OK && wanted) {
        co_free(method);
        method = co_strdup(wanted);
        if (!method) st = CO_FAIL(CO_ENOMEM, "name of a method");
    }
    if (st == CO_OK && (co_file_has(file, method) || strchr(method, '/')))
        st = CO_FAIL(CO_EUSAGE,
                     "%s: the method '%s' stands in the file already, or has a slash; give "
                     "another by name=",
                     path, method);
    if (st == CO_OK) st = put_scalar(file, method, "n_clients", CO_I64, &p->n_devices);
    if (st == CO_OK && key) st = put_scalar(file, method, key, CO_F64, &value);
    for (int64_t d = 0; st == CO_OK && d < p->n_devices; d++) {
        st = put_list(file, method, d, "train", p->train_offsets, p->train);
        if (st == CO_OK) st = put_list(file, method, d, "test", p->test_offsets, p->test);
    }
    co_free(method);
    return st;
}

static co_status write_partitions(const co_config *opt, const char *const *sources, size_t n,
                                  co_file *file)
{
    const char *wanted = co_config_has(opt, "name") ? co_config_string(opt, "name") : NULL;
    char digest[33] = "";
    if (wanted && n > 1)
        return CO_FAIL(CO_EUSAGE, "name= goes with one partition, %zu were given", n);
    for (size_t i = 0; i < n; i++) {
        co_partition p = {0};
        CO_TRY(co_writer_partition("fednlp", sources + i, 1, &p));
        co_status st = CO_OK;
        if (i > 0 && strcmp(digest, p.data_digest) != 0)
            st = CO_FAIL(CO_EUSAGE, "%s and %s are of different data sets", sources[0], sources[i]);
        memcpy(digest, p.data_digest, sizeof digest);
        if (st == CO_OK) st = put_partition(file, sources[i], wanted, &p);
        co_partition_fini(&p);
        CO_TRY(st);
    }
    return CO_OK;
}

static co_status is_dataset(const char *path, bool *yes)
{
    co_file *file;
    CO_TRY(co_file_open(path, NULL, true, &file));
    *yes = strcmp(co_file_format(file), "cohort-dataset") == 0;
    co_file_close(file);
    return CO_OK;
}

static co_status write_to(const co_config *opt, const char *const *sources, size_t n_sources,
                          const char *output)
{
    co_file *file;
    bool data;
    if (n_sources == 0)
        return CO_FAIL(CO_EUSAGE, "fednlp takes a data set file, or one or more partition files");
    CO_TRY(is_dataset(sources[0], &data));
    if (data && n_sources > 1)
        return CO_FAIL(CO_EUSAGE,
                       "fednlp takes one data set, or partitions; export them in two calls");
    CO_TRY(co_file_create(output, NULL, &file));
    const co_status st =
        data ? write_data(sources[0], file) : write_partitions(opt, sources, n_sources, file);
    if (st == CO_OK) return co_file_publish(file, 0644);
    co_file_close(file);
    return st;
}

static const co_param params[] = {
    {.key = "name",
     .type = CO_STRING,
     .flags = CO_OPTIONAL,
     .doc = "of the method in a partition file; default: FedNLP's for it"},
    {0}};
const co_writer co_writer_fednlp = {.name = "fednlp",
                                    .summary =
                                        "FedNLP's HDF5: a data set of texts, or partitions of one",
                                    .source = "Lin et al. 2022, arXiv:2104.08815",
                                    .params = params,
                                    .usage = "fednlp DATA | fednlp PART.. [name=METHOD]",
                                    .write = write_to};
