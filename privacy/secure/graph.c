/* privacy/secure/graph.c - the complete graph and Harary graphs on a random circle. */
#include "privacy/secure/graph.h"
#include "core/memory.h"
#include "privacy/secure/primitives.h"
#include <sodium.h>

struct co_secagg_graph {
    size_t n, k;
    uint32_t *on_circle, *position; /* [n] who stands where; where each stands. NULL: complete */
};

/* A number below n from a keystream of 64-bit words, without bias. */
static uint64_t below(const unsigned char *words, size_t *next, uint64_t n)
{
    const uint64_t unfair = -n % n; /* 2^64 mod n */
    for (;;) {
        uint64_t w = 0;
        for (size_t b = 0; b < 8; b++) w |= (uint64_t)words[8 * *next + b] << (8 * b);
        ++*next;
        if (w >= unfair) return w % n;
    }
}

/* Fisher-Yates; more words than it takes, for some are thrown away with probability n / 2^64. */
static co_status draw_circle(co_secagg_graph *g, const unsigned char *key)
{
    static const unsigned char no_nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
    const size_t n_words = g->n + 64;
    unsigned char *words = co_malloc(n_words, 8);
    if (!words) return CO_FAIL(CO_ENOMEM, "the order of %zu devices", g->n);
    size_t next = 0;
    CO_ASSERT(sodium_init() >= 0);
    crypto_stream_chacha20_ietf(words, 8 * n_words, no_nonce, key);
    for (size_t i = 0; i < g->n; i++) g->on_circle[i] = (uint32_t)i;
    for (size_t i = g->n; i-- > 1;) {
        const size_t j = below(words, &next, i + 1);
        const uint32_t who = g->on_circle[i];
        g->on_circle[i] = g->on_circle[j];
        g->on_circle[j] = who;
    }
    for (size_t i = 0; i < g->n; i++) g->position[g->on_circle[i]] = (uint32_t)i;
    co_free(words);
    return CO_OK;
}

co_status co_secagg_graph_create(size_t n, size_t k, const co_noise_source *source, uint64_t step,
                                 co_secagg_graph **graph)
{
    unsigned char key[CO_KEY_BYTES];
    *graph = NULL;
    if (n < 2 || n > UINT32_MAX || k == 0 || k > n - 1 || (k < n - 1 && k % 2))
        return CO_FAIL(
            CO_EUSAGE,
            "neighbours %zu of %zu devices: one less than the devices, or an even number "
            "below that",
            k, n);
    co_secagg_graph *g = co_calloc(1, sizeof *g);
    if (!g) return CO_FAIL(CO_ENOMEM, "graph");
    *g = (co_secagg_graph){.n = n, .k = k};
    co_status st = CO_OK;
    if (k < n - 1) {
        g->on_circle = co_malloc(2 * n, sizeof *g->on_circle);
        if (!g->on_circle) CO_TRY_OUT(CO_FAIL(CO_ENOMEM, "the order of %zu devices", n));
        g->position = g->on_circle + n;
        co_secure_draw(source, "graph", step, CO_NO_PLACE, key, sizeof key);
        CO_TRY_OUT(draw_circle(g, key));
    }
out:
    if (st != CO_OK) {
        co_secagg_graph_destroy(g);
        return st;
    }
    *graph = g;
    return CO_OK;
}

void co_secagg_graph_destroy(co_secagg_graph *graph)
{
    if (graph) co_free(graph->on_circle);
    co_free(graph);
}

size_t co_secagg_neighbour(const co_secagg_graph *graph, size_t place, size_t slot)
{
    if (!graph->on_circle) return slot < place ? slot : slot + 1;
    const size_t n = graph->n, away = slot / 2 + 1;
    return graph->on_circle[(graph->position[place] + (slot % 2 ? n - away : away)) % n];
}

size_t co_secagg_slot(const co_secagg_graph *graph, size_t of, size_t place)
{
    const size_t n = graph->n, k = graph->k;
    if (of == place) return k;
    if (!graph->on_circle) return place < of ? place : place - 1;
    const size_t ahead = (graph->position[place] + n - graph->position[of]) % n, back = n - ahead;
    return ahead <= k / 2 ? 2 * (ahead - 1) : back <= k / 2 ? 2 * (back - 1) + 1 : k;
}

size_t co_secagg_holder(const co_secagg_graph *graph, size_t of, size_t i)
{
    return !graph->on_circle ? i : i == graph->k ? of : co_secagg_neighbour(graph, of, i);
}

size_t co_secagg_share_of(const co_secagg_graph *graph, size_t of, size_t holder)
{
    return graph->on_circle ? co_secagg_slot(graph, of, holder) : holder;
}
