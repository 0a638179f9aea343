"""Individuals that were asked and not told yet."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from l2l.individual import Individual
from l2l.memo import Book
from l2l.seeding import Words

TrialId = tuple[int, int]
"""(number of the individual, number of the trial)."""


class Pending:
    """Individuals between ask and tell, by number.

    Args:
        book: Knows which of their trials are final.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self.individuals: dict[int, Individual] = {}
        self.same_as: dict[int, int] = {}
        self.infeasible: set[int] = set()
        self._entropy: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self.individuals)

    def __iter__(self) -> Iterator[int]:
        return iter(self.individuals)

    def __contains__(self, number: int) -> bool:
        return number in self.individuals

    def add(
        self,
        first: int,
        individuals: Sequence[Individual],
        same_as: NDArray[np.int64],
        feasible: NDArray[np.bool_],
        entropy: Words,
    ) -> list[int]:
        """Take individuals that were asked.

        Args:
            first: Number of the first.
            individuals: (n,).
            same_as: (n,) number of the first equal individual, or -1.
            feasible: (n,) whether they satisfy the constraints.
            entropy: (n, T, 4).

        Returns:
            Their numbers.
        """
        numbers = range(first, first + len(individuals))
        self.individuals.update(zip(numbers, individuals, strict=True))
        raw, size = np.ascontiguousarray(entropy, dtype="<u4").tobytes(), 16 * entropy.shape[1]
        self._entropy.update(zip(numbers, [raw[at : at + size] for at in range(0, len(raw), size)], strict=True))
        self.same_as.update((first + int(place), int(same_as[place])) for place in np.flatnonzero(same_as >= 0))
        self.infeasible.update(first + int(place) for place in np.flatnonzero(~feasible))
        return list(numbers)

    def remove(self, numbers: Sequence[int]) -> None:
        """Forget individuals that were told."""
        if len(numbers) == len(self.individuals):  # a whole generation
            for one in (self.individuals, self._entropy, self.same_as, self.infeasible):
                one.clear()
            return
        for number in numbers:
            del self.individuals[number], self._entropy[number]
            self.same_as.pop(number, None)
            self.infeasible.discard(number)

    def entropy(self, trial: TrialId) -> bytes:
        """The 16 bytes of a trial, least significant first."""
        index, number = trial
        return self._entropy[index][16 * number : 16 * number + 16]

    def simulated(self, numbers: Iterable[int]) -> NDArray[np.int64]:
        """Those that have trials of their own: feasible, and the first of their kind."""
        if self.same_as or self.infeasible:
            numbers = [n for n in numbers if n not in self.same_as and n not in self.infeasible]
        return np.fromiter(numbers, dtype=np.int64)

    def infeasible_of(self, numbers: Sequence[int]) -> NDArray[np.bool_]:
        """(n,) which of them violate a constraint."""
        if not self.infeasible:
            return np.zeros(len(numbers), dtype=bool)
        return np.array([number in self.infeasible for number in numbers], dtype=bool)

    def rows(self, numbers: Sequence[int]) -> NDArray[np.int64]:
        """Where the book has their results: under the first equal individual."""
        if self.same_as:
            numbers = [self.same_as.get(number, number) for number in numbers]
        return np.array(numbers, dtype=np.int64)

    def complete(self, numbers: Sequence[int]) -> list[int]:
        """Those of which all trials are final."""
        final: NDArray[np.bool_] = np.all(self._book.known(self.rows(numbers)), axis=1)
        return [
            number for number, done in zip(numbers, final.tolist(), strict=True) if done or number in self.infeasible
        ]

    def concerned(self, finished: set[int]) -> list[int]:
        """Individuals whose trials these may have completed, equal ones included."""
        equal = [number for number, first in self.same_as.items() if first in finished]
        return sorted([number for number in finished if number in self.individuals] + equal)
