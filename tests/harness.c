/* tests/harness.c - scratch files, public data, checks of MPI programs. */
#include "tests/harness.h"
#include <math.h>
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const char *shared_file(const char *below)
{
    static char path[1024];
    const char *root = getenv("COHORT_SHARED");
    snprintf(path, sizeof path, "%s/%s", root ? root : "../shared", below);
    if (access(path, R_OK) == 0) return path;
    fprintf(stderr, "skipped: %s is not here\n", path);
    return NULL;
}

const char *scratch_file(const char *name)
{
    static char paths[4][1024];
    static unsigned turn;
    const char *root = getenv("SCRATCH");
    char *path = paths[turn++ % 4];
    char folder[512];
    snprintf(folder, sizeof folder, "%s", root ? root : "/tmp/cohort-scratch");
    mkdir(folder, 0755);
    snprintf(path, 1024, "%s/%s-%d", folder, name, (int)getpid());
    return path;
}

double relative_distance(const float *a, const float *b, size_t n)
{
    double difference = 0.0, length = 0.0;
    for (size_t i = 0; i < n; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        length += (double)b[i] * (double)b[i];
    }
    return length > 0.0 ? sqrt(difference / length) : sqrt(difference);
}

static int failures, own_rank;

void check_failed(const char *condition, const char *file, int line)
{
    failures++;
    fprintf(stderr, "%s:%d: rank %d: %s does not hold\n", file, line, own_rank, condition);
}

static void on_alarm(int signal_number)
{
    static const char text[] = "watchdog: the test hangs\n";
    (void)signal_number;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(125);
    _exit(124);
}

int harness_start(int *argc, char ***argv)
{
    signal(SIGALRM, on_alarm);
    alarm(90);
    MPI_Init(argc, argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &own_rank);
    return own_rank;
}

int harness_end(void)
{
    int any = failures;
    MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    MPI_Finalize();
    return any ? 1 : 0;
}
