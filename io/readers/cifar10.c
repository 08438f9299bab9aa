/* io/readers/cifar10.c - CIFAR-10, binary version. Source: Krizhevsky, Learning multiple layers of
 * features from tiny images, 2009. */
#include "io/readers/cifar.h"

static const char *const classes[10] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                        "dog",      "frog",       "horse", "ship", "truck"};
static const co_cifar form = {
    .name = "cifar10", .example = "data_batch_1.bin ..", .classes = classes, .n_classes = 10};

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    return co_cifar_read(&form, opt, sources, n_sources, data);
}

static const co_param params[] = {{"test", CO_STRING, .flags = CO_OPTIONAL,
                                   .doc = "file of test records (test_batch.bin), .gz or not"},
                                  {0}};
const co_reader co_reader_cifar10 = {.name = "cifar10",
                                     .summary = "CIFAR-10, binary version, 3x32x32 bytes",
                                     .source = "Krizhevsky, technical report, 2009",
                                     .params = params,
                                     .usage = "cifar10 FILE.. [test=FILE]",
                                     .read = read};
