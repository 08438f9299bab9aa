/* io/readers/cifar.h - what CIFAR-10 and CIFAR-100 have in common. */
#pragma once
#include "io/readers/reader.h"

typedef struct {
    const char *name, *example; /* the reader; the published name of a training file */
    const char *const *classes; /* [n_classes] */
    size_t n_classes;
    const char *const
        *groups; /* [n_groups] superclasses, the column `group`; 0: the records have none */
    size_t n_groups;
} co_cifar;

/* x [n][3][32][32] u8, y, split 1 for the file of option `test`. Local. CO_EDATA: a record cut or a
 * label out of range. */
co_status co_cifar_read(const co_cifar *form, const co_config *opt, const char *const *sources,
                        size_t n_sources, co_dataset *data);
