/* The whole protocol in one process: whoever drops out when, the sum is the plain sum bit for bit,
 * or the step fails. */
#include "core/memory.h"
#include "core/random.h"
#include "tests/secagg_play.h"
#include <criterion/criterion.h>
#include <string.h>

enum { N_VALUES = 3, OUTCOMES = CO_SECAGG_STAGES + 1 };

static co_secagg_shape shape_of(size_t n, size_t k, size_t t)
{
    return (co_secagg_shape){.n = n, .k = k, .threshold = t, .n_values = N_VALUES, .bits = 19};
}

/* The sum, or a failure when there has to be one; then nothing comes out. */
static bool play(secagg_play *p)
{
    const bool should = secagg_should_work(p);
    const co_status st = secagg_run(p);
    cr_assert_eq(p->n_refused, 0, "%s", p->reason);
    cr_assert_eq(st, should ? CO_OK : CO_EDATA, "%s", co_status_message());
    if (should) {
        cr_assert_arr_eq(p->sum, p->plain, p->round.shape.n_values * sizeof *p->sum);
        return true;
    }
    co_mask_term term[64];
    size_t n_terms;
    cr_assert(strstr(co_status_message(), "threshold") ||
                  strstr(co_status_message(), "no masks between"),
              "%s", co_status_message());
    for (size_t u = 0; u < p->round.shape.n; u++)
        cr_assert(co_secagg_server_terms(p->server, u, term, &n_terms) == CO_EDATA && n_terms == 0);
    return false;
}

/* Pattern number i (those of five devices: privacy_secagg_five): the base-6 digits are after how
 * many answers each device drops out. */
static size_t play_patterns(co_secagg_shape shape, size_t *n_worked)
{
    size_t n_patterns = 1;
    for (size_t u = 0; u < shape.n; u++) n_patterns *= OUTCOMES;
    for (size_t i = 0; i < n_patterns; i++) {
        secagg_play p;
        secagg_open(&p, &shape, 1, i);
        for (size_t u = 0, digits = i; u < shape.n; u++, digits /= OUTCOMES)
            p.answers[u] = (unsigned char)(digits % OUTCOMES);
        *n_worked += play(&p);
        secagg_close(&p);
    }
    return n_patterns;
}

Test(secagg, every_drop_out_pattern_of_up_to_four_devices)
{
    size_t n_patterns = 0, n_worked = 0;
    for (size_t n = 2; n <= 4; n++)
        for (size_t t = 2; t <= n; t++)
            n_patterns += play_patterns(shape_of(n, n - 1, t), &n_worked);
    n_patterns += play_patterns(shape_of(4, 2, 2), &n_worked);
    cr_expect(n_patterns == 36 + 2 * 216 + 4 * 1296 && n_worked == 211 + 38, "%zu of %zu", n_worked,
              n_patterns); /* complete: those where t or more stay to the end */
    cr_expect_eq(co_memory_blocks(), 0);
}

/* Nine on a circle, two neighbours either way, any lost before the inputs: sums of parts that share
 * no mask never come out. By a search of its own 220 sets work, and 27 more would if parts did
 * not matter. */
Test(secagg, parts_without_masks_between_them_fail)
{
    enum { N = 9 };
    const co_secagg_shape shape = shape_of(N, 4, 2);
    size_t n_worked = 0;
    for (unsigned lost = 0; lost < 1u << N; lost++) {
        secagg_play p;
        secagg_open(&p, &shape, 6, 0); /* of one step: one graph */
        for (size_t u = 0; u < N; u++)
            if (lost >> u & 1) p.answers[u] = CO_SECAGG_INPUT;
        n_worked += play(&p);
        secagg_close(&p);
    }
    cr_expect_eq(n_worked, 220, "%zu worked", n_worked);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* Cohorts of up to 40, both graphs, 1 to 44 bits, some devices lost at any stage. */
Test(secagg, random_scenarios_give_the_sum_or_fail)
{
    size_t n_worked = 0, n_failed = 0;
    for (uint64_t i = 0; i < 90; i++) {
        co_stream s = co_stream_open(2, CO_DRAW_TEST, i, 0, 0);
        const size_t n = 2 + co_draw_below(&s, 39), half = 1 + co_draw_below(&s, n / 2),
                     k = i % 2 || 2 * half > n - 1 ? n - 1 : 2 * half;
        const co_secagg_shape shape = {.n = n,
                                       .k = k,
                                       .threshold = 2 + co_draw_below(&s, k),
                                       .n_values = 1 + co_draw_below(&s, 50),
                                       .bits = 1 + (int)co_draw_below(&s, CO_MASK_MAX_BITS)};
        const double rate = co_draw_uniform(&s) * 0.3;
        secagg_play p;
        secagg_open(&p, &shape, 3, i);
        p.source.is_secret = i % 3 == 0;
        for (size_t u = 0; u < n; u++)
            if (co_draw_uniform(&s) < rate) p.answers[u] = (unsigned char)co_draw_below(&s, 5);
        if (play(&p))
            n_worked++;
        else
            n_failed++;
        secagg_close(&p);
    }
    cr_expect(n_worked > 20 && n_failed > 20, "%zu worked, %zu failed", n_worked, n_failed);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* t devices are enough at each stage, t - 1 are not. */
Test(secagg, the_threshold_is_exact_at_every_stage)
{
    for (size_t k = 6; k <= 9; k += 3)
        for (size_t left = 5; left <= 6; left++)
            for (int stage = 0; stage < CO_SECAGG_STAGES; stage++) {
                const co_secagg_shape shape = shape_of(k == 9 ? 10 : 7, k, 6);
                secagg_play p;
                secagg_open(&p, &shape, 4, (uint64_t)stage);
                for (size_t u = left; u < shape.n; u++) p.answers[u] = (unsigned char)stage;
                cr_expect_eq(play(&p), left == 6, "%zu left at stage %d", left, stage);
                secagg_close(&p);
            }
}

static uint64_t n_bytes[2][CO_SECAGG_STAGES], n_messages;
static void count(secagg_play *p, co_secagg_stage stage, co_secagg_way way, size_t place,
                  unsigned char *message, size_t *n)
{
    co_secagg_message m;
    (void)place;
    n_messages++;
    n_bytes[way][stage] += *n;
    cr_assert_eq(co_secagg_open_message(&p->round, message, *n, &m), CO_OK);
    cr_assert_eq(m.n_body + CO_SECAGG_HEADER_BYTES, co_secagg_bytes(&p->round.shape, stage, way));
}

/* The messages themselves are as long as the functions of sizes say, whoever is there. */
Test(secagg, messages_are_as_long_as_is_charged)
{
    for (size_t n = 3; n < 20; n += 4)
        for (size_t k = 2; k < n; k += k + 4 < n ? 4 : 1) {
            co_secagg_shape shape = shape_of(n, k + 1 == n ? k : k / 2 * 2, 2);
            secagg_play p;
            shape.bits = (int)(n + k) % CO_MASK_MAX_BITS + 1;
            secagg_open(&p, &shape, 5, n);
            p.answers[0] = (unsigned char)(n % OUTCOMES);
            p.on_way = count;
            memset(n_bytes, 0, sizeof n_bytes);
            n_messages = 0;
            cr_assert_eq(secagg_run(&p), CO_OK, "%s", co_status_message());
            for (int s = 0; s < CO_SECAGG_STAGES; s++) {
                const uint64_t up = n - (p.answers[0] <= s),
                               down = s == 0 ? 0 : n - (p.answers[0] <= s);
                cr_expect_eq(n_bytes[CO_SECAGG_UP][s],
                             up * co_secagg_bytes(&shape, (co_secagg_stage)s, CO_SECAGG_UP));
                cr_expect_eq(n_bytes[CO_SECAGG_DOWN][s],
                             down * co_secagg_bytes(&shape, (co_secagg_stage)s, CO_SECAGG_DOWN));
            }
            secagg_close(&p);
        }
    cr_expect_gt(n_messages, 0);
}

/* Bonawitz et al., section 7: 1.73 x the plain vector at 2^10 users x 2^20 values of 16 bits, in a
 * ring of 26. The paper counts keys and shares, and neither tags, a digest nor headers. */
Test(secagg, expansion_is_that_of_the_paper)
{
    const co_secagg_shape s = {
        .n = 1024, .k = 1023, .threshold = 683, .n_values = 1 << 20, .bits = 26};
    const double plain = 2.0 * (1 << 20), ours = (double)(co_secagg_bytes_all(&s, CO_SECAGG_UP) +
                                                          co_secagg_bytes_all(&s, CO_SECAGG_DOWN));
    const double tags = 4.0 * 1023 * CO_TAG_BYTES, lists = 3 * 128 + 128,
                 headers = 9.0 * CO_SECAGG_HEADER_BYTES, digest = CO_KEY_BYTES;
    cr_expect(ours / plain > 1.73 && ours / plain < 1.77, "%.4f", ours / plain);
    const double counted = (ours - tags - lists - headers - digest) / plain;
    cr_expect(counted > 1.73 && counted < 1.736, "%.4f", counted);
}

/* Bell et al.: 10^4 devices with 100 neighbours cost some per cent of a vector of 2^20 values. */
Test(secagg, ten_thousand_devices_cost_little_with_few_neighbours)
{
    const co_secagg_shape s = {
        .n = 10000, .k = 100, .threshold = 60, .n_values = 1 << 20, .bits = 30};
    const double vector = 30.0 / 8.0 * (1 << 20);
    const double more =
        (double)(co_secagg_bytes_all(&s, CO_SECAGG_UP) + co_secagg_bytes_all(&s, CO_SECAGG_DOWN)) -
        vector;
    cr_expect(more < 0.01 * vector, "%.4f of the vector", more / vector);
}

/* Copies of the server that serve parts of the cohort, and take inputs by name, know together what
 * one knows. */
Test(secagg, copies_of_the_server_share_the_work)
{
    enum { N = 9 };
    const co_secagg_shape shape = shape_of(N, 6, 4);
    secagg_play p;
    co_secagg_server *part[3];
    unsigned char *message, serves[3][N] = {{0}};
    secagg_open(&p, &shape, 6, 1);
    p.answers[2] = 2;
    p.answers[7] = 3;
    message = co_malloc(p.room + 64, 1);
    for (size_t u = 0; u < N; u++) serves[u % 3][u] = 1;
    for (int r = 0; r < 3; r++)
        cr_assert_eq(co_secagg_server_create(&p.round, serves[r], &part[r]), CO_OK);
    for (int s = 0; s < CO_SECAGG_STAGES; s++) {
        for (size_t u = 0; u < N; u++) {
            size_t n = co_secagg_bytes(&shape, (co_secagg_stage)s, CO_SECAGG_DOWN);
            if (p.answers[u] <= s) continue;
            if (s > 0) {
                cr_assert_eq(co_secagg_server_give(p.server, u, message), CO_OK);
                cr_assert_eq(co_secagg_server_give(part[u % 3], u, p.message), CO_OK);
                cr_assert_arr_eq(p.message, message, n, "stage %d, device %zu", s, u);
                cr_assert_eq(co_secagg_server_give(part[(u + 1) % 3], u, p.message), CO_EDATA);
                memcpy(p.message, message, n);
            }
            cr_assert_eq(secagg_answer(&p, (co_secagg_stage)s, u, n, &n), CO_OK);
            cr_assert_eq(co_secagg_server_take(p.server, p.message, n), CO_OK);
            for (int r = 0; r < 3; r++)
                cr_assert_eq(s == CO_SECAGG_INPUT ? co_secagg_server_take_input(part[r], u)
                                                  : co_secagg_server_take(part[r], p.message, n),
                             CO_OK);
        }
        cr_assert_eq(co_secagg_server_close(p.server), CO_OK);
        for (int r = 0; r < 3; r++) cr_assert_eq(co_secagg_server_close(part[r]), CO_OK);
    }
    for (size_t u = 0; u < N; u++) {
        co_mask_term a[6], b[6];
        size_t n_a, n_b;
        cr_assert_eq(co_secagg_server_terms(p.server, u, a, &n_a), CO_OK);
        cr_assert_eq(co_secagg_server_terms(part[u % 3], u, b, &n_b), CO_OK);
        cr_assert_eq(n_a, n_b);
        for (size_t i = 0; i < n_a; i++)
            cr_assert(a[i].sign == b[i].sign && memcmp(a[i].seed, b[i].seed, CO_KEY_BYTES) == 0);
        cr_assert_eq(co_secagg_server_terms(part[(u + 1) % 3], u, b, &n_b), CO_EDATA);
    }
    for (int r = 0; r < 3; r++) co_secagg_server_destroy(part[r]);
    co_free(message);
    secagg_close(&p);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(secagg, shapes_that_cannot_work_are_refused)
{
    static const struct {
        co_secagg_shape shape;
        const char *word;
    } bad[] = {{{1, 1, 2, 1, 8}, "of 1 devices"},  {{2000000, 10, 2, 1, 8}, "2000000"},
               {{10, 3, 2, 1, 8}, "neighbours 3"}, {{10, 10, 2, 1, 8}, "neighbours 10"},
               {{10, 0, 2, 1, 8}, "neighbours 0"}, {{100000, 99999, 2, 1, 8}, "65534"},
               {{10, 4, 1, 1, 8}, "threshold 1"},  {{10, 4, 6, 1, 8}, "threshold 6"},
               {{10, 4, 3, 0, 8}, "0 values"},     {{10, 4, 3, 1, 0}, "0 bits"},
               {{10, 4, 3, 1, 45}, "45 bits"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect_eq(co_secagg_check(&bad[i].shape), CO_EUSAGE);
        cr_expect(strstr(co_status_message(), bad[i].word), "%s", co_status_message());
    }
    cr_expect_eq(co_secagg_check(&(co_secagg_shape){10, 4, 5, 1, 44}), CO_OK);
}
