/* models/kernel_path.c - chooses the kernels once; asks OpenBLAS for its core, keeps it on one
 * thread, mends a core that is too old. */
#include "models/kernel_path.h"
#include "models/kernels/kernels.h"
#include <cblas.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

extern const co_kernels co_kernels_plain;
#if defined __x86_64__
extern const co_kernels co_kernels_avx2, co_kernels_avx512;
#endif

static const char *const names[] = {"reference", "plain", "avx2", "avx512"};
enum { N_LEVELS = 4 };

static bool has_level(co_kernel_level level)
{
#if defined __x86_64__
    __builtin_cpu_init();
    if (level == CO_KERNELS_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (level == CO_KERNELS_AVX2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return level <= CO_KERNELS_PLAIN;
}

static co_kernel_level best_level(void)
{
    co_kernel_level level = CO_KERNELS_AVX512;
    while (!has_level(level)) level--;
    return level;
}

co_status co_kernel_best(co_kernel_level *level)
{
    const char *word = getenv("COHORT_KERNELS");
    *level = best_level();
    if (!word || !word[0]) return CO_OK;
    for (int k = 0; k < N_LEVELS; k++)
        if (strcmp(word, names[k]) == 0) {
            if (!has_level((co_kernel_level)k))
                return CO_FAIL(
                    CO_EUSAGE,
                    "COHORT_KERNELS=%s: this processor lacks these instructions; it has %s", word,
                    names[*level]);
            *level = (co_kernel_level)k;
            return CO_OK;
        }
    return CO_FAIL(CO_EUSAGE, "COHORT_KERNELS=%s is not one of reference, plain, avx2, avx512",
                   word);
}

/* The one choice of the process; -1 before it is made. */
static int chosen = -1;

void co_kernel_use(co_kernel_level level)
{
    CO_ASSERT(has_level(level));
    chosen = (int)level;
}

static co_kernel_level level_in_use(void)
{
    co_kernel_level level;
    if (chosen < 0) chosen = co_kernel_best(&level) == CO_OK ? (int)level : (int)best_level();
    return (co_kernel_level)chosen;
}

const char *co_kernel_path(void)
{
    return names[level_in_use()];
}

const co_kernels *co_kernels_in_use(void)
{
    switch (level_in_use()) {
    case CO_KERNELS_REFERENCE: return NULL;
#if defined __x86_64__
    case CO_KERNELS_AVX2: return &co_kernels_avx2;
    case CO_KERNELS_AVX512: return &co_kernels_avx512;
#endif
    default: return &co_kernels_plain;
    }
}

const char *co_blas_core(void)
{
    return openblas_get_corename();
}

/* The core that the processor deserves when OpenBLAS chose one without AVX; NULL when its choice is
 * good. */
static const char *better_core(void)
{
#if defined __x86_64__
    static const char *const old[] = {"Prescott", "Core2",   "Penryn",       "Dunnington",
                                      "Nehalem",  "Opteron", "Opteron_SSE3", "Barcelona",
                                      "Bobcat",   "Atom",    "Generic",      "Unknown"};
    __builtin_cpu_init();
    for (size_t k = 0; k < sizeof old / sizeof *old; k++)
        if (strcasecmp(openblas_get_corename(), old[k]) == 0) {
            if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
                return "SkylakeX";
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
