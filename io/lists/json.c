/* io/lists/json.c - index lists as JSON: a map from device names to lists, or a list of lists. */
#include "core/memory.h"
#include "io/json_in.h"
#include "io/lists/lists.h"
#include "io/readers/raw.h"
#include <stdio.h>
#include <string.h>

static co_status read_list(co_lists *lists, co_json_in *in, int32_t device, bool test)
{
    bool first = true, more = true;
    CO_TRY(co_json_in_take(in, '['));
    for (;;) {
        int64_t example;
        CO_TRY(co_json_in_more(in, ']', &first, &more));
        if (!more) return CO_OK;
        CO_TRY(co_json_in_int(in, &example));
        CO_TRY(co_lists_add(lists, device, test, example));
    }
}

/* {"train": [..], "test": [..]} */
static co_status read_parts(co_lists *lists, co_json_in *in, int32_t device)
{
    bool first = true, more = true;
    CO_TRY(co_json_in_take(in, '{'));
    for (;;) {
        char *key;
        CO_TRY(co_json_in_more(in, '}', &first, &more));
        if (!more) return CO_OK;
        CO_TRY(co_json_in_key(in, &key));
        const bool test = strcmp(key, "test") == 0, known = test || strcmp(key, "train") == 0;
        const co_status st = known ? read_list(lists, in, device, test)
                                   : CO_FAIL(CO_EDATA,
                                             "%s: a device has the part '%.40s'; train and test "
                                             "are read",
                                             lists->path, key);
        co_free(key);
        CO_TRY(st);
    }
}

static co_status read_device(co_lists *lists, co_json_in *in, const char *name)
{
    int32_t device;
    const size_t n_before = lists->devices.n;
    CO_TRY(co_lists_device(lists, name, &device));
    if (lists->devices.n == n_before)
        return CO_FAIL(CO_EDATA, "%s: device '%.40s' stands twice", lists->path, name);
    return co_json_in_next(in) == '{' ? read_parts(lists, in, device)
                                      : read_list(lists, in, device, false);
}

static co_status read_map(co_lists *lists, co_json_in *in)
{
    bool first = true, more = true;
    CO_TRY(co_json_in_take(in, '{'));
    for (;;) {
        char *name;
        CO_TRY(co_json_in_more(in, '}', &first, &more));
        if (!more) return CO_OK;
        CO_TRY(co_json_in_key(in, &name));
        const co_status st = read_device(lists, in, name);
        co_free(name);
        CO_TRY(st);
    }
}

static co_status read_rows(co_lists *lists, co_json_in *in)
{
    bool first = true, more = true;
    CO_TRY(co_json_in_take(in, '['));
    for (size_t d = 0;; d++) {
        char name[24];
        CO_TRY(co_json_in_more(in, ']', &first, &more));
        if (!more) return CO_OK;
        snprintf(name, sizeof name, "%zu", d);
        CO_TRY(read_device(lists, in, name));
    }
}

co_status co_lists_json(co_lists *lists)
{
    co_raw raw;
    CO_TRY(co_raw_text(lists->path, &raw));
    co_json_in in = {.path = lists->path, .text = raw.bytes, .at = raw.bytes};
    co_status st = co_json_in_next(&in) == '{' ? read_map(lists, &in) : read_rows(lists, &in);
    if (st == CO_OK) st = co_json_in_end(&in);
    co_raw_fini(&raw);
    return st;
}
