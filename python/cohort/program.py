"""Where the program is, and how it is called."""
from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from .errors import CohortError

OLDEST = (0, 1)  # versions of the program that this package speaks to: the same major and minor
CHECKOUT = Path(__file__).resolve().parents[2]  # where the package lies in a checkout; elsewhere once it is installed


def find() -> Path:
    """The program: that of the variable COHORT, of PATH, or of the checkout's build tree."""
    named = os.environ.get("COHORT")
    if named:
        if os.access(named, os.X_OK) and not Path(named).is_dir():
            return Path(named).absolute()
        raise CohortError(f"COHORT={named}: there is no such program", 127)
    for place in (shutil.which("cohort"), CHECKOUT / "build" / "cohort"):
        if place and os.access(place, os.X_OK) and _is_ours(str(place)):
            return Path(place).absolute()
    raise CohortError("the program `cohort` is not found: build it (README), then put it on the PATH with "
                      "`. jobs/env.sh`, or let COHORT name it", 127)


@lru_cache
def version(program: str | None = None) -> str:
    """The version of the program, as 0.1.0."""
    command = [program or str(find()), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    match = re.match(r"cohort (\S+)", said)
    if not match:
        raise CohortError(f"{command[0]}: this is not cohort (it says {said.strip()[:60]!r} to --version)", 127)
    return match.group(1)


def _is_ours(program: str) -> bool:
    """A Python script of this name may stand on the PATH, too."""
    try:
        return bool(version(program))
    except (CohortError, OSError):
        return False


def check_version() -> None:
    """CohortError when the program is of another age than this package."""
    found = version(str(find()))
    if tuple(int(part) for part in found.split(".")[:2]) != OLDEST:
        raise CohortError(f"{find()} is version {found}; this package is for {OLDEST[0]}.{OLDEST[1]}: install the "
                          "package that came with the program", 127)


def environment() -> dict[str, str]:
    """What Open MPI and BLAS need to know, as jobs/env.sh says it; what is set already stays."""
    env = dict(os.environ)
    env.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
    env.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
    env.setdefault("OPENBLAS_NUM_THREADS", "1")
    home = find().resolve().parent.parent
    for conf in (home / "jobs" / "mca.conf", home / "share" / "cohort" / "mca.conf"):
        if not conf.exists():
            continue
        for library, folder in (("OMPI", ".openmpi"), ("PMIX", ".pmix")):
            key = f"{library}_MCA_mca_base_param_files"
            files = env.get(key, str(Path.home() / folder / "mca-params.conf"))
            if str(conf) not in files.split(","):
                env[key] = f"{files},{conf}"
        break
    return env


def with_ranks(words: Sequence[str], ranks: int, launcher: Sequence[str] | None = None) -> list[str]:
    """The command line: the program alone, below mpirun, or below a launcher of the user's own (srun)."""
    if ranks < 1:
        raise ValueError(f"ranks={ranks}: one at least")
    command = [str(find()), *words]
    if launcher is not None:
        return [*launcher, *command]
    if ranks == 1:
        return command
    if not shutil.which("mpirun"):
        raise CohortError("mpirun is not found; install Open MPI, or run on ranks=1", 127)
    return ["mpirun", "-n", str(ranks), *command]


def message_of(output: str, exit_code: int) -> str:
    """The program's own line among what launchers print."""
    lines = [line for line in output.splitlines() if line.startswith("cohort: ")]
    if lines:
        return _in_python("\n".join(line.removeprefix("cohort: ") for line in lines))
    if exit_code < 0:
        return f"the program was ended by signal {signal.Signals(-exit_code).name}"
    lost = re.search(r"process rank (\d+)\b.{0,400}?exited\s+on\s+signal\s+(\d+)", output, re.DOTALL)
    if lost:  # as Open MPI's launcher says it
        return f"rank {lost.group(1)} was ended by signal {lost.group(2)}; a run goes on with resume=True"
    rest = [line for line in output.splitlines() if line.strip(" -*")]
    return rest[-1] if rest else f"the program ended with exit code {exit_code}"


def _in_python(message: str) -> str:
    """Options of the command line as this package's functions have them."""
    for word, here in (("command line: ", ""), ("add --overwrite", "set overwrite=True"), ("--overwrite", "overwrite=True"),
                       ("--resume", "resume=True"), ("choose another -o", "choose another path")):
        message = message.replace(word, here)
    return message


def call(words: Sequence[str], ranks: int = 1, launcher: Sequence[str] | None = None, folder: str | None = None) -> str:
    """Runs the program to its end, in a ``folder`` of work other than the caller's if need be; what it printed on stdout.
    CohortError when it fails."""
    check_version()
    done = subprocess.run(with_ranks(words, ranks, launcher), capture_output=True, text=True, errors="replace",
                          env=environment(), cwd=folder, check=False)
    if done.returncode != 0:
        raise CohortError(message_of(done.stderr, done.returncode), _exit_code(done.returncode, done.stderr),
                          done.stdout + done.stderr)
    return done.stdout


def watch(words: Sequence[str], ranks: int, launcher: Sequence[str] | None, see: Callable[[str], None]) -> str:
    """The same for what takes long: each line of progress goes to ``see``; Ctrl-C asks the program to write a checkpoint
    and to stop, and becomes a CohortError with exit code 75; a second one ends it at once."""
    check_version()
    env = environment() | {"COHORT_PROGRESS": "line"}
    child = subprocess.Popen(with_ranks(words, ranks, launcher), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env,
                             start_new_session=True)
    lines: list[str] = []
    asked = False
    assert child.stdout is not None

    def remind() -> None:
        if asked and child.poll() is None:  # a launcher that is starting hears nothing yet
            child.send_signal(signal.SIGUSR1)

    while True:
        try:
            _follow(child.stdout.fileno(), lines, see, remind)
            code = child.wait()
            break
        except KeyboardInterrupt:
            if asked:
                os.killpg(child.pid, signal.SIGKILL)
            elif child.poll() is None:
                child.send_signal(signal.SIGUSR1)
            asked = True
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise
        finally:
            if child.returncode is not None:
                child.stdout.close()
    output = "\n".join(lines)
    if asked and code in (-signal.SIGUSR1, 128 + signal.SIGUSR1):  # the launcher was not ready to hand it on
        raise CohortError("stopped before the first round", 75, output)
    if code != 0:
        raise CohortError(message_of(output, code), _exit_code(code, output), output)
    return output


def _follow(pipe: int, lines: list[str], see: Callable[[str], None], remind: Callable[[], None]) -> None:
    """Lines as they come; the progress line is drawn over and over with carriage returns. ``remind`` is called each second."""
    rest = b""
    reminded = time.monotonic()
    while True:
        ready = select.select([pipe], [], [], 1.0)[0]
        if time.monotonic() - reminded >= 1.0:
            reminded = time.monotonic()
            remind()
        if not ready:
            continue
        chunk = os.read(pipe, 65536)
        if not chunk:
            break
        *whole, rest = re.split(rb"[\r\n]", rest + chunk)
        for raw in whole:
            line = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", raw.decode("utf-8", "replace")).rstrip()
            if line:
                lines.append(line)
                see(line)
    if rest.strip():
        lines.append(rest.decode("utf-8", "replace").strip())
    sys.stdout.flush()


def _exit_code(code: int, output: str) -> int:
    """mpirun's own code where it hands on that of its ranks; its message tells a rank's when it does not."""
    told = re.search(r"exit(?:ed with)? code:? +(\d+)", output, re.IGNORECASE)
    if code in (1, 134, 139) and told:
        return int(told.group(1))
    return code if code > 0 else 128 - code
