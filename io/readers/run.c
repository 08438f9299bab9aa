/* io/readers/run.c - an import from source to tokens, the same for every reader. */
#include "io/readers/reader.h"
#include "io/readers/shape.h"
#include "io/readers/texts.h"

co_status co_reader_run(const co_reader *reader, const co_config *opt, const char *const *sources,
                        size_t n_sources, co_dataset *data)
{
    CO_TRY(reader->read(opt, sources, n_sources, data));
    CO_TRY(co_shape_apply(opt, data));
    if (!reader->splits) CO_TRY(co_reader_split_by(opt, data));
    return reader->text ? co_texts_tokenise(opt, data) : CO_OK;
}

const co_param co_reader_common_params[] = {
    CO_SHAPE_PARAMS,
    {"test_fraction", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN,
     .doc = "share of the training examples moved to split 1"},
    {"validation_fraction", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN,
     .doc = "share of the training examples moved to split 2"},
    {"seed", CO_INT, .def = 1.0, .lo = 0.0, .hi = 9.2e18, .doc = "of the keyed draws"},
    {0}};
