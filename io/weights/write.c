/* io/weights/write.c - the head of a file of format safetensors: its length is known when it
 * stands. */
#include "core/memory.h"
#include "io/json.h"
#include "io/weights/safetensors.h"

static void put_tensor(co_json *json, const co_stored *t)
{
    co_json_open(json, t->name, '{');
    co_json_text(json, "dtype", t->dtype);
    co_json_open(json, "shape", '[');
    for (size_t i = 0; i < t->n_dims; i++) co_json_u64(json, NULL, t->dim[i]);
    co_json_close(json, ']');
    co_json_open(json, "data_offsets", '[');
    co_json_u64(json, NULL, t->begin);
    co_json_u64(json, NULL, t->end);
    co_json_close(json, ']');
    co_json_close(json, '}');
}

void co_safetensors_write_head(FILE *out, co_stored *tensor, size_t n)
{
    co_json json = {.out = out, .tight = true};
    unsigned char length[8] = {0};
    uint64_t at = 0;
    fwrite(length, 1, 8, out);
    co_json_open(&json, NULL, '{');
    co_json_open(&json, "__metadata__", '{');
    co_json_text(&json, "format", "pt");
    co_json_close(&json, '}');
    for (size_t i = 0; i < n; i++) {
        co_stored *t = &tensor[i];
        t->dtype = "F32";
        t->size = 1;
        for (size_t d = 0; d < t->n_dims; d++) t->size *= t->dim[d];
        t->begin = at;
        at = t->end = at + 4 * t->size;
        put_tensor(&json, t);
    }
    co_json_close(&json, '}');
    long end = ftell(out);
    for (; end % 8; end++) fputc(' ', out);
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)(end - 8) >> 8 * i);
    fseek(out, 0, SEEK_SET);
    fwrite(length, 1, 8, out);
    fseek(out, 0, SEEK_END);
}
