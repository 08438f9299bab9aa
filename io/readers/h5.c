/* io/readers/h5.c - a data set that somebody made by hand with h5py: read, checked, and sealed when
 * it is written again. */
#include "io/readers/columns.h"
#include "io/readers/reader.h"

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    (void)opt;
    if (n_sources != 1) return CO_FAIL(CO_EUSAGE, "h5 takes one file, %zu were given", n_sources);
    CO_TRY(co_dataset_read(sources[0], data));
    return data->source ? CO_OK : co_columns_source(data, "h5", sources, 1);
}

const co_reader co_reader_h5 = {.name = "h5",
                                .summary =
                                    "seals a data set made by hand in HDF5 (x, y, split, user ..)",
                                .usage = "h5 FILE",
                                .read = read};
