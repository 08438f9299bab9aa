/* io/files/inputs.h - what is written must not be what is read. Local. */
#pragma once
#include "core/status.h"

/* CO_EUSAGE when output, which need not exist, is one of the files that are read: the same file on
 * the disk, under whatever name or link. inputs may hold NULL and what is no file. */
co_status co_output_differs(const char *output, const char *const *inputs, size_t n_inputs);
