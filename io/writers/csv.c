/* io/writers/csv.c - a partition as a table: device,example and, with test parts, part.
 *
 * A device without examples has one row with empty cells behind its name. */
#include "io/writers/aside.h"
#include "io/writers/writer.h"
#include <inttypes.h>

static void write_rows(FILE *out, const char *name, const int64_t *ids, int64_t n, const char *part)
{
    for (int64_t i = 0; i < n; i++) {
        co_writer_cell(out, name);
        fprintf(out, ",%" PRId64 "%s\n", ids[i], part);
    }
}

static void write_partition(FILE *out, const co_partition *p)
{
    const bool parts = p->test_offsets != NULL;
    fputs(parts ? "device,example,part\n" : "device,example\n", out);
    for (int64_t d = 0; d < p->n_devices; d++) {
        char number[24];
        const char *name = co_writer_device(p, d, number);
        const int64_t *at = p->train_offsets + d, *test = parts ? p->test_offsets + d : NULL;
        const int64_t n_test = parts ? test[1] - test[0] : 0;
        write_rows(out, name, p->train + at[0], at[1] - at[0], parts ? ",train" : "");
        if (parts) write_rows(out, name, p->test + test[0], n_test, ",test");
        if (at[1] - at[0] + n_test > 0) continue;
        co_writer_cell(out, name);
        fputs(parts ? ",,\n" : ",\n", out);
    }
}

static co_status write_to(const co_config *opt, const char *const *sources, size_t n_sources,
                          const char *output)
{
    (void)opt;
    return co_writer_lists("csv", sources, n_sources, output, write_partition);
}

const co_writer co_writer_csv = {.name = "csv",
                                 .summary =
                                     "index lists of a partition, a row a device and example",
                                 .usage = "csv PART",
                                 .write = write_to};
