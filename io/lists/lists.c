/* io/lists/lists.c - collects (device, example) pairs and lists them by device.
 * Cost: O(pairs) time beside the sorting of lists that are not ascending; 12 bytes a pair, twice 8
 * an example. */
#include "io/lists/lists.h"
#include "core/memory.h"
#include "core/text.h"
#include "io/readers/raw.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbering ---- */

/* The number that a name is, as it would be written; -1 otherwise. */
static int64_t plain_number(const char *name)
{
    int64_t value;
    char text[24];
    if (!co_raw_int(name, &value) || value < 0) return -1;
    snprintf(text, sizeof text, "%" PRId64, value);
    return strcmp(text, name) == 0 ? value : -1;
}

/* With the names 0 .. K - 1 in any order each device gets its number, and the names go. */
static co_status number_devices(co_lists *lists)
{
    const size_t k = lists->devices.n;
    for (size_t d = 0; d < k; d++) { /* names differ: K of them below K are all */
        const int64_t number = plain_number(lists->devices.name[d]);
        if (number < 0 || number >= (int64_t)k) return CO_OK;
    }
    int32_t *number = co_malloc(k, sizeof *number);
    if (!number) return CO_FAIL(CO_ENOMEM, "%s: numbers of %zu devices", lists->path, k);
    for (size_t d = 0; d < k; d++) number[d] = (int32_t)plain_number(lists->devices.name[d]);
    for (int t = 0; t < 2; t++)
        for (size_t i = 0; i < lists->part[t].n; i++)
            lists->part[t].device[i] = number[lists->part[t].device[i]];
    co_free(number);
    co_strings_free(lists->devices.name, k);
    lists->devices.name = NULL;
    return CO_OK;
}

/* ---- lists ---- */

static int by_id(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static co_status sort_device(const char *path, const char *part, int64_t device, int64_t *ids,
                             int64_t n)
{
    int64_t i = 1;
    while (i < n && ids[i - 1] < ids[i]) i++;
    if (i >= n) return CO_OK;
    qsort(ids, (size_t)n, sizeof *ids, by_id);
    for (i = 1; i < n; i++)
        if (ids[i - 1] == ids[i])
            return CO_FAIL(CO_EDATA, "%s: %s of device %" PRId64 " lists example %" PRId64 " twice",
                           path, part, device, ids[i]);
    return CO_OK;
}

static co_status give_part(const co_lists *lists, bool test, int64_t k, int64_t **offsets,
                           int64_t **ids)
{
    const co_list_part *part = &lists->part[test];
    int64_t *first = *offsets = co_calloc((size_t)k + 1, sizeof *first);
    int64_t *out = *ids = co_malloc(part->n, sizeof *out);
    if (!first || !out)
        return CO_FAIL(CO_ENOMEM, "%s: lists of %zu examples", lists->path, part->n);
    for (size_t i = 0; i < part->n; i++) first[part->device[i] + 1]++;
    for (int64_t d = 0; d < k; d++) first[d + 1] += first[d];
    for (size_t i = 0; i < part->n; i++) out[first[part->device[i]]++] = part->example[i];
    memmove(first + 1, first, (size_t)k * sizeof *first); /* each has reached its end */
    first[0] = 0;
    for (int64_t d = 0; d < k; d++)
        CO_TRY(sort_device(lists->path, test ? "test" : "train", d, out + first[d],
                           first[d + 1] - first[d]));
    return CO_OK;
}

static co_status give(co_lists *lists, co_partition *p)
{
    if (lists->devices.n == 0) return CO_FAIL(CO_EDATA, "%s: lists no device", lists->path);
    p->n_devices = (int64_t)lists->devices.n;
    CO_TRY(number_devices(lists));
    CO_TRY(give_part(lists, false, p->n_devices, &p->train_offsets, &p->train));
    if (lists->part[1].n > 0)
        CO_TRY(give_part(lists, true, p->n_devices, &p->test_offsets, &p->test));
    p->device_name = lists->devices.name;
    lists->devices = (co_members){.slot = lists->devices.slot};
    return CO_OK;
}

/* ---- formats ---- */

static co_status read_by_content(co_lists *lists, const char *method)
{
    char head[64] = "";
    if (co_file_is_hdf5(lists->path)) return co_lists_fednlp(lists, method);
    if (method)
        return CO_FAIL(CO_EUSAGE, "%s: is no HDF5 file and so has no method '%s' to choose",
                       lists->path, method);
    FILE *file = fopen(lists->path, "rb");
    const size_t n = file ? fread(head, 1, sizeof head - 1, file) : 0;
    if (file) fclose(file);
    head[n] = '\0';
    const char *other, *text = head + co_text_mark(head, n, &other);
    const char first = text[strspn(text, " \t\r\n")];
    if (other)
        return CO_FAIL(CO_EDATA, "%s: is encoded as %s; save it as UTF-8", lists->path, other);
    if (first == '{' || first == '[') return co_lists_json(lists);
    if (memcmp(head, "PK", 2) == 0) return co_lists_npz(lists);
    return co_lists_csv(lists); /* says when the file cannot be read */
}

co_status co_lists_read(const char *path, const char *method, co_partition *partition)
{
    co_lists lists = {.path = path};
    *partition = (co_partition){0};
    co_status st = read_by_content(&lists, method);
    if (st == CO_OK) st = give(&lists, partition);
    co_lists_fini(&lists);
    if (st != CO_OK) co_partition_fini(partition);
    return st;
}
