"""Evaluations as the columns of a `finished` record."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.blocks import EvaluationBlock
from l2l.errors import text_of
from l2l.experiment.plan import Plan
from l2l.schema import side_by_side
from l2l.seeding import Words
from l2l.values import MEASURES, Observable

if TYPE_CHECKING:
    from l2l.trajectory import Trajectory

TRACEBACK_LIMIT = 4000
SIMULATED = -1


def finished_record(block: EvaluationBlock, entropy: Words, final: NDArray[np.bool_], plan: Plan) -> dict[str, Any]:
    """The record of what came back.

    Args:
        block: (k,) what came back.
        entropy: (k, 4) of the trials.
        final: (k,) false for an attempt that is repeated.
        plan: For what is declared.
    """
    observed = block.observables or [{}] * len(block)
    return {
        "index": block.individual,
        "number": block.number,
        "attempt": block.attempt,
        "status": block.status,
        "final": final,
        **{one.name: block.measures[one.name] for one in MEASURES},
        "host": list(block.hosts),
        "host_code": block.host,
        "ranks": plan.resources.ranks,
        "threads": plan.resources.threads,
        "entropy": entropy,
        "source": SIMULATED,
        "fitness": block.fitness,
        "observables": {
            name: _column([one.get(name) for one in observed], observable)
            for name, observable in plan.observables.items()
        },
        "failures": [
            # as text, whatever a launcher has put there: a record that cannot be read again ends the run for good
            [row, text_of(why.message, TRACEBACK_LIMIT), text_of(_cut(why.traceback), 2 * TRACEBACK_LIMIT)]
            for row, why in sorted(block.failures.items())
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
    index: NDArray[np.int64],
    number: NDArray[np.int64],
    entropy: Words,
    theirs: tuple["Trajectory", NDArray[np.int64], int],
    plan: Plan,
) -> dict[str, Any]:
    """The record of trials that an earlier run has.

    Args:
        index: (k,) numbers of the individuals here.
        number: (k,) numbers of the trials.
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
        "index": index,
        "number": number,
        "attempt": trials["attempt"][rows],
        "status": trials["status"][rows],
        "final": np.ones(len(rows), dtype=bool),
        **{one.name: trials[one.name][rows] for one in MEASURES},
        "host": list(hosts),
        "host_code": np.array(codes, dtype=np.int16),
        "ranks": plan.resources.ranks,
        "threads": plan.resources.threads,
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
