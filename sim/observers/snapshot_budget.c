/* sim/observers/snapshot_budget.c - what the examples of the devices have paid, in a checkpoint:
 * examples/class_n, noise_multiplier, most of each class; examples/device, events of each device
 * that has spent any. Noise and limits are those of the first start, whatever `rounds` is now. */
#include "core/memory.h"
#include "sim/observers/snapshot_private.h"
#include <math.h>

static co_status write_classes(co_file *file, const co_budget *b)
{
    const size_t n = b->n_classes;
    int64_t *whole = co_malloc(2 * n, sizeof *whole);
    double *noise = co_malloc(n, sizeof *noise);
    co_status st = whole && noise ? CO_OK : CO_FAIL(CO_ENOMEM, "budgets of the devices");
    for (size_t c = 0; st == CO_OK && c < n; c++) {
        whole[c] = b->class[c].schedule.n;
        whole[n + c] = b->class[c].most;
        noise[c] = b->class[c].schedule.multiplier;
    }
    if (st == CO_OK) st = co_file_write_i64(file, "examples/class_n", whole, n);
    if (st == CO_OK) st = co_file_write_i64(file, "examples/most", whole + n, n);
    if (st == CO_OK) st = co_file_write_f64(file, "examples/noise_multiplier", noise, n);
    co_free(whole);
    co_free(noise);
    return st;
}

co_status co_checkpoint_write_budget(co_file *file, const co_budget *b)
{
    size_t n = 0;
    CO_TRY(write_classes(file, b));
    for (int64_t k = 0; k < b->population->n_devices; k++) n += b->events[k] > 0;
    int64_t *device = co_malloc(2 * n, sizeof *device), *events = device ? device + n : NULL;
    if (!device) return CO_FAIL(CO_ENOMEM, "budgets of %zu devices", n);
    n = 0;
    for (int64_t k = 0; k < b->population->n_devices; k++)
        if (b->events[k] > 0) {
            device[n] = k;
            events[n++] = b->events[k];
        }
    co_status st = co_file_write_i64(file, "examples/device", device, n);
    if (st == CO_OK) st = co_file_write_i64(file, "examples/events", events, n);
    co_free(device);
    return st;
}

/* What the five columns hold. */
typedef struct {
    int64_t *class_n, *most, *device, *events;
    double *noise;
    size_t n_classes, n_devices;
} columns;

static co_status read_column(const co_file *file, const char *name, co_dtype type, void **data,
                             size_t *n)
{
    size_t found;
    CO_TRY(co_file_read_new(file, name, type, data, &found));
    if (*n == SIZE_MAX) *n = found;
    if (found == *n) return CO_OK;
    return CO_FAIL(CO_EDATA, "%s: %s has %zu values, not %zu", co_file_path(file), name, found, *n);
}

static co_status read_columns(const co_file *file, columns *c)
{
    c->n_classes = c->n_devices = SIZE_MAX;
    CO_TRY(read_column(file, "examples/class_n", CO_I64, (void **)&c->class_n, &c->n_classes));
    CO_TRY(read_column(file, "examples/most", CO_I64, (void **)&c->most, &c->n_classes));
    CO_TRY(
        read_column(file, "examples/noise_multiplier", CO_F64, (void **)&c->noise, &c->n_classes));
    CO_TRY(read_column(file, "examples/device", CO_I64, (void **)&c->device, &c->n_devices));
    return read_column(file, "examples/events", CO_I64, (void **)&c->events, &c->n_devices);
}

static co_status take(const co_file *file, const columns *c, co_budget *b)
{
    bool fits = c->n_classes == b->n_classes;
    for (size_t k = 0; fits && k < c->n_classes; k++) {
        fits = c->class_n[k] == b->class[k].schedule.n && c->noise[k] >= 0.0 && c->most[k] >= 0;
        b->class[k].schedule.multiplier = c->noise[k];
        b->class[k].most = c->most[k];
    }
    if (!fits)
        return CO_FAIL(CO_EDATA,
                       "%s: examples/class_n, noise_multiplier or most are not of these "
                       "devices",
                       co_file_path(file));
    for (size_t i = 0; i < c->n_devices; i++) {
        if (c->device[i] < 0 || c->device[i] >= b->population->n_devices || c->events[i] < 1 ||
            (i > 0 && c->device[i] <= c->device[i - 1]))
            return CO_FAIL(
                CO_EDATA,
                "%s: examples/device[%zu] = %lld with %lld events: ids must ascend below "
                "%lld, events be above 0",
                co_file_path(file), i, (long long)c->device[i], (long long)c->events[i],
                (long long)b->population->n_devices);
        b->events[c->device[i]] = c->events[i];
    }
    return CO_OK;
}

co_status co_checkpoint_read_budget(const co_file *file, co_budget *b)
{
    columns c = {0};
    if (!co_file_has(file, "examples/class_n"))
        return CO_FAIL(CO_EDATA, "%s: has no examples/class_n: it is not of a run with local.dp",
                       co_file_path(file));
    co_status st = read_columns(file, &c);
    if (st == CO_OK) st = take(file, &c, b);
    co_free(c.class_n);
    co_free(c.most);
    co_free(c.noise);
    co_free(c.device);
    co_free(c.events);
    return st;
}
