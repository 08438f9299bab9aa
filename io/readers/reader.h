/* io/readers/reader.h - kind reader: turns published raw data into a data set (`cohort import
 * FORMAT ..`).
 *
 * Adding one: a file io/readers/<name>.c with the table co_reader_<name>, and a line in list.h; a
 * small good input of it in tests/kinds/inputs.h takes it through the suite. */
#pragma once
#include "core/config.h"
#include "io/data/dataset.h"

typedef struct {
    CO_PLUGIN_FIELDS;
    const char *usage;  /* "mnist DIR [writers=DIR]", for help */
    const char *format; /* what the sources hold, lines for help; NULL when the summary says it */
    bool splits; /* read calls co_reader_split_by itself: what it fits to the training part comes
                    after */
    bool text;   /* fills data->text and takes CO_TEXT_PARAMS: co_texts_tokenise follows the cut of
                    splits */
    /* Local. sources[n_sources] are the positional arguments; opt holds the checked options. Fills
     * data (zeroed by the caller; x may stay in x_file), examples in the order: training files in
     * source order, then test. A missing file is CO_EFILE and repeats the names it wants; bad
     * content is CO_EDATA with file and row. On failure data may be half filled: the caller ends
     * it. */
    co_status (*read)(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data);
} co_reader;

extern const co_kind co_kind_reader;
const co_reader *co_reader_find(const char *name); /* NULL with a message */
/* What `cohort import` does: reads, gives x its shape, cuts the splits, makes tokens. opt is
 * checked against the reader's options and the common ones. data is zeroed by the caller, who ends
 * it. Local. */
co_status co_reader_run(const co_reader *reader, const co_config *opt, const char *const *sources,
                        size_t n_sources, co_dataset *data);
/* Options that every import takes: shape, layout, test_fraction, validation_fraction, seed. */
extern const co_param co_reader_common_params[];
/* Moves keyed draws of split 0 to split 1 (test_fraction) and 2 (validation_fraction). Local. */
co_status co_reader_split(co_dataset *data, double test_fraction, double validation_fraction,
                          uint64_t seed);
co_status co_reader_split_by(const co_config *opt, co_dataset *data); /* by the common options */
