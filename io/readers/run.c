/* io/readers/run.c - an import from source to tokens, the same for every reader; what no reader may
 * let pass. */
#include "core/log.h"
#include "core/text.h"
#include "io/readers/raw.h"
#include "io/readers/reader.h"
#include "io/readers/shape.h"
#include "io/readers/texts.h"
#include <string.h>

/* Names are UTF-8 in the file, for h5py and pandas. */
static co_status check_names(const char *where, const char *what, char *const *names, size_t n)
{
    for (size_t i = 0; names && i < n; i++)
        for (size_t at = 0, bytes, size = strlen(names[i]); at < size; at += bytes) {
            uint32_t code;
            bytes = co_utf8_decode(names[i] + at, size - at, &code);
            if (!bytes)
                return CO_FAIL(CO_EDATA,
                               "%s: %s '%.40s' is not UTF-8 (byte %02x); give encoding=latin1, or "
                               "what the source is, or save it as UTF-8",
                               where, what, names[i], (unsigned char)names[i][at]);
        }
    return CO_OK;
}

/* Many numbers with few examples each are rather a measure than classes. */
static void tell_measure(const co_dataset *data)
{
    enum { MANY = 100, FEW = 10 };
    int64_t whole;
    size_t c = 0;
    if (data->task != CO_DATA_CLASSIFICATION || data->n_classes <= MANY ||
        (size_t)data->n >= FEW * data->n_classes || !data->classes)
        return;
    while (c < data->n_classes && co_raw_whole(data->classes[c], &whole)) c++;
    if (c == data->n_classes)
        co_warn("the labels are %zu different numbers for %lld examples: if they are a measure, "
                "learn them "
                "with task=regression",
                data->n_classes, (long long)data->n);
}

static co_status check(const char *where, const co_dataset *data)
{
    CO_TRY(check_names(where, "class", data->classes, data->n_classes));
    CO_TRY(check_names(where, "user", data->user_name, data->n_users));
    CO_TRY(check_names(where, "group", data->group_name, data->n_groups));
    tell_measure(data);
    return CO_OK;
}

co_status co_reader_run(const co_reader *reader, const co_config *opt, const char *const *sources,
                        size_t n_sources, co_dataset *data)
{
    CO_TRY(reader->read(opt, sources, n_sources, data));
    CO_TRY(check(n_sources == 1 ? sources[0] : data->source, data));
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
