/* models/kernel_path.c - asks OpenBLAS for its core and keeps it on one thread. */
#include "models/kernel_path.h"
#include <cblas.h>

const char *co_kernel_path(void)
{
    return "reference";
}

const char *co_blas_core(void)
{
    return openblas_get_corename();
}

void co_blas_start(void)
{
    openblas_set_num_threads(1);
}
