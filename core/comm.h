/* core/comm.h - the ranks of a job, the ranks of a node, agreement on errors, memory that a node
 * has once. */
#pragma once
#include "core/status.h"
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    MPI_Comm world, node, leaders; /* leaders: node rank 0 of every node; MPI_COMM_NULL elsewhere */
    int rank, size;                /* in world; ranks of one node are neighbours */
    int node_rank, node_size, node_index, n_nodes;
    int *node_of_rank; /* [size] */
} co_comm;

/* Collective(MPI_COMM_WORLD). Needs MPI_Init. Orders the ranks so that those of a node are
 * neighbours; messages name them by that order (co_status_rank) from here on, also the messages of
 * a part of the job. CO_ENOMEM on all ranks or none, then there is nothing to give back. */
co_status co_comm_init(co_comm *comm);
/* The same over the processes of another communicator. Collective(base). */
co_status co_comm_init_on(co_comm *comm, MPI_Comm base);
void co_comm_fini(co_comm *comm); /* Collective(comm) */

/* CO_OK when every rank says CO_OK; else the status and message of the lowest failing rank, on
 * every rank (named before the message unless all ranks failed). Collective(comm). One small
 * reduction in the good case. Fault site "agree". */
static inline co_status co_agree(co_status status, const co_comm *comm);

co_status co_agree_on(co_status status, const co_comm *comm); /* co_agree without what follows */
static inline co_status co_agree(co_status status, const co_comm *comm)
{
    const co_status all = co_agree_on(status, comm);
    CO_ASSERT(status == CO_OK || all != CO_OK); /* analysers of one file know it from here */
    return all;
}

/* Waits for all of n requests, MPI_REQUEST_NULL among them. Not MPI_Waitall: MPICH 4.0 declares its
 * statuses as an array that gcc then misses. Local. */
void co_wait_all(size_t n, MPI_Request *requests);
/* MPI_Wait for what may take long: after some looks the rank sleeps half a millisecond between two,
 * and leaves its core to those that work. */
void co_wait_gently(MPI_Request *request);

/* A block of memory that exists once per node. */
typedef struct {
    void *data; /* zeroed at first; the same bytes for all ranks of the node */
    size_t bytes;
    MPI_Win window;
} co_segment;
/* Collective(comm). Every rank passes the same bytes. CO_ENOMEM when the node cannot hold it. */
co_status co_segment_create(co_segment *segment, size_t bytes, const co_comm *comm);
void co_segment_fini(co_segment *segment); /* Collective(node) */
/* Makes what ranks of the node wrote visible to each other. Collective(node). */
void co_segment_sync(const co_segment *segment, const co_comm *comm);
/* Copies the bytes that the first node holds to every other node. Collective(comm). */
co_status co_segment_broadcast(const co_segment *segment, const co_comm *comm);

/* Memory of every rank of a node that the others of the node can read. */
typedef struct {
    void *own;
    void **of; /* [node_size] */
    MPI_Win window;
} co_segments;
/* Zeroed; each rank passes the same bytes. False on all ranks of the node when its shared memory
 * has no room for twice that: what cannot do without comes first. Collective(node). */
bool co_segments_create(co_segments *segments, size_t bytes, const co_comm *comm);
void co_segments_fini(co_segments *segments); /* Collective(node) */
/* Makes what every rank wrote into its own visible to the others. Collective(node). */
void co_segments_sync(const co_segments *segments, const co_comm *comm);

/* Cuts n items into comm->size spans: rank r gets [first(r), first(r + 1)). */
static inline int64_t co_span_first(int64_t n, int rank, int size)
{
    return n / size * rank + (n % size) * rank / size;
}
