/* sim/observers/left_out.h - frozen tensors that a checkpoint leaves out: named by where they come
 * from (attribute base) and a digest over their values in the order of the vector (base_digest). */
#pragma once
#include "io/files/file.h"
#include "models/model.h"

/* Names the frozen tensors of params, which stem from `base`. CO_ENOMEM, CO_EFILE. Local. */
co_status co_left_out_write(co_file *file, const char *base, const co_model *model,
                            const float *params);
/* CO_EUSAGE when the tensors with left_out[k] are not in params what the file says that they were;
 * a file that leaves none out passes. Local. */
co_status co_left_out_check(const co_file *file, const co_model *model, const float *params,
                            const bool *left_out);
