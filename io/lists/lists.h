/* io/lists/lists.h - which examples each device holds, read from the files of other programs.
 * Local.
 *
 * Four formats, told apart by the content of the file; the writers of the same names (kind writer)
 * write them:
 *
 * - JSON: {"NAME": [0, 5, ..], ..} or {"NAME": {"train": [..], "test": [..]}, ..}, or a list of
 * lists.
 *
 * - CSV with a header: the columns device and example, and part (train or test) when there are test
 *   parts; client stands for device and index for example. A row without example: an empty device.
 *
 * - NumPy .npz: train_offsets [K + 1], train_examples, and test_offsets, test_examples; or device
 *   [n_examples], the device of each example, -1 for none. device_name [K] beside either, bytes (S)
 * or str (U).
 *
 * - FedNLP's partition HDF5: /METHOD/n_clients, /METHOD/partition_data/NAME/{train,test}. */
#pragma once
#include "io/data/partition_file.h"
#include "io/readers/members.h"

/* Fills n_devices, train and test lists (test: NULL when there is none), ascending by id, and
 * device_name, NULL when the names are the numbers 0 .. K - 1, which then number the devices; else
 * devices stand in the order of the file. An id twice in one list is CO_EDATA; the range of the ids
 * is not known here. method: the one wanted of a FedNLP file, NULL: its only one; CO_EUSAGE names
 * those there are. partition is overwritten; empty after a failure. */
co_status co_lists_read(const char *path, const char *method, co_partition *partition);

/* Lists under construction, for the formats. */
typedef struct {
    int32_t *device;
    int64_t *example;
    size_t n, device_room, example_room;
} co_list_part;
typedef struct {
    const char *path;
    co_members devices;   /* names in the order of appearance */
    co_list_part part[2]; /* train, test */
} co_lists;
co_status co_lists_device(co_lists *lists, const char *name, int32_t *device); /* its number */
co_status co_lists_add(co_lists *lists, int32_t device, bool test, int64_t example);
void co_lists_fini(co_lists *lists);

co_status co_lists_json(co_lists *lists);
co_status co_lists_csv(co_lists *lists);
co_status co_lists_npz(co_lists *lists);
co_status co_lists_fednlp(co_lists *lists, const char *method);
