/* tests/io/test_readers_mutation.c - small valid files of every raw format, cut and with changed
 * bytes: each must be read into a data set that passes its check, or be refused with a message that
 * names the file; all memory comes back. */
#include "core/random.h"
#include "tests/io/reader_support.h"
#include <stdlib.h>

#define ROUNDS 2500

static unsigned char original[8192], mutant[8192];

/* Cuts, flips, overwrites or repeats some bytes; returns the new length. */
static size_t mutate(co_stream *s, size_t n)
{
    memcpy(mutant, original, n);
    if (co_draw_below(s, 4) == 0) return (size_t)co_draw_below(s, n);
    const uint64_t changes = 1 + co_draw_below(s, 3);
    for (uint64_t k = 0; k < changes; k++) {
        static const unsigned char favourites[8] = {0, 0xff, 0x7f, 0x80, '"', ',', '\n', '9'};
        const size_t at = (size_t)co_draw_below(s, n);
        switch (co_draw_below(s, 3)) {
        case 0: mutant[at] ^= (unsigned char)(1u << co_draw_below(s, 8)); break;
        case 1: mutant[at] = (unsigned char)co_draw_u32(s); break;
        default: mutant[at] = favourites[co_draw_below(s, 8)];
        }
    }
    return n;
}

/* Mutates the file at victim ROUNDS times; sources and options are those of the import that reads
 * it. At least `least` mutants must be refused (a checksum refuses nearly all, free text few). */
static void attack(const char *format, const char *victim, const char *source, const char *options,
                   int least)
{
    FILE *file = fopen(victim, "rb");
    cr_assert_not_null(file);
    const size_t n = fread(original, 1, sizeof original, file);
    fclose(file);
    co_stream stream = co_stream_open(1, CO_DRAW_TEST, 0, 0, 0);
    co_dataset d;
    import_good(format, source, options, &d);
    co_dataset_fini(&d);
    const size_t blocks = co_memory_blocks();
    int refused = 0;
    for (int r = 0; r < ROUNDS; r++) {
        write_bytes(victim, mutant, mutate(&stream, n));
        const co_status st = import(format, &source, source ? 1 : 0, options, &d);
        if (st == CO_OK) {
            cr_expect_eq(co_dataset_check(&d, victim), CO_OK, "%s round %d: %s", format, r,
                         co_status_message());
        } else {
            refused++;
            cr_expect(st == CO_EDATA || st == CO_EUSAGE, "%s round %d: status %d: %s", format, r,
                      (int)st, co_status_message());
            cr_expect(strstr(co_status_message(), strrchr(victim, '/') + 1), "%s round %d: %s",
                      format, r, co_status_message());
        }
        co_dataset_fini(&d);
        cr_assert_eq(co_memory_blocks(), blocks, "%s round %d", format, r);
    }
    cr_expect_geq(refused, least, "%s: %d of %d refused", format, refused, ROUNDS);
}

static const char *keep(char out[1100], const char *path)
{
    snprintf(out, 1100, "%s", path);
    return out;
}

Test(mutation, idx_images_plain_and_packed)
{
    unsigned char file[600], body[200];
    char images[1100], labels[1100], options[2300];
    for (int i = 0; i < 200; i++) body[i] = (unsigned char)(i * 37);
    keep(images, scratch_file("m-images"));
    keep(labels, scratch_file("m-labels"));
    snprintf(options, sizeof options, "images=%s labels=%s", images, labels);
    write_bytes(labels, file,
                make_idx(file, 0x08, 1, (const unsigned[]){8}, "\0\1\2\3\4\0\1\2", 8));
    write_bytes(images, file, make_idx(file, 0x08, 3, (const unsigned[]){8, 5, 5}, body, 200));
    attack("idx", images, NULL, options, 550);
    write_gzip(images, file, make_idx(file, 0x08, 3, (const unsigned[]){8, 5, 5}, body, 200));
    attack("idx", images, NULL, options, 2000);
    memset(body, 0, sizeof body);
    write_bytes(images, file, make_idx(file, 0x0d, 2, (const unsigned[]){8, 6}, body, 192));
    attack("idx", images, NULL, options, 550);
    attack("idx", labels, NULL,
           (write_bytes(labels, file, make_idx(file, 0x0c, 1, (const unsigned[]){8}, body, 32)),
            write_bytes(images, file, make_idx(file, 0x0d, 2, (const unsigned[]){8, 6}, body, 192)),
            options),
           550);
}

Test(mutation, csv)
{
    char path[1100];
    keep(path,
         write_text("m-csv",
                    "name,size,\"the "
                    "\"\"y\"\"\",v\n\"a,b\",1,yes,0.5\n\"line\nbreak\",2,no,1e3\nc,3,no,-7\n"));
    attack("csv", path, path, "y=2 header=true user=name", 300);
    write_bytes(path, "1,2,x,0\n3,4.5,y,1\n-1e5,0,\"z\",1\n", 31);
    attack("csv", path, path, "y=3 missing=drop", 300);
}

Test(mutation, libsvm)
{
    char path[1100];
    keep(path, write_text("m-svm", "+1 1:0.5 3:2 9:-1e-3\n-1 2:1 # note\n+1 1:7 2:8 12:9\n"));
    attack("libsvm", path, path, "", 700);
}

Test(mutation, cifar10)
{
    char path[1100];
    static unsigned char file[2 * 3073];
    keep(path, scratch_file("m-cifar"));
    write_bytes(path, file, sizeof file);
    attack("cifar10", path, path, "", 500);
}

Test(mutation, npz_stored_and_deflated)
{
    static const char *const names[] = {"f4", "i8", "cut", "split", "fortran"};
    const char *root = getenv("SOURCE");
    char path[1100], from[1100];
    keep(path, scratch_file("m-npz"));
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        snprintf(from, sizeof from, "%s/tests/reference/npz/%s.npz", root ? root : ".", names[k]);
        FILE *file = fopen(from, "rb");
        cr_assert_not_null(file);
        const size_t n = fread(original, 1, sizeof original, file);
        fclose(file);
        write_bytes(path, original, n);
        attack("npz", path, path, "", 1300);
    }
}
