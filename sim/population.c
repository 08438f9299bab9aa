/* sim/population.c - devices on a data set and a partition, or drawn on the fly.
 * Memory per node: the data in the type they were published in, 8 bytes per example and device of the partition. Per rank: labels
 * and splits (9 bytes an example); a generator keeps the examples of one device. */
#include "sim/population.h"
#include "core/memory.h"
#include "io/digest.h"
#include "io/partition_file.h"
#include "io/yaml.h"
#include "partition/partitioner.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The digest of a partition made for this run alone: that of the file which `cohort partition` would write. */
static co_status digest_made_partition(const co_experiment *e, co_partition *made, const co_dataset *data)
{
    const char *dir = getenv("TMPDIR");
    char *path = co_format("%s/cohort-partition-%ld.h5", dir && *dir ? dir : "/tmp", (long)getpid());
    if (!path) return CO_FAIL(CO_ENOMEM, "partition digest");
    char *config = NULL;
    co_status st = CO_OK;
    if (e->has_partition) st = co_yaml_write(e->partition.map, &config);
    else if (!(config = co_strdup("method: natural\n"))) st = CO_FAIL(CO_ENOMEM, "partition options");
    if (st == CO_OK) st = co_partition_write(made, data, path, (uint64_t)e->seed, config);
    unlink(path);
    co_free(config);
    co_free(path);
    return st;
}

static co_status make_partition(const co_experiment *e, const co_dataset *data, co_partition *part)
{
    if (!e->has_partition) {
        if (!data->user)
            return CO_FAIL(CO_EUSAGE,
                           "%s: no `partition` and %s has no users: add partition: {method: dirichlet, devices: 100, "
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

/* Node rank 0 reads or makes the partition; the other ranks see its arrays in a shared window. */
static co_status share_partition(const co_experiment *e, co_population *p, const co_comm *comm)
{
    co_partition part = {0};
    co_status st = CO_OK;
    int64_t head[3] = {0, 0, -1}; /* devices, examples, test examples (-1: no test parts) */
    if (comm->node_rank == 0) {
        st = make_partition(e, &p->data, &part);
        if (st == CO_OK && !part.digest[0]) st = digest_made_partition(e, &part, &p->data);
        if (st == CO_OK) {
            head[0] = part.n_devices;
            head[1] = part.train_offsets[part.n_devices];
            if (part.test_offsets) head[2] = part.test_offsets[part.n_devices];
            memcpy(p->partition_digest, part.digest, sizeof part.digest);
        }
    }
    st = co_agree(st, comm);
    if (st == CO_OK) {
        MPI_Bcast(head, 3, MPI_INT64_T, 0, comm->node);
        MPI_Bcast(p->partition_digest, sizeof p->partition_digest, MPI_CHAR, 0, comm->node);
        p->n_devices = head[0];
        const size_t tests = head[2] < 0 ? 0 : (size_t)head[0] + 1 + (size_t)head[2];
        st = co_shared_create(&p->csr, ((size_t)head[0] + 1 + (size_t)head[1] + tests) * sizeof(int64_t), comm);
    }
    if (st == CO_OK) {
        int64_t *words = p->csr.data;
        if (comm->node_rank == 0) {
            memcpy(words, part.train_offsets, ((size_t)head[0] + 1) * sizeof *words);
            memcpy(words + head[0] + 1, part.train, (size_t)head[1] * sizeof *words);
            if (head[2] >= 0) {
                int64_t *tests = words + head[0] + 1 + head[1];
                memcpy(tests, part.test_offsets, ((size_t)head[0] + 1) * sizeof *words);
                memcpy(tests + head[0] + 1, part.test, (size_t)head[2] * sizeof *words);
            }
        }
        co_shared_sync(&p->csr, comm);
        p->offsets = words;
        p->examples = words + head[0] + 1;
        if (head[2] >= 0) {
            p->own_test_offsets = p->examples + head[1];
            p->own_tests = p->own_test_offsets + head[0] + 1;
        }
    }
    co_partition_fini(&part);
    return st;
}

static co_status list_splits(co_population *p)
{
    for (int64_t i = 0; i < p->data.n; i++)
        if (p->data.split[i] < 3) p->n_split[p->data.split[i]]++;
    for (int s = 1; s < 3; s++) {
        p->has_split[s] = p->n_split[s] > 0;
        p->split_ids[s] = co_malloc((size_t)p->n_split[s], sizeof(int64_t));
        if (!p->split_ids[s]) return CO_FAIL(CO_ENOMEM, "list of %lld test examples", (long long)p->n_split[s]);
        int64_t at = 0;
        for (int64_t i = 0; i < p->data.n; i++)
            if (p->data.split[i] == s) p->split_ids[s][at++] = i;
    }
    return CO_OK;
}

static co_status check_usable(const co_experiment *e, const co_dataset *data)
{
    const char *path = co_config_string(&e->data, "file");
    if (!data->x) return CO_FAIL(CO_EDATA, "%s: has no x: nothing to train on", path);
    if (!data->y || data->n_classes == 0)
        return CO_FAIL(CO_EDATA, "%s: has no y: the task classification needs labels", path);
    if (data->x_ndim > 3) return CO_FAIL(CO_EDATA, "%s: x has more than 3 dimensions an example", path);
    return CO_OK;
}

static co_status load_data(const co_experiment *e, co_population *p, const co_comm *comm)
{
    CO_TRY(co_dataset_load(co_config_string(&e->data, "file"), &p->data, comm));
    p->has_data = true;
    CO_TRY(check_usable(e, &p->data));
    memcpy(p->data_digest, p->data.digest, sizeof p->data_digest);
    p->n_classes = p->data.n_classes;
    p->x_size = p->data.x_size;
    p->shape = (co_shape){.ndim = p->data.x_ndim ? p->data.x_ndim : 1, .dim = {p->data.x_size}};
    for (size_t k = 0; k < p->data.x_ndim; k++) p->shape.dim[k] = p->data.x_dim[k];
    if (p->shape.ndim == 2) p->shape = (co_shape){.ndim = 3, .dim = {1, p->data.x_dim[0], p->data.x_dim[1]}};
    CO_TRY(co_agree(list_splits(p), comm));
    return share_partition(e, p, comm);
}

static int64_t n_tests(const co_population *p, int64_t n)
{
    return (int64_t)(p->test_fraction * (double)n + 1e-9);
}

static co_status share_tests(co_population *p, const co_comm *comm)
{
    CO_TRY(co_shared_create(&p->tests, ((size_t)p->n_devices + 1) * sizeof(int64_t), comm));
    int64_t *offsets = p->tests.data;
    if (comm->node_rank == 0)
        for (int64_t k = 0; k < p->n_devices; k++)
            offsets[k + 1] = offsets[k] + n_tests(p, co_synthetic_size(&p->generator, k));
    co_shared_sync(&p->tests, comm);
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

static co_status open_generator(const co_experiment *e, bool central, co_population *p, const co_comm *comm)
{
    CO_TRY(co_synthetic_init(&p->generator, &e->data, (uint64_t)e->seed));
    p->test_fraction = co_config_real(&e->data, "test_fraction");
    p->n_devices = p->generator.n_devices;
    p->n_classes = (size_t)p->generator.classes;
    p->x_size = (size_t)p->generator.features;
    p->shape = (co_shape){.ndim = 1, .dim = {p->x_size}};
    p->drawn_device = -1;
    p->scratch = co_malloc(co_synthetic_scratch(&p->generator), sizeof *p->scratch);
    co_status st = p->scratch ? digest_generator(e, p->data_digest) : CO_FAIL(CO_ENOMEM, "generator scratch");
    CO_TRY(co_agree(st, comm));
    return central && p->test_fraction > 0.0 ? share_tests(p, comm) : CO_OK;
}

co_status co_population_create(const co_experiment *e, bool central, const co_comm *comm, co_population *p)
{
    *p = (co_population){.drawn_device = -1};
    const co_status st = e->has_generator ? open_generator(e, central, p, comm) : load_data(e, p, comm);
    if (st != CO_OK) co_population_fini(p);
    return st;
}

void co_population_fini(co_population *p)
{
    if (p->csr.data) co_shared_fini(&p->csr);
    if (p->tests.data) co_shared_fini(&p->tests);
    if (p->data.shared_x.data) co_shared_fini(&p->data.shared_x);
    co_dataset_fini(&p->data);
    for (int s = 0; s < 3; s++) co_free(p->split_ids[s]);
    co_free(p->scratch);
    co_free(p->drawn_x);
    co_free(p->drawn_y);
    *p = (co_population){.drawn_device = -1};
}

int64_t co_population_examples(const co_population *p, int64_t device)
{
    if (p->has_data) return p->offsets[device + 1] - p->offsets[device];
    const int64_t n = co_synthetic_size(&p->generator, device);
    return n - n_tests(p, n);
}

int64_t co_population_largest(const co_population *p, int64_t sample)
{
    const int64_t n = p->has_data || p->n_devices < sample ? p->n_devices : sample;
    int64_t most = 0;
    for (int64_t k = 0; k < n; k++) {
        const int64_t size = co_population_examples(p, k);
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
            return CO_FAIL(CO_ENOMEM, "device %lld has %lld examples: no room to draw them", (long long)device,
                           (long long)n);
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

/* Ids of this many examples are looked up at a time, so that reading needs no allocation. */
enum { CHUNK = 256 };

static void read_ids(const co_dataset *data, const int64_t *ids, size_t n, float *x, int32_t *y)
{
    co_dataset_gather(data, ids, n, x);
    for (size_t i = 0; i < n; i++) y[i] = data->y[ids[i]];
}

void co_population_read(co_population *p, int64_t device, const int64_t *index, size_t n, float *x, int32_t *y)
{
    if (!p->has_data) {
        for (size_t i = 0; i < n; i++) {
            memcpy(x + i * p->x_size, p->drawn_x + (size_t)index[i] * p->x_size, p->x_size * sizeof *x);
            y[i] = p->drawn_y[index[i]];
        }
        return;
    }
    const int64_t *own = p->examples + p->offsets[device];
    int64_t ids[CHUNK];
    for (size_t at = 0; at < n; at += CHUNK) {
        const size_t m = n - at < CHUNK ? n - at : CHUNK;
        for (size_t i = 0; i < m; i++) ids[i] = own[index[at + i]];
        read_ids(&p->data, ids, m, x + at * p->x_size, y + at);
    }
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

void co_population_read_tests(co_population *p, int64_t device, int64_t first, size_t n, float *x, int32_t *y)
{
    if (p->has_data) {
        read_ids(&p->data, p->own_tests + p->own_test_offsets[device] + first, n, x, y);
        return;
    }
    const int64_t place = co_population_examples(p, device) + first;
    memcpy(x, p->drawn_x + (size_t)place * p->x_size, n * p->x_size * sizeof *x);
    memcpy(y, p->drawn_y + place, n * sizeof *y);
}

co_status co_population_read_split(co_population *p, int split, int64_t first, size_t n, float *x, int32_t *y)
{
    if (p->has_data) {
        read_ids(&p->data, p->split_ids[split] + first, n, x, y);
        return CO_OK;
    }
    for (size_t done = 0; done < n;) {
        const int64_t at = first + (int64_t)done, device = find_test_device(p, at);
        CO_TRY(draw_device(p, device));
        const int64_t place = co_population_examples(p, device) + at - p->test_offsets[device];
        const size_t here = (size_t)(p->test_offsets[device + 1] - at), m = n - done < here ? n - done : here;
        memcpy(x + done * p->x_size, p->drawn_x + (size_t)place * p->x_size, m * p->x_size * sizeof *x);
        memcpy(y + done, p->drawn_y + place, m * sizeof *y);
        done += m;
    }
    return CO_OK;
}
