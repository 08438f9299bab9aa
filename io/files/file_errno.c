/* io/files/file_errno.c - what to say, and to try, when the system refuses a file. */
#include "io/files/file_private.h"
#include <errno.h>
#include <string.h>

static const char *remedy(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT: return "free some space or write to another disk";
    case EFBIG: return "raise the limit on the size of files (ulimit -f)";
    case EACCES:
    case EPERM: return "check who may read and write there";
    case EROFS: return "this disk is mounted read-only; write to another folder";
    case ENOENT:
    case ENOTDIR: return "check the path; folders are not made on the way";
    case EISDIR: return "name a file, not a folder";
    case ENAMETOOLONG: return "choose a shorter name";
    case EMFILE:
    case ENFILE: return "raise the limit on open files (ulimit -n)";
    default: return "check the disk";
    }
}

co_status co_file_errno(const char *path, const char *doing, int error)
{
    if (error == 0) error = EIO;
    return CO_FAIL(CO_EFILE, "%s: cannot %s: %s; %s", path, doing, strerror(error), remedy(error));
}
