/* io/files/file_rows.c - the rows of large datasets, written behind HDF5's back.
 *
 * Once all else of a file is final HDF5 closes it: its size and every byte but those rows stand.
 * The rows go to their places by pwrite, in the byte order that is stored, and the seal follows
 * them through the page cache, so that two hashes, the writing and the disk go side by side. Each
 * 8 MiB is sent on its way to the disk at once. */
#include "io/files/file_private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define SEND_BYTES ((uint64_t)8 << 20)

co_status co_file_place(const co_file *file, const char *name, uint64_t *at)
{
    const hid_t set = H5Dopen2(file->h5, name, H5P_DEFAULT);
    const haddr_t place = set >= 0 ? H5Dget_offset(set) : HADDR_UNDEF;
    co_h5_close(set);
    *at = place;
    return place != HADDR_UNDEF
               ? CO_OK
               : CO_FAIL(CO_EINTERNAL, "%s: %s has no place in the file", file->path, name);
}

co_status co_file_settle(co_file *file)
{
    CO_ASSERT(file->writing && file->h5 >= 0);
    errno = 0;
    const herr_t closed = H5Fclose(file->h5);
    file->h5 = H5I_INVALID_HID;
    if (closed < 0) return co_file_errno(file->path, "finish writing", errno);
    if (!file->format) return CO_OK; /* files of other programs bear no seal */
    return co_seal_start(file->temporary.lock, file->temporary.path, file->path, file->format,
                         &file->sealing);
}

co_status co_file_put(co_file *file, const char *name, uint64_t at, const void *bytes, size_t n)
{
    char doing[256];
    int error = co_fault("file_write") ? EIO : 0;
    for (size_t done = 0; done < n && !error;) {
        const ssize_t put =
            pwrite(file->temporary.lock, (const char *)bytes + done, n - done, (off_t)(at + done));
        if (put < 0 && errno != EINTR) error = errno;
        if (put > 0) done += (size_t)put;
    }
    const uint64_t begin = at / SEND_BYTES * SEND_BYTES, end = (at + n) / SEND_BYTES * SEND_BYTES;
    if (end > begin)
        sync_file_range(file->temporary.lock, (off_t)begin, (off_t)(end - begin),
                        SYNC_FILE_RANGE_WRITE);
    snprintf(doing, sizeof doing, "write %.200s", name);
    return error ? co_file_errno(file->path, doing, error) : CO_OK;
}

co_status co_file_final(co_file *file, uint64_t end)
{
    return file->sealing ? co_seal_follow(file->sealing, end) : CO_OK;
}
