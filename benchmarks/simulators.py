"""What a warm process is worth: evaluations per second of each simulator, warm against one process for each trial.

    python benchmarks/simulators.py                            # all that is installed, a few minutes
    python benchmarks/simulators.py --only arbor-cell neuron-cell

The optimizees are those of the experiments that ship. Both ways evaluate the same trial, in turns, so that what else
the machine does meets both; the median of the rounds counts. Warm is a process that has set up its optimizee, as the
workers of l2l's launchers have; the other starts Python, imports l2l and the simulator and builds the model for each
trial. Where both do not give the same fitness, bit for bit, it says so and exits with 1.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np
from fresh import Others
from tables import number, table

from l2l import L2LError, Optimizee, Status, Trial
from l2l.config import load
from l2l.worker.evaluate import evaluate

EXPERIMENTS = Path(__file__).parents[1] / "experiments"

MODELS = {
    "nest-balanced-network": "brunel.yaml",
    "nest-plasticity": "nest-plasticity.yaml",
    "arbor-cell": "arbor-cell.yaml",
    "neuron-cell": "neuron-cell.yaml",
    "tvb-whole-brain": "whole-brain.yaml",
    "gymnasium": "cartpole.yaml",
    "netlogo": "ants.yaml",
}
"""Name → the experiment whose optimizee is measured."""

ATTEMPTS = 100
"""Individuals that are drawn at most to find one that has a fitness."""


@dataclass(frozen=True, slots=True)
class Ready:
    """An optimizee that was set up.

    Args:
        version: Of its simulator.
        first: Which drawn individual is the first that has a fitness.
        seconds: What importing and setting up took.
    """

    version: str
    first: int
    seconds: float


@dataclass(slots=True)
class Rates:
    """What was measured of an optimizee.

    Args:
        ready: How it was set up.
        warm: Seconds a trial, of each round.
        cold: The same, with one process for each trial.
        same: Whether every trial had the same fitness in both.
    """

    ready: Ready
    warm: list[float] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)
    same: bool = True


_LIVING: dict[str, Optimizee] = {}


def prepared(name: str) -> Ready | str:
    """Set up an optimizee in this process and find a trial that has a fitness; else what is missing, in words."""
    begin = time.perf_counter()
    try:
        optimizee = load(EXPERIMENTS / MODELS[name]).optimizee
        optimizee.setup()
    except (L2LError, FileNotFoundError) as error:
        return str(error)
    seconds = time.perf_counter() - begin
    _LIVING[name] = optimizee
    for number_drawn in range(ATTEMPTS):
        if evaluate(optimizee, drawn(optimizee, number_drawn)).status is Status.OK:
            return Ready(optimizee.version(), number_drawn, seconds)
    raise RuntimeError(f"{name}: none of {ATTEMPTS} individuals has a fitness")


def drawn(optimizee: Optimizee, which: int) -> Trial:
    """A trial, the same in any process; the one before the first is that of the defaults."""
    space = optimizee.describe()
    individual = space.sample(1, np.random.default_rng(which))[0] if which else space.default
    return Trial(individual, entropy=0xBEEF + which, index=which)


def warm(name: str, first: int, trials: int) -> tuple[float, list[str]]:
    """Seconds, and the fitness of each, of trials in this process, where the optimizee is set up."""
    optimizee = _LIVING[name]
    begin = time.perf_counter()
    found = [evaluate(optimizee, drawn(optimizee, first)) for _ in range(trials)]
    return time.perf_counter() - begin, [shown(one.fitness) for one in found]


def cold(name: str, first: int, trials: int) -> tuple[float, list[str]]:
    """The same, with a process for each trial."""
    program = [sys.executable, __file__, "--one", name, str(first)]
    begin = time.perf_counter()
    said = [subprocess.run(program, check=True, capture_output=True, text=True).stdout for _ in range(trials)]
    return time.perf_counter() - begin, [one.splitlines()[-1] for one in said]


def one_trial(name: str, which: int) -> str:
    """Set up an optimizee, evaluate one trial, and say its fitness: all that a process for one trial does."""
    optimizee = load(EXPERIMENTS / MODELS[name]).optimizee
    optimizee.setup()
    found = evaluate(optimizee, drawn(optimizee, which))
    optimizee.teardown()
    return shown(found.fitness)


def shown(fitness: tuple[float, ...]) -> str:
    """A fitness, exact to the last bit."""
    return json.dumps([one.hex() for one in fitness])


def measured(name: str, arguments: argparse.Namespace) -> Rates | str:
    """Rounds of trials of one optimizee, warm and cold in turns; what is missing where it cannot be set up here."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        ready = executor.submit(prepared, name).result()
        if isinstance(ready, str):
            return ready
        rates, first = Rates(ready), ready.first
        for _ in range(arguments.rounds):
            seconds, one = executor.submit(warm, name, first, arguments.trials).result()
            rates.warm.append(seconds / arguments.trials)
            processes = max(1, arguments.trials // 4)
            seconds, other = cold(name, first, processes)
            rates.cold.append(seconds / processes)
            rates.same &= len({*one, *other}) == 1
    return rates


def parsed() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", choices=MODELS, default=list(MODELS), metavar="MODEL", help=", ".join(MODELS)
    )
    parser.add_argument("--trials", type=int, default=12, help="of a round that is warm; a quarter as many processes")
    parser.add_argument("--rounds", type=int, default=5, help="of each model")
    parser.add_argument("--one", nargs=2, metavar=("MODEL", "WHICH"), help=argparse.SUPPRESS)
    return parser.parse_args()


def row(name: str, rates: Rates) -> list[str]:
    """What the table says of a model."""
    fast, slow = 1.0 / median(rates.warm), 1.0 / median(rates.cold)
    setup = f"{rates.ready.seconds:.2f}"
    same = "yes" if rates.same else "NO"
    return [name, rates.ready.version, setup, number(fast), number(slow), f"{fast / slow:.1f}", same]


def main() -> int:
    """Measure what is installed, print the table, and say by the exit code whether all results were the same."""
    arguments = parsed()
    if arguments.one:
        print(one_trial(arguments.one[0], int(arguments.one[1])))
        return 0
    print(f"{len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}\n", flush=True)
    others = Others()
    found: dict[str, Rates] = {}
    for name in arguments.only:
        rates = measured(name, arguments)
        if isinstance(rates, str):
            print(f"… {name}: left out: {rates}", file=sys.stderr, flush=True)
        else:
            found[name] = rates
            print(f"… {name}: {len(rates.warm)} rounds", file=sys.stderr, flush=True)
    head = ["optimizee", "simulator", "set up, s", "warm, trials/s", "a process each, trials/s", "ratio", "same"]
    print(table(head, [row(name, rates) for name, rates in found.items()]))
    print(f"\nOther programs used {others.share:.0%} of the cores meanwhile; the more, the longer all times.")
    return 0 if all(rates.same for rates in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
