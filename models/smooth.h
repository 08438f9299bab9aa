/* models/smooth.h - exp, the logistic function and tanh in float, by +, -, * and / alone: the same
 * bits on every instruction set and with every C library, and the compiler can vectorise the loops
 * that call them. */
#pragma once
#include "core/clones.h"
#include <stdint.h>
#include <string.h>

/* exp(x) for x <= 0 or NaN, within 2 units in the last place; below exp(-87) it stays there. x = k
 * log 2 + r, |r| <= log(2)/2, Taylor series in r. */
CO_INLINE float co_exp_negative(float x)
{
    const float magic = 12582912.0f; /* 1.5 2^23: adding it rounds to an integer in the low bits */
    const float z = x < -87.0f ? -87.0f : x;
    const float shifted = z * 1.44269504f + magic, k = shifted - magic;
    const float r = (z - k * 0.693359375f) + k * 2.12194440e-4f;
    float series = 1.0f / 5040.0f, power;
    uint32_t bits, base;
    series = series * r + 1.0f / 720.0f;
    series = series * r + 1.0f / 120.0f;
    series = series * r + 1.0f / 24.0f;
    series = series * r + 1.0f / 6.0f;
    series = series * r + 0.5f;
    series = series * r + 1.0f;
    series = series * r + 1.0f;
    memcpy(&bits, &shifted, sizeof bits);
    memcpy(&base, &magic, sizeof base);
    bits = (bits - base + 127u) << 23;
    memcpy(&power, &bits, sizeof power);
    return series * power;
}

/* 1 / (1 + exp(-x)), within 3e-7 of its value. */
CO_INLINE float co_logistic(float x)
{
    const float e = co_exp_negative(x < 0.0f ? x : -x), share = 1.0f / (1.0f + e), low = e * share;
    return x < 0.0f ? low : share;
}

/* tanh x = (1 - e) / (1 + e) with e = exp(-2 |x|); for |x| < 1/4, where that cancels, the Taylor
 * series up to x^9. Within 5e-7 of its value. */
CO_INLINE float co_hyperbolic(float x)
{
    const float size = x < 0.0f ? -x : x, z = x * x;
    const float e = co_exp_negative(-2.0f * size), far = (1.0f - e) / (1.0f + e);
    float series = 62.0f / 2835.0f;
    series = series * z - 17.0f / 315.0f;
    series = series * z + 2.0f / 15.0f;
    series = series * z - 1.0f / 3.0f;
    series = series * z * x + x;
    return size < 0.25f ? series : x < 0.0f ? -far : far;
}

/* tanh x rounded from double: within 0.501 units in the last place for every float; odd, NaN of
 * NaN. tanh a = n / (2 - n) with n = 1 - exp(-2 a), a = |x|, which does not cancel: exp(-2 a) = 2^k
 * (1 + tail), -2 a = k log 2 + r, and 1 - 2^k is exact. From a = 20 on, where it is 1, a stays: by
 * its bits, since a branch would keep loops from being vectorised. */
CO_INLINE float co_tanh(float x)
{
    const double magic = 6755399441055744.0; /* 1.5 2^52: as in co_exp_negative */
    const double size = __builtin_fabs((double)x), most = 20.0;
    const uint64_t is_large = 0u - (uint64_t)(size > most);
    double series = 1.0 / 362880.0, a, power;
    uint64_t bits, base;
    memcpy(&bits, &size, sizeof bits);
    memcpy(&base, &most, sizeof base);
    bits = (bits & ~is_large) | (base & is_large);
    memcpy(&a, &bits, sizeof a);
    const double z = -2.0 * a, shifted = z * 1.4426950408889634 + magic, k = shifted - magic;
    const double r = (z - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10;
    series = series * r + 1.0 / 40320.0;
    series = series * r + 1.0 / 5040.0;
    series = series * r + 1.0 / 720.0;
    series = series * r + 1.0 / 120.0;
    series = series * r + 1.0 / 24.0;
    series = series * r + 1.0 / 6.0;
    series = series * r + 0.5;
    series = series * r + 1.0;
    memcpy(&bits, &shifted, sizeof bits);
    memcpy(&base, &magic, sizeof base);
    bits = (bits - base + 1023u) << 52;
    memcpy(&power, &bits, sizeof power);
    const double n = (1.0 - power) - power * (series * r);
    return (float)__builtin_copysign(n / (2.0 - n), (double)x);
}

/* x / (1 + exp(-x)), and its slope. Within (6 + |x|) 1e-7 of the
 * value, the slope within 1e-6. */
CO_INLINE float co_silu(float x, float *slope)
{
    const float s = co_logistic(x), y = x * s;
    *slope = s + y * (1.0f - s);
    return y;
}

/* x F(x), F(x) the share of the standard normal distribution below x, and its slope F(x) + x F'(x).
 * With z = |x| / sqrt 2: F(-|x|) = erfc(z) / 2 = exp(-z^2) t Q(t), t = 1 / (1 + 0.3 z), Q our own
 * polynomial of degree 8, which leaves 2e-8 of the value for z up to 10. Within (6 + x^2)
 * 1e-7 of the value, the slope within 3e-7. */
CO_INLINE float co_gelu(float x, float *slope)
{
    const float size = x < 0.0f ? -x : x, e = co_exp_negative(-0.5f * (x * x)),
                t = 1.0f / (1.0f + 0.212132034f * size);
    float series = -0.0647613904f;
    series = series * t + 0.242781285f;
    series = series * t - 0.256138393f;
    series = series * t + 0.273859284f;
    series = series * t - 0.0473248497f;
    series = series * t + 0.107462825f;
    series = series * t + 0.0741696359f;
    series = series * t + 0.0853576066f;
    series = series * t + 0.0845940030f;
    const float below = series * t * e, share = x < 0.0f ? below : 1.0f - below;
    *slope = share + x * (0.398942280f * e);
    return x * share;
}

/* x s with s = 1/2 (1 + tanh u) = 1 / (1 + exp(-2 u)), u = sqrt(2/pi) (x + 0.044715 x^3), and its
 * slope s + x s (1 - s) 2 u', which is within 3e-6. */
CO_INLINE float co_gelu_tanh(float x, float *slope)
{
    const float z = x * x, s = co_logistic(x * (1.59576912f + 0.0713548163f * z)), y = x * s;
    *slope = s + y * ((1.0f - s) * (1.59576912f + 0.214064449f * z));
    return y;
}
