/* sim/devices/state.c - blocks at home, and the planned messages that bring them to the trainers
 * and back. Per round: two messages of slots x model floats for each device that trains away from
 * home. All receives of new states are posted before training, in the order in which each sender
 * trains; a state that is needed next is on its way while the device before trains. Waiting cannot
 * lock up: what a rank waits for has been sent, or will be by a rank that itself waits for nothing
 * newer. An empty message stands for "never took part", or "stays as it was". */
#include "sim/devices/state.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/room.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { TAG_FETCH, TAG_BACK, TAG_ROW, TAG_ID };

static int home_of(const co_state *s, int64_t device)
{
    return (int)(device % s->comm->size);
}

static float **place_of(const co_state *s, int64_t device)
{
    return &s->home[device / s->comm->size];
}

static size_t count_home(const co_state *s)
{
    const int64_t size = s->comm->size, rank = s->comm->rank;
    return s->n_devices > rank ? (size_t)((s->n_devices - rank + size - 1) / size) : 0;
}

static size_t least(size_t a, double b)
{
    return (double)a < b ? a : (size_t)b;
}

static co_status allocate(co_state *s, double n_tasks)
{
    const size_t n_home = count_home(s), most = s->capacity < n_home ? s->capacity : n_home;
    const size_t n_blocks = least(n_home, n_tasks) + most;
    s->pool = co_malloc(n_blocks * s->block, sizeof *s->pool);
    s->spare = co_malloc(n_blocks, sizeof *s->spare);
    s->home = co_calloc(n_home, sizeof *s->home);
    s->fresh = co_calloc(s->capacity, sizeof *s->fresh);
    s->changed = co_calloc(3 * s->capacity, 1);
    s->out = co_malloc(s->capacity, sizeof *s->out);
    s->back = co_malloc(s->capacity, sizeof *s->back);
    s->arrived = co_malloc(s->capacity, sizeof *s->arrived);
    s->slot = co_malloc(s->n_slots, sizeof *s->slot);
    s->work = co_malloc(s->block, sizeof *s->work);
    const size_t away = s->comm->size > 1 ? s->block : 0;
    s->inbox = co_malloc(away, sizeof *s->inbox);
    for (int k = 0; k < 2; k++) s->leaving[k] = co_malloc(away, sizeof *s->leaving[k]);
    if (!s->pool || !s->spare || !s->home || !s->fresh || !s->changed || !s->out || !s->back ||
        !s->arrived || !s->slot || !s->work || !s->inbox || !s->leaving[0] || !s->leaving[1])
        return CO_FAIL(CO_ENOMEM, "no memory for the state of %zu devices of %zu parameters",
                       n_blocks, s->n);
    s->opened = s->changed + s->capacity;
    s->closed = s->opened + s->capacity;
    for (size_t k = 0; k < n_blocks; k++) s->spare[k] = s->pool + (n_blocks - 1 - k) * s->block;
    s->n_spare = n_blocks;
    for (size_t k = 0; k < s->n_slots; k++) s->slot[k] = s->work + k * s->n;
    return CO_OK;
}

co_status co_state_init(co_state *s, size_t n_slots, size_t n, size_t capacity, int64_t n_devices,
                        int64_t n_rounds, size_t beside, const co_comm *comm)
{
    *s = (co_state){0};
    if (n_slots == 0) return CO_OK;
    *s = (co_state){.comm = comm,
                    .messages = MPI_COMM_NULL,
                    .n_devices = n_devices,
                    .n = n,
                    .n_slots = n_slots,
                    .block = n > 0 ? n_slots * n : 1, /* an empty message says something else */
                    .capacity = capacity,
                    .inbox_request = MPI_REQUEST_NULL,
                    .left = {MPI_REQUEST_NULL, MPI_REQUEST_NULL}};
    const double n_tasks = (double)n_rounds * (double)capacity;
    const double most = (double)least((size_t)n_devices, n_tasks) + (double)capacity;
    s->bytes_all = (most * (double)n_slots + 4.0 * comm->size) * (double)n * sizeof(float);
    co_status st =
        s->block <= INT_MAX
            ? CO_OK
            : CO_FAIL(CO_EUSAGE, "a device's state of %zu numbers is more than 2^31 - 1", s->block);
    if (st == CO_OK)
        st = co_room_check(
            (size_t)(s->bytes_all / comm->size) + beside, "the state that devices keep",
            "fewer devices, a smaller model, more nodes, or an algorithm without device state",
            comm);
    if (st == CO_OK) st = co_agree(allocate(s, n_tasks), comm);
    if (st == CO_OK)
        MPI_Comm_dup(comm->world, &s->messages);
    else
        co_state_fini(s);
    return st;
}

void co_state_fini(co_state *s)
{
    if (s->comm && s->messages != MPI_COMM_NULL) MPI_Comm_free(&s->messages);
    void *const blocks[] = {s->pool,  s->spare,      s->home,       s->fresh, s->changed,
                            s->out,   s->back,       s->arrived,    s->slot,  s->work,
                            s->inbox, s->leaving[0], s->leaving[1], s->ids};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) co_free(blocks[k]);
    *s = (co_state){0};
}

/* Starts to receive the next own device's state, in the order of the plan. */
static void fetch_next(co_state *s, const co_plan *plan)
{
    for (; s->next < plan->n; s->next++) {
        const co_plan_row *row = &plan->row[plan->order[s->next]];
        const int home = home_of(s, row->device);
        if (row->rank != s->comm->rank || !co_row_works(row) || home == s->comm->rank) continue;
        MPI_Irecv(s->inbox, (int)s->block, MPI_FLOAT, home, TAG_FETCH, s->messages,
                  &s->inbox_request);
        return;
    }
}

void co_state_begin(co_state *s, const co_plan *plan)
{
    if (!s->comm) return;
    memset(s->changed, 0, 3 * s->capacity);
    for (size_t i = 0; i < plan->n; i++) {
        const size_t k = plan->order[i];
        const co_plan_row *row = &plan->row[k];
        s->out[k] = s->back[k] = MPI_REQUEST_NULL;
        s->fresh[k] = NULL;
        if (!co_row_works(row) || home_of(s, row->device) != s->comm->rank) continue;
        CO_ASSERT(s->n_spare > 0);
        s->fresh[k] = s->spare[--s->n_spare];
        if (row->rank == s->comm->rank) continue;
        const float *old = *place_of(s, row->device);
        MPI_Isend(old ? old : s->work, old ? (int)s->block : 0, MPI_FLOAT, row->rank, TAG_FETCH,
                  s->messages, &s->out[k]);
        MPI_Irecv(s->fresh[k], (int)s->block, MPI_FLOAT, row->rank, TAG_BACK, s->messages,
                  &s->back[k]);
    }
    s->next = 0;
    fetch_next(s, plan);
}

static void load(co_state *s, const float *from)
{
    if (from)
        memcpy(s->work, from, s->block * sizeof *s->work);
    else
        memset(s->work, 0, s->block * sizeof *s->work);
}

float *const *co_state_open(co_state *s, const co_plan *plan, size_t row)
{
    if (!s->comm) return NULL;
    const int64_t device = plan->row[row].device;
    s->opened[row] = 1;
    if (home_of(s, device) == s->comm->rank) {
        load(s, *place_of(s, device));
        return s->slot;
    }
    MPI_Status status;
    int n;
    CO_ASSERT(plan->order[s->next] == row);
    MPI_Wait(&s->inbox_request, &status);
    MPI_Get_count(&status, MPI_FLOAT, &n);
    load(s, n ? s->inbox : NULL);
    s->next++;
    fetch_next(s, plan);
    return s->slot;
}

void co_state_close(co_state *s, const co_plan *plan, size_t row, bool keep)
{
    if (!s->comm) return;
    const int home = home_of(s, plan->row[row].device);
    s->closed[row] = 1;
    if (home == s->comm->rank) {
        if (keep) memcpy(s->fresh[row], s->work, s->block * sizeof *s->work);
        s->changed[row] = keep;
        return;
    }
    float *buffer = s->leaving[s->turn];
    MPI_Request *left = &s->left[s->turn];
    s->turn = 1 - s->turn;
    MPI_Wait(left, MPI_STATUS_IGNORE);
    if (keep) memcpy(buffer, s->work, s->block * sizeof *buffer);
    MPI_Isend(buffer, keep ? (int)s->block : 0, MPI_FLOAT, home, TAG_BACK, s->messages, left);
}

void co_state_finish(co_state *s, const co_plan *plan)
{
    if (!s->comm) return;
    for (size_t i = 0; i < plan->n; i++) {
        const size_t k = plan->order[i];
        const co_plan_row *row = &plan->row[k];
        if (row->rank != s->comm->rank || !co_row_works(row) || s->closed[k]) continue;
        if (!s->opened[k]) co_state_open(s, plan, k);
        co_state_close(s, plan, k, false);
    }
    co_wait_all(2, s->left);
    co_wait_all(plan->n, s->out);
    for (size_t k = 0; k < plan->n; k++) {
        MPI_Status status;
        int n;
        if (s->back[k] == MPI_REQUEST_NULL) continue;
        MPI_Wait(&s->back[k], &status);
        MPI_Get_count(&status, MPI_FLOAT, &n);
        s->changed[k] = n > 0;
    }
}

void co_state_commit(co_state *s, const co_plan *plan, bool keep)
{
    if (!s->comm) return;
    for (size_t k = 0; k < plan->n; k++) {
        if (!s->fresh[k]) continue;
        float **place = place_of(s, plan->row[k].device), *old = *place;
        const bool take = keep && s->changed[k];
        if (take) *place = s->fresh[k];
        if (!take || old) s->spare[s->n_spare++] = take ? old : s->fresh[k];
    }
}

static int by_id(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Own devices that took part, ascending, into ids (or only counted). */
static size_t own_ids(const co_state *s, int64_t *ids)
{
    size_t n = 0;
    for (size_t k = 0; k < count_home(s); k++) {
        if (!s->home[k]) continue;
        if (ids) ids[n] = (int64_t)k * s->comm->size + s->comm->rank;
        n++;
    }
    return n;
}

co_status co_state_list(co_state *s)
{
    if (!s->comm) return CO_OK;
    const co_comm *comm = s->comm;
    int counts[comm->size], at[comm->size], own = (int)own_ids(s, NULL);
    size_t n = 0;
    MPI_Gather(&own, 1, MPI_INT, counts, 1, MPI_INT, 0, comm->world);
    for (int r = 0; comm->rank == 0 && r < comm->size; r++) {
        at[r] = (int)n;
        n += (size_t)counts[r];
    }
    int64_t *mine = co_malloc((size_t)own, sizeof *mine);
    s->ids = co_malloc(n, sizeof *s->ids);
    co_status st =
        mine && s->ids ? CO_OK : CO_FAIL(CO_ENOMEM, "ids of the devices that keep state");
    st = co_agree(st, comm);
    if (st == CO_OK) {
        own_ids(s, mine);
        MPI_Gatherv(mine, own, MPI_INT64_T, s->ids, counts, at, MPI_INT64_T, 0, comm->world);
        s->n_ids = n;
        s->n_shown = 0;
        qsort(s->ids, n, sizeof *s->ids, by_id);
    }
    co_free(mine);
    return st;
}

const float *co_state_row(co_state *s, size_t i)
{
    const int home = home_of(s, s->ids[i]);
    CO_ASSERT(i == s->n_shown);
    s->n_shown++;
    if (home == s->comm->rank) return *place_of(s, s->ids[i]);
    MPI_Recv(s->work, (int)s->block, MPI_FLOAT, home, TAG_ROW, s->messages, MPI_STATUS_IGNORE);
    return s->work;
}

void co_state_end(co_state *s)
{
    if (!s->comm) return;
    for (size_t k = 0; s->comm->rank > 0 && k < count_home(s); k++)
        if (s->home[k]) MPI_Send(s->home[k], (int)s->block, MPI_FLOAT, 0, TAG_ROW, s->messages);
    while (s->comm->rank == 0 && s->n_shown < s->n_ids) co_state_row(s, s->n_shown);
    co_free(s->ids);
    s->ids = NULL;
    s->n_ids = 0;
}

static void keep_block(co_state *s, int64_t id, const float *block)
{
    float **place = place_of(s, id);
    CO_ASSERT(!*place && s->n_spare > 0);
    *place = s->spare[--s->n_spare];
    if (block)
        memcpy(*place, block, s->block * sizeof *block);
    else
        MPI_Recv(*place, (int)s->block, MPI_FLOAT, 0, TAG_ROW, s->messages, MPI_STATUS_IGNORE);
}

void co_state_put(co_state *s, int64_t id, const float *block)
{
    const int home = home_of(s, id);
    if (home == s->comm->rank) {
        keep_block(s, id, block);
        return;
    }
    MPI_Send(&id, 1, MPI_INT64_T, home, TAG_ID, s->messages);
    MPI_Send(block, (int)s->block, MPI_FLOAT, home, TAG_ROW, s->messages);
}

void co_state_end_put(co_state *s)
{
    const int64_t none = -1;
    if (!s->comm) return;
    for (int r = 1; r < s->comm->size; r++) MPI_Send(&none, 1, MPI_INT64_T, r, TAG_ID, s->messages);
}

void co_state_take(co_state *s)
{
    if (!s->comm) return;
    for (;;) {
        int64_t id;
        MPI_Recv(&id, 1, MPI_INT64_T, 0, TAG_ID, s->messages, MPI_STATUS_IGNORE);
        if (id < 0) return;
        keep_block(s, id, NULL);
    }
}
