/* Files of format safetensors: what is read, and what is refused with which words. */
#include "io/json_tree.h"
#include "io/weights/folder.h"
#include "tests/io/io_helpers.h"
#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <sys/stat.h>

static char dir[900];

static const char *in_dir(const char *name)
{
    static char path[4][2000];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

static void begin(const char *name)
{
    char command[2000];
    snprintf(dir, sizeof dir, "%s", scratch_file(name));
    snprintf(command, sizeof command, "rm -rf '%s' && mkdir -p '%s'", dir, dir);
    cr_assert_eq(system(command), 0);
}

/* Length, header, then `tail` bytes 0, 1, 2 .. length < 0: the header's own. */
static void write_file(const char *name, int64_t length, const char *header, size_t n, size_t tail)
{
    FILE *file = fopen(in_dir(name), "wb");
    cr_assert(file);
    const uint64_t said = length < 0 ? n : (uint64_t)length;
    fwrite(&said, 1, 8, file);
    fwrite(header, 1, n, file);
    for (size_t i = 0; i < tail; i++) fputc((int)(i & 255), file);
    cr_assert_eq(fclose(file), 0);
}

static void write_text(const char *name, const char *text)
{
    spill(in_dir(name), text, strlen(text));
}

#define F32(name, shape, begin, end)                                                               \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

/* ---- what is refused ---- */

typedef struct {
    const char *header;
    size_t tail;
    const char *said; /* part of the message */
} bad;

static const bad bads[] = {
    /* no JSON */
    {"", 0, "does not begin with '{'"},
    {"[]", 0, "does not begin with '{'"},
    {" {}", 0, "does not begin with '{'"},
    {"\"a\"", 0, "does not begin with '{'"},
    {"{", 0, "the file ends where a string is wanted"},
    {"{}}", 0, "'}' where the end of the file is wanted"},
    {"{} x", 0, "'x' where the end of the file is wanted"},
    {"{a:1}", 0, "'a:1}' where a string is wanted"},
    {"{\"a\"", 0, "where ':' is wanted"},
    {"{\"a\":", 0, "where '{' is wanted"},
    {"{\"a\" {}}", 0, "where ':' is wanted"},
    {"{\"a\":{},}", 0, "dtype is missing"},
    {"{\"a", 0, "where '\"' is wanted"},
    {"{\"a\\x\":{}}", 0, "where an escape is wanted"},
    {"{\"a\x01\":{}}", 0, "byte 3 of the header is 0x01"},
    {"{\"a\xff\":{}}", 0, "byte 3 of the header is 0xff"},
    {"{\"a\\u0007\":{}}", 0, "tensor 0 holds the character 0x07"},
    {"{\"a\tb\":{}}", 0, "tensor 0 holds the character 0x09"},
    {"{" F32("a", "[1]", "0", "4") " " F32("b", "[1]", "4", "8") "}", 8, "where ',' is wanted"},
    {"{" F32("a", "[1]", "0", "4") ",}", 4, "'}' where a string is wanted"},
    /* what a tensor says */
    {"{\"a\":1}", 0, "where '{' is wanted"},
    {"{\"a\":null}", 0, "where '{' is wanted"},
    {"{\"a\":[]}", 0, "where '{' is wanted"},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "tensor a: "},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "shape is missing"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "data_offsets is missing"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "doubled key 'dtype'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "doubled key 'shape'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"stride\":[1]}}", 4,
     "unknown key 'stride'"},
    {"{\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown dtype 'F33'"},
    {"{\"a\":{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown dtype 'f32'"},
    {"{\"a\":{\"dtype\":\"\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown dtype ''"},
    {"{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "where a string is wanted"},
    {"{" F32("a", "1", "0", "4") "}", 4, "where '[' is wanted"},
    {"{" F32("a", "[-1]", "0", "4") "}", 4, "where a size is wanted"},
    {"{" F32("a", "[1.0]", "0", "4") "}", 4, "where a size is wanted"},
    {"{" F32("a", "[1e0]", "0", "4") "}", 4, "where a size is wanted"},
    {"{" F32("a", "[01]", "0", "4") "}", 4, "where a size is wanted"},
    {"{" F32("a", "[+1]", "0", "4") "}", 4, "where a size is wanted"},
    {"{" F32("a", "[\"1\"]", "0", "4") "}", 4, "where a size is wanted"},
    {"{" F32("a", "[[1]]", "0", "4") "}", 4, "where a size is wanted"},
    {"{" F32("a", "[1,]", "0", "4") "}", 4, "where a size is wanted"},
    {"{" F32("a", "[1 1]", "0", "4") "}", 4, "where ',' is wanted"},
    {"{" F32("a", "[true]", "0", "4") "}", 4, "where a size is wanted"},
    {"{" F32("a", "[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 4, "more than 8 sizes"},
    {"{" F32("a", "[9223372036854775808]", "0", "4") "}", 4, "a size of 63 bits"},
    {"{" F32("a", "[99999999999999999999999999]", "0", "4") "}", 4, "where a size is wanted"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4,
     "data_offsets of 1 numbers"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[]}}", 4,
     "data_offsets of 0 numbers"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4, "more than 2 sizes"},
    /* sizes that do not fit */
    {"{" F32("a", "[2]", "0", "4") "}", 4,
     "tensor a: data_offsets [0, 4], but shape [2] of F32 takes 8 bytes"},
    {"{" F32("a", "[1]", "4", "0") "}", 4,
     "data_offsets [4, 0], but shape [1] of F32 takes 4 bytes"},
    {"{" F32("a", "[0]", "0", "4") "}", 4, "but shape [0] of F32 takes 0 bytes"},
    {"{" F32("a", "[]", "0", "0") "}", 0, "but shape [] of F32 takes 4 bytes"},
    {"{" F32("a", "[4294967296,4294967296]", "0", "0") "}", 0,
     "shape [4294967296, 4294967296] of F32 is more than 64 bits can count"},
    {"{" F32("a", "[4294967296,4294967296,0]", "0", "0") "}", 0, "more than 64 bits"},
    {"{" F32("a", "[4611686018427387904]", "0", "0") "}", 0, "more than 64 bits"},
    {"{" F32("a", "[576460752303423487]", "0", "2305843009213693948") "}", 4,
     "4 bytes follow the header"},
    {"{" F32("a", "[3]", "0", "12") "}", 8,
     "data_offsets [0, 12], but 8 bytes follow the header; is the file cut"},
    {"{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", 2,
     "shape [3] of F4 does not end with a byte"},
    {"{\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "shape [1] of I64 takes 8 bytes"},
    /* all of them together */
    {"{" F32("a", "[1]", "0", "4") "," F32("a", "[1]", "4", "8") "}", 8, "tensor a stands twice"},
    {"{" F32("a", "[1]", "0", "4") "," F32("\\u0061", "[1]", "4", "8") "}", 8,
     "tensor a stands twice"},
    {"{" F32("a", "[1]", "4", "8") "}", 8, "tensor a: begins at 4, behind 0"},
    {"{" F32("a", "[1]", "0", "4") "," F32("b", "[1]", "0", "4") "}", 8,
     "tensor b: begins at 0, before 4"},
    {"{" F32("a", "[2]", "0", "8") "," F32("b", "[1]", "4", "8") "}", 8,
     "tensor b: begins at 4, before 8"},
    {"{" F32("a", "[1]", "0", "4") "," F32("b", "[1]", "5", "9") "}", 9,
     "tensor b: begins at 5, behind 4"},
    {"{" F32("a", "[1]", "0", "4") "}", 5, "the tensors end at 4, but 5 bytes follow"},
    {"{}", 1, "the tensors end at 0, but 1 bytes follow"},
    /* metadata */
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__ stands twice"},
    {"{\"__metadata__\":1}", 0, "where '{' is wanted"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "where a string is wanted"},
    {"{\"__metadata__\":{\"a\":{}}}", 0, "where a string is wanted"},
};

static void expect_refused(const char *path, const char *named, const char *said, const char *what)
{
    co_weights w;
    co_status_set_message("");
    const co_status st = co_weights_open(path, &w);
    cr_expect_eq(st, CO_EDATA, "%s: status %d", what, (int)st);
    cr_expect(strstr(co_status_message(), said), "%s: said '%s', not '%s'", what,
              co_status_message(), said);
    cr_expect(strstr(co_status_message(), named), "%s: '%s' does not name %s", what,
              co_status_message(), named);
    co_weights_close(&w);
}

Test(weights, headers_that_lie_are_refused_each_with_its_words)
{
    begin("weights-bad");
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        write_file("bad.safetensors", -1, bads[i].header, strlen(bads[i].header), bads[i].tail);
        expect_refused(in_dir("bad.safetensors"), "bad.safetensors", bads[i].said, bads[i].header);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(weights, lengths_that_lie_are_refused)
{
    static const char one[] = "{" F32("a", "[1]", "0", "4") "}";
    const size_t n = sizeof one - 1;
    begin("weights-length");
    const char *name = "bad.safetensors";
    spill(in_dir(name), "", 0);
    expect_refused(in_dir(name), name, "is 0 bytes long", "empty");
    spill(in_dir(name), "1234567", 7);
    expect_refused(in_dir(name), name, "is 7 bytes long", "7 bytes");
    write_file(name, INT64_MAX, one, n, 4);
    expect_refused(in_dir(name), name, "at most 100000000", "2^63");
    write_file(name, 100000001, one, n, 4);
    expect_refused(in_dir(name), name, "at most 100000000", "10^8 + 1");
    write_file(name, (int64_t)n + 5, one, n, 4);
    expect_refused(in_dir(name), name, "follow; is the file cut short?", "one more");
    write_file(name, 0, one, n, 4);
    expect_refused(in_dir(name), name, "does not begin with '{'", "0");
    write_file(name, (int64_t)n - 1, one, n, 4);
    expect_refused(in_dir(name), name, "the file ends where", "one less");
    write_file(name, (int64_t)n + 4, one, n, 4);
    expect_refused(in_dir(name), name, "byte 54 of the header is 0x00", "over the data");
    write_file(name, -1, "{}\0{}", 5, 0);
    expect_refused(in_dir(name), name, "byte 2 of the header is 0x00", "a zero byte");
    for (size_t cut = 0; cut < 8 + n + 4; cut++) { /* every truncation */
        write_file(name, -1, one, n, 4);
        cr_assert_eq(truncate(in_dir(name), (off_t)cut), 0);
        expect_refused(in_dir(name), name, "bytes", "cut");
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

/* ---- what is read ---- */

Test(weights, tensors_of_any_type_are_listed_and_floats_are_read)
{
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"z\":{\"dtype\":\"I64\",\"shape\":[1,2],\"data_offsets\":[12,28]},"
        "\"b.weight\" : {\"data_offsets\":[0,8],\"shape\":[ 2 , 1 ],\"dtype\":\"F32\"},"
        "\"\\u00e4\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[8,12]},"
        "\"none\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[8,8]},"
        "\"one\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[28,32]}}   ";
    co_weights w;
    char shape[192];
    float x[2];
    begin("weights-good");
    write_file("model.safetensors", -1, header, sizeof header - 1, 32);
    cr_assert_eq(co_weights_open(dir, &w), CO_OK, "%s", co_status_message());
    cr_assert_eq(w.n, 5);
    const co_stored *b = co_weights_find(&w, "b.weight"), *z = co_weights_find(&w, "z"),
                    *one = co_weights_find(&w, "one"), *none = co_weights_find(&w, "none");
    cr_assert(b && z && one && none && co_weights_find(&w, "\xc3\xa4") &&
              !co_weights_find(&w, "c"));
    cr_expect_str_eq(co_stored_shape(z, shape), "[1, 2]");
    cr_expect_str_eq(co_stored_shape(one, shape), "[]");
    cr_expect(co_stored_is_read(b) && !co_stored_is_read(z) && none->size == 0 && one->size == 1);
    cr_expect_str_eq(z->dtype, "I64");
    cr_assert_eq(co_weights_read(&w, b, x), CO_OK);
    cr_expect(memcmp(x, "\0\1\2\3\4\5\6\7", 8) == 0);
    cr_assert_eq(co_weights_read(&w, co_weights_find(&w, "\xc3\xa4"), x), CO_OK);
    cr_expect(memcmp(x, "\0\0\x08\x09\0\0\x0a\x0b", 8) == 0);
    cr_assert_eq(co_weights_read(&w, none, x), CO_OK);
    cr_assert_eq(truncate(in_dir("model.safetensors"), 8 + sizeof header - 1 + 30), 0);
    cr_expect_eq(co_weights_read(&w, one, x), CO_EDATA);
    cr_expect(strstr(co_status_message(), "while it is read"), "%s", co_status_message());
    co_weights_close(&w);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* All 65,536 patterns of a type, read from a file. */
static void read_patterns(const char *dtype, float *out)
{
    char header[200];
    static uint16_t pattern[65536];
    co_safetensors f;
    const int n =
        snprintf(header, sizeof header,
                 "{\"a\":{\"dtype\":\"%s\",\"shape\":[65536],\"data_offsets\":[0,131072]}}", dtype);
    for (int i = 0; i < 65536; i++) pattern[i] = (uint16_t)i;
    FILE *file = fopen(in_dir("half.safetensors"), "wb");
    const uint64_t length = (uint64_t)n;
    fwrite(&length, 8, 1, file);
    fwrite(header, 1, (size_t)n, file);
    fwrite(pattern, 2, 65536, file);
    fclose(file);
    cr_assert_eq(co_safetensors_open(in_dir("half.safetensors"), &f), CO_OK, "%s",
                 co_status_message());
    cr_assert_eq(co_safetensors_read(&f, &f.tensor[0], 0, 65536, out), CO_OK);
    float part[3];
    cr_assert_eq(co_safetensors_read(&f, &f.tensor[0], 15360, 3, part), CO_OK);
    cr_expect_eq(memcmp(part, out + 15360, sizeof part), 0);
    co_safetensors_close(&f);
}

Test(weights, every_pattern_of_16_bits_becomes_its_value)
{
    static float half[65536], bfloat[65536];
    begin("weights-half");
    read_patterns("F16", half);
    read_patterns("BF16", bfloat);
    for (uint32_t i = 0; i < 65536; i++) {
        const int e = (int)(i >> 10 & 31), fraction = (int)(i & 1023);
        const double sign = i >> 15 ? -1.0 : 1.0;
        const double value = e == 31 ? fraction ? NAN : INFINITY
                             : e     ? ldexp(1024 + fraction, e - 25)
                                     : ldexp(fraction, -24);
        uint32_t bits;
        memcpy(&bits, &half[i], 4);
        cr_assert(isnan(value) ? isnan(half[i]) && (bits & 0x7fffff) == (uint32_t)fraction << 13
                               : (double)half[i] == sign * value && bits >> 31 == i >> 15,
                  "F16 %04x is %g", i, (double)half[i]);
        memcpy(&bits, &bfloat[i], 4);
        cr_assert_eq(bits, i << 16, "BF16 %04x", i);
    }
    if (!have_python()) return;
    char words[3000], said[400];
    spill(in_dir("half.f32"), half, sizeof half);
    snprintf(words, sizeof words,
             "-c \"import numpy as n; a = n.fromfile('%s', '<f4'); "
             "b = n.arange(65536).astype('<u2').view('<f2').astype('<f4'); "
             "ok = (a.view('u4') == b.view('u4')) | (n.isnan(a) & n.isnan(b)); "
             "print(int(ok.sum()), end='')\"",
             in_dir("half.f32"));
    cr_assert(python(words, said, sizeof said), "%s", said);
    cr_expect_str_eq(said, "65536");
}

Test(weights, what_is_written_is_read_back_bit_by_bit)
{
    float x[6] = {1.5F, -0.0F, INFINITY, 1e-45F, 3.0F, NAN}, back[6];
    char name[2][12] = {"a.\"weight\"", "b"};
    co_stored t[2] = {{.name = name[0], .n_dims = 2, .dim = {2, 3}},
                      {.name = name[1], .n_dims = 1, .dim = {6}}};
    co_weights w;
    begin("weights-write");
    FILE *out = fopen(in_dir("w.safetensors"), "wb");
    co_safetensors_write_head(out, t, 2);
    cr_assert_eq(ftell(out) % 8, 0);
    for (int i = 0; i < 2; i++) fwrite(x, sizeof *x, 6, out);
    cr_assert_eq(fclose(out), 0);
    cr_assert_eq(co_weights_open(in_dir("w.safetensors"), &w), CO_OK, "%s", co_status_message());
    cr_assert_eq(w.n, 2);
    for (int i = 0; i < 2; i++) {
        cr_expect_str_eq(w.tensor[i].name, name[i]);
        cr_expect_eq(w.tensor[i].n_dims, t[i].n_dims);
        cr_assert_eq(co_weights_read(&w, &w.tensor[i], back), CO_OK);
        cr_expect_eq(memcmp(back, x, sizeof x), 0);
    }
    co_weights_close(&w);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* ---- shards ---- */

static void write_shards(void)
{
    static const char a[] = "{" F32("a", "[1]", "0", "4") "," F32("c", "[1]", "4", "8") "}",
                      b[] = "{" F32("b", "[2]", "0", "8") "}";
    write_file("one.safetensors", -1, a, sizeof a - 1, 8);
    write_file("two.safetensors", -1, b, sizeof b - 1, 8);
}

Test(weights, shards_are_one_model_and_their_index_is_checked)
{
    static const struct {
        const char *index, *said;
    } cases[] = {
        {"", "where '{' is wanted"},
        {"[]", "where '{' is wanted"},
        {"{}", "no map 'weight_map'"},
        {"{\"weight_map\": []}", "no map 'weight_map'"},
        {"{\"weight_map\": {\"a\": 1}}", "tensor a: no name of a file"},
        {"{\"weight_map\": {\"a\": {}}}", "tensor a: no name of a file"},
        {"{\"weight_map\": {\"a\": \"../one.safetensors\"}}",
         "'../one.safetensors' is no file of this"},
        {"{\"weight_map\": {\"a\": \"/etc/passwd\"}}", "'/etc/passwd' is no file of this"},
        {"{\"weight_map\": {\"a\": \"\"}}", "'' is no file of this"},
        {"{\"weight_map\": {\"a\": \"..\"}}", "'..' is no file of this"},
        {"{\"weight_map\": {\"a\": \"three.safetensors\"}}",
         "tensor a lies in three.safetensors, which is missing"},
        {"{\"weight_map\": {\"a\": \"one.safetensors\", \"b\": \"two.safetensors\"}}",
         "holds tensor c, which "},
        {"{\"weight_map\": {\"a\": \"one.safetensors\", \"c\": \"one.safetensors\", \"d\": "
         "\"one.safetensors\"}}",
         "tensor d is not in one.safetensors"},
        {"{\"weight_map\": {\"a\": \"two.safetensors\", \"b\": \"two.safetensors\", \"c\": "
         "\"one.safetensors\"}}",
         "tensor a is not in two.safetensors"},
        {"{\"weight_map\": {\"a\": \"one.safetensors\", \"a\": \"two.safetensors\"}}",
         "'a' stands twice"},
        {"{\"weight_map\": {\"a\": \"one.safetensors\"}} {}",
         "where the end of the file is wanted"},
        {"{\"weight_map\": {\"a\": \"one.safetensors\",}}", "where a string is wanted"},
        {"{\"weight_map\": nul}", "where a value is wanted"},
        {"{\"x\": 01, \"weight_map\": {}}", "where a value is wanted"},
    };
    co_weights w;
    float x[2];
    begin("weights-shards");
    write_shards();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text("model.safetensors.index.json", cases[i].index);
        expect_refused(dir, "model.safetensors.index.json", cases[i].said, cases[i].index);
    }
    write_text(
        "model.safetensors.index.json",
        "{\"metadata\": {\"total_size\": 16.0}, \"weight_map\": {\"c\": \"one.safetensors\", "
        "\"b\": \"two.safetensors\", \"a\": \"one.safetensors\"}}\n");
    cr_assert_eq(co_weights_open(dir, &w), CO_OK, "%s", co_status_message());
    cr_assert(w.n == 3 && w.n_files == 2);
    cr_expect_str_eq(w.tensor[1].name, "b");
    cr_expect_str_eq(strrchr(co_weights_file(&w, &w.tensor[1]), '/'), "/two.safetensors");
    cr_assert_eq(co_weights_read(&w, &w.tensor[2], x), CO_OK);
    cr_expect_eq(memcmp(x, "\4\5\6\7", 4), 0);
    co_weights_close(&w);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(weights, a_folder_without_weights_is_told_what_it_lacks)
{
    co_weights w;
    begin("weights-none");
    cr_expect_eq(co_weights_open(dir, &w), CO_EFILE);
    cr_expect(strstr(co_status_message(), "holds none of model.safetensors"), "%s",
              co_status_message());
    co_weights_close(&w);
    cr_expect_eq(co_weights_open(in_dir("no"), &w), CO_EFILE);
    co_weights_close(&w);
    mkdir(in_dir("model.safetensors"), 0755);
    cr_expect_eq(co_weights_open(dir, &w), CO_EFILE);
    cr_expect(strstr(co_status_message(), "is no file"), "%s", co_status_message());
    co_weights_close(&w);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* ---- trees ---- */

Test(weights, a_tree_keeps_types_and_writes_what_it_read)
{
    static const char text[] =
        "{\"a\": \"1\", \"b\": 1, \"c\": -1.5e-12, \"d\": true, \"e\": null, "
        "\"f\": [1, \"x\", {}], \"g\": {\"\\u00e9\": false}}";
    co_node *root;
    int64_t whole;
    double real;
    bool yes = false;
    begin("weights-tree");
    write_text("t.json", text);
    cr_assert_eq(co_json_tree(in_dir("t.json"), &root), CO_OK, "%s", co_status_message());
    cr_expect(co_node_find(root, "a")->quoted && !co_node_int(co_node_find(root, "a"), &whole));
    cr_expect(co_node_int(co_node_find(root, "b"), &whole) && whole == 1);
    cr_expect(co_node_real(co_node_find(root, "c"), &real) && real == -1.5e-12);
    cr_expect(co_node_bool(co_node_find(root, "d"), &yes) && yes);
    cr_expect(co_node_is_null(co_node_find(root, "e")));
    cr_expect_eq(co_node_count(co_node_find(root, "f")), 3);
    FILE *out = fopen(in_dir("out.json"), "wb");
    co_json_put(&(co_json){.out = out}, root);
    fclose(out);
    co_node_destroy(root);
    size_t n;
    char *back = (char *)slurp(in_dir("out.json"), &n);
    back[n] = '\0';
    cr_expect_str_eq(back, "{\"a\": \"1\", \"b\": 1, \"c\": -1.5e-12, \"d\": true, \"e\": null, "
                           "\"f\": [1, \"x\", {}], \"g\": {\"\xc3\xa9\": false}}");
    free(back);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* Every allocation and every read that fails ends with a status and leaves nothing behind. */
Test(weights, failures_are_told)
{
    static const char *const sites[] = {"alloc", "file_open", "file_read"};
    static const co_status codes[] = {CO_ENOMEM, CO_EFILE, CO_EFILE};
    begin("weights-faults");
    write_shards();
    write_text("model.safetensors.index.json",
               "{\"weight_map\": {\"c\": \"one.safetensors\", \"b\": \"two.safetensors\", \"a\": "
               "\"one.safetensors\"}}");
    for (int s = 0; s < 3; s++) {
        co_weights w;
        co_fault_plan("count");
        cr_assert_eq(co_weights_open(dir, &w), CO_OK);
        co_weights_close(&w);
        const long passes = co_fault_passes(sites[s]);
        cr_assert_gt(passes, 0);
        for (long nth = 1; nth <= passes; nth++) {
            char plan[64];
            snprintf(plan, sizeof plan, "%s:*:%ld", sites[s], nth);
            co_fault_plan(plan);
            const co_status st = co_weights_open(dir, &w);
            co_weights_close(&w);
            co_fault_plan(NULL);
            cr_expect_eq(st, codes[s], "%s: %d, %s", plan, (int)st, co_status_message());
            cr_expect_eq(co_memory_blocks(), 0, "%s leaks", plan);
        }
    }
}
