"""Resuming is replaying: what the journal has is asked and told again, until the frontier is reached."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from l2l.errors import ReplayError
from l2l.experiment.run import Run
from l2l.individual import Individual
from l2l.journal import Record, read_journal
from l2l.values import Status

_REPLAYED = ("asked", "told", "generation")


@dataclass(slots=True)
class Past:
    """What earlier process lifetimes left, besides the events themselves.

    Args:
        segments: How many there were.
        memos: Rows of /memos, path → row.
        killers: (individual, trial) in flight, unguarded, at the last two unclean ends, of which the last finished
            nothing.
        validated: Records of validations.
    """

    segments: int = 0
    memos: dict[str, int] = field(default_factory=dict)
    killers: set[tuple[int, int]] = field(default_factory=set)
    validated: list[dict[str, Any]] = field(default_factory=list)


def load(run: Run, folder: Path) -> Past:
    """Fill the run's book with all final results of a journal, and gather what else it says."""
    past = Past()
    flight: set[tuple[int, int]] = set()
    ended, some, suspects = True, True, set[tuple[int, int]]()

    def close_segment() -> None:
        nonlocal suspects
        past.killers = set() if ended or some else past.killers | (suspects & flight)
        suspects = set() if ended else set(flight)

    for _, kind, data in read_journal(folder):  # seen to be sound by who opened the run
        if kind == "finished":
            run.trials.note(data)
            flight -= set(zip(data["index"].tolist(), data["number"].tolist(), strict=True))
            some = some or bool(data["final"].any())
        elif kind == "started" and not data.get("guarded", True):
            flight |= set(zip(data["index"].tolist(), data["number"].tolist(), strict=True))
        elif kind == "segment":
            if past.segments:
                close_segment()
            past.segments += 1
            flight, ended, some = set(), False, False
        elif kind == "memo":
            past.memos[data["path"]] = data["row"]
        elif kind == "validation":
            past.validated.append(data)
        elif kind == "stopped":
            ended = True
    if past.segments:
        close_segment()
    return past


def replay(run: Run, folder: Path, adopt: bool) -> None:
    """Ask and tell as the journal has it; the run stands at the frontier then.

    Args:
        run: With its book filled by `load`.
        folder: Of the journal.
        adopt: Take the archive's individuals also where the optimizer would ask others.

    Raises:
        ReplayError: It would, and they are not to be adopted.
    """
    shown = 0
    differed: list[dict[str, Any]] = []
    for _, kind, data in _events(folder):
        if kind == "asked":
            individuals = run.plan.space.from_columns(data["columns"])
            _reask(run, individuals, adopt, differed)
            run.admit(individuals, data["same_as"])
            run.events += 1
        elif kind == "told":
            run.tell(data["individuals"], replayed=True)
        else:
            run.close_generation(replayed=True)
            shown += 1
            if shown % 20 == 0:
                run.show("replaying")
        run.check_time()
    for difference in differed:
        run.recorder.log("difference", difference)


def _events(folder: Path) -> Iterator[Record]:
    return (record for record in read_journal(folder) if record.kind in _REPLAYED)


def _reask(run: Run, individuals: Sequence[Individual], adopt: bool, differed: list[dict[str, Any]]) -> None:
    optimizer = run.optimizer
    before, other = optimizer.replayed_difference, False
    try:
        optimizer.reask(individuals)
    except ReplayError as error:
        if not adopt:
            raise ReplayError(
                f"generation {run.tally.standing.generations}: {error}. This optimizer, its library or this CPU "
                "computes otherwise than when the run began: resume where it began, or take the archive's with --adopt"
            ) from None
        other = True
    difference = optimizer.replayed_difference
    if other or difference > before:
        differed.append({"segment": run.segment, "event": run.events, "difference": difference, "adopted": other})


def bury(run: Run, killers: set[tuple[int, int]]) -> None:
    """Record trials that took their leader with them twice as `CRASHED`."""
    for index, number in sorted(killers):
        if index not in run.pending or run.book.known(np.array([index]))[0, number]:
            continue
        run.trials.conclude((index, number), Status.CRASHED, "it was running when the process of the run died, twice")
