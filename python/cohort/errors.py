"""What can go wrong, as the program says it."""
from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator


class CohortError(RuntimeError):
    """The program ended with an error: its message, and its exit code.

    Exit codes: 2 arguments, experiment or output, 3 content of a file, 4 missing file, permission or disk, 5 the run
    diverged, 70 internal error or out of memory, 75 stopped on request (go on with ``resume=True``), 127 no program.
    """

    def __init__(self, message: str, exit_code: int, output: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.output = output  #: all that was printed, for what the message does not say

    @property
    def stopped(self) -> bool:
        """Whether the run can simply go on with ``resume=True``."""
        return self.exit_code == 75


@contextlib.contextmanager
def saying(temporary: str | os.PathLike[str], given: str, places: bool = True) -> Iterator[None]:
    """Errors of the program that name a temporary file name what the user gave instead; without ``places``, lines of it neither."""
    try:
        yield
    except CohortError as error:
        file = re.escape(os.fspath(temporary)) + ("" if places else r"(:\d+)*")
        said, output = (re.sub(file, lambda _: given, text) for text in (str(error), error.output))
        raise CohortError(said, error.exit_code, output) from None
