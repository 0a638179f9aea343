"""Leaders as processes, what they leave behind, and runs compared."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from l2l import Trajectory
from l2l.journal import read_journal
from l2l.schema import Ragged

MODELS = Path(__file__).with_name("models.py")
PROGRAM = Path(sys.executable).with_name("l2l")
TABLES = ("generations", "individuals", "trials", "failures")
WHERE_AND_WHEN = frozenset({"started", "finished", "seconds", "host", "segment", "peak_memory"})
_MARK = "L2L_TESTED_BY"
_PATIENCE = 20.0

TrialId = tuple[int, int]


def write_experiment(file: Path, model: str, options: Mapping[str, Any], **arguments: Any) -> Path:
    """An experiment file over one of the models here."""
    optimizee = {"name": f"{MODELS}:{model}", **options}
    file.write_text(yaml.safe_dump({"optimizee": optimizee, **arguments}, sort_keys=False))
    return file


class Leader:
    """`l2l …` in a process group of its own.

    Args:
        arguments: Of the command line.
        program: What runs instead of `l2l`.
        environment: Changed variables.
        terminal: The terminal that it runs on; else its output is kept.
    """

    def __init__(
        self,
        *arguments: str | Path,
        program: Iterable[str | Path] = (PROGRAM,),
        environment: Mapping[str, str] = {},
        terminal: int | None = None,
    ) -> None:
        self.mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [*map(str, program), *map(str, arguments)],
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=subprocess.PIPE if terminal is None else terminal,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, _MARK: self.mark, **environment},
            start_new_session=True,
            preexec_fn=lambda: _begin(terminal),  # noqa: PLW1509 - nothing else runs here
        )

    def __del__(self) -> None:
        """Leave nothing behind where a test fails."""
        if self.process.returncode is None:
            self.signal(signal.SIGKILL)
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def signal(self, number: int) -> None:
        """Send a signal to its process group."""
        os.killpg(self.process.pid, number)

    def signal_all(self, number: int) -> None:
        """Send a signal to it and to all that it started, as batch systems do; workers are in sessions of their own."""
        started = self.left()
        self.signal(number)
        for process in started:
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def kill(self) -> str:
        """Kill its process group, and see that nothing is left; what it had said."""
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
        said, _ = self.process.communicate(timeout=_PATIENCE)
        self.nothing_left()
        return said

    def end(self, patience: float = 60.0) -> tuple[int, str]:
        """Wait until it has ended and nothing is left of it; exit code, and what it said."""
        try:
            said, _ = self.process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {patience} s; it said:\n{self.kill()}") from None
        self.nothing_left()
        return self.process.returncode, said

    def left(self) -> set[int]:
        """Processes that it started, and that live."""
        entry = f"\0{_MARK}={self.mark}\0".encode()
        found = set()
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and int(process.name) != self.process.pid:
                try:
                    if entry in b"\0" + (process / "environ").read_bytes() and not is_gone(int(process.name)):
                        found.add(int(process.name))
                except OSError:
                    continue
        return found

    def nothing_left(self) -> None:
        """See that none of its processes lives."""
        until = time.monotonic() + _PATIENCE
        while left := self.left():
            assert time.monotonic() < until, [Path(f"/proc/{one}/cmdline").read_bytes() for one in left]
            time.sleep(0.005)

    def until(self, holds: Callable[[], bool], patience: float = 60.0) -> None:
        """Wait until something holds, while it runs."""
        deadline = time.monotonic() + patience
        while not holds():
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}: {self.process.communicate()[0]}")
            assert time.monotonic() < deadline, "nothing came of it"
            time.sleep(0.0005)

    def until_started(self, notes: Path, count: int) -> None:
        """Wait until more than so many starts are noted."""
        self.until(lambda: len(starts(notes)) > count)


def _begin(terminal: int | None) -> None:
    for number in (signal.SIGINT, signal.SIGHUP):  # ignored where the tests run in the background
        signal.signal(number, signal.SIG_DFL)
    if terminal is not None:
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def l2l(*arguments: str | Path, patience: float = 60.0) -> str:
    """Run a command line that ends well; what it said."""
    code, said = Leader(*arguments).end(patience)
    assert code == 0, said
    return said


def is_gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] in b"ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def starts(notes: Path) -> list[TrialId]:
    """The trials that began, in that order; of a line that is being written nothing is seen."""
    if not notes.exists():
        return []
    *lines, _ = notes.read_text().split("\n")
    return [(int(one), int(two)) for one, two, _ in map(str.split, lines)]


def finished(run: Path) -> dict[TrialId, tuple[int, tuple[float, ...]]]:
    """Status and fitness of trials that the journal has as finished."""
    found: dict[TrialId, tuple[int, tuple[float, ...]]] = {}
    for _, kind, data in read_journal(run / "journal"):
        if kind == "finished":
            columns = [data[name].tolist() for name in ("index", "number", "status", "fitness", "final")]
            for index, number, status, fitness, final in zip(*columns, strict=True):
                if final:
                    found.setdefault((index, number), (status, tuple(map(str, fitness))))
    return found


def archived(run: Trajectory) -> dict[TrialId, tuple[int, tuple[float, ...]]]:
    """Status and fitness of trials, as `finished` has them."""
    trials = run.trials
    fitness = np.stack([trials[f"fitness/{one.name}"] for one in run.objectives], axis=1).tolist()
    columns = [trials[name].tolist() for name in ("individual", "number", "status")]
    return {
        (index, number): (status, tuple(map(str, values)))
        for index, number, status, values in zip(*columns, fitness, strict=True)
    }


def check_replay(run: Path) -> None:
    """See that a finished run goes on from what it was, whatever ran it, and that nothing changes by that."""
    before = Trajectory(run)
    heights = {table: len(getattr(before, table)) for table in TABLES}
    individuals = heights["individuals"] + 12
    l2l("resume", run, "--launcher", "serial", "--set", f"stop.individuals={individuals}")
    after = Trajectory(run)
    assert len(after.individuals) == individuals
    assert digest(after, heights) == digest(before, heights)


def buried(run: Trajectory) -> bool:
    """Whether a trial was taken for what killed two leaders in a row, as it ran in their process when they died.

    Two kills from outside within one trial look the same, where nothing came of the run between them.
    """
    return any("process of the run died, twice" in message for message in run.failures["message"])


def same(one: Trajectory, other: Trajectory) -> None:
    """See that two runs are equal bit for bit, times and hosts aside."""
    for table in TABLES:
        mine, theirs = getattr(one, table), getattr(other, table)
        assert list(mine) == list(theirs)
        assert len(mine) == len(theirs), table
        for column in set(mine) - WHERE_AND_WHEN:
            assert _raw(mine[column]) == _raw(theirs[column]), f"{table}/{column}"


def _raw(values: Any, rows: int | None = None) -> bytes:
    if isinstance(values, Ragged):
        offsets = values.offsets if rows is None else values.offsets[: rows + 1]
        return offsets.tobytes() + values.values[: offsets[-1]].tobytes()
    values = values[:rows]
    return repr(values.tolist()).encode() if values.dtype == object else bytes(np.ascontiguousarray(values).tobytes())


def digest(run: Trajectory, heights: Mapping[str, int] | None = None) -> dict[str, list[int]]:
    """Table → number of rows and a checksum over all columns.

    Args:
        run: To be looked at.
        heights: Table → how many rows count; all unless given.
    """
    found = {}
    for table in TABLES:
        columns = getattr(run, table)
        rows = len(columns) if heights is None else heights[table]
        total = 0
        for name in sorted(columns) if rows else ():
            total = zlib.crc32(_raw(columns[name], rows), zlib.crc32(name.encode(), total))
        found[table] = [rows, total]
    return found
