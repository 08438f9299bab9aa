/* io/files/temporary.h - the one mechanism behind files that appear whole or not at all: a hidden
 * ".NAME.tmp-PID" beside the target, locked while its writer lives.
 *
 * A signal that ends the program (SIGHUP, SIGINT, SIGTERM ..) removes what it has begun, unless
 * somebody else handles that signal (a run stops at the end of its round). What SIGKILL or a crash
 * leaves is removed by the next writer of the same target: the lock of a dead writer is free. Where
 * a file system has no locks nothing is removed. All calls are Local. */
#pragma once
#include "core/status.h"

typedef struct {
    char *path; /* NULL: none */
    int lock;   /* descriptor that holds the lock */
} co_temporary;

/* Removes what dead writers of the target left, then makes an empty file for its owner alone.
 * CO_EFILE with errno set. */
co_status co_temporary_start(const char *target, co_temporary *t);
/* The permissions of a new file, within the process's mask: 0666, or 0600 for its owner alone. 0 or
 * -1 with errno. */
int co_temporary_permit(int file, unsigned mode);
/* Gives the file its name in place of what stands there; 0 or -1 with errno. t is empty then,
 * unless it failed. */
int co_temporary_rename(co_temporary *t, const char *target);
/* Removes the file. Nothing for an empty t. */
void co_temporary_remove(co_temporary *t);
