/* aggregators/stages/local.c - options and pieces of the stages of local privacy.
 *
 * A piece's stream is named by the place of its first coordinate in the model's vector, so that
 * draws follow from (seed, step, device, coordinate) alone. */
#include "aggregators/stages/local.h"
#include "core/vector.h"

co_status co_local_read(const co_config *opt, const co_mechanism *mechanism, co_local *local)
{
    *local = (co_local){.clip = co_config_real(opt, "clip"),
                        .delta = co_config_has(opt, "delta") ? co_config_real(opt, "delta") : 0.0,
                        .is_secure = co_config_bool(opt, "secure")};
    if (!local->is_secure || mechanism->is_exact) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "secure"),
                          "%s draws with floats, whose low bits leak; secure: true takes "
                          "local_laplace",
                          mechanism->name);
}

co_local_walk co_local_begin(const co_local *local, size_t n)
{
    if (local->layout)
        return (co_local_walk){.span = local->layout->span[CO_SHARED],
                               .n_spans = local->layout->n_spans[CO_SHARED]};
    return (co_local_walk){.n_spans = 1, .all = {0, 0, n}};
}

bool co_local_next(co_local_walk *w, const co_stage_key *key, co_local_piece *piece)
{
    const co_part *spans = w->span ? w->span : &w->all;
    while (w->next < w->n_spans && w->done == spans[w->next].size) w->next++, w->done = 0;
    if (w->next == w->n_spans) return false;
    const co_part *span = &spans[w->next];
    const size_t offset = span->offset + w->done, left = span->size - w->done,
                 room = CO_BLOCK - offset % CO_BLOCK;
    *piece =
        (co_local_piece){.at = span->at + w->done,
                         .n = left < room ? left : room,
                         .offset = offset,
                         .stream = co_stream_open(key->seed, CO_DRAW_MESSAGE, (uint64_t)key->step,
                                                  (uint64_t)key->device, 1 + (uint64_t)offset)};
    w->done += piece->n;
    return true;
}

co_stream co_local_stream(const co_stage_key *key)
{
    return co_stream_open(key->seed, CO_DRAW_MESSAGE, (uint64_t)key->step, (uint64_t)key->device,
                          0);
}
