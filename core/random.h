/* core/random.h - random numbers as a function of a key, never of a state that travels.
 *
 * A stream is named by (seed, purpose, round, device, step); draw i of a stream is a pure function
 * of the name and i. One Philox4x64-10 block keyed by (seed, purpose) over (round, device, step, 0)
 * gives 128 bits: the key and the upper half of the counter of a Philox4x32-10 stream whose lower
 * half counts blocks of four 32-bit words. Source: Salmon, Moraes, Dror, Shaw, SC 2011 (Random123).
 * All calls are Local. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* What a stream is for: two uses never share one. Append only: the numbers are part of every
 * result. */
typedef enum {
    CO_DRAW_TEST = 0,
    CO_DRAW_MODEL_INIT,      /* step = tensor */
    CO_DRAW_SELECT,          /* round */
    CO_DRAW_SHUFFLE,         /* round, device, step = epoch */
    CO_DRAW_MAX_EXAMPLES,    /* round, device */
    CO_DRAW_DROPOUT,         /* round, device, step */
    CO_DRAW_SPLIT,           /* test_fraction, validation_fraction of an import; round = split */
    CO_DRAW_PARTITION,       /* round = stage, device or step = class: as each partitioner says */
    CO_DRAW_PARTITION_TEST,  /* device */
    CO_DRAW_SYNTHETIC_SIZE,  /* device */
    CO_DRAW_SYNTHETIC_MODEL, /* device */
    CO_DRAW_SYNTHETIC_X,     /* device */
    CO_DRAW_STATISTICS,      /* sampled pairs of partition statistics */
    CO_DRAW_NOISE,           /* round */
    CO_DRAW_ATTACK,
    CO_DRAW_SYNTHETIC_SPLIT, /* device */
    CO_DRAW_EVAL_SAMPLE,     /* devices of eval.sample */
    CO_DRAW_BUCKETS,         /* round */
    CO_DRAW_EVAL_EXAMPLES,   /* examples of eval.max_examples; round = split */
    CO_DRAW_MASK,        /* round and epoch, device, step = example: the tokens that mlm hides */
    CO_DRAW_BATCH,       /* round, device, step: the examples of a Poisson batch */
    CO_DRAW_SLOT,        /* round, device, step; draw i: the micro-batch of example i */
    CO_DRAW_LOCAL_NOISE, /* round, device, step: noise on a device's gradient */
    CO_DRAW_PUBLIC,      /* round, device, step: public examples of a device's step */
    CO_DRAW_CLOCK,       /* device, step = which: what a device is like on the virtual clock */
    CO_DRAW_PRESENCE,    /* round = time, device; step 1: group: when they are there */
    CO_DRAW_WAY,         /* round, device: what happens to a device that was asked */
    CO_DRAW_SHARE,       /* round, device: its share of the noise of a step */
    CO_DRAW_ROUNDING,    /* round, device, step = attempt; draw i: coordinate i */
    CO_DRAW_ROTATE = 40, /* round, step = block of the model: signs of a rotation */
    CO_DRAW_QUANTISE,    /* round, device, step = block: roundings of a stage */
    CO_DRAW_RANDOM_K,    /* round: which coordinates all devices send */
    CO_DRAW_LOW_RANK,    /* round, device, step = tensor: where factors are looked for */

    CO_DRAW_MESSAGE = 48, /* round, device, step = 1 + coordinate: noise of local privacy; 0: what a
                             message has once */
    CO_DRAW_LABEL,        /* device, step = example: a label's randomised response */

    CO_DRAW_MEMORY = 56, /* device, step = which example that came: its place in a reservoir */
    CO_DRAW_REPLAY       /* round, device: which of its memory a device looks at again */
} co_purpose;

typedef struct {
    uint32_t key[2], high[2]; /* Philox4x32 key, upper half of its counter */
    uint64_t next;            /* index of the next 32-bit word */
    uint32_t word[4];         /* block next / 4, when next % 4 != 0 */
} co_stream;

co_stream co_stream_open(uint64_t seed, co_purpose purpose, uint64_t round, uint64_t device,
                         uint64_t step);

uint32_t co_draw_u32(co_stream *s);
uint64_t co_draw_u64(co_stream *s);   /* two words */
double co_draw_uniform(co_stream *s); /* [0, 1), 53 bits */
uint64_t co_draw_below(co_stream *s,
                       uint64_t n); /* [0, n), unbiased (Lemire 2019, with rejection); n > 0 */
double
co_draw_normal(co_stream *s); /* standard normal, double precision (Box-Muller, one of the pair) */
void co_skip_normal(co_stream *s, uint64_t n); /* goes on behind so many of those; O(1). The stream
                                                  has drawn nothing else */
double co_draw_gap(co_stream *s, double rate); /* misses before the next hit, each a hit with
                                                  probability rate in (0, 1]: floor(log u / log(1 -
                                                  rate)), a whole number that may pass 2^63 */
double
co_draw_gamma_log(co_stream *s,
                  double shape); /* log of a Gamma(shape, 1) draw; shape > 0, any size down to
                                    1e-6: no underflow (Marsaglia & Tsang 2000, boosted) */
/* p[n] ~ Dirichlet(alpha[n]); computed in logs; sums to 1 within rounding, no NaN for any alpha >
 * 0. */
void co_draw_dirichlet(co_stream *s, const double *alpha, size_t n, double *p);
/* Fisher-Yates in place. */
void co_draw_shuffle(co_stream *s, int64_t *items, size_t n);
/* m distinct numbers of [0, n), ascending; every subset equally likely. O(m) time and memory
 * whatever n. scratch: [co_draw_subset_scratch(m)] int64. m <= n. */
void co_draw_subset(co_stream *s, int64_t n, size_t m, int64_t *out, int64_t *scratch);
size_t co_draw_subset_scratch(size_t m);

/* Bulk, by index and vectorised: out[i] is draw first + i of the stream, whatever the cut into
 * calls; does not move the stream. Same bits on every instruction set (only +, -, *, /, sqrt in a
 * fixed order). */
void co_fill_u32(const co_stream *s, uint64_t first, size_t n, uint32_t *out);
void co_fill_u64(const co_stream *s, uint64_t first, size_t n,
                 uint64_t *out); /* words 2 i and 2 i + 1, the lower half first */
void co_fill_uniform(const co_stream *s, uint64_t first, size_t n,
                     float *out); /* [0, 1), 24 bits */
void co_fill_normal(const co_stream *s, uint64_t first, size_t n,
                    float *out); /* Box-Muller over words 2k, 2k + 1 */
/* x[i] = scale x[i] + std z[i], z standard normal: one pass over a vector that noise goes on. Draws
 * of the stream from its first, in an order and with last bits of their own: not those of
 * co_fill_normal. The same bits on every instruction set. */
void co_add_noise(const co_stream *s, size_t n, float scale, float std, float *x);
