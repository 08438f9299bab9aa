/* core/clones.h - one source, several instruction sets.
 *
 * CO_CLONES before a function compiles it for AVX-512, AVX2 and the baseline; the loader picks one
 * at start. The code under it must give the same bits in each: elementwise or in a fixed order, the
 * four operations, sqrt and integers only (the build forbids fused multiply-add). Static functions
 * only (clang 14 gives others a name of its own), each name once in the program (clang's resolvers
 * are global). Empty where it does not work: other processors and systems, and under sanitizers,
 * whose own start comes after the choice. Clang picks by feature: its choice by level is wrong (14
 * compares the vendor). */
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CO_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define CO_SANITIZED 1
#endif
#endif

#if !defined(__x86_64__) || !defined(__gnu_linux__) || defined(CO_SANITIZED) ||                    \
    defined(CO_NO_CLONES)
#define CO_CLONES
#elif defined(__clang__) && __clang_major__ >= 14
#define CO_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#elif defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define CO_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CO_CLONES
#endif

/* For the helpers of such a function: only what is inlined is compiled again. */
#define CO_INLINE static inline __attribute__((always_inline))

/* In front of a loop whose iterations may run in any order, though pointers may be equal: what is
 * read at a place is written there alone. */
#ifdef __clang__
#define CO_IN_ANY_ORDER _Pragma("clang loop vectorize(assume_safety)")
#else
#define CO_IN_ANY_ORDER _Pragma("GCC ivdep")
#endif
