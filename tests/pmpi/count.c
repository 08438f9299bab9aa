/* tests/pmpi/count.c - what a rank hands to MPI, counted by its profiling interface; and nodes
 * where there is only one machine.
 *
 * A library to preload. PMPI_COUNTS names files: rank r writes "bytes calls name" of every call
 * that sends to <PMPI_COUNTS>.r at the end. PMPI_NODES=k cuts the ranks into k nodes in the eyes of
 * the program. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { REDUCE_SCATTER, ALLGATHERV, ALLREDUCE, GATHERV, SCATTERV, BCAST, ISEND, SEND, N_CALLS };
static const char *const names[N_CALLS] = {"reduce_scatter", "allgatherv", "allreduce", "gatherv",
                                           "scatterv",       "bcast",      "isend",     "send"};
static long long bytes[N_CALLS], calls[N_CALLS];

static void count(int which, long long n, MPI_Datatype type)
{
    int size = 0;
    if (type != MPI_DATATYPE_NULL) PMPI_Type_size(type, &size);
    bytes[which] += n * size;
    calls[which]++;
}

int MPI_Reduce_scatter(const void *send, void *receive, const int *n, MPI_Datatype type, MPI_Op op,
                       MPI_Comm comm)
{
    int size;
    long long all = 0;
    PMPI_Comm_size(comm, &size);
    for (int r = 0; r < size; r++) all += n[r];
    count(REDUCE_SCATTER, all, type);
    return PMPI_Reduce_scatter(send, receive, n, type, op, comm);
}

int MPI_Allgatherv(const void *send, int n, MPI_Datatype type, void *receive, const int *counts,
                   const int *at, MPI_Datatype received, MPI_Comm comm)
{
    int rank;
    PMPI_Comm_rank(comm, &rank);
    if (send == MPI_IN_PLACE)
        count(ALLGATHERV, counts[rank], received);
    else
        count(ALLGATHERV, n, type);
    return PMPI_Allgatherv(send, n, type, receive, counts, at, received, comm);
}

int MPI_Allreduce(const void *send, void *receive, int n, MPI_Datatype type, MPI_Op op,
                  MPI_Comm comm)
{
    count(ALLREDUCE, n, type);
    return PMPI_Allreduce(send, receive, n, type, op, comm);
}

int MPI_Gatherv(const void *send, int n, MPI_Datatype type, void *receive, const int *counts,
                const int *at, MPI_Datatype received, int root, MPI_Comm comm)
{
    count(GATHERV, n, type);
    return PMPI_Gatherv(send, n, type, receive, counts, at, received, root, comm);
}

int MPI_Scatterv(const void *send, const int *counts, const int *at, MPI_Datatype type,
                 void *receive, int n, MPI_Datatype received, int root, MPI_Comm comm)
{
    count(SCATTERV, n, received);
    return PMPI_Scatterv(send, counts, at, type, receive, n, received, root, comm);
}

int MPI_Bcast(void *data, int n, MPI_Datatype type, int root, MPI_Comm comm)
{
    count(BCAST, n, type);
    return PMPI_Bcast(data, n, type, root, comm);
}

int MPI_Isend(const void *data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm,
              MPI_Request *request)
{
    count(ISEND, n, type);
    return PMPI_Isend(data, n, type, to, tag, comm, request);
}

int MPI_Send(const void *data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm)
{
    count(SEND, n, type);
    return PMPI_Send(data, n, type, to, tag, comm);
}

int MPI_Comm_split_type(MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *made)
{
    const char *nodes = getenv("PMPI_NODES");
    if (!nodes || type != MPI_COMM_TYPE_SHARED)
        return PMPI_Comm_split_type(comm, type, key, info, made);
    int rank, size;
    PMPI_Comm_rank(comm, &rank);
    PMPI_Comm_size(comm, &size);
    return PMPI_Comm_split(comm, rank * atoi(nodes) / size, key, made);
}

int MPI_Finalize(void)
{
    const char *path = getenv("PMPI_COUNTS");
    char name[4096];
    int rank;
    PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (path) {
        snprintf(name, sizeof name, "%s.%d", path, rank);
        FILE *f = fopen(name, "w");
        for (int k = 0; f && k < N_CALLS; k++)
            fprintf(f, "%lld %lld %s\n", bytes[k], calls[k], names[k]);
        if (f) fclose(f);
    }
    return PMPI_Finalize();
}
