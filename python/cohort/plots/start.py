"""The command `cohort plot`: finds a Python that has what pictures need, then draws."""
from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
from types import FrameType

from ..errors import CohortError

FILES = 4  # exit code of the program for what is missing


def use_wanted_python() -> None:
    """Goes on in the Python that COHORT_PYTHON names; returns when this is the one, or none is named."""
    wanted = os.environ.pop("COHORT_PYTHON", "")
    if not wanted:
        return
    path = shutil.which(wanted)
    if not path:
        raise CohortError(f"COHORT_PYTHON={wanted}: there is no such program", FILES)
    if os.path.abspath(path) != os.path.abspath(sys.executable):  # noqa: PTH100 - a venv's link must stay a link
        os.execv(path, [path, "-m", "cohort.plots", *sys.argv[1:]])


def use_libraries() -> None:
    """Pictures go to files, without a display."""
    try:
        import h5py  # noqa: F401
        import matplotlib
    except ImportError as error:
        missing = (error.name or "h5py").split(".")[0]
        raise CohortError(f"{sys.executable} has no {missing}; install Debian's python3-h5py and python3-matplotlib, or let "
                          "COHORT_PYTHON name a Python that has both", FILES) from None
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    matplotlib.use("Agg")


def stop(number: int, _: FrameType | None) -> None:
    """A signal ends the program as it should, after what is half written is removed."""
    sys.exit(128 + number)


def main() -> int:
    """The exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, stop)
    try:
        use_wanted_python()
        use_libraries()
        from . import command
        command.draw(command.parser().parse_args())
    except CohortError as failure:
        print(f"cohort plot: {failure}", file=sys.stderr)
        return failure.exit_code
    return 0
