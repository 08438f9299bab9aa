/* core/random_fill.c - many draws of a stream at once, by index, the same bits on every instruction
 * set.
 *
 * core/philox.c makes 64 blocks (256 words) in four arrays, one per word of a block; a kernel turns
 * them into draws with blocks side by side in the vector, and puts them in stream order. Uniform:
 * the upper 24 bits of a word. Normal: Box-Muller over the pair (w, v) of words 2k, 2k + 1 in
 * float: u = ((w >> 1) + 1/2) 2^-31, radius = sqrt(-2 log u) <= 6.66, 30 bits of v an angle in
 * (-pi/4, pi/4), 2 bits the quarter turn; draw 2k = radius cos, 2k + 1 = radius sin. log u is taken
 * from 1 - u when u > sqrt 1/2, so that small radii keep all their bits. Polynomials are plain
 * series, error 1e-7 relative. Cost: 1.2 ns a normal and 0.7 ns a word with AVX-512; 2 KiB of
 * stack.
 *
 * Noise is added with fewer operations: no division, the smallest radii (below 1e-3, one in a
 * million) on a coarser grid, the angle's two last bits for the quarter, and draws in the order of
 * the vectors. Draw 256 g + 64 j + l comes from word j of block 64 g + l: j = 0 and 1 are a pair, 2
 * and 3. Cost: 0.9 ns a coordinate with AVX-512. Polynomials: least greatest error, 2e-7 relative
 * of log, 3e-8 of sine and cosine.
 *
 * Source: Salmon et al., SC 2011, section 4.3 (Philox); Box & Muller, Ann. Math. Stat. 1958.
 */
#include "core/clones.h"
#include "core/philox.h"
#include "core/random.h"
#include <math.h>
#include <string.h>

#define BLOCKS CO_PHILOX_BLOCKS
#define WORDS (4 * BLOCKS)

CO_INLINE void in_stream_order(uint32_t w[4][BLOCKS], uint32_t *out)
{
    for (size_t l = 0; l < BLOCKS; l++) {
        out[4 * l] = w[0][l];
        out[4 * l + 1] = w[1][l];
        out[4 * l + 2] = w[2][l];
        out[4 * l + 3] = w[3][l];
    }
}

CO_INLINE float as_float(int32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

CO_INLINE int32_t as_int(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* sqrt(-2 log((i + 1/2) 2^-31)), 0 <= i < 2^31. */
CO_INLINE float radius(int32_t i)
{
    const int32_t root_half = 0x3f3504f3;              /* bits of sqrt 1/2 */
    const int32_t upper = -(int32_t)(i >= 1518500250); /* all bits: u > sqrt 1/2 */
    const int32_t bits = as_int((float)i + 0.5f), e = (bits - root_half) >> 23;
    const float below = as_float(bits - e * (1 << 23)) - 1.0f;
    const float above = ((float)(INT32_MAX - i) + 0.5f) * -0x1p-31f;
    const float f = as_float((as_int(above) & upper) | (as_int(below) & ~upper));
    const float exponent = (float)((e - 31) & ~upper);
    const float r = f / (2.0f + f),
                z = r * r; /* log(1 + f) = 2 r (1 + z/3 + z^2/5 + ..), |r| < 0.172 */
    const float tail = z * (1.0f / 3 + z * (1.0f / 5 + z * (1.0f / 7 + z * (1.0f / 9))));
    const float log_u = exponent * 0.693147182f + (2.0f * r + 2.0f * r * tail);
    return sqrtf(-2.0f * log_u);
}

/* Two words in, two normal draws (their bits) out. */
CO_INLINE void normal_pair(uint32_t *w, uint32_t *v)
{
    const float length = radius((int32_t)(*w >> 1));
    const int32_t quarter = (int32_t)(*v >> 30), offset = (int32_t)(*v & 0x3fffffff) - (1 << 29);
    const float phi = ((float)offset + 0.5f) * (0x1p-30f * 1.57079637f), z = phi * phi;
    const float sine =
        phi *
        (1.0f + z * (-1.0f / 6 + z * (1.0f / 120 + z * (-1.0f / 5040 + z * (1.0f / 362880)))));
    const float cosine =
        1.0f + z * (-0.5f + z * (1.0f / 24 +
                                 z * (-1.0f / 720 + z * (1.0f / 40320 - z * (1.0f / 3628800)))));
    const int32_t odd = -(quarter & 1), s = as_int(length * sine), c = as_int(length * cosine);
    const int32_t x = (c & ~odd) | (s & odd), y = (s & ~odd) | (c & odd);
    *w = (uint32_t)x ^ (uint32_t)((quarter + 1) & 2) << 30; /* cos < 0 in quarters 1 and 2 */
    *v = (uint32_t)y ^ (uint32_t)(quarter & 2) << 30;       /* sin < 0 in quarters 2 and 3 */
}

/* Two words in, two draws of a normal law with standard deviation std out. u = 2^-e (1 + f) with
 * -0.293 < f < 0.415, -2 log(1 + f) = f times a polynomial of degree 7; t in (-1, 1) eighths of a
 * turn. */
CO_INLINE void noise_pair(uint32_t w, uint32_t v, float std, float *x, float *y)
{
    const int32_t bits = as_int((float)(int32_t)(w >> 1) + 0.5f);
    const int32_t above = bits - 0x3f3504f3; /* sqrt 1/2 */
    const float e = (float)(31 - (above >> 23)), f = as_float(bits - (above & ~0x7fffff)) - 1.0f;
    const float f2 = f * f, f4 = f2 * f2;
    const float low =
        (f * 0x1.00007ap0f - 0x1.fffffep0f) + f2 * (f * 0x1.ff623cp-2f - 0x1.5559dcp-1f);
    const float upper =
        (f * 0x1.614c0ap-2f - 0x1.978e2ep-2f) + f2 * (f * 0x1.9dfa7ep-3f - 0x1.4c3d12p-2f);
    const float length = std * sqrtf(e * 1.38629436f + f * (low + f4 * upper));
    const float t = (float)(int32_t)v * 0x1p-31f, z = t * t, z2 = z * z;
    const float sine =
        t * ((0.78539819f - z * 0.08074544f) + z2 * (0.00249000709f - z * 3.5954508e-5f));
    const float cosine = (1.0f - z * 0.30842426f) + z2 * (0.0158499144f - z * 3.1888051e-4f);
    const float a = length * sine, b = as_float(as_int(length * cosine) ^ (int32_t)(v << 31));
    *x = v & 2 ? a : b;
    *y = v & 2 ? b : a;
}

CO_CLONES static void word_kernel(uint32_t w[4][BLOCKS], uint32_t *out)
{
    in_stream_order(w, out);
}

CO_CLONES static void uniform_kernel(uint32_t w[4][BLOCKS], uint32_t *out)
{
    for (size_t j = 0; j < 4; j++)
        for (size_t l = 0; l < BLOCKS; l++)
            w[j][l] = (uint32_t)as_int((float)(int32_t)(w[j][l] >> 8) * 0x1p-24f);
    in_stream_order(w, out);
}

CO_CLONES static void normal_kernel(uint32_t w[4][BLOCKS], uint32_t *out)
{
    for (size_t j = 0; j < 4; j += 2)
        for (size_t l = 0; l < BLOCKS; l++) normal_pair(&w[j][l], &w[j + 1][l]);
    in_stream_order(w, out);
}

/* Cuts [first, first + n) at multiples of WORDS counted from the block of `first`; out: n items of
 * 4 bytes. */
static void fill(const co_stream *s, uint64_t first, size_t n, void *out,
                 void (*kernel)(uint32_t[4][BLOCKS], uint32_t *))
{
    uint32_t w[4][BLOCKS], words[WORDS];
    char *to = out;
    size_t skip = (size_t)(first % 4);
    for (uint64_t block = first / 4; n > 0; block += BLOCKS) {
        const size_t take = n < WORDS - skip ? n : WORDS - skip;
        co_philox_blocks(s->key, s->high, block, w);
        kernel(w, words);
        memcpy(to, words + skip, take * sizeof *words);
        to += take * sizeof *words;
        n -= take;
        skip = 0;
    }
}

void co_fill_u32(const co_stream *s, uint64_t first, size_t n, uint32_t *out)
{
    uint32_t w[4][BLOCKS];
    size_t done = 0;
    for (; first % 4 == 0 && n - done >= WORDS; done += WORDS) { /* straight to where they go */
        co_philox_blocks(s->key, s->high, (first + done) / 4, w);
        word_kernel(w, out + done);
    }
    fill(s, first + done, n - done, out + done, word_kernel);
}

void co_fill_u64(const co_stream *s, uint64_t first, size_t n, uint64_t *out)
{
    enum { PAIRS = 128 };
    uint32_t words[2 * PAIRS];
    for (size_t at = 0; at < n; at += PAIRS) {
        const size_t m = n - at < PAIRS ? n - at : PAIRS;
        co_fill_u32(s, 2 * (first + at), 2 * m, words);
        for (size_t i = 0; i < m; i++)
            out[at + i] = words[2 * i] | (uint64_t)words[2 * i + 1] << 32;
    }
}

void co_fill_uniform(const co_stream *s, uint64_t first, size_t n, float *out)
{
    fill(s, first, n, out, uniform_kernel);
}

void co_fill_normal(const co_stream *s, uint64_t first, size_t n, float *out)
{
    fill(s, first, n, out, normal_kernel);
}

CO_CLONES static void noise_kernel(uint32_t w[4][BLOCKS], float scale, float std,
                                   float *restrict out)
{
    for (size_t j = 0; j < 4; j += 2, out += 2 * BLOCKS)
        for (size_t l = 0; l < BLOCKS; l++) {
            float x, y;
            noise_pair(w[j][l], w[j + 1][l], std, &x, &y);
            out[l] = out[l] * scale + x;
            out[BLOCKS + l] = out[BLOCKS + l] * scale + y;
        }
}

void co_add_noise(const co_stream *s, size_t n, float scale, float std, float *x)
{
    uint32_t w[4][BLOCKS];
    float last[WORDS] = {0};
    for (size_t at = 0; at < n; at += WORDS) {
        co_philox_blocks(s->key, s->high, at / 4, w);
        if (n - at >= WORDS) {
            noise_kernel(w, scale, std, x + at);
            continue;
        }
        memcpy(last, x + at, (n - at) * sizeof *x);
        noise_kernel(w, scale, std, last);
        memcpy(x + at, last, (n - at) * sizeof *x);
    }
}
