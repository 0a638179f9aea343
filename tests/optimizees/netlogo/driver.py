"""Evaluates trials of NetLogo models in a process of its own, since a process starts Java once: JSON lines in and out.

In: {"options": …, "trials": [[values, entropy], …]}. Out: {"version": …, "trials": […]} with a mapping for each, or
{"error": …} where the model cannot be set up. Whatever else is printed breaks this.
"""

import json
import sys
from pathlib import Path
from typing import Any

from l2l.errors import L2LError
from l2l.optimizee import Optimizee
from l2l.registry import build
from l2l.values import Trial
from l2l.worker.evaluate import evaluate


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    try:
        optimizee = build("optimizee", {"name": "netlogo", **asked["options"]}, base=Path(__file__).parent)
        optimizee.setup()
    except L2LError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    found = {"version": optimizee.version(), "trials": [evaluated(optimizee, *one) for one in asked["trials"]]}
    optimizee.teardown()
    return found


def evaluated(optimizee: Optimizee, values: dict[str, Any], entropy: int) -> dict[str, Any]:
    individual = optimizee.space.individual(values)
    one = evaluate(optimizee, Trial(individual, entropy=entropy))
    return {
        "status": one.status.name,
        "fitness": one.fitness,
        "observables": {name: value.tolist() for name, value in one.observables.items()},
        "message": one.failure.message if one.failure else "",
        "traceback": one.failure.traceback if one.failure else "",
    }


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
