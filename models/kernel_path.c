/* models/kernel_path.c - asks OpenBLAS for its core, keeps it on one thread, mends a core that is too old. */
#include "models/kernel_path.h"
#include <cblas.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

const char *co_kernel_path(void)
{
    return "reference";
}

const char *co_blas_core(void)
{
    return openblas_get_corename();
}

/* The core that the processor deserves when OpenBLAS chose one without AVX; NULL when its choice is good. */
static const char *better_core(void)
{
#if defined __x86_64__
    static const char *const old[] = {"Prescott", "Core2",    "Penryn",  "Dunnington", "Nehalem", "Opteron",
                                      "Opteron_SSE3", "Barcelona", "Bobcat", "Atom", "Generic", "Unknown"};
    __builtin_cpu_init();
    for (size_t k = 0; k < sizeof old / sizeof *old; k++)
        if (strcasecmp(openblas_get_corename(), old[k]) == 0) {
            if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return "SkylakeX";
            return __builtin_cpu_supports("avx2") ? "Haswell" : NULL;
        }
#endif
    return NULL;
}

void co_blas_start(char **argv)
{
    const char *core = getenv("OPENBLAS_CORETYPE") ? NULL : better_core();
    openblas_set_num_threads(1);
    if (!core || setenv("OPENBLAS_CORETYPE", core, 1) != 0) return;
    setenv("OPENBLAS_NUM_THREADS", "1", 0);
    execv("/proc/self/exe", argv); /* comes back only when it fails: then the slower core is used */
}
