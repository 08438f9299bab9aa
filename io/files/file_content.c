/* io/files/file_content.c - content on its way into a file and into its digest.
 *
 * A large part gets its place in the file when its turn comes, by its first row, and its rows when
 * the digest, which goes by names, comes to it, or, of what is in memory, beside the digest in the
 * order of places. The seal follows as far as all before is written. Cost: the larger of writing
 * and BLAKE2b (0.9 GB/s), where digest and seal have a thread each; a block of memory, 512 KiB or a
 * row of chunks of the source. */
#include "io/content.h"
#include "core/memory.h"
#include "io/files/digest.h"
#include "io/files/file_private.h"
#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)512 << 10)

co_status co_content_add_part(co_content *content, const co_content_part *part)
{
    if (co_reserve((void **)&content->part, &content->capacity, content->n + 1,
                   sizeof *content->part))
        return CO_FAIL(CO_ENOMEM, "list of %zu datasets", content->n + 1);
    content->part[content->n++] = *part;
    return CO_OK;
}

co_status co_content_add(co_content *content, const char *name, const co_extent *extent,
                         const void *data)
{
    co_content_part part = {.extent = *extent, .data = data};
    CO_ASSERT(strlen(name) < sizeof part.name);
    snprintf(part.name, sizeof part.name, "%s", name);
    return co_content_add_part(content, &part);
}

co_status co_content_add_strings(co_content *content, const char *name, char *const *strings,
                                 size_t n)
{
    size_t width = 1;
    for (size_t i = 0; i < n; i++)
        if (strlen(strings[i]) > width) width = strlen(strings[i]);
    char *all = co_calloc(n, width);
    if (!all) return CO_FAIL(CO_ENOMEM, "%s: %zu names, %zu bytes each", name, n, width);
    for (size_t i = 0; i < n; i++) memcpy(all + i * width, strings[i], strlen(strings[i]));
    const co_status st = co_content_add(content, name, &(co_extent){CO_STR, width, 1, {n}}, all);
    if (st == CO_OK)
        content->part[content->n - 1].own = all;
    else
        co_free(all);
    return st;
}

void co_content_fini(co_content *content)
{
    for (size_t i = 0; i < content->n; i++) co_free(content->part[i].own);
    co_free(content->part);
    *content = (co_content){0};
}

/* ---- places ---- */

static size_t bytes_of(const co_content_part *part)
{
    return co_extent_count(&part->extent) * co_dtype_size(part->extent.type, part->extent.width);
}

static size_t row_of(const co_content_part *part)
{
    const size_t rows = part->extent.ndim ? part->extent.dim[0] : 1;
    return rows ? bytes_of(part) / rows : 0;
}

/* Whether it is written block by block, not at once. */
static bool is_large(const co_content_part *part)
{
    return bytes_of(part) > 0 &&
           (!part->data || (part->extent.ndim && bytes_of(part) > BLOCK_BYTES));
}

/* HDF5 gives a dataset its place when something is written into it. */
static co_status take_place(const co_content_part *part, co_file *file)
{
    void *zeros = co_calloc(1, row_of(part));
    if (!zeros)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for a row of %s", co_file_path(file),
                       part->name);
    const co_status st =
        co_file_write_rows(file, part->name, 0, 1, part->data ? part->data : zeros);
    co_free(zeros);
    return st;
}

static co_status begin_part(const co_content_part *part, co_file *file)
{
    char name[sizeof part->name + 64];
    if (is_large(part))
        CO_TRY(co_file_create_rows(file, part->name, &part->extent));
    else
        CO_TRY(co_file_write(file, part->name, &part->extent, part->data));
    for (size_t i = 0; i < part->n_reals; i++) {
        const co_content_reals *reals = &part->reals[i];
        snprintf(name, sizeof name, "%s@%s", part->name, reals->name);
        CO_TRY(co_file_set_reals(file, name, reals->values, reals->n));
    }
    return is_large(part) ? take_place(part, file) : CO_OK;
}

/* ---- the pass ---- */

/* The first part in byte order of the names that comes after `last` (NULL: of all). */
static const co_content_part *following(const co_content *content, const co_content_part *last)
{
    const co_content_part *next = NULL;
    for (size_t i = 0; i < content->n; i++) {
        const co_content_part *part = &content->part[i];
        if ((!last || strcmp(part->name, last->name) > 0) &&
            (!next || strcmp(part->name, next->name) < 0))
            next = part;
    }
    return next;
}

/* NumPy's name of the type as we store it. */
static void numpy_name(const co_extent *extent, char name[32])
{
    static const char *const fixed[] = {[CO_U8] = "|u1",  [CO_I32] = "<i4", [CO_I64] = "<i8",
                                        [CO_U64] = "<u8", [CO_F32] = "<f4", [CO_F64] = "<f8"};
    if (extent->type == CO_STR)
        snprintf(name, 32, "|S%zu", extent->width);
    else
        snprintf(name, 32, "%s", fixed[extent->type]);
}

/* A pass under way: the digest goes by names, writing by places and the seal behind it. What is in
 * memory is written beside, piece by piece; what comes from a source when the digest has it. */
typedef struct {
    const co_content *content;
    co_file *file;  /* NULL: the digest alone */
    uint64_t *next; /* [parts]: the byte in the file that is written next; UINT64_MAX: no more */
    size_t writing, written; /* the part in memory that is written, bytes of it */
    co_hasher hash;
} pass;

/* The first byte that is still to be written. */
static uint64_t first_open(const pass *p)
{
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < p->content->n; i++)
        if (p->next[i] < first) first = p->next[i];
    return first;
}

/* The next n bytes of part i into the file, and into the seal as far as all before is there. */
static co_status put(pass *p, size_t i, const void *bytes, size_t n, bool last)
{
    CO_TRY(co_file_put(p->file, p->content->part[i].name, p->next[i], bytes, n));
    p->next[i] = last ? UINT64_MAX : p->next[i] + n;
    return co_file_final(p->file, first_open(p));
}

/* Whether there is a piece in memory that is not written yet. */
static bool find_piece(pass *p)
{
    const co_content *content = p->content;
    while (p->writing < content->n &&
           !(content->part[p->writing].data && is_large(&content->part[p->writing])))
        p->writing++;
    return p->writing < content->n;
}

static co_status write_piece(pass *p)
{
    const co_content_part *part = &p->content->part[p->writing];
    const size_t i = p->writing, at = p->written, left = bytes_of(part) - at;
    const bool last = left <= BLOCK_BYTES;
    p->written = last ? 0 : at + BLOCK_BYTES;
    p->writing += last;
    return put(p, i, (const char *)part->data + at, last ? left : BLOCK_BYTES, last);
}

/* A piece into the digest, and another one from memory into the file. */
static co_status pass_piece(pass *p, const void *bytes, size_t n)
{
    co_hasher_feed(&p->hash, bytes, n);
    return p->file && find_piece(p) ? write_piece(p) : CO_OK;
}

static size_t piece(size_t n, size_t at)
{
    return n - at < BLOCK_BYTES ? n - at : BLOCK_BYTES;
}

static co_status pass_memory(pass *p, const co_content_part *part)
{
    const size_t n = bytes_of(part);
    for (size_t at = 0; at < n; at += BLOCK_BYTES)
        CO_TRY(pass_piece(p, (const char *)part->data + at, piece(n, at)));
    return CO_OK;
}

/* n bytes that were read, the last of the part or not. */
static co_status pass_block(pass *p, const co_content_part *part, const char *bytes, size_t n,
                            bool last)
{
    const size_t i = (size_t)(part - p->content->part);
    for (size_t at = 0; at < n; at += BLOCK_BYTES) {
        const size_t size = piece(n, at);
        CO_TRY(pass_piece(p, bytes + at, size));
        if (p->file) CO_TRY(put(p, i, bytes + at, size, last && at + size == n));
    }
    return CO_OK;
}

static co_status pass_source(pass *p, const co_content_part *part)
{
    const size_t rows = part->extent.dim[0], row = row_of(part);
    size_t step;
    CO_TRY(co_file_block_rows(part->source, part->name, row, &step));
    if (step > rows) step = rows;
    void *block = co_malloc(step, row);
    if (!block)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu rows of %s",
                       co_file_path(part->source), step, part->name);
    co_status st = CO_OK;
    for (size_t at = 0; st == CO_OK && at < rows; at += step) {
        const size_t n = rows - at < step ? rows - at : step;
        st = co_file_read_rows(part->source, part->name, part->extent.type, at, n, block);
        if (st == CO_OK && part->check) st = part->check(part->self, part->name, at, n, block);
        if (st == CO_OK) st = pass_block(p, part, block, n * row, at + n == rows);
    }
    co_free(block);
    return st;
}

static co_status pass_part(pass *p, const co_content_part *part)
{
    char path[sizeof part->name + 1], type[32];
    co_status st = CO_OK;
    snprintf(path, sizeof path, "/%s", part->name);
    numpy_name(&part->extent, type);
    co_digest_head(&p->hash, path, type, &part->extent);
    if (!is_large(part))
        co_hasher_feed(&p->hash, part->data, bytes_of(part));
    else
        st = part->data ? pass_memory(p, part) : pass_source(p, part);
    return st;
}

static void pass_attributes(const char *format, const co_content_attribute *attribute, size_t n,
                            co_hasher *hash)
{
    char version[16];
    snprintf(version, sizeof version, "%d", CO_FILE_VERSION);
    co_digest_attribute(hash, "format", format);
    co_digest_attribute(hash, "version", version);
    for (size_t i = 0; i < n; i++) co_digest_attribute(hash, attribute[i].name, attribute[i].value);
}

co_status co_content_place(const co_content *content, co_file *file)
{
    for (size_t i = 0; i < content->n; i++) CO_TRY(begin_part(&content->part[i], file));
    return CO_OK;
}

/* Leaves the file to the rows of the large parts. */
static co_status open_pass(pass *p)
{
    const co_content *content = p->content;
    p->next = co_malloc(content->n, sizeof *p->next);
    if (!p->next) return CO_FAIL(CO_ENOMEM, "places of %zu datasets", content->n);
    for (size_t i = 0; i < content->n; i++) {
        p->next[i] = UINT64_MAX;
        if (is_large(&content->part[i]))
            CO_TRY(co_file_place(p->file, content->part[i].name, &p->next[i]));
    }
    return co_file_settle(p->file);
}

co_status co_content_write(const co_content *content, co_file *file, const char *format,
                           const co_content_attribute *attribute, size_t n_attributes, char hex[33])
{
    pass p = {.content = content, .file = file};
    unsigned char sum[16];
    co_status st = file ? open_pass(&p) : CO_OK;
    co_hasher_start(&p.hash, sizeof sum);
    for (const co_content_part *part = following(content, NULL); part && st == CO_OK;
         part = following(content, part))
        st = pass_part(&p, part);
    while (file && st == CO_OK && find_piece(&p)) st = write_piece(&p);
    pass_attributes(format, attribute, n_attributes, &p.hash);
    co_hasher_finish(&p.hash, sum, sizeof sum);
    co_hex(sum, sizeof sum, hex);
    co_free(p.next);
    return st;
}
