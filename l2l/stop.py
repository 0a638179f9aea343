"""When a run ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from l2l.errors import OptionError, near
from l2l.quantities import finite_number, seconds_of, whole_number
from l2l.values import Objective


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run has come; cached evaluations count.

    Args:
        generations: Complete ones.
        individuals: Told to the optimizer.
        trials: Of these individuals.
        best: Best cost so far (+inf for none), of a single objective.
        stagnant: Generations since it last improved.
        seconds: Since this segment began.
    """

    generations: int = 0
    individuals: int = 0
    trials: int = 0
    best: float = float("inf")
    stagnant: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Stop:
    """When a run ends: as soon as one of these is reached, looked at after each generation.

    Args:
        generations: So many generations.
        individuals: So many individuals.
        trials: So many trials.
        target: The best fitness is as good as this; where weights make one cost of several objectives, that cost.
        stagnation: So many generations without a better fitness.
        walltime: Of each process lifetime, in seconds or as "10min" or "00:10:00"; the run can be resumed then.

    Raises:
        OptionError: A number is out of range.
    """

    generations: int | None = None
    individuals: int | None = None
    trials: int | None = None
    target: float | None = None
    stagnation: int | None = None
    walltime: float | None = None

    def __post_init__(self) -> None:
        for name in ("generations", "individuals", "trials", "stagnation"):
            given = getattr(self, name)
            number = whole_number(given)
            if given is not None and (number is None or number < 1):
                raise OptionError(f"stop.{name}: expected a whole number above 0, got {given!r}")
            object.__setattr__(self, name, number)
        if self.target is not None:
            target = finite_number(self.target)
            if target is None:
                raise OptionError(f"stop.target: expected a number, not NaN or infinite, got {self.target!r}")
            object.__setattr__(self, "target", target)
        object.__setattr__(self, "walltime", seconds_of(self.walltime, "stop.walltime"))

    @classmethod
    def of(cls, given: "Stop | dict[str, Any] | None") -> "Stop":
        """A `Stop` from a mapping, as YAML has it.

        Raises:
            OptionError: A key is unknown or its value wrong.
        """
        if given is None:
            return cls()
        if isinstance(given, cls):
            return given
        if not isinstance(given, dict):
            raise OptionError(f"stop: expected a mapping such as {{generations: 20}}, got {given!r}")
        for name in given:
            if name not in cls.__slots__:
                raise OptionError(f"stop: {near(str(name), cls.__slots__, 'rule')}")
        return cls(**given)

    @property
    def ends(self) -> bool:
        """Whether some rule certainly ends the run one day (a target may never be reached)."""
        return any(
            rule is not None
            for rule in (self.generations, self.individuals, self.trials, self.stagnation, self.walltime)
        )

    @staticmethod
    def goals(objectives: Sequence[Objective], weighted: bool) -> tuple[Objective, ...]:
        """What `check` and `reached` look at: the objectives, or the one cost that weights make of them."""
        return (Objective("weighted cost"),) if weighted else tuple(objectives)

    def check(self, objectives: tuple[Objective, ...]) -> None:
        """Refuse rules that need a single objective where there are several.

        Raises:
            OptionError: `target` or `stagnation` with several objectives, or with none.
        """
        if len(objectives) != 1 and (self.target is not None or self.stagnation is not None):
            rule = "target" if self.target is not None else "stagnation"
            names = ", ".join(objective.name for objective in objectives)
            got = f"{len(objectives)} ({names})" if names else "none"
            raise OptionError(f"stop.{rule}: expected a single objective, got {got}")

    def reached(self, standing: Standing, objectives: tuple[Objective, ...]) -> str | None:
        """The rule that ends the run now, in words; None while none does. Walltime is not among them."""
        if self.target is not None and standing.best <= objectives[0].sign * self.target:
            return f"target {self.target:g} reached"
        for name in ("generations", "individuals", "trials"):
            limit = getattr(self, name)
            if limit is not None and getattr(standing, name) >= limit:
                return f"{limit} {name} done"
        if self.stagnation is not None and standing.stagnant >= self.stagnation:
            return f"no better fitness for {standing.stagnant} generations"
        return None
