"""Pictures of runs, partitions and comparisons: as figures, and as the command `cohort plot`.

Needs h5py and matplotlib alone, so that `cohort plot` works with what Debian has, without pip.
"""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["draw"]


def draw(paths: Sequence[str | os.PathLike[str]], options: Mapping[str, Any]) -> Any:
    """The figure of run files, of partition files, or of one comparison; options as `cohort plot --help` says them."""
    from . import command, files, style
    words = [f"{key}={value}" for key, value in options.items()]
    names = [str(path) for path in paths]
    _, checked = command.take_options([*names, *words])
    style.set_style()
    figure, _ = command.draw_files([files.read(name) for name in names], checked)
    return figure
