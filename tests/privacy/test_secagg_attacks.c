/* Damage, lies and curiosity: messages that are not what they should be are found and named, a
 * device gives one of two shares, and what the server sees is uniform. */
#include "core/memory.h"
#include "tests/secagg_play.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 7, K = 6, T = 5 };
static const co_secagg_shape shape = {.n = N, .k = K, .threshold = T, .n_values = 5, .bits = 20};

/* What is done to one message: of which stage, way and device, and what. */
static struct {
    co_secagg_stage stage;
    co_secagg_way way;
    size_t place, byte, n_done;
    bool sealed_again; /* by someone who knows the format: the digest fits */
    enum { FLIP, CUT, LONGER } what;
} plan;

static void seal_again(const secagg_play *p, unsigned char *message, size_t n)
{
    const bool up = message[2] == CO_SECAGG_UP;
    const int64_t device = message[up ? 4 : 8];
    co_secagg_seal_message(&(co_secagg_message){.stage = (co_secagg_stage)message[1],
                                                .way = (co_secagg_way)message[2],
                                                .sender = up ? device : CO_SECAGG_SERVER,
                                                .receiver = up ? CO_SECAGG_SERVER : device,
                                                .step = p->round.step,
                                                .n_body = n - CO_SECAGG_HEADER_BYTES},
                           message);
}

static void meddle(secagg_play *p, co_secagg_stage stage, co_secagg_way way, size_t place,
                   unsigned char *message, size_t *n)
{
    if (stage != plan.stage || way != plan.way || place != plan.place || plan.byte >= *n) return;
    plan.n_done++;
    switch (plan.what) {
    case FLIP: message[plan.byte] ^= (unsigned char)(1u << plan.byte % 8); break;
    case CUT: *n = plan.byte; break;
    case LONGER: ++*n; break;
    }
    if (plan.sealed_again) seal_again(p, message, *n);
}

static void open_cohort(secagg_play *p, uint64_t step)
{
    secagg_open(p, &shape, 7, step);
    p->on_way = meddle;
}

/* Every byte of every message, one bit changed: found and named, by the device or the server it
 * comes to; the others go on without the device, and the sum is theirs. */
Test(secagg_attacks, a_bit_that_changes_anywhere_is_found)
{
    size_t n_changed = 0;
    for (int stage = 0; stage < CO_SECAGG_STAGES; stage++)
        for (int way = stage == 0; way < 2; way++) {
            const size_t bytes =
                co_secagg_bytes(&shape, (co_secagg_stage)stage, (co_secagg_way)way);
            for (size_t byte = 0; byte < bytes; byte += byte < 48 ? 1 : 17) {
                secagg_play p;
                open_cohort(&p, 1);
                plan.stage = (co_secagg_stage)stage, plan.way = (co_secagg_way)way;
                plan.place = 3, plan.byte = byte, plan.what = FLIP, plan.sealed_again = false;
                cr_assert_eq(secagg_run(&p), CO_OK, "%s", co_status_message());
                cr_assert(p.n_refused == 1 && strstr(p.reason, "message"), "%d %d %zu: %s", stage,
                          way, byte, p.reason);
                cr_assert_arr_eq(p.sum, p.plain, shape.n_values * sizeof *p.sum);
                secagg_close(&p);
                n_changed++;
            }
        }
    cr_expect_eq(n_changed, plan.n_done);
    cr_expect_gt(n_changed, 400);
}

Test(secagg_attacks, other_lengths_are_found)
{
    for (int stage = 0; stage < CO_SECAGG_STAGES; stage++)
        for (int way = stage == 0; way < 2; way++)
            for (int i = 0; i < 5; i++) {
                const size_t bytes =
                    co_secagg_bytes(&shape, (co_secagg_stage)stage, (co_secagg_way)way);
                secagg_play p;
                open_cohort(&p, 2);
                plan.stage = (co_secagg_stage)stage, plan.way = (co_secagg_way)way;
                plan.place = 2, plan.sealed_again = i == 2 || i == 4;
                plan.byte = i == 0 ? 1 : i == 1 ? 20 : bytes - 1;
                plan.what = i >= 3 ? LONGER : CUT;
                cr_assert_eq(secagg_run(&p), CO_OK, "%s", co_status_message());
                cr_assert(p.n_refused == 1 && strstr(p.reason, "bytes"), "%s", p.reason);
                secagg_close(&p);
            }
}

/* By someone who makes the digest fit: which device or the server finds what. -1: the body is a
 * masked vector, the device's own word. */
Test(secagg_attacks, tampering_that_knows_the_format_is_found)
{
    static const struct {
        co_secagg_stage stage;
        co_secagg_way way;
        size_t byte; /* of the body */
        const char *word;
        bool in_the_end; /* by the server, when secrets are opened */
    } row[] = {
        {CO_SECAGG_ADVERTISE, CO_SECAGG_UP, 0, "not what neighbour", false},
        {CO_SECAGG_ADVERTISE, CO_SECAGG_UP, 40, "not what neighbour", false},
        {CO_SECAGG_ADVERTISE, CO_SECAGG_UP, 70, "the seed it advertised", true},
        {CO_SECAGG_SHARE, CO_SECAGG_DOWN, 0, "something from neighbour", false},
        {CO_SECAGG_SHARE, CO_SECAGG_DOWN, 1, "not what neighbour", false},
        {CO_SECAGG_SHARE, CO_SECAGG_DOWN, 40, "not what neighbour", false},
        {CO_SECAGG_SHARE, CO_SECAGG_UP, 5, "not what neighbour 3 sealed", false},
        {CO_SECAGG_SHARE, CO_SECAGG_UP, 85, "not what neighbour 3 sealed", false},
        {CO_SECAGG_INPUT, CO_SECAGG_DOWN, 30, "device 3: not what neighbour", false},
        {CO_SECAGG_INPUT, CO_SECAGG_DOWN, 0, "which is said to be absent", false},
        {CO_SECAGG_CONFIRM, CO_SECAGG_DOWN, 0, "confirms another list", false},
        {CO_SECAGG_CONFIRM, CO_SECAGG_UP, 3, "neighbour 3 confirms another list", false},
        {CO_SECAGG_UNMASK, CO_SECAGG_DOWN, 40, "confirms another list", false},
        {CO_SECAGG_UNMASK, CO_SECAGG_UP, 40, "some device sent a wrong one", true},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        secagg_play p;
        open_cohort(&p, 3);
        plan.stage = row[i].stage, plan.way = row[i].way, plan.place = 3;
        plan.byte = CO_SECAGG_HEADER_BYTES + row[i].byte;
        plan.what = FLIP, plan.sealed_again = true, plan.n_done = 0;
        const co_status st = secagg_run(&p);
        cr_assert_eq(plan.n_done, 1);
        if (row[i].in_the_end)
            cr_expect(st == CO_EDATA && strstr(co_status_message(), row[i].word), "%zu: %s", i,
                      co_status_message());
        else
            cr_expect(p.n_refused > 0 && strstr(p.reason, row[i].word), "%zu: %s", i, p.reason);
        if (st == CO_OK) cr_expect_arr_eq(p.sum, p.plain, shape.n_values * sizeof *p.sum, "%zu", i);
        secagg_close(&p);
    }
}

/* In its stage and after it, and in another step. The server goes on as before. */
Test(secagg_attacks, doubled_messages_are_found)
{
    unsigned char kept[CO_SECAGG_STAGES][2048];
    size_t n, sizes[CO_SECAGG_STAGES];
    secagg_play p, other;
    secagg_open(&p, &shape, 7, 4);
    secagg_open(&other, &shape, 7, 5);
    for (int s = 0; s < CO_SECAGG_STAGES; s++) {
        const co_secagg_stage stage = (co_secagg_stage)s;
        p.answers[6] = s == 2 ? 2 : p.answers[6];
        for (size_t u = 0; u < N; u++) {
            if (p.answers[u] <= s) continue;
            n = co_secagg_bytes(&shape, stage, CO_SECAGG_DOWN);
            if (s > 0) cr_assert_eq(co_secagg_server_give(p.server, u, p.message), CO_OK);
            cr_assert_eq(secagg_answer(&p, stage, u, n, &n), CO_OK, "%s", co_status_message());
            if (u == 6) { /* keeps its answer for later */
                memcpy(kept[s], p.message, n);
                sizes[s] = n;
            }
            cr_assert_eq(co_secagg_server_take(p.server, p.message, n), CO_OK);
            cr_expect(co_secagg_server_take(p.server, p.message, n) == CO_EDATA &&
                          strstr(co_status_message(), "doubled"),
                      "%s", co_status_message());
            if (u == 0)
                cr_expect(co_secagg_server_take(other.server, p.message, n) == CO_EDATA &&
                              strstr(co_status_message(), "is of step 4, this is step 5"),
                          "%s", co_status_message());
        }
        cr_assert_eq(co_secagg_server_close(p.server), CO_OK);
        cr_expect(co_secagg_server_take(p.server, kept[0], sizes[0]) == CO_EDATA &&
                      strstr(co_status_message(), "doubled, and the stage is closed"),
                  "%s", co_status_message());
    }
    cr_expect(co_secagg_server_close(p.server) == CO_EDATA);
    cr_assert_eq(secagg_unmask(&p, 0, shape.n_values), CO_OK);
    secagg_close(&p);
    secagg_close(&other);
}

static void prepare(secagg_play *p, uint64_t step, int stages)
{
    secagg_open(p, &shape, 7, step);
    for (int s = 0; s < stages; s++)
        cr_assert_eq(secagg_stage(p, (co_secagg_stage)s), CO_OK, "%s", co_status_message());
}

/* A list of the server to device u, of which some bits are changed, as a lying server would. */
static co_status confirm(secagg_play *p, size_t u, unsigned changed, unsigned char *out)
{
    const size_t n = co_secagg_bytes(&shape, CO_SECAGG_CONFIRM, CO_SECAGG_DOWN);
    unsigned char list[128];
    cr_assert_eq(co_secagg_server_give(p->server, u, list), CO_OK);
    list[CO_SECAGG_HEADER_BYTES] ^= (unsigned char)changed;
    seal_again(p, list, n);
    return co_secagg_device_confirm(p->device[u], list, n, out);
}

/* A device that has confirmed a list with v on it is asked with one without v: never both shares.
 */
Test(secagg_attacks, a_device_asked_for_both_shares_refuses)
{
    unsigned char out[1024], tags[1024];
    secagg_play p;
    prepare(&p, 10, CO_SECAGG_CONFIRM);
    cr_assert_eq(confirm(&p, 0, 0, out), CO_OK);
    cr_expect(confirm(&p, 0, 1u << 3, out) == CO_EDATA &&
                  strstr(co_status_message(), "asked to confirm, when the next thing to do was: "
                                              "unmask"),
              "%s", co_status_message());
    cr_expect_eq(co_secagg_device_unmask(p.device[0], tags, sizeof tags, out), CO_EDATA,
                 "it answers after that");
    secagg_close(&p);

    prepare(&p, 11, CO_SECAGG_UNMASK); /* and after it gave shares */
    const size_t n = co_secagg_bytes(&shape, CO_SECAGG_UNMASK, CO_SECAGG_DOWN);
    cr_assert_eq(co_secagg_server_give(p.server, 0, tags), CO_OK);
    cr_assert_eq(co_secagg_device_unmask(p.device[0], tags, n, out), CO_OK);
    cr_expect_eq(co_secagg_device_unmask(p.device[0], tags, n, out), CO_EDATA);
    secagg_close(&p);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* Each share that comes up is that of the seed or of the key, by the list; here the pieces of both
 * kinds are put together from both ends to see which is which. */
Test(secagg_attacks, what_a_device_gives_follows_the_list)
{
    secagg_play p;
    secagg_open(&p, &shape, 7, 12);
    p.answers[4] = 2; /* shares, and sends no input */
    p.answers[5] = 1; /* gives keys, and shares nothing */
    for (int s = 0; s < CO_SECAGG_UNMASK; s++)
        cr_assert_eq(secagg_stage(&p, (co_secagg_stage)s), CO_OK);
    for (size_t u = 0; u < 4; u++) {
        unsigned char in[1024];
        size_t n = co_secagg_bytes(&shape, CO_SECAGG_UNMASK, CO_SECAGG_DOWN);
        cr_assert_eq(co_secagg_server_give(p.server, u, in), CO_OK);
        cr_assert_eq(co_secagg_device_unmask(p.device[u], in, n, p.message), CO_OK);
        const unsigned char *share = p.message + CO_SECAGG_HEADER_BYTES;
        const size_t at5 = co_secagg_slot(p.graph, u, 5);
        for (size_t b = 0; b < CO_KEY_BYTES; b++) cr_assert_eq(share[CO_KEY_BYTES * at5 + b], 0);
        n = co_secagg_bytes(&shape, CO_SECAGG_UNMASK, CO_SECAGG_UP);
        cr_assert_eq(co_secagg_server_take(p.server, p.message, n), CO_OK);
    }
    cr_assert_eq(co_secagg_server_close(p.server), CO_EDATA, "4 of threshold 5");
    secagg_close(&p);
}

Test(secagg_attacks, lists_that_cannot_be_are_refused)
{
    static const struct {
        size_t u;
        unsigned changed;
        const char *word;
    } row[] = {{0, 1u << 0, "without this device"},
               {0, 1u << 7, "longer than the cohort"},
               {1, 1u << 6, "neighbour 6, which shared nothing"},
               {2, 1u << 3 | 1u << 4 | 1u << 5, "below the threshold 5"}};
    for (size_t i = 0; i < 4; i++) {
        unsigned char out[1024];
        secagg_play p;
        secagg_open(&p, &shape, 7, 13);
        p.answers[6] = 1;
        for (int s = 0; s < CO_SECAGG_CONFIRM; s++)
            cr_assert_eq(secagg_stage(&p, (co_secagg_stage)s), CO_OK);
        cr_expect(confirm(&p, row[i].u, row[i].changed, out) == CO_EDATA &&
                      strstr(co_status_message(), row[i].word),
                  "%s", co_status_message());
        secagg_close(&p);
    }
}

/* A server with two lists: device 6 is on the one that the first three (and 6) get, not on that of
 * the others. */
static bool hides;
static void lie(secagg_play *p, co_secagg_stage stage, co_secagg_way way, size_t place,
                unsigned char *message, size_t *n)
{
    const bool first = place < 3 || place == 6;
    unsigned char *body = message + CO_SECAGG_HEADER_BYTES;
    if (way != CO_SECAGG_DOWN) return;
    if (stage == CO_SECAGG_CONFIRM && !first) body[0] ^= 1u << 6;
    for (size_t j = 0; stage == CO_SECAGG_UNMASK && hides && j < K; j++) {
        const size_t v = co_secagg_neighbour(p->graph, place, j);
        if ((v < 3 || v == 6) == first) continue;
        body[0] &= (unsigned char)~(1u << j);
        memset(body + 1 + CO_TAG_BYTES * j, 0, CO_TAG_BYTES);
    }
    seal_again(p, message, *n);
}

/* With all tags relayed everyone finds it; with those of the other half hidden, too few confirm. */
Test(secagg_attacks, a_server_with_two_lists_opens_nothing)
{
    for (int k = 0; k < 2; k++) {
        secagg_play p;
        secagg_open(&p, &shape, 7, 14);
        p.on_way = lie;
        hides = k == 1;
        cr_expect_eq(secagg_run(&p), CO_EDATA);
        cr_expect_eq(p.n_refused, N, "%zu of %d devices", p.n_refused, N);
        cr_expect(strstr(p.reason, hides ? "below the threshold 5" : "confirms another list") ||
                      strstr(p.reason, "which sent no input"),
                  "%s", p.reason);
        secagg_close(&p);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

/* What is meant for device 1 comes to device 0; what was sent in another step comes in this one;
 * what the server sent comes back to it. */
Test(secagg_attacks, misdirected_messages_are_found)
{
    const size_t n = co_secagg_bytes(&shape, CO_SECAGG_SHARE, CO_SECAGG_DOWN);
    unsigned char in[1024], out[2048];
    secagg_play p, other;
    prepare(&p, 20, CO_SECAGG_SHARE);
    prepare(&other, 21, CO_SECAGG_SHARE);
    cr_assert_eq(co_secagg_server_give(p.server, 1, in), CO_OK);
    cr_expect(co_secagg_server_take(p.server, in, n) == CO_EDATA &&
                  strstr(co_status_message(), "misdirected"),
              "%s", co_status_message());
    cr_expect(co_secagg_device_share(p.device[0], in, n, out) == CO_EDATA &&
                  strstr(co_status_message(), "device 0: misdirected"),
              "%s", co_status_message());
    cr_expect(co_secagg_device_share(other.device[1], in, n, out) == CO_EDATA &&
                  strstr(co_status_message(), "it is of step 20, this is step 21"),
              "%s", co_status_message());
    cr_expect_eq(co_secagg_device_share(p.device[1], in, n, out), CO_OK);
    secagg_close(&p);
    secagg_close(&other);
}

/* An answer that comes when its stage is over is late, one that comes before its stage is early,
 * and nothing changes. */
Test(secagg_attacks, the_server_says_late_and_early)
{
    unsigned char advert[256], share[1024];
    const size_t n = co_secagg_bytes(&shape, CO_SECAGG_ADVERTISE, CO_SECAGG_UP);
    secagg_play p, again;
    secagg_open(&p, &shape, 7, 22);
    prepare(&again, 22, CO_SECAGG_SHARE); /* the same devices: what they would send */
    cr_assert_eq(co_secagg_server_give(again.server, 0, again.message), CO_OK);
    size_t n_share = co_secagg_bytes(&shape, CO_SECAGG_SHARE, CO_SECAGG_DOWN);
    cr_assert_eq(secagg_answer(&again, CO_SECAGG_SHARE, 0, n_share, &n_share), CO_OK);
    memcpy(share, again.message, n_share);
    cr_expect(co_secagg_server_take(p.server, share, n_share) == CO_EDATA &&
                  strstr(co_status_message(), "`share` from device 0: early"),
              "%s", co_status_message());
    cr_assert_eq(co_secagg_device_advertise(p.device[6], advert), CO_OK);
    p.answers[6] = 0;
    cr_assert_eq(secagg_stage(&p, CO_SECAGG_ADVERTISE), CO_OK);
    cr_expect(co_secagg_server_take(p.server, advert, n) == CO_EDATA &&
                  strstr(co_status_message(), "`advertise` from device 6: late"),
              "%s", co_status_message());
    for (int s = 1; s < CO_SECAGG_STAGES; s++)
        cr_assert_eq(secagg_stage(&p, (co_secagg_stage)s), CO_OK);
    cr_assert_eq(secagg_unmask(&p, 0, shape.n_values), CO_OK);
    cr_expect_arr_eq(p.sum, p.plain, shape.n_values * sizeof *p.sum);
    secagg_close(&p);
    secagg_close(&again);
}

/* Keys that agree with anyone, or stand there twice: a mask that others know. */
Test(secagg_attacks, weak_and_doubled_keys_are_refused)
{
    for (int doubled = 0; doubled < 2; doubled++) {
        const size_t n = co_secagg_bytes(&shape, CO_SECAGG_SHARE, CO_SECAGG_DOWN);
        unsigned char in[1024], out[2048];
        secagg_play p;
        prepare(&p, 15, CO_SECAGG_SHARE);
        cr_assert_eq(co_secagg_server_give(p.server, 0, in), CO_OK);
        unsigned char *keys = in + CO_SECAGG_HEADER_BYTES + 1;
        if (doubled)
            memcpy(keys + 3 * CO_SECAGG_KEYS_BYTES, keys, CO_SECAGG_KEYS_BYTES);
        else
            memset(keys + 3 * CO_SECAGG_KEYS_BYTES, 0, CO_KEY_BYTES);
        seal_again(&p, in, n);
        cr_expect(co_secagg_device_share(p.device[0], in, n, out) == CO_EDATA &&
                      strstr(co_status_message(), doubled ? "twice" : "agrees with any other"),
                  "%s", co_status_message());
        secagg_close(&p);
    }
}

/* A mask serves one vector. */
Test(secagg_attacks, a_device_masks_each_value_once)
{
    uint64_t values[5] = {0};
    unsigned char in[2048];
    secagg_play p;
    prepare(&p, 16, CO_SECAGG_INPUT);
    for (size_t u = 0; u < 2; u++) {
        const size_t n = co_secagg_bytes(&shape, CO_SECAGG_INPUT, CO_SECAGG_DOWN);
        cr_assert_eq(co_secagg_server_give(p.server, u, in), CO_OK);
        cr_assert_eq(co_secagg_device_receive(p.device[u], in, n), CO_OK);
        cr_assert_eq(co_secagg_device_mask(p.device[u], values, 0, u ? 5 : 3), CO_OK);
        cr_expect(co_secagg_device_mask(p.device[u], values, u ? 0 : 2, 2) == CO_EDATA);
        cr_expect(co_secagg_device_mask(p.device[u], values, 3, 2) == CO_EDATA, "it goes on");
    }
    secagg_close(&p);
}

/* What the server sees of the vectors of a cohort. */
enum { M = 20000, BITS = 16 };
static uint64_t seen[N][M];
static void see(secagg_play *p, co_secagg_stage stage, co_secagg_way way, size_t place,
                unsigned char *message, size_t *n)
{
    (void)p;
    (void)n;
    if (stage != CO_SECAGG_INPUT || way != CO_SECAGG_UP) return;
    memset(seen[place], 0, sizeof seen[place]);
    co_unpack_add(message + CO_SECAGG_HEADER_BYTES, BITS, seen[place], 0, M);
}

/* All devices send the same small numbers, far from uniform; or, `shifted`, numbers that differ and
 * have the same sum. */
static void watch(uint64_t step, bool shifted)
{
    const co_secagg_shape wide = {.n = N, .k = K, .threshold = T, .n_values = M, .bits = BITS};
    secagg_play p;
    secagg_open(&p, &wide, 8, step);
    for (size_t u = 0; u < N; u++)
        for (size_t j = 0; j < M; j++)
            p.values[u * M + j] = (j % 100 + (shifted ? u == 0 ? 6000 : 65536 - 1000 : 0)) % 65536;
    p.on_way = see;
    cr_assert_eq(secagg_run(&p), CO_OK);
    for (size_t j = 0; j < M; j++) cr_assert_eq(p.sum[j], N * (j % 100));
    secagg_close(&p);
}

static double chi_square(const uint64_t *x, size_t n) /* 256 bins of the highest bits; in sigma */
{
    double count[256] = {0}, chi = 0.0;
    for (size_t j = 0; j < n; j++) count[x[j] >> (BITS - 8)]++;
    for (int b = 0; b < 256; b++)
        chi +=
            (count[b] - (double)n / 256.0) * (count[b] - (double)n / 256.0) / ((double)n / 256.0);
    return (chi - 255.0) / sqrt(2.0 * 255.0);
}

static double correlation(const uint64_t *x, const uint64_t *y, bool input) /* in sigma */
{
    double sum = 0.0;
    for (size_t j = 0; j < M; j++)
        sum += ((double)x[j] - 32767.5) / 18918.6 *
               (input ? ((double)(j % 100) - 49.5) / 28.866 : ((double)y[j] - 32767.5) / 18918.6);
    return sum / sqrt((double)M);
}

static void expect_uniform(const uint64_t *x, const char *what)
{
    double z = chi_square(x, M);
    cr_expect(fabs(z) < 4.0, "%s: chi-square at %.1f sigma", what, z);
    for (int b = 0; b < BITS; b++) {
        double ones = 0.0;
        for (size_t j = 0; j < M; j++) ones += (double)(x[j] >> b & 1);
        z = (2.0 * ones - M) / sqrt((double)M);
        cr_expect(fabs(z) < 4.0, "%s: bit %d at %.1f sigma", what, b, z);
    }
    z = correlation(x, NULL, true);
    cr_expect(fabs(z) < 4.0, "%s: correlated with the input, %.1f sigma", what, z);
}

/* Each vector, every sum of all but one, and the difference of two: uniform, and unlike the input.
 */
Test(secagg_attacks, what_the_server_sees_is_uniform)
{
    static uint64_t mixed[M];
    watch(1, false);
    for (size_t u = 0; u < N; u++) {
        expect_uniform(seen[u], "a vector");
        memset(mixed, 0, sizeof mixed);
        for (size_t v = 0; v < N; v++)
            for (size_t j = 0; v != u && j < M; j++) mixed[j] = (mixed[j] + seen[v][j]) % 65536;
        expect_uniform(mixed, "all but one together");
        for (size_t v = 0; v < u; v++) {
            for (size_t j = 0; j < M; j++) mixed[j] = (seen[u][j] - seen[v][j]) % 65536;
            expect_uniform(mixed, "a difference");
            const double z = correlation(seen[u], seen[v], false);
            cr_expect(fabs(z) < 4.0, "%zu with %zu: %.1f sigma", u, v, z);
        }
    }
}

/* Two cohorts whose sums are equal: the histograms of what is seen of a device differ by chance
 * alone, though its inputs are far apart. */
Test(secagg_attacks, inputs_of_equal_sum_look_alike)
{
    static uint64_t first[N][M];
    watch(2, false);
    memcpy(first, seen, sizeof seen);
    watch(3, true);
    for (size_t u = 0; u < N; u++) {
        double a[256] = {0}, b[256] = {0}, chi = 0.0;
        for (size_t j = 0; j < M; j++) a[first[u][j] >> 8]++, b[seen[u][j] >> 8]++;
        for (int i = 0; i < 256; i++) chi += (a[i] - b[i]) * (a[i] - b[i]) / (a[i] + b[i]);
        const double z = (chi - 255.0) / sqrt(2.0 * 255.0);
        cr_expect(fabs(z) < 4.0, "device %zu: %.1f sigma apart", u, z);
    }
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, CO_KEY_BYTES);
}

/* All seeds of all steps, as the server opens them when each device in turn sends no input: own
 * ones and those of every pair. The same pair from both ends counts once. */
Test(secagg_attacks, no_seed_serves_two_masks)
{
    enum { STEPS = 6, SEEDS = STEPS * (N + N * (N - 1) / 2) };
    static unsigned char seed[STEPS * N * N * 2][CO_KEY_BYTES];
    size_t n = 0, n_different = 1;
    for (uint64_t step = 0; step < STEPS; step++)
        for (size_t lost = 0; lost < N; lost++) {
            secagg_play p;
            secagg_open(&p, &shape, 9, step);
            p.answers[lost] = 2;
            for (int s = 0; s < CO_SECAGG_STAGES; s++)
                cr_assert_eq(secagg_stage(&p, (co_secagg_stage)s), CO_OK);
            for (size_t u = 0; u < N; u++) {
                co_mask_term term[K + 1];
                size_t n_terms;
                cr_assert_eq(co_secagg_server_terms(p.server, u, term, &n_terms), CO_OK);
                cr_assert_eq(n_terms, u == lost ? K : 1);
                for (size_t i = 0; i < n_terms; i++) memcpy(seed[n++], term[i].seed, CO_KEY_BYTES);
            }
            secagg_close(&p);
        }
    cr_assert_eq(n, STEPS * N * (N - 1 + K));
    qsort(seed, n, CO_KEY_BYTES, by_bytes);
    for (size_t i = 1; i < n; i++) n_different += by_bytes(seed[i - 1], seed[i]) != 0;
    cr_expect_eq(n_different, SEEDS, "%zu different seeds", n_different);
}
