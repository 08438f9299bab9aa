/* io/files/lock.c - fcntl locks of an open file description (F_OFD_SETLK: closing another
 * descriptor of the file, as POSIX locks have it, gives nothing back).
 *
 * The owner removes the file while it holds the lock, so one that got its lock later looks whether
 * the name still means the same file, and else starts anew. */
#include "io/files/lock.h"
#include "core/log.h"
#include "core/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { OWNER_BYTES = 256, PAUSE_MS = 100, REMOTE_WAIT_S = 120 };

struct co_lock {
    char *folder, *path;
    int fd;
    size_t n_made; /* folders from the right that were not there */
};

static co_status make_folders(co_lock *lock)
{
    char *path = co_strdup(lock->folder);
    if (!path) return CO_FAIL(CO_ENOMEM, "name of a folder");
    co_status st = CO_OK;
    for (char *c = path + 1; st == CO_OK; c++) {
        const char kept = *c;
        if (kept != '/' && kept != 0) continue;
        *c = 0;
        if (mkdir(path, 0777) == 0)
            lock->n_made++;
        else if (errno != EEXIST)
            st = CO_FAIL(CO_EFILE, "%s: cannot be made: %s; choose a folder you may write", path,
                         strerror(errno));
        *c = kept;
        if (kept == 0) break;
    }
    co_free(path);
    return st;
}

static void remove_made(co_lock *lock)
{
    for (size_t n = strlen(lock->folder); lock->n_made > 0 && n > 0; lock->n_made--) {
        while (n > 1 && lock->folder[n - 1] == '/') lock->folder[--n] = 0;
        if (rmdir(lock->folder) != 0) return;
        while (n > 0 && lock->folder[n - 1] != '/') lock->folder[--n] = 0;
    }
}

/* "host HOST, process PID, since DATE" of whoever wrote the file last; "" when it says nothing. */
static void read_owner(int fd, char owner[OWNER_BYTES])
{
    const ssize_t n = pread(fd, owner, OWNER_BYTES - 1, 0);
    owner[n > 0 ? n : 0] = 0;
    owner[strcspn(owner, "\n")] = 0;
}

static bool is_here(const char *owner)
{
    char host[128] = "", here[160];
    gethostname(host, sizeof host - 1);
    snprintf(here, sizeof here, "host %s,", host);
    return strncmp(owner, here, strlen(here)) == 0;
}

static void write_owner(int fd)
{
    char host[128] = "", when[32], text[OWNER_BYTES];
    const time_t now = time(NULL);
    struct tm local;
    gethostname(host, sizeof host - 1);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime_r(&now, &local));
    const int n =
        snprintf(text, sizeof text, "host %s, process %ld, since %s\n", host, (long)getpid(), when);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
        co_warn("the lock cannot say who holds it: %s",
                strerror(errno)); /* it holds all the same */
}

typedef enum { TAKEN, BUSY, GONE, FAILED, UNKNOWN } attempt;

/* One try; the descriptor stays open when it was TAKEN or the file system knows no locks (UNKNOWN).
 */
static attempt try_lock(co_lock *lock, char owner[OWNER_BYTES])
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat by_name, by_fd;
    lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock->fd < 0) return FAILED;
    if (fcntl(lock->fd, F_OFD_SETLK, &whole) != 0) {
        if (errno != EACCES && errno != EAGAIN) return UNKNOWN;
        read_owner(lock->fd, owner);
        close(lock->fd);
        lock->fd = -1;
        return BUSY;
    }
    if (fstat(lock->fd, &by_fd) == 0 && stat(lock->path, &by_name) == 0 &&
        by_fd.st_ino == by_name.st_ino && by_fd.st_dev == by_name.st_dev)
        return TAKEN;
    close(lock->fd);
    lock->fd = -1;
    return GONE;
}

static co_status wait_for_lock(co_lock *lock, double wait_s)
{
    char owner[OWNER_BYTES] = "";
    const double start = co_now_s();
    bool told = false;
    for (;;) {
        const attempt got = co_fault("lock") ? FAILED : try_lock(lock, owner);
        if (got == FAILED)
            return CO_FAIL(CO_EFILE, "%s: cannot be locked: %s; choose a folder you may write",
                           lock->folder, strerror(errno));
        if (got == UNKNOWN)
            co_warn(
                "%s: its file system knows no locks (%s): see to it that no other run writes there",
                lock->folder, strerror(errno));
        if (got == TAKEN || got == UNKNOWN) {
            write_owner(lock->fd);
            return CO_OK;
        }
        if (got == GONE) continue;
        const double patience = wait_s > 0.0 && *owner && !is_here(owner) ? REMOTE_WAIT_S : wait_s;
        if (co_now_s() - start >= patience)
            return CO_FAIL(CO_EUSAGE,
                           "%s: another cohort writes there (%s); wait for it, stop it, or choose "
                           "another folder",
                           lock->folder, *owner ? owner : "it has not said who it is");
        if (!told) co_log("waiting for the run that still holds %s (%s) ..", lock->folder, owner);
        told = true;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
    }
}

co_status co_lock_take(const char *folder, double wait_s, co_lock **taken)
{
    co_lock *lock = co_calloc(1, sizeof *lock);
    *taken = NULL;
    if (!lock) return CO_FAIL(CO_ENOMEM, "lock of %s", folder);
    lock->fd = -1;
    lock->folder = co_strdup(folder);
    lock->path = co_format("%s/.lock", folder);
    co_status st = lock->folder && lock->path ? CO_OK : CO_FAIL(CO_ENOMEM, "lock of %s", folder);
    if (st == CO_OK) st = make_folders(lock);
    if (st == CO_OK) st = wait_for_lock(lock, wait_s);
    if (st == CO_OK)
        *taken = lock;
    else
        co_lock_release(lock);
    return st;
}

void co_lock_release(co_lock *lock)
{
    if (!lock) return;
    if (lock->fd >= 0) {
        unlink(lock->path); /* while it is held: nobody else can have taken this very file */
        close(lock->fd);
    }
    if (lock->folder) remove_made(lock);
    co_free(lock->folder);
    co_free(lock->path);
    co_free(lock);
}
