"""Small optimizees and optimizers that the tests of the loop run."""

import os
from collections.abc import Sequence

import numpy as np

import l2l
from l2l import Categorical, Individual, Integer, Maximize, Minimize, Observable, Outcome, ParameterSpace, Real, Trial
from l2l.optimizer import Optimizer

SPACE = ParameterSpace(x=Real(-2.0, 2.0), n=Integer(1, 5), kind=Categorical("plus", "minus"))


@l2l.optimizee(space=SPACE, objectives=Minimize("height"))
def bowl(individual: Individual) -> float:
    """A deterministic bowl."""
    shift = 0.5 if individual["kind"] == "plus" else -0.5
    return float((individual["x"] - shift) ** 2 + (individual["n"] - 3) ** 2)


class Noisy(l2l.Optimizee):
    """A bowl with noise from the trial's generator, and an observable.

    Args:
        noise: Standard deviation.
    """

    space = ParameterSpace(x=Real(-2.0, 2.0), y=Real(0.01, 100.0, log=True))
    objectives = (Maximize("reward"),)
    observables = {"pair": Observable((2,)), "spikes": Observable(ragged=True)}

    def __init__(self, *, noise: float = 0.1) -> None:
        self.noise = noise

    def simulate(self, individual: Individual, trial: Trial) -> Outcome:
        """One noisy evaluation."""
        draw = trial.rng.normal(size=2)
        reward = -(individual["x"] ** 2) - np.log(individual["y"]) ** 2 + self.noise * draw[0]
        return Outcome(reward, {"pair": draw, "spikes": trial.rng.random(trial.seed % 5)})


class Examined(l2l.Optimizee):
    """Is tested on other data where a trial validates it; dies there at its first attempt, where it is `nervous`.

    Args:
        nervous: Whether it dies.
    """

    space = ParameterSpace(x=Real(0.0, 1.0))
    observables = {"held_out": Observable(dtype=bool)}

    def __init__(self, *, nervous: bool = False) -> None:
        self.nervous = nervous

    def simulate(self, individual: Individual, trial: Trial) -> Outcome:
        """The same draw, shifted for held-out data."""
        if self.nervous and trial.validation and not trial.attempt:
            os._exit(3)
        fitness = individual["x"] + 10.0 * trial.validation + trial.rng.normal(scale=0.01)
        return Outcome(fitness, {"held_out": trial.validation})


class Choosy(l2l.Optimizee):
    """Chooses among numbers, and among all sorts."""

    space = ParameterSpace(size=Categorical(1, 2, 4), noise=Categorical("white", None, 2.5))
    stochastic = False

    def simulate(self, individual: Individual, trial: Trial) -> float:
        """The chosen size."""
        return float(individual["size"])


class Failing(l2l.Optimizee):
    """Fails in parts of its space, each in a way of its own."""

    space = ParameterSpace(x=Real(0.0, 1.0))
    stochastic = False

    def simulate(self, individual: Individual, trial: Trial) -> object:
        """The fitness, or not."""
        x = individual["x"]
        if x < 0.2:
            raise ValueError(f"x is {x}, which is too small")
        if x < 0.3:
            raise l2l.Invalid("silent")
        if x < 0.4:
            return float("nan")
        if x < 0.5:
            return "a word"
        return x


class TwoGoals(l2l.Optimizee):
    """Two objectives that pull apart."""

    space = ParameterSpace(x=Real(0.0, 1.0))
    objectives = (Minimize("left"), Maximize("right"))
    stochastic = False

    def simulate(self, individual: Individual, trial: Trial) -> dict[str, float]:
        """Both."""
        return {"left": individual["x"], "right": individual["x"] ** 2}


class Conditional(l2l.Optimizee):
    """A parameter that has no effect where the amplitude is 0."""

    space = ParameterSpace(
        amplitude=Integer(0, 1), f=Real(1.0, 100.0, log=True, when="amplitude > 0"), constraints=["amplitude < 2"]
    )
    stochastic = False

    def simulate(self, individual: Individual, trial: Trial) -> float:
        """The frequency, or nothing."""
        return float(individual["f"]) if individual["amplitude"] else 0.0


class Scripted(Optimizer):
    """Asks what it was given, generation by generation.

    Args:
        points: A list of generations, each a list of mappings.
    """

    finite = True

    def __init__(self, space: ParameterSpace, *, seed: int | None = None, points: Sequence[object] = ()) -> None:
        super().__init__(space, seed=seed)
        self.generations = [[space.individual(dict(point)) for point in part] for part in points]  # type: ignore[attr-defined,call-overload]
        self.population = max((len(part) for part in self.generations), default=1)
        self.told: list[list[float]] = []

    def ask(self, n: int | None = None) -> list[Individual]:
        """The next generation."""
        self._generation_only(n)
        return self._asked(self.generations[len(self.told)]) if self.finished is None else []

    def tell(self, individuals, costs, results=None) -> None:  # type: ignore[no-untyped-def]
        """Remember."""
        self.told.append(self._told(individuals, costs)[:, 0].tolist())

    @property
    def finished(self) -> str | None:
        """All was asked."""
        return "all points asked" if len(self.told) == len(self.generations) else None


class Untidy(Noisy):
    """Leaves a file in its private folder, and crashes for x above 1 where it is told to.

    Args:
        noise: Standard deviation.
        crashes: Whether it does.
    """

    def __init__(self, *, noise: float = 0.1, crashes: bool = False) -> None:
        super().__init__(noise=noise)
        self.crashes = crashes

    def simulate(self, individual: Individual, trial: Trial) -> Outcome:
        """One noisy evaluation."""
        (trial.directory / "note.txt").write_text("kept?")
        if self.crashes and individual["x"] > 1.0:
            os._exit(3)
        return super().simulate(individual, trial)


class Fickle(Optimizer):
    """Asks points at `Fickle.at`, which a test changes as another library or CPU might.

    Args:
        space, seed, initial: As of any optimizer.
    """

    at = (0.25, 0.75)

    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """One individual each."""
        self._generation_only(n)
        return self._asked(self.space.decode(np.tile(np.array(self.at)[:, None], self.space.dimension)))

    def tell(self, individuals: Sequence[Individual], costs: object, results: object = None) -> None:
        """Check the order."""
        self._told(individuals, costs)  # type: ignore[arg-type]
