/* models/kernel_path.h - which kernels and which BLAS core this process computes with. Results are
 * compared bit by bit only where both agree; every run records them. Local. */
#pragma once
#include "core/status.h"

/* From slowest to fastest. The reference computes with plain loops on OpenBLAS; the others are one
 * source compiled for three instruction sets. */
typedef enum {
    CO_KERNELS_REFERENCE,
    CO_KERNELS_PLAIN,
    CO_KERNELS_AVX2,
    CO_KERNELS_AVX512
} co_kernel_level;

/* The best that the processor has, or what COHORT_KERNELS (reference, plain, avx2, avx512) forces:
 * CO_EUSAGE when that is no such word or the processor lacks it. */
co_status co_kernel_best(co_kernel_level *level);
/* Models created from now on use exactly this level, which the processor must have; all ranks call
 * it with the lowest of theirs. Without a call the best is used. */
void co_kernel_use(co_kernel_level level);
const char *co_kernel_path(void); /* "avx512", "avx2", "plain", "reference" */
const char *co_blas_core(void);   /* "SkylakeX", as OpenBLAS names it */
/* First thing in main, before MPI. One thread a rank. An OpenBLAS older than the processor falls
 * back to a core without its vector units (2-4 x slower): then the program starts itself anew with
 * OPENBLAS_CORETYPE set to the best core that both have. A user's own OPENBLAS_CORETYPE is left
 * alone. */
void co_blas_start(char **argv);
