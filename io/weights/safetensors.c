/* io/weights/safetensors.c - reads and checks the header, then tensors where they lie.
 *
 * Checked before anything is used: the header's length against the file and 100 MB; UTF-8 and JSON;
 * each tensor's type, shape (product without overflow) and offsets (end - begin = bytes of type x
 * shape); then all together, in the order of their offsets: the first begins at 0, each where the
 * one before ends, the last ends with the file. Names are unique. Cost O(n log n) for n tensors.
 * Source: format and limits as the package safetensors 0.8 documents them. Where we differ: control
 * characters in names, further keys of a tensor and more than 8 dimensions are refused. */
#include "io/weights/safetensors.h"
#include "core/memory.h"
#include "core/text.h"
#include "io/json_in.h"
#include "io/readers/raw.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_HEADER UINT64_C(100000000)
#define NAME "%.100s"

static const struct {
    const char *name;
    unsigned bits;
} types[] = {{"F32", 32},        {"F16", 16},       {"BF16", 16},   {"F64", 64},    {"I64", 64},
             {"I32", 32},        {"I16", 16},       {"I8", 8},      {"U64", 64},    {"U32", 32},
             {"U16", 16},        {"U8", 8},         {"BOOL", 8},    {"C64", 64},    {"F8_E4M3", 8},
             {"F8_E5M2", 8},     {"F8_E8M0", 8},    {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4},
             {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}};

typedef struct {
    co_safetensors *file;
    co_json_in in;
    uint64_t data, bytes; /* where the tensors begin; how many bytes of them */
    size_t room;
    bool has_metadata;
} header;

/* ---- one tensor ---- */

/* A number of at most 63 bits, as digits alone. */
static co_status take_size(co_json_in *in, uint64_t *size)
{
    char text[24];
    int64_t value;
    co_json_in_next(in);
    const size_t n = strspn(in->at, "0123456789");
    if (n == 0 || n >= sizeof text || (n > 1 && *in->at == '0') || strchr(".eE", in->at[n]))
        return co_json_in_unexpected(in, "a size");
    memcpy(text, in->at, n);
    text[n] = '\0';
    if (!co_raw_int(text, &value)) return co_json_in_unexpected(in, "a size of 63 bits");
    *size = (uint64_t)value;
    in->at += n;
    return CO_OK;
}

/* A list of at most `most` sizes. */
static co_status take_sizes(co_json_in *in, size_t most, uint64_t *size, size_t *n)
{
    bool first = true, more = true;
    CO_TRY(co_json_in_take(in, '['));
    for (*n = 0;; ++*n) {
        CO_TRY(co_json_in_more(in, ']', &first, &more));
        if (!more) return CO_OK;
        if (*n == most)
            return CO_FAIL(CO_EDATA, "%s: a list of more than %zu sizes", in->path, most);
        CO_TRY(take_size(in, &size[*n]));
    }
}

static co_status take_dtype(header *h, co_stored *t, unsigned *bits)
{
    char *text;
    co_status st = CO_OK;
    CO_TRY(co_json_in_text(&h->in, &text));
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, text) == 0) t->dtype = types[i].name, *bits = types[i].bits;
    if (!t->dtype) st = CO_FAIL(CO_EDATA, "%s: unknown dtype '%.30s'", h->file->path, text);
    co_free(text);
    return st;
}

static co_status take_field(header *h, const char *key, co_stored *t, unsigned *bits, unsigned *had)
{
    static const char *const keys[] = {"dtype", "shape", "data_offsets"};
    unsigned i = 0;
    size_t n;
    uint64_t offset[2];
    while (i < 3 && strcmp(keys[i], key) != 0) i++;
    if (i == 3 || *had >> i & 1)
        return CO_FAIL(CO_EDATA, "%s: %s key '%.30s'", h->file->path,
                       i == 3 ? "unknown" : "doubled", key);
    *had |= 1u << i;
    if (i == 0) return take_dtype(h, t, bits);
    if (i == 1) return take_sizes(&h->in, CO_STORED_DIMS, t->dim, &t->n_dims);
    CO_TRY(take_sizes(&h->in, 2, offset, &n));
    if (n != 2) return CO_FAIL(CO_EDATA, "%s: data_offsets of %zu numbers", h->file->path, n);
    t->begin = offset[0];
    t->end = offset[1];
    return CO_OK;
}

static co_status take_fields(header *h, co_stored *t, unsigned *bits)
{
    bool first = true, more = true;
    unsigned had = 0;
    char *key;
    CO_TRY(co_json_in_take(&h->in, '{'));
    for (;;) {
        CO_TRY(co_json_in_more(&h->in, '}', &first, &more));
        if (!more) break;
        CO_TRY(co_json_in_key(&h->in, &key));
        const co_status st = take_field(h, key, t, bits, &had);
        co_free(key);
        if (st != CO_OK) return st;
    }
    if (had == 7) return CO_OK;
    return CO_FAIL(CO_EDATA, "%s: %s is missing", h->file->path,
                   had & 1 ? had & 2 ? "data_offsets" : "shape" : "dtype");
}

char *co_stored_shape(const co_stored *t, char text[192])
{
    size_t at = 0;
    text[at++] = '[';
    for (size_t i = 0; i < t->n_dims; i++)
        at += (size_t)snprintf(text + at, 192 - at, "%s%" PRIu64, i ? ", " : "", t->dim[i]);
    snprintf(text + at, 192 - at, "]");
    return text;
}

/* The bytes that type and shape need are those between the offsets. */
static co_status check_bytes(const header *h, co_stored *t, unsigned bits)
{
    char shape[192];
    uint64_t n_bits;
    bool over = false;
    t->size = 1;
    for (size_t i = 0; i < t->n_dims; i++)
        over |= __builtin_mul_overflow(t->size, t->dim[i], &t->size);
    over |= __builtin_mul_overflow(t->size, (uint64_t)bits, &n_bits);
    co_stored_shape(t, shape);
    if (over || t->size > INT64_MAX / 8)
        return CO_FAIL(CO_EDATA,
                       "%s: tensor " NAME ": shape %s of %s is more than 64 bits can count",
                       h->file->path, t->name, shape, t->dtype);
    if (n_bits % 8)
        return CO_FAIL(CO_EDATA, "%s: tensor " NAME ": shape %s of %s does not end with a byte",
                       h->file->path, t->name, shape, t->dtype);
    if (t->begin > t->end || t->end - t->begin != n_bits / 8)
        return CO_FAIL(CO_EDATA,
                       "%s: tensor " NAME ": data_offsets [%" PRIu64 ", %" PRIu64
                       "], but shape %s of %s takes %" PRIu64 " bytes",
                       h->file->path, t->name, t->begin, t->end, shape, t->dtype, n_bits / 8);
    if (t->end > h->bytes)
        return CO_FAIL(CO_EDATA,
                       "%s: tensor " NAME ": data_offsets [%" PRIu64 ", %" PRIu64 "], but %" PRIu64
                       " bytes follow the header; is the file cut short?",
                       h->file->path, t->name, t->begin, t->end, h->bytes);
    return CO_OK;
}

static co_status check_name(const header *h, const char *name)
{
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return CO_FAIL(CO_EDATA, "%s: the name of tensor %zu holds the character 0x%02x",
                           h->file->path, h->file->n - 1, (unsigned)*c);
    return CO_OK;
}

static co_status take_tensor(header *h, char *name_take)
{
    co_safetensors *f = h->file;
    unsigned bits = 0;
    if (co_reserve((void **)&f->tensor, &h->room, f->n + 1, sizeof *f->tensor) != CO_OK) {
        co_free(name_take);
        return CO_FAIL(CO_ENOMEM, "%s: %zu tensors", f->path, f->n);
    }
    co_stored *t = &f->tensor[f->n++];
    *t = (co_stored){.name = name_take};
    CO_TRY(check_name(h, t->name));
    const co_status st = take_fields(h, t, &bits);
    if (st == CO_EDATA) return co_fail_in(st, "tensor " NAME, t->name);
    if (st != CO_OK) return st;
    return check_bytes(h, t, bits);
}

/* ---- all of them ---- */

/* Texts for other programs ({"format": "pt"}), passed over. */
static co_status take_metadata(header *h)
{
    bool first = true, more = true;
    char *text;
    if (h->has_metadata) return CO_FAIL(CO_EDATA, "%s: __metadata__ stands twice", h->file->path);
    h->has_metadata = true;
    CO_TRY(co_json_in_take(&h->in, '{'));
    for (;;) {
        CO_TRY(co_json_in_more(&h->in, '}', &first, &more));
        if (!more) return CO_OK;
        CO_TRY(co_json_in_key(&h->in, &text));
        co_free(text);
        CO_TRY(co_json_in_text(&h->in, &text));
        co_free(text);
    }
}

static co_status take_all(header *h)
{
    bool first = true, more = true;
    char *name;
    CO_TRY(co_json_in_take(&h->in, '{'));
    for (;;) {
        CO_TRY(co_json_in_more(&h->in, '}', &first, &more));
        if (!more) return co_json_in_end(&h->in);
        CO_TRY(co_json_in_key(&h->in, &name));
        if (strcmp(name, "__metadata__") == 0) {
            co_free(name);
            CO_TRY(take_metadata(h));
        } else {
            CO_TRY(take_tensor(h, name));
        }
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const co_stored *)a)->name, ((const co_stored *)b)->name);
}

static int by_place(const void *a, const void *b)
{
    const co_stored *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1; /* empty ones first */
    return by_name(a, b);
}

/* Each name once, and the tensors one behind the other over all bytes. */
static co_status check_cover(header *h)
{
    co_safetensors *f = h->file;
    uint64_t at = 0;
    if (f->n) qsort(f->tensor, f->n, sizeof *f->tensor, by_name);
    for (size_t i = 1; i < f->n; i++)
        if (by_name(&f->tensor[i - 1], &f->tensor[i]) == 0)
            return CO_FAIL(CO_EDATA, "%s: tensor " NAME " stands twice", f->path,
                           f->tensor[i].name);
    if (f->n) qsort(f->tensor, f->n, sizeof *f->tensor, by_place);
    for (size_t i = 0; i < f->n; i++) {
        co_stored *t = &f->tensor[i];
        if (t->begin != at)
            return CO_FAIL(CO_EDATA,
                           "%s: tensor " NAME ": begins at %" PRIu64 ", %s %" PRIu64
                           ", where the one before ends",
                           f->path, t->name, t->begin, t->begin < at ? "before" : "behind", at);
        at = t->end;
        t->begin += h->data;
        t->end += h->data;
    }
    if (at == h->bytes) return CO_OK;
    return CO_FAIL(CO_EDATA,
                   "%s: the tensors end at %" PRIu64 ", but %" PRIu64
                   " bytes follow the header; do others belong to it?",
                   f->path, at, h->bytes);
}

/* ---- the file ---- */

static co_status read_bytes(const co_safetensors *f, uint64_t at, size_t n, void *out)
{
    for (char *to = out; n > 0;) {
        errno = 0;
        const ssize_t got = co_fault("file_read") ? (errno = EIO, -1) : pread(f->fd, to, n, at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return CO_FAIL(CO_EFILE, "%s: cannot be read: %s", f->path, strerror(errno));
        if (got == 0)
            return CO_FAIL(CO_EDATA, "%s: ends at byte %" PRIu64 " while it is read", f->path, at);
        to += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return CO_OK;
}

/* JSON has neither zero bytes nor other control characters than blanks. */
static co_status check_text(const char *path, const char *text, size_t n)
{
    for (size_t i = 0, bytes; i < n; i += bytes) {
        uint32_t code = 0;
        bytes = co_utf8_decode(text + i, n - i, &code);
        if (bytes == 0 || (code < 0x20 && code != '\t' && code != '\n' && code != '\r'))
            return CO_FAIL(CO_EDATA, "%s: byte %zu of the header is 0x%02x; this is no JSON", path,
                           i, (unsigned)(unsigned char)text[i]);
    }
    return CO_OK;
}

static co_status check_header(co_safetensors *f, uint64_t data, uint64_t bytes, char *text)
{
    header h = {.file = f, .in = {f->path, text, text}, .data = data, .bytes = bytes};
    text[data - 8] = '\0';
    CO_TRY(read_bytes(f, 8, (size_t)data - 8, text));
    if (*text != '{')
        return CO_FAIL(CO_EDATA, "%s: the header does not begin with '{'; is it safetensors?",
                       f->path);
    CO_TRY(check_text(f->path, text, (size_t)data - 8));
    CO_TRY(take_all(&h));
    return check_cover(&h);
}

static co_status read_header(co_safetensors *f, uint64_t bytes)
{
    unsigned char length[8];
    if (bytes < 8)
        return CO_FAIL(CO_EDATA, "%s: is %" PRIu64 " bytes long, too short for safetensors",
                       f->path, bytes);
    CO_TRY(read_bytes(f, 0, 8, length));
    const uint64_t n = co_raw_le(length, 8);
    if (n > MAX_HEADER)
        return CO_FAIL(CO_EDATA,
                       "%s: a header of %" PRIu64 " bytes, at most %" PRIu64
                       " are allowed; is it safetensors?",
                       f->path, n, MAX_HEADER);
    if (n > bytes - 8)
        return CO_FAIL(CO_EDATA,
                       "%s: a header of %" PRIu64 " bytes, but %" PRIu64
                       " follow; is the file cut short?",
                       f->path, n, bytes - 8);
    char *text = co_malloc((size_t)n + 1, 1);
    if (!text) return CO_FAIL(CO_ENOMEM, "%s: a header of %" PRIu64 " bytes", f->path, n);
    const co_status st = check_header(f, 8 + n, bytes - 8 - n, text);
    co_free(text);
    return st;
}

co_status co_safetensors_open(const char *path, co_safetensors *file)
{
    struct stat is;
    *file = (co_safetensors){.path = co_strdup(path), .fd = -1};
    if (!file->path) return CO_FAIL(CO_ENOMEM, "%s: name of the file", path);
    errno = 0;
    file->fd = co_fault("file_open") ? (errno = EACCES, -1) : open(path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &is) != 0)
        return CO_FAIL(CO_EFILE, "%s: cannot be opened: %s", path, strerror(errno));
    if (!S_ISREG(is.st_mode)) return CO_FAIL(CO_EFILE, "%s: is no file", path);
    return read_header(file, (uint64_t)is.st_size);
}

void co_safetensors_close(co_safetensors *file)
{
    if (file->path && file->fd >= 0) close(file->fd);
    for (size_t i = 0; i < file->n; i++) co_free(file->tensor[i].name);
    co_free(file->tensor);
    co_free(file->path);
    *file = (co_safetensors){.fd = -1};
}

/* ---- values ---- */

bool co_stored_is_read(const co_stored *tensor)
{
    return tensor->dtype == types[0].name || tensor->dtype == types[1].name ||
           tensor->dtype == types[2].name;
}

co_status co_safetensors_read(const co_safetensors *file, const co_stored *tensor, uint64_t first,
                              size_t n, float *out)
{
    CO_ASSERT(co_stored_is_read(tensor) && first <= tensor->size && n <= tensor->size - first);
    if (tensor->dtype == types[0].name)
        return read_bytes(file, tensor->begin + 4 * first, 4 * n, out);
    /* They are read into the upper half of their room, and unfolded from its start. */
    uint16_t *half = (uint16_t *)out + n;
    CO_TRY(read_bytes(file, tensor->begin + 2 * first, 2 * n, half));
    if (tensor->dtype == types[1].name)
        co_floats_of_half(half, n, out);
    else
        co_floats_of_bfloat(half, n, out);
    return CO_OK;
}
