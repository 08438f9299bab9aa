/* io/readers/synthetic.c - writes the data of the generator synthetic(alpha, beta) down: the
 * examples of device 0, then device 1 ..; the device is the user. test_fraction is 0.1 unless
 * given. Source: io/data/synthetic.h. */
#include "io/data/synthetic.h"
#include "core/memory.h"
#include "io/readers/columns.h"
#include "io/readers/reader.h"

static co_status fill(const co_synthetic *gen, co_dataset *data)
{
    double *scratch = co_malloc(co_synthetic_scratch(gen), sizeof *scratch);
    if (!scratch) return CO_FAIL(CO_ENOMEM, "synthetic: out of memory for one device");
    size_t at = 0;
    for (int64_t k = 0; k < gen->n_devices; k++) {
        const size_t size = (size_t)co_synthetic_size(gen, k);
        co_synthetic_fill(gen, k, 0, size, (float *)data->x + at * data->x_size, data->y + at,
                          scratch);
        for (size_t i = 0; i < size; i++) data->user[at + i] = (int32_t)k;
        at += size;
    }
    co_free(scratch);
    return CO_OK;
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    co_synthetic gen;
    size_t n = 0;
    if (n_sources) return CO_FAIL(CO_EUSAGE, "synthetic takes options only, not '%s'", sources[0]);
    CO_TRY(co_synthetic_init(&gen, opt, (uint64_t)co_config_int(opt, "seed")));
    const size_t features = (size_t)gen.features;
    for (int64_t k = 0; k < gen.n_devices; k++) n += (size_t)co_synthetic_size(&gen, k);
    CO_TRY(co_columns_fit("synthetic", n, features));
    CO_TRY(co_columns_start(data, "synthetic", n, CO_F32, 1, &features));
    data->user = co_malloc(n, sizeof *data->user);
    if (!data->user) return CO_FAIL(CO_ENOMEM, "synthetic: out of memory for %zu users", n);
    CO_TRY(fill(&gen, data));
    data->n_users = (size_t)gen.n_devices;
    CO_TRY(co_columns_numbered("", NULL, (size_t)gen.classes, &data->classes));
    data->n_classes = (size_t)gen.classes;
    return co_columns_source(data, "synthetic", NULL, 0);
}

static const co_param params[] = {CO_SYNTHETIC_OPTIONS,
                                  {"test_fraction", CO_REAL, .def = 0.1, .lo = 0.0, .hi = 1.0,
                                   .flags = CO_HI_OPEN,
                                   .doc = "share of the examples moved to split 1"},
                                  {0}};
const co_reader co_reader_synthetic = {
    .name = "synthetic",
    .summary = "softmax data whose model and inputs differ per device",
    .source = "Li et al., MLSys 2020, arXiv:1812.06127",
    .params = params,
    .usage = "synthetic devices=N alpha=A beta=B [features=60 classes=10 size=n]",
    .read = read};
