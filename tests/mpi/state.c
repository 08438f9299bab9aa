/* tests/mpi/state.c - what devices keep travels from home to trainer and back, for any placement; a
 * round that is given up, and a row that is not to be kept, change nothing; a checkpoint's rows
 * come in order and go back to their homes. */
#include "core/memory.h"
#include "sim/devices/state.h"
#include "tests/harness.h"
#include <string.h>

enum { DEVICES = 23, ROWS = 7, N = 5, SLOTS = 2, BLOCK = SLOTS * N };

static co_comm comm;
static float expected[DEVICES][BLOCK];
static bool took_part[DEVICES];

static float mark(int64_t device, int64_t round, size_t j)
{
    return (float)(device * 1000 + round * 20) + (float)j;
}

/* Rows of a round: any devices, trained anywhere, one of them empty. */
static void make_plan(co_plan *plan, int64_t round)
{
    plan->round = round;
    for (size_t k = 0; k < ROWS; k++) {
        const int64_t device = ((int64_t)k * 3 + round * 5) % DEVICES;
        plan->row[k] = (co_plan_row){.device = device,
                                     .rank = (int)((device * 7 + round) % comm.size),
                                     .outcome = k == 4 ? CO_EMPTY : CO_REPORTED};
        plan->order[k] = (k * 5 + (size_t)round) % ROWS;
    }
}

/* Row 2 is not kept; from row `stop` of the order on a rank trains nothing any more. */
static void play(co_state *s, const co_plan *plan, size_t stop, bool good)
{
    co_state_begin(s, plan);
    for (size_t i = 0; i < ROWS; i++) {
        const size_t k = plan->order[i];
        const co_plan_row *row = &plan->row[k];
        const int64_t d = row->device;
        if (row->outcome == CO_EMPTY) continue;
        const bool kept = good && k != 2 && i < stop;
        if (row->rank == comm.rank && i < stop) {
            float *const *slot = co_state_open(s, plan, k);
            for (size_t j = 0; j < BLOCK; j++) CHECK(slot[j / N][j % N] == expected[d][j]);
            for (size_t j = 0; j < BLOCK; j++) slot[j / N][j % N] = mark(d, plan->round, j);
            co_state_close(s, plan, k, k != 2);
        }
        for (size_t j = 0; kept && j < BLOCK; j++) expected[d][j] = mark(d, plan->round, j);
        took_part[d] |= kept;
    }
    co_state_finish(s, plan);
    co_state_commit(s, plan, good);
}

/* As a checkpoint is written: rows in order of their ids; not all of them when the file fails. */
static void write_out(co_state *s, bool all)
{
    CHECK(co_state_list(s) == CO_OK);
    int64_t last = -1;
    const size_t n = all ? s->n_ids : s->n_ids / 2;
    for (size_t i = 0; comm.rank == 0 && i < n; i++) {
        const int64_t id = s->ids[i];
        CHECK(id > last && took_part[last = id]);
        CHECK(memcmp(co_state_row(s, i), expected[id], sizeof expected[id]) == 0);
    }
    co_state_end(s);
}

/* As one is read. */
static void read_in(co_state *s)
{
    for (int64_t d = 0; comm.rank == 0 && d < DEVICES; d++)
        if (took_part[d]) co_state_put(s, d, expected[d]);
    if (comm.rank == 0)
        co_state_end_put(s);
    else
        co_state_take(s);
}

int main(int argc, char **argv)
{
    harness_start(&argc, &argv);
    CHECK(co_comm_init(&comm) == CO_OK);
    co_plan_row row[ROWS];
    size_t order[ROWS];
    co_plan plan = {.n = ROWS, .capacity = ROWS, .row = row, .order = order};
    co_state state, other, none;
    CHECK(co_state_init(&none, 0, N, ROWS, DEVICES, 100, 0, &comm) == CO_OK && none.comm == NULL);
    CHECK(co_state_init(&state, SLOTS, N, ROWS, DEVICES, 100, 0, &comm) == CO_OK);
    CHECK(co_state_init(&other, SLOTS, N, ROWS, DEVICES, 100, 0, &comm) == CO_OK);
    for (int64_t round = 1; round <= 40; round++) {
        make_plan(&plan, round);
        play(&state, &plan, round % 6 == 0 ? 3 : ROWS, round % 6 != 0);
        if (round == 20) write_out(&state, false);
    }
    write_out(&state, true);
    read_in(&other);
    for (int64_t round = 41; round <= 45; round++) {
        make_plan(&plan, round);
        play(&other, &plan, ROWS, true);
    }
    write_out(&other, true);
    CHECK(co_state_init(&none, 1, (size_t)1 << 30, 1000, 1000000, 1000000, 0, &comm) == CO_EUSAGE);
    co_state_fini(&other);
    co_state_fini(&state);
    co_comm_fini(&comm);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
