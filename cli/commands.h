/* cli/commands.h - the commands of the program, one file each (cli/command_<name>.c).
 *
 * A command gets the words behind its name. It prints its result on stdout and what it is doing on
 * stderr (core/log.h), and returns a status; main alone prints the error message and turns the
 * status into the exit code. --help is a word like others: each command prints its own help on
 * stdout and returns CO_OK. */
#pragma once
#include "core/config.h"
#include <stdio.h>

typedef struct {
    const char *name;
    const char *usage;   /* "import FORMAT SOURCE.. -o FILE [key=value ..]" */
    const char *summary; /* one line */
    bool needs_mpi;      /* main calls MPI_Init before and MPI_Finalize after */
    bool uses_ranks; /* the same, but only when a launcher started several ranks; without either,
                          rank 0 works alone */
    co_status (*run)(int n_words, char **words);
} co_command;

extern const co_command co_command_import, co_command_partition, co_command_export, co_command_run,
    co_command_predict, co_command_compare, co_command_show, co_command_plot, co_command_list,
    co_command_account;

/* Every kind of the program, in the order of the data's walk; ends with NULL. `cohort list` and the
 * checking of experiment files know the kinds from here (cli/kinds.c). */
extern const co_kind *const co_kinds[];

/* The words of a command line: options that stand alone or take a value, key=value, and the rest in
 * order. */
typedef struct {
    const char *output; /* value of -o, or NULL */
    bool overwrite, resume, dry_run, json, digest, help;
    co_node *settings;       /* map of the key=value words */
    const char **positional; /* [n_positional], borrowed words */
    size_t n_positional;
} co_words;
/* allowed: the flags this command knows, blank-separated ("-o --overwrite --help"). An unknown
 * flag: CO_EUSAGE with the known and the nearest. A word is key=value when an identifier
 * ([a-z0-9_.]+) stands before its first '='. keep_settings false: such words stay positional (run
 * overrides the experiment file with them by co_yaml_override). */
co_status co_words_parse(int n_words, char **words, const char *allowed, bool keep_settings,
                         co_words *parsed);
void co_words_fini(co_words *parsed);

/* A table of one plug-in's options as `cohort list KIND NAME` prints it, and the text of an
 * option's range and default. */
void co_print_params(FILE *out, const co_param *params);
