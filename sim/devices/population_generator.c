/* sim/devices/population_generator.c - devices drawn on the fly: the examples of one are kept. */
#include "core/memory.h"
#include "io/files/digest.h"
#include "io/yaml.h"
#include "sim/devices/population_private.h"
#include <string.h>

static int64_t n_tests(const co_population *p, int64_t n)
{
    return (int64_t)(p->test_fraction * (double)n + 1e-9);
}

int64_t co_population_drawn_tests(const co_population *p, int64_t device)
{
    return n_tests(p, co_synthetic_size(&p->generator, device));
}

int64_t co_population_drawn_examples(const co_population *p, int64_t device)
{
    const int64_t n = co_synthetic_size(&p->generator, device);
    return n - n_tests(p, n);
}

static co_status place_tests(co_population *p, const co_comm *comm)
{
    CO_TRY(co_segment_create(&p->tests, ((size_t)p->n_devices + 1) * sizeof(int64_t), comm));
    int64_t *offsets = p->tests.data;
    if (comm->node_rank == 0)
        for (int64_t k = 0; k < p->n_devices; k++)
            offsets[k + 1] = offsets[k] + co_population_drawn_tests(p, k);
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

co_status co_population_open_generator(const co_experiment *e, bool central, co_population *p,
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
    CO_TRY(co_population_read_memory(e, p));
    co_status st =
        p->scratch ? digest_generator(e, p->data_digest) : CO_FAIL(CO_ENOMEM, "generator scratch");
    if (st == CO_OK) st = co_labels_init(&p->labels, NULL, (size_t)p->generator.classes);
    CO_TRY(co_agree(st, comm));
    return central && p->test_fraction > 0.0 ? place_tests(p, comm) : CO_OK;
}

co_status co_population_draw(co_population *p, int64_t device)
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

/* Up to n test examples from place `at` of the whole list on, those of one device, to place `to` of
 * e; *m: how many. */
co_status co_population_copy_drawn(co_population *p, int64_t at, size_t n, co_examples *e,
                                   size_t to, size_t *m)
{
    const int64_t device = find_test_device(p, at);
    CO_TRY(co_population_draw(p, device));
    const int64_t place = co_population_drawn_examples(p, device) + at - p->test_offsets[device];
    const size_t here = (size_t)(p->test_offsets[device + 1] - at);
    *m = n < here ? n : here;
    memcpy(e->x + to * p->x_size, p->drawn_x + (size_t)place * p->x_size,
           *m * p->x_size * sizeof *e->x);
    memcpy(e->y + to, p->drawn_y + place, *m * sizeof *e->y);
    return CO_OK;
}
