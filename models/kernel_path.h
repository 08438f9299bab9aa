/* models/kernel_path.h - which kernels and which BLAS core this process computes with. Results are compared bit by bit only
 * where both agree; every run records them. Local. */
#pragma once

const char *co_kernel_path(void); /* "reference": plain kernels on OpenBLAS */
const char *co_blas_core(void);   /* "SkylakeX", as OpenBLAS names it */
/* First thing in main, before MPI. One thread a rank. An OpenBLAS older than the processor falls back to a core without its
 * vector units (2-4 x slower): then the program starts itself anew with OPENBLAS_CORETYPE set to the best core that both
 * have. A user's own OPENBLAS_CORETYPE is left alone. */
void co_blas_start(char **argv);
