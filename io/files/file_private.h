/* io/files/file_private.h - what the files io/file*.c share; nobody else includes it. All calls are
 * Local. */
#pragma once
#define H5_USE_110_API /* newer libraries keep the signatures of 1.10 under this name */
#include "io/files/file.h"
#include "io/files/hasher.h"
#include "io/files/read_back.h"
#include "io/files/temporary.h"
#include <hdf5.h>

#define CO_SEAL_BLOCK 512
#define CO_FILE_VERSION 1

/* What the first bytes of a file say. */
typedef struct {
    bool by_hand;       /* HDF5 of somebody else: no seal; format and hex are empty */
    uint64_t base;      /* by_hand: where HDF5 begins: 0, or behind a user block of theirs */
    const char *format; /* one of the four, static */
    char hex[65];
} co_seal;

typedef struct co_sealing co_sealing;
struct co_file {
    hid_t h5;
    bool writing;
    char *path;
    co_temporary temporary; /* of a writer */
    const char *format;
    co_sealing *sealing; /* of a writer once HDF5 has closed the file; or NULL */
    char seal[65];       /* "" when made by hand or not yet published */
};

/* One of the four formats as a static string; NULL for another word of n bytes. */
const char *co_format_find(const char *word, size_t n);
/* The seal of fd, the file at `temporary` that HDF5 has closed at its final size, begins to be
 * formed; path outlives it. Ends with co_seal_end, also after a failure elsewhere. */
co_status co_seal_start(int fd, const char *temporary, const char *path, const char *format,
                        co_sealing **sealing);
/* Nothing before byte `end` of the file changes any more: whole pieces before it are hashed. */
co_status co_seal_follow(co_sealing *sealing, uint64_t end);
/* Hashes the rest and writes the block. */
co_status co_seal_write(co_sealing *sealing);
/* After the sync: whether all of it stands on the disk; synced false: gives up. Frees it; NULL
 * allowed. */
co_status co_seal_end(co_sealing *sealing, bool synced);
/* CO_EDATA naming what is wrong with the file, what it is and where a file of `format` (NULL: any)
 * comes from. */
co_status co_seal_verify(int fd, const char *path, const char *format, co_seal *seal);
/* CO_EDATA: the block of its seal was overwritten. */
co_status co_seal_lost(const char *path);
/* Whether HDF5 begins somewhere in the file: at 0, or behind a user block at 512, 1024, 2048 .. as
 * its format allows. */
bool co_h5_base(int fd, uint64_t *base);
/* CO_EFILE or CO_EDATA when another program has the file open for writing, or was killed while it
 * had: HDF5 begins at base. */
co_status co_file_unused(int fd, const char *path, uint64_t base);

/* CO_EFILE "path: cannot <doing>: <strerror>; <remedy>". */
co_status co_file_errno(const char *path, const char *doing, int error);
/* The innermost reason that HDF5 left, or "" ; borrowed until the next call. To be asked before any
 * other call of HDF5, for each begins with an empty list of reasons. */
const char *co_h5_reason(void);
/* Gives back any HDF5 handle that was opened or copied; what failed to open is let pass. */
void co_h5_close(hid_t id);
/* A new property list whose objects carry no times; the class as H5P_DATASET_CREATE. */
hid_t co_h5_timeless(hid_t property_class);

/* A new handle of our type as it lies in memory. */
hid_t co_h5_memory_type(co_dtype type, size_t width);

/* A stored dataset, open. */
typedef struct {
    hid_t set, type, space;
    co_extent extent; /* nearest type; a variable-length string has width 0 */
    bool variable;    /* strings of variable length */
} co_stored;
/* CO_EDATA when it is missing, of a class that we do not know, or declares more than can be there.
 * Ends with co_stored_close, also after a failure. */
co_status co_stored_open(const co_file *file, const char *name, co_stored *stored);
void co_stored_close(co_stored *stored);
/* CO_EDATA when a link on the way to name leads nowhere: which, and where it points. */
co_status co_h5_dangling(const co_file *file, const char *name);
/* Rows to read at a time, of row_bytes each in memory: about `bytes`, and whole chunks where the
 * file is chunked, up to 256 MiB. */
size_t co_stored_step(const co_stored *stored, size_t row_bytes, size_t bytes);
/* Elements of one row; the whole for a scalar. */
size_t co_stored_row(const co_stored *stored);
/* Reads rows [first, first + n) as type `memory` into data; a scalar as a whole. */
co_status co_stored_read(const co_file *file, const char *name, const co_stored *stored,
                         hid_t memory, size_t first, size_t n, void *data);
/* co_file_read for strings: data[n][width], zero-padded. */
co_status co_file_read_text(const co_file *file, const char *name, size_t width, char *data);

/* Where the first byte of a contiguous dataset stands in the file. */
co_status co_file_place(const co_file *file, const char *name, uint64_t *at);
/* All is written but rows of datasets whose place is known: HDF5 closes the file, and its seal
 * begins to be formed. From now on only the next two and co_file_publish are called. */
co_status co_file_settle(co_file *file);
/* n bytes of the dataset `name` (for messages), at a place in the file. Fault site: file_write. */
co_status co_file_put(co_file *file, const char *name, uint64_t at, const void *bytes, size_t n);
/* Nothing before byte `end` changes any more. */
co_status co_file_final(co_file *file, uint64_t end);

/* What the content digest is fed, for a dataset before its bytes and for an attribute. */
void co_digest_head(co_hasher *hash, const char *path, const char *type, const co_extent *extent);
void co_digest_attribute(co_hasher *hash, const char *name, const char *value);
