"""Makes stages.h: what NumPy and ml_dtypes round floats to, and how near a matrix of rank r can be (singular values, in double).

    python tests/reference/stages.py > tests/reference/stages.h       (needs numpy and ml_dtypes)

Rounded are, where they are finite: floats whose upper 16 bits are each of the 65,536 there are, with each of LOWER below; all
binary16 numbers; and 200,000 of tests/models/build.h's pseudo-random words. A line is the 64-bit FNV-1a hash of the results'
bytes; what overflows is the largest finite number. Matrices: entry (i, j) is 1 / (1 + |i - 0.7 j|), as floats.
"""
import ml_dtypes
import numpy as np

LOWER = [0x0000, 0x0001, 0x0fff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001, 0xefff, 0xf000, 0xffff]


def test_bits(stream, j):
    with np.errstate(over="ignore"):
        z = (np.uint64(stream << 40) + j + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((z ^ (z >> np.uint64(31))) >> np.uint64(40)).astype(np.uint32)


def inputs():
    upper = np.arange(65536, dtype=np.uint32)
    words = [upper << np.uint32(16) | np.uint32(low) for low in LOWER]
    words.append(np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32).view(np.uint32))
    j = np.arange(200000, dtype=np.uint64)
    words.append(test_bits(801, 2 * j) << np.uint32(8) ^ test_bits(801, 2 * j + np.uint64(1)))
    x = np.concatenate(words).view(np.float32)
    return x[np.isfinite(x)]


def fnv(data):
    h = 0xCBF29CE484222325
    for b in data:
        h = (h ^ b) * 0x100000001B3 % 2**64
    return h


def rounded(x, kind, largest):
    with np.errstate(over="ignore"):
        y = x.astype(kind).astype(np.float32)
    return np.where(np.isinf(y), np.copysign(np.float32(largest), x), y)


x = inputs()
print("/* tests/reference/stages.h - made by stages.py. */\n#pragma once")
print(f"enum {{ N_ROUNDED = {len(x)} }};")
for name, kind, largest in ("half", np.float16, 65504.0), ("bf16", ml_dtypes.bfloat16, float.fromhex("0x1.fep127")):
    print(f"static const unsigned long long {name}_hash = 0x{fnv(rounded(x, kind, largest).tobytes()):016x};")
print("/* Least Frobenius distance of a matrix of that shape from those of rank r. */")
print("static const struct {\n    unsigned rows, cols, rank;\n    double error;\n} best_ranks[] = {")
for rows, cols in (60, 78), (100, 30):
    i, k = np.meshgrid(np.arange(rows), np.arange(cols), indexing="ij")
    m = (1.0 / (1.0 + np.abs(i - 0.7 * k))).astype(np.float32).astype(np.float64)
    s = np.linalg.svd(m, compute_uv=False)
    for rank in 1, 2, 4, 8:
        print(f"    {{{rows}, {cols}, {rank}, {np.sqrt((s[rank:]**2).sum()):.12g}}},")
print("};")
