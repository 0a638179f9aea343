"""Individuals that were asked and not told yet, and which of their trials are out."""

from bisect import bisect_right
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from l2l.individual import Individual
from l2l.memo import Book
from l2l.seeding import Words
from l2l.space import Individuals

TrialId = tuple[int, int]
"""(number of the individual, number of the trial)."""

Ints = NDArray[np.int64]


class _Asked:
    """Individuals that were asked together, numbered from `first` on.

    Args:
        first: Number of the first.
        individuals: (n,).
        entropy: (n, T, 4) of their trials.
    """

    __slots__ = ("entropy", "first", "individuals", "open", "out")

    def __init__(self, first: int, individuals: Individuals, entropy: Words) -> None:
        self.first = first
        self.individuals = individuals
        self.entropy = entropy
        self.open = np.ones(len(individuals), dtype=bool)
        self.out = np.zeros(entropy.shape[:2], dtype=bool)

    @property
    def end(self) -> int:
        """The number behind the last."""
        return self.first + len(self.open)


class Pending:
    """Individuals between ask and tell, by number, in the order asked.

    Args:
        book: Knows which of their trials are final.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._asked: list[_Asked] = []
        self._count = 0
        self.out = 0
        """Trials that are out."""
        self.same_as: dict[int, int] = {}
        self.infeasible: set[int] = set()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        return iter(self.numbers.tolist())

    @property
    def numbers(self) -> Ints:
        """Of all of them, in the order asked."""
        parts = [np.flatnonzero(one.open) + one.first for one in self._asked]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._asked, number, key=_first) - 1
        if place < 0:
            return False
        asked = self._asked[place]
        return number < asked.end and bool(asked.open[number - asked.first])

    def add(
        self,
        first: int,
        individuals: Individuals,
        same_as: Ints,
        feasible: NDArray[np.bool_],
        entropy: Words,
    ) -> Ints:
        """Take individuals that were asked.

        Args:
            first: Number of the first; larger than all before.
            individuals: (n,).
            same_as: (n,) number of the first equal individual, or -1.
            feasible: (n,) whether they satisfy the constraints.
            entropy: (n, T, 4).

        Returns:
            Their numbers.
        """
        if len(individuals):
            self._asked.append(_Asked(first, individuals, entropy))
            self._count += len(individuals)
        self.same_as.update((first + int(place), int(same_as[place])) for place in np.flatnonzero(same_as >= 0))
        self.infeasible.update(first + int(place) for place in np.flatnonzero(~feasible))
        return np.arange(first, first + len(individuals))

    def remove(self, numbers: Ints) -> None:
        """Forget individuals that were told."""
        if len(numbers) == self._count:  # a whole generation
            self._asked, self._count, self.out = [], 0, 0
            self.same_as.clear()
            self.infeasible.clear()
            return
        for asked, places in self._places(numbers):
            asked.open[numbers[places] - asked.first] = False
        self._count -= len(numbers)
        self._asked = [one for one in self._asked if one.open.any()]
        for number in numbers.tolist() if self.same_as or self.infeasible else ():
            self.same_as.pop(number, None)
            self.infeasible.discard(number)

    def _places(self, numbers: Ints) -> Iterator[tuple[_Asked, Ints]]:
        """By individuals that were asked together: places among the numbers; those that are not there are left out."""
        if len(self._asked) == 1:
            asked = self._asked[0]
            if len(numbers) and numbers.min() >= asked.first and numbers.max() < asked.end:
                yield asked, np.arange(len(numbers))
                return
        firsts = np.array([one.first for one in self._asked], dtype=np.int64)
        which = np.searchsorted(firsts, numbers, side="right") - 1
        for part in np.unique(which[which >= 0]).tolist():
            asked = self._asked[part]
            places = np.flatnonzero((which == part) & (numbers < asked.end))
            if len(places):
                yield asked, places

    # --- individuals ---

    def individual(self, number: int) -> Individual:
        """The individual of that number."""
        return self.individuals(np.array([number]))[0]

    def individuals(self, numbers: Ints) -> Individuals:
        """The individuals of these numbers; as they were asked where they are all that were asked together."""
        found: list[tuple[Individuals, Ints]] = []
        for asked, places in self._places(numbers):
            rows = numbers[places] - asked.first
            whole = len(rows) == len(asked.open) and np.array_equal(rows, np.arange(len(rows)))
            found.append((asked.individuals if whole else _chosen(asked.individuals, rows), places))
        joined = Individuals.joined([part for part, _ in found])
        if len(found) == 1:
            return joined
        order = np.concatenate([places for _, places in found])
        if np.array_equal(order, np.arange(len(order))):
            return joined
        return joined.taken(np.argsort(order, kind="stable"))

    def same(self, numbers: Ints) -> Ints:
        """(n,) number of the first equal individual; -1 for those that are the first of their kind."""
        if not self.same_as:
            return np.full(len(numbers), -1)
        return np.array([self.same_as.get(number, -1) for number in numbers.tolist()], dtype=np.int64)

    def simulated(self, numbers: Ints) -> Ints:
        """Those that have trials of their own: feasible, and the first of their kind."""
        if not self.same_as and not self.infeasible:
            return numbers
        own = [n for n in numbers.tolist() if n not in self.same_as and n not in self.infeasible]
        return np.array(own, dtype=np.int64)

    def infeasible_of(self, numbers: Ints) -> NDArray[np.bool_]:
        """(n,) which of them violate a constraint."""
        if not self.infeasible:
            return np.zeros(len(numbers), dtype=bool)
        return np.array([number in self.infeasible for number in numbers.tolist()], dtype=bool)

    def rows(self, numbers: Ints) -> Ints:
        """Where the book has their results: under the first equal individual."""
        if not self.same_as:
            return numbers
        return np.array([self.same_as.get(number, number) for number in numbers.tolist()], dtype=np.int64)

    def complete(self, numbers: Ints) -> Ints:
        """Those of which all trials are final."""
        final: NDArray[np.bool_] = np.all(self._book.known(self.rows(numbers)), axis=1)
        return numbers[final | self.infeasible_of(numbers)]

    def concerned(self, finished: Ints) -> Ints:
        """Individuals whose trials these may have completed, equal ones included; ascending, each once."""
        numbers = np.unique(finished)
        mine = numbers[self._open(numbers)]
        if not self.same_as:
            return mine
        those = set(numbers.tolist())
        equal = [number for number, first in self.same_as.items() if first in those]
        return np.unique(np.concatenate([mine, np.array(equal, dtype=np.int64)]))

    def _open(self, numbers: Ints) -> NDArray[np.bool_]:
        """(n,) which of these were asked and not told."""
        found = np.zeros(len(numbers), dtype=bool)
        for asked, places in self._places(numbers):
            found[places] = asked.open[numbers[places] - asked.first]
        return found

    # --- trials ---

    def entropy(self, index: Ints, number: Ints) -> Words:
        """(k, 4) words of trials, least significant first."""
        found = np.empty((len(index), 4), dtype=np.uint32)
        for asked, places in self._places(index):
            found[places] = asked.entropy[index[places] - asked.first, number[places]]
        return found

    def leave(self, index: Ints, number: Ints) -> None:
        """Note that trials are out."""
        for asked, places in self._places(index):
            asked.out[index[places] - asked.first, number[places]] = True
        self.out += len(index)

    def are_out(self, index: Ints, number: Ints) -> NDArray[np.bool_]:
        """(k,) which of these trials are out; they may be of individuals that are not there any more."""
        found = np.zeros(len(index), dtype=bool)
        for asked, places in self._places(index):
            found[places] = asked.out[index[places] - asked.first, number[places]]
        return found

    def come_back(self, index: Ints, number: Ints) -> NDArray[np.bool_]:
        """Note that trials are back; (k,) which of them were out, each at most once."""
        found = self.are_out(index, number)
        if len(index) > 1:
            _, first = np.unique(index * (number.max() + 1) + number, return_index=True)
            twice = np.ones(len(index), dtype=bool)
            twice[first] = False
            found &= ~twice
        back = np.flatnonzero(found)
        for asked, places in self._places(index[back]):
            asked.out[index[back][places] - asked.first, number[back][places]] = False
        self.out -= len(back)
        return found


def _first(asked: _Asked) -> int:
    return asked.first


def _chosen(individuals: Individuals, rows: Ints) -> Individuals:
    """Some of them: by a slice, which copies nothing, where they stand together."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows) and (np.diff(rows) == 1).all():
        return individuals[int(rows[0]) : int(rows[-1]) + 1]
    return individuals.taken(rows)
