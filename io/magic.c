/* io/magic.c - the first bytes of the kinds of files that people take for each other. */
#include "io/magic.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    size_t at, n;
    const char *bytes, *what;
} magic;

static const magic known[] = {{0, 7, "cohort-", "a file of this program (HDF5)"},
                              {0, 8, "\x89HDF\r\n\x1a\n", "an HDF5 file (.h5)"},
                              {512, 8, "\x89HDF\r\n\x1a\n", "an HDF5 file (.h5)"},
                              {0, 2, "\x1f\x8b", "a gzip file (.gz)"},
                              {0, 3, "BZh", "a bzip2 file (.bz2)"},
                              {0, 6,
                               "\xfd"
                               "7zXZ\0",
                               "an xz file (.xz)"},
                              {0, 4, "\x28\xb5\x2f\xfd", "a zstd file (.zst)"},
                              {0, 4, "PK\3\4", "a zip archive (.zip, .npz)"},
                              {0, 6, "\x93NUMPY", "a NumPy array (.npy)"},
                              {0, 4, "PAR1", "a Parquet file"},
                              {0, 6, "ARROW1", "an Arrow file"},
                              {0, 3, "CDF", "a netCDF-3 file"},
                              {0, 6, "SQLite", "an SQLite database"},
                              {0, 8, "\x89PNG\r\n\x1a\n", "a PNG picture"},
                              {0, 3, "\xff\xd8\xff", "a JPEG picture"},
                              {0, 4, "%PDF", "a PDF"},
                              {0, 4,
                               "\x7f"
                               "ELF",
                               "a program"},
                              {0, 2, "\xff\xfe", "text in UTF-16"},
                              {0, 2, "\xfe\xff", "text in UTF-16"},
                              {257, 5, "ustar", "a tar archive"},
                              {0, 2, "\x80\2", "a Python pickle (.pkl, .pt)"},
                              {0, 2, "\x80\3", "a Python pickle (.pkl, .pt)"},
                              {0, 2, "\x80\4", "a Python pickle (.pkl, .pt)"},
                              {0, 2, "\x80\5", "a Python pickle (.pkl, .pt)"}};

const char *co_magic(const void *head, size_t n)
{
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        const magic *m = &known[k];
        if (n >= m->at + m->n && memcmp((const char *)head + m->at, m->bytes, m->n) == 0)
            return m->what;
    }
    return NULL;
}

static bool is_text(const unsigned char *head, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (head[i] == 0x7f || (head[i] < 0x20 && !strchr("\t\n\r\f", head[i]))) return false;
    return !memchr(head, 0, n);
}

const char *co_magic_of(const char *path)
{
    unsigned char head[520];
    FILE *file = fopen(path, "rbe");
    if (!file) return "a file of another kind";
    const size_t n = fread(head, 1, sizeof head, file);
    fclose(file);
    const char *what = co_magic(head, n);
    return what               ? what
           : n == 0           ? "an empty file"
           : is_text(head, n) ? "text"
                              : "a file of another kind";
}
