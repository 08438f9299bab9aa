/* io/files/file_seal.c - the 512-byte user block: one line, "FORMAT VERSION LENGTH HEX\n",
 * zero-padded.
 *
 * HEX = BLAKE2b-32(line up to and including the blank before HEX || what follows the block). The
 * line is hashed too, and the parser takes one spelling only (single blanks, no leading zeros,
 * lower-case digits, zero padding), so that no bit of the file can change unnoticed. Cost: one
 * streaming pass, about 1 GB/s. The sum is four chains x = f((x ^ word) K), f a bijection, of
 * 64-bit words in turn: a changed word always changes it, other changes but for 1 in 2^64. */
#include "io/files/file_private.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/files/digest.h"
#include "io/magic.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK ((size_t)1 << 20)
static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

const char *co_format_find(const char *word, size_t n)
{
    static const char *const formats[] = {"cohort-dataset", "cohort-partition", "cohort-run",
                                          "cohort-checkpoint", "cohort-comparison"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strlen(formats[i]) == n && memcmp(formats[i], word, n) == 0) return formats[i];
    return NULL;
}

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

/* ---- sum ---- */

typedef struct {
    uint64_t lane[4];
} chains;

static uint64_t step(uint64_t x, uint64_t word)
{
    x = (x ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 32;
}

/* n bytes; a last piece that fills no four words counts as padded with zeros. */
static void add_bytes(chains *c, const unsigned char *bytes, size_t n)
{
    uint64_t word[4], x[4];
    memcpy(x, c->lane, sizeof x);
    for (size_t at = 0; at < n; at += sizeof word) {
        memset(word, 0, sizeof word);
        memcpy(word, bytes + at, n - at < sizeof word ? n - at : sizeof word);
        for (int i = 0; i < 4; i++) x[i] = step(x[i], word[i]);
    }
    memcpy(c->lane, x, sizeof x);
}

/* The body's chains, then the block's words, then the length. */
static uint64_t finish(const chains *body, uint64_t length, const char block[CO_SEAL_BLOCK])
{
    chains all = *body;
    add_bytes(&all, (const unsigned char *)block, CO_SEAL_BLOCK);
    uint64_t sum = length;
    for (int i = 0; i < 4; i++) sum = step(sum, all.lane[i]);
    return sum;
}

/* ---- passes over the body ---- */

/* What is formed of the body; either may be NULL. */
typedef struct {
    crypto_generichash_blake2b_state *hash;
    chains *sum;
    bool push; /* sends each piece on its way to the disk first */
} pass;

/* One pass over the bytes [512, 512 + length) of fd. */
static co_status pass_body(int fd, const char *path, uint64_t length, const pass *p)
{
    unsigned char *buffer = co_malloc(CHUNK, 1);
    if (!buffer)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for a buffer of %zu bytes", path, CHUNK);
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    co_status st = CO_OK;
    for (uint64_t at = 0; at < length && st == CO_OK;) {
        const size_t n = length - at < CHUNK ? (size_t)(length - at) : CHUNK;
        const off_t place = (off_t)(CO_SEAL_BLOCK + at);
        if (p->push) sync_file_range(fd, place, (off_t)n, SYNC_FILE_RANGE_WRITE);
        const ssize_t got = read_at(fd, buffer, n, place);
        if (got < 0)
            st = co_file_errno(path, "read", errno);
        else if ((size_t)got < n)
            st = CO_FAIL(CO_EDATA, "%s: ends while it is read; is another program writing it?",
                         path);
        else {
            if (p->hash) crypto_generichash_blake2b_update(p->hash, buffer, n);
            if (p->sum) add_bytes(p->sum, buffer, n);
        }
        at += n;
    }
    co_free(buffer);
    return st;
}

/* BLAKE2b-32 of prefix and of bytes [512, 512 + length) of fd, as hex; sum NULL: the hash alone, of
 * a file that stands. */
static co_status hash_body(int fd, const char *path, const char *prefix, size_t n_prefix,
                           uint64_t length, char hex[65], chains *sum)
{
    crypto_generichash_blake2b_state state;
    unsigned char hash[32];
    CO_ASSERT(sodium_init() >= 0);
    crypto_generichash_blake2b_init(&state, NULL, 0, sizeof hash);
    crypto_generichash_blake2b_update(&state, (const unsigned char *)prefix, n_prefix);
    const co_status st = pass_body(fd, path, length, &(pass){&state, sum, sum != NULL});
    crypto_generichash_blake2b_final(&state, hash, sizeof hash);
    co_hex(hash, sizeof hash, hex);
    return st;
}

co_status co_seal_sum(int fd, const char *path, uint64_t *sum)
{
    struct stat info;
    chains body = {0};
    char block[CO_SEAL_BLOCK];
    if (fstat(fd, &info) != 0) return co_file_errno(path, "read", errno);
    const ssize_t got = read_at(fd, (unsigned char *)block, sizeof block, 0);
    if (got < 0) return co_file_errno(path, "read", errno);
    if (got < CO_SEAL_BLOCK) return CO_FAIL(CO_EDATA, "%s: ends inside its first bytes", path);
    const uint64_t length = (uint64_t)info.st_size - CO_SEAL_BLOCK;
    CO_TRY(pass_body(fd, path, length, &(pass){.sum = &body}));
    *sum = finish(&body, length, block);
    return CO_OK;
}

co_status co_seal_write(int fd, const char *path, const char *format, char hex[65], uint64_t *sum)
{
    struct stat info;
    chains body = {0};
    char block[CO_SEAL_BLOCK] = {0};
    if (fstat(fd, &info) != 0) return co_file_errno(path, "read", errno);
    if (info.st_size < CO_SEAL_BLOCK) return CO_FAIL(CO_EFILE, "%s: HDF5 left an empty file", path);
    const uint64_t length = (uint64_t)info.st_size - CO_SEAL_BLOCK;
    const int n = snprintf(block, sizeof block, "%s %d %llu ", format, CO_FILE_VERSION,
                           (unsigned long long)length);
    CO_TRY(hash_body(fd, path, block, (size_t)n, length, hex, &body));
    snprintf(block + n, sizeof block - (size_t)n, "%s\n", hex);
    *sum = finish(&body, length, block);
    for (size_t done = 0; done < sizeof block;) {
        const bool fault = co_fault("file_write");
        const ssize_t put = fault ? -1 : pwrite(fd, block + done, sizeof block - done, (off_t)done);
        if (fault) errno = EIO;
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return co_file_errno(path, "write", errno);
        done += (size_t)put;
    }
    return CO_OK;
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
    CO_TRY(hash_body(fd, path, start, (size_t)(line.word[3] - start), length, hex, NULL));
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
