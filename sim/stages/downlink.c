/* sim/stages/downlink.c - the server's message, block by block: blocks have one owner, so that the
 * bits do not depend on the number of ranks. Cost: the slice a few times, and that of the stages.
 */
#include "sim/stages/downlink.h"
#include "core/vector.h"
#include <string.h>

co_status co_downlink_create(co_downlink *d, const co_experiment *e, const co_stage_site *site)
{
    *d = (co_downlink){0};
    if (e->n_downlink == 0) return CO_OK;
    co_stage_site own = *site;
    own.cohort = 1;
    CO_TRY(co_chain_create_downlink(&d->chain, e));
    CO_TRY(co_chain_ready(&d->chain, &own));
    d->chain.layout = NULL; /* what does not travel is left out here */
    return CO_OK;
}

void co_downlink_destroy(co_downlink *d)
{
    co_chain_destroy(&d->chain);
}

void co_downlink_begin(const co_exchange *x, float *rest)
{
    for (const co_part *s = x->own_span; s < x->own_span + x->n_own_spans; s++) {
        float *model = x->model + s->offset, *kept = rest + s->at;
        for (size_t j = 0; j < s->size; j++) {
            const float had = model[j];
            model[j] = had + kept[j];
            kept[j] = had;
        }
    }
}

/* What of a shared span lies in a block of the slice, [at, at + n). */
static co_part within(const co_part *span, const co_part *block)
{
    const size_t begin = span->at > block->at ? span->at : block->at,
                 span_end = span->at + span->size, block_end = block->at + block->size,
                 end = span_end < block_end ? span_end : block_end;
    return (co_part){begin - span->at + span->offset, begin, end > begin ? end - begin : 0};
}

/* message[n]: the difference as devices decode it. A block that is not finite, here or behind a
 * stage, is sent as it is. */
static void compress(co_downlink *d, int64_t step, const co_part *block, float *message)
{
    float plain[CO_BLOCK];
    double decoded[CO_BLOCK];
    const co_part part = {block->offset, 0, block->size};
    co_contribution c = {.n = block->size,
                         .part = &part,
                         .n_parts = 1,
                         .update = message,
                         .norm = co_vector_norm(message, block->size),
                         .weight = 1.0,
                         .factor = 1.0,
                         .coefficient = 1.0};
    memcpy(plain, message, block->size * sizeof *plain);
    if (!co_vector_finite(message, block->size) ||
        !co_chain_forward(&d->chain, step, -1, &c, NULL)) {
        memcpy(message, plain, block->size * sizeof *plain);
        return;
    }
    co_round_sum sum = {.n = block->size,
                        .part = &part,
                        .n_parts = 1,
                        .value = decoded,
                        .is_value = true,
                        .total = 1.0,
                        .terms = 1.0,
                        .coverage = 1.0,
                        .n_reported = 1};
    for (size_t j = 0; j < block->size; j++) decoded[j] = (double)message[j];
    co_chain_backward(&d->chain, step, NULL, &sum);
    for (size_t j = 0; j < block->size; j++) message[j] = (float)decoded[j];
}

/* Spans that lie before the block are left behind. */
static const co_part *skip(const co_part *span, const co_part *end, const co_part *block)
{
    while (span < end && span->at + span->size <= block->at) span++;
    return span;
}

static void send_block(co_downlink *d, int64_t step, const co_exchange *x, const co_part *block,
                       const co_part *first, float *rest)
{
    float difference[CO_BLOCK], message[CO_BLOCK];
    const co_part *const end = x->own_span + x->n_own_spans;
    const size_t stop = block->at + block->size;
    memset(difference, 0, sizeof difference);
    for (const co_part *s = first; s < end && s->at < stop; s++) {
        const co_part p = within(s, block);
        for (size_t j = 0; j < p.size; j++)
            difference[p.at - block->at + j] = x->model[p.offset + j] - rest[p.at + j];
    }
    memcpy(message, difference, block->size * sizeof *message);
    compress(d, step, block, message);
    for (const co_part *s = first; s < end && s->at < stop; s++) {
        const co_part p = within(s, block);
        for (size_t j = 0; j < p.size; j++) {
            const size_t i = p.at - block->at + j;
            const float w = x->model[p.offset + j], had = rest[p.at + j],
                        now = message[i] == difference[i] ? w : had + message[i];
            x->model[p.offset + j] = now;
            rest[p.at + j] = w - now;
        }
    }
}

void co_downlink_send(co_downlink *d, int64_t step, const co_exchange *x, float *rest)
{
    const co_part *span = x->own_span, *const end = x->own_span + x->n_own_spans;
    for (const co_part *p = x->own; p < x->own + x->n_own_parts; p++)
        for (size_t done = 0; done < p->size; done += CO_BLOCK) {
            const size_t left = p->size - done;
            const co_part block = {p->offset + done, p->at + done,
                                   left < CO_BLOCK ? left : CO_BLOCK};
            span = skip(span, end, &block);
            send_block(d, step, x, &block, span, rest);
        }
}
