/* models/kernels/avx512.c - the kernels for processors with AVX512. */
#if defined __AVX512F__
#define NAME "avx512"
#define TABLE co_kernels_avx512
#include "models/kernels/table.inc"
#endif
