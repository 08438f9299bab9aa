/* io/files/file_content.c - content on its way into a file and into its digest.
 *
 * A large part gets its place in the file when its turn comes, by its first row, and its rows when
 * the digest, which goes by names, comes to it: both see one pass of blocks that stay in the cache.
 * Cost: the larger of writing and BLAKE2b (0.9 GB/s), which has a thread of its own; a block of
 * memory, 512 KiB or a row of chunks of the source. */
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

static co_status pass_block(const co_content_part *part, co_file *file, size_t first, size_t n,
                            const void *rows, co_hasher *hash)
{
    if (part->check) CO_TRY(part->check(part->self, part->name, first, n, rows));
    co_hasher_feed(hash, rows, n * row_of(part));
    return file ? co_file_write_rows(file, part->name, first, n, rows) : CO_OK;
}

static co_status pass_memory(const co_content_part *part, co_file *file, co_hasher *hash)
{
    const size_t rows = part->extent.dim[0], row = row_of(part),
                 step = row >= BLOCK_BYTES ? 1 : BLOCK_BYTES / (row ? row : 1);
    for (size_t at = 0; at < rows; at += step)
        CO_TRY(pass_block(part, file, at, rows - at < step ? rows - at : step,
                          (const char *)part->data + at * row, hash));
    return CO_OK;
}

static co_status pass_source(const co_content_part *part, co_file *file, co_hasher *hash)
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
        if (st == CO_OK) st = pass_block(part, file, at, n, block, hash);
    }
    co_free(block);
    return st;
}

static co_status pass_part(const co_content_part *part, co_file *file, co_hasher *hash)
{
    char path[sizeof part->name + 1], type[32];
    snprintf(path, sizeof path, "/%s", part->name);
    numpy_name(&part->extent, type);
    co_digest_head(hash, path, type, &part->extent);
    if (!part->data && bytes_of(part) > 0) return pass_source(part, file, hash);
    if (is_large(part)) return pass_memory(part, file, hash);
    co_hasher_feed(hash, part->data, bytes_of(part));
    return CO_OK;
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

co_status co_content_write(const co_content *content, co_file *file, const char *format,
                           const co_content_attribute *attribute, size_t n_attributes, char hex[33])
{
    co_hasher hash;
    unsigned char sum[16];
    co_status st = CO_OK;
    for (size_t i = 0; file && i < content->n; i++) CO_TRY(begin_part(&content->part[i], file));
    co_hasher_start(&hash, sizeof sum);
    for (const co_content_part *part = following(content, NULL); part && st == CO_OK;
         part = following(content, part))
        st = pass_part(part, file, &hash);
    pass_attributes(format, attribute, n_attributes, &hash);
    co_hasher_finish(&hash, sum, sizeof sum);
    co_hex(sum, sizeof sum, hex);
    return st;
}
