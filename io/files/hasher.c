/* io/files/hasher.c - BLAKE2b in a thread of its own.
 *
 * The first FEW bytes are hashed by the caller, so that small files start no thread; from then on a
 * ring of pieces stands between the two. A caller who finds it full waits until half of it is free,
 * so that the two change places seldom. Without memory or a thread the caller hashes on. Cost: a
 * copy of what is fed; about 0.9 GB/s. */
#include "io/files/hasher.h"
#include "core/memory.h"
#include "core/status.h"
#include "core/thread.h"
#include <string.h>

enum { PIECE = 1 << 18, N_PIECES = 16, FEW = 1 << 20 };

struct co_hash_ring {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t filled, freed;
    crypto_generichash_blake2b_state *state;
    size_t first, n_full; /* of the pieces */
    bool closed;
    size_t size[N_PIECES];
    size_t into, at; /* the piece that the caller fills, bytes in it */
    unsigned char piece[N_PIECES][PIECE];
};

static void *hash_pieces(void *self)
{
    co_hash_ring *r = self;
    pthread_mutex_lock(&r->lock);
    for (;;) {
        while (r->n_full == 0 && !r->closed) pthread_cond_wait(&r->filled, &r->lock);
        if (r->n_full == 0) break;
        const size_t i = r->first;
        pthread_mutex_unlock(&r->lock);
        crypto_generichash_blake2b_update(r->state, r->piece[i], r->size[i]);
        pthread_mutex_lock(&r->lock);
        r->first = (i + 1) % N_PIECES;
        r->n_full--;
        if (r->n_full == N_PIECES / 2) pthread_cond_signal(&r->freed);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static co_hash_ring *start_ring(crypto_generichash_blake2b_state *state)
{
    co_hash_ring *r = co_malloc(1, sizeof *r);
    if (!r) return NULL;
    r->state = state;
    r->first = r->n_full = r->into = r->at = 0;
    r->closed = false;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->filled, NULL);
    pthread_cond_init(&r->freed, NULL);
    if (co_thread_start(&r->thread, hash_pieces, r)) return r;
    co_free(r);
    return NULL;
}

/* The piece at hand goes to the thread; waits until the next one is free. */
static void pass_on(co_hash_ring *r)
{
    pthread_mutex_lock(&r->lock);
    r->size[r->into] = r->at;
    if (r->n_full++ == 0) pthread_cond_signal(&r->filled);
    if (r->n_full == N_PIECES)
        while (r->n_full > N_PIECES / 2) pthread_cond_wait(&r->freed, &r->lock);
    pthread_mutex_unlock(&r->lock);
    r->into = (r->into + 1) % N_PIECES;
    r->at = 0;
}

static void fill_ring(co_hash_ring *r, const unsigned char *bytes, size_t n)
{
    while (n > 0) {
        const size_t room = PIECE - r->at, take = n < room ? n : room;
        memcpy(r->piece[r->into] + r->at, bytes, take);
        r->at += take;
        bytes += take;
        n -= take;
        if (r->at == PIECE) pass_on(r);
    }
}

void co_hasher_start(co_hasher *hasher, size_t n_out)
{
    CO_ASSERT(sodium_init() >= 0); /* picks the vectorised code; later calls return at once */
    *hasher = (co_hasher){.n_fed = 0};
    crypto_generichash_blake2b_init(&hasher->state, NULL, 0, n_out);
}

void co_hasher_feed(co_hasher *hasher, const void *bytes, size_t n)
{
    const size_t before = hasher->n_fed;
    if (n == 0) return;
    hasher->n_fed += n;
    if (!hasher->ring && before <= FEW && hasher->n_fed > FEW)
        hasher->ring = start_ring(&hasher->state);
    if (hasher->ring)
        fill_ring(hasher->ring, bytes, n);
    else
        crypto_generichash_blake2b_update(&hasher->state, bytes, n);
}

static void end_ring(co_hash_ring *r)
{
    if (r->at > 0) pass_on(r);
    pthread_mutex_lock(&r->lock);
    r->closed = true;
    pthread_cond_signal(&r->filled);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->filled);
    pthread_cond_destroy(&r->freed);
    co_free(r);
}

void co_hasher_finish(co_hasher *hasher, unsigned char *out, size_t n_out)
{
    if (hasher->ring) end_ring(hasher->ring);
    hasher->ring = NULL;
    crypto_generichash_blake2b_final(&hasher->state, out, n_out);
}
