"""Flipped bits, truncations and lost files of journals and archives: each is harmless or said, none is read wrong.

`python -m tests.faults.flips` tries many and prints a table; `--flips N` and `--seed S` choose how many, and which.
"""

import argparse
import faulthandler
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from l2l import Experiment, Trajectory
from l2l.errors import L2LError, StorageError
from l2l.journal import read_journal
from tests.faults.harness import archived, buried, digest, same, starts
from tests.faults.sweep import GENERATIONS, Sweep, memory

# A crash or a hang of HDF5 over a damaged file ends the reader; that is said, if not by us.
_SECONDS_PER_READ = 20


class Damage(NamedTuple):
    """A damage to one file: what it is called, what it does to the file's bytes, and whether a kill may do the same."""

    name: str
    file: str
    does: Callable[[bytes], bytes | None]
    as_a_kill: bool = False


def flip(file: str, offset: int, bit: int, as_a_kill: bool = False) -> Damage:
    """One bit of a file is flipped."""

    def does(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[offset] ^= 1 << bit
        return bytes(changed)

    return Damage(f"bit {bit} of byte {offset} of {file}", file, does, as_a_kill)


def cut(file: str, size: int, as_a_kill: bool = False) -> Damage:
    """A file ends early."""
    return Damage(f"{file} cut to {size} bytes", file, lambda content: content[:size], as_a_kill)


def lost(file: str) -> Damage:
    """A file is gone."""
    return Damage(f"{file} is gone", file, lambda _: None)


@dataclass
class Journals:
    """An interrupted run with several journal files, to be damaged and gone on with.

    Args:
        sweep: Has the run, and the one that was never disturbed.
    """

    sweep: Sweep

    def __post_init__(self) -> None:
        self.reported = self.sweep.prepare("resume")
        self.journal = self.sweep.folder / "journal"
        self.files = sorted(one.name for one in self.journal.iterdir())
        ends = [position.offset for position, _, _ in read_journal(self.journal)]
        self.contents = {name: (self.journal / name).read_bytes() for name in self.files}
        self.sizes = {name: len(content) for name, content in self.contents.items()}
        # Behind it stands the last whole record, which may as well be the torn end that a kill leaves.
        self.last_record = ends[-2]

    def flips(self, count: int, draws: random.Random) -> Iterator[Damage]:
        """Flipped bits, in all files alike."""
        for _ in range(count):
            name = draws.choice(self.files)
            offset = draws.randrange(self.sizes[name])
            at_the_end = name == self.files[-1] and offset >= self.last_record
            yield flip(f"journal/{name}", offset, draws.randrange(8), at_the_end)

    def truncations(self, stride: int) -> Iterator[Damage]:
        """Files that end early; of the last one, a kill does this."""
        for name in self.files:
            for size in range(0, self.sizes[name], stride):
                yield cut(f"journal/{name}", size, name == self.files[-1])

    def losses(self) -> Iterator[Damage]:
        """Files that are gone, foreign, doubled, or exchanged."""
        for name in self.files:
            yield lost(f"journal/{name}")
            yield Damage(f"journal/{name} is foreign", f"journal/{name}", lambda content: b"PK\x03\x04" + content)
            for other in self.files:
                if other != name:
                    yield self._exchanged(name, other)

    def _exchanged(self, name: str, other: str) -> Damage:
        return Damage(f"{name} holds what is in {other}", f"journal/{name}", lambda _: self.contents[other])

    def outcome(self, damage: Damage) -> str:
        """Go on from a damaged journal: "said", or "harmless".

        Raises:
            AssertionError: Where something was lost, doubled or changed in silence.
        """
        sweep = self.sweep
        sweep.prepare("resume")
        _spoil(sweep.folder, damage)
        seen = len(starts(sweep.notes))
        ended = sweep.go_on()
        if ended.how == "said":
            assert Path(damage.file).name in ended.words or "journal" in ended.words, ended.words
            assert len(starts(sweep.notes)) == seen, "it said so, but simulated before"
            return "said"
        assert ended.how == "finished", ended.words
        found = Trajectory(sweep.folder)
        if damage.as_a_kill and buried(found):
            return "a second kill within a trial"
        same(found, sweep.whole)
        again = set(starts(sweep.notes)[seen:]) & set(self.reported)
        assert damage.as_a_kill or not again, f"simulated again in silence: {sorted(again)}"
        return "harmless"


class Archives:
    """A finished run, to be damaged, read, extended and remembered from.

    Args:
        sweep: Has the run.
    """

    FILE = "trajectory.h5"

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        sweep.prepare("extension")
        self.content = (sweep.folder / self.FILE).read_bytes()
        self.expected = _all_of(sweep.folder)
        self.results = archived(Trajectory(sweep.folder))
        # Trials that failed there are simulated again.
        self.again = self._remember()

    def flips(self, count: int, draws: random.Random) -> Iterator[Damage]:
        """Flipped bits."""
        for _ in range(count):
            yield flip(self.FILE, draws.randrange(len(self.content)), draws.randrange(8))

    def truncations(self, stride: int) -> Iterator[Damage]:
        """Files that end early."""
        for size in range(0, len(self.content), stride):
            yield cut(self.FILE, size)

    def read(self, damage: Damage) -> str:
        """Read a damaged archive: "said", "harmless", or "died" where HDF5 ended the process.

        Raises:
            AssertionError: Where something else than before is read, or the error is none of ours.
        """
        self.sweep.prepare("extension")
        _spoil(self.sweep.folder, damage)

        def does() -> str:
            found = _all_of(self.sweep.folder)
            return "harmless" if found == self.expected else f"WRONG: {_different(found, self.expected)}"

        return _judged(_in_child(does))

    def extend(self, damage: Damage) -> str:
        """Take a damaged run further: "said", "harmless", or "died".

        Raises:
            AssertionError: Where another run comes of it than of the whole archive.
        """
        self.sweep.prepare("extension")
        _spoil(self.sweep.folder, damage)

        def does() -> str:
            self.sweep.experiment(GENERATIONS).run(progress=None)
            same(Trajectory(self.sweep.folder), self.sweep.whole)
            return "harmless"

        return _judged(_in_child(does))

    def remember(self, damage: Damage) -> str:
        """Take results from a damaged run by `memo`: "said", "harmless", or "died".

        Raises:
            AssertionError: Where another result is taken.
        """
        self.sweep.prepare("extension")
        _spoil(self.sweep.folder, damage)

        def does() -> str:
            again = self._remember()
            if again != self.again:
                return f"WRONG: {again} trials were simulated again, not {self.again}"
            same_results = archived(Trajectory(self._other)) == self.results
            return "harmless" if same_results else "WRONG: trials differ"

        return _judged(_in_child(does))

    @property
    def _other(self) -> Path:
        return self.sweep.place / "other"

    def _remember(self) -> int:
        """Run the same experiment elsewhere with this run as its memo; how many trials it simulated."""
        shutil.rmtree(self._other, ignore_errors=True)
        before = len(starts(self.sweep.notes))
        arguments = dict(self.sweep.experiment(GENERATIONS - 1).arguments)
        arguments |= {"directory": self._other, "memo": [self.sweep.folder]}
        Experiment(**arguments).run(progress=None)
        return len(starts(self.sweep.notes)) - before


def _all_of(folder: Path) -> dict[str, object]:
    run = Trajectory(folder)
    found: dict[str, object] = dict(digest(run))
    found["best"] = [(one.number, str(one.fitness)) for one in run.ranked(3)]
    found["finished"] = (run.finished, run.reason)
    return found


def _different(found: dict[str, object], expected: dict[str, object]) -> list[str]:
    return [name for name in expected if found.get(name) != expected[name]]


def _spoil(folder: Path, damage: Damage) -> None:
    file = folder / damage.file
    changed = damage.does(file.read_bytes())
    if changed is None:
        file.unlink()
    else:
        file.write_bytes(changed)


def _judged(said: str) -> str:
    assert not said.startswith(("WRONG", "RAISED")), said
    return said


def _in_child(does: Callable[[], str]) -> str:
    """What a function says in a child, which may crash or hang over what it reads."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        signal.alarm(_SECONDS_PER_READ)
        faulthandler.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        warnings.simplefilter("ignore")
        try:
            said = does()
        except StorageError:
            said = "said"
        except L2LError as error:
            said = f"RAISED {type(error).__name__}: {error}"
        except BaseException:  # noqa: BLE001 - whatever it is, the parent says it
            said = f"RAISED {traceback.format_exc()}"
        os.write(writing, said.encode()[:60_000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(pid, 0)
    return said or "died"


def tried(outcome: Callable[[Damage], str], damages: Iterator[Damage]) -> tuple[Counter[str], list[str]]:
    """How often each outcome came, and the faults."""
    counts: Counter[str] = Counter()
    faults = []
    for damage in damages:
        try:
            counts[outcome(damage)] += 1
        except Exception as fault:  # noqa: BLE001 - each is reported, and the search goes on
            counts["fault"] += 1
            faults.append(f"{damage.name}: {fault}")
    return counts, faults


def main(arguments: list[str] | None = None) -> int:
    """Many damages, by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=1000, help="flipped bits in journals, and as many in archives")
    parser.add_argument("--stride", type=int, default=50, help="bytes from one truncation to the next")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    total = 0
    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        sweep = Sweep(Path(folder, "sweep"))
        journals, archives = Journals(sweep), Archives(sweep)
        draws = random.Random(given.seed)
        some = given.flips // 10
        for name, outcome, damages in (
            ("journal: files lost, exchanged", journals.outcome, journals.losses()),
            ("journal: flipped bits", journals.outcome, journals.flips(given.flips, draws)),
            ("journal: truncations", journals.outcome, journals.truncations(given.stride)),
            ("archive: flipped bits, read", archives.read, archives.flips(given.flips, draws)),
            ("archive: truncations, read", archives.read, archives.truncations(100 * given.stride)),
            ("archive: flipped bits, extended", archives.extend, archives.flips(some, draws)),
            ("archive: flipped bits, as a memo", archives.remember, archives.flips(some, draws)),
        ):
            counts, faults = tried(outcome, damages)
            total += len(faults)
            print(f"{name:36} {sum(counts.values()):5}: {', '.join(f'{n} {how}' for how, n in sorted(counts.items()))}")
            for fault in faults[:20]:
                print("    " + fault.strip().replace("\n", "\n    "))
    print(f"{total} faults")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
