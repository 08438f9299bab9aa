/* core/thread.h - a second thread beside the one that calls MPI, logs and reports errors.
 *
 * What it runs makes no call of MPI or HDF5, takes no memory, sets no status and asks no fault
 * site: those belong to the first thread. Local. */
#pragma once
#include <pthread.h>
#include <stdbool.h>

/* As pthread_create, with all signals left to the first thread. false: none was started, and the
 * caller does the work itself. */
bool co_thread_start(pthread_t *thread, void *(*work)(void *), void *self);
