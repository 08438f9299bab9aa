/* privacy/mechanisms/noise_table.c - cumulative tables of two laws, made in integers alone.
 *
 * Discrete Gaussian: with x = 1 / (2 v), u_k = e^((K^2 - k^2) x) from the last K down: u_(k-1) =
 * u_k h_k, h_k = e^((2k - 1) x) = h_(k-1) e^(2x), e^x by its series. Skellam: I_(k-1) = I_(k+1) +
 * (2 k / v) I_k from far beyond K down (Miller's algorithm: what was wrong at the start dies out).
 * All terms are positive, so that no digit cancels; 128 bits lose some k^2 2^-125 on the way. The
 * sum of all masses divides them at the end. Floats only say how long the tables are: any K beyond
 * 2^-130 would do. Cost: some 0.1 us an entry to make, 14 sqrt v of them; 4 to 6 ns a draw of the
 * seed's words while the table stays in the nearest cache. */
#include "privacy/mechanisms/noise_table.h"
#include "core/elementary.h"
#include "core/memory.h"
#include "privacy/mechanisms/wide.h"

enum { CHUNK = 512, LEAST_GUIDE = 6, MOST_GUIDE = 16 };
#define LOG_TAIL 92.0   /* e^-92 < 2^-132 */
#define LOG_START 150.0 /* where Skellam's recurrence begins: 2 (150 - 92) > 127 log 2 */

/* -log of Skellam's mass at k without its root: k asinh(k / v) + v - sqrt(k^2 + v^2). */
static double skellam_depth(double k, double v)
{
    const double x = k / v, root = sqrt(1.0 + x * x);
    const double asinh_x = co_plain_log1p(x + x * x / (1.0 + root));
    return v * (x * asinh_x - x * x / (1.0 + root));
}

/* The least k, up to doubling and halving, whose depth is beyond. */
static size_t skellam_reach(double v, double depth)
{
    size_t lo = 1, hi = 2;
    while (skellam_depth((double)hi, v) < depth) lo = hi, hi *= 2;
    while (hi - lo > 1) {
        const size_t k = lo + (hi - lo) / 2;
        *(skellam_depth((double)k, v) < depth ? &lo : &hi) = k;
    }
    return hi;
}

static co_wide exp_of(uint64_t p, uint64_t q) /* e^(p / q), p <= 4 q */
{
    co_wide term = co_wide_of(1, 0), sum = term;
    for (uint64_t n = 1; n < 80; n++) {
        term = co_wide_over(co_wide_over(co_wide_times(term, p), q), n);
        sum = co_wide_sum(sum, term);
    }
    return sum;
}

/* mass[0 .. last], up to a factor. */
static co_status gaussian_masses(uint64_t parts, size_t last, co_wide *mass)
{
    co_wide *h = co_malloc(last + 1, sizeof *h);
    if (!h) return CO_FAIL(CO_ENOMEM, "a table of %zu probabilities", last);
    const co_wide step = exp_of((uint64_t)CO_NOISE_UNIT, parts);
    h[0] = h[1] = exp_of((uint64_t)CO_NOISE_UNIT, 2 * parts);
    for (size_t k = 2; k <= last; k++) h[k] = co_wide_product(h[k - 1], step);
    mass[last] = co_wide_of(1, 0);
    for (size_t k = last; k > 0; k--) mass[k - 1] = co_wide_product(mass[k], h[k]);
    co_free(h);
    return CO_OK;
}

static void skellam_masses(uint64_t parts, size_t start, size_t last, co_wide *mass)
{
    co_wide above = {0}, at = co_wide_of(1, 0);
    for (size_t k = start;; k--) {
        if (k <= last) mass[k] = at;
        if (k == 0) return;
        const co_wide scaled =
            co_wide_over(co_wide_times(at, 2 * k * (uint64_t)CO_NOISE_UNIT), parts);
        const co_wide below = co_wide_sum(above, scaled);
        above = at, at = below;
    }
}

static co_status allocate(co_noise_table *t, size_t n)
{
    *t = (co_noise_table){.n = n, .guide_bits = LEAST_GUIDE};
    while (t->guide_bits < MOST_GUIDE && (size_t)1 << t->guide_bits < n) t->guide_bits++;
    t->high = co_malloc(n, sizeof *t->high);
    t->low = co_malloc(n, sizeof *t->low);
    t->guide = co_malloc((size_t)1 << t->guide_bits, sizeof *t->guide);
    if (t->high && t->low && t->guide) return CO_OK;
    co_noise_table_fini(t);
    return CO_FAIL(CO_ENOMEM, "a table of %zu probabilities", n);
}

/* From masses of 0 and of each of two signs. */
static void accumulate(co_noise_table *t, const co_wide *mass)
{
    co_wide all = {0}, upto = {0};
    for (size_t k = t->n; k-- > 1;) all = co_wide_sum(all, mass[k]); /* the smallest first */
    all.e++;
    all = co_wide_sum(all, mass[0]);
    for (size_t k = 0; k < t->n; k++) {
        co_wide both = mass[k];
        if (k > 0) both.e++;
        upto = co_wide_sum(upto, both);
        const unsigned __int128 p =
            k + 1 == t->n ? ~(unsigned __int128)0 : co_wide_fraction(upto, all);
        t->high[k] = (uint64_t)(p >> 64);
        t->low[k] = (uint64_t)p;
    }
    for (size_t cell = 0, k = 0; cell < (size_t)1 << t->guide_bits; cell++) {
        while (t->high[k] < (uint64_t)cell << (63 - t->guide_bits)) k++;
        t->guide[cell] = (uint32_t)k;
    }
}

co_status co_noise_table_gaussian(uint64_t parts, co_noise_table *t)
{
    const double v = (double)parts / CO_NOISE_UNIT;
    const size_t last = (size_t)sqrt(2.0 * LOG_TAIL * v) + 2;
    CO_ASSERT(v >= 0.25 && v <= CO_NOISE_MOST_VARIANCE);
    CO_TRY(allocate(t, last + 1));
    co_wide *mass = co_malloc(last + 1, sizeof *mass);
    co_status st = mass ? gaussian_masses(parts, last, mass)
                        : CO_FAIL(CO_ENOMEM, "a table of %zu probabilities", last);
    if (st == CO_OK)
        accumulate(t, mass);
    else
        co_noise_table_fini(t);
    co_free(mass);
    return st;
}

co_status co_noise_table_skellam(uint64_t parts, co_noise_table *t)
{
    const double v = (double)parts / CO_NOISE_UNIT;
    CO_ASSERT(v >= CO_NOISE_LEAST_VARIANCE && v <= CO_NOISE_MOST_VARIANCE);
    const size_t last = skellam_reach(v, LOG_TAIL), start = skellam_reach(v, LOG_START) + 2;
    CO_TRY(allocate(t, last + 1));
    co_wide *mass = co_malloc(last + 1, sizeof *mass);
    if (!mass) {
        co_noise_table_fini(t);
        return CO_FAIL(CO_ENOMEM, "a table of %zu probabilities", last);
    }
    skellam_masses(parts, start, last, mass);
    accumulate(t, mass);
    co_free(mass);
    return CO_OK;
}

void co_noise_table_fini(co_noise_table *t)
{
    co_free(t->high);
    co_free(t->low);
    co_free(t->guide);
    *t = (co_noise_table){0};
}

/* The first size whose cumulative probability is above the word's 63 bits, or may be. */
static size_t find(const co_noise_table *t, uint64_t u)
{
    size_t k = t->guide[u >> (63 - t->guide_bits)];
    while (t->high[k] < u) k++;
    return k;
}

static int64_t signed_size(size_t k, uint64_t word)
{
    const int64_t sign = -(int64_t)(word & 1);
    return ((int64_t)k ^ sign) - sign;
}

int64_t co_noise_table_draw(const co_noise_table *t, uint64_t word, uint64_t below)
{
    const uint64_t u = word >> 1;
    size_t k = find(t, u);
    while (t->high[k] == u && t->low[k] <= below) k++;
    return signed_size(k, word);
}

void co_noise_table_add(const co_noise_table *t, const co_noise_release *release, uint64_t first,
                        size_t n, int64_t *x)
{
    uint64_t word[CHUNK];
    for (size_t at = 0; at < n; at += CHUNK) {
        const size_t m = n - at < CHUNK ? n - at : CHUNK;
        co_noise_fill(release, 0, first + at, m, word);
        for (size_t j = 0; j < m; j++) {
            const size_t k = find(t, word[j] >> 1);
            if (t->high[k] != word[j] >> 1) {
                x[at + j] += signed_size(k, word[j]);
                continue;
            }
            uint64_t below;
            co_noise_fill(release, 1, first + at + j, 1, &below);
            x[at + j] += co_noise_table_draw(t, word[j], below);
        }
    }
}
