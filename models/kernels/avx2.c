/* models/kernels/avx2.c - the kernels for processors with AVX2. */
#if defined __AVX2__ && defined __FMA__
#define NAME "avx2"
#define TABLE co_kernels_avx2
#include "models/kernels/table.inc"
#endif
