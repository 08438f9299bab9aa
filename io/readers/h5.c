/* io/readers/h5.c - a data set that somebody made by hand with h5py: read, checked, and sealed when
 * it is written again. x, tokens and raw text, of any layout that HDF5 reads, are copied in blocks
 * of 512 KiB, or of a row of their chunks up to 256 MiB. */
#include "io/readers/columns.h"
#include "io/readers/reader.h"

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    (void)opt;
    if (n_sources != 1) return CO_FAIL(CO_EUSAGE, "h5 takes one file, %zu were given", n_sources);
    CO_TRY(co_dataset_open(sources[0], data));
    return data->source ? CO_OK : co_columns_source(data, "h5", sources, 1);
}

static const char format[] =
    "What the file may hold, for n examples; all but x (or tokens) may be left out:\n"
    "  x            [n, ..] u8 or f32, images [n, channel, row, column]; its attributes scale and "
    "shift, each one number or one a\n"
    "               channel: value = x scale + shift (u8: 1/255 and 0, f32: 1 and 0)\n"
    "  y            [n] i32, classes 0, 1 ..; the file's attribute task: classification, lm or "
    "tagging; regression: [n, k] f32, k numbers;\n"
    "               multilabel: [n, k] u8, 0 or 1 for each of k labels. Alone it does to make "
    "partitions\n"
    "  classes      [c] str, their names, or those of the k columns\n"
    "  split        [n] u8: 0 train, 1 test, 2 validation\n"
    "  user, group  [n] i32: whose example it is, and of which group; user_name, group_name [..] "
    "str\n"
    "  tokens       [t] i32 instead of x, with token_offsets [n + 1] i64; vocab [v] str, or its "
    "size "
    "alone, vocab_size [1] (else the\n"
    "               largest token and one more); token_y [t] i32 for tagging, -1: no label, not "
    "scored\n"
    "  text         [bytes] u8, the raw text, with text_offsets [n + 1] i64\n"
    "Contiguous, chunked or packed with gzip; x, tokens and text are copied in blocks and may be "
    "larger than the memory. Links are followed.\n";

const co_reader co_reader_h5 = {.name = "h5",
                                .summary =
                                    "seals a data set made by hand in HDF5 (x, y, split, user ..)",
                                .usage = "h5 FILE",
                                .format = format,
                                .read = read};
