/* io/files/temporary.c - files written aside.
 *
 * The lock is one of an open file description (F_OFD_SETLK): neither HDF5, which opens and closes
 * the same file, nor a child takes it away, and the system frees it when the writer is gone in
 * whatever way. A file is removed only with its lock in hand and while its name still means it; a
 * writer that finds itself removed between making and locking makes another. Cost: one look through
 * the folder a file. */
#include "io/files/temporary.h"
#include "core/memory.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_LIVE = 16, MAX_TRIES = 100 };

static char *volatile live[MAX_LIVE]; /* what a signal has to remove; more than these stay behind */

static void remove_and_die(int signal_number)
{
    for (int i = 0; i < MAX_LIVE; i++) {
        const char *path = live[i];
        if (path) unlink(path);
    }
    raise(signal_number); /* SA_RESETHAND: ends the program once we return */
}

/* Signals that would end the program end it through us; those that are handled or ignored are left
 * alone. */
static void catch_signals(void)
{
    static const int deadly[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGXCPU};
    struct sigaction act = {.sa_handler = remove_and_die, .sa_flags = SA_RESETHAND}, old;
    sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        if (sigaction(deadly[i], NULL, &old) == 0 && !(old.sa_flags & SA_SIGINFO) &&
            old.sa_handler == SIG_DFL)
            sigaction(deadly[i], &act, NULL);
}

static void remember(char *path)
{
    for (int i = 0; i < MAX_LIVE; i++)
        if (!live[i]) {
            live[i] = path;
            return;
        }
}

static void forget(co_temporary *t)
{
    for (int i = 0; i < MAX_LIVE; i++)
        if (live[i] == t->path) live[i] = NULL;
    if (t->lock >= 0) close(t->lock);
    co_free(t->path);
    *t = (co_temporary){NULL, -1};
}

static bool take_lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &whole) == 0;
}

/* Whether the name still means the open file. */
static bool is_same(const char *path, int fd)
{
    struct stat named, opened;
    return lstat(path, &named) == 0 && fstat(fd, &opened) == 0 && S_ISREG(opened.st_mode) &&
           named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

static void remove_if_dead(const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != geteuid()) return;
    const int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    if (take_lock(fd) && is_same(path, fd)) unlink(path);
    close(fd);
}

/* "PREFIXdigits", where PREFIX is the name of our temporaries of one target without the number. */
static bool is_ours(const char *name, const char *prefix)
{
    const size_t n = strlen(prefix);
    if (strncmp(name, prefix, n) != 0 || !name[n]) return false;
    for (const char *c = name + n; *c; c++)
        if (!isdigit((unsigned char)*c)) return false;
    return true;
}

static co_status sweep(const char *target)
{
    const char *slash = strrchr(target, '/'), *name = slash ? slash + 1 : target;
    char *folder = slash ? co_format("%.*s", (int)(name - target), target) : co_strdup("./"),
         *prefix = co_format(".%s.tmp-", name);
    bool good = folder && prefix;
    DIR *entries = good ? opendir(folder) : NULL;
    for (struct dirent *entry; good && entries && (entry = readdir(entries));) {
        if (!is_ours(entry->d_name, prefix)) continue;
        char *path = co_format("%s%s", folder, entry->d_name);
        if (path) remove_if_dead(path);
        good = path != NULL;
        co_free(path);
    }
    if (entries) closedir(entries);
    co_free(folder);
    co_free(prefix);
    return good ? CO_OK : CO_FAIL(CO_ENOMEM, "%s: names of files", target);
}

/* Makes and locks the file. A file system without locks does as well: there nobody removes it. */
static bool create(co_temporary *t)
{
    for (int tries = 0; tries < MAX_TRIES; tries++) {
        t->lock = open(t->path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
        if (t->lock < 0) return false;
        const bool locked = take_lock(t->lock);
        const bool held_by_another = !locked && (errno == EAGAIN || errno == EACCES);
        if (!held_by_another && is_same(t->path, t->lock)) return true;
        close(t->lock); /* somebody took it for a dead one's before it was locked */
        t->lock = -1;
        errno = EAGAIN;
    }
    return false;
}

co_status co_temporary_start(const char *target, co_temporary *t)
{
    const char *slash = strrchr(target, '/'), *name = slash ? slash + 1 : target;
    *t = (co_temporary){NULL, -1};
    CO_TRY(sweep(target));
    t->path = co_format("%.*s.%s.tmp-%ld", (int)(name - target), target, name, (long)getpid());
    if (!t->path) return CO_FAIL(CO_ENOMEM, "%s: name of the file", target);
    catch_signals();
    remember(t->path);
    if (create(t)) return CO_OK;
    const int error = errno;
    forget(t);
    errno = error;
    return CO_FAIL(CO_EFILE, "%s: cannot be written: %s", target, strerror(error));
}

int co_temporary_permit(int file, unsigned mode)
{
    const mode_t mask = umask(0);
    umask(mask);
    return fchmod(file, (mode_t)mode & ~mask);
}

int co_temporary_rename(co_temporary *t, const char *target)
{
    if (rename(t->path, target) != 0) return -1;
    forget(t);
    return 0;
}

void co_temporary_remove(co_temporary *t)
{
    if (!t->path) return;
    /* emptied first: a file that HDF5 could not close would keep its blocks until the end */
    if (truncate(t->path, 0) == 0 || errno != ENOENT) unlink(t->path);
    forget(t);
}
