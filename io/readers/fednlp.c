/* io/readers/fednlp.c - a data file of FedNLP: /attributes (JSON), /X/I and /Y/I for I = 0 .. n
 * - 1.
 *
 * task_type text_classification: a text and its class; seq_tagging: lists of words and of tags; lm:
 * a text; seq2seq: a text and its target; span_extraction: fednlp_questions.c. Without task_type,
 * as FedNLP's own LM and seq2seq files are: task=, else questions where there is context_X, lm when
 * there is no Y, else what Y/0 looks like. An example's id is I, so that partition files of FedNLP
 * fit (method=imported), but for questions, whose examples are windows. What test_index_list names
 * is split 1; doc_index says the users of questions. Classes stand in numerical or byte order of
 * their names; tags: O, then by type B- before I-. A blank inside a word becomes '_'. Cost: three
 * HDF5 objects opened an example. Source: Lin et al., Findings of NAACL 2022, arXiv:2104.08815, and
 * the files published with it. */
#include "core/memory.h"
#include "io/json_in.h"
#include "io/readers/columns.h"
#include "io/readers/fednlp_questions.h"
#include "io/readers/members.h"
#include "io/readers/raw.h"
#include "io/readers/reader.h"
#include "io/readers/texts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *path;
    co_file *file;
    co_dataset *data;
    co_texts texts;
    char **label; /* [n_labels] names of classes */
    size_t n_labels, label_room;
    bool has_task; /* attributes name it */
    co_members tags;
    int32_t *tag; /* [n_tags] */
    size_t n_tags, tag_room;
    co_answers targets;
    co_asked questions;
    int64_t (*document)[2]; /* [n_documents] an id and its document */
    size_t n_documents, document_room;
    int64_t *test; /* [n_test] ids of split 1 */
    size_t n_test, test_room;
} source;

/* ---- attributes ---- */

static co_status take_test_list(source *s, co_json_in *in)
{
    bool first = true, more = true;
    CO_TRY(co_json_in_take(in, '['));
    for (;;) {
        CO_TRY(co_json_in_more(in, ']', &first, &more));
        if (!more) return CO_OK;
        if (co_reserve((void **)&s->test, &s->test_room, s->n_test + 1, sizeof *s->test))
            return CO_FAIL(CO_ENOMEM, "%s: %zu test examples", s->path, s->n_test);
        CO_TRY(co_json_in_int(in, &s->test[s->n_test]));
        s->n_test++;
    }
}

/* {"I": document ..} */
static co_status take_documents(source *s, co_json_in *in)
{
    bool first = true, more = true;
    CO_TRY(co_json_in_take(in, '{'));
    for (;;) {
        char *key;
        CO_TRY(co_json_in_more(in, '}', &first, &more));
        if (!more) return CO_OK;
        if (co_reserve((void **)&s->document, &s->document_room, s->n_documents + 1,
                       sizeof *s->document))
            return CO_FAIL(CO_ENOMEM, "%s: %zu documents", s->path, s->n_documents);
        int64_t *entry = s->document[s->n_documents];
        CO_TRY(co_json_in_key(in, &key));
        const bool good = co_raw_int(key, &entry[0]);
        co_free(key);
        if (!good) return co_json_in_unexpected(in, "a document behind the number of an example");
        CO_TRY(co_json_in_int(in, &entry[1]));
        s->n_documents++;
    }
}

static bool name_task(source *s, const char *task)
{
    static const char *const names[CO_N_DATA_TASKS] = {[CO_DATA_CLASSIFICATION] =
                                                           "text_classification",
                                                       [CO_DATA_LM] = "lm",
                                                       [CO_DATA_TAGGING] = "seq_tagging",
                                                       [CO_DATA_SEQ2SEQ] = "seq2seq",
                                                       [CO_DATA_SPAN] = "span_extraction"};
    for (int k = 0; k < CO_N_DATA_TASKS; k++)
        if (names[k] && strcmp(task, names[k]) == 0) {
            s->data->task = (co_data_task)k;
            return s->has_task = true;
        }
    return false;
}

static co_status take_task(source *s, co_json_in *in)
{
    char *task;
    CO_TRY(co_json_in_text(in, &task));
    const co_status st = name_task(s, task)
                             ? CO_OK
                             : CO_FAIL(CO_EDATA,
                                       "%s: task_type '%.40s'; text_classification, seq_tagging, "
                                       "lm, seq2seq and span_extraction are read",
                                       s->path, task);
    co_free(task);
    return st;
}

static co_status take_attribute(source *s, co_json_in *in)
{
    char *key;
    CO_TRY(co_json_in_key(in, &key));
    const bool test = strcmp(key, "test_index_list") == 0, task = strcmp(key, "task_type") == 0,
               documents = strcmp(key, "doc_index") == 0;
    co_free(key);
    if (documents && co_json_in_next(in) == '{') return take_documents(s, in);
    if (test && co_json_in_next(in) == '[') return take_test_list(s, in);
    return task ? take_task(s, in) : co_json_in_skip(in);
}

static co_status read_attributes(source *s)
{
    char **text;
    size_t n;
    bool first = true, more = true;
    CO_TRY(co_file_read_strings(s->file, "attributes", &text, &n));
    co_json_in in = {.path = s->path, .text = n ? text[0] : "", .at = n ? text[0] : ""};
    co_status st = co_json_in_take(&in, '{');
    while (st == CO_OK && more) {
        st = co_json_in_more(&in, '}', &first, &more);
        if (st == CO_OK && more) st = take_attribute(s, &in);
    }
    co_strings_free(text, n);
    return st;
}

/* lm has no Y; tags are a list. */
static co_status guess_task(source *s, const co_config *opt)
{
    co_extent label;
    if (co_config_has(opt, "task")) name_task(s, co_config_string(opt, "task"));
    if (s->has_task) return CO_OK;
    s->data->task = co_file_has(s->file, "context_X") ? CO_DATA_SPAN : CO_DATA_LM;
    if (s->data->task == CO_DATA_SPAN) return CO_OK;
    if (!co_file_has(s->file, "Y/0")) return CO_OK;
    CO_TRY(co_file_extent(s->file, "Y/0", &label));
    s->data->task = label.ndim == 1 && label.dim[0] != 1 ? CO_DATA_TAGGING : CO_DATA_CLASSIFICATION;
    return CO_OK;
}

/* ---- examples ---- */

static co_status take_words(source *s, char *const *word, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        for (char *c = word[k]; *c; c++)
            if (*c == ' ' || *c == '\t' || *c == '\n' || *c == '\r') *c = '_';
        if (k) CO_TRY(co_texts_bytes(&s->texts, " ", 1));
        CO_TRY(co_texts_bytes(&s->texts, *word[k] ? word[k] : "_", *word[k] ? strlen(word[k]) : 1));
    }
    return CO_OK;
}

static co_status take_tags(source *s, size_t i, char *const *tag, size_t n, size_t n_words)
{
    if (n != n_words)
        return CO_FAIL(CO_EDATA, "%s: X/%zu has %zu words, Y/%zu %zu tags", s->path, i, n_words, i,
                       n);
    if (co_reserve((void **)&s->tag, &s->tag_room, s->n_tags + n, sizeof *s->tag))
        return CO_FAIL(CO_ENOMEM, "%s: %zu tags", s->path, s->n_tags + n);
    for (size_t k = 0; k < n; k++)
        CO_TRY(co_members_number(&s->tags, tag[k], &s->tag[s->n_tags++]));
    return CO_OK;
}

static co_status take_label(source *s, size_t i, char **label, size_t n)
{
    if (n != 1)
        return CO_FAIL(CO_EDATA, "%s: Y/%zu has %zu texts; one class is wanted", s->path, i, n);
    if (co_reserve((void **)&s->label, &s->label_room, i + 1, sizeof *s->label))
        return CO_FAIL(CO_ENOMEM, "%s: %zu labels", s->path, i);
    s->label[s->n_labels++] = label[0];
    label[0] = NULL;
    return CO_OK;
}

static co_status take_target(source *s, size_t i, char *const *target, size_t n)
{
    if (n != 1 || target[0][strspn(target[0], " \t\r\n")] == 0)
        return CO_FAIL(
            CO_EDATA, n == 1 ? "%s: Y/%zu: the target is empty" : "%s: Y/%zu: one target is wanted",
            s->path, i);
    CO_TRY(co_answers_add(&s->targets, target[0], strlen(target[0])));
    return co_answers_end(&s->targets);
}

static co_status take_label_of(source *s, size_t i, size_t n_words)
{
    char name[32], **text;
    size_t n;
    snprintf(name, sizeof name, "Y/%zu", i);
    CO_TRY(co_file_read_strings(s->file, name, &text, &n));
    const co_data_task task = s->data->task;
    const co_status st = task == CO_DATA_TAGGING   ? take_tags(s, i, text, n, n_words)
                         : task == CO_DATA_SEQ2SEQ ? take_target(s, i, text, n)
                                                   : take_label(s, i, text, n);
    co_strings_free(text, n);
    return st;
}

static co_status take_example(source *s, size_t i)
{
    char name[32], **text;
    size_t n;
    snprintf(name, sizeof name, "X/%zu", i);
    CO_TRY(co_file_read_strings(s->file, name, &text, &n));
    const bool tagging = s->data->task == CO_DATA_TAGGING;
    co_status st = CO_OK;
    if (tagging)
        st = take_words(s, text, n);
    else
        for (size_t k = 0; st == CO_OK && k < n; k++)
            st = co_texts_bytes(&s->texts, text[k], strlen(text[k]));
    co_strings_free(text, n);
    if (st == CO_OK) st = co_texts_end(&s->texts);
    return st != CO_OK || s->data->task == CO_DATA_LM ? st : take_label_of(s, i, n);
}

/* Datasets below /X/, or /context_X/. */
static co_status count_examples(const source *s, size_t *n_examples)
{
    const char *folder = s->data->task == CO_DATA_SPAN ? "/context_X/" : "/X/";
    char **names;
    size_t n;
    *n_examples = 0;
    CO_TRY(co_file_list(s->file, &names, &n));
    for (size_t i = 0; i < n; i++) *n_examples += strncmp(names[i], folder, strlen(folder)) == 0;
    co_strings_free(names, n);
    return CO_OK;
}

/* ---- labels ---- */

/* O, then by type, B- before I-. */
static int by_tag(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    const bool plain_x = x[0] == '\0' || x[1] != '-', plain_y = y[0] == '\0' || y[1] != '-';
    if (plain_x || plain_y) return plain_x && plain_y ? strcmp(x, y) : plain_y - plain_x;
    const int type = strcmp(x + 2, y + 2);
    return type ? type : strcmp(x, y);
}

static co_status give_tags(source *s)
{
    const size_t n = s->tags.n;
    char **sorted = co_malloc(n, sizeof *sorted);
    int32_t *rank = co_malloc(n, sizeof *rank);
    co_status st = sorted && rank ? CO_OK : CO_FAIL(CO_ENOMEM, "%s: %zu tags", s->path, n);
    if (st == CO_OK) {
        memcpy(sorted, s->tags.name, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, by_tag);
        for (size_t k = 0; k < n; k++)
            for (size_t j = 0; j < n; j++)
                if (sorted[j] == s->tags.name[k]) rank[k] = (int32_t)j;
        for (size_t i = 0; i < s->n_tags; i++) s->tag[i] = rank[s->tag[i]];
        st = co_columns_copy_names((const char *const *)sorted, n, &s->data->classes);
    }
    s->data->n_classes = n;
    s->data->token_y = s->tag;
    s->data->n_tokens = s->n_tags;
    s->tag = NULL;
    co_free(sorted);
    co_free(rank);
    return st;
}

static co_status give_labels(source *s)
{
    co_dataset *data = s->data;
    if (data->task == CO_DATA_LM) return CO_OK;
    if (data->task == CO_DATA_TAGGING) return give_tags(s);
    if (data->task == CO_DATA_SEQ2SEQ) return co_answers_give(&s->targets, data);
    data->y = co_malloc((size_t)data->n, sizeof *data->y);
    if (!data->y) return CO_FAIL(CO_ENOMEM, "%s: %lld labels", s->path, (long long)data->n);
    return co_columns_rank_text((const char *const *)s->label, (size_t)data->n, data->y,
                                &data->classes, &data->n_classes);
}

static co_status give_splits(const source *s, size_t n, uint8_t *split)
{
    for (size_t i = 0; i < s->n_test; i++) {
        if (s->test[i] < 0 || s->test[i] >= (int64_t)n)
            return CO_FAIL(CO_EDATA, "%s: test_index_list has %lld; X has 0 to %lld", s->path,
                           (long long)s->test[i], (long long)n - 1);
        split[s->test[i]] = 1;
    }
    return CO_OK;
}

/* document[n] of each example, where doc_index has all of them; else NULL. */
static co_status give_documents(const source *s, size_t n, int64_t **document)
{
    *document = NULL;
    if (s->n_documents < n) return CO_OK;
    *document = co_malloc(n, sizeof **document);
    if (!*document) return CO_FAIL(CO_ENOMEM, "%s: %zu documents", s->path, n);
    for (size_t i = 0; i < n; i++) (*document)[i] = -1;
    for (size_t i = 0; i < s->n_documents; i++)
        if (s->document[i][0] >= 0 && s->document[i][0] < (int64_t)n)
            (*document)[s->document[i][0]] = s->document[i][1];
    return CO_OK;
}

static co_status read_questions(source *s, const co_config *opt, size_t n)
{
    int64_t *document = NULL;
    uint8_t *split = co_calloc(n, 1);
    co_status st =
        split ? give_splits(s, n, split) : CO_FAIL(CO_ENOMEM, "%s: %zu examples", s->path, n);
    if (st == CO_OK) st = give_documents(s, n, &document);
    if (st == CO_OK)
        st = co_fednlp_questions(s->file, s->path, document, split, n, &s->questions, s->data);
    co_free(document);
    co_free(split);
    CO_TRY(st);
    CO_TRY(co_reader_split_by(opt, s->data));
    return co_texts_windows(opt, s->path, &s->questions, s->data);
}

static co_status read_texts(source *s, const co_config *opt, size_t n)
{
    for (size_t i = 0; i < n; i++) CO_TRY(take_example(s, i));
    CO_TRY(co_texts_give(&s->texts, s->path, s->data));
    CO_TRY(give_labels(s));
    CO_TRY(give_splits(s, (size_t)s->data->n, s->data->split));
    return co_reader_split_by(opt, s->data);
}

static co_status read_all(source *s, const co_config *opt)
{
    size_t n;
    if (co_file_has(s->file, "attributes")) CO_TRY(read_attributes(s));
    CO_TRY(guess_task(s, opt));
    CO_TRY(count_examples(s, &n));
    CO_TRY(s->data->task == CO_DATA_SPAN ? read_questions(s, opt, n) : read_texts(s, opt, n));
    return co_columns_source(s->data, "fednlp", &s->path, 1);
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    if (n_sources != 1)
        return CO_FAIL(CO_EUSAGE, "fednlp takes one data file, %zu were given", n_sources);
    source s = {.path = sources[0], .data = data};
    co_status st = co_file_open_foreign(s.path, &s.file);
    if (st == CO_OK) st = read_all(&s, opt);
    co_file_close(s.file);
    co_texts_fini(&s.texts);
    co_members_fini(&s.tags);
    co_answers_fini(&s.targets);
    co_asked_fini(&s.questions);
    co_free(s.document);
    co_strings_free(s.label, s.n_labels);
    co_free(s.tag);
    co_free(s.test);
    return st;
}

static const co_param params[] = {
    {"task", CO_CHOICE, .flags = CO_OPTIONAL,
     .words = "text_classification|seq_tagging|lm|seq2seq|span_extraction",
     .doc = "what the file is for, where its attributes do not say it"},
    CO_PAIR_PARAMS,
    CO_WINDOW_PARAMS,
    CO_TEXT_PARAMS("word", 0.0),
    CO_LETTER_PARAMS,
    {0}};
const co_reader co_reader_fednlp = {
    .name = "fednlp",
    .summary = "a data file of FedNLP: texts with classes or targets, words with tags "
               "(tokens=blank), questions",
    .source = "Lin et al. 2022, arXiv:2104.08815",
    .params = params,
    .usage = "fednlp DATA.h5 [task=seq2seq] [tokens=word min_count=5]",
    .splits = true,
    .text = true,
    .read = read};
