/* tests/io/reader_support.h - what the tests of readers share: calling one as `cohort import` does,
 * writing raw files. */
#pragma once
#include "core/memory.h"
#include "io/readers/reader.h"
#include "io/readers/texts.h"
#include "io/yaml.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

/* Runs a reader with options "key=value key=value" ("" for none); the table of common options is
 * checked too. */
static inline co_status import(const char *format, const char *const *sources, size_t n_sources,
                               const char *options, co_dataset *data)
{
    const co_reader *reader = co_reader_find(format);
    char words[4096], *rest = words;
    co_node *map = co_node_create(CO_NODE_MAP, NULL, NULL);
    const co_config opt = {.file = "command line", .map = map};
    cr_assert_not_null(reader);
    snprintf(words, sizeof words, "%s", options);
    for (char *word; (word = strsep(&rest, " "));)
        if (*word) cr_assert_eq(co_yaml_override(map, word), CO_OK, "%s", co_status_message());
    *data = (co_dataset){0};
    co_status st = co_config_check(
        &opt, (const co_param *const[]){reader->params, co_reader_common_params}, 2);
    if (st == CO_OK) st = co_reader_run(reader, &opt, sources, n_sources, data);
    co_node_destroy(map);
    return st;
}

static inline co_status import_one(const char *format, const char *source, const char *options,
                                   co_dataset *data)
{
    return import(format, &source, 1, options, data);
}

/* Imports, expects success and a data set that passes its own check. */
static inline void import_good(const char *format, const char *source, const char *options,
                               co_dataset *data)
{
    const co_status st = import(format, &source, source ? 1 : 0, options, data);
    cr_assert_eq(st, CO_OK, "%s: %s", format, co_status_message());
    cr_assert_eq(co_dataset_check(data, "test"), CO_OK, "%s: %s", format, co_status_message());
}

/* The messages of one import, which go to stderr. */
static inline const char *told(const char *source, const char *options, co_dataset *d)
{
    static char text[4096];
    char path[1100];
    snprintf(path, sizeof path, "%s", scratch_file("told"));
    fflush(stderr);
    const int old = dup(2);
    cr_assert_not_null(freopen(path, "w", stderr));
    import_good("csv", source, options, d);
    fflush(stderr);
    dup2(old, 2);
    close(old);
    FILE *file = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

/* Imports, expects the code and each of two texts in the message; the balance of memory must hold.
 */
static inline void import_bad(const char *format, const char *source, const char *options,
                              co_status code, const char *text, const char *text2)
{
    co_dataset data;
    const size_t blocks = co_memory_blocks();
    const co_status st = import(format, &source, source ? 1 : 0, options, &data);
    co_dataset_fini(&data);
    cr_expect_eq(st, code, "%s %s: status %d, %s", format, options, (int)st, co_status_message());
    cr_expect(strstr(co_status_message(), text) && strstr(co_status_message(), text2),
              "wanted '%s' and '%s' in: %s", text, text2, co_status_message());
    cr_expect_eq(co_memory_blocks(), blocks);
}

static inline void write_bytes(const char *path, const void *bytes, size_t n)
{
    remove(path); /* a new file is not flushed when it is closed, one cut to nothing may be */
    FILE *file = fopen(path, "wb");
    cr_assert(file && fwrite(bytes, 1, n, file) == n, "%s", path);
    fclose(file);
}

static inline const char *write_text(const char *name, const char *text)
{
    const char *path = scratch_file(name);
    write_bytes(path, text, strlen(text));
    return path;
}

static inline void write_gzip(const char *path, const void *bytes, size_t n)
{
    gzFile file = gzopen(path, "wb");
    cr_assert(file && gzwrite(file, bytes, (unsigned)n) == (int)n, "%s", path);
    gzclose(file);
}

/* An IDX file: the type, the shape, the elements as they are to stand there. Returns its length. */
static inline size_t make_idx(unsigned char *out, int type, size_t ndim, const unsigned *dim,
                              const void *body, size_t n)
{
    unsigned char *p = out;
    *p++ = 0;
    *p++ = 0;
    *p++ = (unsigned char)type;
    *p++ = (unsigned char)ndim;
    for (size_t i = 0; i < ndim; i++)
        for (int shift = 24; shift >= 0; shift -= 8) *p++ = (unsigned char)(dim[i] >> shift);
    memcpy(p, body, n);
    return (size_t)(p - out) + n;
}
