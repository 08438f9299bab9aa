/* io/files/lock.h - one writer a folder: a lock that the kernel holds and gives back when its owner
 * dies.
 *
 * FOLDER/.lock is locked by fcntl, which NFS carries to its server; a kill, a crash or a lost node
 * gives it back (over NFS when the server sees the client gone, up to 90 s). The file says who:
 * host, process, since when; it is removed at the end, and what a killed owner left is taken over.
 * Where the file system knows no locks there is one warning and no protection. Local. */
#pragma once
#include "core/status.h"

typedef struct co_lock co_lock;

/* Makes the folder, with those above it, where it is missing. Waits up to wait_s seconds for the
 * present owner (120 s when that is on another host and wait_s > 0: the server may have to miss it
 * first), then CO_EUSAGE with who it is. CO_EFILE when the folder cannot be made or written. Fault
 * site: lock. */
co_status co_lock_take(const char *folder, double wait_s, co_lock **lock);
/* Removes the lock, and the folders that taking it made as far as they are empty. NULL allowed. */
void co_lock_release(co_lock *lock);
