/* io/writers/npz.c - a partition as NumPy arrays: train_offsets, train_examples, test_offsets and
 * test_examples with test parts, unassigned, device_name when the devices have names. */
#include "io/writers/archive.h"
#include "io/writers/aside.h"
#include "io/writers/writer.h"

static co_status write_partition(co_archive *a, const co_partition *p)
{
    const size_t k = (size_t)p->n_devices;
    CO_TRY(co_archive_add(a, "train_offsets.npy", "<i8", p->train_offsets, k + 1, 0, 8));
    CO_TRY(co_archive_add(a, "train_examples.npy", "<i8", p->train, (size_t)p->train_offsets[k], 0,
                          8));
    if (p->test_offsets) {
        CO_TRY(co_archive_add(a, "test_offsets.npy", "<i8", p->test_offsets, k + 1, 0, 8));
        CO_TRY(co_archive_add(a, "test_examples.npy", "<i8", p->test, (size_t)p->test_offsets[k], 0,
                              8));
    }
    CO_TRY(
        co_archive_add(a, "unassigned.npy", "<i8", p->unassigned, (size_t)p->n_unassigned, 0, 8));
    if (p->device_name) CO_TRY(co_archive_add_texts(a, "device_name.npy", p->device_name, k));
    co_archive_end(a);
    return CO_OK;
}

static co_status write_to(const co_config *opt, const char *const *sources, size_t n_sources,
                          const char *output)
{
    co_partition p = {0};
    co_aside aside;
    (void)opt;
    CO_TRY(co_writer_partition("npz", sources, n_sources, &p));
    co_status st = co_aside_start(output, &aside);
    if (st == CO_OK) {
        co_archive a = {.out = aside.out, .path = output};
        st = co_aside_end(&aside, write_partition(&a, &p));
    }
    co_partition_fini(&p);
    return st;
}

const co_writer co_writer_npz = {.name = "npz",
                                 .summary = "index lists of a partition as NumPy arrays",
                                 .usage = "npz PART",
                                 .write = write_to};
