"""The tables of the archive and their columns, as they follow from what a run is of."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from l2l.schema.columns import Column
from l2l.schema.trials import STATUS, TRIALS
from l2l.space import Parameter, ParameterSpace
from l2l.values import Objective, Observable

FORMAT = "l2l-trajectory"
VERSION = 2
"""Of the archive's format; archives of another version are refused."""

APPENDED = ("generations", "individuals", "trials", "failures")
"""Tables that only grow."""

REWRITTEN = ("segments", "differences", "memos", "validation")
"""Small tables of which earlier rows may change."""

PENDING = ("pending/individuals", "pending/trials", "pending/failures")
"""What a finished run had asked and not put to use."""

Columns = Mapping[str, Column]

_I8, _F8 = np.dtype(np.int64), np.dtype(np.float64)
_TEXT = Column(None)


def _number(**attributes: Any) -> Column:
    return Column(_I8, attributes=attributes)


def _time(meaning: str) -> Column:
    return Column(_F8, attributes={"unit": "s", "meaning": f"{meaning}, Unix time"})


class Layout:
    """What a run is of, and the columns that follow.

    Args:
        run: The `run` record of its journal.
    """

    def __init__(self, run: Mapping[str, Any]) -> None:
        self.run = run
        self.space = ParameterSpace.from_dict(run["space"])
        self.objectives = tuple(Objective(name, maximize, unit) for name, maximize, unit in run["objectives"])
        self.observables = {
            name: Observable(tuple(one["shape"]), one["dtype"], one["unit"], one["ragged"])
            for name, one in run["observables"].items()
        }
        self.tables: dict[str, Columns] = {
            "generations": self._generations(),
            "individuals": self._individuals(),
            "trials": self._trials(),
            "failures": _FAILURES,
            "segments": _SEGMENTS,
            "differences": _DIFFERENCES,
            "memos": _MEMOS,
        }
        self.tables["validation"] = {**self.tables["trials"], "message": _TEXT, "traceback": _TEXT}
        for name in PENDING:
            self.tables[name] = self.tables[name.rpartition("/")[2]]

    def column(self, table: str, name: str, example: Any = None) -> Column:
        """What a column holds; those that an optimizer reports take the form of an example."""
        known = self.tables[table].get(name)
        return known or Column(_F8, np.shape(example)[1:], growing=True)

    @property
    def conditional(self) -> tuple[str, ...]:
        """Parameters that have a condition."""
        return tuple(name for name, parameter in self.space.parameters.items() if parameter.when is not None)

    def _generations(self) -> dict[str, Column]:
        return {
            "first": _number(meaning="row of its first individual"),
            "count": _number(meaning="how many individuals"),
            "started": _time("when it was asked"),
            "finished": _time("when it was told"),
        } | {f"best/{one.name}": _of_objective(one, "best so far") for one in self.objectives}

    def _individuals(self) -> dict[str, Column]:
        columns = {
            "number": _number(meaning="of the individual, in the order asked"),
            "generation": _number(),
            "same_as": _number(meaning="number of the first equal individual, whose trials count; -1 for the first"),
            "asked": _number(meaning="ordinal of the event that asked it"),
            "told": _number(meaning="ordinal of the event that told it"),
        }
        for name, parameter in self.space.parameters.items():
            columns[f"parameters/{name}"] = _of_parameter(parameter)
        for name in self.conditional:
            condition = self.space.parameters[name].when
            columns[f"active/{name}"] = Column(np.dtype(bool), attributes={"when": condition})
        for one in self.objectives:
            columns[f"fitness/{one.name}"] = _of_objective(one, "aggregated over trials; NaN where one failed")
        for one in self.objectives:
            columns[f"spread/{one.name}"] = Column(
                _F8, attributes={"unit": one.unit, "meaning": "standard deviation over trials"}
            )
        return columns | {"status": STATUS}

    def _trials(self) -> dict[str, Column]:
        columns = {one.name: one.column for one in TRIALS}
        for objective in self.objectives:
            columns[f"fitness/{objective.name}"] = _of_objective(objective, "NaN where it failed")
        for name, observable in self.observables.items():
            columns[f"observables/{name}"] = Column(
                observable.dtype, observable.shape, observable.ragged, attributes={"unit": observable.unit}
            )
        return columns


def _of_objective(objective: Objective, meaning: str) -> Column:
    direction = "maximize" if objective.maximize else "minimize"
    return Column(_F8, attributes={"direction": direction, "unit": objective.unit, "meaning": meaning})


def _of_parameter(parameter: Parameter) -> Column:
    """A parameter's column; it says all that the parameter declares."""
    said = parameter.to_dict()
    attributes: dict[str, Any] = {"kind": parameter.kind, "unit": parameter.unit}
    if "low" in said:
        attributes |= {name: said[name] for name in ("low", "high")}
        attributes |= {"bounds": np.array([said["low"], said["high"]]), "log": said.get("log", False)}
    choices = parameter.codes
    if choices:
        attributes["choices"] = labels(choices)
    if "fixed" in said:
        attributes["fixed"] = said["fixed"] if isinstance(said["fixed"], str) else json.dumps(said["fixed"])
    elif choices:
        attributes["default"] = labels((parameter.default,))[0]
    else:
        attributes["default"] = parameter.default
    if parameter.when is not None:
        attributes["when"] = parameter.when
    return Column(_dtype_of(parameter), parameter.shape, attributes=attributes)


def labels(choices: tuple[Any, ...]) -> list[str]:
    """Choices as texts; as JSON where one of them is none."""
    if all(isinstance(choice, str) for choice in choices):
        return list(choices)
    return [json.dumps(choice) for choice in choices]


def _dtype_of(parameter: Parameter) -> np.dtype[Any]:
    choices = parameter.codes
    if choices is not None:
        return np.dtype(np.int8 if len(choices) <= 2**7 else np.int16 if len(choices) <= 2**15 else np.int32)
    default = np.asarray(parameter.default)
    return _F8 if default.dtype.kind == "f" else _I8


_FAILURES: Columns = {
    "trial": _number(meaning="row of /trials; -1 for none"),
    "individual": _number(meaning="its number"),
    "number": _number(meaning="of the trial"),
    "attempt": _number(),
    "status": STATUS,
    "message": _TEXT,
    "traceback": _TEXT,
}

_SEGMENTS: Columns = {
    "number": _number(),
    "started": _time("when it began"),
    "stopped": _time("when it ended; NaN while it runs, or where it was killed"),
    "finished": Column(np.dtype(bool), attributes={"meaning": "whether the run was over then"}),
    "reason": Column(None, attributes={"meaning": "why it stopped"}),
    "host": _TEXT,
    "pid": _number(),
    "job": _TEXT,
    "cpu": _TEXT,
    "cores": _number(),
    "gpus": _TEXT,
    "platform": _TEXT,
    "command": _TEXT,
    "directory": _TEXT,
    "versions": Column(None, attributes={"meaning": "part → version, JSON"}),
    "packages": Column(None, attributes={"meaning": "installed packages that the optimizee uses → version, JSON"}),
    "notes": Column(None, attributes={"meaning": "what of the optimizee could not be followed, JSON"}),
    "commit": _TEXT,
    "dirty": Column(np.dtype(bool), attributes={"meaning": "whether the files differed from the commit"}),
    "fingerprint": _TEXT,
    "version": Column(None, attributes={"meaning": "as the optimizee says it"}),
    "experiment": Column(None, attributes={"meaning": "YAML"}),
    "difference": Column(_F8, attributes={"meaning": "largest one met in replay, in the unit cube"}),
}

_DIFFERENCES: Columns = {
    "segment": _number(),
    "event": _number(meaning="ordinal of the event that asked"),
    "difference": Column(_F8, attributes={"meaning": "from what is archived, in the unit cube"}),
    "adopted": Column(np.dtype(bool), attributes={"meaning": "whether it was beyond what counts as the same"}),
}

_MEMOS: Columns = {
    "row": _number(),
    "path": _TEXT,
    "fingerprint": _TEXT,
    "time": _time("when it was first used"),
}
