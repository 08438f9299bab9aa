"""What all pictures share: colours, headlines, words of numbers, axes of time."""
from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib import ticker

from .files import is_fraction
from .types import Array, Axes, Figure, Part

CURVES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#333333"]  # Okabe and Ito 2008
CLASSES = ["#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499",
           "#BBBBBB"]  # Paul Tol's "muted"
DASHES = ["-", "--", "-.", ":"]
GREY = "#666666"


def number(value: Any, digits: int = 3) -> str:
    """1234567 -> 1,234,567; 0.123456 -> 0.123."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.{digits}g}"


def byte_text(value: Any, _: Any = None) -> str:
    """1500000 -> 1.5 MB"""
    units = ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        del units[0]
    return f"{value:.3g} {units[0]}"


def set_style() -> None:
    plt.rcParams.update({
        "font.size": 10, "axes.titlesize": 11, "axes.titlelocation": "left", "axes.titlepad": 10,
        "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY, "axes.labelcolor": "#222222",
        "xtick.color": GREY, "ytick.color": GREY, "xtick.labelcolor": "#222222", "ytick.labelcolor": "#222222",
        "axes.grid": True, "axes.grid.axis": "y", "grid.color": "#E6E6E6", "grid.linewidth": 0.8,
        "axes.axisbelow": True, "legend.frameon": False, "legend.fontsize": 9, "lines.linewidth": 1.8,
        "figure.dpi": 100, "savefig.dpi": 160, "svg.hashsalt": "cohort"})


def headline(figure: Figure, title: str, below: str, right: float = 1.0) -> None:
    """A title and a grey line below it, flush left, above all panels."""
    height = figure.get_figheight()
    figure.text(0.012, 1 - 0.12 / height, title, fontsize=13, fontweight="bold", ha="left", va="top")
    figure.text(0.012, 1 - 0.40 / height, below, fontsize=9.5, color=GREY, ha="left", va="top")
    figure.tight_layout(rect=(0, 0, right, 1 - (0.55 if below else 0.32) / height), w_pad=3)


def unit_scale(runs: list[Part], metric: str) -> float:
    """100 for shares, which are shown in per cent; else 1."""
    unit = runs[0]["units"].get(metric)
    return 100.0 if (unit == "share" if unit else is_fraction(metric)) else 1.0


def time_unit(longest: float) -> tuple[str, int]:
    """The unit that a time axis up to so many seconds is read in, and its seconds."""
    return next((name, size) for name, size in (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1))
                if longest >= 3 * size or size == 1)


def set_time_axis(axes: Axes, longest: float) -> None:
    """An axis of virtual seconds."""
    unit, size = time_unit(longest)
    axes.set_xlabel(f"virtual time ({unit})")
    axes.xaxis.set_major_locator(ticker.FixedLocator([size * at for at in ticker.MaxNLocator(6).tick_values(0, longest / size)]))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value / size:g}"))


def evenly(n: int, most: int) -> Array:
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).round().astype(int)


def split_label(label: str) -> list[tuple[str, ...]]:
    """[(key, value)] of a comparison's label `key=value,..`; [] of any other name."""
    pairs = [item.split("=", 1) for item in label.split(",")]
    return [tuple(pair) for pair in pairs] if all(len(pair) == 2 for pair in pairs) else []
