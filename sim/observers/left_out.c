/* sim/observers/left_out.c - digest and origin of the frozen tensors that a checkpoint leaves out.
 */
#include "sim/observers/left_out.h"
#include "core/memory.h"
#include "io/files/hasher.h"
#include <string.h>

/* H over the values of the tensors that are left out, in the order of the vector. */
static void base_digest(const co_model *model, const bool *left_out, const float *params,
                        char hex[33])
{
    size_t n_tensors;
    unsigned char out[16];
    co_hasher hasher;
    const co_tensor *tensor = co_model_tensors(model, &n_tensors);
    co_hasher_start(&hasher, sizeof out);
    for (size_t k = 0; k < n_tensors; k++)
        if (left_out[k])
            co_hasher_feed(&hasher, params + tensor[k].offset, tensor[k].size * sizeof *params);
    co_hasher_finish(&hasher, out, sizeof out);
    sodium_bin2hex(hex, 33, out, sizeof out);
}

/* Names what is left out, by its digest and where it comes from. */
co_status co_left_out_write(co_file *file, const char *base, const co_model *model,
                            const float *params)
{
    size_t n_tensors;
    char hex[33];
    const co_tensor *tensor = co_model_tensors(model, &n_tensors);
    bool *left_out = co_malloc(n_tensors, sizeof *left_out);
    if (!left_out) return CO_FAIL(CO_ENOMEM, "checkpoint");
    for (size_t k = 0; k < n_tensors; k++) left_out[k] = tensor[k].role == CO_FROZEN;
    base_digest(model, left_out, params, hex);
    co_free(left_out);
    CO_TRY(co_file_set_text(file, "base_digest", hex));
    return co_file_set_text(file, "base", base);
}

/* What was left out is what it was. */
co_status co_left_out_check(const co_file *file, const co_model *model, const float *params,
                            const bool *left_out)
{
    char found[33], *base = NULL, *digest = NULL;
    if (!co_file_has_attr(file, "base_digest")) return CO_OK;
    base_digest(model, left_out, params, found);
    co_status st = co_file_get_text(file, "base_digest", &digest);
    if (st == CO_OK) st = co_file_get_text(file, "base", &base);
    if (st == CO_OK && strcmp(found, digest) != 0)
        st = CO_FAIL(CO_EUSAGE,
                     "%s: its frozen tensors were left out; they came from %s and had the digest "
                     "%s, those at hand have %s: give the model and the base it was made with",
                     co_file_path(file), base, digest, found);
    co_free(base);
    co_free(digest);
    return st;
}
