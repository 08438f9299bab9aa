/* core/thread.c - threads that signals do not reach. */
#include "core/thread.h"
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
