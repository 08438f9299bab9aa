/* io/lists/npz.c - index lists as NumPy arrays: offsets and examples, or the device of each
 * example. */
#include "core/memory.h"
#include "io/lists/lists.h"
#include "io/readers/npy.h"
#include "io/readers/zip_file.h"
#include <inttypes.h>
#include <stdio.h>

/* One array of the archive as integers, NULL when it lacks it. New block. */
static co_status read_array(const char *path, const co_raw *zip, const char *name, int64_t **out,
                            size_t *n)
{
    char member[32], where[1024];
    co_raw raw = {0};
    co_npy npy;
    *out = NULL;
    *n = 0;
    snprintf(member, sizeof member, "%s.npy", name);
    snprintf(where, sizeof where, "%s: %s", path, name);
    co_status st = co_zip_read(path, zip, member, &raw);
    if (st == CO_OK && !raw.bytes) return CO_OK;
    if (st == CO_OK) st = co_npy_parse(where, &raw, &npy);
    if (st == CO_OK && npy.ndim != 1) st = CO_FAIL(CO_EDATA, "%s: one dimension is wanted", where);
    if (st == CO_OK && !(*out = co_malloc(npy.count, sizeof **out)))
        st = CO_FAIL(CO_ENOMEM, "%s: %zu numbers", where, npy.count);
    for (size_t i = 0; st == CO_OK && i < npy.count; i++)
        if (!co_npy_int(&npy, i, &(*out)[i]))
            st = CO_FAIL(CO_EDATA, "%s: number %zu is %g; an integer is wanted", where, i,
                         co_npy_real(&npy, i));
    if (st == CO_OK) *n = npy.count;
    co_raw_fini(&raw);
    if (st != CO_OK) {
        co_free(*out);
        *out = NULL;
    }
    return st;
}

/* The devices by their names, in the order of the array; nothing when the archive has none. */
static co_status add_names(co_lists *lists, const co_raw *zip)
{
    char where[1024];
    co_raw raw = {0};
    co_npy npy = {0};
    snprintf(where, sizeof where, "%s: device_name", lists->path);
    co_status st = co_zip_read(lists->path, zip, "device_name.npy", &raw);
    if (st == CO_OK && raw.bytes) st = co_npy_parse_texts(where, &raw, &npy);
    for (size_t d = 0; st == CO_OK && d < npy.count; d++) {
        int32_t device = -1;
        char *name = co_npy_text(&npy, d);
        st = name ? co_lists_device(lists, name, &device)
                  : CO_FAIL(CO_ENOMEM, "%s: name %zu", where, d);
        if (st == CO_OK && (size_t)device != d)
            st = CO_FAIL(CO_EDATA, "%s: '%s' stands in it twice", where, name);
        co_free(name);
    }
    co_raw_fini(&raw);
    return st;
}

/* Device `value` has that number, as all come in their order; without a name of its own its name is
 * the number. */
static co_status number(co_lists *lists, int64_t value, int32_t *device)
{
    char name[24];
    *device = (int32_t)value;
    if ((size_t)value < lists->devices.n) return CO_OK;
    snprintf(name, sizeof name, "%" PRId64, value);
    return co_lists_device(lists, name, device);
}

/* Devices are numbered before the examples, so that empty ones count. */
static co_status add_lists(co_lists *lists, bool test, const int64_t *offsets, size_t n_offsets,
                           const int64_t *examples, size_t n)
{
    const char *what = test ? "test" : "train";
    if (n_offsets < 2 || offsets[0] != 0 || offsets[n_offsets - 1] != (int64_t)n)
        return CO_FAIL(CO_EDATA,
                       "%s: %s_offsets has %zu numbers; it begins with 0 and ends with the %zu "
                       "examples",
                       lists->path, what, n_offsets, n);
    for (size_t d = 0; d + 1 < n_offsets; d++) {
        int32_t device;
        CO_TRY(number(lists, (int64_t)d, &device));
        if (offsets[d + 1] < offsets[d] || offsets[d + 1] > (int64_t)n)
            return CO_FAIL(CO_EDATA,
                           "%s: %s_offsets goes from %" PRId64 " to %" PRId64 " at device %zu",
                           lists->path, what, offsets[d], offsets[d + 1], d);
        for (int64_t i = offsets[d]; i < offsets[d + 1]; i++)
            CO_TRY(co_lists_add(lists, device, test, examples[i]));
    }
    return CO_OK;
}

static co_status add_owners(co_lists *lists, const int64_t *owner, size_t n)
{
    int64_t last = -1;
    for (size_t i = 0; i < n; i++) last = owner[i] > last ? owner[i] : last;
    if (last >= INT32_MAX)
        return CO_FAIL(CO_EDATA, "%s: device names device %" PRId64 "; below %d is allowed",
                       lists->path, last, INT32_MAX);
    for (int64_t d = 0; d <= last; d++) {
        int32_t device;
        CO_TRY(number(lists, d, &device));
    }
    for (size_t i = 0; i < n; i++)
        if (owner[i] >= 0) CO_TRY(co_lists_add(lists, (int32_t)owner[i], false, (int64_t)i));
    return CO_OK;
}

static co_status add_part(co_lists *lists, const co_raw *zip, bool test, bool *found)
{
    int64_t *offsets = NULL, *examples = NULL;
    size_t n_offsets, n;
    co_status st =
        read_array(lists->path, zip, test ? "test_offsets" : "train_offsets", &offsets, &n_offsets);
    if (st == CO_OK)
        st = read_array(lists->path, zip, test ? "test_examples" : "train_examples", &examples, &n);
    *found = offsets && examples;
    if (st == CO_OK && *found) st = add_lists(lists, test, offsets, n_offsets, examples, n);
    co_free(offsets);
    co_free(examples);
    return st;
}

static co_status add_all(co_lists *lists, const co_raw *zip)
{
    bool found;
    int64_t *owner;
    size_t n;
    CO_TRY(add_part(lists, zip, false, &found));
    if (found) return add_part(lists, zip, true, &found);
    CO_TRY(read_array(lists->path, zip, "device", &owner, &n));
    if (!owner)
        return CO_FAIL(CO_EDATA, "%s: has neither train_offsets and train_examples nor device",
                       lists->path);
    const co_status st = add_owners(lists, owner, n);
    co_free(owner);
    return st;
}

static co_status read_archive(co_lists *lists, const co_raw *zip)
{
    CO_TRY(add_names(lists, zip));
    const size_t n_names = lists->devices.n;
    CO_TRY(add_all(lists, zip));
    if (n_names == 0 || n_names == lists->devices.n) return CO_OK;
    return CO_FAIL(CO_EDATA, "%s: device_name has %zu names for %zu devices", lists->path, n_names,
                   lists->devices.n);
}

co_status co_lists_npz(co_lists *lists)
{
    co_raw zip;
    CO_TRY(co_raw_read(lists->path, &zip));
    const co_status st = read_archive(lists, &zip);
    co_raw_fini(&zip);
    return st;
}
