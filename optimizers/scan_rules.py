"""What makes a cell of a scan worth halving: rules that judge a cell by what is known at its points.

Every rule gives a cell a number, higher for what deserves it more and -inf where there is no reason, and only compares
its own numbers. A difference that noise explains counts little (`DOUBTFUL` lower): one below its standard error over
trials, or one that a single point makes against all around it in a map where single points often differ.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import OptionError
from l2l.optimizer import Optimizer
from l2l.optimizers.lattice import MOST_AXES
from l2l.values import Results

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

NONE = -math.inf
DOUBTFUL = 1e6
"""How much lower a cell counts whose difference noise explains: behind all others, before those without any."""
_MOST_REGIMES = 256
"""Distinct values beyond which an observable is no category."""
_UNKNOWN, _FAILED, _UNDEFINED, _FIRST = 0, 1, 2, 3
"""Labels of points: not known or not to be looked at, failed, without a value, and the first of the regimes."""
_ALIKE, _UNLIKE = 1, 2
_LONELY = 0.45
"""Share of neighbours of the same label below which a point stands alone; at a straight boundary it is 0.5 and more."""
_LONELY_FAILED = 0.65
"""The same for failed points: of those that fail at random every fifth has two failed ones among four around it."""
_NOISY = 0.05
"""Share of points that stand alone from which on that is noise; islands of one point are rarer than that."""
_ENOUGH = 60
"""Points of one level from which on a share among them is one."""


@dataclass(frozen=True)
class Told:
    """What came of points; n points, T trials.

    Args:
        rows: (n,) of the points.
        costs: (n,) the first objective's, or the weighed; +inf where failed.
        failed: (n,) whether the point counts as failed.
        good: (n, T) trials that gave a result.
        observables: Name → (n, T).
    """

    rows: Integers
    costs: Floats
    failed: Mask
    good: Mask
    observables: Mapping[str, NDArray[Any]]


def told(owner: Optimizer, rows: Integers, place: Integers, costs: Floats, results: Results | None) -> Told:
    """What came of those individuals that lie on the lattice.

    Args:
        owner: The optimizer, which says what it looks at.
        rows: (k,) of the points.
        place: (k,) where they stand among those told.
        costs: (n, m) as told.
        results: As told.

    Raises:
        OptionError: An observable is not one number per trial.
    """
    failed: Mask = np.logical_not(np.isfinite(costs[place]).all(axis=1))
    if results is None:
        return Told(rows, costs[place, 0], failed, ~failed[:, None], {})
    single = results.costs[place]
    good: Mask = np.repeat(~failed[:, None], single.shape[1], axis=1)
    if single.shape[2]:
        good = np.logical_and.reduce(np.isfinite(single), axis=2)
        # One failed trial of five makes the cost infinite. The point is no failure, since most trials say what it is.
        number = good.sum(axis=1)
        few = (2 * number <= results.trials[place]) & (number < results.trials[place])
        failed = np.logical_or(few, number == 0).astype(bool)
    observables = {}
    for name in (name for name in owner.observables if name in results.observables):
        values = results.observables[name]
        if values.ndim != 2:
            raise OptionError(
                f"{type(owner).__name__}: observable {name!r}: expected one number per trial, "
                f"got shape {values.shape[2:]}"
            )
        observables[name] = np.asarray(values[place])
    return Told(rows, costs[place, 0], failed, good, observables)


@dataclass(frozen=True)
class Size:
    """How large cells are; m cells.

    Args:
        order: (m,) higher for larger cells; equal ones are spread over the lattice.
        face: (m,) binary logarithm of the size of a face, as a share of the lattice's.
    """

    order: Floats
    face: Floats


class Rule(ABC):
    """One of the `where` of a scan.

    Args:
        name: Of the observable or objective; None where it looks at costs or at the status.
    """

    def __init__(self, name: str | None) -> None:
        self.name = name

    @abstractmethod
    def room(self, points: int) -> None:
        """Make room for so many points in all."""

    @abstractmethod
    def learn(self, told: Told) -> None:
        """Note what came of points."""

    @abstractmethod
    def judge(self, corners: Integers, size: Size) -> Floats:
        """How much cells deserve to be halved, (m,).

        Args:
            corners: (m, k) rows of the points of each cell; -1 where there is none.
            size: Of the cells.
        """

    @abstractmethod
    def differ(self, one: Integers, other: Integers) -> Floats:
        """How much pairs of points differ, of any shape."""

    def look_again(self) -> bool:
        """Whether cells that were judged before have to be judged again."""
        return False

    def _of(self, told: Told, owner: str = "Refine") -> NDArray[Any]:
        if self.name is None or self.name not in told.observables:
            raise OptionError(f"{owner}.tell: expected results with {self.name!r}, got none")
        return told.observables[self.name]


class Regimes(Rule):
    """Cells in which points differ in their regime: largest first.

    Args:
        name: Of an observable; None for the status alone.
        at: Thresholds of a number that make regimes of it; None where the observable says the regime itself.
    """

    def __init__(self, name: str | None, at: Sequence[float] | None = None) -> None:
        super().__init__(name)
        self.at = None if at is None else np.sort(np.asarray(at, dtype=np.float64))
        self._labels: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self._value, self._error = np.zeros(0), np.zeros(0)
        self._level = np.zeros(0)
        self._around: NDArray[np.int8] = np.zeros((0, 2 * MOST_AXES), dtype=np.int8)
        self._known: dict[float, int] = {}
        self._noisy = False
        self._looked = 0

    def learn(self, told: Told) -> None:
        """Give the points their labels: the regime of most of their trials."""
        if self.name is None:
            labels = np.where(told.failed, _FAILED, _FIRST).astype(np.int32)
            share = told.good.mean(axis=1)
            value = np.where(told.failed, 1.0 - share, share)
            error = _error_of_share(value, told.good.shape[1])
        else:
            values = np.asarray(self._of(told), dtype=np.float64)
            if self.at is None:
                labels, value, error = self._of_categories(values, told.good)
            else:
                labels, value, error = self._of_numbers(values, told.good, self.at)
            labels[told.failed] = _FAILED
            error[told.failed] = 0.0  # a number that a failed point does not have is not uncertain either
        self._labels[told.rows], self._value[told.rows], self._error[told.rows] = labels, value, error

    def room(self, points: int) -> None:
        """As in `Rule`; one place more, which row -1 reads."""
        if points >= len(self._labels):
            more = max(points + 1, 2 * len(self._labels), 1024) - len(self._labels)
            self._labels = np.concatenate([self._labels, np.zeros(more, dtype=np.int32)])
            for name in ("_value", "_error", "_level"):
                setattr(self, name, np.concatenate([getattr(self, name), np.zeros(more)]))
            self._around = np.concatenate([self._around, np.zeros((more, 2 * MOST_AXES), dtype=np.int8)])

    def _of_categories(self, values: Floats, good: Mask) -> tuple[NDArray[np.int32], Floats, Floats]:
        """The regime of most trials, its share of them, and the share's standard error."""
        codes = np.zeros(values.shape, dtype=np.int32)
        undefined = np.isnan(values)
        for value in np.unique(values[good & ~undefined]).tolist():
            codes[values == value] = self._known.setdefault(value, _FIRST + len(self._known))
        if len(self._known) > _MOST_REGIMES:
            raise OptionError(
                f"Refine: where: observable {self.name!r} has more than {_MOST_REGIMES} different values, so that it "
                f"names no regimes; give thresholds: {{level: {self.name}, at: …}}"
            )
        codes[undefined] = _UNDEFINED
        codes[~good] = _UNKNOWN
        if values.shape[1] == 1:
            return codes.reshape(-1), np.ones(len(codes)), np.zeros(len(codes))
        counts = np.zeros((len(codes), _FIRST + len(self._known)))
        np.add.at(counts, (np.arange(len(codes))[:, None], codes), 1.0)
        counts[:, _UNKNOWN] = 0.0
        labels = counts.argmax(axis=1).astype(np.int32)
        number = counts.sum(axis=1)
        share = counts.max(axis=1) / np.maximum(number, 1.0)
        return labels, share, _error_of_share(share, number)

    def _of_numbers(self, values: Floats, good: Mask, at: Floats) -> tuple[NDArray[np.int32], Floats, Floats]:
        """Between which thresholds the mean lies, the mean, and its standard error."""
        mean, error = _mean(values, good)
        labels = (_FIRST + np.searchsorted(at, mean, side="right")).astype(np.int32)
        labels[np.isnan(mean)] = _UNDEFINED
        return labels, mean, error

    def judge(self, corners: Integers, size: Size) -> Floats:
        """By volume, where the labels differ."""
        labels = np.where(corners >= 0, self._labels[corners], _UNKNOWN)
        low, high = _ends(labels)
        mixed = low != high
        score = np.where(mixed, size.order, NONE)
        if not mixed.any():
            return score
        doubtful = np.zeros(len(score), dtype=bool)
        doubtful[mixed] = self._doubtful(corners[mixed], labels[mixed], low[mixed], high[mixed])
        score[doubtful] -= DOUBTFUL
        return score

    def _doubtful(self, corners: Integers, labels: NDArray[np.int32], low: Integers, high: Integers) -> Mask:
        doubtful = np.zeros(len(corners), dtype=bool)
        if self._noisy:
            believed = np.where(self._lonely(corners), _UNKNOWN, labels)
            first, last = _ends(believed)
            doubtful |= first == last
        error = self._error[corners]
        if not error.any():
            return doubtful
        certain = (low < _FIRST) & (self.name is not None)  # that a point has no value is no number with an error
        value = self._value[corners]
        if self.at is None:  # of each of two regimes the point that is surest of it
            below = np.where(labels == low[:, None], value, NONE).argmax(axis=1)
            above = np.where(labels == high[:, None], value, NONE).argmax(axis=1)
            row = np.arange(len(corners))
            difference = value[row, below] + value[row, above] - 1.0
        else:
            below = np.where(labels >= _FIRST, value, math.inf).argmin(axis=1)
            above = np.where(labels >= _FIRST, value, NONE).argmax(axis=1)
            row = np.arange(len(corners))
            difference = value[row, above] - value[row, below]
        noise = np.hypot(error[row, below], error[row, above])
        found: Mask = doubtful | (~certain & (difference <= noise) & (noise > 0.0))
        return found

    def differ(self, one: Integers, other: Integers) -> Floats:
        """1 where the labels are known and differ."""
        ours, theirs = self._labels[one], self._labels[other]
        found: Floats = ((ours != theirs) & (ours != _UNKNOWN) & (theirs != _UNKNOWN)).astype(np.float64)
        return found

    def labels(self, rows: Integers) -> NDArray[np.int32]:
        """The labels of points, 0 where not known."""
        return self._labels[rows]

    def agree(self, one: Integers, other: Integers) -> Mask:
        """Whether points that lie between two others of any shape are taken to be as these are.

        Not between failed ones: failures may be chance, and then say nothing of what lies between.
        """
        ours = self._labels[one]
        found: Mask = (ours == self._labels[other]) & (ours > _FAILED)
        if self._noisy:
            found &= ~self._lonely(one) & ~self._lonely(other)
        return found

    def infer(self, rows: Integers, one: Integers) -> None:
        """Take points (n,) to be as others (n,)."""
        self._labels[rows] = self._labels[one]

    def neighbours(self, lower: Integers, upper: Integers, axis: int, level: Floats) -> None:
        """Note for points (n,) which of them agrees with the nearest one on its other side along an axis.

        Args:
            lower: Points that lie lower.
            upper: Their neighbours.
            axis: Along which they lie.
            level: (n,) of the lattice; what comes later is nearer.
        """
        ours, theirs = self._labels[lower], self._labels[upper]
        agreement = np.where(ours == theirs, _ALIKE, _UNLIKE).astype(np.int8)
        agreement[(ours == _UNKNOWN) | (theirs == _UNKNOWN)] = 0
        self._around[lower, 2 * axis] = agreement
        self._around[upper, 2 * axis + 1] = agreement
        self._level[lower] = np.maximum(self._level[lower], level)
        self._level[upper] = np.maximum(self._level[upper], level)

    def _lonely(self, rows: Integers) -> Mask:
        around = self._around[rows]
        alike, met = (around == _ALIKE).sum(axis=-1), np.count_nonzero(around, axis=-1)
        least = np.where(self._labels[rows] == _FAILED, _LONELY_FAILED, _LONELY)
        found: Mask = alike < least * met
        return found

    def look_again(self) -> bool:
        """Estimate how often single points differ from all around them, on the finest level that has enough points.

        Structure that is coarser than that level does not look like noise there; what is finer does, until it is found.
        """
        met = np.flatnonzero(self._level)
        if len(met) < 1.1 * self._looked:
            return False
        before, self._looked = self._noisy, len(met)
        level = np.floor(self._level[met])
        counts = np.bincount(level.astype(np.int64))
        enough = np.flatnonzero(counts >= _ENOUGH)
        if len(enough):
            of_level = met[level == enough[-1]]
            self._noisy = bool(self._lonely(of_level).mean() > _NOISY)
        return self._noisy or before


class Change(Rule):
    """Cells in which a number differs most between points, weighed by the size of the cell.

    Args:
        name: Of the observable.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._value, self._error = np.zeros(0), np.zeros(0)

    def room(self, points: int) -> None:
        """As in `Rule`."""
        if points >= len(self._value):
            more = max(points + 1, 2 * len(self._value), 1024) - len(self._value)
            self._value = np.concatenate([self._value, np.full(more, math.nan)])
            self._error = np.concatenate([self._error, np.zeros(more)])

    def learn(self, told: Told) -> None:
        """Note means and their standard errors."""
        mean, error = _mean(np.asarray(self._of(told), dtype=np.float64), told.good)
        mean[told.failed] = math.nan
        self._value[told.rows], self._error[told.rows] = mean, error

    def judge(self, corners: Integers, size: Size) -> Floats:
        """The difference times the size of a side, as the volume of a simplex over the cell would have it."""
        value = np.where(corners >= 0, self._value[corners], math.nan)
        known = np.isfinite(value)
        low, high = np.where(known, value, math.inf), np.where(known, value, NONE)
        below, above = low.argmin(axis=1), high.argmax(axis=1)
        row = np.arange(len(corners))
        with np.errstate(invalid="ignore", divide="ignore"):
            difference = high[row, above] - low[row, below]
            score = np.where(difference > 0.0, np.log2(difference) + size.face, NONE)
        error = self._error[corners]
        noise = np.hypot(error[row, below], error[row, above])
        score[(difference <= noise) & (noise > 0.0)] -= DOUBTFUL
        return score

    def differ(self, one: Integers, other: Integers) -> Floats:
        """The difference; 0 where one is not known."""
        found: Floats = np.nan_to_num(np.abs(self._value[one] - self._value[other]), posinf=0.0)
        return found


class Best(Rule):
    """Cells at the best points: largest first, of equal ones that with the best point.

    Args:
        share: Of the points that count as the best.
    """

    def __init__(self, share: float) -> None:
        super().__init__(None)
        self.share = share
        self._cost = np.zeros(0)
        self._threshold = math.inf
        self._looked = 0
        self._count = 0

    def room(self, points: int) -> None:
        """As in `Rule`."""
        if points >= len(self._cost):
            more = max(points + 1, 2 * len(self._cost), 1024) - len(self._cost)
            self._cost = np.concatenate([self._cost, np.full(more, math.inf)])

    def learn(self, told: Told) -> None:
        """Note the costs."""
        self._cost[told.rows] = np.where(told.failed, math.inf, told.costs)
        self._count += len(told.rows)

    def look_again(self) -> bool:
        """Say which cost is among the best, whenever a tenth more is known."""
        if self._count < 1.1 * self._looked:
            return False
        self._looked = self._count
        known = np.sort(self._cost[np.isfinite(self._cost)])
        if len(known):
            self._threshold = float(known[max(0, math.ceil(self.share * len(known)) - 1)])
        return True

    def judge(self, corners: Integers, size: Size) -> Floats:
        """By volume, where a point is among the best."""
        cost = np.where(corners >= 0, self._cost[corners], math.inf).min(axis=1, initial=math.inf)
        return np.where((cost <= self._threshold) & np.isfinite(cost), size.order, NONE)

    def differ(self, one: Integers, other: Integers) -> Floats:
        """The difference of the costs; 0 where one failed."""
        with np.errstate(invalid="ignore"):
            difference = np.abs(self._cost[one] - self._cost[other])
        return np.where(np.isfinite(difference), difference, 0.0)


def _ends(labels: NDArray[np.int32]) -> tuple[Integers, Integers]:
    """The lowest and the highest known label of each row; equal where none is known."""
    high = labels.max(axis=1, initial=_UNKNOWN).astype(np.int64)
    low = np.where(labels == _UNKNOWN, high[:, None], labels).min(axis=1, initial=2**31)
    return np.minimum(low, high), high


def _mean(values: Floats, good: Mask) -> tuple[Floats, Floats]:
    """Means over trials, NaN where there is no number, and their standard errors, 0 where there is one trial."""
    if values.shape[1] == 1:
        mean = np.where(good & np.isfinite(values), values, math.nan)[:, 0]
        return mean, np.zeros(len(mean))
    good = good & np.isfinite(values)
    number = good.sum(axis=1)
    total = np.where(good, values, 0.0).sum(axis=1)
    mean = np.where(number > 0, total / np.maximum(number, 1), math.nan)
    squares = np.where(good, (values - mean[:, None]) ** 2, 0.0).sum(axis=1)
    variance = squares / np.maximum(number - 1, 1)
    return mean, np.where(number > 1, np.sqrt(variance / np.maximum(number, 1)), 0.0)


def _error_of_share(share: Floats, number: Any) -> Floats:
    found: Floats = np.sqrt(share * (1.0 - share) / np.maximum(number, 1))
    return found


def parsed(owner: str, where: Sequence[Mapping[str, Any]]) -> list[Rule]:
    """The rules that the user wrote.

    Args:
        owner: Name of the optimizer, for messages.
        where: As the user wrote them.

    Raises:
        OptionError: One cannot be read; says which.
    """
    if not where:
        raise OptionError(f"{owner}: option 'where': expected at least one rule such as {{boundary: regime}}, got none")
    return [_rule(f"{owner}: option 'where', rule {place + 1}", one) for place, one in enumerate(where)]


_KINDS = ("boundary", "level", "change", "best", "status")


def _rule(owner: str, given: Mapping[str, Any]) -> Rule:
    kinds = [kind for kind in _KINDS if kind in given] if isinstance(given, Mapping) else []
    if len(kinds) != 1:
        raise OptionError(f"{owner}: expected one of {', '.join(_KINDS)}, got {given!r}")
    kind, what, rest = kinds[0], given[kinds[0]], {name: one for name, one in given.items() if name != kinds[0]}
    at = rest.pop("at", None) if kind in ("boundary", "level") else None
    if rest:
        raise OptionError(f"{owner}: {kind} has no {', '.join(map(repr, rest))}, got {given!r}")
    if kind == "status":
        if what is not True:
            raise OptionError(f"{owner}: expected {{status: true}}, got {given!r}")
        return Regimes(None)
    if kind == "best":
        if isinstance(what, bool) or not isinstance(what, int | float) or not 0.0 < what <= 1.0:
            raise OptionError(f"{owner}: best: expected a share above 0 and at most 1, got {what!r}")
        return Best(float(what))
    if not isinstance(what, str) or not what:
        raise OptionError(f"{owner}: {kind}: expected the name of an observable or objective, got {what!r}")
    if kind == "change":
        return Change(what)
    return Regimes(what, _thresholds(f"{owner}: {kind}", at, needed=kind == "level"))


def _thresholds(owner: str, at: Any, *, needed: bool) -> list[float] | None:
    if at is None and not needed:
        return None
    numbers = list(at) if isinstance(at, Sequence) and not isinstance(at, str) else [at]
    if not numbers or any(
        isinstance(one, bool) or not isinstance(one, int | float) or not math.isfinite(one) for one in numbers
    ):
        raise OptionError(f"{owner}: at: expected a number, or several, got {at!r}")
    return [float(one) for one in numbers]
