/* sim/devices/population.c - devices on a data set and a partition, or drawn on the fly; how many
 * examples they have. Memory per node: the data in the type they were published in. Per rank:
 * labels and splits (9 bytes an example). */
#include "core/memory.h"
#include "models/tasks/span.h"
#include "sim/devices/population_private.h"
#include <string.h>

static co_status list_splits(co_population *p)
{
    for (int64_t i = 0; i < p->data.n; i++)
        if (p->data.split[i] < 3) p->n_split[p->data.split[i]]++;
    for (int s = 1; s < 3; s++) {
        p->has_split[s] = p->n_split[s] > 0;
        p->split_ids[s] = co_malloc((size_t)p->n_split[s], sizeof(int64_t));
        if (!p->split_ids[s])
            return CO_FAIL(CO_ENOMEM, "list of %lld test examples", (long long)p->n_split[s]);
        int64_t at = 0;
        for (int64_t i = 0; i < p->data.n; i++)
            if (p->data.split[i] == s) p->split_ids[s][at++] = i;
    }
    return CO_OK;
}

static co_status check_usable(const char *path, const co_dataset *data)
{
    const char *task = co_data_task_names[data->task];
    if (!data->x_size && !data->n_vocab)
        return CO_FAIL(CO_EDATA, "%s: has neither x nor tokens: nothing to train on", path);
    if (data->task == CO_DATA_CLASSIFICATION && (!data->y || data->n_classes == 0))
        return CO_FAIL(CO_EDATA, "%s: has no y: the task classification needs labels", path);
    if (data->task != CO_DATA_CLASSIFICATION && !co_dataset_has_targets(data) && !data->tokens)
        return CO_FAIL(CO_EDATA, "%s: has no tokens: the task %s needs texts", path, task);
    if (data->task == CO_DATA_JOINT && (!data->classes || !data->tags))
        return CO_FAIL(CO_EDATA, "%s: its task is joint: the names in classes and tags are needed",
                       path);
    if (data->x_ndim > 3)
        return CO_FAIL(CO_EDATA, "%s: x has more than 3 dimensions an example", path);
    return CO_OK;
}

/* *most grows to the largest number of rows of an example; *mean of all. */
static void find_rows(const co_dataset *d, size_t (*of)(const co_dataset *data, int64_t id),
                      size_t *most, double *mean)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < d->n; i++) {
        const size_t rows = of(d, i);
        if (rows > *most) *most = rows;
        sum += (int64_t)rows;
    }
    *mean = d->n ? (double)sum / (double)d->n : 0.0;
}

static void find_shape(co_population *p)
{
    const co_dataset *d = &p->data;
    p->x_size = d->x_size;
    p->most_rows = 1;
    p->mean_rows = 1.0;
    p->shape = (co_shape){.ndim = d->x_ndim ? d->x_ndim : 1, .dim = {d->x_size}};
    for (size_t k = 0; k < d->x_ndim; k++) p->shape.dim[k] = d->x_dim[k];
    if (p->shape.ndim == 2) p->shape = (co_shape){.ndim = 3, .dim = {1, d->x_dim[0], d->x_dim[1]}};
    if (!d->tokens) return;
    p->shape = (co_shape){.sequence = true, .tokens = true, .dim = {d->n_vocab, d->n_char_vocab}};
    find_rows(d, co_dataset_rows, &p->most_rows, &p->mean_rows);
    if (d->task == CO_DATA_SEQ2SEQ)
        find_rows(d, co_dataset_target_rows, &p->most_target_rows, &p->mean_target_rows);
}

static co_status find_centers(co_population *p)
{
    p->labels.center = co_malloc(p->data.n_classes, sizeof *p->labels.center);
    if (!p->labels.center) return CO_FAIL(CO_ENOMEM, "centers of %zu outputs", p->data.n_classes);
    co_dataset_center_targets(&p->data, p->labels.center);
    return CO_OK;
}

/* data.task in place of the data set's own. */
static co_status choose_task(const co_experiment *e, const char *path, co_population *p)
{
    p->task = co_data_task_names[p->data.task];
    if (!co_config_has(&e->data, "task")) return CO_OK;
    p->task = co_config_string(&e->data, "task");
    if (!p->data.tokens)
        return co_config_fail(&e->data, co_config_node(&e->data, "task"),
                              "%s needs texts; %s holds no tokens", p->task, path);
    const co_task *task = co_task_find(p->task);
    if (task->label_per_text) {
        if (p->data.task == CO_DATA_SPAN) return CO_OK;
        return co_config_fail(&e->data, co_config_node(&e->data, "task"),
                              "%s needs questions with the places of their answers; the task of %s "
                              "is %s",
                              p->task, path, co_data_task_names[p->data.task]);
    }
    p->preparing = task->prepare ? task : NULL;
    p->data.task = task->prepare ? CO_DATA_MASKED : CO_DATA_LM;
    return CO_OK;
}

/* A question without an accepted answer. */
static bool has_unanswerable(const co_dataset *d)
{
    for (int64_t i = 0; i < d->n; i++)
        if (i == 0 || d->question[i] != d->question[i - 1])
            if (!d->answer_offsets || d->answer_offsets[i] == d->answer_offsets[i + 1]) return true;
    return false;
}

/* Of a first and of a last token. */
static co_status name_span(const co_experiment *e, co_population *p)
{
    static const char *const names[] = {"start", "end"};
    const bool asked = co_config_has(&e->data, "task");
    CO_TRY(co_labels_init(&p->labels, names, 2));
    p->labels.max_answer =
        asked ? (size_t)co_config_int(&e->data, "max_answer") : CO_SPAN_MAX_ANSWER;
    p->labels.null_threshold = asked ? co_config_real(&e->data, "null_threshold") : 0.0;
    p->labels.may_have_none = has_unanswerable(&p->data);
    return CO_OK;
}

/* Of the tags, then of the classes. */
static co_status name_joint(co_population *p)
{
    const co_dataset *d = &p->data;
    const char **names = co_malloc(d->n_tags + d->n_classes, sizeof *names);
    if (!names) return CO_FAIL(CO_ENOMEM, "names of %zu labels", d->n_tags + d->n_classes);
    for (size_t k = 0; k < d->n_tags; k++) names[k] = d->tags[k];
    for (size_t k = 0; k < d->n_classes; k++) names[d->n_tags + k] = d->classes[k];
    const co_status st = co_labels_init(&p->labels, names, d->n_tags + d->n_classes);
    co_free(names);
    p->labels.n_tags = d->n_tags;
    return st;
}

static co_status name_labels(const co_experiment *e, const char *path, co_population *p)
{
    const co_dataset *d = &p->data;
    if (d->task == CO_DATA_SPAN) return name_span(e, p);
    if (d->task == CO_DATA_JOINT) return name_joint(p);
    const bool words = d->task == CO_DATA_LM || d->task == CO_DATA_MASKED;
    const bool pairs = d->task == CO_DATA_SEQ2SEQ;
    char *const *names = pairs ? co_dataset_target_names(d) : words ? d->vocab : d->classes;
    CO_TRY(co_labels_init(&p->labels, (const char *const *)names,
                          pairs   ? d->n_target_vocab
                          : words ? d->n_vocab
                                  : d->n_classes));
    if (d->task == CO_DATA_REGRESSION) return find_centers(p);
    if (d->task != CO_DATA_MASKED) return CO_OK;
    p->labels.mask_share = co_config_real(&e->data, "mask_share");
    if (p->labels.mask >= 0) return CO_OK;
    return co_config_fail(&e->data, co_config_node(&e->data, "task"),
                          "mlm hides tokens behind [MASK], <mask> or <unk>, and the vocabulary of "
                          "%s has none of them; import it with a vocabulary that does",
                          path);
}

/* Labels as the experiment's task has them. Collective(comm). */
static co_status label_examples(const co_experiment *e, const char *path, co_population *p,
                                const co_comm *comm)
{
    CO_TRY(choose_task(e, path, p));
    find_shape(p);
    return co_agree(name_labels(e, path, p), comm);
}

/* Collective(comm). */
static co_status load_examples(const co_experiment *e, const char *path, co_population *p,
                               const co_comm *comm)
{
    co_dataset *d = &p->data;
    CO_TRY(co_dataset_load(path, true, d, comm));
    p->has_data = true;
    CO_TRY(check_usable(path, d));
    memcpy(p->data_digest, d->digest, sizeof p->data_digest);
    p->seed = (uint64_t)e->seed;
    return co_agree(list_splits(p), comm);
}

static co_status load_data(const co_experiment *e, co_population *p, const co_comm *comm)
{
    const char *path = co_config_string(&e->data, "file");
    CO_TRY(load_examples(e, path, p, comm));
    CO_TRY(co_population_place_partition(e, p, comm));
    CO_TRY(label_examples(e, path, p, comm)); /* the partition goes by the labels that the data
                                                 set has */
    return co_population_read_memory(e, p);
}

co_status co_population_create(const co_experiment *e, bool central, const co_comm *comm,
                               co_population *p)
{
    *p = (co_population){.drawn_device = -1};
    const co_status st = e->has_generator ? co_population_open_generator(e, central, p, comm)
                                          : load_data(e, p, comm);
    if (st != CO_OK) co_population_fini(p);
    return st;
}

co_status co_population_load(const co_experiment *e, const char *path, const co_comm *comm,
                             co_population *p)
{
    *p = (co_population){.drawn_device = -1};
    co_status st = load_examples(e, path, p, comm);
    if (st == CO_OK) st = label_examples(e, path, p, comm);
    if (st != CO_OK) co_population_fini(p);
    return st;
}

void co_population_fini(co_population *p)
{
    if (p->csr.data) co_segment_fini(&p->csr);
    if (p->tests.data) co_segment_fini(&p->tests);
    if (p->data.memory.data) co_segment_fini(&p->data.memory);
    co_dataset_fini(&p->data);
    co_labels_fini(&p->labels);
    for (int s = 0; s < 3; s++) co_free(p->split_ids[s]);
    co_held_destroy(p->memory);
    co_free(p->scratch);
    co_free(p->drawn_x);
    co_free(p->drawn_y);
    *p = (co_population){.drawn_device = -1};
}

int64_t co_population_examples(const co_population *p, int64_t device)
{
    if (p->memory) return co_held_count(p, device);
    if (p->has_data) return p->offsets[device + 1] - p->offsets[device];
    return co_population_drawn_examples(p, device);
}

int64_t co_population_largest(const co_population *p, int64_t sample)
{
    const int64_t n = p->has_data || p->n_devices < sample ? p->n_devices : sample;
    int64_t most = 0;
    for (int64_t k = 0; k < n; k++) {
        const int64_t size =
            p->has_data ? p->offsets[k + 1] - p->offsets[k] : co_population_examples(p, k);
        if (size > most) most = size;
    }
    return most;
}

bool co_population_has_tests(const co_population *p)
{
    return p->has_data ? p->own_test_offsets != NULL : p->test_fraction > 0.0;
}

int64_t co_population_tests(const co_population *p, int64_t device)
{
    if (!p->has_data) return co_population_drawn_tests(p, device);
    return p->own_test_offsets ? p->own_test_offsets[device + 1] - p->own_test_offsets[device] : 0;
}
