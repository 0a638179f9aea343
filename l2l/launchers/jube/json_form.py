"""Trials and evaluations as plain data that JSON can say, bit for bit, for those that travel through files."""

import base64
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.individual import Individual
from l2l.plugin import from_plain, to_plain
from l2l.values import MEASURES, Evaluation, Failure, Resources, Status, Trial

_PLAIN = frozenset({float, int, str, bool, type(None)})


def trial_to_plain(trial: Trial) -> dict[str, Any]:
    """A trial without what all trials of a run have in common."""
    individual = trial.individual
    return {
        "index": trial.index,
        "number": trial.number,
        "attempt": trial.attempt,
        "seed": f"{trial.entropy:032x}",
        "individual": {name: _value(individual[name]) for name in individual},
        "inactive": sorted(individual.inactive),
        "validation": trial.validation,
        "root": None if trial.root is None else str(trial.root),
    }


def trial_from_plain(data: Mapping[str, Any], resources: Resources) -> Trial:
    """What `trial_to_plain` wrote.

    Args:
        data: That.
        resources: Of all trials.
    """
    values = {name: from_plain(value) for name, value in data["individual"].items()}
    return Trial(
        Individual(values, frozenset(data["inactive"])),
        data["number"],
        int(data["seed"], 16),
        data["index"],
        data["attempt"],
        resources=resources,
        root=None if data["root"] is None else Path(data["root"]),
        validation=data["validation"],
    )


def _value(value: Any) -> Any:
    return value if type(value) in _PLAIN else to_plain(value, exact=True)


def evaluation_to_plain(one: Evaluation) -> dict[str, Any]:
    """An evaluation; its fitness is null where it is NaN, which JSON cannot say."""
    return {
        "index": one.index,
        "number": one.number,
        "attempt": one.attempt,
        "status": one.status.name,
        "fitness": [None if math.isnan(value) else value for value in one.fitness],
        "observables": {name: _array(value) for name, value in one.observables.items()},
        **{measure.name: getattr(one, measure.name) for measure in MEASURES},
        "host": one.host,
        "failure": one.failure and {"message": one.failure.message, "traceback": one.failure.traceback},
        "used_directory": one.used_directory,
        "process": one.process,
    }


def evaluation_from_plain(data: Mapping[str, Any]) -> Evaluation:
    """What `evaluation_to_plain` wrote."""
    failure = data["failure"]
    return Evaluation(
        index=data["index"],
        number=data["number"],
        attempt=data["attempt"],
        status=Status[data["status"]],
        fitness=tuple(math.nan if value is None else value for value in data["fitness"]),
        observables={name: _array_of(value) for name, value in data["observables"].items()},
        host=data["host"],
        failure=failure and Failure(failure["message"], failure["traceback"]),
        used_directory=data["used_directory"],
        process=data["process"],
        **{measure.name: data[measure.name] for measure in MEASURES},
    )


def _array(value: NDArray[Any]) -> dict[str, Any]:
    raw = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode("ascii")
    return {"dtype": value.dtype.str, "shape": list(value.shape), "base64": raw}


def _array_of(data: Mapping[str, Any]) -> NDArray[Any]:
    raw = base64.b64decode(data["base64"])
    return np.frombuffer(raw, dtype=np.dtype(data["dtype"])).reshape(data["shape"]).copy()
