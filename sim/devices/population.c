/* sim/devices/population.c - devices on a data set and a partition, or drawn on the fly.
 * Memory per node: the data in the type they were published in, 8 bytes per example and device of
 * the partition. Per rank: labels and splits (9 bytes an example); a generator keeps the examples
 * of one device. */
#include "sim/devices/population.h"
#include "core/memory.h"
#include "io/files/digest.h"
#include "io/data/partition_file.h"
#include "io/yaml.h"
#include "partition/partitioner.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static co_status make_partition(const co_experiment *e, const co_dataset *data, co_partition *part)
{
    if (!e->has_partition) {
        if (!data->user)
            return CO_FAIL(CO_EUSAGE,
                           "%s: no `partition` and %s has no users: add partition: {method: "
                           "dirichlet, devices: 100, "
                           "alpha: 0.3} or {file: PARTITION.h5}",
                           e->file, co_config_string(&e->data, "file"));
        co_config natural = {e->file, "partition", co_node_create(CO_NODE_MAP, "partition", NULL)};
        if (!natural.map) return CO_FAIL(CO_ENOMEM, "partition options");
        const co_partitioner *member = co_partitioner_find("natural");
        const co_param *tables[] = {co_partition_params, member->params};
        co_status st = co_node_set(natural.map, "method", "natural");
        if (st == CO_OK) st = co_config_check(&natural, tables, 2);
        if (st == CO_OK) st = co_partition_make(&natural, (uint64_t)e->seed, data, part);
        co_node_destroy(natural.map);
        return st;
    }
    if (co_node_find(e->partition.map, "file")) {
        const char *path = co_config_string(&e->partition, "file");
        CO_TRY(co_partition_read(path, data->digest, part));
        return co_partition_check(part, data, path);
    }
    return co_partition_make(&e->partition, (uint64_t)e->seed, data, part);
}

/* By arrival, then id. context: period of each example. */
static int by_arrival(const void *a, const void *b, void *context)
{
    const int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    const int32_t *period = context;
    if (period[i] != period[j]) return period[i] < period[j] ? -1 : 1;
    return (i > j) - (i < j);
}

static void sort_lists(co_partition *part)
{
    for (int64_t k = 0; part->period && k < part->n_devices; k++)
        qsort_r(part->train + part->train_offsets[k],
                (size_t)(part->train_offsets[k + 1] - part->train_offsets[k]), sizeof *part->train,
                by_arrival, part->period);
}

/* What the ranks of a node must know of a partition before they can see it. */
typedef struct {
    int64_t n_devices, n_examples, n_tests; /* n_tests -1: no test parts */
    int64_t n_periods;
} extent;

/* Node rank 0: reads or makes it. */
static co_status open_partition(const co_experiment *e, co_population *p, co_partition *part,
                                extent *x)
{
    CO_TRY(make_partition(e, &p->data, part));
    /* made for this run alone: the digest of the file which `cohort partition` would write */
    if (!part->digest[0]) CO_TRY(co_partition_digest(part, &p->data, (uint64_t)e->seed));
    *x = (extent){.n_devices = part->n_devices,
                  .n_examples = part->train_offsets[part->n_devices],
                  .n_tests = part->test_offsets ? part->test_offsets[part->n_devices] : -1,
                  .n_periods = part->n_periods};
    sort_lists(part);
    memcpy(p->partition_digest, part->digest, sizeof part->digest);
    return CO_OK;
}

/* Where in the segment the lists of that extent stand, one behind the other. Returns the
 * bytes of all. */
static size_t lay_out(const extent *x, int64_t n_data, int64_t *words, co_population *p)
{
    const int64_t n_train = x->n_devices + 1 + x->n_examples;
    const int64_t n_tests = x->n_tests < 0 ? 0 : x->n_devices + 1 + x->n_tests;
    p->n_devices = x->n_devices;
    p->n_periods = x->n_periods;
    if (words) {
        p->offsets = words;
        p->examples = words + x->n_devices + 1;
        p->own_test_offsets = n_tests ? words + n_train : NULL;
        p->own_tests = n_tests ? words + n_train + x->n_devices + 1 : NULL;
        p->period_of = x->n_periods ? (const int32_t *)(words + n_train + n_tests) : NULL;
    }
    return (size_t)(n_train + n_tests) * sizeof *words +
           (size_t)(x->n_periods ? n_data : 0) * sizeof(int32_t);
}

static void copy_partition(const co_partition *part, const extent *x, int64_t n_data,
                           int64_t *words)
{
    const size_t n_offsets = (size_t)x->n_devices + 1;
    memcpy(words, part->train_offsets, n_offsets * sizeof *words);
    words += n_offsets;
    memcpy(words, part->train, (size_t)x->n_examples * sizeof *words);
    words += x->n_examples;
    if (x->n_tests >= 0) {
        memcpy(words, part->test_offsets, n_offsets * sizeof *words);
        words += n_offsets;
        memcpy(words, part->test, (size_t)x->n_tests * sizeof *words);
        words += x->n_tests;
    }
    if (x->n_periods) memcpy(words, part->period, (size_t)n_data * sizeof *part->period);
}

/* Node rank 0 reads or makes the partition; the other ranks see its arrays in a segment. */
static co_status place_partition(const co_experiment *e, co_population *p, const co_comm *comm)
{
    co_partition part = {0};
    extent x = {0};
    co_status st = comm->node_rank == 0 ? open_partition(e, p, &part, &x) : CO_OK;
    st = co_agree(st, comm);
    if (st == CO_OK) {
        MPI_Bcast(&x, sizeof x / sizeof(int64_t), MPI_INT64_T, 0, comm->node);
        MPI_Bcast(p->partition_digest, sizeof p->partition_digest, MPI_CHAR, 0, comm->node);
        st = co_segment_create(&p->csr, lay_out(&x, p->data.n, NULL, p), comm);
    }
    if (st == CO_OK) {
        if (comm->node_rank == 0) copy_partition(&part, &x, p->data.n, p->csr.data);
        co_segment_sync(&p->csr, comm);
        lay_out(&x, p->data.n, p->csr.data, p);
    }
    co_partition_fini(&part);
    return st;
}

/* What devices keep. The keys of periods and a partition in periods come together. */
static co_status read_memory(const co_experiment *e, co_population *p)
{
    const co_config *devices = &e->devices;
    const co_node *rounds = co_config_node(devices, "period_rounds");
    const char *memory = co_config_string(devices, "memory");
    if (!p->n_periods && (rounds || strcmp(memory, "all") != 0))
        return co_config_fail(devices, rounds ? rounds : co_config_node(devices, "memory"),
                              "needs a partition whose examples arrive in periods (method: "
                              "temporal); these %lld devices "
                              "hold everything from the start",
                              (long long)p->n_devices);
    if (p->n_periods && !rounds)
        return co_config_fail(
            devices, devices->map,
            "the partition has %lld periods: set devices.period_rounds, the rounds that one lasts",
            (long long)p->n_periods);
    p->period_rounds = rounds ? co_config_int(devices, "period_rounds") : 1;
    p->window = strcmp(memory, "window") == 0 ? co_config_int(devices, "window") : INT64_MAX;
    p->capacity = strcmp(memory, "fifo") == 0 ? co_config_int(devices, "capacity") : INT64_MAX;
    for (int s = 1; s < 3 && p->n_periods; s++)
        qsort_r(p->split_ids[s], (size_t)p->n_split[s], sizeof *p->split_ids[s], by_arrival,
                (void *)(uintptr_t)p->period_of);
    return CO_OK;
}

bool co_population_move(co_population *p, int64_t round)
{
    if (!p->n_periods) return false;
    const int64_t was = p->period, now = round > 0 ? (round - 1) / p->period_rounds : 0;
    p->period = now < p->n_periods ? now : p->n_periods - 1;
    return p->period != was;
}

/* How many of ids[n], by arrival, arrive before the period. */
static int64_t count_before(const co_population *p, const int64_t *ids, int64_t n, int64_t period)
{
    int64_t low = 0, high = n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (p->period_of[ids[middle]] < period)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void co_population_recent(const co_population *p, int split, int64_t *first, int64_t *n)
{
    *first = count_before(p, p->split_ids[split], p->n_split[split], p->period);
    *n = count_before(p, p->split_ids[split], p->n_split[split], p->period + 1) - *first;
}

/* What the device holds now: examples [*first, *first + *n) of the partition. */
static void find_held(const co_population *p, int64_t device, int64_t *first, int64_t *n)
{
    const int64_t begin = p->offsets[device], all = p->offsets[device + 1] - begin;
    *first = begin;
    *n = all;
    if (!p->n_periods) return;
    const int64_t end = count_before(p, p->examples + begin, all, p->period + 1);
    int64_t gone = p->window > p->period
                       ? 0
                       : count_before(p, p->examples + begin, end, p->period + 1 - p->window);
    if (end - gone > p->capacity) gone = end - p->capacity;
    *first = begin + gone;
    *n = end - gone;
}

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
    if (data->x_ndim > 3)
        return CO_FAIL(CO_EDATA, "%s: x has more than 3 dimensions an example", path);
    return CO_OK;
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
    p->shape = (co_shape){.sequence = true, .tokens = true, .dim = {d->n_vocab}};
    int64_t sum = 0;
    for (int64_t i = 0; i < d->n; i++) {
        const size_t rows = co_dataset_rows(d, i);
        if (rows > p->most_rows) p->most_rows = rows;
        sum += (int64_t)rows;
    }
    p->mean_rows = d->n ? (double)sum / (double)d->n : 0.0;
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
    p->preparing = task->prepare ? task : NULL;
    p->data.task = task->prepare ? CO_DATA_MASKED : CO_DATA_LM;
    return CO_OK;
}

static co_status name_labels(const co_experiment *e, const char *path, co_population *p)
{
    const co_dataset *d = &p->data;
    const bool words = d->task == CO_DATA_LM || d->task == CO_DATA_MASKED;
    CO_TRY(co_labels_init(&p->labels, (const char *const *)(words ? d->vocab : d->classes),
                          words ? d->n_vocab : d->n_classes));
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
    CO_TRY(place_partition(e, p, comm));
    CO_TRY(label_examples(e, path, p, comm)); /* the partition goes by the labels that the data
                                                 set has */
    return read_memory(e, p);
}

static int64_t n_tests(const co_population *p, int64_t n)
{
    return (int64_t)(p->test_fraction * (double)n + 1e-9);
}

static co_status place_tests(co_population *p, const co_comm *comm)
{
    CO_TRY(co_segment_create(&p->tests, ((size_t)p->n_devices + 1) * sizeof(int64_t), comm));
    int64_t *offsets = p->tests.data;
    if (comm->node_rank == 0)
        for (int64_t k = 0; k < p->n_devices; k++)
            offsets[k + 1] = offsets[k] + n_tests(p, co_synthetic_size(&p->generator, k));
    co_segment_sync(&p->tests, comm);
    p->test_offsets = offsets;
    p->has_split[1] = offsets[p->n_devices] > 0;
    p->n_split[1] = offsets[p->n_devices];
    return CO_OK;
}

static co_status digest_generator(const co_experiment *e, char hex[33])
{
    char *text = NULL;
    CO_TRY(co_yaml_write(e->data.map, &text));
    char *keyed = co_format("%ssynthetic_seed: %lld\n", text, (long long)e->seed);
    co_free(text);
    if (!keyed) return CO_FAIL(CO_ENOMEM, "generator digest");
    unsigned char hash[16];
    co_hash16(keyed, strlen(keyed), hash);
    co_hex(hash, 16, hex);
    co_free(keyed);
    return CO_OK;
}

static co_status open_generator(const co_experiment *e, bool central, co_population *p,
                                const co_comm *comm)
{
    CO_TRY(co_synthetic_init(&p->generator, &e->data, (uint64_t)e->seed));
    p->test_fraction = co_config_real(&e->data, "test_fraction");
    p->n_devices = p->generator.n_devices;
    p->task = "classification";
    p->most_rows = 1;
    p->mean_rows = 1.0;
    p->x_size = (size_t)p->generator.features;
    p->shape = (co_shape){.ndim = 1, .dim = {p->x_size}};
    p->drawn_device = -1;
    p->scratch = co_malloc(co_synthetic_scratch(&p->generator), sizeof *p->scratch);
    CO_TRY(read_memory(e, p));
    co_status st =
        p->scratch ? digest_generator(e, p->data_digest) : CO_FAIL(CO_ENOMEM, "generator scratch");
    if (st == CO_OK) st = co_labels_init(&p->labels, NULL, (size_t)p->generator.classes);
    CO_TRY(co_agree(st, comm));
    return central && p->test_fraction > 0.0 ? place_tests(p, comm) : CO_OK;
}

co_status co_population_create(const co_experiment *e, bool central, const co_comm *comm,
                               co_population *p)
{
    *p = (co_population){.drawn_device = -1};
    const co_status st =
        e->has_generator ? open_generator(e, central, p, comm) : load_data(e, p, comm);
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
    co_free(p->scratch);
    co_free(p->drawn_x);
    co_free(p->drawn_y);
    *p = (co_population){.drawn_device = -1};
}

int64_t co_population_examples(const co_population *p, int64_t device)
{
    if (p->has_data) {
        int64_t first, held;
        find_held(p, device, &first, &held);
        return held;
    }
    const int64_t n = co_synthetic_size(&p->generator, device);
    return n - n_tests(p, n);
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

static co_status draw_device(co_population *p, int64_t device)
{
    if (p->drawn_device == device) return CO_OK;
    const int64_t n = co_synthetic_size(&p->generator, device);
    if (n > p->drawn_capacity) {
        int64_t room = p->drawn_capacity ? p->drawn_capacity : 1024;
        while (room < n) room *= 2;
        co_free(p->drawn_x);
        co_free(p->drawn_y);
        p->drawn_capacity = 0;
        p->drawn_x = co_malloc((size_t)room * p->x_size, sizeof *p->drawn_x);
        p->drawn_y = co_malloc((size_t)room, sizeof *p->drawn_y);
        if (!p->drawn_x || !p->drawn_y)
            return CO_FAIL(CO_ENOMEM, "device %lld has %lld examples: no room to draw them",
                           (long long)device, (long long)n);
        p->drawn_capacity = room;
    }
    co_synthetic_fill(&p->generator, device, 0, (size_t)n, p->drawn_x, p->drawn_y, p->scratch);
    p->drawn_device = device;
    return CO_OK;
}

co_status co_population_open(co_population *p, int64_t device)
{
    return p->has_data ? CO_OK : draw_device(p, device);
}

void co_examples_fini(co_examples *e)
{
    co_free(e->x);
    co_free(e->offsets);
    co_free(e->tokens);
    co_free(e->y);
    co_free(e->targets);
    *e = (co_examples){0};
}

/* A block of at least n elements in place of a smaller one, whose content is lost. */
static bool renew(void **block, size_t n, size_t element)
{
    co_free(*block);
    *block = co_malloc(n, element);
    return *block != NULL;
}

static co_status reserve(const co_population *p, co_examples *e, size_t n, size_t rows)
{
    const bool text = p->shape.tokens, targets = co_dataset_has_targets(&p->data);
    bool good = true;
    if (n > e->n_room || rows > e->rows_room) {
        const size_t n_room = n > e->n_room ? n : e->n_room,
                     rows_room = rows > e->rows_room ? rows : e->rows_room;
        e->n_room = e->rows_room = 0;
        if (targets)
            good = renew((void **)&e->targets, n_room * p->data.n_classes, sizeof *e->targets);
        if (!targets)
            good = renew((void **)&e->y, n_room > rows_room ? n_room : rows_room, sizeof *e->y);
        if (!text) good = good && renew((void **)&e->x, n_room * p->x_size, sizeof *e->x);
        if (text) good = good && renew((void **)&e->offsets, n_room + 1, sizeof *e->offsets);
        if (text) good = good && renew((void **)&e->tokens, rows_room, sizeof *e->tokens);
        if (!good)
            return CO_FAIL(CO_ENOMEM, "no memory for a batch of %zu examples (%zu rows)", n, rows);
        e->n_room = n_room;
        e->rows_room = rows_room;
    }
    e->batch = (co_batch){.n = n,
                          .rows = rows,
                          .offsets = text ? e->offsets : NULL,
                          .x = text ? NULL : e->x,
                          .tokens = text ? e->tokens : NULL,
                          .y = targets ? (const void *)e->targets : e->y};
    return CO_OK;
}

static size_t rows_of(const co_population *p, int64_t id)
{
    return p->shape.tokens ? co_dataset_rows(&p->data, id) : 1;
}

/* Over the device's training examples. */
static int64_t sum_over(const co_population *p, int64_t device,
                        size_t (*of)(const co_dataset *data, int64_t id))
{
    if (!p->shape.tokens) return co_population_examples(p, device);
    int64_t sum = 0, first, n;
    find_held(p, device, &first, &n);
    for (int64_t i = first; i < first + n; i++) sum += (int64_t)of(&p->data, p->examples[i]);
    return sum;
}

int64_t co_population_rows(const co_population *p, int64_t device)
{
    return sum_over(p, device, co_dataset_rows);
}

int64_t co_population_scored(const co_population *p, int64_t device)
{
    return sum_over(p, device, co_dataset_scored);
}

/* Ids of this many examples are looked up at a time. */
enum { CHUNK = 256 };

/* Texts ids[n] as the task wants them, each by draws of its own. */
static void prepare(const co_population *p, const int64_t *ids, size_t n, const int64_t *offsets,
                    co_examples *e)
{
    for (size_t i = 0; p->preparing && i < n; i++) {
        co_stream draws =
            co_stream_open(p->seed, CO_DRAW_MASK, e->round, e->device, (uint64_t)ids[i]);
        p->preparing->prepare(&p->labels, &draws, (size_t)(offsets[i + 1] - offsets[i]),
                              e->tokens + offsets[i], e->y + offsets[i]);
    }
}

/* Examples ids(0) .. ids(n - 1) of a list, or of own[index[..]] when index is given. */
static co_status read_ids(const co_population *p, const int64_t *own, const int64_t *index,
                          size_t n, co_examples *e)
{
    int64_t ids[CHUNK];
    size_t rows = 0, row = 0;
    for (size_t i = 0; i < n; i++) rows += rows_of(p, own[index ? index[i] : (int64_t)i]);
    CO_TRY(reserve(p, e, n, rows));
    for (size_t at = 0; at < n; at += CHUNK) {
        const size_t m = n - at < CHUNK ? n - at : CHUNK;
        for (size_t i = 0; i < m; i++) ids[i] = own[index ? index[at + i] : (int64_t)(at + i)];
        if (p->shape.tokens) {
            int32_t *y = e->y ? e->y + (p->data.task == CO_DATA_CLASSIFICATION ? at : row) : NULL;
            co_dataset_gather_tokens(&p->data, ids, m, e->offsets + at, e->tokens + row, y);
            for (size_t i = 0; i <= m; i++) e->offsets[at + i] += (int64_t)row;
            prepare(p, ids, m, e->offsets + at, e);
            row = (size_t)e->offsets[at + m];
        } else {
            co_dataset_gather(&p->data, ids, m, e->x + at * p->x_size);
            for (size_t i = 0; p->data.y && i < m; i++) e->y[at + i] = p->data.y[ids[i]];
        }
        if (co_dataset_has_targets(&p->data))
            co_dataset_gather_targets(&p->data, ids, m, e->targets + at * p->data.n_classes);
    }
    return CO_OK;
}

size_t co_population_fitting(const co_population *p, const int64_t *ids, size_t n)
{
    size_t rows = 0, i = 0;
    while (i < n && (i == 0 || rows + rows_of(p, ids[i]) <= CO_EVAL_ROWS))
        rows += rows_of(p, ids[i++]);
    return i;
}

co_status co_population_read_ids(const co_population *p, const int64_t *ids, size_t n,
                                 co_examples *e)
{
    return read_ids(p, ids, NULL, co_population_fitting(p, ids, n), e);
}

co_status co_population_read(co_population *p, int64_t device, const int64_t *index, size_t n,
                             co_examples *e)
{
    if (p->has_data) {
        int64_t first, held;
        find_held(p, device, &first, &held);
        return read_ids(p, p->examples + first, index, n, e);
    }
    CO_TRY(reserve(p, e, n, n));
    for (size_t i = 0; i < n; i++) {
        memcpy(e->x + i * p->x_size, p->drawn_x + (size_t)index[i] * p->x_size,
               p->x_size * sizeof *e->x);
        e->y[i] = p->drawn_y[index[i]];
    }
    return CO_OK;
}

/* The device whose test part holds place `at` of the whole list. */
static int64_t find_test_device(const co_population *p, int64_t at)
{
    int64_t low = 0, high = p->n_devices;
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (p->test_offsets[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

bool co_population_has_tests(const co_population *p)
{
    return p->has_data ? p->own_test_offsets != NULL : p->test_fraction > 0.0;
}

int64_t co_population_tests(const co_population *p, int64_t device)
{
    if (!p->has_data) return n_tests(p, co_synthetic_size(&p->generator, device));
    return p->own_test_offsets ? p->own_test_offsets[device + 1] - p->own_test_offsets[device] : 0;
}

co_status co_population_read_tests(co_population *p, int64_t device, int64_t first, size_t n,
                                   co_examples *e)
{
    if (p->has_data) {
        const int64_t *ids = p->own_tests + p->own_test_offsets[device] + first;
        return co_population_read_ids(p, ids, n, e);
    }
    const int64_t place = co_population_examples(p, device) + first;
    CO_TRY(reserve(p, e, n, n));
    memcpy(e->x, p->drawn_x + (size_t)place * p->x_size, n * p->x_size * sizeof *e->x);
    memcpy(e->y, p->drawn_y + place, n * sizeof *e->y);
    return CO_OK;
}

/* Up to n test examples from place `at` of the whole list on, those of one device, to place `to` of
 * e; *m: how many. */
static co_status copy_drawn(co_population *p, int64_t at, size_t n, co_examples *e, size_t to,
                            size_t *m)
{
    const int64_t device = find_test_device(p, at);
    CO_TRY(draw_device(p, device));
    const int64_t place = co_population_examples(p, device) + at - p->test_offsets[device];
    const size_t here = (size_t)(p->test_offsets[device + 1] - at);
    *m = n < here ? n : here;
    memcpy(e->x + to * p->x_size, p->drawn_x + (size_t)place * p->x_size,
           *m * p->x_size * sizeof *e->x);
    memcpy(e->y + to, p->drawn_y + place, *m * sizeof *e->y);
    return CO_OK;
}

co_status co_population_read_split(co_population *p, int split, int64_t first, size_t n,
                                   co_examples *e)
{
    if (p->has_data) return co_population_read_ids(p, p->split_ids[split] + first, n, e);
    CO_TRY(reserve(p, e, n, n));
    for (size_t done = 0, m = 0; done < n; done += m)
        CO_TRY(copy_drawn(p, first + (int64_t)done, n - done, e, done, &m));
    return CO_OK;
}

co_status co_population_read_places(co_population *p, int split, const int64_t *place, size_t n,
                                    co_examples *e)
{
    int64_t ids[CHUNK];
    size_t m;
    CO_ASSERT(n <= CHUNK);
    if (p->has_data) {
        for (size_t i = 0; i < n; i++) ids[i] = p->split_ids[split][place[i]];
        return co_population_read_ids(p, ids, n, e);
    }
    CO_TRY(reserve(p, e, n, n));
    for (size_t i = 0; i < n; i++) CO_TRY(copy_drawn(p, place[i], 1, e, i, &m));
    return CO_OK;
}
