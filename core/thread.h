/* core/thread.h - a second thread beside the one that calls MPI, logs and reports errors.
 *
 * What it runs makes no call of MPI or HDF5, takes no memory, sets no status and asks no fault
 * site: those belong to the first thread. Local. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As pthread_create, with all signals left to the first thread. false: none was started, and the
 * caller does the work itself. */
bool co_thread_start(pthread_t *thread, void *(*work)(void *), void *self);
/* How many threads a rank takes for work on n items: one for few items, else its part of the cores
 * that the program may use when n_ranks share them, at most CO_MAX_THREADS. */
enum { CO_MAX_THREADS = 4 };
int co_threads_for(int n_ranks, int64_t n);
/* work(part[t]) for t = 0 .. n - 1, parts of `size` bytes behind each other: each in a thread of
 * its own, part 0 and what no thread was found for in the caller's. Returns when all are done. */
void co_threads_run(int n, void *(*work)(void *), void *part, size_t size);
