/* io/dataset_private.h - shared by io/dataset*.c. */
#pragma once
#include "io/dataset.h"

/* Everything but x from an open file, checked, with the digest. data is zeroed first; half filled
 * on failure: the caller ends it. Local. */
co_status co_dataset_columns(const co_file *file, co_dataset *data);
