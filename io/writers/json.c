/* io/writers/json.c - a partition as JSON: device names and lists of example ids.
 *
 * Without test parts {"0": [..], ..}, else {"0": {"train": [..], "test": [..]}, ..}. What is
 * unassigned stands in no list. */
#include "io/json.h"
#include "io/writers/aside.h"
#include "io/writers/writer.h"

static void write_list(co_json *json, const char *key, const int64_t *ids, int64_t n)
{
    co_json_open(json, key, '[');
    for (int64_t i = 0; i < n; i++) co_json_int(json, NULL, ids[i]);
    co_json_close(json, ']');
}

static void write_partition(FILE *out, const co_partition *p)
{
    co_json json = {.out = out};
    co_json_open(&json, NULL, '{');
    for (int64_t d = 0; d < p->n_devices; d++) {
        char number[24];
        const char *name = co_writer_device(p, d, number);
        const int64_t *at = p->train_offsets + d;
        if (!p->test_offsets) {
            write_list(&json, name, p->train + at[0], at[1] - at[0]);
            continue;
        }
        co_json_open(&json, name, '{');
        write_list(&json, "train", p->train + at[0], at[1] - at[0]);
        at = p->test_offsets + d;
        write_list(&json, "test", p->test + at[0], at[1] - at[0]);
        co_json_close(&json, '}');
    }
    co_json_close(&json, '}');
    fputc('\n', out);
}

static co_status write_to(const co_config *opt, const char *const *sources, size_t n_sources,
                          const char *output)
{
    (void)opt;
    return co_writer_lists("json", sources, n_sources, output, write_partition);
}

const co_writer co_writer_json = {.name = "json",
                                  .summary =
                                      "index lists of a partition, a map from devices to lists",
                                  .usage = "json PART",
                                  .write = write_to};
