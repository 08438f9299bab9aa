#!/usr/bin/env python3
"""Writes the small .npz files beside it with NumPy, for tests/io/test_readers_npz.c.

All hold x[i, j] = i + j / 8 (rows i, columns j) in the dtype of the name, y = 3 - i % 3; see the test.
"""
import os
import sys

import numpy as np

here = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(here, name + ".npz")


i, j = np.arange(6)[:, None], np.arange(4)[None, :]
x = i + j / 8
y = (3 - np.arange(6) % 3).astype("i8")
for t in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "b1"):
    (np.savez_compressed if t in ("f4", "u1") else np.savez)(path(t), x=x.astype(t), y=y)
cube = (np.arange(6 * 2 * 3 * 4).reshape(6, 2, 3, 4)).astype("u1")
np.savez(path("fortran"), x=np.asfortranarray(cube), y=y.astype("u1"))
np.savez_compressed(path("cut"), x=x[:4].astype("f4"), y=y[:4, None], x_test=x[4:].astype("f4"), y_test=y[4:, None],
                    user=np.array([70, -1, 5, 70]))
np.savez(path("split"), x=x.astype("f4"), y=y.astype("f8"), split=np.array([0, 1, 2, 0, 0, 1], "u1"),
         user=np.array([3, 3, 2, 2, 1, 1], "i4"))
np.savez(path("big_endian"), x=x.astype(">f4"), y=y)
np.savez(path("object"), x=np.array([[1], ["a"]], dtype=object), y=y[:2])
np.savez(path("words"), x=x[:2].astype("f4"), y=np.array(["a", "b"]))
np.savez(path("half_label"), x=x.astype("f4"), y=y + 0.5)
np.savez(path("no_y"), x=x.astype("f4"))
side = (np.arange(4 * 8 * 9 * 3) % 251).reshape(4, 8, 9, 3).astype("u1")
np.savez(path("keras"), x_train=side[:3, :, :, 0], y_train=y[:3], x_test=side[3:, :, :, 0], y_test=y[3:4])
np.savez(path("nhwc"), x=side, y=np.array([[5.0], [-1.0], [5.0], [2.0]]))
np.savez(path("nhwc_f4"), x=side.astype("f4"), y=y[:4])
np.savez(path("nan_label"), x=x.astype("f4"), y=np.where(y == 1, np.nan, y))
numbers = np.stack([np.arange(6) / 4, -np.arange(6) * 100.0], 1)
labels = np.stack([np.arange(6) % 2, np.arange(6) > 3, np.zeros(6)], 1)
np.savez(path("numbers"), x=x.astype("f4"), y=np.asfortranarray(numbers))
np.savez(path("labels"), x=x[:4].astype("f4"), y=labels[:4].astype("?"), x_test=x[4:].astype("f4"), y_test=labels[4:].astype("?"))
np.savez(path("columns_differ"), x=x[:4].astype("f4"), y=numbers[:4], x_test=x[4:].astype("f4"), y_test=labels[4:])
numbers[4, 1] = np.nan
np.savez(path("numbers_nan"), x=x.astype("f4"), y=numbers)
x[3, 2] = np.nan
np.savez(path("nan"), x=x.astype("f4"), y=y)
