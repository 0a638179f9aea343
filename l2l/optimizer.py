"""The contract of the outer loop's algorithms: ask and tell."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l2l.errors import OptionError, ReplayError, TellOrderError
from l2l.individual import Individual
from l2l.plugin import Plugin
from l2l.space import Individuals, ParameterSpace, keys_of
from l2l.values import Results

SAME = 1e-9
"""Asks this close in the unit cube count as the same in replay."""


class Optimizer(Plugin, ABC):
    """Proposes individuals and learns from their costs.

    A subclass implements `ask` and `tell`, begins `tell` with `costs = self._told(individuals, costs)` and ends
    `ask` with `return self._asked(individuals)`, which keep the order of both. All randomness comes from
    `self.rng`; global random state is neither read nor disturbed.

    Args:
        space: What is searched.
        seed: Of `self.rng`; None takes the experiment's, or a fresh one outside an experiment.
        initial: Individuals (or mappings, missing parameters at their default) to begin from.

    Raises:
        OptionError, SpaceError: An option or an initial individual is wrong.
    """

    multi_objective: bool = False
    """Whether costs of several objectives are understood; an option may decide it."""
    explores: bool = False
    """Whether what it asks does not depend on costs, so that it also maps a model without objectives; the costs are 0
    then, or +inf where it failed."""
    steady_state: bool = False
    """Whether `ask(n)` and `tell` of any subset in any order are understood; an option may decide it."""
    observables: tuple[str, ...] = ()
    """Observables or objectives that `tell` wants in its results; checked when the experiment is built."""
    finite: bool = False
    """Whether it finishes by itself whatever it is told, so that no stop rule is needed."""
    total: int | None = None
    """How many individuals it asks in all, where that is known from the start."""
    population: int = 1
    """Individuals of a generation."""
    _positional: ClassVar[int] = 1

    def __init__(
        self, space: ParameterSpace, *, seed: int | None = None, initial: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        if not isinstance(space, ParameterSpace):
            raise OptionError(f"{type(self).__name__}: expected a ParameterSpace first, got {space!r}")
        self.space = space
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.initial = [space.individual(values) for values in initial]
        self.replayed_difference = 0.0
        self._pending = _Pending()
        self.told_points: list[NDArray[np.float64]] = []

    @abstractmethod
    def ask(self, n: int | None = None) -> Sequence[Individual]:
        """The next individuals.

        Args:
            n: At most so many (steady state); None for the next whole generation.

        Returns:
            The individuals; empty once finished (or, in steady state, while nothing can be asked before a tell).

        Raises:
            OptionError: `n` was given to an optimizer that is not steady-state.
        """

    @abstractmethod
    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        """Learn from costs.

        Args:
            individuals: The whole generation as asked; in steady state any of those asked.
            costs: (n,) or (n, m), lower is better, +inf where failed, never NaN.
            results: What lies behind the costs, where the caller has it.

        Raises:
            TellOrderError: These individuals were not asked, or not in this order.
        """

    def reask(self, individuals: Sequence[Individual]) -> None:
        """Be in the state as if `ask` had just returned these archived individuals.

        The default asks, compares, and adopts the archived ones either way.

        Raises:
            ReplayError: What it would ask differs from them by more than 1e-9 in the unit cube.
        """
        before = self._pending.copy()
        asked = self.ask(len(individuals) if self.steady_state else None)
        points = self._pending.points_since(before)
        try:
            self._compare(asked, individuals)
        except ReplayError:
            points = points and list(self.space.encode(individuals))
            raise
        finally:
            self._pending = before
            before.add(individuals, points)

    def adopt(self, individuals: Sequence[Individual]) -> None:
        """Let these individuals of an archive stand for the generation that was asked last."""
        points = self._pending.points or None
        self._pending = _Pending()
        self._pending.add(individuals, points)

    def report(self) -> Mapping[str, float | NDArray[np.float64]]:
        """What a user wants to see of each generation (sigma, hypervolume, …); the names never change."""
        return {}

    def about(self) -> str:
        """What it will ask, in a few words, for `l2l check`; "" where the options say it all."""
        return ""

    @property
    def finished(self) -> str | None:
        """Why there is nothing more to ask, in words; None while there is."""
        return None

    def _asked(self, individuals: Sequence[Individual], points: ArrayLike | None = None) -> Sequence[Individual]:
        """Remember what is asked, to check what is told.

        Args:
            individuals: Decoded from the points.
            points: (n, d), of which `_told` leaves those of the individuals told in `self.told_points`.
        """
        kept = individuals if isinstance(individuals, Individuals) else list(individuals)
        self._pending.add(kept, None if points is None else list(np.array(points, np.float64)))
        return kept

    def _generation_only(self, n: int | None) -> None:
        """Refuse `ask(n)` where only whole generations can be asked."""
        if n is not None and not self.steady_state:
            raise OptionError(
                f"{type(self).__name__}.ask({n}): this optimizer asks whole generations; call ask() without a number"
            )
        if self._pending and not self.steady_state:
            raise TellOrderError(
                f"{type(self).__name__}.ask: tell the {len(self._pending)} individuals asked before, then ask again"
            )

    def _told(self, individuals: Sequence[Individual], costs: ArrayLike) -> NDArray[np.float64]:
        """The costs as (n, m) after checking that these individuals were asked.

        The points with which they were asked, if any, stand in `self.told_points` then, in the order told; equal
        individuals are matched first asked, first told.

        Raises:
            TellOrderError: They were not.
            ValueError: The costs have a wrong shape or contain NaN or -inf.
        """
        checked = np.array(costs, dtype=np.float64)
        if checked.ndim == 1:
            checked = checked[:, None]
        name = type(self).__name__
        if checked.ndim != 2 or len(checked) != len(individuals) or not checked.shape[1]:
            raise ValueError(
                f"{name}.tell: expected costs of shape ({len(individuals)},) or ({len(individuals)}, m), "
                f"got {np.shape(costs)}"
            )
        if np.isnan(checked).any() or np.isneginf(checked).any():
            raise ValueError(f"{name}.tell: costs must be finite or +inf, never NaN or -inf")
        if checked.shape[1] > 1 and not self.multi_objective:
            raise OptionError(
                f"{name} minimizes one objective, got {checked.shape[1]}: give the experiment `weights`, one each"
            )
        points: Sequence[NDArray[np.float64] | None] | int
        if self.steady_state:
            points = self._pending.taken(keys_of(individuals))
            if isinstance(points, int):
                raise TellOrderError(f"{name}.tell: {individuals[points]!r} was not asked, or was told already")
        else:
            if not _same(individuals, self._pending.individuals):
                raise TellOrderError(
                    f"{name}.tell: expected the {len(self._pending)} individuals of the generation, in the order "
                    f"asked, got {_difference(individuals, self._pending.individuals)}"
                )
            points = list(self._pending.points)
            self._pending = _Pending()
        self.told_points = [point for point in points if point is not None]
        return checked

    def _compare(self, asked: Sequence[Individual], archived: Sequence[Individual]) -> None:
        name = type(self).__name__
        if len(asked) != len(archived):
            raise ReplayError(f"{name} asks {len(asked)} individuals where the archive has {len(archived)}")
        if _same(asked, archived):
            return
        differences = np.abs(self.space.encode(asked) - self.space.encode(archived)).max(axis=1, initial=0.0)
        largest = float(differences.max())
        self.replayed_difference = max(self.replayed_difference, largest)
        if largest > SAME:
            first = int(np.argmax(differences > SAME))
            raise ReplayError(
                f"{name} asks {_differing(asked[first], archived[first])} "
                f"(individual {first} of {len(asked)} asked together; {differences[first]:.2g} apart in the unit cube)"
            )


class _Pending:
    """Individuals that were asked and not told yet, each with the point at which it was asked, where that was given."""

    def __init__(self) -> None:
        self._parts: list[tuple[Sequence[Individual], list[NDArray[np.float64]] | None]] = []
        self._open: dict[bytes, tuple[NDArray[np.float64] | None, ...]] | None = None
        """Key → points of equal individuals, first asked first; made once not all are told together."""

    def __len__(self) -> int:
        if self._open is not None:
            return sum(map(len, self._open.values()))
        return sum(len(individuals) for individuals, _ in self._parts)

    def copy(self) -> "_Pending":
        """The same, which may change apart."""
        other = _Pending()
        other._parts = list(self._parts)
        other._open = None if self._open is None else dict(self._open)
        return other

    def add(self, individuals: Sequence[Individual], points: list[NDArray[np.float64]] | None) -> None:
        """Take what is asked; points are (n, d)."""
        self._parts.append((individuals, points))
        if self._open is not None:
            self._enter(individuals, points)

    def _enter(self, individuals: Sequence[Individual], points: list[NDArray[np.float64]] | None) -> None:
        assert self._open is not None
        each: Sequence[NDArray[np.float64] | None] = points or [None] * len(individuals)
        for key, point in zip(keys_of(individuals), each, strict=True):
            self._open[key] = (*self._open.get(key, ()), point)

    def points_since(self, before: "_Pending") -> list[NDArray[np.float64]] | None:
        """The points of what was asked since the copy was made."""
        since = [points for _, points in self._parts[len(before._parts) :]]
        return [point for points in since if points is not None for point in points] or None

    @property
    def individuals(self) -> Sequence[Individual]:
        """All of a generation, as asked."""
        if len(self._parts) == 1:
            return self._parts[0][0]
        return [one for individuals, _ in self._parts for one in individuals]

    @property
    def points(self) -> list[NDArray[np.float64]]:
        """Those of a generation that were given."""
        return [point for _, points in self._parts for point in points or ()]

    def taken(self, keys: Sequence[bytes]) -> list[NDArray[np.float64] | None] | int:
        """The points of individuals that are told, in whatever order; the place of the first that was not asked."""
        if self._open is None:
            self._open = {}
            for part in self._parts:
                self._enter(*part)
        self._parts = []
        left = self._open if len(keys) == 1 else dict(self._open)
        found: list[NDArray[np.float64] | None] = []
        for place, key in enumerate(keys):
            points = left.pop(key, ())
            if not points:
                return place
            found.append(points[0])
            if len(points) > 1:
                left[key] = points[1:]
        self._open = left
        return found


def _same(one: Sequence[Individual], other: Sequence[Individual]) -> bool:
    """Whether these are the same individuals in the same order."""
    return one is other or (len(one) == len(other) and keys_of(one) == keys_of(other))


def _differing(asked: Individual, archived: Individual) -> str:
    """The first parameter in which two individuals differ, in words."""
    for name in asked:
        ours, theirs = np.asarray(asked[name]), np.asarray(archived[name])
        for place in np.argwhere(ours != theirs).tolist():
            component = f"[{','.join(map(str, place))}]" if place else ""
            mine, other = ours[tuple(place)], theirs[tuple(place)]
            return f"{name}{component} = {mine} where the archive has {other}"
    return f"{asked!r} where the archive has {archived!r}"


def _difference(told: Sequence[Individual], asked: Sequence[Individual]) -> str:
    """How what was told differs from what was asked, in words."""
    if len(told) != len(asked):
        return f"{len(told)}"
    place = next(place for place, (one, other) in enumerate(zip(told, asked, strict=True)) if one != other)
    return f"{told[place]!r} at place {place}, where {asked[place]!r} was asked"
