/* io/files/file.c - files appear whole or not at all: written aside, closed, sealed, verified,
 * renamed.
 *
 * Order of a publication: H5Fclose, seal (file_seal.c) while the bytes are on their way to the
 * disk and what has arrived is read back from it (read_back.c), fsync, the rest read back, rename,
 * fsync of the folder. A kill at any moment leaves the
 * old file under the real name, or the new one; at worst a hidden ".NAME.tmp-PID" stays beside it
 * until the next writer of that name (io/files/temporary.h). Files are the same bytes for the same
 * content: fixed format bounds (1.10), no object times, no fill values. HDF5's own error stack is
 * silent; its innermost reason goes into our message. Cost of a publication: one pass of BLAKE2b
 * over the file, and one of the disk each way. */
#include "io/files/file_private.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/magic.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void co_files_start(void)
{
    H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* How files are opened and created. Closing a file takes everything inside it along; locks are off,
 * since a file under its real name never changes and some parallel file systems refuse them. */
static hid_t access_list(void)
{
    const hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(list, H5F_LIBVER_V110, H5F_LIBVER_V110);
    H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
#if H5_VERSION_GE(1, 14, 0) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
    H5Pset_file_locking(list, 0, 1);
#endif
    return list;
}

/* folder of path ("." when it has none) in a new block; NULL: out of memory. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return co_strdup(".");
    return co_format("%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static co_file *new_file(const char *path, bool writing)
{
    co_file *file = co_calloc(1, sizeof *file);
    if (!file) return NULL;
    file->h5 = H5I_INVALID_HID;
    file->writing = writing;
    file->path = co_strdup(path);
    file->temporary = (co_temporary){NULL, -1};
    if (file->path) return file;
    co_file_close(file);
    return NULL;
}

/* Makes the temporary for its owner alone, then lets HDF5 start it. */
static co_status start_temporary(co_file *file)
{
    if (co_fault("file_open")) return co_file_errno(file->path, "start the file", EACCES);
    struct stat info;
    if (stat(file->path, &info) == 0 && S_ISDIR(info.st_mode))
        return co_file_errno(file->path, "write", EISDIR);
    errno = 0;
    const co_status st = co_temporary_start(file->path, &file->temporary);
    if (st != CO_OK)
        return st == CO_EFILE ? co_file_errno(file->path, "start the file", errno) : st;
    const hid_t create = co_h5_timeless(H5P_FILE_CREATE), access = access_list();
    if (file->format) H5Pset_userblock(create, CO_SEAL_BLOCK);
    errno = 0;
    file->h5 = H5Fcreate(file->temporary.path, H5F_ACC_TRUNC, create, access);
    const int error = errno;
    co_h5_close(create);
    co_h5_close(access);
    return file->h5 < 0 ? co_file_errno(file->path, "start the file", error) : CO_OK;
}

co_status co_file_create(const char *path, const char *format, co_file **file)
{
    *file = NULL;
    const char *known = format ? co_format_find(format, strlen(format)) : NULL;
    CO_ASSERT(known || !format);
    co_files_start();
    co_file *made = new_file(path, true);
    if (!made) return CO_FAIL(CO_ENOMEM, "%s: out of memory", path);
    made->format = known;
    const co_status st = start_temporary(made);
    if (st != CO_OK) {
        co_file_close(made);
        return st;
    }
    *file = made;
    return CO_OK;
}

static co_status sync_temporary(const co_file *file, int fd, unsigned mode)
{
    if (co_temporary_permit(fd, mode) != 0)
        return co_file_errno(file->path, "set permissions", errno);
    const bool fault = co_fault("file_sync");
    if (fault || fsync(fd) != 0)
        return co_file_errno(file->path, "bring the file to the disk", fault ? EIO : errno);
    return CO_OK;
}

/* Seals the closed temporary, brings it to the disk and looks whether it stands there. */
static co_status seal_temporary(co_file *file, unsigned mode)
{
    co_status st = file->sealing ? co_seal_write(file->sealing) : CO_OK;
    if (st == CO_OK) st = sync_temporary(file, file->temporary.lock, mode);
    const co_status checked = co_seal_end(file->sealing, st == CO_OK);
    file->sealing = NULL;
    return st == CO_OK ? checked : st;
}

static co_status sync_folder(const char *path)
{
    char *folder = folder_of(path);
    if (!folder) return CO_FAIL(CO_ENOMEM, "%s: out of memory", path);
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool fault = co_fault("file_sync");
    co_status st = CO_OK;
    if (fd < 0 || fault)
        st = co_file_errno(folder, "bring the folder to the disk", fault ? EIO : errno);
    else if (fsync(fd) != 0 && errno != EINVAL) /* some file systems have nothing to do here */
        st = co_file_errno(folder, "bring the folder to the disk", errno);
    if (fd >= 0) close(fd);
    co_free(folder);
    return st;
}

static co_status publish(co_file *file, unsigned mode)
{
    if (file->h5 >= 0) CO_TRY(co_file_settle(file));
    CO_TRY(seal_temporary(file, mode));
    const bool fault = co_fault("file_rename");
    if (fault || co_temporary_rename(&file->temporary, file->path) != 0)
        return co_file_errno(file->path, "give the file its name", fault ? EACCES : errno);
    return sync_folder(file->path);
}

co_status co_file_publish(co_file *file, unsigned mode)
{
    CO_ASSERT(file->writing);
    const co_status st = publish(file, mode);
    co_file_close(file);
    return st;
}

/* A file made by hand says its format, or shows it by what it holds. */
static co_status guess_format(co_file *file)
{
    char *text = NULL;
    if (co_file_has_attr(file, "format")) {
        CO_TRY(co_file_get_text(file, "format", &text));
        file->format = co_format_find(text, strlen(text));
        co_free(text);
    } else if (co_file_has(file, "train/offsets")) {
        file->format = "cohort-partition";
    } else if (co_file_has(file, "logits") || co_file_has(file, "hidden")) {
        file->format = "cohort-predictions";
    } else if (co_file_has(file, "x") || co_file_has(file, "y") || co_file_has(file, "tokens")) {
        file->format = "cohort-dataset";
    } else {
        file->format = "cohort-checkpoint";
    }
    if (file->format) return CO_OK;
    return CO_FAIL(CO_EDATA, "%s: its attribute format names none of this program's formats",
                   file->path);
}

/* Whether HDF5 opened the very file that was verified, and not one renamed into its place
 * meanwhile. */
static bool same_file(hid_t h5, int fd)
{
    void *handle = NULL;
    struct stat a, b;
    if (H5Fget_vfd_handle(h5, H5P_DEFAULT, &handle) < 0 || !handle)
        return true; /* a driver without descriptor */
    return fstat(*(int *)handle, &a) == 0 && fstat(fd, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* The seal; a file that somebody writes meanwhile is not called damaged. */
static co_status verify(int fd, const char *path, const char *format, co_seal *seal)
{
    const co_status st = co_seal_verify(fd, path, format, seal);
    if (st == CO_OK && !seal->by_hand) return st;
    if (st != CO_OK && st != CO_EDATA) return st;
    char *message = co_strdup(co_status_message());
    const co_status unused = co_file_unused(fd, path, seal->base);
    if (unused == CO_OK && message) co_status_set_message(message);
    co_free(message);
    return unused == CO_OK ? st : unused;
}

/* Verifies, then opens what was verified. *moved: the name got another file between the two. */
static co_status verify_and_open(co_file *file, const char *format, co_seal *seal,
                                 bool allow_unsealed, bool *moved)
{
    *moved = false;
    const int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return co_file_errno(file->path, "open", errno);
    co_status st = verify(fd, file->path, format, seal);
    if (st == CO_OK && seal->by_hand && !allow_unsealed)
        st = CO_FAIL(CO_EDATA,
                     "%s: has no seal, so it was made or changed by hand; use the file that this "
                     "program wrote",
                     file->path);
    if (st == CO_OK) {
        const hid_t access = access_list();
        file->h5 = H5Fopen(file->path, H5F_ACC_RDONLY, access);
        if (file->h5 < 0)
            st = CO_FAIL(CO_EDATA,
                         "%s: HDF5 cannot open it (%s); it was not written whole, or damaged: make "
                         "it anew",
                         file->path, co_h5_reason());
        co_h5_close(access);
    }
    *moved = file->h5 >= 0 && !same_file(file->h5, fd);
    close(fd);
    return st;
}

static void warn_unsealed(const co_file *file)
{
    char advice[512] = "";
    if (strcmp(file->format, "cohort-dataset") == 0)
        snprintf(advice, sizeof advice, "; `cohort import h5 %.200s -o FILE` seals a data set",
                 file->path);
    co_warn("%s: made by hand and not sealed: damage would go unnoticed%s", file->path, advice);
}

/* A seal that was wiped out leaves the mark of this program behind it. */
static co_status check_by_hand(co_file *file, const co_seal *seal)
{
    CO_TRY(guess_format(file));
    if (seal->base == CO_SEAL_BLOCK && co_file_has_attr(file, "format") &&
        co_file_has_attr(file, "tool"))
        return co_seal_lost(file->path);
    return CO_OK;
}

static co_status open_file(co_file *file, const char *format, bool allow_unsealed)
{
    if (co_fault("file_open")) return co_file_errno(file->path, "open", EACCES);
    co_seal seal;
    bool moved = true;
    for (int tries = 0; moved && tries < 10; tries++) {
        if (file->h5 >= 0) H5Fclose(file->h5);
        file->h5 = H5I_INVALID_HID;
        CO_TRY(verify_and_open(file, format, &seal, allow_unsealed, &moved));
    }
    if (moved)
        return CO_FAIL(CO_EFILE, "%s: is replaced again and again while it is opened; try later",
                       file->path);
    file->format = seal.format;
    memcpy(file->seal, seal.hex, sizeof file->seal);
    if (seal.by_hand) CO_TRY(check_by_hand(file, &seal));
    if (format && strcmp(format, file->format) != 0 &&
        !(seal.by_hand && !co_file_has_attr(file, "format")))
        return CO_FAIL(CO_EDATA, "%s: is a %s file; a %s file is wanted here", file->path,
                       file->format, format);
    if (format) file->format = co_format_find(format, strlen(format));
    return CO_OK;
}

static co_status open_any(const char *path, const char *format, bool allow_unsealed, co_file **file)
{
    *file = NULL;
    co_files_start();
    co_file *opened = new_file(path, false);
    if (!opened) return CO_FAIL(CO_ENOMEM, "%s: out of memory", path);
    const co_status st = open_file(opened, format, allow_unsealed);
    if (st != CO_OK) {
        co_file_close(opened);
        return st;
    }
    *file = opened;
    return CO_OK;
}

co_status co_file_open(const char *path, const char *format, bool allow_unsealed, co_file **file)
{
    CO_TRY(open_any(path, format, allow_unsealed, file));
    if (!*(*file)->seal) warn_unsealed(*file);
    return CO_OK;
}

co_status co_file_open_unsealed(const char *path, const char *format, co_file **file)
{
    return open_any(path, format, true, file);
}

bool co_file_is_hdf5(const char *path)
{
    co_files_start();
    return H5Fis_hdf5(path) > 0;
}

static co_status open_foreign(co_file *file)
{
    uint64_t base = 0;
    const int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return co_file_errno(file->path, "open", errno);
    const bool found = co_h5_base(fd, &base);
    co_status st = co_file_unused(fd, file->path, base);
    close(fd);
    CO_TRY(st);
    if (!found)
        return CO_FAIL(CO_EDATA, "%s: is no HDF5 file, but %s", file->path,
                       co_magic_of(file->path));
    const hid_t access = access_list();
    file->h5 = H5Fopen(file->path, H5F_ACC_RDONLY, access);
    if (file->h5 < 0)
        st = CO_FAIL(CO_EDATA, "%s: HDF5 cannot open it (%s); it was not written whole, or damaged",
                     file->path, co_h5_reason());
    co_h5_close(access);
    return st;
}

co_status co_file_open_foreign(const char *path, co_file **file)
{
    *file = NULL;
    co_files_start();
    co_file *opened = new_file(path, false);
    if (!opened) return CO_FAIL(CO_ENOMEM, "%s: out of memory", path);
    const co_status st = open_foreign(opened);
    if (st == CO_OK)
        *file = opened;
    else
        co_file_close(opened);
    return st;
}

void co_file_close(co_file *file)
{
    if (!file) return;
    if (file->h5 >= 0) H5Fclose(file->h5);
    co_seal_end(file->sealing, false);
    co_temporary_remove(&file->temporary);
    co_free(file->path);
    co_free(file);
}

const char *co_file_format(const co_file *file)
{
    return file->format;
}

const char *co_file_path(const co_file *file)
{
    return file->path;
}

const char *co_file_seal(const co_file *file)
{
    return file->seal;
}
