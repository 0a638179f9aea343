"""An archived trial, run again in this process."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from l2l import document, registry
from l2l.errors import NotFoundError
from l2l.optimizee import Optimizee
from l2l.plugin import from_plain
from l2l.provenance import fingerprint
from l2l.seeding import as_ints
from l2l.values import Resources, Status, Trial
from l2l.worker.evaluate import evaluate

if TYPE_CHECKING:
    from l2l.trajectory.trajectory import Rerun, Trajectory


def rerun(run: "Trajectory", individual: int, trial: int) -> "Rerun":
    """See `Trajectory.rerun`."""
    from l2l.trajectory.trajectory import Rerun

    solution = run.individual(individual)
    found = np.flatnonzero(solution.trials["number"] == trial)
    table, validation = solution.trials, not len(found)
    if validation:
        found = np.flatnonzero((run.validation["individual"] == individual) & (run.validation["number"] == trial))
        table = run.validation
    if not len(found):
        numbers = ", ".join(map(str, solution.trials["number"].tolist())) or "none: it was never simulated"
        raise NotFoundError(f"{run.path}: no trial {trial} of individual {individual}; its trials: {numbers}")
    row = int(found[0])
    again = Trial(
        solution.individual,
        trial,
        as_ints(table["entropy"][row : row + 1])[0],
        individual,
        resources=Resources(threads=int(table["threads"][row])),
        validation=validation,
    )
    optimizee = optimizee_of(run)
    with threadpool_limits(again.resources.threads):  # as in a worker: other numbers of threads give other last bits
        optimizee.setup()
        try:
            evaluation = evaluate(optimizee, again)
        finally:
            optimizee.teardown()
    fitness = tuple(float(table[f"fitness/{one.name}"][row]) for one in run.objectives)
    changed = fingerprint(optimizee).differences(run.parts) if run.parts else []
    return Rerun(evaluation, Status(int(table["status"][row])), fitness, tuple(changed))


def optimizee_of(run: "Trajectory") -> Optimizee:
    """The optimizee of a run, built anew.

    Raises:
        NotFoundError: Its code is not there.
    """
    folder = run.path if run.path.is_dir() else run.path.parent
    said: Any = document.parse(run.experiment, folder / "experiment.yaml").data
    if not isinstance(said, Mapping) or "optimizee" not in said:
        raise NotFoundError(f"{run.path}: the archive does not say which optimizee it is of")
    described = said["optimizee"]
    if isinstance(described, Mapping):
        described = {name: from_plain(value, Path(folder)) for name, value in described.items()}
    return registry.build("optimizee", described, base=Path(folder).absolute())
