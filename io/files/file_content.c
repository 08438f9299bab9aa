/* io/files/file_content.c - content in memory. Cost of the digest: one pass of BLAKE2b, about 1
 * GB/s. */
#include "io/content.h"
#include "core/memory.h"
#include "io/files/digest.h"
#include "io/files/file_private.h"
#include <stdio.h>
#include <string.h>

co_status co_content_add(co_content *content, const char *name, const co_extent *extent,
                         const void *data)
{
    if (co_reserve((void **)&content->part, &content->capacity, content->n + 1,
                   sizeof *content->part))
        return CO_FAIL(CO_ENOMEM, "list of %zu datasets", content->n + 1);
    co_content_part *part = &content->part[content->n++];
    CO_ASSERT(strlen(name) < sizeof part->name);
    snprintf(part->name, sizeof part->name, "%s", name);
    part->extent = *extent;
    part->data = data;
    return CO_OK;
}

void co_content_fini(co_content *content)
{
    co_free(content->part);
    *content = (co_content){0};
}

co_status co_content_write(const co_content *content, co_file *file)
{
    for (size_t i = 0; i < content->n; i++) {
        const co_content_part *part = &content->part[i];
        CO_TRY(co_file_write(file, part->name, &part->extent, part->data));
    }
    return CO_OK;
}

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

static void feed_part(co_hash_state *hash, const co_content_part *part)
{
    char path[sizeof part->name + 1], type[32];
    snprintf(path, sizeof path, "/%s", part->name);
    numpy_name(&part->extent, type);
    co_digest_head(hash, path, type, &part->extent);
    const size_t bytes =
        co_extent_count(&part->extent) * co_dtype_size(part->extent.type, part->extent.width);
    if (bytes > 0) crypto_generichash_blake2b_update(hash, part->data, bytes);
}

void co_content_digest(const co_content *content, const char *format,
                       const co_content_attribute *attribute, size_t n_attributes, char hex[33])
{
    co_hash_state hash;
    unsigned char sum[16];
    char version[16];
    CO_ASSERT(sodium_init() >= 0);
    crypto_generichash_blake2b_init(&hash, NULL, 0, sizeof sum);
    for (const co_content_part *part = following(content, NULL); part;
         part = following(content, part))
        feed_part(&hash, part);
    snprintf(version, sizeof version, "%d", CO_FILE_VERSION);
    co_digest_attribute(&hash, "format", format);
    co_digest_attribute(&hash, "version", version);
    for (size_t i = 0; i < n_attributes; i++)
        co_digest_attribute(&hash, attribute[i].name, attribute[i].value);
    crypto_generichash_blake2b_final(&hash, sum, sizeof sum);
    co_hex(sum, sizeof sum, hex);
}
