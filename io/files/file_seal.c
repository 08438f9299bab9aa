/* io/files/file_seal.c - the 512-byte user block: one line, "FORMAT VERSION LENGTH HEX\n",
 * zero-padded.
 *
 * HEX = BLAKE2b-32(line up to and including the blank before HEX || what follows the block). The
 * line is hashed too, and the parser takes one spelling only (single blanks, no leading zeros,
 * lower-case digits, zero padding), so that no bit of the file can change unnoticed. A seal may
 * begin while rows are still written and follow them through the page cache. Cost: one streaming
 * pass, about 0.9 GB/s, with reading and its check (read_back.c) beside it. */
#include "io/files/file_private.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/files/digest.h"
#include "io/files/hasher.h"
#include "io/magic.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK ((size_t)256 << 10) /* stays in the cache while it is looked at */
static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

const char *co_format_find(const char *word, size_t n)
{
    static const char *const formats[] = {"cohort-dataset",    "cohort-partition",
                                          "cohort-run",        "cohort-checkpoint",
                                          "cohort-comparison", "cohort-predictions"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strlen(formats[i]) == n && memcmp(formats[i], word, n) == 0) return formats[i];
    return NULL;
}

/* Reads n bytes at `at`, or as many as there are; -1 with errno. */
static ssize_t read_at(int fd, unsigned char *buffer, size_t n, off_t at)
{
    size_t done = 0;
    if (co_fault("file_read")) {
        errno = EIO;
        return -1;
    }
    while (done < n) {
        const ssize_t got = pread(fd, buffer + done, n - done, at + (off_t)done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* ---- hash ---- */

/* Bytes [begin, end) of fd into the hash. check: is told what was read; NULL: none. */
static co_status hash_range(int fd, const char *path, uint64_t begin, uint64_t end,
                            co_hasher *hasher, unsigned char buffer[CHUNK], co_read_back *check)
{
    for (uint64_t at = begin; at < end;) {
        const size_t n = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
        const ssize_t got = read_at(fd, buffer, n, (off_t)at);
        if (got < 0) return co_file_errno(path, "read", errno);
        if ((size_t)got < n)
            return CO_FAIL(CO_EDATA, "%s: ends while it is read; is another program writing it?",
                           path);
        co_hasher_feed(hasher, buffer, n);
        if (check) co_read_back_expect(check, buffer, n);
        at += n;
    }
    return CO_OK;
}

/* BLAKE2b-32 of prefix and of bytes [512, 512 + length) of fd, as hex. */
static co_status hash_body(int fd, const char *path, const char *prefix, size_t n_prefix,
                           uint64_t length, char hex[65])
{
    unsigned char hash[32], *buffer = co_malloc(CHUNK, 1);
    if (!buffer)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for a buffer of %zu bytes", path, CHUNK);
    co_hasher hasher;
    co_hasher_start(&hasher, sizeof hash);
    co_hasher_feed(&hasher, prefix, n_prefix);
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    const co_status st =
        hash_range(fd, path, CO_SEAL_BLOCK, CO_SEAL_BLOCK + length, &hasher, buffer, NULL);
    co_hasher_finish(&hasher, hash, sizeof hash);
    co_hex(hash, sizeof hash, hex);
    co_free(buffer);
    return st;
}

/* ---- a seal in the making ---- */

struct co_sealing {
    const char *path;
    int fd;
    uint64_t at, end; /* hashed up to here; the size of the file */
    co_hasher hasher;
    co_read_back *check;
    unsigned char *buffer; /* [CHUNK] */
    bool written;          /* the block is whole */
    int n_prefix;
    char block[CO_SEAL_BLOCK];
};

static co_status write_block(int fd, const char *path, const char block[CO_SEAL_BLOCK])
{
    for (size_t done = 0; done < CO_SEAL_BLOCK;) {
        const bool fault = co_fault("file_write");
        const ssize_t put =
            fault ? -1 : pwrite(fd, block + done, CO_SEAL_BLOCK - done, (off_t)done);
        if (fault) errno = EIO;
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return co_file_errno(path, "write", errno);
        done += (size_t)put;
    }
    return CO_OK;
}

co_status co_seal_start(int fd, const char *temporary, const char *path, const char *format,
                        co_sealing **sealing)
{
    struct stat info;
    *sealing = NULL;
    if (fstat(fd, &info) != 0) return co_file_errno(path, "read", errno);
    if (info.st_size < CO_SEAL_BLOCK) return CO_FAIL(CO_EFILE, "%s: HDF5 left an empty file", path);
    co_sealing *s = co_calloc(1, sizeof *s);
    if (!s) return CO_FAIL(CO_ENOMEM, "%s: out of memory", path);
    s->path = path;
    s->fd = fd;
    s->at = CO_SEAL_BLOCK;
    s->end = (uint64_t)info.st_size;
    s->buffer = co_malloc(CHUNK, 1);
    co_status st =
        s->buffer ? co_read_back_start(temporary, path, CO_SEAL_BLOCK, s->end, &s->check)
                  : CO_FAIL(CO_ENOMEM, "%s: out of memory for a buffer of %zu bytes", path, CHUNK);
    if (st != CO_OK) {
        co_free(s->buffer);
        co_free(s);
        return st;
    }
    s->n_prefix = snprintf(s->block, sizeof s->block, "%s %d %llu ", format, CO_FILE_VERSION,
                           (unsigned long long)(s->end - CO_SEAL_BLOCK));
    co_hasher_start(&s->hasher, 32);
    co_hasher_feed(&s->hasher, s->block, (size_t)s->n_prefix);
    *sealing = s;
    return CO_OK;
}

co_status co_seal_follow(co_sealing *s, uint64_t end)
{
    const uint64_t whole = end < s->end ? end / CHUNK * CHUNK : s->end;
    if (whole <= s->at) return CO_OK;
    CO_TRY(hash_range(s->fd, s->path, s->at, whole, &s->hasher, s->buffer, s->check));
    s->at = whole;
    return CO_OK;
}

static void finish_block(co_sealing *s)
{
    unsigned char hash[32];
    char hex[65];
    co_hasher_finish(&s->hasher, hash, sizeof hash);
    co_hex(hash, sizeof hash, hex);
    snprintf(s->block + s->n_prefix, sizeof s->block - (size_t)s->n_prefix, "%s\n", hex);
}

co_status co_seal_write(co_sealing *s)
{
    CO_TRY(co_seal_follow(s, s->end));
    finish_block(s);
    s->written = true;
    return write_block(s->fd, s->path, s->block);
}

co_status co_seal_end(co_sealing *s, bool synced)
{
    if (!s) return CO_OK;
    if (!s->written) finish_block(s);
    const co_status st = co_read_back_finish(s->check, synced ? s->block : NULL);
    co_free(s->buffer);
    co_free(s);
    return st;
}

/* The line taken apart; pointers into the block. */
typedef struct {
    const char *word[4];
    size_t n[4];
    uint64_t version, length;
} seal_line;

/* A decimal without sign, leading zeros or overflow. */
static bool parse_decimal(const char *text, size_t n, uint64_t *value)
{
    if (n == 0 || n > 18 || (text[0] == '0' && n > 1)) return false;
    *value = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        *value = *value * 10 + (uint64_t)(text[i] - '0');
    }
    return true;
}

static bool is_hex(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    return true;
}

/* What is wrong with the block, or NULL. */
static const char *parse_block(const char *block, seal_line *line)
{
    const char *end = memchr(block, '\n', CO_SEAL_BLOCK);
    if (!end) return "its first 512 bytes hold no line";
    for (const char *pad = end + 1; pad < block + CO_SEAL_BLOCK; pad++)
        if (*pad) return "the padding of its first 512 bytes is not zero";
    const char *at = block;
    for (int i = 0; i < 4; i++) {
        const char *stop = i < 3 ? memchr(at, ' ', (size_t)(end - at)) : end;
        if (!stop) return "its first line has fewer than four words";
        line->word[i] = at;
        line->n[i] = (size_t)(stop - at);
        at = stop + 1;
    }
    if (line->n[0] == 0) return "its first line names no format";
    if (!parse_decimal(line->word[1], line->n[1], &line->version))
        return "its first line holds no version";
    if (!parse_decimal(line->word[2], line->n[2], &line->length))
        return "its first line holds no length";
    if (line->n[3] != 64 || !is_hex(line->word[3], 64)) return "its first line holds no digest";
    return NULL;
}

static co_status damaged(const char *path, const char *what)
{
    return CO_FAIL(CO_EDATA, "%s: the file is damaged: %s; restore it from a copy or make it anew",
                   path, what);
}

/* The content of the line, once its digest holds. */
static co_status take_line(const char *path, const seal_line *line, co_seal *seal)
{
    seal->format = co_format_find(line->word[0], line->n[0]);
    if (!seal->format)
        return CO_FAIL(CO_EDATA, "%s: its format is '%.*s', which this program does not know", path,
                       (int)(line->n[0] < 40 ? line->n[0] : 40), line->word[0]);
    if (line->version != CO_FILE_VERSION)
        return CO_FAIL(CO_EDATA,
                       "%s: it has version %llu of %s; this program reads version %d: use the one "
                       "that wrote it",
                       path, (unsigned long long)line->version, seal->format, CO_FILE_VERSION);
    memcpy(seal->hex, line->word[3], 64);
    seal->hex[64] = '\0';
    return CO_OK;
}

co_status co_seal_lost(const char *path)
{
    return damaged(path, "its first 512 bytes were overwritten");
}

/* Whether the block is one of ours, even when it is damaged: most of the first word is there, or a
 * digest. */
static bool looks_ours(const char *block)
{
    static const char word[] = "cohort-";
    size_t same = 0, digits = 0;
    for (size_t i = 0; i < sizeof word - 1; i++) same += block[i] == word[i];
    for (size_t i = 0; i < CO_SEAL_BLOCK && digits < 32; i++)
        digits = is_hex(block + i, 1) ? digits + 1 : 0;
    return same >= 5 || digits == 32;
}

bool co_h5_base(int fd, uint64_t *base)
{
    struct stat info;
    unsigned char bytes[sizeof signature];
    const off_t size = fstat(fd, &info) == 0 ? info.st_size : 0;
    for (off_t at = 0; at < size && at >= 0; at = at ? 2 * at : 512)
        if (read_at(fd, bytes, sizeof bytes, at) == sizeof bytes &&
            memcmp(bytes, signature, sizeof signature) == 0)
            return *base = (uint64_t)at, true;
    return false;
}

/* Where somebody gets what is wanted. */
static const char *origin(const char *format)
{
    if (!format || strcmp(format, "cohort-dataset") == 0)
        return "`cohort list reader` names the formats that `cohort import` takes";
    if (strcmp(format, "cohort-partition") == 0) return "`cohort partition` makes partitions";
    if (strcmp(format, "cohort-checkpoint") == 0)
        return "runs leave checkpoints; weights made by hand are HDF5 too, a dataset model/NAME "
               "each";
    if (strcmp(format, "cohort-predictions") == 0) return "`cohort predict` makes predictions";
    return "`cohort run` leaves run.h5 in output.dir";
}

co_status co_seal_verify(int fd, const char *path, const char *format, co_seal *seal)
{
    *seal = (co_seal){0};
    struct stat info;
    unsigned char head[CO_SEAL_BLOCK + sizeof signature] = {0};
    if (fstat(fd, &info) != 0) return co_file_errno(path, "read", errno);
    if (S_ISDIR(info.st_mode)) return co_file_errno(path, "read", EISDIR);
    const ssize_t got = read_at(fd, head, sizeof head, 0);
    if (got < 0) return co_file_errno(path, "read", errno);
    const char *const start = (const char *)head;
    const bool ours = (size_t)got == sizeof head
                          ? looks_ours(start) && memcmp(head, signature, 8) != 0
                          : got >= 7 && memcmp(head, "cohort-", 7) == 0;
    if (!ours && co_h5_base(fd, &seal->base)) return seal->by_hand = true, CO_OK;
    if (!ours)
        return CO_FAIL(CO_EDATA, "%s: this is no HDF5 file of this program, but %s; %s", path,
                       co_magic_of(path), origin(format));
    seal_line line = {0};
    const char *fault =
        got == sizeof head ? parse_block(start, &line) : "it ends inside its first bytes";
    if (fault) return damaged(path, fault);
    char hex[65], text[128];
    const uint64_t length = (uint64_t)info.st_size - CO_SEAL_BLOCK;
    if (length != line.length) {
        snprintf(text, sizeof text, "its first line promises %llu bytes, %llu follow",
                 (unsigned long long)line.length, (unsigned long long)length);
        return damaged(path, text);
    }
    CO_TRY(hash_body(fd, path, start, (size_t)(line.word[3] - start), length, hex));
    if (memcmp(hex, line.word[3], 64) != 0) return damaged(path, "its digest does not hold");
    return take_line(path, &line, seal);
}

/* HDF5 holds an exclusive lock while it writes, and, in files of its newest format, sets a flag
 * that a killed writer or one that lets others read along (SWMR) leaves without the lock. */
co_status co_file_unused(int fd, const char *path, uint64_t base)
{
    enum { VERSION = 8, FLAGS = 11, WITH_FLAGS = 3, WRITING = 1 | 4 };
    unsigned char head[12];
    if (flock(fd, LOCK_SH | LOCK_NB) == 0)
        flock(fd, LOCK_UN);
    else if (errno == EWOULDBLOCK)
        return CO_FAIL(CO_EFILE,
                       "%s: another program has it open for writing; close it there (h5py: "
                       "file.close()), then try again",
                       path);
    if (pread(fd, head, sizeof head, (off_t)base) == sizeof head &&
        memcmp(head, signature, sizeof signature) == 0 && head[VERSION] == WITH_FLAGS &&
        (head[FLAGS] & WRITING))
        return CO_FAIL(CO_EDATA,
                       "%s: another program writes it, or was killed while it did; close it there, "
                       "or if none is left, `h5clear -s %s` takes away the mark",
                       path, path);
    return CO_OK;
}
