/* cli/main.c - the program: finds the command, prints the one error message, turns the status into
 * the exit code.
 *
 * MPI runs only under commands that need it, and when a launcher started several ranks. A command
 * with ranks agrees on its status (core/comm.h); any other is done by rank 0 alone, which tells the
 * others: so every rank ends with the same exit code, after MPI_Finalize. COHORT_CHECK_MEMORY (any
 * value): blocks still alive at the end are an internal error, exit code 70. */
#include "core/memory.h"
#include "io/files/file.h"
#include "models/kernel_path.h"
#include "cli/console.h"
#include "report/print.h"
#include <errno.h>
#include <mpi.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const co_command *const commands[] = {
    &co_command_import,  &co_command_partition, &co_command_export, &co_command_run,
    &co_command_predict, &co_command_compare,   &co_command_show,   &co_command_plot,
    &co_command_list,    &co_command_account};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void print_help(void)
{
    co_print_wrapped(stdout, "cohort " CO_VERSION
                             ": simulator of federated and private training for MPI clusters\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        co_print_wrapped(stdout, "  cohort %s\n      %s\n", commands[i]->usage,
                         commands[i]->summary);
    co_print_wrapped(stdout, "  cohort --version | --help | COMMAND --help\n\nExit codes:\n");
    for (int s = 0; s < CO_N_STATUS; s++)
        co_print_wrapped(stdout, "  %2d  %s\n", co_status_exit_code((co_status)s),
                         co_status_text((co_status)s));
    co_print_wrapped(
        stdout, "\nExample: cohort import synthetic devices=30 alpha=1 beta=1 -o synthetic.h5\n");
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
    co_fail(CO_EUSAGE, "unknown command '%.64s'%s; `cohort --help` says what they do", name,
            suggestion);
    return NULL;
}

static co_status finish_output(co_status status)
{
    errno = 0;
    if ((fflush(stdout) == 0 && !ferror(stdout)) || status != CO_OK) return status;
    return CO_FAIL(CO_EFILE, "standard output cannot be written: %s",
                   strerror(errno ? errno : EIO));
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

static co_status dispatch(const co_command *command, int argc, char **argv)
{
    if (command) return command->run(argc - 2, argv + 2);
    if (argc >= 2 && strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "--version") != 0)
        return CO_EUSAGE;
    if (argc >= 2 && strcmp(argv[1], "--version") == 0)
        printf("cohort " CO_VERSION "\n");
    else
        print_help();
    return CO_OK;
}

/* A command without ranks, under a launcher: rank 0 does it. Collective(MPI_COMM_WORLD). */
static co_status dispatch_on_first(const co_command *command, int argc, char **argv)
{
    int code = co_status_rank() == 0 ? (int)dispatch(command, argc, argv) : 0;
    MPI_Bcast(&code, 1, MPI_INT, 0, MPI_COMM_WORLD);
    return (co_status)code;
}

static int check_memory(int exit_code)
{
    if (!getenv("COHORT_CHECK_MEMORY") || co_memory_blocks() == 0) return exit_code;
    fprintf(stderr,
            "cohort: warning: internal: rank %d leaves %zu blocks with %zu bytes allocated\n",
            co_status_rank(), co_memory_blocks(), co_memory_bytes());
    return co_status_exit_code(CO_EINTERNAL);
}

/* A library below MPI (UCX) takes SIGHUP for its own debugging as soon as it is loaded: then a
 * program that has lost its terminal would go on. */
static void take_back_hangup(void)
{
    struct sigaction old;
    if (sigaction(SIGHUP, NULL, &old) != 0) return;
    if (old.sa_flags & SA_SIGINFO || old.sa_handler != SIG_IGN) signal(SIGHUP, SIG_DFL);
}

/* A process that no launcher started is alone. Open MPI 4.1 starts a daemon beside it all the same,
 * which is two thirds of the time that a small command takes. Without one all such processes share
 * the name of one folder for files of a session and remove it under each other, so none is made:
 * nothing here needs it. 5.0 has no such daemon and knows neither name. What the user has set
 * stays. */
static void start_without_daemon(void)
{
    static const char *const launched[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_NAMESPACE", "PMI_RANK",
                                           "SLURM_JOB_ID"};
    for (size_t k = 0; k < sizeof launched / sizeof *launched; k++)
        if (getenv(launched[k])) return;
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
}

int main(int argc, char **argv)
{
    const co_command *command = argc < 2 ? NULL : find_command(argv[1]);
    const bool launched = co_launched_on_ranks(),
               on_ranks = launched || (command && command->needs_mpi);
    const bool alone = launched && !(command && (command->needs_mpi || command->uses_ranks));
    if (command == &co_command_run || command == &co_command_compare ||
        command == &co_command_predict)
        co_blas_start(argv);
    take_back_hangup();
    signal(SIGXFSZ, SIG_IGN); /* then a limit on the size of files is an error like a full disk */
    if (on_ranks) {
        int rank;
        co_files_start();
        start_without_daemon();
        MPI_Init(NULL, NULL);
        MPI_Comm_rank(MPI_COMM_WORLD, &rank);
        co_status_set_rank(rank);
    }
    const int exit_code =
        check_memory(report((alone ? dispatch_on_first : dispatch)(command, argc, argv)));
    if (on_ranks)
        MPI_Finalize(); /* no rank ends, and makes the launcher end the others, before rank 0 has
                           spoken */
    return exit_code;
}
