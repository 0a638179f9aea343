"""Parameters that are numbers: `Real` and `Integer`."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l2l.errors import SpaceError
from l2l.space.checks import array_of, finite, integer, shape_of, truth, unit_of, when_of
from l2l.space.parameter import Parameter
from l2l.space.rounding import DIGITS, UNLIMITED, round_significant

LARGEST_INTEGER = 2**50
"""Beyond this the unit interval has no float64 cell for every integer."""

LARGEST_LOG_INTEGER = 2**40
"""Beyond this the cells of a logarithmic scale cannot be told apart in float64."""


_SAME_PLACE = 1e-9
"""The share of a step by which a value may miss its place: more than float64 does, less than anyone means."""


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Numeric(Parameter):
    """What `Real` and `Integer` share: bounds, scale, shape and default."""

    low: float
    high: float
    step: float | None
    log: bool
    _shape: tuple[int, ...]
    default: Any
    default_given: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a value; () for a scalar."""
        return self._shape

    @property
    def width(self) -> int:
        """The number of encoded coordinates: one a component."""
        return self.size

    @property
    @abstractmethod
    def cells(self) -> int:
        """The number of values of a component; 0 where they are dense."""

    @property
    @abstractmethod
    def edges(self) -> tuple[float, float]:
        """The values at which the encoded coordinate is 0 and 1: the bounds, or the outer ends of the outer cells."""

    @abstractmethod
    def lattice(self, places: NDArray[np.int64]) -> NDArray[Any]:
        """The values in the cells of these numbers, from 0; for a parameter that has cells."""

    @abstractmethod
    def places(self, values: ArrayLike) -> NDArray[np.int64]:
        """The numbers of the cells in which values lie, from 0; for a parameter that has cells."""

    @property
    @abstractmethod
    def middle(self) -> float:
        """The middle of the encoded range: the default of a component where none is given."""

    def _finish(self, log: bool, shape: int | tuple[int, ...], unit: str, default: Any, when: str | None) -> None:
        if self.low >= self.high:
            raise SpaceError(
                f"low must be below high, got low={self.low!r} and high={self.high!r}"
                + ("; to fix a parameter give its value alone, or Fixed(value)" if self.low == self.high else "")
            )
        if log and self.step is not None:
            raise SpaceError(f"step: a logarithmic scale has no equal steps, got step={self.step!r} with log")
        if log and self.low <= 0:
            raise SpaceError(f"log: a logarithmic scale needs low above 0, got low={self.low!r}")
        self._set(log=log, _shape=shape_of(shape), unit=unit_of(unit), when=when_of(when))
        self._set(default_given=default is not None, default=self._default_of(default))

    def _default_of(self, default: Any) -> Any:
        try:
            value = self.middle if default is None else default
            if self.shape and np.ndim(value) == 0:
                value = np.full(self.shape, self.canonical_component(value))
            return self.canonical(value)
        except SpaceError as error:
            raise SpaceError(f"default: {error}") from None

    @abstractmethod
    def canonical_component(self, value: Any) -> float:
        """As `canonical`, for one component."""

    @abstractmethod
    def _canonical_array(self, array: NDArray[Any]) -> NDArray[Any]: ...

    def canonical(self, value: Any) -> Any:
        """The value as a space's points hold it: of the right type, rounded, within bounds.

        Raises:
            SpaceError: It is of the wrong type or shape, or out of bounds.
        """
        if not self.shape:
            return self.canonical_component(value)
        array = array_of(value)
        if array.shape != self.shape:
            raise SpaceError(f"expected an array of shape {self.shape}, got shape {array.shape}")
        array = self._canonical_array(array)
        array.flags.writeable = False
        return array

    def _between(self, value: Any, place: int) -> SpaceError:
        """The error for a value that is not on the lattice, near the cell of this number."""
        around = np.clip([place, place + 1], 0, self.cells - 1)
        below, above = self.lattice(around).tolist()
        return SpaceError(
            f"expected {self.low!r} plus steps of {self.step!r}, as {below!r} or {above!r}, got {value!r}"
        )

    def _outside(self, value: Any) -> SpaceError:
        return SpaceError(f"expected a value from {self.low!r} to {self.high!r}, got {value!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data that say the same; what is as by default is left out."""
        described: dict[str, Any] = {"low": self.low, "high": self.high}
        if self.step is not None:
            described["step"] = self.step
        if self.log:
            described["log"] = True
        if isinstance(self, Integer):
            described["integer"] = True
        if self.shape:
            described["shape"] = list(self.shape) if len(self.shape) > 1 else self.shape[0]
        if self.default_given:
            described["default"] = self._plain_default()
        return described | self._common()

    def _plain_default(self) -> Any:
        if not self.shape:
            return self.default
        return self.default.flat[0].item() if (self.default == self.default.flat[0]).all() else self.default.tolist()


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Real(Numeric):
    """A real number, or an array of them, between two bounds, both included.

    Points keep 12 significant digits, and where `low` is negative no finer place than the 14th digit of `low`,
    which is what an encoded coordinate can hold.

    Args:
        low: The lower bound.
        high: The upper bound.
        step: The distance of neighbouring values, which are low, low + step, low + 2 step, …; where `high` is none of
            these the last one below takes its place. Any number unless given.
        log: Searched on a logarithmic scale.
        shape: Of the value; () for a scalar, `315` for a vector.
        unit: For people and tables ("ms").
        default: A number, or an array of the shape; the middle of the (logarithmic) range unless given.
        when: The condition under which the parameter has an effect ("amplitude > 0").

    Raises:
        SpaceError: Bounds that are not finite or not in order, a logarithm of what is not positive,
            a default outside the bounds, a shape that is none, a step with a logarithm, or one too fine to be told.

    Example:
        >>> Real(1.0, 100.0, log=True, unit="Hz").default
        10.0
        >>> Real(0.0, 1.0, step=0.3).high
        0.9
    """

    kind: ClassVar[str] = "real"
    low: float
    high: float
    step: float | None
    default: Any
    decimals: int
    _cells: int

    def __init__(
        self,
        low: float,
        high: float,
        *,
        step: float | None = None,
        log: bool = False,
        shape: int | tuple[int, ...] = (),
        unit: str = "",
        default: float | ArrayLike | None = None,
        when: str | None = None,
    ) -> None:
        log = truth(log, "log")
        bounds = finite(low, "low") + 0.0, finite(high, "high") + 0.0
        # Where low is -1 float64 resolves values near 0 no finer than near -1: finer ones could not be decoded.
        decimals = 13 - math.floor(math.log10(-bounds[0])) if bounds[0] < 0 else UNLIMITED
        self._set(low=bounds[0], high=bounds[1], decimals=decimals)
        if not math.isfinite(bounds[1] - bounds[0]) or (log and 0 < bounds[0] < bounds[1] * 2.0**-1020):
            raise SpaceError(f"the range from low={low!r} to high={high!r} is wider than float64 can resolve")
        self._set(step=None if step is None else self._checked_step(step), _cells=0)
        if self.step is not None and bounds[0] < bounds[1]:
            # A share of a step more, since 3 * 0.1 is not 0.3 in float64.
            self._set(_cells=1 + math.floor((bounds[1] - bounds[0]) / self.step + _SAME_PLACE))
            self._set(high=float(self.lattice(np.array(self._cells - 1))))
        self._finish(log, shape, unit, default, when)

    def _checked_step(self, given: Any) -> float:
        step = finite(given, "step")
        if step <= 0:
            raise SpaceError(f"step: expected a number above 0, got {given!r}")
        if self.low < self.high and step > (self.high - self.low) * (1.0 + _SAME_PLACE):
            raise SpaceError(f"step: expected at most high - low, which is {self.high - self.low!r}, got {given!r}")
        largest = max(abs(self.low), abs(self.high))
        finest = 10.0 ** (math.floor(math.log10(largest)) - DIGITS + 2) if largest else 0.0
        if step < finest or (self.high - self.low) / step > LARGEST_INTEGER:
            raise SpaceError(f"step: values keep {DIGITS} digits, so expected at least {finest:.0e}, got {given!r}")
        return step

    @property
    def cells(self) -> int:
        """The number of values of a component; 0 without a step."""
        return self._cells

    @property
    def edges(self) -> tuple[float, float]:
        """The bounds; with a step half of one beyond them."""
        half = 0.5 * self.step if self.step else 0.0
        return self.low - half, self.high + half

    def lattice(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """The values in the cells of these numbers, from 0, as decimal arithmetic has them."""
        assert self.step is not None
        rounded = round_significant(self.low + places * self.step, self.decimals)
        return np.clip(rounded, self.low, self.high)  # bounds may have more digits than values keep

    def places(self, values: ArrayLike) -> NDArray[np.int64]:
        """The numbers of the cells in which values lie, from 0."""
        assert self.step is not None
        nearest = np.rint((np.asarray(values, dtype=np.float64) - self.low) / self.step)
        return np.clip(nearest, 0, self.cells - 1).astype(np.int64)

    @property
    def middle(self) -> float:
        """The middle of the range, on its scale."""
        if self.cells:
            return float(self.lattice(np.array(self.cells // 2)))
        if self.log:
            return self.low * math.exp(0.5 * math.log(self.high / self.low))
        return self.low + 0.5 * (self.high - self.low)

    def canonical_component(self, value: Any) -> float:
        """As `canonical`, for one component."""
        number = finite(value)
        rounded = float(round_significant(number, self.decimals))
        if not (self.low <= number <= self.high or self.low <= rounded <= self.high):
            raise self._outside(value)
        return float(self._on_lattice(np.array(number))) if self.cells else min(max(rounded, self.low), self.high)

    def _on_lattice(self, array: NDArray[Any]) -> NDArray[np.float64]:
        """Values within bounds, exactly as the lattice has them.

        Raises:
            SpaceError: One lies between two steps.
        """
        assert self.step is not None
        exact = self.lattice(self.places(array))
        away = np.abs(array - exact) > _SAME_PLACE * np.maximum(self.step, np.abs(exact) * 1e-3)
        if away.any():
            wrong = float(np.ravel(array[away])[0])
            raise self._between(wrong, math.floor((wrong - self.low) / self.step))
        return exact

    def _canonical_array(self, array: NDArray[Any]) -> NDArray[Any]:
        if not np.isfinite(array).all():
            raise SpaceError(f"expected finite numbers, got {array[~np.isfinite(array)][0]!r}")
        rounded = round_significant(array, self.decimals)
        inside = (np.minimum(array, rounded) <= self.high) & (np.maximum(array, rounded) >= self.low)
        if not inside.all():
            raise self._outside(array[~inside][0].item())
        return self._on_lattice(array) if self.cells else np.clip(rounded, self.low, self.high)


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Integer(Numeric):
    """An integer, or an array of them, between two bounds, both included.

    Args:
        low: The lowest value.
        high: The highest value.
        step: The distance of neighbouring values, as of `Real`; 1 unless given.
        log: Searched on a logarithmic scale.
        shape: Of the value; () for a scalar.
        unit: For people and tables.
        default: An integer, or an array of the shape; the middle of the (logarithmic) range unless given.
        when: The condition under which the parameter has an effect.

    Raises:
        SpaceError: As `Real`, and bounds that are no integers or too far from zero.

    Example:
        >>> Integer(100, 1000).default
        550
    """

    kind: ClassVar[str] = "integer"
    low: int
    high: int
    step: int | None
    default: Any

    def __init__(
        self,
        low: int,
        high: int,
        *,
        step: int | None = None,
        log: bool = False,
        shape: int | tuple[int, ...] = (),
        unit: str = "",
        default: int | ArrayLike | None = None,
        when: str | None = None,
    ) -> None:
        self._set(low=integer(low, "low"), high=integer(high, "high"))
        log = truth(log, "log")
        limit = LARGEST_LOG_INTEGER if log else LARGEST_INTEGER
        if max(-self.low, self.high) > limit:
            raise SpaceError(
                f"bounds of an integer may reach to {limit} on this scale, got low={low!r} and high={high!r}"
            )
        self._set(step=None if step is None else self._checked_step(step))
        if self.step is not None and self.low < self.high:
            self._set(high=self.high - (self.high - self.low) % self.step)
        self._finish(log, shape, unit, default, when)

    def _checked_step(self, given: Any) -> int | None:
        step = integer(given, "step")
        if step < 1:
            raise SpaceError(f"step: expected an integer above 0, got {given!r}")
        if self.low < self.high and step > self.high - self.low:
            raise SpaceError(f"step: expected at most high - low, which is {self.high - self.low}, got {given!r}")
        return None if step == 1 else step

    @property
    def cells(self) -> int:
        """The number of values of a component."""
        return (self.high - self.low) // (self.step or 1) + 1

    @property
    def edges(self) -> tuple[float, float]:
        """Half a step beyond the bounds."""
        half = 0.5 * (self.step or 1)
        return self.low - half, self.high + half

    def lattice(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The values in the cells of these numbers, from 0."""
        return np.asarray(self.low + places * (self.step or 1), dtype=np.int64)

    def places(self, values: ArrayLike) -> NDArray[np.int64]:
        """The numbers of the cells in which values lie, from 0."""
        step = self.step or 1
        return np.asarray((np.clip(np.asarray(values, dtype=np.int64), self.low, self.high) - self.low) // step)

    @property
    def middle(self) -> float:
        """The value in whose cell the middle of the range lies, on its scale."""
        if self.log:
            return round(math.sqrt((self.low - 0.5) * (self.high + 0.5)))
        return self.low + self.cells // 2 * (self.step or 1)

    def canonical_component(self, value: Any) -> int:
        """As `canonical`, for one component."""
        number = integer(value)
        if not self.low <= number <= self.high:
            raise self._outside(value)
        if self.step and (number - self.low) % self.step:
            raise self._between(value, (number - self.low) // self.step)
        return number

    def _canonical_array(self, array: NDArray[Any]) -> NDArray[Any]:
        whole = np.isfinite(array) & (np.rint(array) == array)
        if not whole.all():
            raise SpaceError(f"expected integers, got {array[~whole][0].item()!r}")
        inside = (array >= self.low) & (array <= self.high)
        if not inside.all():
            raise self._outside(array[~inside][0].item())
        numbers = array.astype(np.int64)
        between = (numbers - self.low) % (self.step or 1) != 0
        if between.any():
            wrong = int(numbers[between][0])
            raise self._between(wrong, (wrong - self.low) // (self.step or 1))
        return numbers
