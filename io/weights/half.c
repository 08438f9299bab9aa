/* io/weights/half.c - 16-bit floats to float32, exactly. half may lie in the upper half of out.
 *
 * IEEE half precision: 1 sign, 5 exponent (bias 15), 10 fraction bits; float32: 8 (bias 127), 23. A
 * subnormal f 2^-24 is a plain number here and comes from one exact product. Source: IEEE 754-2019,
 * 3.4. */
#include "io/weights/safetensors.h"
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "weights are stored little-endian");

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint32_t bits_of_half(uint32_t half)
{
    const uint32_t sign = (half & 0x8000) << 16, rest = half & 0x7fff, exponent = rest >> 10;
    if (exponent == 0) return sign | bits_of((float)rest * 0x1p-24f);
    if (exponent == 31) return sign | 0x7f800000 | (rest & 0x3ff) << 13;
    return sign | ((rest << 13) + ((127 - 15) << 23));
}

/* Element by element through bytes: reading and writing may be in one block. */
static void unfold(const uint16_t *from, size_t n, float *out, uint32_t (*bits)(uint32_t))
{
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, (const char *)from + 2 * i, sizeof half);
        const uint32_t value = bits(half);
        memcpy((char *)out + 4 * i, &value, sizeof value);
    }
}

static uint32_t bits_of_bfloat(uint32_t bfloat)
{
    return bfloat << 16;
}

void co_floats_of_half(const uint16_t *half, size_t n, float *out)
{
    unfold(half, n, out, bits_of_half);
}

void co_floats_of_bfloat(const uint16_t *bfloat, size_t n, float *out)
{
    unfold(bfloat, n, out, bits_of_bfloat);
}
