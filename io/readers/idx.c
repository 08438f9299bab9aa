/* io/readers/idx.c - any pair of IDX files (EMNIST, KMNIST ..): images of 2 to 4 dimensions and
 * integer labels.
 *
 * Labels are ranked: class 0 is the smallest label that occurs, in training or test, and bears it
 * as its name. */
#include "core/memory.h"
#include "io/readers/columns.h"
#include "io/readers/idx_file.h"
#include "io/readers/reader.h"

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    (void)sources;
    if (n_sources)
        return CO_FAIL(CO_EUSAGE, "idx takes its files as images= and labels=, not '%s'",
                       sources[0]);
    const bool test = co_config_has(opt, "test_images");
    if (test != co_config_has(opt, "test_labels"))
        return CO_FAIL(CO_EUSAGE,
                       "idx: test_images and test_labels go together; give both or neither");
    const char *images[2] = {co_config_string(opt, "images"),
                             test ? co_config_string(opt, "test_images") : NULL};
    const char *labels[2] = {co_config_string(opt, "labels"),
                             test ? co_config_string(opt, "test_labels") : NULL};
    int64_t *label = NULL;
    co_status st = co_idx_dataset(images, labels, data, &label);
    if (st == CO_OK) st = co_columns_classes(data, label);
    co_free(label);
    if (st == CO_OK) st = co_columns_source(data, "idx", images, test ? 2 : 1);
    return st;
}

static const co_param params[] = {
    {"images", CO_STRING, .flags = CO_REQUIRED,
     .doc = "IDX file of training images or rows, .gz or not"},
    {"labels", CO_STRING, .flags = CO_REQUIRED, .doc = "IDX file of training labels"},
    {"test_images", CO_STRING, .flags = CO_OPTIONAL, .doc = "IDX file of test images"},
    {"test_labels", CO_STRING, .flags = CO_OPTIONAL, .doc = "IDX file of test labels"},
    {0}};
const co_reader co_reader_idx = {
    .name = "idx",
    .summary = "images and labels in IDX files, as MNIST's relatives are published",
    .params = params,
    .usage = "idx images=F labels=F [test_images=F test_labels=F]",
    .read = read};
