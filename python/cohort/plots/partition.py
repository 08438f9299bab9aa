"""Partitions: the classes of each device, and how much devices have."""
from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib import lines, ticker
from matplotlib import pyplot as plt

from .style import CLASSES, CURVES, evenly, headline, number
from .types import Array, Axes, Drawn, Part

IN_A_ROW = 3  # partitions side by side
MAX_DEVICES = 200  # more columns than this cannot be told apart on paper


def sorted_devices(part: Part, by: str) -> Array:
    """Devices by id, by falling size, or by their commonest class and how much of them it is."""
    counts = part["counts"]
    if by == "size":
        return np.argsort(-part["sizes"], kind="stable")
    if by == "class" and counts is not None:
        share = counts.max(axis=1) / np.maximum(counts.sum(axis=1), 1)
        return np.lexsort((-share, counts.argmax(axis=1)))
    return np.arange(len(part["sizes"]))


def short(name: str) -> str:
    return name if len(name) <= 22 else name[:20] + ".."


def names_of(part: Part) -> list[str]:
    return [short(name) for name in part["names"] or map(str, range(part["counts"].shape[1]))]


def is_map(part: Part, options: Mapping[str, str]) -> bool:
    wanted = options.get("draw", "auto")
    return wanted == "map" or (wanted == "auto" and part["counts"].shape[1] > len(CLASSES))


def draw_map(axes: Axes, part: Part, options: Mapping[str, str], brief: bool = False) -> None:
    """Devices from left to right, each a stack of its classes; with many classes, or on request, a map with a row a class."""
    n, order = len(part["sizes"]), sorted_devices(part, options.get("sort", "id"))
    chosen = order[evenly(n, MAX_DEVICES)]
    values, shares = part["counts"][chosen].astype(float), options.get("values", "shares") == "shares"
    if shares:
        values = 100.0 * values / np.maximum(values.sum(axis=1, keepdims=True), 1)
    what = "examples" if not shares else "share of the examples (%)" if brief else "share of the device's examples (%)"
    at = np.arange(len(chosen))
    axes.grid(False)
    if is_map(part, options):
        draw_heat(axes, values, names_of(part) if part["names"] else None, what)
    else:
        draw_stacks(axes, at, values, names_of(part), what)
        if shares:
            axes.set_ylim(0, 100)
        if not brief:
            handles, labels = axes.get_legend_handles_labels()
            axes.legend(handles[::-1], labels[::-1], title="class", loc="center left", bbox_to_anchor=(1.005, 0.5),
                        handlelength=1, handleheight=1, borderaxespad=0)
    axes.set_xlim(-0.5, len(at) - 0.5)
    ids = [i for i in ticker.MaxNLocator(6, integer=True).tick_values(0, n - 1) if 0 <= i < n]
    axes.set_xticks([i * (len(at) - 1) / max(1, n - 1) for i in ids])
    axes.set_xticklabels([number(i) for i in ids])
    axes.set_xlabel(device_label(n, options.get("sort", "id"), brief))


def device_label(n: int, sort: str, brief: bool) -> str:
    said = [] if sort == "id" else [f"by {sort}"]
    if n > MAX_DEVICES:
        said.append(f"{MAX_DEVICES} of {number(n)}" + ("" if brief else ", evenly spaced"))
    return "device" + (f" ({', '.join(said)})" if said else "")


def draw_stacks(axes: Axes, at: Array, values: Array, names: Any, what: str) -> None:
    bottom, width = np.zeros(len(at)), 1.0 if len(at) > 60 else 0.9
    for c in range(values.shape[1]):
        axes.bar(at, values[:, c], bottom=bottom, width=width, color=class_color(c), label=names[c])
        bottom += values[:, c]
    axes.set_ylabel(what)
    axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))


def class_color(c: int) -> tuple[float, ...]:
    """Ten colours; where stacks of more classes are asked for they come again, lighter."""
    base = np.array([int(CLASSES[c % len(CLASSES)][k:k + 2], 16) for k in (1, 3, 5)]) / 255
    light = min(0.75, 0.35 * (c // len(CLASSES)))
    return tuple(base + (1 - base) * light)


def draw_heat(axes: Axes, values: Array, names: Any, what: str) -> None:
    top = max(1.0, float(np.percentile(values.max(axis=1), 95)))
    image = axes.imshow(values.T, aspect="auto", origin="lower", cmap="Blues", interpolation="nearest", vmin=0, vmax=top)
    axes.set_ylabel("class")
    if names and len(names) <= 30:
        axes.set_yticks(range(len(names)), names, fontsize=8 if len(names) > 12 else 9)
    else:
        axes.yaxis.set_major_locator(ticker.MaxNLocator(8, integer=True))
    bar = axes.figure.colorbar(image, ax=axes, pad=0.015, aspect=30, extend="max" if values.max() > top else "neither")
    bar.outline.set_visible(False)
    bar.set_label(what)


def draw_sizes(axes: Axes, sizes: Array) -> None:
    """How many devices have how many examples; logarithmic when a few are far larger than most."""
    filled = sizes[sizes > 0]
    low, high = (int(filled.min()), int(filled.max())) if len(filled) else (0, 1)
    bins = min(30, int(np.ceil(3 * max(1, len(filled)) ** (1 / 3))))
    if low == high:
        edges = np.array([low - 0.5, low + 0.5])
    elif high > 20 * np.median(filled):
        edges = np.unique(np.geomspace(low, high + 1, bins + 1))
        axes.set_xscale("log")
    else:
        step = max(1, int(np.ceil((high - low + 1) / bins)))
        edges = np.arange(low, high + step + 1, step) - 0.5
    axes.hist(filled, bins=edges, color=CURVES[0])
    if low == high:
        axes.set_xlim(low - 5, low + 5)
    axes.yaxis.set_major_locator(ticker.MaxNLocator(6, integer=True))
    axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    if axes.get_xscale() == "log":
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda x, _: number(x)))
        axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    else:
        axes.xaxis.set_major_locator(ticker.MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    axes.set_xlabel("training examples per device")
    axes.set_ylabel("devices")


def partition_words(part: Part) -> str:
    sizes = part["sizes"]
    words = [f"{number(len(sizes))} {'device' if len(sizes) == 1 else 'devices'}", f"{number(sizes.sum())} examples",
             f"{number(sizes.min())} to {number(sizes.max())} each, median {number(np.median(sizes))}"]
    empty = int((sizes == 0).sum())
    if empty:
        words.append(f"{number(empty)} {'device' if empty == 1 else 'devices'} empty")
    if part["unassigned"]:
        words.append(f"{number(part['unassigned'])} examples at no device")
    if part["counts"] is None:
        words.append("no class counts in the file")
    return ", ".join(words)


def partition_title(part: Part) -> str:
    return ", ".join([part["method"], *part["options"]])


def draw_partitions(parts: list[Part], options: Mapping[str, str] = MappingProxyType({})) -> Drawn:
    """Side by side, each its map above its sizes; the classes have the same colours everywhere."""
    columns, rows = min(len(parts), IN_A_ROW), -(-len(parts) // IN_A_ROW)
    stacked = [part for part in parts if part["counts"] is not None and not is_map(part, options)]
    longest = max(stacked, key=lambda part: part["counts"].shape[1], default=None)
    names = names_of(longest) if longest else []
    aside = 0.75 + 0.085 * max(map(len, names)) if names else 0.0
    figure, panels = plt.subplots(2 * rows, columns, figsize=(4.3 * columns + 0.7 + aside, 5.6 * rows + 0.6), squeeze=False,
                                  gridspec_kw={"height_ratios": [1.5, 1] * rows})
    for axes in panels.flat:
        axes.set_visible(False)
    for i, part in enumerate(parts):
        above, below = panels[2 * (i // columns)][i % columns], panels[2 * (i // columns) + 1][i % columns]
        sizes = part["sizes"]
        if part["counts"] is not None:
            above.set_visible(True)
            draw_map(above, part, options, brief=True)
        below.set_visible(True)
        draw_sizes(below, sizes)
        each = number(sizes.min()) + (f" to {number(sizes.max())}" if sizes.max() > sizes.min() else "")
        (above if part["counts"] is not None else below).set_title(
            f"{partition_title(part)}\n{number(len(sizes))} devices, {each} examples each", fontsize=10)
    headline(figure, f"{len(parts)} partitions", "above the classes of each device, below how much devices have",
             right=1 - aside / figure.get_figwidth())
    if names:
        marks = [lines.Line2D([], [], color=class_color(c), marker="s", linestyle="", markersize=8) for c in range(len(names))]
        figure.legend(marks[::-1], names[::-1], title="class", loc="upper right", handletextpad=0.3, title_fontsize=9,
                      alignment="left", bbox_to_anchor=(1.0, 1 - 0.6 / figure.get_figheight()))
    return figure, "partitions"


def draw_partition(part: Part, options: Mapping[str, str] = MappingProxyType({})) -> Drawn:
    title = partition_title(part)
    if part["counts"] is None:
        figure, axes = plt.subplots(figsize=(6, 4.2))
        draw_sizes(axes, part["sizes"])
    else:
        high = max(4.4, 1.4 + 0.2 * min(30, part["counts"].shape[1]) if part["names"] else 0)
        figure, (left, right) = plt.subplots(1, 2, figsize=(12, high), gridspec_kw={"width_ratios": [2.4, 1]})
        draw_map(left, part, options)
        draw_sizes(right, part["sizes"])
    headline(figure, title, partition_words(part))
    return figure, "partition"
