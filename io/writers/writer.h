/* io/writers/writer.h - kind writer: puts data sets and partitions into the formats of other
 * programs
 * (`cohort export FORMAT ..`), the counterpart of the kind reader.
 *
 * Adding one: a file io/writers/<name>.c with the table co_writer_<name>, and a line in list.h. */
#pragma once
#include "core/config.h"
#include <stddef.h>

typedef struct {
    CO_PLUGIN_FIELDS;
    const char *usage;         /* "json PART", for help */
    const char *const *folder; /* the output is a folder, with some of these files, a * standing
                                  for 0, 1, ..; ends with NULL. NULL: one file */
    /* Local. sources[n_sources]: our files, the positional arguments; opt holds the checked
     * options. output appears whole or not at all; so does each file of a folder, the weights last,
     * and files of that list which stood there before are gone. CO_EUSAGE when the files have not
     * what the format needs. */
    co_status (*write)(const co_config *opt, const char *const *sources, size_t n_sources,
                       const char *output);
} co_writer;

extern const co_kind co_kind_writer;
const co_writer *co_writer_find(const char *name); /* NULL with a message */
