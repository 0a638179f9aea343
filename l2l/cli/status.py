"""`l2l status`: one line a run."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l.cli.folders import begun, run_folder, shown
from l2l.cli.parser import Command
from l2l.display.hints import typed
from l2l.display.output import is_terminal
from l2l.display.tables import ago, cell, print_table
from l2l.errors import L2LError, NotFoundError

if TYPE_CHECKING:
    from l2l.launcher import WorkerState
    from l2l.trajectory import Trajectory

_COLUMNS = ["run", "state", "generations", "individuals", "trials", "failed", "best", "last news", "workers", "why"]

_WORKER_COLUMNS = ["run", "host", "process", "state", "since"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", metavar="RUN", nargs="*", type=Path, help="folders of runs; all in runs/ unless given")
    parser.add_argument("--workers", action="store_true", help="list the workers of running runs, too")


def _run(arguments: argparse.Namespace) -> int:
    folders = _named(arguments.runs) if arguments.runs else _all(Path("runs"))
    if not folders:
        raise NotFoundError("no run in runs/; name the folder of one: l2l status RUN")
    rows, unreadable = [], 0
    for folder in folders:
        try:
            rows.append(_row(run_folder(folder)))
        except L2LError as error:
            if len(folders) == 1:
                raise
            unreadable += 1
            rows.append([shown(folder), "unreadable", *([None] * 7), str(error)])
    print_table(_COLUMNS, rows)
    if arguments.workers:
        _list_workers(folders)
    return 1 if unreadable else 0


def _named(given: list[Path]) -> list[Path]:
    """What a user named: runs, archives, and folders of runs."""
    found: list[Path] = []
    for one in given:
        found += [one] if begun(one) or not _all(one) else _all(one)
    return found


def _all(folder: Path) -> list[Path]:
    """The runs in a folder, and the repeats in their folders."""
    if not folder.is_dir():
        return []
    found: list[Path] = []
    for one in sorted(folder.iterdir()):
        if one.is_dir():
            found += [one] if begun(one) else [two for two in sorted(one.iterdir()) if two.is_dir() and begun(two)]
    return found


def _row(folder: Path) -> list[Any]:
    from l2l.trajectory import Trajectory

    trajectory = Trajectory(folder)
    state, why = _state(trajectory, folder)
    failed = sum(int((table["status"] != 0).sum()) for table in (trajectory.trials, trajectory.unfinished))
    # The clock of a file server, or of another node, may be ahead of ours.
    seconds = max(0.0, time.time() - _latest(folder))
    best = _best(trajectory)
    news: Any = ago(seconds) if is_terminal(sys.stdout) else round(seconds, 3)
    return [
        shown(folder),
        state,
        len(trajectory.generations),
        len(trajectory.individuals),
        len(trajectory.trials) + len(trajectory.unfinished),
        failed,
        best,
        news,
        _counted(workers_now(folder)),
        why,
    ]


def workers_now(folder: Path) -> "list[WorkerState]":
    """The workers of a run that a leader works on; empty for all others."""
    from l2l.experiment.presence import workers_of
    from l2l.lock import holder

    return workers_of(folder) if holder(folder) is not None else []


def _counted(workers: "Sequence[WorkerState]") -> str:
    """How many workers are in which state ("3 running, 1 idle"), the busiest state first."""
    counts = Counter(one.state for one in workers)
    return ", ".join(f"{counts[state]} {state}" for state in ("running", "idle", "starting", "ending") if counts[state])


def _list_workers(folders: "Sequence[Path]") -> None:
    rows: list[list[Any]] = []
    for folder in folders:
        with suppress(L2LError):  # said above
            run = run_folder(folder)
            for one in workers_now(run):
                seconds = time.time() - one.since
                since: Any = ago(seconds) if is_terminal(sys.stdout) else round(seconds, 3)
                rows.append([shown(run), one.host, one.pid or None, one.state, since])
    print_table(_WORKER_COLUMNS, rows)


def _state(trajectory: "Trajectory", folder: Path) -> tuple[str, str]:
    """The state in a word, and why."""
    from l2l.lock import holder

    leader = holder(folder)
    if leader is not None:
        return "running", str(leader)
    if trajectory.finished:
        return "finished", trajectory.reason
    if trajectory.reason:
        return "stopped", trajectory.reason.partition("\n")[0]
    return "killed", f"go on with: l2l resume {typed(folder)}"


def _best(trajectory: "Trajectory") -> str:
    if not trajectory.objectives:
        return "no objective"
    try:
        best = trajectory.best
    except NotFoundError:
        return "none yet" if not len(trajectory.individuals) else "none valid"
    return f"front of {len(best)}" if isinstance(best, list) else cell(best.fitness)


def _latest(folder: Path) -> float:
    """When a file of the run was last written, Unix seconds."""
    files = [folder / "trajectory.h5", folder / "lock", *(folder / "journal").glob("*")]
    return max((one.stat().st_mtime for one in files if one.exists()), default=0.0)


COMMAND = Command(
    "status",
    "one line a run",
    "Show where runs stand: running, stopped, killed or finished; generations, individuals, trials, failures, the\n"
    "best fitness, how long ago something was written, and what workers are at. From any node that sees the folders.",
    "  l2l status                    # all runs in runs/\n  l2l status runs/brunel runs/bowl\n",
    _arguments,
    _run,
)
