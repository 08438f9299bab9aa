/* Digests against hashlib.blake2b of Python (values made once, quoted) and against their own
 * definition. */
#include "io/files/digest.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <string.h>

static void hash_hex(const void *data, size_t n, char hex[33])
{
    unsigned char sum[16];
    co_hash16(data, n, sum);
    co_hex(sum, 16, hex);
}

Test(digest, sixteen_bytes_agree_with_hashlib)
{
    char hex[33], block[1000];
    hash_hex("", 0, hex);
    cr_assert_str_eq(hex, "cae66941d9efbd404e4d88758ea67670");
    hash_hex("abc", 3, hex);
    cr_assert_str_eq(hex, "cf4ab791c62b8d2b2109c90275287816");
    for (int i = 0; i < 1000; i++) block[i] = (char)(i % 251);
    hash_hex(block, sizeof block, hex);
    cr_assert_str_eq(hex, "bca120dfd89cd95d82898473a5b01c90");
}

Test(digest, hex_is_lower_case_and_ends)
{
    char hex[9];
    co_hex((const unsigned char[]){0x00, 0x9f, 0xa0, 0xff}, 4, hex);
    cr_assert_str_eq(hex, "009fa0ff");
}

/* 10,000 coordinates i / 7 as float32: two whole blocks and a short one; the number is what
 * check_files.py's recipe gives. */
Test(digest, model_digest_agrees_with_the_recipe_in_python)
{
    static float params[10000];
    unsigned char hashes[3 * 16];
    for (int i = 0; i < 10000; i++) params[i] = (float)i / 7.0f;
    co_model_block_hashes(params, 10000, hashes);
    cr_assert_eq(co_model_digest(hashes, 3), 9516276644149777198ull);
}

Test(digest, owners_of_whole_blocks_hash_alone)
{
    static float params[10000];
    unsigned char whole[48], parts[48];
    for (int i = 0; i < 10000; i++) params[i] = (float)(i * i % 97);
    co_model_block_hashes(params, 10000, whole);
    co_model_block_hashes(params, 4096, parts);
    co_model_block_hashes(params + 4096, 10000 - 4096, parts + 16);
    cr_assert_arr_eq(whole, parts, 48);
}
