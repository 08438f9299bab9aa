"""Draws run files (curves over rounds) and partition files (who has what) as PNG and SVG.

    plot FILE.. [-o PICTURE] [key=value ..]

Run files: loss and the first metric over rounds (x=virtual|bytes|seconds|epsilon: over virtual time, or over what was
spent; show=devices: how the metric is spread over the devices; show=times: which device was at work when), several runs
side by side in one picture. Files that lie in LABEL/seed-S/ are one curve, LABEL, with the range over its seeds.
Partition files: the classes of each device and the sizes of the devices, several side by side (draw=map, values=counts,
sort=size|class). A compare.h5: means with their intervals. Both pictures are written: PICTURE.png and PICTURE.svg, by
default beside the first file.

Exit codes are the program's: 0 done, 2 arguments, 3 content of a file, 4 missing file or permission. Needs h5py and
matplotlib; COHORT_PYTHON names the Python that has them, where that is not Debian's own.
"""
from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from typing import Any

from .comparison import draw_comparison
from .curves import draw_runs
from .files import FILES, USAGE, Failure, class_names, read
from .partition import draw_partition, draw_partitions
from .spread import draw_devices
from .style import set_style
from .times import draw_times
from .types import Drawn, Figure

WORDS = {"x": ["round", "bytes", "seconds", "epsilon", "virtual"], "show": ["curves", "devices", "times"],
         "draw": ["auto", "bars", "map"], "values": ["shares", "counts"],
         "sort": ["id", "size", "class"]}  # options and what they may be, the default first
FREE = ["metric", "data"]  # options whose value is a name
OF_RUNS, OF_PARTITIONS = ["x", "show", "metric"], ["draw", "values", "sort", "data"]


def picture_stem(wanted: str | None, folder: str, default: str) -> str:
    if not wanted:
        return os.path.relpath(os.path.join(folder, default))
    stem, suffix = os.path.splitext(wanted)
    if suffix.lower() in (".png", ".svg"):
        return stem
    if suffix.lower() in (".pdf", ".eps", ".ps", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".webp"):
        raise Failure(USAGE, f"-o {wanted}: pictures are written as .png and .svg; leave the suffix away")
    return wanted


def check_pictures(stem: str, files: list[Any]) -> None:
    """No picture may take the place of a file that is drawn."""
    for path in (f"{stem}.png", f"{stem}.svg"):
        for file in files:
            if os.path.exists(path) and os.path.samefile(path, file):
                raise Failure(USAGE, f"{path} is the file that is read ({file}), which the picture would replace; "
                              "choose another -o")


def save(figure: Figure, stem: str) -> None:
    """Both pictures, written aside and renamed: a viewer never sees half of one, and a stop leaves none behind."""
    for kind, extra in (("png", {"Software": None}), ("svg", {"Date": None})):
        path = f"{stem}.{kind}"
        try:
            figure.savefig(path + ".tmp", format=kind, metadata=extra)
            os.replace(path + ".tmp", path)
        except OSError as error:
            raise Failure(FILES, f"{path}: cannot be written: {error.strerror}") from None
        finally:
            if os.path.exists(path + ".tmp"):
                os.unlink(path + ".tmp")
        print(path)


def take_options(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """(files, options): key=value words are options, unless there is a file of that name."""
    files, options = [], {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not re.fullmatch(r"[a-z_.]+", key) or os.path.exists(word):
            files.append(word)
        elif key not in WORDS and key not in FREE:
            raise Failure(USAGE, f"unknown option {key}=; known: {', '.join(sorted([*WORDS, *FREE]))}")
        elif key in options:
            raise Failure(USAGE, f"{key}= stands twice; give it once")
        elif key in WORDS and value not in WORDS[key]:
            raise Failure(USAGE, f"{key}={value}: one of {', '.join(WORDS[key])}")
        else:
            options[key] = value
    if not files:
        raise Failure(USAGE, "which file? Give run files, partition files or a compare.h5")
    return files, options


def draw_files(files: list[Any], options: Mapping[str, str]) -> Drawn:
    """The figure and the default name of its picture."""
    kinds = {file["kind"] for file in files}
    if len(kinds) > 1:
        raise Failure(USAGE, "runs, partitions and comparisons do not go into one picture; draw them in calls of their own")
    kind = kinds.pop()
    known = {"run": OF_RUNS, "partition": OF_PARTITIONS, "comparison": []}[kind]
    for key in options:
        if key not in known:
            raise Failure(USAGE, f"{key}= does not go with a {kind}; it takes {', '.join(known) or 'no options'}")
    if kind == "comparison":
        if len(files) > 1:
            raise Failure(USAGE, "draw one comparison at a time")
        return draw_comparison(files[0])
    if kind == "run" and options.get("show") == "devices":
        if "x" in options:
            raise Failure(USAGE, "x= is of curves; leave it out with show=devices")
        return draw_devices(files, options.get("metric"))
    if kind == "run" and options.get("show") == "times":
        if len(files) > 1 or len(options) > 1:
            raise Failure(USAGE, "show=times draws one run, without other options")
        return draw_times(files[0])
    if kind == "run":
        figure, default = draw_runs(files, options.get("x", "round"), options.get("metric"))
        return figure, "compare" if len(files) > 1 else default
    for part in files:
        if part["counts"] is not None and "data" in options:
            part["names"] = class_names(options["data"], part["counts"].shape[1])
    return draw_partitions(files, options) if len(files) > 1 else draw_partition(files[0], options)


def draw(arguments: Any) -> None:
    """Both pictures of the files that the words name."""
    paths, options = take_options(arguments.words)
    files = [read(path) for path in paths]
    set_style()
    figure, default = draw_files(files, options)
    stem = picture_stem(arguments.output, files[0]["folder"], default)
    check_pictures(stem, paths)
    save(figure, stem)


def parser() -> argparse.ArgumentParser:
    """The words of the command line."""
    words = argparse.ArgumentParser(prog="cohort plot", description="Draws runs, partitions and comparisons as PNG and SVG.",
                                    epilog="options: " + "; ".join(f"{key}={'|'.join(known)}" for key, known in WORDS.items())
                                    + "; " + "; ".join(f"{key}=NAME" for key in FREE) + " (`cohort plot --help` explains them)")
    words.add_argument("words", nargs="+", metavar="FILE|key=value", help="run files, partition files, a compare.h5; options")
    words.add_argument("-o", dest="output", metavar="PICTURE",
                       help="where to write; .png and .svg are both made (default: beside the first file)")
    return words
