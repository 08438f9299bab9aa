/* Messages of compressing transforms, written bit by bit and read again: as long as they say, and
 * enough to have the update back. */
#include "tests/aggregators/stages.h"
#include "tests/harness.h"

enum { N = 5000 };
static open_site site;

static co_stage_site open_all(size_t n)
{
    make_site(&site, n);
    return site_of(&site);
}

/* A writer of bits, for messages as they would be sent, and its reader. */
typedef struct {
    unsigned char byte[8 * N];
    size_t n_bits, at;
} bits;

static void put(bits *b, uint64_t value, int n)
{
    for (int k = n; k-- > 0; b->n_bits++)
        if (value >> k & 1) b->byte[b->n_bits / 8] |= (unsigned char)(128u >> b->n_bits % 8);
}

static uint64_t get(bits *b, int n)
{
    uint64_t value = 0;
    for (int k = 0; k < n; k++, b->at++)
        value = value << 1 | (b->byte[b->at / 8] >> (7 - b->at % 8) & 1u);
    return value;
}

static void put_float(bits *b, float x)
{
    uint32_t word;
    memcpy(&word, &x, sizeof word);
    put(b, word, 32);
}

static float get_float(bits *b)
{
    const uint32_t word = (uint32_t)get(b, 32);
    float x;
    memcpy(&x, &word, sizeof x);
    return x;
}

static int width(uint64_t n) /* ceil(log2 n) */
{
    int w = 0;
    while (UINT64_C(1) << w < n) w++;
    return w;
}

/* Whole bytes of the packed values, and of what stands beside them, each by itself. */
static int64_t bytes_of(const bits *values, const bits *beside)
{
    return (int64_t)((values->n_bits + 7) / 8 + (beside->n_bits + 7) / 8);
}

/* The message of a sparse update, written and read again. */
static void sparse_message(const char *name, bool ternary)
{
    static float u[N], read[N];
    static bits values, beside;
    const co_stage_site at = open_all(N);
    stage_bench b;
    values = beside = (bits){0};
    open_stage(&b, name, "{fraction: 0.03}", &at);
    test_fill(980, N, 3.0f, u);
    send_through(&b, 1, 1, 1, u);
    float magnitude = 0.0f;
    for (size_t j = 0; j < N; j++) {
        if (u[j] == 0.0f) continue;
        put(&beside, j, width(N));
        if (ternary) put(&values, u[j] < 0.0f, 1), magnitude = fabsf(u[j]);
        if (!ternary) put_float(&values, u[j]);
    }
    beside.n_bits = (beside.n_bits + 7) / 8 * 8;
    if (ternary) put_float(&beside, magnitude);
    const co_message m = message_of(&b);
    cr_expect_eq(co_message_bytes(&m), bytes_of(&values, &beside), "%s", name);
    bits scale = beside;
    scale.at = ((size_t)m.n_values * (size_t)width(N) + 7) / 8 * 8;
    if (ternary) magnitude = get_float(&scale);
    memset(read, 0, sizeof read);
    for (int64_t i = 0; i < m.n_values; i++) {
        const size_t j = get(&beside, width(N));
        read[j] = !ternary ? get_float(&values) : get(&values, 1) ? -magnitude : magnitude;
    }
    cr_expect_arr_eq(read, u, sizeof u, "%s", name);
    close_stage(&b);
}

Test(stages, sparse_messages_are_as_long_as_they_say)
{
    sparse_message("top_k", false);
    sparse_message("ternary", true);
}

/* Elias omega, and Golomb-Rice, bit by bit. */
static void put_omega(bits *b, uint64_t x)
{
    uint64_t group[8];
    int n = 0;
    for (; x > 1; x = (uint64_t)width(x + 1) - 1) group[n++] = x;
    while (n-- > 0) put(b, group[n], width(group[n] + 1));
    put(b, 0, 1);
}

static uint64_t get_omega(bits *b)
{
    uint64_t x = 1;
    while (b->byte[b->at / 8] >> (7 - b->at % 8) & 1u) x = get(b, (int)x + 1);
    b->at++;
    return x;
}

/* Levels and norms of a quantised update, written both ways and read again. */
static void quantised_message(int levels, int bucket, const char *in_front)
{
    static float truth[N], u[N], read[N];
    static bits values, beside, coded;
    char yaml[100];
    const co_stage_site at = open_all(N);
    stage_bench b, front = {0};
    values = beside = coded = (bits){0};
    snprintf(yaml, sizeof yaml, "{levels: %d, bucket: %d}", levels, bucket);
    open_stage(&b, "quantise", yaml, &at);
    test_fill(981, N, 3.0f, truth);
    const co_stage_key key = {.seed = 1, .step = 1, .device = 1, .cohort = 10};
    co_contribution c = {.n = N,
                         .part = at.layout->part,
                         .n_parts = 1,
                         .update = truth,
                         .coded_bits = NAN,
                         .n_values = N};
    double places = 0.0;
    if (in_front) {
        open_stage(&front, in_front, "{fraction: 0.1}", &at);
        front.member->forward(front.self, &key, &c, NULL);
        places = c.coded_bits - 32.0 * (double)c.n_values;
    }
    memcpy(u, truth, sizeof u);
    c.update = u;
    b.member->forward(b.self, &key, &c, NULL);
    for (size_t block = 0; block < N; block += CO_BLOCK)
        for (size_t at_ = block; at_ < N && at_ < block + CO_BLOCK; at_ += (size_t)bucket) {
            size_t end = at_ + (size_t)bucket;
            if (end > block + CO_BLOCK) end = block + CO_BLOCK;
            if (end > N) end = N;
            const float norm = co_block_largest(truth + at_, end - at_);
            put_float(&beside, norm);
            put_float(&coded, norm);
            for (size_t j = at_; j < end; j++) {
                const int l = (int)lrintf(norm > 0.0f ? u[j] / norm * (float)levels : 0.0f);
                if (in_front && truth[j] == 0.0f) continue;
                put(&values, (uint64_t)(l + levels), width(2 * (uint64_t)levels + 1));
                put_omega(&coded, (uint64_t)abs(l) + 1);
                if (l != 0) put(&coded, l < 0, 1);
            }
        }
    co_message m = in_front ? message_of(&front) : (co_message){N, 32.0, 0};
    const int64_t places_bytes = m.beside;
    b.member->message(b.self, &m);
    cr_expect_eq(co_message_bytes(&m), places_bytes + bytes_of(&values, &beside), "%s", yaml);
    cr_expect_eq(c.coded_bits, places + (double)coded.n_bits, "%s: %g, %zu", yaml, c.coded_bits,
                 coded.n_bits);
    for (size_t block = 0; block < N && !in_front; block += CO_BLOCK)
        for (size_t at_ = block; at_ < N && at_ < block + CO_BLOCK; at_ += (size_t)bucket) {
            const float norm = get_float(&beside), again = get_float(&coded);
            cr_assert_eq(norm, again);
            for (size_t j = at_; j < at_ + (size_t)bucket && j < N && j < block + CO_BLOCK; j++) {
                const int l = (int)get(&values, width(2 * (uint64_t)levels + 1)) - levels;
                const int size = (int)get_omega(&coded) - 1;
                const bool negative = size > 0 && get(&coded, 1);
                cr_assert_eq(negative ? -size : size, l);
                read[j] = (float)l * (norm / (float)levels);
            }
        }
    for (size_t j = 0; j < N && !in_front; j++) cr_assert_eq(read[j], u[j], "%s: %zu", yaml, j);
    if (in_front) front.member->destroy(front.self);
    close_stage(&b);
}

Test(stages, quantised_messages_are_as_long_as_they_say)
{
    static const int cases[][2] = {{1, 512},   {7, 512},  {15, 4096},
                                   {127, 100}, {1000, 1}, {32766, 333}};
    for (int k = 0; k < 6; k++) quantised_message(cases[k][0], cases[k][1], NULL);
    quantised_message(7, 512, "top_k");
}

/* Gaps between places, Golomb-Rice with the paper's parameter. */
Test(stages, places_are_coded_as_gaps)
{
    static const char *const shares[] = {"{k: 1}", "{fraction: 0.01}", "{fraction: 0.1}",
                                         "{fraction: 0.6}", "{fraction: 1}"};
    static const int rice[] = {11, 6, 3, 0, 0}; /* 1 + floor(log2(log(phi - 1) / log(1 - p))) */
    for (int k = 0; k < 5; k++) {
        static float u[N];
        static bits coded;
        const co_stage_site at = open_all(N);
        stage_bench b;
        coded = (bits){0};
        open_stage(&b, "top_k", shares[k], &at);
        test_fill(990, N, 3.0f, u);
        const co_contribution c = send_through(&b, 1, 1, 1, u);
        size_t last = 0;
        for (size_t j = 0; j < N; j++) {
            if (u[j] == 0.0f) continue;
            const size_t gap = j - last;
            for (size_t q = 0; q < gap >> rice[k]; q++) put(&coded, 1, 1);
            put(&coded, 0, 1);
            put(&coded, gap, rice[k]);
            last = j + 1;
        }
        cr_expect_eq(c.coded_bits, 32.0 * (double)c.n_values + (double)coded.n_bits, "%s: %g",
                     shares[k], c.coded_bits);
        close_stage(&b);
    }
}
