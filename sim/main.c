/* sim/main.c - the program: finds the command, prints the one error message, turns the status into the exit code.
 *
 * MPI runs only under commands that need it. A command with ranks agrees on its status (core/comm.h), so that every rank
 * ends with the same exit code, after MPI_Finalize. COHORT_CHECK_MEMORY (any value): blocks still alive at the end are an internal
 * error, exit code 70. */
#include "core/memory.h"
#include "sim/commands.h"
#include <errno.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

static const co_command *const commands[] = {&co_command_import, &co_command_partition, &co_command_run,
                                             &co_command_show,   &co_command_plot,      &co_command_list};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void print_help(void)
{
    printf("cohort " CO_VERSION ": simulator of federated and private training for MPI clusters\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("  cohort %s\n      %s\n", commands[i]->usage, commands[i]->summary);
    printf("  cohort --version | --help | COMMAND --help\n\nExit codes:\n");
    for (int s = 0; s < CO_N_STATUS; s++)
        printf("  %2d  %s\n", co_status_exit_code((co_status)s), co_status_text((co_status)s));
    printf("\nExample: cohort import synthetic devices=30 alpha=1 beta=1 -o synthetic.h5\n");
}

/* NULL, and the message, when there is none of that name. */
static const co_command *find_command(const char *name)
{
    const char *names[N_COMMANDS + 3] = {"--help", "--version"};
    char suggestion[512];
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(name, commands[i]->name) == 0) return commands[i];
        names[i + 2] = commands[i]->name;
    }
    co_suggest(name, names, suggestion, sizeof suggestion);
    co_fail(CO_EUSAGE, "unknown command '%.64s'%s; `cohort --help` says what they do", name, suggestion);
    return NULL;
}

/* The rank as the launcher tells it: of several copies of a serial command one speaks. */
static int launched_rank(void)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (!rank && getenv("SLURM_STEP_NUM_TASKS")) rank = getenv("SLURM_PROCID");
    return rank ? atoi(rank) : 0;
}

static co_status finish_output(co_status status)
{
    errno = 0;
    if ((fflush(stdout) == 0 && !ferror(stdout)) || status != CO_OK) return status;
    return CO_FAIL(CO_EFILE, "standard output cannot be written: %s", strerror(errno ? errno : EIO));
}

/* Prints the message once; the exit code. */
static int report(co_status status)
{
    const char *message = co_status_message();
    status = finish_output(status);
    if (status != CO_OK && co_status_rank() == 0)
        fprintf(stderr, "cohort: %s\n", *message ? message : co_status_text(status));
    return co_status_exit_code(status);
}

static int run_alone(const co_command *command, int n_words, char **words)
{
    co_status_set_rank(launched_rank());
    return report(command->run(n_words, words));
}

static int run_on_ranks(const co_command *command, int n_words, char **words)
{
    int rank, exit_code;
    MPI_Init(NULL, NULL);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    co_status_set_rank(rank);
    exit_code = report(command->run(n_words, words));
    MPI_Finalize();
    return exit_code;
}

static int check_memory(int exit_code)
{
    if (!getenv("COHORT_CHECK_MEMORY") || co_memory_blocks() == 0) return exit_code;
    fprintf(stderr, "cohort: warning: internal: rank %d leaves %zu blocks with %zu bytes allocated\n", co_status_rank(),
            co_memory_blocks(), co_memory_bytes());
    return co_status_exit_code(CO_EINTERNAL);
}

int main(int argc, char **argv)
{
    const co_command *command;
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        print_help();
        return report(CO_OK);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("cohort " CO_VERSION "\n");
        return report(CO_OK);
    }
    command = find_command(argv[1]);
    if (!command) {
        co_status_set_rank(launched_rank());
        return report(CO_EUSAGE);
    }
    return check_memory((command->needs_mpi ? run_on_ranks : run_alone)(command, argc - 2, argv + 2));
}
