/* core/thread.c - threads that signals do not reach. */
#include "core/thread.h"
#include "core/status.h"
#include <sched.h>
#include <signal.h>

bool co_thread_start(pthread_t *thread, void *(*work)(void *), void *self)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) return false;
    const bool started = pthread_create(thread, NULL, work, self) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

int co_threads_for(int n_ranks, int64_t n)
{
    enum { FEW = 1 << 20 }; /* for which one thread will do */
    cpu_set_t cores;
    if (n < FEW || sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
    const int n_cores = CPU_COUNT(&cores) / n_ranks;
    return n_cores < 1 ? 1 : n_cores < CO_MAX_THREADS ? n_cores : CO_MAX_THREADS;
}

void co_threads_run(int n, void *(*work)(void *), void *part, size_t size)
{
    pthread_t thread[CO_MAX_THREADS];
    bool started[CO_MAX_THREADS] = {false};
    char *at = part;
    CO_ASSERT(n <= CO_MAX_THREADS);
    for (int t = 1; t < n; t++)
        started[t] = co_thread_start(&thread[t], work, at + (size_t)t * size);
    for (int t = 0; t < n; t++)
        if (!started[t]) work(at + (size_t)t * size);
    for (int t = 1; t < n; t++)
        if (started[t]) pthread_join(thread[t], NULL);
}
