"""What a run came to, in words and columns."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l.display.tables import cell
from l2l.errors import NotFoundError

if TYPE_CHECKING:
    from l2l.trajectory import Trajectory
    from l2l.trajectory.solution import Solution


def best_lines(trajectory: "Trajectory") -> list[str]:
    """The best individual, or with several objectives how many are on the front."""
    names = [one.name for one in trajectory.objectives]
    try:
        if len(names) > 1:
            return [f"Pareto front: {len(trajectory.front)} individuals of the objectives {', '.join(names)}"]
        best = trajectory.best
    except NotFoundError as error:
        return [str(error)]
    values = ", ".join(f"{name} = {cell(value)}" for name, value in best.items() if name not in best.inactive)
    return [f"best: {names[0]} {cell(best.fitness)} (individual {best.number}) at {values}"]


def _of(values: Any, objective: str) -> float:
    """Fitness or spread in one objective."""
    return float(values[objective] if isinstance(values, Mapping) else values)


def validation_lines(trajectory: "Trajectory") -> list[str]:
    """What fresh trials of the winners gave; nothing where none ran."""
    table = trajectory.validation
    lines = []
    for number in dict.fromkeys(table["individual"].tolist() if len(table) else []):
        rows = table.where(table["individual"] == number)
        parts = []
        for one in trajectory.objectives:
            values = rows[f"fitness/{one.name}"]
            values = values[~np.isnan(values)]
            spread = f" ± {cell(values.std(ddof=1))}" if len(values) > 1 else ""
            parts.append(f"{one.name} {cell(values.mean())}{spread}" if len(values) else f"{one.name} never valid")
        lines.append(f"validation: individual {number} has {', '.join(parts)} over {len(rows)} fresh trials")
    return lines


def counts_line(trajectory: "Trajectory") -> str:
    """How much was done."""
    trials = trajectory.trials
    failed = int((np.asarray(trials["status"]) != 0).sum()) if len(trials) else 0
    elsewhere = int((np.asarray(trials["source"]) >= 0).sum()) if len(trials) else 0
    counted = ((trajectory.generations, "generation"), (trajectory.individuals, "individual"), (trials, "trial"))
    parts = [f"{len(rows)} {what}{'' if len(rows) == 1 else 's'}" for rows, what in counted]
    parts += [f"{failed} of them failed"] if failed else []
    parts += [f"{elsewhere} taken from earlier runs"] if elsewhere else []
    return ", ".join(parts)


def ranked_table(trajectory: "Trajectory", count: int) -> tuple[list[str], list[list[Any]]]:
    """The best individuals as columns and rows: number, generation, fitness, spread, parameters.

    Raises:
        NotFoundError: No individual has a fitness yet.
    """
    names = [one.name for one in trajectory.objectives]
    found: Sequence[Solution] = trajectory.ranked(count)
    if not found:
        _ = trajectory.best  # says why
    several = trajectory.trials_per_individual > 1
    columns = ["individual", "generation"]
    for name in names:
        columns += [name, f"spread of {name}"] if several else [name]
    columns += trajectory.space.names
    rows = []
    for one in found:
        row: list[Any] = [one.number, one.generation]
        for name in names:
            row += [_of(one.fitness, name), _of(one.spread, name)] if several else [_of(one.fitness, name)]
        rows.append(row + [None if name in one.inactive else one[name] for name in trajectory.space.names])
    return columns, rows
