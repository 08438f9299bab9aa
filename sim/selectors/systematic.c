/* sim/selectors/systematic.c - systematic sampling on a keyed permutation: pi_k = min(1, m p_k),
 * capped iteratively.
 *
 * Settling: while the heaviest device left has w m > W, it is asked in every round (pi = 1) and
 * leaves: m - 1, W - w. For the others pi_k = m w_k / W exactly: weights are integers, lie end to
 * end on [0, W), and a device is asked when one of the m points floor((j W + U) / m), j = 0 .. m -
 * 1, U uniform on {0 .. W - 1}, falls into its piece. No piece is longer than the distance of two
 * points. The order of the pieces is keyed by the round: devices by a random bin of 1,024, within a
 * bin by id, so that any two can come together and nothing has to be sorted: one pass adds up the
 * bins, a second one walks through all of them at once. Cost of a round: two passes over the
 * devices, two random words and 8 bytes of memory each; settling: a pass and a heap of m. Source:
 * Madow 1949, Ann. Math. Stat. 20 (systematic sampling with unequal probabilities); Hartley and Rao
 * 1962, Ann. Math. Stat. 33 (in random order). */
#include "sim/selectors/systematic.h"
#include "core/memory.h"
#include "sim/selectors/activity.h"

enum { BIN_BITS = 10, BINS = 1 << BIN_BITS, CHUNK = 4096 };
enum { STEP_START, STEP_BINS };

co_status co_systematic_init(co_systematic *s, int64_t n, int64_t m)
{
    *s = (co_systematic){.n = n, .m = m};
    s->weight = co_malloc((size_t)n, sizeof *s->weight);
    s->largest = co_malloc((size_t)m, sizeof *s->largest);
    if (s->weight && s->largest) return CO_OK;
    co_systematic_fini(s);
    return CO_FAIL(CO_ENOMEM, "weights of %lld devices", (long long)n);
}

void co_systematic_fini(co_systematic *s)
{
    co_free(s->weight);
    co_free(s->largest);
    *s = (co_systematic){0};
}

void co_systematic_settle(co_systematic *s)
{
    s->left = s->m;
    s->total = 0;
    for (int64_t k = 0; k < s->n; k++) s->total += s->weight[k];
    CO_ASSERT(s->total >= 0 && s->total <= INT64_C(1) << 61);
    co_activity_largest(s->weight, s->n, (size_t)s->m, s->largest);
    for (int64_t i = 0; i < s->m && s->total > 0; i++) {
        if ((unsigned __int128)s->largest[i] * (uint64_t)s->left <= (uint64_t)s->total) break;
        s->total -= s->largest[i];
        s->left--;
    }
    s->most = s->total > 0 ? s->total / s->left : 0;
}

double co_systematic_chance(const co_systematic *s, int64_t device)
{
    const int64_t w = s->weight[device];
    if (w > s->most) return 1.0;
    return w > 0 ? (double)s->left * (double)w / (double)s->total : 0.0;
}

/* The points of a round, and where the walk stands in each bin. */
typedef struct {
    int64_t total, left, start;      /* W, m, U */
    int64_t at[BINS];                /* end of the pieces seen so far */
    int64_t next[BINS], point[BINS]; /* first point at or behind it, and its number j */
} walk;

static int64_t place(const walk *w, int64_t j)
{
    if (j >= w->left) return INT64_MAX;
    const unsigned __int128 x =
        (unsigned __int128)(uint64_t)j * (uint64_t)w->total + (uint64_t)w->start;
    return (int64_t)(x / (uint64_t)w->left);
}

/* Turns the bins' sums in w->at into their beginnings. */
static void line_up(walk *w)
{
    int64_t begin = 0, j = 0;
    for (int b = 0; b < BINS; b++) {
        const int64_t sum = w->at[b];
        while (place(w, j) < begin) j++;
        w->at[b] = begin;
        w->point[b] = j;
        w->next[b] = place(w, j);
        begin += sum;
    }
}

static void add_bins(const co_systematic *s, const co_stream *stream, walk *w)
{
    uint32_t word[CHUNK];
    for (int64_t first = 0; first < s->n; first += CHUNK) {
        const int64_t n = s->n - first < CHUNK ? s->n - first : CHUNK;
        co_fill_u32(stream, (uint64_t)first, (size_t)n, word);
        for (int64_t i = 0; i < n; i++) {
            const int64_t weight = s->weight[first + i];
            w->at[word[i] >> (32 - BIN_BITS)] += weight > s->most ? 0 : weight;
        }
    }
}

static size_t take(const co_systematic *s, const co_stream *stream, walk *w, int64_t *devices)
{
    uint32_t word[CHUNK];
    size_t n_taken = 0;
    for (int64_t first = 0; first < s->n; first += CHUNK) {
        const int64_t n = s->n - first < CHUNK ? s->n - first : CHUNK;
        co_fill_u32(stream, (uint64_t)first, (size_t)n, word);
        for (int64_t i = 0; i < n; i++) {
            const int64_t weight = s->weight[first + i];
            const uint32_t b = word[i] >> (32 - BIN_BITS);
            if (weight > s->most) {
                devices[n_taken++] = first + i;
                continue;
            }
            w->at[b] += weight;
            if (w->at[b] <= w->next[b]) continue;
            devices[n_taken++] = first + i;
            w->next[b] = place(w, ++w->point[b]);
        }
    }
    return n_taken;
}

size_t co_systematic_select(const co_systematic *s, uint64_t seed, int64_t round, int64_t *devices)
{
    co_stream start = co_stream_open(seed, CO_DRAW_SELECT, (uint64_t)round, 0, STEP_START);
    const co_stream bins = co_stream_open(seed, CO_DRAW_SELECT, (uint64_t)round, 0, STEP_BINS);
    walk w = {.total = s->total, .left = s->total > 0 ? s->left : 0};
    if (s->total > 0) w.start = (int64_t)co_draw_below(&start, (uint64_t)s->total);
    add_bins(s, &bins, &w);
    line_up(&w);
    return take(s, &bins, &w, devices);
}
