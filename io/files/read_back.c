/* io/files/read_back.c - a file on the disk against what it should be, piece by piece.
 *
 * Each piece of 8 MiB has a sum of 64 bits, formed of what should stand there and of what the disk
 * gives: four chains x = f((x ^ word) K), f a bijection, of 64-bit words in turn. A changed word
 * always changes it, other changes but for 1 in 2^64; they tell a copy that differs by chance as
 * BLAKE2b does, at ten times its pace. The first piece, whose head is written last, is compared
 * after the final sync. An fdatasync comes before each batch of pieces: the writer has sent its
 * bytes on their way, so that it waits little, and what it leaves clean can be dropped on every
 * file system. Cost: one pass of the disk each way beside the hash; 8 bytes a piece. */
#include "io/files/read_back.h"
#include "core/memory.h"
#include "core/thread.h"
#include "io/files/file_private.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PIECE ((uint64_t)8 << 20)
#define BUFFER ((size_t)256 << 10)
enum { BATCH = 8 }; /* pieces that are brought to the disk together */

typedef struct {
    uint64_t lane[4];
} chains;

struct co_read_back {
    const char *path;
    int fd;
    size_t head;
    uint64_t bytes, expected; /* of the file; of them, what is known */
    chains sum;               /* of the piece that is being told */
    uint64_t *want;           /* [pieces] */
    bool fault;               /* injected */
    bool with_thread;
    pthread_t thread;
    pthread_mutex_t lock; /* of the rest */
    pthread_cond_t more;
    size_t n_known; /* pieces with their sum in want */
    bool closed;    /* there will be no more */
    int error;      /* errno of what failed */
    bool differs;
    unsigned char *buffer; /* [BUFFER] of whoever reads */
};

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

static uint64_t finish_sum(const chains *c, uint64_t n)
{
    uint64_t sum = n;
    for (int i = 0; i < 4; i++) sum = step(sum, c->lane[i]);
    return sum;
}

/* ---- the disk's side ---- */

static uint64_t piece_begin(const co_read_back *c, size_t piece)
{
    return piece == 0 ? c->head : piece * PIECE;
}

static uint64_t piece_end(const co_read_back *c, size_t piece)
{
    const uint64_t end = (piece + 1) * PIECE;
    return end < c->bytes ? end : c->bytes;
}

/* Whether n bytes could be read; else *error, 0 when the file ends. */
static bool read_all(const co_read_back *c, uint64_t at, size_t n, int *error)
{
    for (size_t done = 0; done < n;) {
        const ssize_t got = pread(c->fd, c->buffer + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) continue;
        *error = got < 0 ? errno : 0;
        if (got <= 0) return false;
        done += (size_t)got;
    }
    return true;
}

static bool check_piece(const co_read_back *c, size_t piece, int *error)
{
    const uint64_t begin = piece_begin(c, piece), end = piece_end(c, piece);
    chains sum = {0};
    posix_fadvise(c->fd, (off_t)(piece * PIECE), (off_t)(end - piece * PIECE),
                  POSIX_FADV_DONTNEED); /* so that the disk is read */
    for (uint64_t at = begin; at < end;) {
        const size_t n = end - at < BUFFER ? (size_t)(end - at) : BUFFER;
        if (!read_all(c, at, n, error)) return false;
        add_bytes(&sum, c->buffer, n);
        at += n;
    }
    return finish_sum(&sum, end - begin) == c->want[piece];
}

/* Checks the pieces but the first, in batches, as they become known. */
static void check_pieces(co_read_back *c)
{
    bool good = true;
    int error = 0;
    size_t piece = 1;
    pthread_mutex_lock(&c->lock);
    while (good) {
        while (c->n_known < piece + BATCH && !c->closed) pthread_cond_wait(&c->more, &c->lock);
        const size_t n_known = c->n_known;
        if (n_known <= piece) break;
        pthread_mutex_unlock(&c->lock);
        good = fdatasync(c->fd) == 0;
        if (!good) error = errno;
        for (; piece < n_known && good; piece++) good = check_piece(c, piece, &error);
        pthread_mutex_lock(&c->lock);
    }
    c->error = error;
    c->differs = !good;
    pthread_mutex_unlock(&c->lock);
}

static void *follow(void *self)
{
    check_pieces(self);
    return NULL;
}

/* ---- the caller's side ---- */

static void end(co_read_back *c)
{
    if (c->fd >= 0) close(c->fd);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->more);
    co_free(c->want);
    co_free(c->buffer);
    co_free(c);
}

co_status co_read_back_start(const char *temporary, const char *path, size_t head, uint64_t bytes,
                             co_read_back **check)
{
    *check = NULL;
    co_read_back *c = co_calloc(1, sizeof *c);
    if (!c) return CO_FAIL(CO_ENOMEM, "%s: out of memory", path);
    c->path = path;
    c->head = head;
    c->bytes = bytes;
    c->expected = head;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->more, NULL);
    c->want = co_malloc((size_t)(bytes / PIECE) + 1, sizeof *c->want);
    c->buffer = co_malloc(BUFFER, 1);
    c->fd = open(temporary, O_RDWR | O_CLOEXEC);
    co_status st = CO_OK;
    if (!c->want || !c->buffer)
        st = CO_FAIL(CO_ENOMEM, "%s: out of memory to read it back", path);
    else if (c->fd < 0)
        st = co_file_errno(path, "read back", errno);
    if (st == CO_OK)
        *check = c;
    else
        end(c);
    return st;
}

/* The piece at hand is known as a whole. The thread starts with the second one. */
static void pass_on(co_read_back *c)
{
    const uint64_t n = c->expected - piece_begin(c, c->n_known);
    c->fault |= co_fault("file_read");
    pthread_mutex_lock(&c->lock);
    c->want[c->n_known++] = finish_sum(&c->sum, n);
    pthread_cond_signal(&c->more);
    pthread_mutex_unlock(&c->lock);
    c->sum = (chains){0};
    if (c->n_known == 2) c->with_thread = co_thread_start(&c->thread, follow, c);
}

void co_read_back_expect(co_read_back *c, const void *bytes, size_t n)
{
    const unsigned char *from = bytes;
    CO_ASSERT(n <= c->bytes - c->expected);
    while (n > 0) {
        const uint64_t room = piece_end(c, c->n_known) - c->expected;
        const size_t take = n < room ? n : (size_t)room;
        add_bytes(&c->sum, from, take);
        c->expected += take;
        from += take;
        n -= take;
        if (take == room) pass_on(c);
    }
}

static co_status verdict(const co_read_back *c, bool good, int error)
{
    if (c->fault) error = EIO;
    if (error) return co_file_errno(c->path, "read back what was written", error);
    if (good) return CO_OK;
    return CO_FAIL(CO_EFILE, "%s: what was written cannot be read back; check the disk", c->path);
}

/* The first piece, and the head before it. */
static bool check_start(co_read_back *c, const void *head, int *error)
{
    posix_fadvise(c->fd, 0, (off_t)piece_end(c, 0), POSIX_FADV_DONTNEED);
    if (!read_all(c, 0, c->head, error) || memcmp(c->buffer, head, c->head) != 0) return false;
    return c->bytes == c->head || check_piece(c, 0, error);
}

co_status co_read_back_finish(co_read_back *c, const void *head)
{
    if (!c) return CO_OK;
    pthread_mutex_lock(&c->lock);
    c->closed = true;
    pthread_cond_signal(&c->more);
    pthread_mutex_unlock(&c->lock);
    if (c->with_thread)
        pthread_join(c->thread, NULL);
    else if (head)
        check_pieces(c);
    co_status st = CO_OK;
    if (head) {
        CO_ASSERT(c->expected == c->bytes);
        int error = c->error;
        bool good = !c->differs;
        if (good) good = check_start(c, head, &error);
        st = verdict(c, good, error);
    }
    end(c);
    return st;
}
