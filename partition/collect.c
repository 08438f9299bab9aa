/* partition/collect.c - sends each rank's lists to rank 0, straight into their place.
 * Cost: 8 bytes an example and device from each other rank. */
#include "partition/collect.h"
#include "core/memory.h"
#include <string.h>

enum { PIECE = 1 << 27 }; /* counts of MPI are int */

static void send_all(const co_partition_input *in, const int64_t *x, int64_t n)
{
    for (int64_t at = 0; at < n; at += PIECE)
        MPI_Send(x + at, (int)(n - at < PIECE ? n - at : PIECE), MPI_INT64_T, 0, 0, in->ranks);
}

static void receive_all(const co_partition_input *in, int from, int64_t *x, int64_t n)
{
    for (int64_t at = 0; at < n; at += PIECE)
        MPI_Recv(x + at, (int)(n - at < PIECE ? n - at : PIECE), MPI_INT64_T, from, 0, in->ranks,
                 MPI_STATUS_IGNORE);
}

static void take_alone(co_dealt *dealt, co_partition *p)
{
    p->train_offsets = dealt->offsets;
    p->train = dealt->ids;
    p->unassigned = dealt->rest;
    p->n_unassigned = dealt->n_rest;
    *dealt = (co_dealt){0};
}

/* On rank 0: count[rank] examples of each. */
static void receive(const co_partition_input *in, const co_dealt *dealt, const int64_t *count,
                    co_partition *p)
{
    int64_t at = count[0];
    memcpy(p->train_offsets, dealt->offsets, (size_t)(in->last + 1) * sizeof *p->train_offsets);
    memcpy(p->train, dealt->ids, (size_t)at * sizeof *p->train);
    for (int r = 1; r < in->size; r++) {
        const int64_t first = co_partition_span(in->n_devices, r, in->size),
                      n = co_partition_span(in->n_devices, r + 1, in->size) - first;
        receive_all(in, r, p->train_offsets + first + 1, n);
        for (int64_t k = 1; k <= n; k++) p->train_offsets[first + k] += at;
        receive_all(in, r, p->train + at, count[r]);
        at += count[r];
    }
    receive_all(in, in->size - 1, p->unassigned, p->n_unassigned);
}

co_status co_collect(const co_partition_input *in, co_dealt *dealt, co_partition *p)
{
    const int64_t n = in->last - in->first;
    int64_t own[2] = {dealt->offsets[n], dealt->n_rest}, total = 0;
    if (in->size == 1) return take_alone(dealt, p), CO_OK;
    int64_t *count = co_calloc((size_t)in->size, sizeof *count);
    co_status st =
        co_partition_agree(in, count ? CO_OK : CO_FAIL(CO_ENOMEM, "counts of %d ranks", in->size));
    if (st == CO_OK) {
        MPI_Gather(&own[0], 1, MPI_INT64_T, count, 1, MPI_INT64_T, 0, in->ranks);
        MPI_Bcast(&own[1], 1, MPI_INT64_T, in->size - 1, in->ranks);
        if (in->rank == 0) {
            for (int r = 0; r < in->size; r++) total += count[r];
            p->n_unassigned = own[1];
            p->train_offsets = co_malloc((size_t)in->n_devices + 1, sizeof *p->train_offsets);
            p->train = co_malloc((size_t)total, sizeof *p->train);
            p->unassigned = co_malloc((size_t)own[1], sizeof *p->unassigned);
            if (!p->train_offsets || !p->train || !p->unassigned)
                st = CO_FAIL(CO_ENOMEM, "lists of %lld examples", (long long)total);
        }
        st = co_partition_agree(in, st);
    }
    if (st == CO_OK && in->rank == 0) receive(in, dealt, count, p);
    if (st == CO_OK && in->rank > 0) {
        send_all(in, dealt->offsets + 1, n);
        send_all(in, dealt->ids, own[0]);
        if (in->rank == in->size - 1) send_all(in, dealt->rest, dealt->n_rest);
    }
    co_free(count);
    return st;
}
