#include "tests/secagg_play.h"
#include "core/memory.h"
#include "core/random.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CANARY = 0xa5, CANARIES = 16 };

/* Seconds of the processor. */
static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static size_t most_bytes(const co_secagg_shape *shape)
{
    uint64_t most = 0;
    for (int s = 0; s < CO_SECAGG_STAGES; s++)
        for (int way = 0; way < 2; way++) {
            const uint64_t bytes = co_secagg_bytes(shape, (co_secagg_stage)s, (co_secagg_way)way);
            if (bytes > most) most = bytes;
        }
    return most;
}

void secagg_open(secagg_play *p, const co_secagg_shape *shape, uint64_t seed, uint64_t step)
{
    const size_t n = shape->n, m = shape->n_values;
    *p = (secagg_play){.round = {.shape = *shape, .step = step}, .source = {.seed = seed}};
    CO_ASSERT(co_secagg_check(shape) == CO_OK);
    CO_ASSERT(co_secagg_graph_create(n, shape->k, &p->source, step, &p->graph) == CO_OK);
    p->round.graph = p->graph;
    p->device = co_calloc(n, sizeof *p->device);
    p->answers = co_calloc(n, 1);
    p->values = co_calloc(n * m, sizeof *p->values);
    p->sum = co_calloc(m, sizeof *p->sum);
    p->plain = co_calloc(m, sizeof *p->plain);
    p->room = most_bytes(shape);
    p->message = co_calloc(p->room + CANARIES, 1);
    p->masked = co_calloc(m, sizeof *p->masked);
    CO_ASSERT(p->device && p->answers && p->values && p->sum && p->plain && p->message &&
              p->masked);
    memset(p->answers, CO_SECAGG_STAGES, n);
    co_stream s = co_stream_open(seed, CO_DRAW_TEST, step, 0, 0);
    for (size_t i = 0; i < n * m; i++) p->values[i] = co_draw_u64(&s) >> (64 - shape->bits);
    const double start = now_s();
    for (size_t u = 0; u < n; u++)
        CO_ASSERT(co_secagg_device_create(&p->round, u, &p->source, &p->device[u]) == CO_OK);
    p->seconds[CO_SECAGG_ADVERTISE][0] = now_s() - start;
    CO_ASSERT(co_secagg_server_create(&p->round, NULL, &p->server) == CO_OK);
}

void secagg_close(secagg_play *p)
{
    for (size_t u = 0; u < p->round.shape.n; u++) co_secagg_device_destroy(p->device[u]);
    co_secagg_server_destroy(p->server);
    co_secagg_graph_destroy(p->graph);
    co_free(p->device);
    co_free(p->answers);
    co_free(p->values);
    co_free(p->sum);
    co_free(p->plain);
    co_free(p->message);
    co_free(p->masked);
}

static co_status input(secagg_play *p, size_t u, const unsigned char *in, size_t n_in)
{
    const size_t m = p->round.shape.n_values;
    co_secagg_device *d = p->device[u];
    uint64_t *masked = p->masked;
    memcpy(masked, p->values + u * m, m * sizeof *masked);
    co_status st = co_secagg_device_receive(d, in, n_in);
    const size_t half = m / 3;
    if (st == CO_OK) st = co_secagg_device_mask(d, masked, 0, half);
    if (st == CO_OK) st = co_secagg_device_mask(d, masked + half, half, m - half);
    if (st == CO_OK) st = co_secagg_device_input(d, masked, p->message);
    return st;
}

co_status secagg_answer(secagg_play *p, co_secagg_stage stage, size_t u, size_t n_in, size_t *n_out)
{
    co_secagg_device *d = p->device[u];
    unsigned char *in = co_malloc(n_in, 1); /* of its own length, for the sanitizer to see */
    co_status st;
    CO_ASSERT(in);
    memcpy(in, p->message, n_in);
    *n_out = co_secagg_bytes(&p->round.shape, stage, CO_SECAGG_UP);
    memset(p->message + *n_out, CANARY, CANARIES);
    switch (stage) {
    case CO_SECAGG_ADVERTISE: st = co_secagg_device_advertise(d, p->message); break;
    case CO_SECAGG_SHARE: st = co_secagg_device_share(d, in, n_in, p->message); break;
    case CO_SECAGG_INPUT: st = input(p, u, in, n_in); break;
    case CO_SECAGG_CONFIRM: st = co_secagg_device_confirm(d, in, n_in, p->message); break;
    default: st = co_secagg_device_unmask(d, in, n_in, p->message); break;
    }
    co_free(in);
    return st;
}

static void refused(secagg_play *p)
{
    p->n_refused++;
    snprintf(p->reason, sizeof p->reason, "%s", co_status_message());
}

/* A length that is written exactly: bytes behind it keep what they were. */
static bool is_whole(const secagg_play *p, size_t n)
{
    for (size_t i = 0; i < CANARIES; i++)
        if (p->message[n + i] != CANARY) return false;
    return true;
}

/* Whether an input was added. */
static bool take(secagg_play *p, co_secagg_stage stage, size_t n)
{
    const size_t m = p->round.shape.n_values;
    if (co_secagg_server_take(p->server, p->message, n) != CO_OK) {
        refused(p);
        return false;
    }
    if (stage != CO_SECAGG_INPUT) return false;
    const size_t half = m / 2;
    const unsigned char *packed = p->message + CO_SECAGG_HEADER_BYTES;
    co_unpack_add(packed, p->round.shape.bits, p->sum, 0, half);
    co_unpack_add(packed, p->round.shape.bits, p->sum + half, half, m - half);
    return true;
}

/* What the sum has to be: no part of the seconds. */
static void add_plain(secagg_play *p, size_t u, double *start)
{
    const double now = now_s();
    const size_t m = p->round.shape.n_values;
    const uint64_t most = (UINT64_C(1) << p->round.shape.bits) - 1;
    for (size_t j = 0; j < m; j++) p->plain[j] = (p->plain[j] + p->values[u * m + j]) & most;
    *start += now_s() - now;
}

co_status secagg_stage(secagg_play *p, co_secagg_stage stage)
{
    double start = now_s(), *seconds = p->seconds[stage];
    for (size_t u = 0; u < p->round.shape.n; u++) {
        size_t n = co_secagg_bytes(&p->round.shape, stage, CO_SECAGG_DOWN);
        if (p->answers[u] <= stage || !co_secagg_server_present(p->server, u)) continue;
        if (stage > CO_SECAGG_ADVERTISE) {
            memset(p->message + n, CANARY, CANARIES);
            CO_ASSERT(co_secagg_server_give(p->server, u, p->message) == CO_OK && is_whole(p, n));
            if (p->on_way) p->on_way(p, stage, CO_SECAGG_DOWN, u, p->message, &n);
            if (n == 0) continue;
        }
        double now = now_s();
        seconds[1] += now - start;
        const co_status st = secagg_answer(p, stage, u, n, &n);
        start = now_s();
        seconds[0] += start - now;
        if (st != CO_OK) {
            refused(p);
            continue;
        }
        CO_ASSERT(is_whole(p, n));
        if (p->on_way) p->on_way(p, stage, CO_SECAGG_UP, u, p->message, &n);
        if (n > 0 && take(p, stage, n)) add_plain(p, u, &start);
    }
    const co_status st = co_secagg_server_close(p->server);
    seconds[1] += now_s() - start;
    return st;
}

co_status secagg_unmask(secagg_play *p, size_t first, size_t n)
{
    const double start = now_s();
    size_t room = 0, n_terms = 0, more;
    for (size_t u = 0; u < p->round.shape.n; u++) room += co_secagg_server_most_terms(p->server, u);
    co_mask_term *term = co_malloc(room, sizeof *term);
    CO_ASSERT(term);
    co_status st = CO_OK;
    for (size_t u = 0; u < p->round.shape.n && st == CO_OK; u++, n_terms += more) {
        st = co_secagg_server_terms(p->server, u, term + n_terms, &more);
        CO_ASSERT(more <= co_secagg_server_most_terms(p->server, u));
    }
    if (st == CO_OK) co_mask_add(term, n_terms, p->round.shape.bits, p->sum + first, first, n);
    co_free(term);
    p->seconds[CO_SECAGG_STAGES][1] += now_s() - start;
    return st;
}

co_status secagg_run(secagg_play *p)
{
    for (int s = 0; s < CO_SECAGG_STAGES; s++) CO_TRY(secagg_stage(p, (co_secagg_stage)s));
    return secagg_unmask(p, 0, p->round.shape.n_values);
}

/* Of the devices that answered so many stages, those that hold a share of u. */
static size_t holders(const secagg_play *p, size_t u, int stages)
{
    size_t count = 0;
    for (size_t v = 0; v < p->round.shape.n; v++)
        count += p->answers[v] >= stages &&
                 (v == u || co_secagg_slot(p->graph, u, v) < p->round.shape.k);
    return count;
}

/* Whether masks join all devices that sent an input: from the first one along the edges. */
static bool is_joined(const secagg_play *p)
{
    const size_t n = p->round.shape.n;
    bool reached[n];
    size_t first = 0, n_reached = 0, n_there = 0;
    for (size_t u = 0; u < n; u++) reached[u] = false, n_there += p->answers[u] >= 3;
    while (first < n && p->answers[first] < 3) first++;
    if (first == n) return true;
    reached[first] = true;
    for (bool more = true; more;) {
        more = false;
        for (size_t u = 0; u < n; u++)
            for (size_t v = 0; reached[u] && v < n; v++)
                if (!reached[v] && p->answers[v] >= 3 &&
                    co_secagg_slot(p->graph, u, v) < p->round.shape.k)
                    more = reached[v] = true;
    }
    for (size_t u = 0; u < n; u++) n_reached += reached[u];
    return n_reached == n_there;
}

bool secagg_should_work(const secagg_play *p)
{
    const size_t n = p->round.shape.n, t = p->round.shape.threshold;
    if (!is_joined(p)) return false;
    for (int stages = 1; stages <= CO_SECAGG_STAGES; stages++) {
        size_t left = 0;
        for (size_t u = 0; u < n; u++) left += p->answers[u] >= stages;
        if (left < t) return false;
        for (size_t u = 0; u < n; u++) {
            bool needed = p->answers[u] >= (stages < 3 ? stages : 3);
            for (size_t v = 0; stages >= 3 && v < n; v++) /* it masked with one that sent */
                needed = needed || (p->answers[u] == 2 && p->answers[v] >= 3 &&
                                    co_secagg_slot(p->graph, u, v) < p->round.shape.k);
            if (needed && holders(p, u, stages) < t) return false;
        }
    }
    return true;
}
