/* io/data/partition_file.c - a partition as a file: lists of example ids a device in CSR form.
 *
 * The check is one pass over all ids with two bits an example: O(devices + examples) time, n / 4
 * bytes. partition_write.c writes. By hand: any integer types, n_devices from the offsets, method
 * "imported"; the CSR shape is checked when reading, the ids when the data set is known. */
#include "io/data/partition_file.h"
#include "core/memory.h"
#include <stdio.h>
#include <string.h>

void co_partition_fini(co_partition *partition)
{
    co_free(partition->train_offsets);
    co_free(partition->train);
    co_free(partition->test_offsets);
    co_free(partition->test);
    co_free(partition->unassigned);
    co_strings_free(partition->device_name, (size_t)partition->n_devices);
    co_strings_free(partition->stat_name, partition->n_stats);
    co_free(partition->stat);
    co_free(partition->label_counts);
    co_free(partition->device_noise);
    co_free(partition->period);
    co_free(partition->method);
    *partition = (co_partition){0};
}

/* ---- check ---- */

static co_status check_offsets(const char *path, const char *what, const int64_t *offsets,
                               int64_t n_devices)
{
    if (!offsets || offsets[0] != 0)
        return CO_FAIL(CO_EDATA, "%s: %s/offsets does not begin with 0", path, what);
    for (int64_t k = 0; k < n_devices; k++)
        if (offsets[k + 1] < offsets[k])
            return CO_FAIL(CO_EDATA, "%s: %s/offsets falls from %lld to %lld at device %lld", path,
                           what, (long long)offsets[k], (long long)offsets[k + 1], (long long)k);
    return CO_OK;
}

/* Two bits an example. */
typedef struct {
    const co_dataset *data;
    const char *path;
    uint64_t *open;         /* of split 0 and stands nowhere yet */
    uint64_t *seen;         /* of another split, and seen */
    bool overlap, any_test; /* any_test: split 1 is allowed in test parts */
} coverage;

static bool has_bit(const uint64_t *bits, int64_t id)
{
    return bits[id / 64] >> (id % 64) & 1;
}

static void open_split_0(coverage *c)
{
    for (int64_t id = 0; id < c->data->n; id++)
        c->open[id / 64] |= (uint64_t)(c->data->split[id] == 0) << (id % 64);
}

/* An example that is not open: refused, or noted where it may stand. device < 0: the unassigned
 * list. */
static co_status look_closer(coverage *c, const char *what, int64_t device, int64_t id, bool test)
{
    char where[64];
    snprintf(where, sizeof where, device < 0 ? "%s" : "%s of device %lld", what, (long long)device);
    if (id < 0 || id >= c->data->n)
        return CO_FAIL(CO_EDATA, "%s: %s lists example %lld; the data set has 0 to %lld", c->path,
                       where, (long long)id, (long long)c->data->n - 1);
    const uint8_t split = c->data->split[id];
    if (split != 0 && !(test && c->any_test && split == 1))
        return CO_FAIL(
            CO_EDATA, "%s: %s lists example %lld of split %u; only split 0 can be dealt to devices",
            c->path, where, (long long)id, split);
    if ((split == 0 || has_bit(c->seen, id)) && !(c->overlap && device >= 0))
        return CO_FAIL(CO_EDATA,
                       "%s: %s lists example %lld, which already stands elsewhere; each "
                       "example has one place "
                       "unless the attribute overlap is 1",
                       c->path, where, (long long)id);
    c->seen[id / 64] |= (uint64_t)1 << (id % 64);
    return CO_OK;
}

static co_status cover(coverage *c, const char *what, int64_t device, const int64_t *ids, int64_t n,
                       bool test)
{
    for (int64_t i = 0; i < n; i++) {
        const int64_t id = ids[i];
        if (id >= 0 && id < c->data->n && has_bit(c->open, id)) /* nearly always */
            c->open[id / 64] &= ~((uint64_t)1 << (id % 64));
        else
            CO_TRY(look_closer(c, what, device, id, test));
    }
    return CO_OK;
}

static co_status cover_all(coverage *c, const co_partition *p)
{
    for (int64_t k = 0; k < p->n_devices; k++) {
        const int64_t *at = p->train_offsets;
        CO_TRY(cover(c, "train", k, p->train + at[k], at[k + 1] - at[k], false));
    }
    for (int64_t k = 0; p->test_offsets && k < p->n_devices; k++) {
        const int64_t *at = p->test_offsets;
        CO_TRY(cover(c, "test", k, p->test + at[k], at[k + 1] - at[k], true));
    }
    CO_TRY(cover(c, "unassigned", -1, p->unassigned, p->n_unassigned, false));
    for (int64_t id = 0; id < c->data->n; id++)
        if (has_bit(c->open, id))
            return CO_FAIL(
                CO_EDATA,
                "%s: example %lld of split 0 stands nowhere; list it at a device or in unassigned",
                c->path, (long long)id);
    return CO_OK;
}

static co_status check_periods(const co_partition *p, const co_dataset *data, const char *path)
{
    if (!p->period) return CO_OK;
    if (p->n_dated != data->n)
        return CO_FAIL(CO_EDATA, "%s: period has %lld numbers for %lld examples", path,
                       (long long)p->n_dated, (long long)data->n);
    for (int64_t i = 0; i < p->n_dated; i++)
        if (p->period[i] < 0 || p->period[i] >= p->n_periods)
            return CO_FAIL(CO_EDATA,
                           "%s: period of example %lld is %d; 0 to %lld (n_periods - 1) is allowed",
                           path, (long long)i, p->period[i], (long long)p->n_periods - 1);
    return CO_OK;
}

co_status co_partition_check(const co_partition *partition, const co_dataset *data,
                             const char *path)
{
    if (!path) path = "partition";
    if (partition->n_devices < 1) return CO_FAIL(CO_EDATA, "%s: has no device", path);
    CO_TRY(check_offsets(path, "train", partition->train_offsets, partition->n_devices));
    if (partition->test_offsets)
        CO_TRY(check_offsets(path, "test", partition->test_offsets, partition->n_devices));
    CO_TRY(check_periods(partition, data, path));
    const char *method = partition->method ? partition->method : "imported";
    const size_t n_words = (size_t)data->n / 64 + 1;
    coverage c = {data,
                  path,
                  co_calloc(n_words, sizeof *c.open),
                  co_calloc(n_words, sizeof *c.seen),
                  partition->overlap != 0,
                  strcmp(method, "natural") == 0 || strcmp(method, "imported") == 0};
    co_status st = c.open && c.seen ? CO_OK
                                    : CO_FAIL(CO_ENOMEM, "%s: out of memory to check %lld examples",
                                              path, (long long)data->n);
    if (st == CO_OK) {
        open_split_0(&c);
        st = cover_all(&c, partition);
    }
    co_free(c.open);
    co_free(c.seen);
    return st;
}

/* ---- reading ---- */

static co_status read_ids(const co_file *file, const char *name, int64_t **ids, int64_t *n)
{
    co_extent extent;
    size_t count;
    CO_TRY(co_file_extent(file, name, &extent));
    if (extent.ndim != 1)
        return CO_FAIL(CO_EDATA, "%s: %s should have one dimension", co_file_path(file), name);
    CO_TRY(co_file_read_new(file, name, CO_I64, (void **)ids, &count));
    *n = (int64_t)count;
    return CO_OK;
}

/* train or test; the CSR shape is checked here, so that no later loop can leave the lists. */
static co_status read_lists(const co_file *file, const char *part, int64_t *n_devices,
                            int64_t **offsets, int64_t **ids)
{
    char name[32];
    int64_t n_offsets = 0, n_ids = 0;
    snprintf(name, sizeof name, "%s/offsets", part);
    CO_TRY(read_ids(file, name, offsets, &n_offsets));
    if (*n_devices < 0) *n_devices = n_offsets - 1;
    if (n_offsets != *n_devices + 1 || n_offsets < 2)
        return CO_FAIL(CO_EDATA, "%s: %s has %lld numbers; %lld devices need one more than that",
                       co_file_path(file), name, (long long)n_offsets, (long long)*n_devices);
    snprintf(name, sizeof name, "%s/examples", part);
    CO_TRY(read_ids(file, name, ids, &n_ids));
    CO_TRY(check_offsets(co_file_path(file), part, *offsets, *n_devices));
    if ((*offsets)[*n_devices] == n_ids) return CO_OK;
    return CO_FAIL(CO_EDATA, "%s: %s/offsets ends with %lld, but there are %lld examples",
                   co_file_path(file), part, (long long)(*offsets)[*n_devices], (long long)n_ids);
}

static co_status read_stats(const co_file *file, co_partition *p)
{
    char **names;
    size_t n;
    CO_TRY(co_file_list(file, &names, &n));
    p->stat_name = co_calloc(n, sizeof *p->stat_name);
    p->stat = co_calloc(n, sizeof *p->stat);
    co_status st = p->stat_name && p->stat
                       ? CO_OK
                       : CO_FAIL(CO_ENOMEM, "%s: out of memory", co_file_path(file));
    for (size_t i = 0; i < n && st == CO_OK; i++) {
        co_extent extent;
        if (strncmp(names[i], "/stats/", 7) != 0) continue;
        st = co_file_extent(file, names[i], &extent);
        if (st == CO_OK && co_extent_count(&extent) != 1)
            st = CO_FAIL(CO_EDATA, "%s: %s should be one number", co_file_path(file), names[i]);
        if (st == CO_OK) st = co_file_read(file, names[i], CO_F64, 0, &p->stat[p->n_stats]);
        if (st == CO_OK && !(p->stat_name[p->n_stats] = co_strdup(names[i] + 7)))
            st = CO_FAIL(CO_ENOMEM, "%s: out of memory", co_file_path(file));
        if (st == CO_OK) p->n_stats++;
    }
    co_strings_free(names, n);
    return st;
}

/* A digest of 32 digits, or "" when the file has none. */
static co_status read_data_digest(const co_file *file, const char *expect, co_partition *p)
{
    char *text;
    if (!co_file_has_attr(file, "data_digest")) return CO_OK;
    CO_TRY(co_file_get_text(file, "data_digest", &text));
    const size_t n = strlen(text);
    co_status st = CO_OK;
    if (n != 0 && n != 32)
        st = CO_FAIL(CO_EDATA, "%s: data_digest '%.40s' is not 32 hex digits", co_file_path(file),
                     text);
    else if (n == 32 && expect && strcmp(expect, text) != 0)
        st = CO_FAIL(CO_EDATA,
                     "%s: was made for another data set (data_digest %s, this one has %s); "
                     "partition this one anew",
                     co_file_path(file), text, expect);
    else
        memcpy(p->data_digest, text, n + 1);
    co_free(text);
    return st;
}

static co_status read_method(const co_file *file, co_partition *p)
{
    int64_t overlap = 0;
    if (co_file_has_attr(file, "method"))
        CO_TRY(co_file_get_text(file, "method", &p->method));
    else if (!(p->method = co_strdup("imported")))
        return CO_FAIL(CO_ENOMEM, "%s: out of memory", co_file_path(file));
    if (co_file_has_attr(file, "overlap")) CO_TRY(co_file_get_int(file, "overlap", &overlap));
    if (overlap != 0 && overlap != 1)
        return CO_FAIL(CO_EDATA, "%s: overlap is %lld; 0 or 1 is allowed", co_file_path(file),
                       (long long)overlap);
    p->overlap = (int)overlap;
    return CO_OK;
}

/* device_name, once it is known to fit n_devices. */
static co_status read_device_names(const co_file *file, co_partition *p)
{
    size_t n;
    char **names;
    if (!co_file_has(file, "device_name")) return CO_OK;
    CO_TRY(co_file_read_strings(file, "device_name", &names, &n));
    if ((int64_t)n == p->n_devices) return p->device_name = names, CO_OK;
    co_strings_free(names, n);
    return CO_FAIL(CO_EDATA, "%s: device_name has %zu names for %lld devices", co_file_path(file),
                   n, (long long)p->n_devices);
}

/* device_noise and the seed that keys it. */
static co_status read_noise(const co_file *file, co_partition *p)
{
    size_t n;
    if (co_file_has_attr(file, "seed")) CO_TRY(co_file_get_u64(file, "seed", &p->seed));
    if (!co_file_has(file, "device_noise")) return CO_OK;
    CO_TRY(co_file_read_new(file, "device_noise", CO_F64, (void **)&p->device_noise, &n));
    if ((int64_t)n != p->n_devices)
        return CO_FAIL(CO_EDATA, "%s: device_noise has %zu numbers for %lld devices",
                       co_file_path(file), n, (long long)p->n_devices);
    for (size_t k = 0; k < n; k++)
        if (!(p->device_noise[k] >= 0.0 && p->device_noise[k] <= 1e30))
            return CO_FAIL(CO_EDATA, "%s: device_noise of device %zu is %g; 0 to 1e30 is allowed",
                           co_file_path(file), k, p->device_noise[k]);
    return CO_OK;
}

/* Ranges are checked when the data set is known. */
static co_status read_periods(const co_file *file, co_partition *p)
{
    size_t n;
    if (!co_file_has(file, "period")) return CO_OK;
    if (!co_file_has_attr(file, "n_periods"))
        return CO_FAIL(CO_EDATA, "%s: has period but no attribute n_periods", co_file_path(file));
    CO_TRY(co_file_get_int(file, "n_periods", &p->n_periods));
    CO_TRY(co_file_read_new(file, "period", CO_I32, (void **)&p->period, &n));
    p->n_dated = (int64_t)n;
    return CO_OK;
}

static co_status read_all(const co_file *file, const char *expect, co_partition *p)
{
    CO_TRY(read_data_digest(file, expect, p));
    CO_TRY(read_method(file, p));
    int64_t n_devices = -1;
    if (co_file_has_attr(file, "n_devices")) CO_TRY(co_file_get_int(file, "n_devices", &n_devices));
    CO_TRY(read_lists(file, "train", &n_devices, &p->train_offsets, &p->train));
    p->n_devices = n_devices;
    if (co_file_has(file, "test/offsets"))
        CO_TRY(read_lists(file, "test", &n_devices, &p->test_offsets, &p->test));
    if (co_file_has(file, "unassigned"))
        CO_TRY(read_ids(file, "unassigned", &p->unassigned, &p->n_unassigned));
    CO_TRY(read_device_names(file, p));
    CO_TRY(read_noise(file, p));
    CO_TRY(read_periods(file, p));
    CO_TRY(read_stats(file, p));
    return co_file_digest(file, p->digest);
}

co_status co_partition_read(const char *path, const char *expect_data_digest,
                            co_partition *partition)
{
    co_file *file;
    *partition = (co_partition){0};
    CO_TRY(co_file_open(path, "cohort-partition", true, &file));
    const co_status st = read_all(file, expect_data_digest, partition);
    co_file_close(file);
    if (st != CO_OK) co_partition_fini(partition);
    return st;
}
