/* sim/predict_text.c - one block of texts a rank and wave; rank 0 keeps what the others send. */
#include "sim/predict_text.h"
#include "core/log.h"
#include "core/memory.h"
#include <inttypes.h>
#include <stdio.h>

enum { HEARD = 16384 }; /* bytes of a message */

typedef struct {
    co_generation g;
    const int64_t *ids;
    int64_t n;
    const co_comm *comm;
    co_predicted_texts *texts;
} writing;

void co_predicted_texts_fini(co_predicted_texts *texts)
{
    co_text_fini(&texts->text);
    co_free(texts->bounds);
    *texts = (co_predicted_texts){0};
}

static int block_size(const writing *w, int64_t block)
{
    const int64_t left = w->n - block * CO_GENERATION_BLOCK;
    return (int)(left < CO_GENERATION_BLOCK ? left : CO_GENERATION_BLOCK);
}

/* The ends of a block's texts, which stand behind the others. Rank 0. */
static void keep(const writing *w, int64_t block, const int64_t *bounds)
{
    int64_t *to = w->texts->bounds + block * CO_GENERATION_BLOCK;
    const int n = block_size(w, block);
    for (int i = 1; i <= n; i++) to[i] = to[0] + bounds[i];
}

static void hear(writing *w, int64_t block, int rank)
{
    int64_t bounds[CO_GENERATION_BLOCK + 1];
    char heard[HEARD];
    const int n = block_size(w, block);
    MPI_Recv(bounds, n + 1, MPI_INT64_T, rank, 0, w->comm->world, MPI_STATUS_IGNORE);
    for (int64_t at = 0; at < bounds[n]; at += HEARD) {
        const int m = (int)(bounds[n] - at < HEARD ? bounds[n] - at : HEARD);
        MPI_Recv(heard, m, MPI_CHAR, rank, 0, w->comm->world, MPI_STATUS_IGNORE);
        co_text_bytes(&w->texts->text, heard, (size_t)m);
    }
    keep(w, block, bounds);
}

/* The blocks [wave, wave + ranks). Collective(comm). */
static co_status go(writing *w, int64_t wave, int64_t n_blocks)
{
    const int64_t own = wave + w->comm->rank;
    co_status st = CO_OK;
    if (own < n_blocks)
        st = co_generation_write(&w->g, w->ids + own * CO_GENERATION_BLOCK,
                                 (size_t)block_size(w, own));
    CO_TRY(co_agree(st, w->comm));
    if (w->comm->rank != 0 && own < n_blocks) {
        const int n = block_size(w, own);
        MPI_Send(w->g.bounds, n + 1, MPI_INT64_T, 0, 0, w->comm->world);
        for (int64_t at = 0; at < w->g.bounds[n]; at += HEARD)
            MPI_Send(w->g.text.data + at,
                     (int)(w->g.bounds[n] - at < HEARD ? w->g.bounds[n] - at : HEARD), MPI_CHAR, 0,
                     0, w->comm->world);
    }
    if (w->comm->rank != 0) return CO_OK;
    co_text_bytes(&w->texts->text, w->g.text.data, w->g.text.n);
    keep(w, own, w->g.bounds);
    for (int r = 1; r < w->comm->size && wave + r < n_blocks; r++) hear(w, wave + r, r);
    return CO_OK;
}

static co_status go_all(writing *w)
{
    const int64_t n_blocks = (w->n + CO_GENERATION_BLOCK - 1) / CO_GENERATION_BLOCK;
    co_progress progress;
    co_status st = CO_OK;
    if (w->comm->rank == 0) co_progress_start(&progress, 0);
    for (int64_t wave = 0; wave < n_blocks && st == CO_OK; wave += w->comm->size) {
        st = go(w, wave, n_blocks);
        const int64_t end = (wave + w->comm->size) * CO_GENERATION_BLOCK,
                      done = end < w->n ? end : w->n;
        char text[96];
        snprintf(text, sizeof text, "%" PRId64 "/%" PRId64 " texts", done, w->n);
        if (w->comm->rank == 0) co_progress_step(&progress, done, w->n, text);
    }
    if (w->comm->rank == 0) co_progress_end(&progress);
    if (st == CO_OK && w->texts->text.failed)
        st = CO_FAIL(CO_ENOMEM, "%lld texts", (long long)w->n);
    return co_agree(st, w->comm);
}

co_status co_predict_texts(const co_model *model, const co_population *population,
                           const float *params, const co_decoding *how, const int64_t *ids,
                           int64_t n, const co_comm *comm, co_predicted_texts *texts)
{
    writing w = {.ids = ids, .n = n, .comm = comm, .texts = texts};
    *texts = (co_predicted_texts){0};
    co_status st = co_generation_create(model, population, how, &w.g);
    if (st == CO_OK && comm->rank == 0) {
        texts->bounds = co_calloc((size_t)n + 1, sizeof *texts->bounds);
        if (!texts->bounds) st = CO_FAIL(CO_ENOMEM, "%lld texts", (long long)n);
    }
    st = co_agree(st, comm);
    if (st == CO_OK) co_generation_lay(&w.g, params);
    if (st == CO_OK) st = go_all(&w);
    co_generation_fini(&w.g);
    return st;
}
