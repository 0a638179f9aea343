"""Optimizees that runs are made of which are killed, stopped, copied and starved."""

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import l2l
from l2l import Categorical, Individual, Integer, Observable, Outcome, ParameterSpace, Real, Trial
from l2l.testing.misbehaving import Misbehaving

SPACE = ParameterSpace(
    x=Real(-2.0, 2.0),
    rate=Real(0.01, 100.0, log=True),
    n=Integer(1, 5),
    kind=Categorical("plus", "minus"),
    depth=Real(0.0, 1.0, when="n > 2"),
)


class Noted(l2l.Optimizee):
    """Notes each start in a file, and fails now and then.

    Args:
        notes: The file; a line `individual trial attempt` a start.
        seconds: That a trial takes.
    """

    space = SPACE
    observables = {"pair": Observable((2,)), "spikes": Observable(ragged=True)}

    def __init__(self, *, notes: str, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.file = notes

    def simulate(self, individual: Individual, trial: Trial) -> Any:
        note(Path(self.file), f"{trial.index} {trial.number} {trial.attempt}")
        time.sleep(self.seconds * (0.5 + individual["rate"] % 1.0))
        draw = trial.rng.random(2)
        if draw[0] < 0.03:
            raise RuntimeError(f"seed {trial.seed} is unlucky")
        if draw[0] < 0.05:
            return float("nan")
        if draw[0] < 0.06:
            raise l2l.Invalid("silent")
        depth = individual["depth"] if individual["n"] > 2 else 0.5
        sign = 1.0 if individual["kind"] == "plus" else -1.0
        error = (individual["x"] - 0.3 * sign) ** 2 + np.log(individual["rate"]) ** 2 + (individual["n"] - 3) ** 2
        return Outcome(error + depth + 0.1 * draw[1], {"pair": draw, "spikes": trial.rng.random(trial.seed % 4)})


class Plain(l2l.Optimizee):
    """As little as there can be, and a failure in five."""

    space = ParameterSpace(x=Real(0.0, 1.0))

    def simulate(self, individual: Individual, trial: Trial) -> float:
        if trial.seed % 5 == 0:
            raise RuntimeError(f"seed {trial.seed} is unlucky")
        return float(individual["x"] + trial.rng.random())


class BadDay(Misbehaving):
    """Does what models do on a bad day, with one objective; notes each start in a file.

    Args:
        notes: As `Noted` has it.
    """

    objectives = Misbehaving.objectives[:1]

    def __init__(self, *, notes: str) -> None:
        self.file = notes

    def simulate(self, individual: Individual, trial: Trial) -> Any:
        note(Path(self.file), f"{trial.index} {trial.number} {trial.attempt}")
        outcome = super().simulate(individual, trial)
        if individual["behaviour"] in ("nan", "infinity", "text"):
            return replace(outcome, fitness=outcome.fitness[individual["behaviour"] != "text"])
        if isinstance(outcome, Outcome) and len(outcome.fitness) == 2:
            return replace(outcome, fitness=outcome.fitness[0])
        return outcome


class Program(l2l.Optimizee):
    """Runs a program for a while, and fails where that does.

    Args:
        notes: As `Noted` has it.
        seconds: That it takes.
    """

    space = ParameterSpace(x=Real(0.0, 1.0))

    def __init__(self, *, notes: str, seconds: float = 0.1) -> None:
        self.file = notes
        self.seconds = seconds

    def simulate(self, individual: Individual, trial: Trial) -> float:
        note(Path(self.file), f"{trial.index} {trial.number} {trial.attempt}")
        subprocess.run(["sleep", str(self.seconds)], check=True)
        return float(individual["x"])


class Unlucky(Noted):
    """As `Noted`; first attempts with some seeds end their process.

    Args:
        notes, seconds: As `Noted` has them.
        again: Whether second attempts with some of these do as well.
    """

    def __init__(self, *, notes: str, seconds: float = 0.0, again: bool = True) -> None:
        super().__init__(notes=notes, seconds=seconds)
        self.again = again

    def simulate(self, individual: Individual, trial: Trial) -> Any:
        if trial.seed % 40 == 0 and (trial.attempt == 0 or (self.again and trial.seed % 80 == 0)):
            os._exit(5)
        return super().simulate(individual, trial)


class Stubborn(Program):
    """Ends its process at the first attempt.

    Args:
        notes, seconds: As `Program` has them.
    """

    def simulate(self, individual: Individual, trial: Trial) -> float:
        if trial.attempt == 0:
            note(Path(self.file), f"{trial.index} {trial.number} {trial.attempt}")
            os._exit(5)
        return super().simulate(individual, trial)


def note(file: Path, line: str) -> None:
    """Append a line, whole, whoever else does."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)
