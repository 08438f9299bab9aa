/* io/readers/paths.h - the regular files below a folder, for readers of trees. Local. */
#pragma once
#include "core/status.h"

/* paths[*n]: PATH itself when it is a file, else every file below it whose name ends with `ending`
 * ("" for any; hidden ones left out), in byte order of the whole path; co_strings_free. CO_EFILE
 * when PATH is missing or unreadable. */
co_status co_paths_list(const char *path, const char *ending, char ***paths, size_t *n);
