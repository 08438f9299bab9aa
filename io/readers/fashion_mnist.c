/* io/readers/fashion_mnist.c - Fashion-MNIST from its four published files: x [70000][1][28][28]
 * u8, training first.
 *
 * The classes bear the names of the publication. Source: Xiao, Rasul, Vollgraf, arXiv:1708.07747,
 * table 2. */
#include "io/readers/columns.h"
#include "io/readers/idx_file.h"
#include "io/readers/reader.h"

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    static const char *const names[10] = {"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                          "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                          "Bag",         "Ankle boot"};
    (void)opt;
    if (n_sources != 1)
        return CO_FAIL(CO_EUSAGE, "fashion_mnist takes one folder, %zu were given", n_sources);
    CO_TRY(co_idx_mnist_folder(sources[0], names, data));
    return co_columns_source(data, "fashion_mnist", sources, 1);
}

const co_reader co_reader_fashion_mnist = {
    .name = "fashion_mnist",
    .summary = "Fashion-MNIST clothes, 28x28 bytes, from the four published files",
    .source = "Xiao et al., arXiv:1708.07747",
    .usage = "fashion_mnist DIR",
    .read = read};
