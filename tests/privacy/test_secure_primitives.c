/* Keys, sealing and masks: what the RFCs print, and any part of a mask alike. */
#include "core/memory.h"
#include "core/random.h"
#include "privacy/secure/keystream.h"
#include "privacy/secure/mask.h"
#include <criterion/criterion.h>
#include <sodium.h>
#include <string.h>

enum { ROOM = 1024 };

static size_t bytes(const char *hex, unsigned char *out)
{
    size_t n;
    cr_assert(sodium_hex2bin(out, ROOM, hex, strlen(hex), " ", &n, NULL) == 0);
    return n;
}

static bool are(const void *got, size_t n, const char *hex)
{
    unsigned char want[ROOM];
    return bytes(hex, want) == n && memcmp(got, want, n) == 0;
}

/* Sections 5.2 and 6.1. */
Test(secure_primitives, agreement_is_that_of_rfc_7748)
{
    static const char shared[] = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    unsigned char a[ROOM], b[ROOM], public_a[32], public_b[32], out[32];
    bytes("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", a);
    bytes("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", b);
    cr_assert(co_key_agree(a, b, out));
    cr_expect(are(out, 32, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"));
    bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", a);
    bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", b);
    co_key_public(a, public_a);
    co_key_public(b, public_b);
    cr_expect(
        are(public_a, 32, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
    cr_expect(
        are(public_b, 32, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
    cr_assert(co_key_agree(a, public_b, out));
    cr_expect(are(out, 32, shared));
    cr_assert(co_key_agree(b, public_a, out));
    cr_expect(are(out, 32, shared));
}

Test(secure_primitives, keys_that_agree_with_anyone_are_told)
{
    unsigned char secret[32], weak[32] = {0}, out[32];
    randombytes_buf(secret, sizeof secret);
    cr_expect_not(co_key_agree(secret, weak, out), "zero");
    weak[0] = 1;
    cr_expect_not(co_key_agree(secret, weak, out), "one");
}

/* Appendix A.1 to A.3. */
Test(secure_primitives, hkdf_is_that_of_rfc_5869)
{
    unsigned char ikm[80], salt[80], info[80], key[32], out[82];
    memset(ikm, 0x0b, 22);
    for (unsigned char i = 0; i < 13; i++) salt[i] = i;
    for (unsigned char i = 0; i < 10; i++) info[i] = 0xf0 + i;
    co_hkdf_extract(salt, 13, ikm, 22, key);
    cr_expect(are(key, 32, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"));
    co_hkdf_expand(key, info, 10, out, 42);
    cr_expect(are(
        out, 42,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"));
    co_hkdf_extract("", 0, ikm, 22, key);
    co_hkdf_expand(key, "", 0, out, 42);
    cr_expect(are(
        out, 42,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"));
    for (unsigned char i = 0; i < 80; i++) {
        ikm[i] = i;
        salt[i] = 0x60 + i;
        info[i] = (unsigned char)(0xb0 + i);
    }
    co_hkdf_extract(salt, 80, ikm, 80, key);
    co_hkdf_expand(key, info, 80, out, 82);
    cr_expect(are(out, 82,
                  "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
                  "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
                  "cc30c58179ec3e87c14c01d5c1f3434f1d87"));
}

/* Section 2.8.2: what seals here; then that co_seal is it, with a zero nonce and nothing beside. */
Test(secure_primitives, sealing_is_that_of_rfc_8439)
{
    static const char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
                               "only one tip for the future, sunscreen would be it.";
    static const unsigned char zero[12];
    enum { N = sizeof text - 1 };
    unsigned char key[ROOM], nonce[ROOM], beside[ROOM], out[N + 16], sealed[N + 16], plain[N];
    const size_t n_beside = bytes("50515253c0c1c2c3c4c5c6c7", beside);
    bytes("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", key);
    bytes("070000004041424344454647", nonce);
    crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, (const unsigned char *)text, N, beside,
                                              n_beside, NULL, nonce, key);
    cr_expect(are(out, sizeof out,
                  "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
                  "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
                  "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
                  "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"));
    co_seal(key, text, N, sealed);
    crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, (const unsigned char *)text, N, NULL, 0,
                                              NULL, zero, key);
    cr_expect_arr_eq(sealed, out, sizeof out);
    cr_expect(co_unseal(key, sealed, N, plain));
    cr_expect_arr_eq(plain, text, N);
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 1;
        cr_expect_not(co_unseal(key, sealed, N, plain), "byte %zu changed", i);
        cr_expect(sodium_is_zero(plain, N), "a part came out");
        sealed[i] ^= 1;
    }
}

/* Appendix A.1, vectors 1 to 3: blocks 0 and 1 of the zero key, block 1 of another. */
Test(secure_primitives, masks_are_the_keystream_of_rfc_8439)
{
    static const char *const block[] = {
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
        "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
        "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
        "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
        "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
        "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0"};
    for (int b = 0; b < 3; b++) {
        co_mask_term term = {.sign = 1};
        uint64_t values[16] = {0};
        uint32_t words[16];
        term.seed[31] = b == 2;
        co_mask_add(&term, 1, 32, values, b ? 16 : 0, 16);
        for (int j = 0; j < 16; j++) words[j] = (uint32_t)values[j];
        cr_expect(are(words, 64, block[b]), "block %d", b);
    }
}

Test(secure_primitives, keystreams_are_the_same_on_every_path)
{
    enum { N = 5000 };
    static unsigned char fast[N], plain[N];
    unsigned char key[32];
    for (uint64_t i = 0; i < 200; i++) {
        co_stream s = co_stream_open(4, CO_DRAW_TEST, i, 0, 0);
        const size_t n = co_draw_below(&s, N);
        const uint64_t block = i % 2 ? UINT32_MAX - 1 - n / 64 : co_draw_u32(&s) >> 1;
        co_secure_draw(&(co_noise_source){.seed = i}, "test", 0, 0, key, sizeof key);
        memset(fast, 1, N);
        memset(plain, 1, N);
        co_keystream(key, block, fast, n);
        co_keystream_plain(key, block, plain, n);
        cr_assert_arr_eq(fast, plain, N, "%zu bytes from block %zu", n, (size_t)block);
    }
}

static co_mask_term term_of(uint64_t seed, int sign)
{
    co_mask_term term = {.sign = sign};
    co_secure_draw(&(co_noise_source){.seed = seed}, "test", 0, 0, term.seed, sizeof term.seed);
    return term;
}

/* Word by word from one keystream, beside the library's chunks and slices. */
Test(secure_primitives, any_part_of_a_mask_is_that_part)
{
    enum { N = 9000 };
    static uint64_t whole[N], part[N];
    static unsigned char stream[8 * N];
    static const unsigned char zero[12];
    const co_mask_term term = term_of(1, 1);
    for (int bits = 1; bits <= CO_MASK_MAX_BITS; bits++) {
        const size_t word = bits <= 16 ? 2 : bits <= 32 ? 4 : 8;
        const uint64_t most = (UINT64_C(1) << bits) - 1;
        memset(whole, 0, sizeof whole);
        co_mask_add(&term, 1, bits, whole, 0, N);
        crypto_stream_chacha20_ietf(stream, word * N, zero, term.seed);
        for (size_t j = 0; j < N; j++) {
            uint64_t w = 0;
            memcpy(&w, stream + word * j, word);
            cr_assert_eq(whole[j], w & most, "%d bits: coordinate %zu", bits, j);
        }
        for (size_t first = 0; first < 4200; first += 1 + first / 3 + (size_t)bits % 3) {
            const size_t n = first % 2 ? 1 + first % 100 : N - first;
            memset(part, 0, n * sizeof *part);
            co_mask_add(&term, 1, bits, part, first, n);
            cr_assert_arr_eq(part, whole + first, n * sizeof *part, "%d bits from %zu", bits,
                             first);
        }
    }
}

Test(secure_primitives, masks_of_both_signs_cancel)
{
    enum { N = 5000 };
    static uint64_t values[N], before[N];
    const co_mask_term term[] = {term_of(1, 1), term_of(2, -1), term_of(1, -1), term_of(2, 1)};
    for (int bits = 1; bits <= CO_MASK_MAX_BITS; bits++) {
        for (size_t j = 0; j < N; j++)
            before[j] = values[j] = (j * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - bits);
        co_mask_add(term, 2, bits, values, 7, N);
        cr_expect(memcmp(values, before, sizeof before) != 0);
        for (size_t j = 0; j < N; j++) cr_assert(values[j] >> bits == 0);
        co_mask_add(term + 2, 2, bits, values, 7, N);
        cr_assert_arr_eq(values, before, sizeof before, "%d bits", bits);
    }
}

Test(secure_primitives, packed_values_come_back)
{
    enum { N = 100 };
    uint64_t values[N], sum[N];
    unsigned char packed[8 * N + 1];
    co_stream s = co_stream_open(3, CO_DRAW_TEST, 0, 0, 0);
    for (int bits = 1; bits <= CO_MASK_MAX_BITS; bits++)
        for (size_t n = 1; n <= N; n += 3) {
            const size_t size = co_packed_bytes(n, bits);
            const uint64_t most = (UINT64_C(1) << bits) - 1;
            cr_assert_eq(size, (n * (size_t)bits + 7) / 8);
            for (size_t j = 0; j < n; j++) values[j] = co_draw_u64(&s) & most;
            memset(packed, 0xee, sizeof packed);
            co_pack(values, n, bits, packed);
            cr_assert_eq(packed[size], 0xee, "wrote behind %zu values of %d bits", n, bits);
            for (size_t first = 0; first < n; first++) {
                memset(sum, 0, sizeof sum);
                co_unpack_add(packed, bits, sum, first, n - first);
                co_unpack_add(packed, bits, sum, first, n - first);
                for (size_t j = first; j < n; j++)
                    cr_assert_eq(sum[j - first], 2 * values[j] & most, "%d bits, value %zu", bits,
                                 j);
            }
        }
}

/* Every purpose, step, place, seed and key has bytes of its own; the same twice. */
Test(secure_primitives, draws_of_different_names_differ)
{
    enum { N = 2 * 3 * 4 * 4 };
    unsigned char drawn[N][32], again[32];
    const co_noise_source source[] = {
        {.seed = 1}, {.seed = 2}, {.is_secret = true, .key = {1}}, {.is_secret = true, .key = {2}}};
    static const char *const purpose[] = {"mask key", "seal key"};
    size_t n = 0;
    for (int p = 0; p < 2; p++)
        for (int s = 0; s < 4; s++)
            for (uint64_t step = 0; step < 3; step++)
                for (uint64_t place = 0; place < 4; place++, n++) {
                    co_secure_draw(&source[s], purpose[p], step, place, drawn[n], 32);
                    co_secure_draw(&source[s], purpose[p], step, place, again, 32);
                    cr_assert_arr_eq(drawn[n], again, 32);
                    for (size_t i = 0; i < n; i++) cr_assert(memcmp(drawn[i], drawn[n], 32) != 0);
                }
    cr_assert_eq(n, (size_t)N);
}
