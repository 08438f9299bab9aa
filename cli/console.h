/* cli/console.h - what the commands check and print alike. Local. */
#pragma once
#include "cli/commands.h"

/* True when mpirun or srun started several copies of the program. */
bool co_launched_on_ranks(void);

/* For commands that work alone: CO_EUSAGE under several ranks. */
co_status co_alone_check(const char *command);

/* For commands that write one file: refuses a missing -o, an output that is one of the words' files
 * and, without
 * --overwrite, an output that exists (CO_EUSAGE); a folder that is missing or not writable
 * (CO_EFILE). An existing file is replaced only when it begins as one of cohort's or of HDF5 does,
 * or is empty. Called before any work; the file itself stays until its successor is published. */
co_status co_output_check(const char *command, const co_words *words);

/* For those that write a folder with some of these files (the list ends with NULL): as above; a
 * folder that exists must be empty, or, with --overwrite, hold nothing but such files. */
co_status co_output_folder_check(const char *command, const co_words *words,
                                 const char *const *files);

/* "usage: cohort <usage>", the summary, then details (text that ends with a newline). */
void co_print_usage(const co_command *command, const char *details);
