/* sim/console.h - what the commands check and print alike. Local. */
#pragma once
#include "sim/commands.h"

/* True when mpirun or srun started several copies of the program. */
bool co_launched_on_ranks(void);

/* For commands that work alone: CO_EUSAGE under several ranks. */
co_status co_alone_check(const char *command);

/* CO_EUSAGE when output, which need not exist, is one of the files that are read: the same file on the disk, under whatever
 * name or link. inputs may hold NULL and what is no file. */
co_status co_output_differs(const char *output, const char *const *inputs, size_t n_inputs);

/* For commands that write one file: refuses a missing -o, an output that is one of the words' files and, without
 * --overwrite, an output that exists (CO_EUSAGE); a folder that is missing or not writable (CO_EFILE). An existing file is
 * replaced only when it begins as one of cohort's or of HDF5 does, or is empty. Called before any
 * work; the file itself stays until its successor is published. */
co_status co_output_check(const char *command, const co_words *words);

/* "usage: cohort <usage>", the summary, then details (text that ends with a newline). */
void co_print_usage(const co_command *command, const char *details);

/* "  label          text" on a line of its own. */
void co_print_field(FILE *out, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* value to that many significant digits, away from zero (up) or towards it: a bound that is printed stays one. value >= 0. */
double co_round_digits(double value, int digits, bool up);
/* Bytes of a file as "54.9 MiB"; "?" when it cannot be asked. */
void co_print_file_size(FILE *out, const char *path);
