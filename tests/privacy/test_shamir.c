/* Shares: the field is one, every t of them give the secret, t - 1 fit every secret. */
#include "core/memory.h"
#include "core/random.h"
#include "privacy/secure/shamir.h"
#include <criterion/criterion.h>
#include <string.h>

static void draw(uint64_t name, unsigned char *out)
{
    co_secure_draw(&(co_noise_source){.seed = name}, "test", 0, 0, out, CO_KEY_BYTES);
}

/* Carry-less product, then division by the polynomial: bit by bit. */
static uint16_t slow_product(uint16_t a, uint16_t b)
{
    uint64_t p = 0;
    for (int i = 0; i < 16; i++)
        if (b >> i & 1) p ^= (uint64_t)a << i;
    for (int i = 31; i >= 16; i--)
        if (p >> i & 1) p ^= UINT64_C(0x1002b) << (i - 16);
    return (uint16_t)p;
}

Test(shamir, the_field_is_a_field)
{
    co_stream s = co_stream_open(1, CO_DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < 200000; i++) {
        const uint16_t a = (uint16_t)co_draw_u32(&s), b = (uint16_t)co_draw_u32(&s);
        cr_assert_eq(co_gf16_multiply(a, b), slow_product(a, b), "%x %x", a, b);
    }
    for (unsigned a = 1; a < 65536; a++)
        cr_assert_eq(slow_product((uint16_t)a, co_gf16_inverse((uint16_t)a)), 1, "%x", a);
    cr_expect_eq(co_gf16_inverse(0), 0);
}

static void join(const uint16_t *x, unsigned char (*share)[CO_KEY_BYTES], size_t t, uint16_t at,
                 unsigned char *out)
{
    uint16_t weight[16];
    co_shamir_weights(x, t, at, weight);
    memset(out, 0, CO_KEY_BYTES);
    for (size_t i = 0; i < t; i++) co_shamir_add(out, weight[i], share[i]);
}

/* All subsets of up to 9 shares, of all thresholds; x small and large. Fewer give something else.
 */
Test(shamir, every_subset_of_t_gives_the_secret_and_no_smaller_one)
{
    enum { N = 9 };
    static const uint16_t all_x[N] = {1, 2, 3, 200, 255, 256, 1000, 32769, 65535};
    for (size_t t = 1; t <= N; t++) {
        unsigned char secret[CO_KEY_BYTES], seed[CO_KEY_BYTES], share[N][CO_KEY_BYTES],
            some[N][CO_KEY_BYTES], out[CO_KEY_BYTES];
        uint16_t x[N];
        co_shamir s;
        draw(t, secret);
        draw(100 + t, seed);
        cr_assert_eq(co_shamir_open(&s, secret, t, seed), CO_OK);
        for (size_t i = 0; i < N; i++) co_shamir_share(&s, all_x[i], share[i]);
        for (unsigned subset = 1; subset < 1u << N; subset++) {
            size_t n = 0;
            for (size_t i = 0; i < N; i++)
                if (subset >> i & 1) {
                    x[n] = all_x[i];
                    memcpy(some[n++], share[i], CO_KEY_BYTES);
                }
            join(x, some, n, 0, out);
            cr_assert_eq(memcmp(out, secret, CO_KEY_BYTES) == 0, n >= t,
                         "%zu shares of threshold %zu", n, t);
        }
        co_shamir_close(&s);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

/* Given t - 1 shares and any other secret, a polynomial through all of them: its share at a t-th
 * place, with the t - 1, gives that secret. So the t - 1 say nothing. */
Test(shamir, one_share_too_few_fits_every_secret)
{
    enum { T = 5 };
    unsigned char secret[CO_KEY_BYTES], seed[CO_KEY_BYTES], other[CO_KEY_BYTES],
        share[T][CO_KEY_BYTES], out[CO_KEY_BYTES];
    co_shamir s;
    draw(1, secret);
    draw(2, seed);
    cr_assert_eq(co_shamir_open(&s, secret, T, seed), CO_OK);
    for (int k = 0; k < 100; k++) {
        uint16_t x[T] = {3, 9, 4, 77, 0};
        draw(1000 + (uint64_t)k, other);
        for (int i = 0; i < T - 1; i++) co_shamir_share(&s, x[i], share[i]);
        memcpy(share[T - 1], other, CO_KEY_BYTES); /* the secret is the value at zero */
        join(x, share, T, 12, out);
        x[T - 1] = 12;
        memcpy(share[T - 1], out, CO_KEY_BYTES);
        join(x, share, T, 0, out);
        cr_assert_arr_eq(out, other, CO_KEY_BYTES);
        co_shamir_share(&s, 12, out);
        cr_assert(memcmp(out, share[T - 1], CO_KEY_BYTES) != 0);
    }
    co_shamir_close(&s);
}

/* A share without the others is uniform, whatever the secret: bits of those of secret zero over
 * many seeds, within 4 sigma each. */
Test(shamir, shares_are_uniform)
{
    enum { N = 4000 };
    unsigned char secret[CO_KEY_BYTES] = {0}, seed[CO_KEY_BYTES], share[CO_KEY_BYTES];
    int ones[8 * CO_KEY_BYTES] = {0};
    for (uint64_t k = 0; k < N; k++) {
        co_shamir s;
        draw(k, seed);
        cr_assert_eq(co_shamir_open(&s, secret, 3, seed), CO_OK);
        co_shamir_share(&s, 7, share);
        for (int b = 0; b < 8 * CO_KEY_BYTES; b++) ones[b] += share[b / 8] >> (b % 8) & 1;
        co_shamir_close(&s);
    }
    for (int b = 0; b < 8 * CO_KEY_BYTES; b++) {
        const double z = (2.0 * ones[b] - N) / 63.2455532; /* sqrt(4000) */
        cr_expect(z > -4.0 && z < 4.0, "bit %d: %.1f sigma", b, z);
    }
}
