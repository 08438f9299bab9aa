/* models/kernel_path.h - which kernels and which BLAS core this process computes with. Results are compared bit by bit only
 * where both agree; every run records them. Local. */
#pragma once

const char *co_kernel_path(void); /* "reference": plain kernels on OpenBLAS */
const char *co_blas_core(void);   /* "SkylakeX", as OpenBLAS names it */
/* One thread a rank, whatever the environment says. Called once at the start. */
void co_blas_start(void);
