/* tests/kinds/mpi_wire.c - every wire of the list under the same laws, on 1, 2, 3 and 4 ranks: what
 * is summed has the same bits whatever the wire, the order of the devices and the ranks on which
 * they train; what comes whole is whole; what did not report is not there, nor anything of the step
 * before; a rank holds the bytes that were said; memory that one rank lacks is told on all. */
#include "core/memory.h"
#include "core/vector.h"
#include "sim/wires/wire.h"
#include "tests/harness.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 12, N_MOST = 3 * CO_BLOCK + 77, BITS = 16, MORE_BITS = 40 };

static co_comm comm;
static float update_of[MOST][N_MOST];
static uint64_t residue[N_MOST];

/* A round: which device trains where, and what becomes of it. */
typedef struct {
    co_plan plan;
    co_plan_row row[MOST];
    size_t order[MOST];
} round_plan;

static double fraction(size_t a, size_t b)
{
    return fmod((double)(a + 1) * 0.6180339887498949 + (double)(b + 1) * 0.7548776662466927, 1.0);
}

/* What an exchange is about: everything travels, or what stands in spans, the first from 0 on. */
static co_part whole, span[2][3];
static co_layout layout;

static void make_layout(size_t n, bool gaps)
{
    whole = (co_part){0, 0, n};
    layout = (co_layout){.whole = n, .n = n, .n_parts = 1, .part = &whole};
    if (gaps) { /* the middle block has nothing that travels; spans begin and end inside blocks */
        const size_t cut[] = {0, 300, CO_BLOCK - 5, CO_BLOCK, 2 * CO_BLOCK, n - 60, n};
        for (size_t k = 0; k < 6; k++)
            span[k % 2][k / 2] = (co_part){cut[k], cut[k], cut[k + 1] - cut[k]};
    } else {
        span[0][0] = whole;
    }
    layout.span[CO_SHARED] = span[0];
    layout.n_spans[CO_SHARED] = gaps ? 3 : 1;
    layout.span[CO_FROZEN] = span[1];
    layout.n_spans[CO_FROZEN] = gaps ? 3 : 0;
    for (size_t k = 0; k < layout.n_spans[CO_SHARED]; k++) layout.n_shared += span[0][k].size;
}

/* Updates of closed form, known to all ranks; the first coordinate of device 2 is above the bound
 * of a sum. */
static void draw_updates(size_t n, size_t round)
{
    for (size_t k = 0; k < MOST; k++)
        for (size_t j = 0; j < n; j++)
            update_of[k][j] = (float)(fraction(13 * k + round, j) - 0.5) * (float)(1u << k);
    update_of[2][0] = 3e5f;
    for (size_t k = 0; k < MOST; k++)
        for (size_t s = 0; s < layout.n_spans[CO_FROZEN]; s++)
            memset(update_of[k] + span[1][s].at, 0, span[1][s].size * sizeof(float));
}

/* Devices 0 .. n - 1, `turn` ranks further on; which of them report depends on the round. */
static void make_round(round_plan *r, size_t n, size_t round, int turn)
{
    double all = 0.0;
    *r = (round_plan){
        .plan = {
            .round = (int64_t)round, .n = n, .capacity = MOST, .row = r->row, .order = r->order}};
    for (size_t k = 0; k < n; k++) {
        const int outcome = (k + round) % 5 == 3   ? CO_EMPTY
                            : (k + round) % 7 == 5 ? CO_NONFINITE
                                                   : CO_REPORTED;
        r->row[k] = (co_plan_row){.device = (int64_t)(3 * k + 1),
                                  .weight = 1.0 + (double)k,
                                  .outcome = outcome,
                                  .rank = (int)((k * 5 + (size_t)turn) % (size_t)comm.size),
                                  .attacker = k % 3 == 1};
        r->order[k] = (size_t)turn % 2 ? (k + (size_t)turn) % n : n - 1 - k;
        all += r->row[k].weight;
    }
    for (size_t k = 0; k < n; k++) r->row[k].coefficient = r->row[k].weight / all;
}

/* What the stage below saw. */
typedef struct {
    size_t n_rows, n_attackers;
    bool changes;
} seen_rows;

static void look_at_rows(void *self, const co_stage_rows *rows)
{
    seen_rows *seen = self;
    seen->n_rows = rows->n_rows;
    seen->n_attackers = 0;
    for (size_t i = 0; i < rows->n_rows; i++) {
        seen->n_attackers += rows->attacker[i];
        for (size_t j = 0; j < rows->n && seen->changes; j++) rows->row[i][j] *= 2.0f;
    }
}

static const co_stage rows_stage = {.name = "rows", .summary = "test", .rows = look_at_rows};

/* What stands for a number in a ring; sums of it wrap many times. */
static uint64_t residue_of(size_t k, size_t j, int bits)
{
    return ((uint64_t)llrint((double)update_of[k][j] * 1e4) & 0xffff) << (bits - BITS);
}

static size_t add_own(const co_wire *wire, void *self, const round_plan *r, size_t n_params,
                      int bits, float *sent)
{
    size_t n_cut = 0;
    for (size_t i = 0; i < r->plan.n; i++) {
        const size_t k = r->order[i];
        const co_plan_row *row = &r->row[k];
        if (row->rank != comm.rank || row->outcome != CO_REPORTED) continue;
        memcpy(sent, update_of[k], n_params * sizeof *sent);
        for (size_t j = 0; j < n_params; j++) residue[j] = residue_of(k, j, bits);
        const co_contribution c = {.n = n_params,
                                   .factor = 1.0,
                                   .update = sent,
                                   .norm = co_vector_norm(sent, n_params),
                                   .weight = row->weight,
                                   .coefficient = row->coefficient,
                                   .attacker = row->attacker,
                                   .residue = residue,
                                   .words = wire->words && k % 2 ? wire->words(self) : NULL};
        for (size_t j = 0; c.words && j < n_params; j++) c.words[j] += (uint32_t)residue[j];
        n_cut += wire->add(self, &r->plan, k, &c);
        for (size_t j = 0; j < n_params; j++)
            sent[j] = NAN, residue[j] = 1; /* a wire keeps nothing of the caller's */
    }
    return n_cut;
}

/* The rows of those that reported, by ascending id; each times `factor`. */
static void check_rows(const co_gathered *g, const round_plan *r, const co_exchange *x,
                       bool adds_up, float factor)
{
    size_t n = 0;
    for (size_t k = 0; k < r->plan.n; k++) {
        if (r->row[k].outcome != CO_REPORTED) continue;
        CHECK(n < g->n_rows);
        if (n >= g->n_rows) return;
        CHECK(g->weight[n] == (adds_up ? r->row[k].coefficient : r->row[k].weight));
        size_t n_wrong = 0;
        for (size_t j = 0; j < x->n_own; j++)
            n_wrong += g->row[n][j] != update_of[k][x->first + j] * factor;
        CHECK(n_wrong == 0);
        n++;
    }
    CHECK(n == g->n_rows);
}

/* sum_k rint(a_k u_kj 2^44) over those that reported, device by device. */
static void check_sum(const co_exchange *x, const round_plan *r, float factor)
{
    const int64_t *sum = co_exchange_sum((co_exchange *)x);
    size_t n_wrong = 0;
    for (size_t j = 0; j < x->n_own; j++) {
        int64_t want = 0;
        for (size_t k = 0; k < r->plan.n; k++) {
            if (r->row[k].outcome != CO_REPORTED) continue;
            const double u =
                fmin((double)(update_of[k][x->first + j] * factor), (double)CO_EXACT_BOUND);
            want += (int64_t)rint(ldexp(r->row[k].coefficient, CO_EXACT_BITS) * u);
        }
        n_wrong += sum[j] != want;
    }
    CHECK(n_wrong == 0);
}

/* The sum of the residues, modulo 2^b. */
static void check_residues(const co_exchange *x, const round_plan *r, int bits)
{
    const int64_t *sum = co_exchange_sum((co_exchange *)x);
    size_t n_wrong = 0;
    for (size_t j = 0; j < x->n_own; j++) {
        uint64_t want = 0;
        for (size_t k = 0; k < r->plan.n; k++)
            if (r->row[k].outcome == CO_REPORTED) want += residue_of(k, x->first + j, bits);
        n_wrong += sum[j] != (int64_t)(want & ((UINT64_C(1) << bits) - 1));
    }
    CHECK(n_wrong == 0);
}

static void play(const co_wire *wire, const co_wire_setup *setup, void *self, size_t n_devices,
                 size_t round, int turn, bool changes)
{
    co_exchange *x = setup->exchange;
    round_plan r;
    seen_rows seen = {.changes = changes};
    co_chain chain = {0};
    double wait_s;
    float *sent = co_malloc(x->n, sizeof *sent);
    make_round(&r, n_devices, round, turn);
    if (wire->whole) co_chain_add(&chain, &rows_stage, &seen);
    CHECK(co_chain_ready(&chain, &(co_stage_site){.cohort = MOST}) == CO_OK);
    co_exchange_clear(x);
    if (wire->begin) wire->begin(self, &r.plan);
    const size_t n_cut = add_own(wire, self, &r, x->n, setup->bits, sent);
    if (wire->send) wire->send(self);
    co_exchange_reduce(x, &wait_s);
    const co_gathered g = wire->finish(self, &r.plan, &chain);
    size_t n_reported = 0, n_attackers = 0;
    for (size_t k = 0; k < n_devices; k++) {
        n_reported += r.row[k].outcome == CO_REPORTED;
        n_attackers += r.row[k].outcome == CO_REPORTED && r.row[k].attacker;
    }
    CHECK(n_cut <= 1);
    if (wire->whole) {
        CHECK(seen.n_rows == n_reported && seen.n_attackers == n_attackers);
        check_rows(&g, &r, x, setup->adds_up, changes ? 2.0f : 1.0f);
        if (setup->n_scratch) memset(g.scratch, 0xff, setup->n_scratch); /* it is there */
    } else {
        CHECK(g.n_rows == 0);
    }
    if (wire->residues)
        check_residues(x, &r, setup->bits);
    else if (!wire->whole || setup->adds_up)
        check_sum(x, &r, changes ? 2.0f : 1.0f);
    co_chain_destroy(&chain);
    co_free(sent);
    MPI_Barrier(comm.world); /* in a run the all-gather of the model: nobody clears what another
                                still reads */
}

/* Lists of a few words a device, and a rank's requests, are left out of what is said. */
static void check_bytes(const co_wire *wire, const co_wire_setup *setup, const void *self,
                        size_t held)
{
    const size_t said = wire->bytes ? wire->bytes(self) : 0,
                 lists = 48 * (setup->capacity + (size_t)comm.size) + 256;
    CHECK(held >= said && held <= said + lists);
    if (held < said || held > said + lists)
        fprintf(stderr, "%s: %zu bytes held, %zu said\n", wire->name, held, said);
}

/* No rank is left alone when one lacks the memory for the n-th block. */
static void check_shortage(const co_wire *wire, const co_wire_setup *setup)
{
    char site[32];
    bool struck = true;
    for (int nth = 1; struck; nth++) {
        void *self = NULL;
        const size_t before = co_memory_blocks();
        snprintf(site, sizeof site, "alloc:%d:%d", comm.size - 1, nth);
        co_fault_plan(site);
        int codes[2] = {(int)wire->create(setup, &self), 0}, did = co_fault_struck();
        co_fault_plan(NULL);
        codes[1] = -codes[0];
        MPI_Allreduce(MPI_IN_PLACE, codes, 2, MPI_INT, MPI_MAX, comm.world);
        MPI_Allreduce(MPI_IN_PLACE, &did, 1, MPI_INT, MPI_MAX, comm.world);
        struck = did;
        CHECK(codes[0] == -codes[1]);
        CHECK(codes[0] == (struck ? CO_ENOMEM : CO_OK));
        if (codes[0] == CO_OK && wire->destroy) wire->destroy(self);
        CHECK(co_memory_blocks() == before);
    }
}

/* Rounds of one wire, one after the other: full, partial, one device, none that reports, placed
 * anywhere. */
static void check_wire(const co_wire *wire, size_t n_params, bool gaps, bool adds_up, int bits)
{
    static const size_t n_devices[] = {MOST, 5, 1, 3, MOST};
    co_exchange x;
    void *self = NULL;
    make_layout(n_params, gaps);
    CHECK(co_exchange_init(&x, &layout, CO_BOARD_WHOLE, 0, 0, MOST, &comm) == CO_OK);
    const co_wire_setup setup = {
        .exchange = &x, .capacity = MOST, .n_scratch = 100, .bits = bits, .adds_up = adds_up};
    if (n_params == 300) check_shortage(wire, &setup); /* one size is enough */
    const size_t before = co_memory_bytes();
    CHECK(wire->create(&setup, &self) == CO_OK);
    check_bytes(wire, &setup, self, co_memory_bytes() - before);
    if (wire->whole) CHECK(wire->bytes(self) >= MOST * x.n_own * sizeof(float) + setup.n_scratch);
    for (size_t round = 0; round < sizeof n_devices / sizeof *n_devices; round++) {
        draw_updates(x.n, round);
        for (int turn = 0; turn < comm.size; turn++)
            play(wire, &setup, self, n_devices[round], round, turn, false);
    }
    draw_updates(x.n, 9);
    if (wire->whole) play(wire, &setup, self, MOST, 9, 1, true);
    if (wire->slices) {
        co_sum_slice slice[comm.size];
        size_t n = 0;
        wire->slices(self, slice);
        for (int r = 0; r < comm.size; r++) {
            CHECK(slice[r].n == 0 || slice[r].first == n);
            n += slice[r].n;
        }
        CHECK(n == n_params);
    }
    if (wire->destroy) wire->destroy(self);
    co_exchange_fini(&x);
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {1, 300, CO_BLOCK,
                                   N_MOST}; /* small ones leave ranks without a slice */
    harness_start(&argc, &argv);
    CHECK(co_comm_init(&comm) == CO_OK);
    for (const co_plugin *const *at = co_kind_wire.members; *at; at++) {
        const co_wire *wire = co_wire_find((*at)->name);
        CHECK(wire && wire->create && wire->add && wire->finish && wire->summary);
        CHECK(!wire->whole || wire->bytes);
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
            for (int adds_up = 0; adds_up <= wire->whole; adds_up++)
                check_wire(wire, sizes[k], false, adds_up, BITS);
        for (int adds_up = 0; adds_up <= wire->whole; adds_up++)
            check_wire(wire, N_MOST, true, adds_up, BITS);
        if (wire->residues) check_wire(wire, N_MOST, true, false, MORE_BITS);
    }
    co_comm_fini(&comm);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
