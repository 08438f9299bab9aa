/* What each compressing transform says it does: its law, its bits, its bytes. */
#include "tests/aggregators/stages.h"
#include "core/random.h"
#include "tests/harness.h"
#include "tests/reference/stages.h"
#include <float.h>

enum { N = 5000 };
static open_site site;

static co_stage_site open_all(size_t n)
{
    make_site(&site, n);
    return site_of(&site);
}

/* Means over many keys of what comes out, beside what went in: in standard errors of each
 * coordinate, none above 4.5, and their squares 1 on average. */
typedef struct {
    size_t n, n_keys;
    double *sum, *square;
} means;

static means means_of(size_t n)
{
    return (means){n, 0, calloc(n, sizeof(double)), calloc(n, sizeof(double))};
}

static void add_draw(means *m, const double *value)
{
    for (size_t j = 0; j < m->n; j++) m->sum[j] += value[j], m->square[j] += value[j] * value[j];
    m->n_keys++;
}

static void expect_mean(means *m, const float *truth, const char *what)
{
    double squares = 0.0, n_moving = 0.0;
    for (size_t j = 0; j < m->n; j++) {
        const double keys = (double)m->n_keys, mean = m->sum[j] / keys;
        const double variance = m->square[j] / keys - mean * mean, off = mean - (double)truth[j];
        if (variance < 1e-12 * m->square[j] / keys + 1e-30) {
            cr_expect(fabs(off) <= 1e-5 * fabs((double)truth[j]), "%s: %zu never moves", what, j);
            continue;
        }
        const double z = off / sqrt(variance / keys);
        cr_expect(fabs(z) < 4.5, "%s: coordinate %zu is %g standard errors off", what, j, z);
        squares += z * z, n_moving++;
    }
    cr_expect(n_moving > 0.9 * (double)m->n, "%s: %g move", what, n_moving);
    cr_expect(fabs(squares / n_moving - 1.0) < 5.0 * sqrt(2.0 / n_moving), "%s: mean square %g",
              what, squares / n_moving);
    free(m->sum);
    free(m->square);
}

Test(stages, roundings_and_draws_of_coordinates_are_right_on_average)
{
    static const struct {
        const char *name, *yaml;
        size_t n, keys;
    } cases[] = {{"quantise", "{levels: 3, bucket: 100}", 700, 4000},
                 {"quantise", "{levels: 1, bucket: 64, norm: l2}", 700, 4000},
                 {"quantise", "{levels: 300, bucket: 4096, norm: max}", 700, 4000},
                 {"random_k", "{fraction: 0.2}", 640, 4000},
                 {"random_k", "{k: 1}", 64, 40000}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        static float truth[N], u[N];
        static double value[N];
        const size_t n = cases[k].n;
        const co_stage_site at = open_all(n);
        stage_bench b;
        means m = means_of(n);
        open_stage(&b, cases[k].name, cases[k].yaml, &at);
        for (size_t j = 0; j < n; j++) { /* none so small that it hardly ever moves */
            const float x = test_value(900, j);
            truth[j] = copysignf(0.4f + 1.6f * fabsf(x), x);
        }
        for (size_t key = 0; key < cases[k].keys; key++) {
            memcpy(u, truth, sizeof u);
            send_through(&b, key % 7, (int64_t)(key / 7), (int64_t)(key % 5), u);
            for (size_t j = 0; j < n; j++) value[j] = (double)u[j];
            add_draw(&m, value);
        }
        expect_mean(&m, truth, cases[k].yaml);
        close_stage(&b);
    }
}

/* Behind a rotation, and turned back. */
Test(stages, rotated_and_quantised_is_right_on_average)
{
    enum { WIDTH = 1000, KEYS = 3000 };
    static float truth[WIDTH], u[WIDTH];
    static double value[WIDTH];
    const co_stage_site at = open_all(WIDTH);
    stage_bench turn, round;
    means m = means_of(WIDTH);
    open_stage(&turn, "rotate", "{}", &at);
    open_stage(&round, "quantise", "{levels: 1}", &at);
    test_fill(901, WIDTH, 1.0f, truth);
    truth[17] = 40.0f;
    for (int64_t key = 0; key < KEYS; key++) {
        memcpy(u, truth, sizeof u);
        send_through(&turn, 1, key, 2, u);
        send_through(&round, 1, key, 2, u);
        for (size_t j = 0; j < WIDTH; j++) value[j] = (double)u[j];
        co_round_sum sum = {
            .n = WIDTH, .part = at.layout->part, .n_parts = 1, .value = value, .is_value = true};
        turn.member->backward(turn.self, &(co_stage_key){.seed = 1, .step = key, .device = -1},
                              &sum);
        add_draw(&m, value);
    }
    expect_mean(&m, truth, "rotate, quantise");
    if (turn.member->destroy) turn.member->destroy(turn.self);
    close_stage(&round);
}

/* Lemma 3.1 (iii) of the paper; with the norm of a bucket of d the mean square is below min(d /
 * s^2, sqrt d / s) of its square norm. */
Test(stages, quantise_keeps_the_papers_variance)
{
    static const struct {
        int levels, bucket;
    } cases[] = {{1, 64},   {4, 64},    {8, 64},    {64, 64},
                 {1, 4096}, {16, 4096}, {64, 4096}, {255, 500}};
    enum { KEYS = 60 };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        static float truth[CO_BLOCK], u[CO_BLOCK];
        char yaml[100];
        const size_t d = (size_t)cases[k].bucket;
        const double s = cases[k].levels, n = (double)d;
        double error = 0.0;
        const co_stage_site at = open_all(d);
        stage_bench b;
        snprintf(yaml, sizeof yaml, "{levels: %d, bucket: %d, norm: l2}", cases[k].levels,
                 cases[k].bucket);
        open_stage(&b, "quantise", yaml, &at);
        for (int64_t key = 0; key < KEYS; key++) {
            test_fill(910 + (uint64_t)key, d, 1.0f, truth);
            memcpy(u, truth, sizeof u);
            send_through(&b, 3, key, 1, u);
            double square = 0.0;
            for (size_t j = 0; j < d; j++)
                square += ((double)u[j] - (double)truth[j]) * ((double)u[j] - (double)truth[j]);
            error += square / (co_vector_dot(truth, truth, d) * KEYS);
        }
        const double bound = fmin(n / (s * s), sqrt(n) / s);
        cr_expect(error < bound, "%s: %g of %g", yaml, error, bound);
        cr_expect(error > 0.05 * bound, "%s: %g of %g is too good to be a rounding", yaml, error,
                  bound);
        close_stage(&b);
    }
}

/* By hand: levels of the bucket's norm, the nearest two, in every bucket, the last one short. */
Test(stages, quantise_gives_the_levels_beside_a_value)
{
    static float truth[N], u[N];
    const co_stage_site at = open_all(N);
    for (int l2 = 0; l2 < 2; l2++) {
        stage_bench b;
        open_stage(&b, "quantise",
                   l2 ? "{levels: 5, bucket: 300, norm: l2}" : "{levels: 5, bucket: 300}", &at);
        test_fill(920, N, 7.0f, truth);
        memcpy(u, truth, sizeof u);
        send_through(&b, 1, 1, 1, u);
        for (size_t block = 0; block < N; block += CO_BLOCK)
            for (size_t begin = block; begin < N && begin < block + CO_BLOCK; begin += 300) {
                size_t end = begin + 300 < block + CO_BLOCK ? begin + 300 : block + CO_BLOCK;
                if (end > N) end = N;
                double norm = 0.0;
                for (size_t j = begin; j < end; j++)
                    norm = l2 ? norm + (double)truth[j] * (double)truth[j]
                              : fmax(norm, fabs((double)truth[j]));
                if (l2) norm = sqrt(norm);
                for (size_t j = begin; j < end; j++) {
                    const double level = 5.0 * (double)u[j] / norm,
                                 was = 5.0 * (double)truth[j] / norm;
                    cr_assert(fabs(level - rint(level)) < 1e-5 && fabs(level - was) < 1.0 + 1e-5,
                              "%zu: %g of %g", j, level, was);
                }
            }
        close_stage(&b);
    }
}

/* The places of the k largest, of equal ones the first, by sorting. */
typedef struct {
    float size;
    size_t at;
} ranked;

static int by_rank(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return x->size != y->size ? (x->size < y->size) - (x->size > y->size)
                              : (x->at > y->at) - (x->at < y->at);
}

static void brute_force(const float *x, size_t n, size_t k, float *kept)
{
    static ranked rank[N];
    for (size_t j = 0; j < n; j++) rank[j] = (ranked){fabsf(x[j]), j};
    qsort(rank, n, sizeof *rank, by_rank);
    memset(kept, 0, n * sizeof *kept);
    for (size_t i = 0; i < k; i++) kept[rank[i].at] = x[rank[i].at];
}

Test(stages, top_k_is_that_of_sorting)
{
    static const size_t sizes[] = {64, 77, 100, 1000, N};
    static float u[N], want[N];
    co_stream s = co_stream_open(1, CO_DRAW_TEST, 1, 0, 0);
    for (int turn = 0; turn < 400; turn++) {
        const size_t n = sizes[turn % 5], k = 1 + (size_t)co_draw_below(&s, n);
        char yaml[100];
        const co_stage_site at = open_all(n);
        stage_bench b;
        snprintf(yaml, sizeof yaml, "{k: %zu}", k);
        open_stage(&b, "top_k", yaml, &at);
        for (size_t j = 0; j < n; j++) {
            const float x = (float)co_draw_uniform(&s) - 0.5f;
            u[j] = turn % 4 == 0   ? x
                   : turn % 4 == 1 ? rintf(x * 6.0f) /* many alike, many 0 */
                   : turn % 4 == 2 ? ldexpf(x, (int)co_draw_below(&s, 250) - 140)
                                   : copysignf(1.25f, x); /* all alike */
        }
        brute_force(u, n, k, want);
        send_through(&b, 1, 1, 1, u);
        cr_assert_arr_eq(u, want, n * sizeof *u, "%zu of %zu, turn %d", k, n, turn);
        close_stage(&b);
    }
}

Test(stages, shares_are_counted_and_refused)
{
    static const struct {
        const char *yaml;
        int64_t k;
    } good[] = {{"{}", 50},    {"{fraction: 1}", N},       {"{fraction: 1e-9}", 1},
                {"{k: 7}", 7}, {"{fraction: 0.29}", 1450}, {"{fraction: 0.00035}", 2}};
    static const char *const names[] = {"top_k", "random_k", "ternary"};
    const co_stage_site at = open_all(N);
    for (int m = 0; m < 3; m++) {
        stage_bench b;
        for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
            open_stage(&b, names[m], good[k].yaml, &at);
            cr_expect_eq(message_of(&b).n_values, good[k].k, "%s %s", names[m], good[k].yaml);
            close_stage(&b);
        }
        cr_expect_eq(try_stage(&b, names[m], "{k: 7, fraction: 0.1}", &at), CO_EUSAGE);
        cr_expect(strstr(co_status_message(), "one of the two"), "%s", co_status_message());
        cr_expect_eq(try_stage(&b, names[m], "{k: 5001}", &at), CO_EUSAGE);
        cr_expect(strstr(co_status_message(), "k 5001") && strstr(co_status_message(), names[m]) &&
                      strstr(co_status_message(), "5000"),
                  "%s", co_status_message());
        cr_expect_eq(co_memory_blocks(), 0, "%s", names[m]);
    }
}

/* Algorithm 1 of the paper, worked out by hand. */
Test(stages, ternary_by_hand)
{
    static float u[64];
    const co_stage_site at = open_all(64);
    stage_bench b;
    open_stage(&b, "ternary", "{k: 4}", &at);
    u[3] = -5.0f, u[9] = 2.0f, u[20] = 4.0f, u[21] = 1.0f, u[50] = -1.0f, u[63] = 0.5f;
    const co_contribution c = send_through(&b, 1, 1, 1, u);
    for (int j = 0; j < 64; j++) {
        const float want = j == 3 ? -3.0f : j == 9 || j == 20 || j == 21 ? 3.0f : 0.0f;
        cr_expect_eq(u[j], want, "%d: %g", j, (double)u[j]);
    }
    /* p = 4/64: log2(log 0.618 / log 0.9375) = 2.9, so 3 bits behind the unary part; gaps 3, 5, 10
     * and 0: 0 + 0 + 1 + 0 ones. */
    cr_expect_eq(c.coded_bits, 32 + 4 + 4 * (1 + 3) + 1);
    cr_expect_eq(co_message_bytes(&(co_message){4, 1, 3 + 4}), 1 + 3 + 4);
    const co_message m = message_of(&b); /* 4 signs, 4 places of 6 bits, a float */
    cr_expect_eq(co_message_bytes(&m), 1 + 3 + 4);
    close_stage(&b);
}

Test(stages, sign_keeps_what_its_scale_says)
{
    static const char *const yaml[] = {"{}", "{scale: l2}", "{scale: none}"};
    static float truth[N], u[N];
    const co_stage_site at = open_all(N);
    test_fill(930, N, 3.0f, truth);
    truth[5] = 0.0f, truth[6] = -0.0f;
    double mean = 0.0;
    for (size_t j = 0; j < N; j++) mean += fabs((double)truth[j]) / N;
    const double sizes[] = {mean, co_vector_norm(truth, N) / sqrt(N), 1.0};
    for (int k = 0; k < 3; k++) {
        stage_bench b;
        open_stage(&b, "sign", yaml[k], &at);
        memcpy(u, truth, sizeof u);
        send_through(&b, 1, 1, 1, u);
        for (size_t j = 0; j < N; j++)
            cr_assert_float_eq(u[j], truth[j] < 0.0f ? -sizes[k] : sizes[k], 1e-6, "%s: %zu",
                               yaml[k], j);
        const co_message m = message_of(&b);
        cr_expect_eq(co_message_bytes(&m), N / 8 + (k < 2 ? 4 : 0));
        close_stage(&b);
    }
}

/* Every float there is a reason for, against NumPy and ml_dtypes (tests/reference/stages.py). */
static size_t fill_rounded(float *x)
{
    static const uint32_t lower[] = {0x0000, 0x0001, 0x0fff, 0x1000, 0x1001, 0x7fff,
                                     0x8000, 0x8001, 0xefff, 0xf000, 0xffff};
    size_t n = 0;
    for (size_t k = 0; k < 11; k++)
        for (uint32_t upper = 0; upper < 65536; upper++) {
            const uint32_t bits = upper << 16 | lower[k];
            memcpy(&x[n], &bits, sizeof bits);
            n += isfinite(x[n]) != 0;
        }
    for (uint32_t h = 0; h < 65536; h++) {
        const int e = (int)(h >> 10 & 31), fraction = (int)(h & 1023);
        if (e == 31) continue;
        x[n] = e ? ldexpf((float)(1024 + fraction), e - 25) : ldexpf((float)fraction, -24);
        x[n] = copysignf(x[n], h >> 15 ? -1.0f : 1.0f);
        n++;
    }
    for (uint64_t j = 0; j < 200000; j++) {
        const uint32_t bits = test_bits(801, 2 * j) << 8 ^ test_bits(801, 2 * j + 1);
        memcpy(&x[n], &bits, sizeof bits);
        n += isfinite(x[n]) != 0;
    }
    return n;
}

static unsigned long long fnv(const void *data, size_t n)
{
    unsigned long long h = 0xcbf29ce484222325;
    for (size_t i = 0; i < n; i++) h = (h ^ ((const unsigned char *)data)[i]) * 0x100000001b3;
    return h;
}

Test(stages, half_and_bf16_round_as_numpy_does)
{
    static float x[N_ROUNDED + 1], y[N_ROUNDED + 1];
    cr_assert_eq(fill_rounded(x), N_ROUNDED);
    for (int k = 0; k < 2; k++) {
        const co_stage_site at = open_all(N_ROUNDED);
        stage_bench b;
        open_stage(&b, k ? "bf16" : "half", "{}", &at);
        memcpy(y, x, sizeof y);
        send_through(&b, 1, 1, 1, y);
        cr_expect_eq(fnv(y, N_ROUNDED * sizeof *y), k ? bf16_hash : half_hash, "%s",
                     b.member->name);
        for (size_t j = 0; j < N_ROUNDED; j++) { /* by the formula, to see where */
            int e;
            frexpf(x[j], &e);
            const int lowest = k ? -133 : -24,
                      last = e - (k ? 8 : 11) > lowest ? e - (k ? 8 : 11) : lowest;
            const double most = k ? 0x1.fep127 : 65504.0;
            const double want = ldexp(rint(ldexp((double)x[j], -last)), last);
            cr_assert_eq((double)y[j], fmax(-most, fmin(most, want)), "%s of %a: %a",
                         b.member->name, (double)x[j], (double)y[j]);
        }
        close_stage(&b);
    }
}

/* A matrix of that rank comes back; any other as near as singular values allow. */
static co_stage_site matrix_site(size_t rows, size_t cols)
{
    make_site(&site, rows * cols + 7);
    site.tensor[0] = (co_tensor){.ndim = 2, .dim = {rows, cols}, .size = rows * cols};
    site.tensor[1] = (co_tensor){.ndim = 1, .dim = {7}, .offset = rows * cols, .size = 7};
    return site_of(&site);
}

Test(stages, low_rank_gives_back_a_matrix_of_its_rank)
{
    for (int rank = 1; rank <= 5; rank++) {
        enum { ROWS = 40, COLS = 50 };
        static float u[ROWS * COLS + 7], truth[ROWS * COLS + 7];
        char yaml[100];
        const co_stage_site at = matrix_site(ROWS, COLS);
        stage_bench b;
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < COLS; j++) {
                double x = 0.0;
                for (uint64_t a = 0; a < (uint64_t)rank; a++)
                    x += (double)test_value(940 + a, (uint64_t)i) *
                         (double)test_value(950 + a, (uint64_t)j);
                truth[i * COLS + j] = (float)x;
            }
        test_fill(960, 7, 1.0f, truth + ROWS * COLS);
        snprintf(yaml, sizeof yaml, "{rank: %d, iterations: 1}", rank);
        open_stage(&b, "low_rank", yaml, &at);
        memcpy(u, truth, sizeof u);
        send_through(&b, 1, 1, 1, u);
        cr_expect_lt(relative_distance(u, truth, ROWS * COLS), 3e-7, "rank %d", rank);
        cr_expect_arr_eq(u + ROWS * COLS, truth + ROWS * COLS, 7 * sizeof *u);
        const co_message m = message_of(&b);
        cr_expect_eq(co_message_bytes(&m), 4 * (rank * (ROWS + COLS) + 7));
        close_stage(&b);
    }
}

Test(stages, low_rank_comes_near_the_best)
{
    for (size_t k = 0; k < sizeof best_ranks / sizeof *best_ranks; k++) {
        const size_t rows = best_ranks[k].rows, cols = best_ranks[k].cols, n = rows * cols;
        static float u[6000], truth[6000];
        double before = INFINITY;
        const co_stage_site at = matrix_site(rows, cols);
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < cols; j++)
                truth[i * cols + j] = (float)(1.0 / (1.0 + fabs((double)i - 0.7 * (double)j)));
        for (int iterations = 1; iterations <= 16; iterations *= 4) {
            char yaml[100];
            stage_bench b;
            snprintf(yaml, sizeof yaml, "{rank: %u, iterations: %d}", best_ranks[k].rank,
                     iterations);
            open_stage(&b, "low_rank", yaml, &at);
            memcpy(u, truth, sizeof u);
            send_through(&b, 1, 1, 1, u);
            const double error = relative_distance(u, truth, n) * co_vector_norm(truth, n);
            cr_expect_gt(error, best_ranks[k].error * (1.0 - 1e-6));
            cr_expect_lt(error, before * (1.0 + 1e-6));
            if (iterations == 4)
                cr_expect_lt(error, 1.05 * best_ranks[k].error, "%s of %zu x %zu: %g", yaml, rows,
                             cols, error / best_ranks[k].error);
            if (iterations == 16)
                cr_expect_lt(error, 1.01 * best_ranks[k].error, "%s of %zu x %zu: %g", yaml, rows,
                             cols, error / best_ranks[k].error);
            before = error;
            close_stage(&b);
        }
    }
}

/* Tensors that factors would not make smaller go whole; a model of nothing else is refused. */
Test(stages, low_rank_leaves_what_it_cannot_make_smaller)
{
    const co_stage_site at = matrix_site(7, 8); /* 1 x (7 + 8) < 56 <= 4 x 15 */
    stage_bench b;
    cr_expect_eq(try_stage(&b, "low_rank", "{rank: 4}", &at), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "rank 4"), "%s", co_status_message());
    cr_expect_eq(co_memory_blocks(), 0);
    open_stage(&b, "low_rank", "{rank: 3}", &at);
    close_stage(&b);
    site.tensor[0].ndim = 4; /* 7 x (2 x 2 x 2), as a convolution's */
    site.tensor[0].dim[1] = site.tensor[0].dim[2] = site.tensor[0].dim[3] = 2;
    open_stage(&b, "low_rank", "{rank: 3}", &at);
    cr_expect_eq(message_of(&b).n_values, 3 * 15 + 7);
    close_stage(&b);
}

/* Ten devices' residues, added modulo 2^b and back, are the sum of their integers; each of them is
 * one of the two beside its value; on average it is the value. */
Test(stages, ring_is_a_sum_of_integers)
{
    enum { WIDTH = 600, DEVICES = 10, KEYS = 1500 };
    static float truth[WIDTH], u[WIDTH], want[WIDTH];
    static uint64_t residue[WIDTH];
    static int64_t sum[WIDTH];
    static double value[WIDTH];
    const co_stage_site at = open_all(WIDTH);
    stage_bench b;
    means m = means_of(WIDTH);
    open_stage(&b, "ring", "{clip: 2, levels: 50, bits: 10}", &at);
    test_fill(991, WIDTH, 3.0f, truth);
    const co_ring ring = b.member->ring(b.self, DEVICES);
    cr_expect(ring.bits == 10 && ring.bound == 50.0 && !ring.wraps);
    for (size_t j = 0; j < WIDTH; j++) {
        const double clipped = fmax(-2.0, fmin(2.0, (double)truth[j]));
        want[j] = (float)(clipped * 0.75); /* of weight 1.5 of 2 */
    }
    for (int64_t key = 0; key < KEYS; key++) {
        memset(sum, 0, sizeof sum);
        memset(value, 0, sizeof value);
        for (int64_t device = 0; device < DEVICES; device++) {
            memcpy(u, truth, sizeof u);
            send_weighed(&b, 1, key, device, u, residue, 1.5);
            for (size_t j = 0; j < WIDTH; j++) {
                const double level = 25.0 * (double)want[j];
                const int64_t q =
                    residue[j] < 512 ? (int64_t)residue[j] : (int64_t)residue[j] - 1024;
                cr_assert(residue[j] < 1024 && fabs((double)q - level) < 1.0 + 1e-5 &&
                          llabs(q) <= 50);
                sum[j] = (sum[j] + (int64_t)residue[j]) & 1023;
                value[j] += (double)q;
            }
        }
        co_round_sum back = {.n = WIDTH, .sum = sum, .bits = 10, .weight = 20.0, .total = 0.75};
        b.member->backward(b.self, &(co_stage_key){.seed = 1, .step = key, .device = -1}, &back);
        for (size_t j = 0; j < WIDTH; j++) cr_assert_eq((double)back.sum[j], value[j]);
        cr_assert(back.bits == 0 && back.step == 0.04 && back.total == 7.5);
        for (size_t j = 0; j < WIDTH; j++) value[j] *= back.step / DEVICES;
        add_draw(&m, value);
    }
    /* What is clipped is a whole number of levels, at weight 1.5 no longer. */
    expect_mean(&m, want, "ring");
    const co_message message = message_of(&b);
    cr_expect_eq(co_message_bytes(&message), WIDTH * 10 / 8);
    close_stage(&b);
    const co_stage_site unknown = {.layout = at.layout, .most_weight = INFINITY};
    cr_expect_eq(try_stage(&b, "ring", "{}", &unknown), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "weight_cap"), "%s", co_status_message());
    cr_expect_eq(co_memory_blocks(), 0);
}

/* Into sums as well as into residues, whatever is there before. */
Test(stages, ring_adds_what_it_would_send)
{
    enum { WIDTH = 9000 };
    static float truth[WIDTH], u[WIDTH];
    static uint64_t residue[WIDTH], want[WIDTH];
    static uint32_t words[WIDTH];
    const co_stage_site at = open_all(WIDTH);
    stage_bench b;
    open_stage(&b, "ring", "{clip: 2, levels: 300, bits: 20}", &at);
    test_fill(993, WIDTH, 3.0f, truth);
    for (size_t j = 0; j < WIDTH; j++) want[j] = words[j] = (uint32_t)j * 0x9e3779b9u;
    for (int64_t device = 0; device < 5; device++) {
        memcpy(u, truth, sizeof u);
        int64_t n_beyond = 0, n_cut = 0;
        for (size_t j = 0; j < WIDTH; j++) n_beyond += fabsf(truth[j]) > 2.0f;
        cr_expect(n_beyond > 100 && n_beyond < WIDTH / 2);
        cr_expect_eq(send_weighed(&b, 1, 7, device, u, residue, 1.2).counts[0], n_beyond);
        for (size_t j = 0; j < WIDTH; j++) want[j] += residue[j];
        memcpy(u, truth, sizeof u);
        const co_stage_key key = {.seed = 1, .step = 7, .device = device, .cohort = 10};
        co_contribution c = {.n = WIDTH,
                             .part = b.layout->part,
                             .n_parts = b.layout->n_parts,
                             .update = u,
                             .words = words,
                             .counts = &n_cut,
                             .norm = 1.0,
                             .weight = 1.2,
                             .factor = 1.0};
        b.member->forward(b.self, &key, &c, NULL);
        cr_expect_eq(n_cut, n_beyond);
    }
    for (size_t j = 0; j < WIDTH; j++)
        cr_assert_eq(words[j] & 0xfffff, want[j] & 0xfffff, "coordinate %zu", j);
    close_stage(&b);
}

/* Whole levels stay whole, at any weight that is the most; the ends are not passed. */
Test(stages, ring_keeps_whole_levels)
{
    static float u[64];
    static uint64_t residue[64];
    const co_stage_site at = open_all(64);
    stage_bench b;
    open_stage(&b, "ring", "{clip: 1, levels: 536870912, bits: 44}", &at);
    for (int64_t key = 0; key < 2000; key++) {
        u[0] = 1.0f, u[1] = -1.0f, u[2] = 1e30f, u[3] = -FLT_MAX, u[4] = 0.5f, u[5] = -0x1p-29f;
        send_weighed(&b, 1, key, 1, u, residue, 2.0);
        cr_assert(residue[0] == 1 << 29 && residue[2] == 1 << 29 && residue[4] == 1 << 28);
        cr_assert(residue[1] == (UINT64_C(1) << 44) - (1 << 29) && residue[3] == residue[1]);
        cr_assert(residue[5] == (UINT64_C(1) << 44) - 1 && residue[6] == 0);
    }
    close_stage(&b);
}

/* One draw's places are as likely as any other's: each pair of coordinates is sent together as
 * often, and all devices of a step send the same. */
Test(stages, random_k_draws_every_set_alike)
{
    enum { WIDTH = 64, TOOK = 8, KEYS = 30000 };
    static int met[WIDTH][WIDTH];
    const co_stage_site at = open_all(WIDTH);
    stage_bench b;
    open_stage(&b, "random_k", "{k: 8, unbiased: false}", &at);
    for (int64_t key = 0; key < KEYS; key++) {
        float u[2][WIDTH];
        for (int d = 0; d < 2; d++) {
            for (int j = 0; j < WIDTH; j++) u[d][j] = (float)(j + 1);
            send_through(&b, 5, key, d, u[d]);
        }
        cr_assert_arr_eq(u[0], u[1], sizeof u[0]);
        for (int i = 0; i < WIDTH; i++)
            for (int j = 0; j < i && u[0][i] != 0.0f; j++) met[i][j] += u[0][j] != 0.0f;
        for (int i = 0; i < WIDTH; i++) cr_assert(u[0][i] == 0.0f || u[0][i] == (float)(i + 1));
    }
    const double p = (double)TOOK * (TOOK - 1) / (WIDTH * (WIDTH - 1.0)), n = KEYS;
    for (int i = 0; i < WIDTH; i++)
        for (int j = 0; j < i; j++)
            cr_assert(fabs(met[i][j] - n * p) < 4.8 * sqrt(n * p * (1.0 - p)), "%d, %d: %d", i, j,
                      met[i][j]);
    close_stage(&b);
}
