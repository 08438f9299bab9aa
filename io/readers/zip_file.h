/* io/readers/zip_file.h - members of a zip archive held in memory. Local. */
#pragma once
#include "io/readers/raw.h"

/* Unpacks the member of that name into content (bytes NULL when there is none; ended by
 * co_raw_fini). Stored and deflated members, zip64 sizes; length and CRC-32 are checked. CO_EDATA
 * for a damaged, encrypted or otherwise packed archive; path is for messages. */
co_status co_zip_read(const char *path, const co_raw *zip, const char *name, co_raw *content);
