/* core/comm.c - ranks ordered by node, one agreement, segments of memory. */
#include "core/comm.h"
#include "core/log.h"
#include "core/memory.h"
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <time.h>

co_status co_comm_init(co_comm *comm)
{
    CO_TRY(co_comm_init_on(comm, MPI_COMM_WORLD));
    co_status_set_rank(comm->rank);
    return CO_OK;
}

co_status co_comm_init_on(co_comm *comm, MPI_Comm base)
{
    *comm = (co_comm){.world = MPI_COMM_NULL, .node = MPI_COMM_NULL, .leaders = MPI_COMM_NULL};
    int rank, size, first;
    MPI_Comm node;
    MPI_Comm_rank(base, &rank);
    MPI_Comm_size(base, &size);
    MPI_Comm_split_type(base, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node);
    first = rank; /* the lowest world rank of the node names the node */
    MPI_Bcast(&first, 1, MPI_INT, 0, node);
    MPI_Comm_free(&node);
    int64_t *order = co_malloc((size_t)size, sizeof *order);
    comm->node_of_rank = co_malloc((size_t)size, sizeof *comm->node_of_rank);
    int good = order && comm->node_of_rank; /* there is no co_comm yet to agree by */
    MPI_Allreduce(MPI_IN_PLACE, &good, 1, MPI_INT, MPI_LAND, base);
    if (!good || !order) {
        co_free(order);
        co_free(comm->node_of_rank);
        *comm = (co_comm){.world = MPI_COMM_NULL, .node = MPI_COMM_NULL, .leaders = MPI_COMM_NULL};
        return CO_FAIL(CO_ENOMEM, "out of memory for a table of %d ranks", size);
    }
    /* key: node first, rank second; world ranks keep their order inside a node */
    const int64_t own = (int64_t)first * size + rank;
    MPI_Allgather(&own, 1, MPI_INT64_T, order, 1, MPI_INT64_T, base);
    int key = 0;
    for (int r = 0; r < size; r++) key += order[r] < own;
    MPI_Comm_split(base, 0, key, &comm->world);
    MPI_Comm_rank(comm->world, &comm->rank);
    MPI_Comm_size(comm->world, &comm->size);
    MPI_Comm_split(comm->world, first, comm->rank, &comm->node);
    MPI_Comm_rank(comm->node, &comm->node_rank);
    MPI_Comm_size(comm->node, &comm->node_size);
    MPI_Comm_split(comm->world, comm->node_rank == 0 ? 0 : MPI_UNDEFINED, comm->rank,
                   &comm->leaders);
    if (comm->leaders != MPI_COMM_NULL) {
        MPI_Comm_rank(comm->leaders, &comm->node_index);
        MPI_Comm_size(comm->leaders, &comm->n_nodes);
    }
    int pair[2] = {comm->node_index, comm->n_nodes};
    MPI_Bcast(pair, 2, MPI_INT, 0, comm->node);
    comm->node_index = pair[0];
    comm->n_nodes = pair[1];
    MPI_Allgather(&comm->node_index, 1, MPI_INT, comm->node_of_rank, 1, MPI_INT, comm->world);
    co_free(order);
    return CO_OK;
}

void co_comm_fini(co_comm *comm)
{
    if (comm->leaders != MPI_COMM_NULL) MPI_Comm_free(&comm->leaders);
    if (comm->node != MPI_COMM_NULL) MPI_Comm_free(&comm->node);
    if (comm->world != MPI_COMM_NULL) MPI_Comm_free(&comm->world);
    co_free(comm->node_of_rank);
    comm->node_of_rank = NULL;
}

void co_wait_gently(MPI_Request *request)
{
    enum { AT_ONCE = 2000, PAUSE_NS = 500000 };
    int done = 0;
    for (int looks = 0; MPI_Test(request, &done, MPI_STATUS_IGNORE), !done; looks++)
        if (looks >= AT_ONCE) nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

co_status co_agree_on(co_status status, const co_comm *comm)
{
    if (co_fault("agree")) status = CO_FAIL(CO_EINTERNAL, "injected fault at an agreement point");
    int lowest = status == CO_OK ? comm->size : comm->rank, first;
    MPI_Request known; /* what the others wait for may be a file */
    MPI_Iallreduce(&lowest, &first, 1, MPI_INT, MPI_MIN, comm->world, &known);
    co_wait_gently(&known);
    if (first == comm->size) return CO_OK;
    char text[1024];
    int failed[2] = {(int)status, co_status_rank()}, n_failed = status != CO_OK;
    MPI_Allreduce(MPI_IN_PLACE, &n_failed, 1, MPI_INT, MPI_SUM, comm->world);
    snprintf(text, sizeof text, "%s", co_status_message());
    MPI_Bcast(failed, 2, MPI_INT, first, comm->world);
    MPI_Bcast(text, sizeof text, MPI_CHAR, first, comm->world);
    if (n_failed < comm->size && strncmp(text, "rank ", 5) != 0)
        return CO_FAIL((co_status)failed[0], "rank %d: %s", failed[1], text);
    co_status_set_message(text);
    return (co_status)failed[0];
}

void co_wait_all(size_t n, MPI_Request *requests)
{
    for (size_t k = 0; k < n; k++) MPI_Wait(&requests[k], MPI_STATUS_IGNORE);
}

/* Whether a block that ranks share, a file in /dev/shm, fits there. Asked before MPI is: where
 * making the file fails on one rank, Open MPI 4 lets the others wait for it for ever. */
static bool has_room(size_t bytes, const co_comm *comm)
{
    struct statvfs disk;
    struct rlimit limit;
    if (comm->node_size == 1) return true; /* then it is ordinary memory */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        bytes > limit.rlim_cur)
        return false;
    return statvfs("/dev/shm", &disk) != 0 ||
           (double)bytes <= (double)disk.f_bavail * (double)disk.f_frsize;
}

co_status co_segment_create(co_segment *segment, size_t bytes, const co_comm *comm)
{
    *segment = (co_segment){.bytes = bytes, .window = MPI_WIN_NULL};
    void *own = NULL;
    MPI_Aint size = 0;
    int unit = 1;
    co_status st = CO_OK;
    const MPI_Aint want = comm->node_rank == 0 ? (MPI_Aint)(bytes ? bytes : 1) : 0;
    MPI_Comm_set_errhandler(comm->node, MPI_ERRORS_RETURN);
    int any = co_fault("shared") || (comm->node_rank == 0 && !has_room(bytes, comm));
    MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_MAX, comm->node);
    if (any || MPI_Win_allocate_shared(want, 1, MPI_INFO_NULL, comm->node, &own,
                                       &segment->window) != MPI_SUCCESS) {
        char text[32];
        co_format_bytes((double)bytes, text, sizeof text);
        segment->window = MPI_WIN_NULL;
        st = CO_FAIL(
            CO_ENOMEM,
            "no shared memory block of %s on this node; make /dev/shm larger or use more nodes",
            text);
    }
    MPI_Comm_set_errhandler(comm->node, MPI_ERRORS_ARE_FATAL);
    st = co_agree(st, comm);
    if (st != CO_OK && segment->window != MPI_WIN_NULL)
        MPI_Win_free(&segment->window); /* another node failed */
    CO_TRY(st);
    MPI_Win_shared_query(segment->window, 0, &size, &unit, &segment->data);
    MPI_Win_lock_all(MPI_MODE_NOCHECK, segment->window);
    if (comm->node_rank == 0) memset(segment->data, 0, bytes);
    co_segment_sync(segment, comm);
    return CO_OK;
}

void co_segment_fini(co_segment *segment)
{
    if (segment->data && segment->window != MPI_WIN_NULL) {
        MPI_Win_unlock_all(segment->window);
        MPI_Win_free(&segment->window);
    }
    *segment = (co_segment){.window = MPI_WIN_NULL};
}

bool co_segments_create(co_segments *segments, size_t bytes, const co_comm *comm)
{
    *segments = (co_segments){.window = MPI_WIN_NULL};
    MPI_Info info;
    MPI_Aint size;
    int unit;
    segments->of = co_malloc((size_t)comm->node_size, sizeof *segments->of);
    int fails = !segments->of || !has_room(2 * bytes * (size_t)comm->node_size, comm);
    MPI_Allreduce(MPI_IN_PLACE, &fails, 1, MPI_INT, MPI_MAX, comm->node);
    MPI_Info_create(&info);
    MPI_Info_set(info, "alloc_shared_noncontig",
                 "true"); /* each on pages of its own, near its rank */
    MPI_Comm_set_errhandler(comm->node, MPI_ERRORS_RETURN);
    if (!fails)
        fails = MPI_Win_allocate_shared((MPI_Aint)bytes, 1, info, comm->node, &segments->own,
                                        &segments->window) != MPI_SUCCESS;
    MPI_Comm_set_errhandler(comm->node, MPI_ERRORS_ARE_FATAL);
    MPI_Info_free(&info);
    if (fails) {
        co_free(segments->of);
        *segments = (co_segments){.window = MPI_WIN_NULL};
        return false;
    }
    for (int r = 0; r < comm->node_size; r++)
        MPI_Win_shared_query(segments->window, r, &size, &unit, &segments->of[r]);
    MPI_Win_lock_all(MPI_MODE_NOCHECK, segments->window);
    memset(segments->own, 0, bytes);
    co_segments_sync(segments, comm);
    return true;
}

void co_segments_fini(co_segments *segments)
{
    if (segments->of) {
        MPI_Win_unlock_all(segments->window);
        MPI_Win_free(&segments->window);
        co_free(segments->of);
    }
    *segments = (co_segments){.window = MPI_WIN_NULL};
}

void co_segments_sync(const co_segments *segments, const co_comm *comm)
{
    MPI_Win_sync(segments->window);
    MPI_Barrier(comm->node);
    MPI_Win_sync(segments->window);
}

void co_segment_sync(const co_segment *segment, const co_comm *comm)
{
    MPI_Win_sync(segment->window);
    MPI_Barrier(comm->node);
    MPI_Win_sync(segment->window);
}

co_status co_segment_broadcast(const co_segment *segment, const co_comm *comm)
{
    const size_t chunk = (size_t)1 << 30; /* counts are int */
    co_segment_sync(segment, comm);
    if (comm->leaders != MPI_COMM_NULL && comm->n_nodes > 1)
        for (size_t at = 0; at < segment->bytes; at += chunk) {
            const size_t n = segment->bytes - at < chunk ? segment->bytes - at : chunk;
            MPI_Bcast((char *)segment->data + at, (int)n, MPI_BYTE, 0, comm->leaders);
        }
    co_segment_sync(segment, comm);
    return CO_OK;
}
