"""What a run came to, in words and columns."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l.display.tables import cell
from l2l.errors import NotFoundError

if TYPE_CHECKING:
    from l2l.trajectory import Trajectory
    from l2l.trajectory.solution import Solution
    from l2l.trajectory.table import Table


def best_lines(trajectory: "Trajectory") -> list[str]:
    """The best individual, or with several objectives how many are on the front."""
    names = [one.name for one in trajectory.objectives]
    if not names:
        return [f"explored without an objective: {', '.join(trajectory.observables)}"]
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

    With several objectives a column says who is on the Pareto front.

    Raises:
        NotFoundError: No individual has a fitness yet.
    """
    names = [one.name for one in trajectory.objectives]
    if not names:
        return _explored_table(trajectory, count)
    found: Sequence[Solution] = trajectory.ranked(count)
    if not found:
        _ = trajectory.best  # says why
    several = trajectory.trials_per_individual > 1
    front = {one.number for one in trajectory.front} if len(names) > 1 else set()
    columns = ["individual", "generation", *(["front"] if front else [])]
    for name in names:
        columns += [name, f"spread of {name}"] if several else [name]
    columns += trajectory.space.names
    rows = []
    for one in found:
        row: list[Any] = [one.number, one.generation]
        row += [one.number in front] if front else []
        for name in names:
            row += [_of(one.fitness, name), _of(one.spread, name)] if several else [_of(one.fitness, name)]
        rows.append(row + [None if name in one.inactive else one[name] for name in trajectory.space.names])
    return columns, rows


def _explored_table(trajectory: "Trajectory", count: int) -> tuple[list[str], list[list[Any]]]:
    """The first individuals of a run without objectives: number, generation, status, means of observables, parameters.

    Raises:
        NotFoundError: No generation is complete yet.
    """
    scalars = [name for name, one in trajectory.observables.items() if not one.shape and not one.ragged]
    means = trajectory.aggregate(scalars, statistics="mean")
    if not len(means):
        raise NotFoundError(f"{trajectory.path}: no generation is complete yet")
    columns = ["individual", "generation", "status", *scalars, *trajectory.space.names]
    rows = []
    for place, number in enumerate(means["number"][:count].tolist()):
        one = trajectory.individual(number)
        observed = [means[f"{name}/mean"][place] for name in scalars]
        values = [None if name in one.inactive else one[name] for name in trajectory.space.names]
        rows.append([number, one.generation, one.status.name, *observed, *values])
    return columns, rows


def individual_tables(trajectory: "Trajectory", number: int) -> list[tuple[str, list[str], list[list[Any]]]]:
    """An individual as titled tables: its parameters, what it came to, its trials, and fresh trials of a validation.

    Raises:
        NotFoundError: There is none of that number in a complete generation.
    """
    one = trajectory.individual(number)
    space = trajectory.space
    parameters = [
        [name, None if name in one.inactive else one[name], space.parameters[name].unit or None] for name in space.names
    ]
    several = trajectory.trials_per_individual > 1
    came = []
    for objective in trajectory.objectives:
        spread = [_of(one.spread, objective.name)] if several else []
        came.append([objective.name, _of(one.fitness, objective.name), *spread, objective.unit or None])
    tables = [
        ("parameters", ["parameter", "value", "unit"], parameters),
        *([("fitness", ["objective", "value", *(["spread"] if several else []), "unit"], came)] if came else []),
        ("trials", *_trial_rows(one.trials)),
    ]
    fresh = trajectory.validation
    if len(fresh) and (fresh["individual"] == number).any():
        tables.append(("validation", *_trial_rows(fresh.where(fresh["individual"] == number))))
    return tables


def _trial_rows(table: "Table") -> tuple[list[str], list[list[Any]]]:
    """Trials with what they came to: status, objectives, observables, then where and how long they ran."""
    wanted = ["number", "status"]
    wanted += [name for name in table if name.startswith(("fitness/", "observables/"))]
    wanted += ["seconds", "host", "seed", "attempt"]
    names = [name.partition("/")[2] or name for name in wanted]
    columns = [table.labels(name) for name in wanted]
    return ["trial", *names[1:]], [[column[row] for column in columns] for row in range(len(table))]


def validation_table(trajectory: "Trajectory") -> tuple[list[str], list[list[Any]]]:
    """The fresh trials of the winners as columns and rows."""
    table = trajectory.validation
    columns, rows = _trial_rows(table) if len(table) else ([], [])
    individuals = table["individual"].tolist() if len(table) else []
    return ["individual", *columns], [[one, *row] for one, row in zip(individuals, rows, strict=True)]


def generations_table(trajectory: "Trajectory") -> tuple[list[str], list[list[Any]]]:
    """The generations as columns and rows: size, failures, best so far, best and median of each, time."""
    table = trajectory.generations
    columns = ["generation", "individuals", "failed"]
    for one in trajectory.objectives:
        columns += [f"{one.name} so far", f"best {one.name}", f"median {one.name}"]
    reported = [name for name in table if name.startswith("optimizer/") and table[name].ndim == 1]
    said = [name.partition("/")[2] for name in reported]
    columns += ["seconds", *(f"{name} (optimizer)" if name in columns else name for name in said)]
    status = trajectory.individuals["status"]
    rows: list[list[Any]] = []
    for place, (first, count) in enumerate(zip(table["first"].tolist(), table["count"].tolist(), strict=True)):
        part = slice(first, first + count)
        row: list[Any] = [place, count, int(np.count_nonzero(status[part]))]
        for one in trajectory.objectives:
            values = trajectory.individuals[f"fitness/{one.name}"][part]
            values = values[~np.isnan(values)]
            middle = float(np.median(values)) if len(values) else float("nan")
            row += [table[f"best/{one.name}"][place], _best_of(values, one.sign), middle]
        row.append(float(table["finished"][place] - table["started"][place]))
        rows.append(row + [table[name][place] for name in reported])
    return columns, rows


def _best_of(values: Any, sign: float) -> float:
    return float((values * sign).min() * sign) if len(values) else float("nan")
