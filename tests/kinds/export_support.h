/* tests/kinds/export_support.h - a folder with a small data set and partitions of it, with names
 * that formats have to quote. */
#pragma once
#include "io/data/partition_file.h"
#include "tests/kinds/options.h"
#include "tests/run_helpers.h"
#include <sys/stat.h>

enum { DEVICES = 9, EXAMPLES = 40 };
/* The last two have no example to train on. */
static const char *const names[DEVICES] = {
    "a \"quoted\" one",
    "sl/ash/es",
    "uml\xC3\xA4ut \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x98\x80",
    "comma, semi;colon",
    "line\nbreak\ttab",
    "back\\slash 'apostrophe'",
    "=1+1 {%d}",
    "..",
    "nobody, no"};
static char folder[1024], data_path[1100], part_path[1100], out_path[1100];

/* An empty folder with a data set in it. */
static inline void start(void)
{
    snprintf(folder, sizeof folder, "%s", scratch_file("writer"));
    mkdir(folder, 0755);
    snprintf(data_path, sizeof data_path, "%s/data.h5", folder);
    snprintf(part_path, sizeof part_path, "%s/part.h5", folder);
    snprintf(out_path, sizeof out_path, "%s/out", folder);
    cr_assert_eq(write_blobs(data_path, EXAMPLES, 3, 4, 1), CO_OK, "%s", co_status_message());
}

static inline void end(void)
{
    char command[1100];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    cr_assert_eq(system(command), 0);
    cr_expect_eq(co_memory_blocks(), 0);
}

typedef enum { PLAIN = 0, NAMED = 1, TESTED = 2, EMPTY = 4 } form;

/* Writes it to part_path. Device d has the examples of split 0 that are d modulo DEVICES - 2, and
 * the first half of those are its training part when it has a test part. EMPTY: nobody has any. */
static inline void make_partition(form f)
{
    co_dataset data;
    int64_t train_at[DEVICES + 1] = {0}, test_at[DEVICES + 1] = {0}, train[EXAMPLES],
                               test[EXAMPLES], rest[EXAMPLES];
    char *name[DEVICES], method[] = "natural";
    co_partition p = {.n_devices = DEVICES,
                      .train_offsets = train_at,
                      .train = train,
                      .unassigned = rest,
                      .method = method,
                      .test_offsets = f & TESTED ? test_at : NULL,
                      .test = f & TESTED ? test : NULL,
                      .device_name = f & NAMED ? name : NULL};
    cr_assert_eq(co_dataset_read(data_path, &data), CO_OK, "%s", co_status_message());
    for (int64_t d = 0; d < DEVICES; d++) {
        name[d] = co_strdup(names[d]);
        train_at[d + 1] = train_at[d], test_at[d + 1] = test_at[d];
        for (int64_t i = d; i < EXAMPLES && d < DEVICES - 2 && !(f & EMPTY); i += DEVICES - 2) {
            if (data.split[i]) continue;
            if (f & TESTED && i >= EXAMPLES / 2)
                test[test_at[d + 1]++] = i;
            else
                train[train_at[d + 1]++] = i;
        }
    }
    for (int64_t i = 0; i < EXAMPLES && f & EMPTY; i++)
        if (!data.split[i]) rest[p.n_unassigned++] = i;
    cr_assert_eq(co_partition_write(&p, &data, part_path, 1, "test: writer\n"), CO_OK, "%s",
                 co_status_message());
    for (int d = 0; d < DEVICES; d++) co_free(name[d]);
    co_dataset_fini(&data);
}
