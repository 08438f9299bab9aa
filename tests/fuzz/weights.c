/* Files of weights and the JSON beside them, damaged at random: whatever stands in them, opening
 * ends with a status and a message, and what opens can be read and keeps its promises.
 *
 * usage: cohort_fuzz_weights SECONDS SEED FOLDER [INPUTS]. By hand under the sanitizers
 * (tests/campaign/safetensors_fuzz.sh); the test plays some hundred inputs. Draws are keyed: SEED
 * and the number of an input give the input again. */
#include "core/log.h"
#include "core/memory.h"
#include "io/json_tree.h"
#include "io/weights/folder.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 1 << 16 };

static uint64_t state;
static uint64_t draw(uint64_t below) /* splitmix64 */
{
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

typedef struct {
    char bytes[ROOM];
    size_t n;
} block;

static void add(block *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(b->bytes + b->n, ROOM - b->n, format, args);
    va_end(args);
    if (n > 0 && b->n + (size_t)n < ROOM / 2) b->n += (size_t)n;
}

/* A good header; *data: the bytes of its tensors. */
static void good_header(block *b, size_t *data)
{
    static const struct {
        const char *name;
        size_t bytes;
    } type[] = {{"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"U8", 1}, {"F64", 8}};
    const size_t n = draw(6);
    *data = 0;
    add(b, "{");
    if (draw(2)) add(b, "\"__metadata__\":{\"format\":\"pt\"}%s", n ? "," : "");
    for (size_t i = 0; i < n; i++) {
        const size_t t = draw(6), n_dims = draw(4);
        size_t size = type[t].bytes;
        add(b, "\"layer.%zu.weight\":{\"dtype\":\"%s\",\"shape\":[", i, type[t].name);
        for (size_t d = 0; d < n_dims; d++) {
            const size_t dim = draw(8) ? 1 + draw(6) : 0;
            add(b, "%s%zu", d ? "," : "", dim);
            size *= dim;
        }
        add(b, "],\"data_offsets\":[%zu,%zu]}%s", *data, *data + size, i + 1 < n ? "," : "");
        *data += size;
    }
    add(b, "}");
    while (b->n % 8) add(b, " ");
}

static void replace(block *b, size_t at, size_t old, const char *with, size_t n)
{
    if (at + old > b->n || b->n - old + n >= ROOM) return;
    memmove(b->bytes + at + n, b->bytes + at + old, b->n - at - old);
    memcpy(b->bytes + at, with, n);
    b->n += n - old;
}

/* One damage to the text: bytes, numbers, words, pieces gone or doubled. */
static void damage(block *b)
{
    static const char *const words[] = {"{",
                                        "}",
                                        "[",
                                        "]",
                                        ",",
                                        ":",
                                        "\"",
                                        "\\",
                                        "null",
                                        "true",
                                        "-1",
                                        "0",
                                        "1e3",
                                        "4294967296",
                                        "{}",
                                        "[]",
                                        "\"\"",
                                        "\\u0000",
                                        "\\ud800",
                                        "00",
                                        "\xff",
                                        "\xc3\xa9",
                                        "F4",
                                        "I64",
                                        "9223372036854775807",
                                        "18446744073709551616",
                                        "99999999999999999999999999",
                                        "1.0",
                                        "dtype",
                                        "shape",
                                        "data_offsets",
                                        "__metadata__",
                                        "../x",
                                        "\n"};
    const size_t n_words = sizeof words / sizeof *words;
    if (b->n == 0) return;
    const size_t at = draw(b->n), word = draw(n_words);
    char copy[256];
    size_t n = 1 + draw(sizeof copy - 1), from = draw(b->n);
    if (n > b->n - from) n = b->n - from;
    memcpy(copy, b->bytes + from, n);
    switch (draw(7)) {
    case 0: b->bytes[at] = (char)draw(256); break;
    case 1: b->bytes[at] = (char)('0' + draw(10)); break;
    case 2: replace(b, at, 1, words[word], strlen(words[word])); break;
    case 3: replace(b, at, 0, words[word], strlen(words[word])); break;
    case 4: replace(b, from, n, "", 0); break;
    case 5: replace(b, at, 0, copy, n); break;
    default: { /* a number becomes a word */
        char *digit = strpbrk(b->bytes + at, "0123456789");
        b->bytes[b->n] = '\0';
        if (!digit || digit >= b->bytes + b->n) break;
        const size_t p = (size_t)(digit - b->bytes);
        replace(b, p, strspn(digit, "0123456789"), words[word], strlen(words[word]));
    }
    }
    b->bytes[b->n] = '\0';
}

static void spill(const char *path, const void *head, size_t n_head, const block *b, size_t tail)
{
    static const char zeros[4096];
    FILE *file = fopen(path, "wb");
    CO_ASSERT(file);
    fwrite(head, 1, n_head, file);
    fwrite(b->bytes, 1, b->n, file);
    for (; tail > sizeof zeros; tail -= sizeof zeros) fwrite(zeros, 1, sizeof zeros, file);
    fwrite(zeros, 1, tail, file);
    CO_ASSERT(fclose(file) == 0);
}

/* A file of tensors, damaged or not. */
static void write_weights(const char *path, int n_damages)
{
    static block b;
    size_t data;
    b.n = 0;
    good_header(&b, &data);
    for (int i = 0; i < n_damages; i++) damage(&b);
    uint64_t length = b.n;
    if (draw(2) == 0) { /* the file has another length, or says so */
        if (draw(3) == 0) length = draw(2) ? draw(256) : (uint64_t)1 << draw(64);
        if (draw(3) == 0) data += draw(16);
        if (draw(3) == 0) data -= draw(data + 1);
    }
    spill(path, &length, draw(64) ? 8 : draw(8), &b, data);
}

typedef struct {
    uint64_t inputs, opened, refused, tensors;
} tally;

/* What is refused has a message that names the file. */
static void tell(tally *t, const char *path, co_status st)
{
    const char *message = co_status_message();
    CO_ASSERT(st == CO_EDATA || (st == CO_EFILE && strstr(message, "none of")));
    CO_ASSERT(strstr(message, path));
    t->refused++;
}

/* What opened is whole: the tensors lie in their files, one behind the other, and can be read. */
static void use(tally *t, const co_weights *w)
{
    static float values[ROOM];
    for (size_t i = 0; i < w->n; i++) {
        const co_stored *s = &w->tensor[i];
        char shape[192];
        CO_ASSERT(s->begin <= s->end && s->file < w->n_files && co_weights_find(w, s->name));
        CO_ASSERT(strlen(co_stored_shape(s, shape)) < sizeof shape);
        if (co_stored_is_read(s) && s->size <= ROOM)
            CO_ASSERT(co_weights_read(w, s, values) == CO_OK);
        t->tensors++;
    }
    for (size_t f = 0; f < w->n_files; f++) {
        struct stat is;
        uint64_t bytes = 0;
        for (size_t i = 0; i < w->file[f].n; i++)
            bytes += w->file[f].tensor[i].end - w->file[f].tensor[i].begin;
        CO_ASSERT(stat(w->file[f].path, &is) == 0 && bytes <= (uint64_t)is.st_size);
    }
    t->opened++;
}

static void open_it(tally *t, const char *path, const char *named)
{
    co_weights w;
    const co_status st = co_weights_open(path, &w);
    if (st == CO_OK)
        use(t, &w);
    else
        tell(t, named, st);
    co_weights_close(&w);
    t->inputs++;
}

static void open_tree(tally *t, const char *path)
{
    co_node *root;
    const co_status st = co_json_tree(path, &root);
    if (st == CO_OK) {
        FILE *nowhere = fopen("/dev/null", "w");
        CO_ASSERT(nowhere);
        co_json_put(&(co_json){.out = nowhere}, root);
        fclose(nowhere);
        t->opened++;
    } else {
        tell(t, path, st);
    }
    co_node_destroy(root);
    t->inputs++;
}

/* An index of two shards. */
static void write_index(const char *path, int n_damages)
{
    static block b;
    b.n = 0;
    add(&b, "{\"metadata\": {\"total_size\": 16, \"more\": [1, -2.5e3, true, null]}, "
            "\"weight_map\": {\"a\": \"one.safetensors\", \"b\": \"two.safetensors\"}}\n");
    for (int i = 0; i < n_damages; i++) damage(&b);
    spill(path, "", 0, &b, 0);
}

static void write_shard(const char *path, char name)
{
    static block b;
    b.n = 0;
    add(&b, "{\"%c\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}  ", name);
    const uint64_t length = b.n;
    spill(path, &length, 8, &b, 8);
}

int main(int n_words, char **words)
{
    static tally t;
    char file[512], index[512], shard[512];
    CO_ASSERT(n_words >= 4);
    const double end_s = co_now_s() + atof(words[1]);
    const uint64_t seed = strtoull(words[2], NULL, 10),
                   most = n_words > 4 ? strtoull(words[4], NULL, 10) : UINT64_MAX;
    const char *folder = words[3];
    snprintf(file, sizeof file, "%s/fuzz.safetensors", folder);
    snprintf(index, sizeof index, "%s/model.safetensors.index.json", folder);
    for (int k = 0; k < 2; k++) {
        snprintf(shard, sizeof shard, "%s/%s.safetensors", folder, k ? "two" : "one");
        write_shard(shard, k ? 'b' : 'a');
    }
    for (uint64_t i = 0; i < most && co_now_s() < end_s; i++) {
        state = seed * UINT64_C(0x2545f4914f6cdd1d) + i;
        const int n_damages = (int)draw(4);
        if (draw(4)) {
            write_weights(file, n_damages);
            open_it(&t, file, file);
        } else {
            write_index(index, n_damages);
            open_it(&t, folder, folder);
            open_tree(&t, index);
        }
        CO_ASSERT(co_memory_blocks() == 0);
    }
    printf("%" PRIu64 " inputs, %" PRIu64 " opened with %" PRIu64 " tensors, %" PRIu64 " refused\n",
           t.inputs, t.opened, t.tensors, t.refused);
    return t.opened > 0 && t.refused > 0 ? 0 : 1;
}
