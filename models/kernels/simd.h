/* models/kernels/simd.h - one vector of floats and the few operations on it that kernels need, for
 * the instruction set that the including file is compiled for: AVX-512 (16 floats), AVX2 with FMA
 * (8), or any (4, GCC's generic vectors).
 *
 * `part` operations touch only the first n of LANES floats; the others are read as zero. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#define CO_INLINE static inline __attribute__((always_inline))
/* CO_TILE: a function whose sizes are constants at every call, made for each of them; UNROLL: a
 * loop over an array of vectors, which then lives in registers. Not where every access is checked:
 * there they are minutes to compile and slower. */
#if defined __SANITIZE_ADDRESS__
#define CO_TILE static __attribute__((noinline))
#define UNROLL
#elif defined __clang__
#define CO_TILE CO_INLINE
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define CO_TILE CO_INLINE
#define UNROLL _Pragma("GCC unroll 24")
#endif

/* Rows of a tile, of a dot tile; examples of which a vector of X, of X and of dX, can stay in
 * registers (dense.inc). */
#if defined __AVX512F__
#include <immintrin.h>
enum { LANES = 16, TILE_ROWS = 14, DOT_ROWS = 6, HELD_ROWS = 24, HELD_BOTH = 12 };
#elif defined __AVX2__ && defined __FMA__
#include <immintrin.h>
enum { LANES = 8, TILE_ROWS = 6, DOT_ROWS = 3, HELD_ROWS = 12, HELD_BOTH = 5 };
#else
enum { LANES = 4, TILE_ROWS = 6, DOT_ROWS = 3, HELD_ROWS = 12, HELD_BOTH = 5 };
#endif

typedef float vec __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t ivec __attribute__((vector_size(LANES * sizeof(float))));
typedef uint16_t shorts __attribute__((vector_size(LANES * sizeof(uint16_t))));
typedef float quad __attribute__((vector_size(16)));

CO_INLINE vec vec_load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

CO_INLINE void vec_store(float *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

CO_INLINE vec vec_all(float x)
{
    return x - (vec){0};
}

/* where ? a : b, lane by lane; where is all ones or zero, as comparisons give it. */
CO_INLINE vec vec_select(ivec where, vec a, vec b)
{
    return (vec)((where & (ivec)a) | (~where & (ivec)b));
}

#if defined __AVX512F__
CO_INLINE vec vec_fma(vec a, vec b, vec c)
{
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
CO_INLINE vec vec_load_part(const float *p, size_t n)
{
    return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1u), p);
}
CO_INLINE void vec_store_part(float *p, size_t n, vec v)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1u), (__m512)v);
}
#else
CO_INLINE vec vec_fma(vec a, vec b, vec c)
{
#if defined __AVX2__ && defined __FMA__
    return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}
CO_INLINE vec vec_load_part(const float *p, size_t n)
{
    vec v = {0};
    if (n == LANES) return vec_load(p);
    for (size_t i = 0; i < n; i++) v[i] = p[i];
    return v;
}
CO_INLINE void vec_store_part(float *p, size_t n, vec v)
{
    if (n == LANES) {
        vec_store(p, v);
        return;
    }
    for (size_t i = 0; i < n; i++) p[i] = v[i];
}
#endif

#if defined __AVX512F__
#define EVERY(a, b, c, d) /* one choice of four lanes, in every group of four */                   \
    a, b, c, d, a + 4, b + 4, c + 4, d + 4, a + 8, b + 8, c + 8, d + 8, a + 12, b + 12, c + 12,    \
        d + 12
#elif defined __AVX2__ && defined __FMA__
#define EVERY(a, b, c, d) a, b, c, d, a + 4, b + 4, c + 4, d + 4
#else
#define EVERY(a, b, c, d) a, b, c, d
#endif

/* The sums of four vectors, in one quad: a pairwise tree, the same whatever stands beside. */
CO_INLINE quad vec_sum4(vec a, vec b, vec c, vec d)
{
    enum { L = LANES };
    const vec ab = __builtin_shufflevector(a, b, EVERY(0, L, 1, L + 1)) +
                   __builtin_shufflevector(a, b, EVERY(2, L + 2, 3, L + 3));
    const vec cd = __builtin_shufflevector(c, d, EVERY(0, L, 1, L + 1)) +
                   __builtin_shufflevector(c, d, EVERY(2, L + 2, 3, L + 3));
    const vec s = __builtin_shufflevector(ab, cd, EVERY(0, 1, L, L + 1)) +
                  __builtin_shufflevector(ab, cd, EVERY(2, 3, L + 2, L + 3));
    quad part[LANES / 4], sum;
    memcpy(part, &s, sizeof s);
    sum = part[0];
    for (size_t i = 1; i < LANES / 4; i++) sum += part[i];
    return sum;
}
