/* aggregators/stages/ring.c - whole numbers modulo 2^bits: what can be added without being seen.
 *
 * A device clips each coordinate to [-clip, clip], multiplies by its weight over the largest that
 * there can be, and rounds levels / clip times that to one of the two whole numbers beside it, at
 * random and so that the mean is right; clipped coordinates are counted. The sum of residues is
 * read as the integer nearest to 0, in steps of clip / levels, and divided by the sum of the
 * weights. No contribution is above `levels`, so that sums cannot pass half of 2^bits where most
 * devices of a step x levels stay below it: refused before the first step otherwise. Weights:
 * uniform, or capped (aggregate.weight_cap), for a device knows neither the others' nor their sum;
 * they are added exactly beside the ring. The message: bits a value, no header. Draws are keyed by
 * (seed, step, device, block). Cost: 1.2 ns a coordinate on a device, one pass over the slice.
 * Source: Bonawitz et al., arXiv:1912.00131 (clip, scale, round at random, modulo); coordinates are
 * clipped as in Flower's SecAgg+, not the norm: put clip in front for that. A number is rounded by
 * adding 1.5 x 2^52, as the nearest integer to it less u - 1/2, u of 32 bits drawn within (0, 1) by
 * 2^-51 x levels, so that whole numbers stay what they are. */
#include "aggregators/stages/stage.h"
#include "aggregators/travel.h"
#include "core/memory.h"
#include "core/random.h"
#include <math.h>
#include <string.h>

typedef struct {
    double clip;
    int64_t levels;
    int bits;
    double most_weight;
    const co_layout *layout;
} ring;

static co_status create(const co_config *opt, void **self)
{
    ring *r = co_calloc(1, sizeof *r);
    if (!r) return CO_FAIL(CO_ENOMEM, "ring state");
    r->clip = co_config_real(opt, "clip");
    r->levels = co_config_int(opt, "levels");
    r->bits = (int)co_config_int(opt, "bits");
    *self = r;
    return CO_OK;
}

static co_status ready(void *self, const co_stage_site *site)
{
    ring *r = self;
    r->layout = site->layout;
    r->most_weight = site->most_weight;
    if (isfinite(r->most_weight)) return CO_OK;
    return CO_FAIL(CO_EUSAGE,
                   "transforms: ring wants to know the largest weight of a device beforehand: set "
                   "aggregate.weight: uniform or aggregate.weight_cap, and not aggregate.unbiased");
}

static co_ring integers(const void *self, size_t cohort)
{
    const ring *r = self;
    (void)cohort;
    return (co_ring){.bits = r->bits, .bound = (double)r->levels};
}

/* An update's numbers become whole ones. |factor clip| < 2^30. */
typedef struct {
    double clip, factor, spread; /* spread: 2^-32, less what keeps whole numbers */
} rounding;

/* The integer stands in the low bits, modulo 2^51. */
CO_INLINE uint64_t rounded(float x, uint32_t word, const rounding *r)
{
    const double value = (double)x, above = value < -r->clip ? -r->clip : value;
    const double at = (above > r->clip ? r->clip : above) * r->factor;
    const double whole = at - (double)(int32_t)(word ^ 0x80000000) * r->spread + 0x1.8p52;
    uint64_t bits;
    memcpy(&bits, &whole, sizeof bits);
    return bits;
}

CO_CLONES static void round_all(const float *restrict x, size_t n, const uint32_t *restrict word,
                                const rounding *r, uint64_t mask, uint64_t *restrict residue)
{
    const rounding how = *r;
    for (size_t j = 0; j < n; j++) residue[j] = rounded(x[j], word[j], &how) & mask;
}

CO_CLONES static void add_integers(const float *restrict x, size_t n, const uint32_t *restrict word,
                                   const rounding *r, uint32_t *restrict sum)
{
    const rounding how = *r;
    for (size_t j = 0; j < n; j++) sum[j] += (uint32_t)rounded(x[j], word[j], &how);
}

CO_CLONES static int64_t count_beyond(const float *x, size_t n, double clip)
{
    int64_t beyond = 0;
    for (size_t j = 0; j < n; j++) beyond += fabs((double)x[j]) > clip;
    return beyond;
}

/* The block at hand, as residues or into the sums. */
static void take_block(const ring *r, const rounding *how, const co_walk *w, const uint32_t *word,
                       co_contribution *c)
{
    float room[CO_BLOCK];
    const float *x = co_walk_pack(w, c->update, sizeof *x, room);
    c->counts[0] += count_beyond(x, w->n, r->clip);
    if (c->words) {
        uint32_t words[CO_BLOCK], *to = co_walk_pack(w, c->words, sizeof *to, words);
        add_integers(x, w->n, word, how, to);
        co_walk_unpack(w, to, sizeof *to, c->words);
    } else {
        uint64_t residue[CO_BLOCK], *to = co_walk_pack(w, c->residue, sizeof *to, residue);
        round_all(x, w->n, word, how, (UINT64_C(1) << r->bits) - 1, to);
        co_walk_unpack(w, to, sizeof *to, c->residue);
    }
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    const ring *r = self;
    uint32_t word[CO_BLOCK];
    const double weight = c->factor * (c->weight / r->most_weight), levels = (double)r->levels;
    const rounding how = {r->clip, fmin(weight, 1.0) * (levels / r->clip),
                          0x1p-32 * (1.0 - levels * 0x1p-51)};
    (void)state;
    for (co_walk w = co_walk_begin(r->layout, c->part, c->n_parts); co_walk_next(&w);) {
        const co_stream s = co_stream_open(key->seed, CO_DRAW_QUANTISE, (uint64_t)key->step,
                                           (uint64_t)key->device, w.offset / CO_BLOCK);
        co_fill_u32(&s, 0, w.n, word);
        take_block(r, &how, &w, word, c);
    }
}

CO_CLONES static void centre(int64_t *sum, size_t n, int bits)
{
    const int64_t half = INT64_C(1) << (bits - 1);
    for (size_t j = 0; j < n; j++) sum[j] -= sum[j] >= half ? 2 * half : 0;
}

static void backward(void *self, const co_stage_key *key, co_round_sum *sum)
{
    const ring *r = self;
    (void)key;
    centre(sum->sum, sum->n, r->bits);
    sum->bits = 0;
    sum->step = r->clip / (double)r->levels;
    sum->total *= sum->weight / r->most_weight;
}

static void message(const void *self, co_message *m)
{
    m->bits = ((const ring *)self)->bits;
}

static const co_param params[] = {
    {"clip", CO_REAL, .def = 8.0, .lo = 0.0, .hi = 1e30, .flags = CO_LO_OPEN,
     .doc = "largest magnitude of a coordinate"},
    {"levels", CO_INT, .def = 1 << 16, .lo = 1, .hi = 1 << 29,
     .doc = "whole numbers from 0 to clip"},
    {"bits", CO_INT, .def = 32, .lo = 2, .hi = CO_MAX_RING_BITS,
     .doc = "sums are modulo 2^bits; most devices of a step x levels must stay below half of it"},
    {0}};

const co_stage co_stage_ring = {.name = "ring",
                                .summary = "rounds to whole numbers modulo 2^bits, which are added "
                                           "alone",
                                .source = "Bonawitz et al. 2019, arXiv:1912.00131",
                                .params = params,
                                .create = create,
                                .destroy = co_free,
                                .gives = CO_INTEGERS,
                                .adds = true,
                                .ready = ready,
                                .ring = integers,
                                .forward = forward,
                                .backward = backward,
                                .message = message,
                                .n_counts = 1,
                                .counts_cut = true,
                                .keeps_zeros = true,
                                .coded = true};
