/* Streams, bulk draws and distributions. References: the known-answer vectors that Random123
 * publishes (its file tests/kat_vectors), libm, erf, moments and chi-square. Seeds are fixed, so
 * nothing here is a matter of luck. */
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <Random123/philox.h>
#include <float.h>

/* A copy of the bulk draws compiled for the baseline processor alone. */
#define CO_NO_CLONES
#define co_fill_u32 plain_fill_u32
#define co_fill_u64 plain_fill_u64
#define co_fill_uniform plain_fill_uniform
#define co_fill_normal plain_fill_normal
#define co_add_noise plain_add_noise
#include "core/random_fill.c"
#undef co_fill_u32
#undef co_fill_u64
#undef co_fill_uniform
#undef co_fill_normal
#undef co_add_noise
void co_fill_u32(const co_stream *s, uint64_t first, size_t n, uint32_t *out);
void co_fill_uniform(const co_stream *s, uint64_t first, size_t n, float *out);
void co_fill_normal(const co_stream *s, uint64_t first, size_t n, float *out);
void co_add_noise(const co_stream *s, size_t n, float scale, float std, float *x);
#include "core/elementary.h"
#include "core/memory.h"
#include "core/status.h"

static co_stream test_stream(uint64_t step)
{
    return co_stream_open(20240229, CO_DRAW_TEST, 7, 11, step);
}

/* {counter x4, key x2, result x4} */
static const uint32_t published32[3][10] = {
    {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
    {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
    {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb,
     0x5001e420, 0x24126ea1}};
static const uint64_t published64[3][10] = {
    {0, 0, 0, 0, 0, 0, 0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b,
     0x7e68b68aec7ba23b},
    {~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, 0x87b092c3013fe90b, 0x438c3c67be8d0224,
     0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0},
    {0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89,
     0x452821e638d01377, 0xbe5466cf34e90c6c, 0xa528f45403e61d95, 0x38c72dbd566e9788,
     0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6}};

Test(philox, gives_the_published_words_in_every_form)
{
    for (int i = 0; i < 3; i++) {
        const uint32_t *v = published32[i];
        const uint64_t block = (uint64_t)v[1] << 32 | v[0];
        uint32_t w[4][CO_PHILOX_BLOCKS], p[4][CO_PHILOX_BLOCKS], words[4];
        co_stream s = {.key = {v[4], v[5]}, .high = {v[2], v[3]}};
        co_philox_blocks(s.key, s.high, block, w);
        co_philox_blocks_plain(s.key, s.high, block, p);
        for (int j = 0; j < 4; j++) cr_assert(w[j][0] == v[6 + j] && p[j][0] == v[6 + j]);
        if (block >> 62) continue; /* a stream has 2^64 words */
        co_fill_u32(&s, 4 * block, 4, words);
        for (int j = 0; j < 4; j++) cr_assert_eq(words[j], v[6 + j]);
        s.next = 4 * block;
        for (int j = 0; j < 4; j++) cr_assert_eq(co_draw_u32(&s), v[6 + j]);
    }
    for (int i = 0; i < 3; i++) {
        const uint64_t *v = published64[i];
        const philox4x64_ctr_t counter = {{v[0], v[1], v[2], v[3]}};
        const philox4x64_key_t key = {{v[4], v[5]}};
        const philox4x64_ctr_t x = philox4x64(counter, key);
        for (int j = 0; j < 4; j++) cr_assert_eq(x.v[j], v[6 + j]);
    }
}

Test(philox, blocks_equal_random123_across_the_carry_of_the_counter)
{
    const uint64_t starts[] = {0, 5, 0xffffffffull - 20, (1ull << 62) - 3, ~0ull - 30};
    for (size_t t = 0; t < sizeof starts / sizeof *starts; t++) {
        const uint32_t key[2] = {3, 0x80000001}, high[2] = {0xdeadbeef, 9};
        uint32_t w[4][CO_PHILOX_BLOCKS], p[4][CO_PHILOX_BLOCKS];
        co_philox_blocks(key, high, starts[t], w);
        co_philox_blocks_plain(key, high, starts[t], p);
        cr_assert_arr_eq(w, p, sizeof w);
        for (uint64_t l = 0; l < CO_PHILOX_BLOCKS; l++) {
            const uint64_t b = starts[t] + l;
            const philox4x32_ctr_t counter = {{(uint32_t)b, (uint32_t)(b >> 32), high[0], high[1]}};
            const philox4x32_key_t pair = {{key[0], key[1]}};
            const philox4x32_ctr_t x = philox4x32(counter, pair);
            for (int j = 0; j < 4; j++) cr_assert_eq(w[j][l], x.v[j]);
        }
    }
}

Test(stream, name_becomes_key_and_counter_as_published)
{
    const co_stream s = co_stream_open(0, CO_DRAW_TEST, 0, 0, 0);
    cr_assert(s.key[0] == 0xca36314c && s.key[1] == 0x16554d9e);
    cr_assert(s.high[0] == 0x672d0fdc && s.high[1] == 0xdb20fe9d);
    cr_assert_eq(s.next, 0);
}

Test(stream, every_part_of_the_name_matters_and_neighbours_are_uncorrelated)
{
    enum { N = 20000 };
    static float base[N], other[N];
    const co_stream s = co_stream_open(1, CO_DRAW_TEST, 2, 3, 4);
    const co_stream near[] = {co_stream_open(2, CO_DRAW_TEST, 2, 3, 4),
                              co_stream_open(1, CO_DRAW_NOISE, 2, 3, 4),
                              co_stream_open(1, CO_DRAW_TEST, 3, 3, 4),
                              co_stream_open(1, CO_DRAW_TEST, 2, 4, 4),
                              co_stream_open(1, CO_DRAW_TEST, 2, 3, 5),
                              co_stream_open(1ull << 63 | 1, CO_DRAW_TEST, 2, 3, 4)};
    co_fill_normal(&s, 0, N, base);
    for (size_t t = 0; t < sizeof near / sizeof *near; t++) {
        double product = 0.0;
        co_fill_normal(&near[t], 0, N, other);
        for (int i = 0; i < N; i++) product += (double)base[i] * (double)other[i];
        cr_assert(fabs(product) < 4.0 * sqrt(N), "name %zu: sum of products %g", t, product);
    }
}

Test(fill, any_cut_gives_the_same_draws)
{
    enum { N = 3001 };
    static float whole[N], part[N];
    static uint32_t words[N];
    const uint64_t from[] = {0, 1, 2, 3, 5, 255, 256, 257, (1ull << 34) - 700};
    const size_t steps[] = {1, 3, 4, 7, 255, 256, 257, 1000};
    for (size_t f = 0; f < sizeof from / sizeof *from; f++) {
        co_stream s = test_stream(1);
        co_fill_normal(&s, from[f], N, whole);
        for (size_t t = 0; t < sizeof steps / sizeof *steps; t++) {
            for (size_t i = 0; i < N; i += steps[t])
                co_fill_normal(&s, from[f] + i, N - i < steps[t] ? N - i : steps[t], part + i);
            cr_assert_arr_eq(whole, part, sizeof whole);
        }
        co_fill_u32(&s, from[f], N, words);
        cr_assert_eq(s.next, 0); /* the stream has not moved */
        s.next = from[f] / 4 * 4;
        for (uint64_t skip = from[f] % 4; skip > 0; skip--) co_draw_u32(&s);
        size_t wrong = 0;
        for (size_t i = 0; i < N; i++) wrong += words[i] != co_draw_u32(&s);
        cr_assert_eq(wrong, 0);
    }
}

Test(fill, bits_are_those_of_the_baseline_processor)
{
    enum { N = 100003 };
    static float fast[N], plain[N];
    static uint32_t fast_words[N], plain_words[N];
    const co_stream s = test_stream(2);
    co_fill_normal(&s, 9, N, fast);
    plain_fill_normal(&s, 9, N, plain);
    cr_assert_arr_eq(fast, plain, sizeof fast);
    co_fill_uniform(&s, 9, N, fast);
    plain_fill_uniform(&s, 9, N, plain);
    cr_assert_arr_eq(fast, plain, sizeof fast);
    co_fill_u32(&s, 9, N, fast_words);
    plain_fill_u32(&s, 9, N, plain_words);
    cr_assert_arr_eq(fast_words, plain_words, sizeof fast_words);
}

/* The number belongs to every published result that has noise in it: compilers and processors may
 * not change it. */
Test(fill, bits_of_normals_never_change)
{
    enum { N = 100003 };
    static float z[N];
    const co_stream s = co_stream_open(1, CO_DRAW_TEST, 2, 3, 4);
    uint64_t digest = 0xcbf29ce484222325; /* FNV-1a over words */
    co_fill_normal(&s, 0, N, z);
    for (size_t i = 0; i < N; i++) {
        uint32_t bits;
        memcpy(&bits, &z[i], sizeof bits);
        digest = (digest ^ bits) * 0x100000001b3;
    }
    cr_assert_eq(digest, 0xdfbffca68f120173, "digest %#llx", (unsigned long long)digest);
}

Test(fill, uniform_is_the_upper_24_bits)
{
    enum { N = 1000 };
    float u[N];
    uint32_t w[N];
    const co_stream s = test_stream(3);
    co_fill_uniform(&s, 0, N, u);
    co_fill_u32(&s, 0, N, w);
    for (int i = 0; i < N; i++) cr_assert(u[i] == (float)(w[i] / 256) / 16777216.0f && u[i] < 1.0f);
}

/* Box-Muller in double from the same words, by libm. */
static void reference_pair(uint32_t w, uint32_t v, double *x, double *y)
{
    const double u = ((double)(w >> 1) + 0.5) / 2147483648.0;
    const double angle = 6.283185307179586 * ((double)v + 0.5 - 536870912.0) / 4294967296.0;
    *x = sqrt(-2.0 * log(u)) * cos(angle);
    *y = sqrt(-2.0 * log(u)) * sin(angle);
}

static double worst_against_libm(const uint32_t *w, size_t n)
{
    double worst = 0.0;
    for (size_t i = 0; i + 1 < n; i += 2) {
        uint32_t a = w[i], b = w[i + 1];
        double x, y;
        float fx, fy;
        reference_pair(a, b, &x, &y);
        normal_pair(&a, &b);
        memcpy(&fx, &a, sizeof fx);
        memcpy(&fy, &b, sizeof fy);
        const double scale = sqrt(x * x + y * y),
                     error = fmax(fabs((double)fx - x), fabs((double)fy - y)) / scale;
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

Test(fill, normals_agree_with_libm_to_half_a_millionth)
{
    enum { N = 200000 };
    static uint32_t w[N];
    const co_stream s = test_stream(4);
    co_fill_u32(&s, 0, N, w);
    const double worst = worst_against_libm(w, N);
    cr_assert(worst < 5e-7, "worst %g", worst);
}

Test(fill, normals_are_right_at_the_ends_of_the_words)
{
    const uint32_t ends[] = {0,          1,          2,           3,
                             0x3fffffff, 0x40000000, 0x7fffffff,  0x80000000,
                             0xbfffffff, 0xc0000000, 0xfffffffe,  0xffffffff,
                             0x1fffffff, 0x20000000, 3037000499u, 3037000500u};
    enum { K = sizeof ends / sizeof *ends };
    for (size_t i = 0; i < K; i++)
        for (size_t j = 0; j < K; j++) {
            const double error = worst_against_libm((const uint32_t[]){ends[i], ends[j]}, 2);
            cr_assert(error < 5e-7, "words %#x %#x: error %g", ends[i], ends[j], error);
        }
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* sqrt(n) times the Kolmogorov-Smirnov distance to the standard normal; above 1.95 with probability
 * 0.001. Sorts z. */
static double ks_normal(double *z, size_t n)
{
    double d = 0.0;
    qsort(z, n, sizeof *z, by_value);
    for (size_t i = 0; i < n; i++) {
        const double f = 0.5 * erfc(-z[i] / sqrt(2.0));
        d = fmax(d, fmax(fabs(f - (double)i / (double)n), fabs(f - (double)(i + 1) / (double)n)));
    }
    return d * sqrt((double)n);
}

static void check_normal(double *z, size_t n)
{
    double m[5] = {0};
    const double count = (double)n;
    for (size_t i = 0; i < n; i++)
        for (int k = 1; k <= 4; k++) m[k] += pow(z[i], k) / count;
    cr_assert(fabs(m[1]) < 4.0 * sqrt(1.0 / count), "mean %g", m[1]);
    cr_assert(fabs(m[2] - 1.0) < 4.0 * sqrt(2.0 / count), "variance %g", m[2]);
    cr_assert(fabs(m[3]) < 4.0 * sqrt(15.0 / count), "third moment %g", m[3]);
    cr_assert(fabs(m[4] - 3.0) < 4.0 * sqrt(96.0 / count), "fourth moment %g", m[4]);
    for (double edge = 2.0; edge <= 5.0; edge += 0.5) {
        const double expected = count * erfc(edge / sqrt(2.0));
        double up = 0.0, down = 0.0;
        for (size_t i = 0; i < n; i++) {
            up += z[i] > edge;
            down += z[i] < -edge;
        }
        cr_assert(fabs(up + down - expected) < 4.0 * sqrt(expected) + 2.0, "beyond %g: %g, not %g",
                  edge, up + down, expected);
        cr_assert(fabs(up - down) < 4.0 * sqrt(expected) + 2.0, "beyond %g: %g up, %g down", edge,
                  up, down);
    }
    const double ks = ks_normal(z, n);
    cr_assert(ks < 1.95, "Kolmogorov-Smirnov %g", ks);
}

Test(fill, a_million_normals_are_normal_and_so_are_their_tails)
{
    const size_t n = 1000000;
    float *x = co_malloc(n, sizeof *x);
    double *z = co_malloc(n, sizeof *z), product = 0.0, squares = 0.0;
    const co_stream s = test_stream(5);
    co_fill_normal(&s, 0, n, x);
    for (size_t i = 0; i + 1 < n; i += 2) { /* the two of a pair are independent, squares too */
        product += (double)x[i] * (double)x[i + 1];
        squares +=
            ((double)x[i] * (double)x[i] - 1.0) * ((double)x[i + 1] * (double)x[i + 1] - 1.0);
    }
    cr_assert(fabs(product) < 4.0 * sqrt((double)n / 2.0) &&
              fabs(squares) < 4.0 * sqrt(2.0 * (double)n));
    for (size_t i = 0; i < n; i++) z[i] = (double)x[i];
    check_normal(z, n);
    co_free(x);
    co_free(z);
}

Test(noise, bits_are_those_of_the_baseline_processor_and_never_change)
{
    enum { N = 100003 };
    static float fast[N + 1], plain[N + 1], part[N];
    const co_stream s = co_stream_open(1, CO_DRAW_TEST, 2, 3, 4);
    uint64_t digest = 0xcbf29ce484222325; /* FNV-1a over words */
    for (size_t i = 0; i < N; i++) fast[i] = plain[i] = (float)i * 0.01f;
    co_add_noise(&s, N, 0.5f, 3.0f, fast);
    plain_add_noise(&s, N, 0.5f, 3.0f, plain);
    cr_assert_arr_eq(fast, plain, sizeof fast); /* and nothing behind the end is touched */
    for (size_t i = 0; i < N; i++) {
        uint32_t bits;
        memcpy(&bits, &fast[i], sizeof bits);
        digest = (digest ^ bits) * 0x100000001b3;
    }
    cr_assert_eq(digest, 0xc704a05dba0b5ab4, "digest %#llx", (unsigned long long)digest);
    for (size_t n = 0; n < 700; n++) { /* a shorter vector gets the first of the same draws */
        for (size_t i = 0; i < n; i++) part[i] = (float)i * 0.01f;
        co_add_noise(&s, n, 0.5f, 3.0f, part);
        cr_assert_eq(memcmp(part, fast, n * sizeof *part), 0, "%zu", n);
    }
}

/* Draws beyond an edge, and the variance to 0.1 %: 5 standard deviations of 5e7 draws. */
Test(noise, has_the_tails_and_the_variance_of_a_normal_law, .timeout = 120)
{
    enum { N = 1 << 20, TIMES = 48 };
    const double edges[] = {2.0, 3.0, 4.0, 4.5, 5.0};
    double beyond[2][5] = {{0}}, sum = 0.0, squares = 0.0, fourth = 0.0, product = 0.0, both = 0.0;
    float *x = co_malloc(N, sizeof *x);
    for (uint64_t t = 0; t < TIMES; t++) {
        const co_stream s = test_stream(100 + t);
        memset(x, 0, N * sizeof *x);
        co_add_noise(&s, N, 1.0f, 1.0f, x);
        for (size_t i = 0; i < N; i++) {
            const double z = (double)x[i], z2 = z * z;
            sum += z, squares += z2, fourth += z2 * z2;
            for (int k = 0; k < 5; k++) beyond[z < 0.0][k] += z2 > edges[k] * edges[k];
            if (i % 128 >= 64) continue; /* its pair stands 64 further on */
            const double pair = (double)x[i + 64];
            product += z * pair, both += (z2 - 1.0) * (pair * pair - 1.0);
        }
    }
    const double n = (double)N * TIMES;
    cr_assert(fabs(sum) < 4.0 * sqrt(n), "mean %g", sum / n);
    cr_assert(fabs(squares / n - 1.0) < 1e-3, "variance %g", squares / n);
    cr_assert(fabs(fourth / n - 3.0) < 4.0 * sqrt(96.0 / n), "fourth moment %g", fourth / n);
    cr_assert(fabs(product) < 4.0 * sqrt(n / 2.0) && fabs(both) < 4.0 * sqrt(2.0 * n));
    for (int k = 0; k < 5; k++) {
        const double expected = 0.5 * n * erfc(edges[k] / sqrt(2.0));
        for (int side = 0; side < 2; side++)
            cr_assert(fabs(beyond[side][k] - expected) < 4.0 * sqrt(expected),
                      "beyond %g: %g, not %g", edges[k], beyond[side][k], expected);
    }
    co_free(x);
}

Test(noise, a_million_draws_are_normal)
{
    const size_t n = 1000000;
    float *x = co_calloc(n, sizeof *x);
    double *z = co_malloc(n, sizeof *z);
    const co_stream s = test_stream(8);
    co_add_noise(&s, n, 1.0f, 1.0f, x);
    for (size_t i = 0; i < n; i++) z[i] = (double)x[i];
    check_normal(z, n);
    co_free(x);
    co_free(z);
}

Test(draw, normals_one_by_one_are_normal)
{
    const size_t n = 400000;
    double *z = co_malloc(n, sizeof *z);
    co_stream s = test_stream(6);
    for (size_t i = 0; i < n; i++) z[i] = co_draw_normal(&s);
    check_normal(z, n);
    co_free(z);
}

/* Chi-square of counts that should be equal, in standard deviations above its mean. */
static double chi_square(const double *count, size_t n)
{
    double total = 0.0, x = 0.0;
    for (size_t i = 0; i < n; i++) total += count[i];
    for (size_t i = 0; i < n; i++)
        x += (count[i] - total / (double)n) * (count[i] - total / (double)n);
    x /= total / (double)n;
    return (x - (double)(n - 1)) / sqrt(2.0 * (double)(n - 1));
}

/* A last bit of a logarithm moves a gap only where it is a whole number to 1e-15. */
Test(draw, gaps_are_geometric_and_those_of_libm)
{
    const double rates[] = {1e-9, 0.004, 0.3, 0.7, 0.999};
    for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
        co_stream s = test_stream(40 + k), twin = s;
        const double miss = 1.0 - rates[k], n = 300000.0;
        double sum = 0.0, none = 0.0;
        for (int i = 0; i < (int)n; i++) {
            const double gap = co_draw_gap(&s, rates[k]);
            cr_assert(gap == floor(log(1.0 - co_draw_uniform(&twin)) / log1p(-rates[k])));
            sum += gap;
            none += gap == 0.0;
        }
        cr_assert(fabs(sum / n * rates[k] - miss) < 4.0 * sqrt(miss / n), "mean %g", sum / n);
        cr_assert(fabs(none - n * rates[k]) < 4.0 * sqrt(n * rates[k] * miss) + 1.0, "%g", none);
    }
    co_stream s = test_stream(50);
    cr_assert(co_draw_gap(&s, 1.0) == 0.0 && s.next == 0);
}

Test(draw, uniform_fills_the_unit_interval_evenly)
{
    double count[100] = {0};
    co_stream s = test_stream(7);
    for (int i = 0; i < 200000; i++) {
        const double u = co_draw_uniform(&s);
        cr_assert(u >= 0.0 && u < 1.0);
        count[(int)(100.0 * u)]++;
    }
    cr_assert(fabs(chi_square(count, 100)) < 4.0);
}

Test(draw, below_is_even_for_small_and_for_huge_ranges)
{
    double small[7] = {0}, residue[3] = {0};
    co_stream s = test_stream(8);
    const uint64_t huge =
        3ull << 62; /* without rejection a multiple of 3 would come half of the time */
    for (int i = 0; i < 70000; i++) small[co_draw_below(&s, 7)]++;
    for (int i = 0; i < 30000; i++) {
        const uint64_t x = co_draw_below(&s, huge);
        cr_assert_lt(x, huge);
        residue[x % 3]++;
    }
    cr_assert(fabs(chi_square(small, 7)) < 4.0 && fabs(chi_square(residue, 3)) < 4.0);
    cr_assert_eq(co_draw_below(&s, 1), 0);
}

Test(draw, shuffles_are_equally_likely)
{
    double count[24] = {0};
    co_stream s = test_stream(9);
    for (int t = 0; t < 48000; t++) {
        int64_t p[4] = {0, 1, 2, 3};
        co_draw_shuffle(&s, p, 4);
        int code = 0; /* rank of the permutation */
        for (int i = 0; i < 4; i++) {
            int smaller = 0;
            for (int j = i + 1; j < 4; j++) smaller += p[j] < p[i];
            code = code * (4 - i) + smaller;
        }
        cr_assert_eq(p[0] + p[1] + p[2] + p[3], 6);
        count[code]++;
    }
    cr_assert(fabs(chi_square(count, 24)) < 4.0);
    co_draw_shuffle(&s, NULL, 0);
}

Test(draw, gamma_has_the_mean_and_spread_of_its_logarithm)
{
    const double shapes[] = {1e-6, 1e-3, 0.05, 0.3, 0.9999, 1.0, 1.5, 30.0, 1e4};
    for (size_t t = 0; t < sizeof shapes / sizeof *shapes; t++) {
        enum { N = 60000 };
        const double a = shapes[t], b = a + 10.0, h = 1e-4 * b;
        /* psi(a), psi'(a) from b = a + 10 by recurrence, there by differences of lgamma */
        double mean = (lgamma(b + h) - lgamma(b - h)) / (2.0 * h);
        double variance =
            (1.0 + 1.0 / (2.0 * b) + 1.0 / (6.0 * b * b)) / b; /* asymptotic series, error 1e-6 */
        for (int k = 0; k < 10; k++) {
            mean -= 1.0 / (a + k);
            variance += 1.0 / ((a + k) * (a + k));
        }
        double sum = 0.0, squares = 0.0;
        co_stream s = test_stream(100 + t);
        for (int i = 0; i < N; i++) {
            const double x = co_draw_gamma_log(&s, a) - mean;
            sum += x;
            squares += x * x;
        }
        cr_assert(fabs(sum / N) < 4.5 * sqrt(variance / N), "shape %g: mean off by %g", a, sum / N);
        cr_assert(fabs(squares / N / variance - 1.0) < 0.06, "shape %g: variance %g, not %g", a,
                  squares / N, variance);
    }
}

Test(draw, gamma_has_the_right_mean_itself)
{
    const double shapes[] = {0.2, 1.0, 4.0, 100.0};
    for (size_t t = 0; t < 4; t++) {
        enum { N = 100000 };
        double sum = 0.0;
        co_stream s = test_stream(200 + t);
        for (int i = 0; i < N; i++) sum += exp(co_draw_gamma_log(&s, shapes[t]));
        cr_assert(fabs(sum / N - shapes[t]) < 4.0 * sqrt(shapes[t] / N), "shape %g: mean %g",
                  shapes[t], sum / N);
    }
}

Test(draw, dirichlet_has_the_moments_of_the_law)
{
    enum { N = 60000, K = 4 };
    const double alpha[K] = {0.1, 0.5, 1.0, 3.0}, all = 4.6;
    double sum[K] = {0}, squares[K] = {0};
    co_stream s = test_stream(300);
    for (int i = 0; i < N; i++) {
        double p[K], total = 0.0;
        co_draw_dirichlet(&s, alpha, K, p);
        for (int k = 0; k < K; k++) {
            const double mean = alpha[k] / all;
            total += p[k];
            sum[k] += p[k];
            squares[k] += (p[k] - mean) * (p[k] - mean);
        }
        cr_assert(fabs(total - 1.0) < 1e-14);
    }
    for (int k = 0; k < K; k++) {
        const double mean = alpha[k] / all, variance = mean * (1.0 - mean) / (all + 1.0);
        cr_assert(fabs(sum[k] / N - mean) < 4.0 * sqrt(variance / N), "part %d: mean %g", k,
                  sum[k] / N);
        cr_assert(fabs(squares[k] / N / variance - 1.0) < 0.05, "part %d: variance %g", k,
                  squares[k] / N);
    }
}

Test(draw, dirichlet_is_a_distribution_for_any_alpha)
{
    enum { K = 10 };
    const double alphas[] = {5e-324, 1e-300, 1e-6, 1e-4, 1e-2, 1.0, 1e4, 1e12, 1e308};
    co_stream s = test_stream(301);
    for (size_t t = 0; t < sizeof alphas / sizeof *alphas; t++)
        for (int i = 0; i < 2000; i++) {
            double alpha[K], p[K], total = 0.0, largest = 0.0;
            for (int k = 0; k < K; k++) alpha[k] = alphas[t];
            co_draw_dirichlet(&s, alpha, K, p);
            for (int k = 0; k < K; k++) {
                cr_assert(p[k] >= 0.0 && p[k] <= 1.0);
                total += p[k];
                largest = fmax(largest, p[k]);
            }
            cr_assert(fabs(total - 1.0) < 1e-14);
            if (alphas[t] == 1e4) cr_assert(largest < 0.12);
        }
}

/* Nearly all mass sits on one part when alpha is small, and each part is that one equally often. */
Test(draw, dirichlet_of_small_alpha_picks_one_part_evenly)
{
    enum { K = 5 };
    const double alpha[K] = {1e-4, 1e-4, 1e-4, 1e-4, 1e-4};
    double count[K] = {0}, pure = 0.0;
    co_stream s = test_stream(302);
    for (int i = 0; i < 20000; i++) {
        double p[K];
        int best = 0;
        co_draw_dirichlet(&s, alpha, K, p);
        for (int k = 1; k < K; k++) best = p[k] > p[best] ? k : best;
        count[best]++;
        pure += p[best] > 0.999;
    }
    cr_assert(fabs(chi_square(count, K)) < 4.0);
    cr_assert(pure > 0.99 * 20000);
}

Test(draw, every_subset_is_equally_likely)
{
    for (size_t m = 1; m <= 5; m++) {
        double count[64] = {0}, used[64];
        int64_t out[5], scratch[64];
        size_t n_used = 0;
        co_stream s = test_stream(400 + m);
        cr_assert(co_draw_subset_scratch(m) <= 64);
        for (int t = 0; t < 60000; t++) {
            unsigned mask = 0;
            co_draw_subset(&s, 6, m, out, scratch);
            for (size_t i = 0; i < m; i++) {
                cr_assert(out[i] >= 0 && out[i] < 6 && (i == 0 || out[i] > out[i - 1]));
                mask |= 1u << out[i];
            }
            count[mask]++;
        }
        for (unsigned mask = 0; mask < 64; mask++)
            if ((size_t)__builtin_popcount(mask) == m) used[n_used++] = count[mask];
        cr_assert(fabs(chi_square(used, n_used)) < 4.0, "subsets of %zu", m);
    }
}

Test(draw, a_subset_of_a_billion_costs_what_it_returns)
{
    const int64_t n = 1000000000;
    const size_t sizes[] = {1, 32, 33, 1000, 100000};
    for (size_t t = 0; t < sizeof sizes / sizeof *sizes; t++) {
        const size_t m = sizes[t];
        int64_t *out = co_malloc(m, sizeof *out);
        int64_t *scratch = co_malloc(co_draw_subset_scratch(m), sizeof *scratch);
        double bins[10] = {0};
        co_stream s = test_stream(500 + t);
        cr_assert(co_draw_subset_scratch(m) <= 4 * m && co_draw_subset_scratch(m) > m);
        co_draw_subset(&s, n, m, out, scratch);
        for (size_t i = 0; i < m; i++) {
            cr_assert(out[i] >= 0 && out[i] < n && (i == 0 || out[i] > out[i - 1]));
            bins[out[i] / (n / 10)]++;
        }
        if (m >= 1000) cr_assert(fabs(chi_square(bins, 10)) < 4.0);
        co_free(out);
        co_free(scratch);
    }
}

Test(draw, subsets_of_none_and_of_all)
{
    int64_t out[300], scratch[1024];
    co_stream s = test_stream(600);
    co_draw_subset(&s, 0, 0, out, scratch);
    co_draw_subset(&s, 5, 0, out, scratch);
    co_draw_subset(&s, 300, 300, out, scratch);
    for (int i = 0; i < 300; i++) cr_assert_eq(out[i], i);
    co_draw_subset(&s, INT64_MAX, 200, out, scratch);
    for (int i = 1; i < 200; i++) cr_assert(out[i] > out[i - 1] && out[i - 1] >= 0);
}

Test(draw, below_nothing_is_a_bug, .exit_code = 70)
{
    co_stream s = test_stream(601);
    co_draw_below(&s, 0);
}

/* Distance in units of the last place of the reference. */
static double ulps(double x, long double reference)
{
    const double r = (double)reference;
    return fabs((double)((long double)x - reference)) / (nextafter(fabs(r), INFINITY) - fabs(r));
}

Test(elementary, log_exp_and_cos_agree_with_libm)
{
    double worst_log = 0.0, worst_exp = 0.0, worst_cos = 0.0;
    co_stream s = test_stream(700);
    for (int i = 0; i < 300000; i++) {
        const double u = 1.0 - co_draw_uniform(&s), x = ldexp(u, (int)(i % 2000) - 1000),
                     t = co_draw_uniform(&s);
        worst_log =
            fmax(worst_log, fmax(ulps(co_plain_log(x), logl(x)), ulps(co_plain_log(u), logl(u))));
        worst_log = fmax(worst_log, ulps(co_plain_log(1.0 + 1e-3 * t), logl(1.0 + 1e-3 * t)));
        worst_exp = fmax(worst_exp, ulps(co_plain_exp(-700.0 * u), expl(-700.0 * u)));
        worst_cos = fmax(worst_cos,
                         fabs(co_plain_cos_turn(t) - (double)cosl(6.283185307179586476925L * t)));
    }
    cr_assert(worst_log < 2.0, "log: %g units", worst_log);
    double worst_log1p = 0.0;
    for (int i = 0; i < 100000; i++) {
        const double x = ldexp(co_draw_uniform(&s) - 0.5, -(i % 60) + 1);
        worst_log1p = fmax(worst_log1p, ulps(co_plain_log1p(0.99999 * x), log1pl(0.99999 * x)));
    }
    cr_assert(worst_log1p < 3.0, "log1p: %g units", worst_log1p);
    cr_assert(worst_exp < 2.0, "exp: %g units", worst_exp);
    cr_assert(worst_cos < 4e-16, "cos: %g", worst_cos);
    double worst_angle = 0.0;
    for (int i = 0; i < 2000; i++) {
        const double angle = 0.37 * i;
        worst_angle = fmax(worst_angle, fabs(co_plain_cos(angle) - (double)cosl(angle)));
        worst_angle = fmax(worst_angle, fabs(co_plain_sin(angle) - (double)sinl(angle)));
    }
    cr_assert(worst_angle < 740.0 * 0x1p-52, "cos, sin of an angle: %g", worst_angle);
    double worst_power = 0.0;
    for (int i = 1; i <= 2000; i++) {
        const double x = 0.02 * i, y = 0.01 * (i % 977);
        worst_power = fmax(worst_power, ulps(co_plain_power(x, y), powl(x, y)) / (2.0 + y));
    }
    cr_expect_lt(worst_power, 3.0, "%g", worst_power);
    cr_assert(co_plain_power(0.3, 1.0) == 0.3 && co_plain_power(0.0, 5.0) == 0.0 &&
              co_plain_power(7.0, 0.0) == 1.0 && co_plain_power(0.5, 70.0) == 0x1p-70);
    cr_assert(co_plain_log(1.0) == 0.0 && co_plain_exp(0.0) == 1.0 &&
              co_plain_exp(-DBL_MAX) == 0.0);
    cr_assert(co_plain_exp(-745.0) > 0.0 && co_plain_cos_turn(0.0) == 1.0 &&
              co_plain_cos_turn(0.5) == -1.0);
}
