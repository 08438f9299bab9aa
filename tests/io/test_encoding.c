/* tests/io/test_encoding.c - texts in encodings that are named: against bytes written by hand,
 * where pieces meet, and what is no text in the encoding. */
#include "io/readers/encoding.h"
#include "tests/io/reader_support.h"
#include <sys/stat.h>

#define TEXT "1,caf\xc3\xa9 \xe2\x82\xac\n2,na\xc3\xafve\n" /* e acute, euro, i diaeresis */

/* The names and texts of a table in which they stand as in TEXT. */
static void expect_text(const char *path, const char *encoding)
{
    char option[200];
    co_dataset d;
    snprintf(option, sizeof option, "y=1%s%s", *encoding ? " encoding=" : "", encoding);
    import_good("csv", path, option, &d);
    cr_assert_eq(d.n_classes, 2, "%s", encoding);
    cr_expect_str_eq(d.classes[0], "caf\xc3\xa9 \xe2\x82\xac", "%s", encoding);
    cr_expect_str_eq(d.classes[1], "na\xc3\xafve", "%s", encoding);
    co_dataset_fini(&d);
}

Test(encoding, published_code_tables_give_the_same_text)
{
    static const struct {
        const char *name, *bytes;
    } one[] = {{"", TEXT},
               {"utf-8", TEXT},
               {"utf-8-sig", "\xef\xbb\xbf" TEXT},
               {"cp1252", "1,caf\xe9 \x80\n2,na\xefve\n"},
               {"windows-1252", "1,caf\xe9 \x80\n2,na\xefve\n"},
               {"iso-8859-15", "1,caf\xe9 \xa4\n2,na\xefve\n"},
               {"iso8859_15", "1,caf\xe9 \xa4\n2,na\xefve\n"},
               {"utf-7", "1,caf+AOk +IKw-\n2,na+AO8-ve\n"},
               {"utf-7", "1,caf+AOkAICCs-\n2,na+AO8-ve"}};
    for (size_t k = 0; k < sizeof one / sizeof *one; k++)
        expect_text(write_text("one.csv", one[k].bytes), one[k].name);
}

/* Two bytes a character, the big or the small end first; returns the bytes written. */
static size_t make_wide(const unsigned short *codes, bool mark, bool big, unsigned char *out)
{
    size_t n = 0;
    for (size_t i = 0; i == 0 || codes[i - 1]; i++) {
        const unsigned code = i == 0 ? 0xfeff : codes[i - 1];
        if (i == 0 && !mark) continue;
        out[n++] = (unsigned char)(big ? code >> 8 : code);
        out[n++] = (unsigned char)(big ? code : code >> 8);
    }
    return n;
}

Test(encoding, wide_characters_with_a_mark_and_without)
{
    static const unsigned short codes[] = {'1', ',', 'c', 'a', 'f',  0xe9, ' ', 0x20ac, '\n',
                                           '2', ',', 'n', 'a', 0xef, 'v',  'e', '\n',   0};
    static const struct {
        const char *name;
        bool mark, big;
    } form[] = {{"utf-16", true, true},     {"utf-16", true, false},   {"utf_16", false, false},
                {"utf-16le", false, false}, {"UTF-16BE", false, true}, {"utf-16be", true, true}};
    unsigned char bytes[100];
    for (size_t k = 0; k < sizeof form / sizeof *form; k++) {
        const char *path = scratch_file("wide.csv");
        write_bytes(path, bytes, make_wide(codes, form[k].mark, form[k].big, bytes));
        expect_text(path, form[k].name);
    }
}

/* Characters of two to four bytes that stand across the pieces in which a file is read: the lines
 * after n letters have one each. */
Test(encoding, characters_that_two_pieces_share_stay_whole)
{
    enum { PIECE = 1 << 16, MOST = 3 * PIECE };
    static char text[MOST + 64];
    static const char *const character[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (int size = 2; size <= 4; size++)
        for (int before = 0; before < size; before++) {
            co_raw raw;
            size_t n = (size_t)before;
            memset(text, 'a', n);
            for (; n + (size_t)size < MOST; n += (size_t)size)
                memcpy(text + n, character[size - 2], (size_t)size);
            const char *path = scratch_file("long.txt");
            write_bytes(path, text, n);
            cr_assert_eq(co_raw_text_as(path, "utf-8", &raw), CO_OK, "%s", co_status_message());
            cr_expect(raw.n == n && memcmp(raw.bytes, text, n) == 0, "%d bytes at %d", size,
                      before);
            co_raw_fini(&raw);
        }
}

/* Fed byte by byte, a text is what it is when it comes at once. */
Test(encoding, pieces_may_be_of_any_length)
{
    static const char japanese[] = "\x1b$B%F%9%H\x1b(B test \x1b$BF|K\\\x1b(B\n";
    for (size_t piece = 1; piece < sizeof japanese; piece++) {
        co_encoding e;
        co_raw raw;
        cr_assert_eq(co_encoding_open("iso-2022-jp", "t", &raw, &e), CO_OK);
        for (size_t at = 0; at < sizeof japanese - 1; at += piece) {
            const size_t left = sizeof japanese - 1 - at;
            cr_assert_eq(co_encoding_add(&e, japanese + at, piece < left ? piece : left), CO_OK,
                         "%zu: %s", piece, co_status_message());
        }
        cr_assert_eq(co_encoding_end(&e), CO_OK, "%s", co_status_message());
        co_encoding_close(&e);
        cr_expect_str_eq(raw.bytes,
                         "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88 test \xe6\x97\xa5\xe6\x9c\xac\n",
                         "%zu", piece);
        co_raw_fini(&raw);
    }
}

Test(encoding, bytes_that_are_no_text_in_it_are_refused_with_their_place)
{
    static char late[200000];
    const char *path = scratch_file("bad.csv");
    import_bad("csv", write_text("bad.csv", "1,a\n2,caf\xe9\n"), "y=1 encoding=utf-8", CO_EDATA,
               ":2: byte 9 (e9 0a) is no utf-8", "encoding=");
    import_bad("csv", write_text("bad.csv", "1,a\n2,caf\xc3\xa9\n"), "y=1 encoding=ascii", CO_EDATA,
               ":2: byte 9 (c3", "no ascii");
    import_bad("csv", write_text("bad.csv", "1,a\n2,\x81\n"), "y=1 encoding=cp1252", CO_EDATA,
               ":2: byte 6 (81", "no cp1252");
    write_bytes(path,
                "1\0,\0a\0\n\0\0\xd8"
                "a\0",
                12); /* half of a surrogate pair */
    import_bad("csv", path, "y=1 encoding=utf-16le", CO_EDATA, ":2: byte 8 (00 d8", "");
    write_bytes(path,
                "1\0,\0a\0\n\0"
                "2",
                9);
    import_bad("csv", path, "y=1 encoding=utf-16le", CO_EDATA, "ends within a character", "byte 8");
    write_bytes(path, "1\0,\0a\0", 6);
    import_bad("csv", path, "y=1 encoding=latin1", CO_EDATA, "is zero", "not latin1");
    for (size_t i = 0; i < sizeof late; i += 2) memcpy(late + i, "1\n", 2);
    memcpy(late + 150000, "\xff", 1);
    write_bytes(path, late, sizeof late);
    import_bad("csv", path, "y=0 encoding=utf-8", CO_EDATA, ":75001: byte 150000 (ff", "");
}

Test(encoding, a_mark_that_says_otherwise_is_believed)
{
    const char *path = scratch_file("mark.csv");
    write_bytes(path,
                "\xff\xfe"
                "1\0,\0a\0",
                8);
    import_bad("csv", path, "y=1 encoding=latin1", CO_EDATA, "begins with the mark of UTF-16",
               "in place of latin1");
    import_bad("csv",
               write_text("mark.csv", "\xef\xbb\xbf"
                                      "1,a\n"),
               "y=1 encoding=cp1252", CO_EDATA, "begins with the mark of UTF-8", "");
    import_bad("csv",
               write_text("mark.csv", "\xef\xbb\xbf"
                                      "1,a\n"),
               "y=1 encoding=utf-16", CO_EDATA, "begins with the mark of UTF-8", "");
}

Test(encoding, unknown_names_are_refused_with_the_nearest)
{
    const char *path = write_text("name.csv", "1,a\n");
    import_bad("csv", path, "y=1 encoding=latn1", CO_EUSAGE, "encoding=latn1",
               "did you mean latin1");
    import_bad("csv", path, "y=1 encoding=utf-17", CO_EUSAGE, "did you mean utf-16", "iconv -l");
    import_bad("csv", path, "y=1 encoding=utf-16//IGNORE", CO_EUSAGE, "knows no such encoding", "");
    import_bad("csv", scratch_file("none.csv"), "y=1 encoding=nothing", CO_EUSAGE,
               "knows no such encoding", "");
    import_bad("csv", scratch_file("none.csv"), "y=1 encoding=latin1", CO_EFILE, "none.csv", "");
}

Test(encoding, a_message_in_a_folder_has_it_too)
{
    char path[1300], dir[1100];
    co_dataset d;
    snprintf(dir, sizeof dir, "%s", scratch_file("mails"));
    mkdir(dir, 0777);
    snprintf(path, sizeof path, "%s/train", dir);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/train/sci", dir);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/train/sci/1", dir);
    write_bytes(path, "From: jos\xe9@x.org\nSubject: s\n\n\x80\n", 31);
    import_good("newsgroups", dir, "encoding=cp1252", &d);
    cr_expect_str_eq(d.user_name[0], "jos\xc3\xa9@x.org");
    cr_expect_eq(memcmp(d.text, " s\n\xe2\x82\xac\n", 7), 0);
    co_dataset_fini(&d);
    import_bad("newsgroups", dir, "encoding=utf-8", CO_EDATA, "sci/1:1: byte 9 (e9", "");
}

Test(encoding, a_packed_file_is_unpacked_first)
{
    const char *path = scratch_file("packed.csv.gz");
    write_gzip(path, "1,caf\xe9 \x80\n2,na\xefve\n", 17);
    expect_text(path, "cp1252");
}
