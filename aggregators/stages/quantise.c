/* aggregators/stages/quantise.c - unbiased rounding to a few levels of each bucket's norm.
 *
 * Of a bucket v, v_j becomes |v| sgn(v_j) l_j / s with l_j one of the two whole numbers beside s
 * |v_j| / |v|, the upper one with the probability that makes the mean v_j; |v| the L2 norm as in
 * the paper's equations 1-3, or (`max`, as in its experiments) the largest magnitude. With L2 the
 * error's mean square is at most min(d / s^2, sqrt d / s) |v|^2 in a bucket of d. Buckets are cut
 * of what travels of each block of the grid. The message: ceil(log2(2 s + 1)) bits a value, a float
 * a bucket, no header. Coded: an Elias omega code of l + 1, and a sign where l is not 0 (the
 * paper's appendix A.3). Draws are keyed by (seed, step, device, block). Cost: 1 ns a coordinate.
 * Source: Alistarh et al., NeurIPS 2017, arXiv:1610.02132, equations 1-3, Lemma 3.1. */
#include "aggregators/stages/stage.h"
#include "aggregators/travel.h"
#include "core/memory.h"
#include "core/random.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum { MOST_LEVELS = 1 << 15, MOST_LOG = 16 };

typedef struct {
    int32_t levels; /* s */
    size_t bucket;
    bool is_max;
    int64_t n_buckets;
    const co_layout *layout;
    int code[MOST_LOG]; /* bits of an Elias omega code of numbers from 2^e on, and of a sign */
} quantise;

/* Of a number from 2^e on, below 2^(e + 1): its binary digits behind the code of e. */
static int omega_bits(int e)
{
    int log = 0;
    while (2 << log <= e) log++;
    return e == 0 ? 1 : e + 1 + omega_bits(log);
}

static co_status create(const co_config *opt, void **self)
{
    quantise *q = co_calloc(1, sizeof *q);
    if (!q) return CO_FAIL(CO_ENOMEM, "quantise state");
    q->levels = (int32_t)co_config_int(opt, "levels");
    q->bucket = (size_t)co_config_int(opt, "bucket");
    q->is_max = strcmp(co_config_string(opt, "norm"), "max") == 0;
    for (int e = 0; e < MOST_LOG; e++) q->code[e] = omega_bits(e) + (e > 0);
    *self = q;
    return CO_OK;
}

static co_status ready(void *self, const co_stage_site *site)
{
    quantise *q = self;
    const co_layout *l = q->layout = site->layout;
    q->n_buckets = 0;
    for (co_walk w = co_walk_begin(l, l->part, l->n_parts); co_walk_next(&w);)
        q->n_buckets += (int64_t)((w.n + q->bucket - 1) / q->bucket);
    return CO_OK;
}

/* x[n] of that norm; word[n] random. level[n]. norm > 0 */
CO_CLONES static void round_bucket(float *restrict x, size_t n, const uint32_t *restrict word,
                                   float norm, int32_t levels, int32_t *restrict level)
{
    const float s = (float)levels, unit = norm / s;
    for (size_t j = 0; j < n; j++) {
        const float at = fabsf(x[j]) / norm * s;
        const int32_t below = (int32_t)at;
        const float u = (float)(int32_t)(word[j] >> 8) * 0x1p-24f;
        int32_t l = below + (u < at - (float)below);
        l = l < levels ? l : levels; /* at may be rounded up */
        level[j] = l;
        x[j] = copysignf((float)l * unit, x[j]);
    }
}

/* How many numbers l + 1 are from `least` on. */
CO_CLONES static int64_t count_from(const int32_t *level, size_t n, int32_t least)
{
    int32_t count = 0;
    for (size_t j = 0; j < n; j++) count += level[j] + 1 >= least;
    return count;
}

static float bucket_norm(const quantise *q, const float *x, size_t n)
{
    if (q->is_max) return co_block_largest(x, n);
    const double norm = sqrt(co_block_square_sum(x, n));
    return norm < (double)FLT_MAX ? (float)norm : FLT_MAX;
}

/* Bits of the code of a block's levels. */
static int64_t code_bits(const quantise *q, const int32_t *level, size_t n)
{
    int64_t bits = (int64_t)n * q->code[0];
    for (int e = 1; e < MOST_LOG && 1 << e <= q->levels + 1; e++)
        bits += count_from(level, n, 1 << e) * (q->code[e] - q->code[e - 1]);
    return bits;
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    const quantise *q = self;
    float room[CO_BLOCK];
    uint32_t word[CO_BLOCK];
    int32_t level[CO_BLOCK];
    int64_t bits = 32 * q->n_buckets, n_all = 0;
    (void)state;
    for (co_walk w = co_walk_begin(q->layout, c->part, c->n_parts); co_walk_next(&w);
         n_all += (int64_t)w.n) {
        float *x = co_walk_pack(&w, c->update, sizeof *x, room);
        const co_stream s = co_stream_open(key->seed, CO_DRAW_QUANTISE, (uint64_t)key->step,
                                           (uint64_t)key->device, w.offset / CO_BLOCK);
        co_fill_u32(&s, 0, w.n, word);
        for (size_t at = 0, m; at < w.n; at += m) {
            m = w.n - at < q->bucket ? w.n - at : q->bucket;
            const float norm = bucket_norm(q, x + at, m);
            if (norm > 0.0f)
                round_bucket(x + at, m, word + at, norm, q->levels, level + at);
            else
                memset(level + at, 0, m * sizeof *level);
        }
        bits += code_bits(q, level, w.n);
        co_walk_unpack(&w, x, sizeof *x, c->update);
    }
    /* Of what a stage in front has left out, each 0 would be a bit. */
    c->coded_bits = (isnan(c->coded_bits) ? 0.0 : c->coded_bits - 32.0 * (double)c->n_values) +
                    (double)(bits - (n_all - c->n_values));
    c->norm = NAN;
}

static void message(const void *self, co_message *m)
{
    const quantise *q = self;
    int bits = 1;
    while (1 << bits < 2 * q->levels + 1) bits++;
    m->bits = bits;
    m->beside += 4 * q->n_buckets;
}

static const co_param params[] = {
    {"levels", CO_INT, .def = 7, .lo = 1, .hi = MOST_LEVELS - 2, .doc = "above 0, of a magnitude"},
    {"bucket", CO_INT, .def = 512, .lo = 1, .hi = CO_BLOCK,
     .doc = "coordinates that share a norm; a block of 4,096 begins a new one"},
    {"norm", CO_CHOICE, .words = "max|l2", .doc = "of a bucket, that the levels are parts of"},
    {0}};

const co_stage co_stage_quantise = {.name = "quantise",
                                    .summary =
                                        "rounds to a few levels, the update on average (QSGD)",
                                    .source = "Alistarh et al. 2017, arXiv:1610.02132",
                                    .params = params,
                                    .create = create,
                                    .destroy = co_free,
                                    .ready = ready,
                                    .forward = forward,
                                    .message = message,
                                    .codes = true,
                                    .enforced = true,
                                    .blockwise = true,
                                    .keeps_zeros = true,
                                    .coded = true};
