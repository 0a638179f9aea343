"""An individual and what came of it."""

from collections.abc import Iterator, Mapping
from typing import Any

from l2l.individual import Individual
from l2l.trajectory.table import Table
from l2l.values import Status


class Solution(Mapping[str, Any]):
    """A tested point: a mapping parameter → value, with its fitness.

    Args:
        individual: The point.
        number: Of the individual in its run.
        generation: In which it was told.
        fitness: A number, or for several objectives a mapping by name; NaN where a trial failed.
        spread: Standard deviation over its trials, likewise.
        status: What became of its trials.
        trials: Their rows.

    Example:
        >>> trajectory.best["eta"], trajectory.best.fitness
    """

    __slots__ = ("fitness", "generation", "individual", "number", "spread", "status", "trials")

    def __init__(
        self,
        individual: Individual,
        *,
        number: int,
        generation: int,
        fitness: Any,
        spread: Any,
        status: Status,
        trials: Table,
    ) -> None:
        self.individual = individual
        self.number = number
        self.generation = generation
        self.fitness = fitness
        self.spread = spread
        self.status = status
        self.trials = trials

    def __getitem__(self, name: str) -> Any:
        return self.individual[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.individual)

    def __len__(self) -> int:
        return len(self.individual)

    @property
    def inactive(self) -> frozenset[str]:
        """Parameters that have no effect here."""
        return self.individual.inactive

    def _repr_html_(self) -> str:
        """As notebooks show it: its fitness and its parameters."""
        from l2l.display.markup import heading, table

        fitness = self.fitness if isinstance(self.fitness, Mapping) else {"fitness": self.fitness}
        spread = self.spread if isinstance(self.spread, Mapping) else {"fitness": self.spread}
        values = [[name, value, spread[name]] for name, value in fitness.items()]
        parameters = [[name, "inactive" if name in self.inactive else value] for name, value in self.items()]
        return (
            heading(f"individual {self.number} of generation {self.generation}: {self.status.name}")
            + table(["objective", "value", "spread"], values)
            + table(["parameter", "value"], parameters)
        )

    def __repr__(self) -> str:
        point = repr(self.individual).removeprefix("Individual(").removesuffix(")")
        return f"Solution({self.number}: fitness={self.fitness!r}, {point})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Solution):
            return self.number == other.number and self.individual == other.individual
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.number, self.individual))
