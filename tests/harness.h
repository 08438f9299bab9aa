/* tests/harness.h - what tests of all folders share. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Path of a public data set below the shared folder, or NULL (with a line that says so) when it is
 * absent; borrowed until the next call. "data/images/mnist/train-images-idx3-ubyte.gz". */
const char *shared_file(const char *below);
/* Path of a file in this test's own scratch folder (made on demand); borrowed until the next call
 * of 4. */
const char *scratch_file(const char *name);
/* Relative L2 distance |a - b| / |b| in double. */
double relative_distance(const float *a, const float *b, size_t n);

/* For MPI programs (plain, no Criterion): counts a failure on this rank and prints it. */
void check_failed(const char *condition, const char *file, int line);
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) check_failed(#condition, __FILE__, __LINE__);                            \
    } while (0)
/* MPI_Init with a watchdog of 90 s; returns the rank. */
int harness_start(int *argc, char ***argv);
/* All ranks exit alike: 1 if any rank failed a CHECK. Finalises MPI. Call as `return
 * harness_end();`. */
int harness_end(void);
