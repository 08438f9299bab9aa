/* core/elementary.h - log, exp and the circle in double from + - * / sqrt alone.
 *
 * The C library's own differ in the last bit between processors (it picks fused multiply-add at run
 * time), and one bit is enough to turn an accept into a reject. Here every operation is exactly
 * rounded and ordered, so that a draw has the same bits everywhere. Errors stay below 2 units in
 * the last place over the ranges named (tests compare with libm). Series only, cut where the next
 * term is below 2^-56; nothing is fitted. Local. */
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

/* f - log(1 + f) for f in [sqrt 1/2 - 1, sqrt 2 - 1): with s = f / (2 + f), |s| < 0.1716, log(1 +
 * f) = 2 (s + s^3 / 3 + .. + s^21 / 21). */
static inline double co_plain_log_rest(double f)
{
    const double s = f / (2.0 + f), z = s * s;
    double tail =
        1.0 / 21.0; /* log m = 2 s + s z 2 (1/3 + z/5 + ..) = f - s (f - 2 z (1/3 + ..)) */
    for (int k = 19; k >= 3; k -= 2) tail = tail * z + 1.0 / k;
    return s * (f - 2.0 * z * tail);
}

/* log x of a positive normal x. x = m 2^e, m in [sqrt 1/2, sqrt 2): log x = e log 2 + log m. */
static inline double co_plain_log(double x)
{
    const double ln2_high = 0x1.62e42fee00000p-1,
                 ln2_low = 0x1.a39ef35793c76p-33; /* e * ln2_high is exact */
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int64_t above = bits - 0x3fe6a09e667f3bcd; /* bits of sqrt 1/2 */
    const double e = (double)(above >> 52);
    bits -= (above >> 52) * (INT64_C(1) << 52);
    memcpy(&x, &bits, sizeof x);
    const double f = x - 1.0;
    return e * ln2_high + (f - (co_plain_log_rest(f) - e * ln2_low));
}

/* log(1 + x) for x > -1, small x to its last bits; elsewhere the sum is rounded first: 3 units. */
static inline double co_plain_log1p(double x)
{
    return x > -0.29 && x < 0.41 ? x - co_plain_log_rest(x) : co_plain_log(1.0 + x);
}

/* exp x for x <= 0; 0 below -746, NaN of NaN. x = k log 2 + r, |r| <= 0.347: 2^k (1 + r + .. + r^14
 * / 14!). */
static inline double co_plain_exp(double x)
{
    const double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
    if (isnan(x)) return x;
    if (x < -746.0) return 0.0;
    const double k = floor(x * 0x1.71547652b82fep+0 + 0.5);
    const double r = (x - k * ln2_high) - k * ln2_low;
    double sum = 1.0 / 87178291200.0, factorial = 87178291200.0; /* 14! */
    for (int n = 14; n >= 1; n--) {
        factorial /= n;
        sum = sum * r + 1.0 / factorial; /* constants once unrolled */
    }
    if (k < -1000.0) return ldexp(sum, (int)k);
    const int64_t power = ((int64_t)k + 1023) * (INT64_C(1) << 52);
    double scale; /* 2^k */
    memcpy(&scale, &power, sizeof scale);
    return sum * scale;
}

/* x^y for x > 0 and y >= 0: the whole part of y by squaring, so that x^1 is x, times exp(rest log
 * x). The error grows with y: about y units in the last place. */
static inline double co_plain_power(double x, double y)
{
    const double whole = floor(y), rest = y - whole;
    double power = 1.0, square = x;
    for (double n = whole; n >= 1.0; n = floor(0.5 * n), square *= square)
        if (fmod(n, 2.0) == 1.0) power *= square;
    if (rest == 0.0) return power;
    const double e = rest * co_plain_log(x);
    return e <= 0.0 ? power * co_plain_exp(e) : power / co_plain_exp(-e);
}

/* cos(2 pi turn) for turn in [0, 1). The nearest quarter is taken off exactly, |phi| <= pi / 4 is
 * left. */
static inline double co_plain_cos_turn(double turn)
{
    const double quarter = floor(4.0 * turn + 0.5);
    const double phi = (turn - 0.25 * quarter) * 0x1.921fb54442d18p+2, z = phi * phi;
    double cosine = 1.0, sine = 1.0;
    for (int n = 18; n >= 2; n -= 2) {
        cosine = 1.0 - cosine * z / (n * (n - 1));
        sine = 1.0 - sine * z / (n * (n + 1));
    }
    sine *= phi;
    switch ((int)quarter & 3) {
    case 0: return cosine;
    case 1: return -sine;
    case 2: return -cosine;
    default: return sine;
    }
}

/* cos and sin of an angle >= 0 in radians. The turns are rounded first: an error of angle 2^-53. */
static inline double co_plain_cos(double angle)
{
    const double turns = angle * 0x1.45f306dc9c883p-3;
    return co_plain_cos_turn(turns - floor(turns));
}

static inline double co_plain_sin(double angle)
{
    const double turns = angle * 0x1.45f306dc9c883p-3 + 0.75;
    return co_plain_cos_turn(turns - floor(turns));
}
