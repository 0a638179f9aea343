"""Evaluations as the columns of a `finished` record."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import text_of
from l2l.experiment.plan import Plan
from l2l.schema import side_by_side
from l2l.seeding import Words
from l2l.values import Evaluation, Observable, Trial

if TYPE_CHECKING:
    from l2l.trajectory import Trajectory

TRACEBACK_LIMIT = 4000
SIMULATED = -1


def finished_record(
    evaluations: Sequence[Evaluation], trials: Sequence[Trial], final: Sequence[bool], plan: Plan
) -> dict[str, Any]:
    """The record of what came back.

    Args:
        evaluations: (k,).
        trials: (k,) that they are of.
        final: (k,) false for an attempt that is repeated.
        plan: For what is declared.
    """
    nothing = (float("nan"),) * len(plan.objectives)
    hosts: dict[str, int] = {}
    codes = [hosts.setdefault(one.host, len(hosts)) for one in evaluations]
    entropy = b"".join([one.entropy.to_bytes(16, "little") for one in trials])
    resources = plan.resources
    return {
        "index": np.array([one.index for one in evaluations], dtype=np.int64),
        "number": np.array([one.number for one in evaluations], dtype=np.int64),
        "attempt": np.array([one.attempt for one in trials], dtype=np.int64),
        "status": np.array([one.status for one in evaluations], dtype=np.int8),
        "final": np.array(final, dtype=bool),
        "started": np.array([one.started for one in evaluations], dtype=np.float64),
        "seconds": np.array([one.seconds for one in evaluations], dtype=np.float64),
        "host": list(hosts),
        "host_code": np.array(codes, dtype=np.int16),
        "ranks": resources.ranks,
        "threads": resources.threads,
        "peak_memory": np.array([one.peak_memory for one in evaluations], dtype=np.int64),
        "entropy": np.frombuffer(entropy, dtype="<u4").reshape(-1, 4),
        "source": SIMULATED,
        "fitness": np.array([one.fitness or nothing for one in evaluations], dtype=np.float64),
        "observables": {
            name: _column([one.observables.get(name) for one in evaluations], observable)
            for name, observable in plan.observables.items()
        },
        "failures": [
            # as text, whatever a launcher has put there: a record that cannot be read again ends the run for good
            [
                row,
                text_of(one.failure.message, TRACEBACK_LIMIT),
                text_of(_cut(one.failure.traceback), 2 * TRACEBACK_LIMIT),
            ]
            for row, one in enumerate(evaluations)
            if one.failure is not None
        ],
    }


def _cut(text: object) -> str:
    text = text if isinstance(text, str) else text_of(text)
    if len(text) <= TRACEBACK_LIMIT:
        return text
    half = TRACEBACK_LIMIT // 2 - 20
    return f"{text[:half]}\n… {len(text) - 2 * half} characters …\n{text[-half:]}"


def _column(values: Sequence[NDArray[Any] | None], observable: Observable) -> Any:
    missing = observable.missing()
    filled = [missing if value is None else value for value in values]
    if not observable.ragged:
        return np.array(filled, dtype=missing.dtype).reshape(len(filled), *observable.shape)
    lengths = np.array([len(value) for value in filled], dtype=np.int64)
    return {"values": np.concatenate(filled) if filled else missing, "lengths": lengths}


def copied_record(
    ids: Sequence[tuple[int, int]],
    entropy: Words,
    theirs: tuple["Trajectory", NDArray[np.int64], int],
    plan: Plan,
) -> dict[str, Any]:
    """The record of trials that an earlier run has.

    Args:
        ids: (k,) (individual, trial) here.
        entropy: (k, 4) of these trials.
        theirs: The earlier run, (k,) rows of its trials, and its row of /memos.
        plan: For what is declared.
    """
    run, rows, source = theirs
    trials = run.trials
    hosts: dict[str, int] = {}
    codes = [hosts.setdefault(str(host), len(hosts)) for host in trials["host"][rows]]
    failures = run.failure_messages()
    return {
        "index": np.array([index for index, _ in ids], dtype=np.int64),
        "number": np.array([number for _, number in ids], dtype=np.int64),
        "attempt": trials["attempt"][rows],
        "status": trials["status"][rows],
        "final": np.ones(len(rows), dtype=bool),
        "started": trials["started"][rows],
        "seconds": trials["seconds"][rows],
        "host": list(hosts),
        "host_code": np.array(codes, dtype=np.int16),
        "ranks": plan.resources.ranks,
        "threads": plan.resources.threads,
        "peak_memory": trials["peak_memory"][rows],
        "entropy": entropy,
        "source": source,
        "fitness": side_by_side([trials[f"fitness/{one.name}"][rows] for one in plan.objectives], len(rows)),
        "observables": _copied_observables(trials, rows, plan.observables),
        "failures": [[place, *failures[row]] for place, row in enumerate(rows.tolist()) if row in failures],
    }


def _copied_observables(
    trials: Mapping[str, Any], rows: NDArray[np.int64], declared: Mapping[str, Observable]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, observable in declared.items():
        column = trials[f"observables/{name}"]
        found[name] = _column([np.asarray(column[row]) for row in rows.tolist()], observable)
    return found
