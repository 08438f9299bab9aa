/* io/files/file.h - the one mechanism behind all HDF5 files: written aside, closed, sealed,
 * verified, renamed.
 *
 * A sealed file begins with a 512-byte HDF5 user block that holds one line, "FORMAT VERSION LENGTH
 * HEX\n", zero-padded: LENGTH = bytes after the block, HEX = BLAKE2b (32 bytes) of the line up to
 * and including the blank before HEX, followed by the rest of the file. Opening checks it before
 * the HDF5 library touches the file. All calls are Local: in a job one rank (0, or the first of a
 * node) makes them and the caller agrees afterwards. Fault sites: file_open, file_read, file_write,
 * file_full, file_sync, file_rename. */
#pragma once
#include "core/status.h"
#include <stdint.h>

/* Element types, named as NumPy writes them. Strings are fixed-length UTF-8 of `width` bytes,
 * zero-padded. */
typedef enum { CO_U8, CO_I32, CO_I64, CO_U64, CO_F32, CO_F64, CO_STR } co_dtype;
size_t co_dtype_size(co_dtype type, size_t width);

#define CO_MAX_DIMS 8
typedef struct {
    co_dtype type;
    size_t width; /* CO_STR: bytes of one string; else 0 */
    size_t ndim;
    size_t dim[CO_MAX_DIMS];
} co_extent;
size_t co_extent_count(const co_extent *extent); /* elements; 1 for ndim 0 */

typedef struct co_file co_file;

/* HDF5 prints nothing, and does nothing when the program ends: after a disk took no more it would
 * fall over what it could not write. We leave no file open by then. Every call below starts it so;
 * a program with MPI calls this before MPI_Init, since the library, once it finds MPI running, has
 * MPI_Finalize end it. */
void co_files_start(void);
/* Starts PATH's successor beside it (hidden temporary name in the same folder). format:
 * "cohort-dataset" .. . CO_EFILE with the reason when it cannot be made. format NULL: plain HDF5
 * for other programs, without head and seal. */
co_status co_file_create(const char *path, const char *format, co_file **file);
/* Publishes under the real name: closed, sealed, re-read and verified, fsynced, renamed, folder
 * fsynced. An existing file of that name is replaced in one step. Frees file, also on failure (the
 * temporary is removed then). mode: permissions, 0644 or 0600. */
co_status co_file_publish(co_file *file, unsigned mode);
/* Verifies the seal, then opens for reading. A missing file: CO_EFILE. Damaged, another format:
 * CO_EDATA, naming the file and what is wrong. A file with the HDF5 signature at byte 0 was made by
 * hand: with allow_unsealed it is accepted with one warning, else CO_EDATA; so is one behind a user
 * block of another program. One that another program has open for writing: CO_EFILE. format NULL:
 * any of them; co_file_format tells which. */
co_status co_file_open(const char *path, const char *format, bool allow_unsealed, co_file **file);
/* The same with allow_unsealed and without the warning, for a command that seals it. */
co_status co_file_open_unsealed(const char *path, const char *format, co_file **file);
/* Opens an HDF5 file of another program for reading, unverified. CO_EFILE, CO_EDATA as above. */
co_status co_file_open_foreign(const char *path, co_file **file);
bool co_file_is_hdf5(const char *path); /* false also when it cannot be read */
/* Closes a reader, or gives up a writer and removes its temporary. NULL allowed. */
void co_file_close(co_file *file);
const char *co_file_format(const co_file *file);
const char *co_file_path(const co_file *file);
/* The 64 hex digits of the seal of an opened file; "" when it was made by hand. Borrowed. */
const char *co_file_seal(const co_file *file);

/* name may hold slashes; groups are made as needed. Contiguous or chunked storage as suits the
 * size; no compression. */
co_status co_file_write(co_file *file, const char *name, const co_extent *extent, const void *data);
/* The same in two steps, for what does not fit in memory: the dataset, then its rows [first, first
 * + n) along the first dimension. */
co_status co_file_create_rows(co_file *file, const char *name, const co_extent *extent);
co_status co_file_write_rows(co_file *file, const char *name, size_t first, size_t n,
                             const void *data);
co_status co_file_write_i64(co_file *file, const char *name, const int64_t *data,
                            size_t n); /* 1-d */
co_status co_file_write_f64(co_file *file, const char *name, const double *data, size_t n);
/* Makes an empty group, and those above it; nothing when it is there. */
co_status co_file_write_group(co_file *file, const char *name);
/* strings[n] as one fixed-length dataset, the width that of the longest (at least 1). */
co_status co_file_write_strings(co_file *file, const char *name, const char *const *strings,
                                size_t n);
/* The same with variable length, as h5py stores str; a scalar dataset when scalar (n is 1 then).
 * For files of other programs. */
co_status co_file_write_variable(co_file *file, const char *name, const char *const *strings,
                                 size_t n, bool scalar);

/* Also true for a link that leads nowhere: what is read through it is CO_EDATA and says so, not
 * taken for absent. */
bool co_file_has(const co_file *file, const char *name);
/* The stored type is mapped to the nearest co_dtype (other integer and float widths, as a Python
 * user may write them, are converted: bool and int8 .. int64 to CO_I64, float16 .. float64 to
 * CO_F64, unless stored exactly as one of ours). CO_EDATA when it is missing or of another class.
 */
co_status co_file_extent(const co_file *file, const char *name, co_extent *extent);
/* Reads the whole dataset converted to type (width for CO_STR) into data. A value that does not fit
 * (300 into u8, 0.5 into an integer) is CO_EDATA. */
co_status co_file_read(const co_file *file, const char *name, co_dtype type, size_t width,
                       void *data);
/* Rows [first, first + n) along the first dimension. */
co_status co_file_read_rows(const co_file *file, const char *name, co_dtype type, size_t first,
                            size_t n, void *data);
/* How many rows of row_bytes in memory to read at a time: about 512 KiB, and whole chunks of a
 * chunked file. */
co_status co_file_block_rows(const co_file *file, const char *name, size_t row_bytes, size_t *rows);
/* Allocates: *data is a co_malloc block of extent's count, in the type asked for; *n = elements. */
co_status co_file_read_new(const co_file *file, const char *name, co_dtype type, void **data,
                           size_t *n);
co_status co_file_read_strings(const co_file *file, const char *name, char ***strings,
                               size_t *n); /* co_strings_free */
void co_strings_free(char **strings, size_t n);

/* Attributes. name "attr" belongs to the root, "dataset@attr" to an object. Text is stored
 * fixed-length. */
co_status co_file_set_text(co_file *file, const char *name, const char *text);
co_status co_file_set_int(co_file *file, const char *name, int64_t value);
co_status co_file_set_u64(co_file *file, const char *name, uint64_t value);
co_status co_file_set_reals(co_file *file, const char *name, const double *values,
                            size_t n); /* n = 1: scalar */
bool co_file_has_attr(const co_file *file, const char *name);
bool co_file_is_text(const co_file *file, const char *name); /* an attribute that is there */
co_status co_file_get_text(const co_file *file, const char *name,
                           char **text); /* new block; also variable-length strings */
co_status co_file_get_int(const co_file *file, const char *name, int64_t *value);
co_status co_file_get_u64(const co_file *file, const char *name, uint64_t *value);
co_status co_file_get_reals(const co_file *file, const char *name, double **values,
                            size_t *n); /* new block */

/* The attributes every file carries: format, version, tool, seed, config (YAML text), source. */
co_status co_file_set_head(co_file *file, uint64_t seed, const char *config, const char *source);

/* Names of the datasets in the file (full paths with leading slash) in byte order, those behind
 * links too; co_strings_free. CO_EDATA for a link that leads nowhere. */
co_status co_file_list(const co_file *file, char ***names, size_t *n);
/* The content digest of INTERFACE.md as 32 hex digits and a NUL into hex[33]. */
co_status co_file_digest(const co_file *file, char hex[33]);
