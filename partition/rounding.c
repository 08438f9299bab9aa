/* partition/rounding.c - controlled rounding of a table of devices x columns.
 *
 * Each row by itself first: entry c is floor(X_c + u) - floor(X_(c-1) + u), X the cumulated row and
 * u a keyed uniform draw, so that it is x_c down or up and expects x_c. Columns then are off by
 * about sqrt(K); they are brought below their caps by turning single rows: one entry of a column
 * with too many goes down, one of a column with room goes up. Rows turn in keyed order, those first
 * whose entries lie well between two whole numbers; where no row has such a pair, along a chain of
 * columns (a shortest augmenting path of the flow: a table with whole margins always has one).
 * Cost: O(K C), and O(K C^2) for each chain, which are few. Source: Cox, J. Am. Stat. Assoc. 82
 * (1987), unbiased controlled rounding: the problem; systematic rounding and flow in its place. */
#include "partition/rounding.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

#define NEAR 1e-9 /* a number this near to a whole one is whole */
#define MIDDLE 0.25

typedef struct {
    const co_partition_input *in;
    uint64_t draw_id;
    co_wanted *wanted;
    const void *self;
    size_t n;        /* columns */
    int32_t *count;  /* [n_devices][n] */
    double *x;       /* [n] the row at hand */
    int64_t *over;   /* [n] given - cap */
    int64_t surplus; /* sum of over > 0 */
    int64_t *order;  /* [n_devices] keyed */
    int64_t *via;   /* [n] the row by which a chain reaches a column; -1: not reached, -2: it begins
                       there */
    size_t *before; /* [n] the column that it comes from */
} rounder;

static int32_t *row_of(const rounder *r, int64_t device)
{
    r->wanted(r->self, device, r->x);
    return r->count + (size_t)device * r->n;
}

static void round_row(rounder *r, int64_t device)
{
    co_stream stream = co_partition_stream(r->in, r->draw_id, (uint64_t)device, 0);
    int32_t *row = row_of(r, device);
    const double u = co_draw_uniform(&stream);
    double sum = 0.0, all = 0.0;
    for (size_t c = 0; c < r->n; c++) all += r->x[c];
    const int64_t total = (int64_t)floor(all + 0.5);
    int64_t cut = 0;
    for (size_t c = 0; c < r->n; c++) {
        sum += r->x[c];
        const int64_t place = (int64_t)floor(sum + u + NEAR),
                      next = c == r->n - 1 || place > total ? total : place;
        row[c] = (int32_t)(next - cut);
        r->over[c] += next - cut;
        cut = next;
    }
}

static bool may_fall(const rounder *r, const int32_t *row, size_t c, double least)
{
    return (double)row[c] - r->x[c] > least;
}

static bool may_rise(const rounder *r, const int32_t *row, size_t c, double least)
{
    return r->x[c] - (double)row[c] > least;
}

/* One example of the row from column a to column b, and the columns' counts with it. */
static void turn(rounder *r, int32_t *row, size_t a, size_t b)
{
    row[a]--;
    row[b]++;
    r->over[a]--;
    r->over[b]++;
    r->surplus--;
}

/* The column with most room that may take from the row; n: none. */
static size_t find_room(const rounder *r, const int32_t *row, double least)
{
    size_t best = r->n;
    for (size_t c = 0; c < r->n; c++)
        if (r->over[c] < 0 && may_rise(r, row, c, least) &&
            (best == r->n || r->over[c] < r->over[best]))
            best = c;
    return best;
}

/* Turns rows whose two entries lie further than `least` from where they go. */
static void sweep(rounder *r, double least)
{
    for (int64_t i = 0; i < r->in->n_devices && r->surplus > 0; i++) {
        int32_t *row = row_of(r, r->order[i]);
        for (size_t a = 0; a < r->n; a++) {
            if (r->over[a] <= 0 || !may_fall(r, row, a, least)) continue;
            const size_t b = find_room(r, row, least);
            if (b == r->n) break;
            turn(r, row, a, b);
        }
    }
}

/* One step of the search: columns that a row reaches from those reached before; the first with
 * room, or n. */
static size_t reach(rounder *r, bool *grown)
{
    for (int64_t i = 0; i < r->in->n_devices; i++) {
        const int32_t *row = row_of(r, r->order[i]);
        for (size_t a = 0; a < r->n; a++) {
            if (r->via[a] == -1 || !may_fall(r, row, a, NEAR)) continue;
            for (size_t b = 0; b < r->n; b++) {
                if (r->via[b] != -1 || !may_rise(r, row, b, NEAR)) continue;
                r->via[b] = r->order[i];
                r->before[b] = a;
                *grown = true;
                if (r->over[b] < 0) return b;
            }
        }
    }
    return r->n;
}

/* Moves one example along a chain of columns; false when there is none. */
static bool chain(rounder *r)
{
    size_t end = r->n;
    for (size_t c = 0; c < r->n; c++) r->via[c] = r->over[c] > 0 ? -2 : -1;
    for (bool grown = true; grown && end == r->n;) {
        grown = false;
        end = reach(r, &grown);
    }
    if (end == r->n) return false;
    r->over[end]++;
    for (; r->via[end] >= 0; end = r->before[end]) {
        int32_t *row = r->count + (size_t)r->via[end] * r->n;
        row[end]++;
        row[r->before[end]]--;
    }
    r->over[end]--;
    r->surplus--;
    return true;
}

/* What the real table does not allow: any row gives. */
static void force(rounder *r)
{
    for (int64_t i = 0; i < r->in->n_devices && r->surplus > 0; i++) {
        int32_t *row = r->count + (size_t)r->order[i] * r->n;
        for (size_t a = 0; a < r->n; a++)
            for (size_t b = 0; b < r->n && r->over[a] > 0 && row[a] > 0; b++)
                if (r->over[b] < 0) turn(r, row, a, b);
    }
}

static co_status rounder_init(rounder *r, const int64_t *cap)
{
    const size_t k = (size_t)r->in->n_devices;
    r->x = co_malloc(r->n, sizeof *r->x);
    r->over = co_malloc(r->n, sizeof *r->over);
    r->via = co_malloc(r->n, sizeof *r->via);
    r->before = co_malloc(r->n, sizeof *r->before);
    r->order = co_malloc(k, sizeof *r->order);
    if (!r->x || !r->over || !r->via || !r->before || !r->order)
        return CO_FAIL(CO_ENOMEM, "rounding a table of %zu devices and %zu columns", k, r->n);
    for (size_t c = 0; c < r->n; c++) r->over[c] = -cap[c];
    for (size_t i = 0; i < k; i++) r->order[i] = (int64_t)i;
    co_stream stream = co_partition_stream(r->in, r->draw_id + 1, 0, 0);
    co_draw_shuffle(&stream, r->order, k);
    return CO_OK;
}

co_status co_round_table(const co_partition_input *in, uint64_t draw_id, co_wanted *wanted,
                         const void *self, size_t n_columns, const int64_t *cap, int32_t *count)
{
    rounder r = {.in = in,
                 .draw_id = draw_id,
                 .wanted = wanted,
                 .self = self,
                 .n = n_columns,
                 .count = count};
    const co_status st = rounder_init(&r, cap);
    if (st == CO_OK) {
        for (int64_t k = 0; k < in->n_devices; k++) round_row(&r, k);
        for (size_t c = 0; c < r.n; c++) r.surplus += r.over[c] > 0 ? r.over[c] : 0;
        sweep(&r, MIDDLE);
        sweep(&r, NEAR);
        while (r.surplus > 0 && chain(&r)) {
        }
        force(&r);
        CO_ASSERT(r.surplus == 0);
    }
    co_free(r.x);
    co_free(r.over);
    co_free(r.via);
    co_free(r.before);
    co_free(r.order);
    return st;
}
