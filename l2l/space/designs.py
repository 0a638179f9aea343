"""Designs: points spread over a space by grid, Sobol sequence or Latin hypercube.

Sobol sequence: I. M. Sobol', USSR Comput. Math. Math. Phys. 7 (1967), doi:10.1016/0041-5553(67)90144-9, scrambled.
Latin hypercube: McKay, Beckman, Conover, Technometrics 21 (1979), doi:10.2307/1268522.

A design has one coordinate a component of a number and one a category, whose cells are of equal width.
"""

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from l2l.errors import SpaceError, near
from l2l.individual import Individual
from l2l.quantities import whole_number
from l2l.space.categorical import Categorical, Fixed
from l2l.space.individuals import Individuals
from l2l.space.numeric import Integer, Numeric, Real
from l2l.space.parameter import Parameter

if TYPE_CHECKING:
    from l2l.space.space import ParameterSpace

Seed = int | np.random.SeedSequence | np.random.Generator | None
Floats = NDArray[np.float64]

LARGEST_GRID = 2**62
"""Points beyond which a grid cannot be indexed."""

LARGEST_SWITCHBOARD = 2**18
"""Combinations of the parameters that conditions name, beyond which a grid is not laid out."""

SOBOL_COORDINATES = 21201
"""Coordinates for which direction numbers are known (Joe and Kuo 2008)."""

SOBOL_POINTS = 2**30
"""Points after which a sequence of 30 binary digits repeats itself."""


def design_width(space: "ParameterSpace") -> int:
    """The number of coordinates of a design over a space."""
    return sum(_width(parameter) for parameter in space.parameters.values())


def expand(space: "ParameterSpace", design: Floats) -> Floats:
    """A design (n, k) in the unit cube to encoded coordinates (n, d)."""
    if design.shape[1] == space.dimension and not any(isinstance(p, Categorical) for p in space.parameters.values()):
        return design
    points = np.zeros((len(design), space.dimension))
    start = 0
    for name, parameter in space.parameters.items():
        where, stop = space.slices[name], start + _width(parameter)
        if isinstance(parameter, Categorical):
            count = len(parameter.choices)
            cells = np.minimum(np.floor(design[:, start] * count), count - 1).astype(np.intp)
            points[np.arange(len(design)), where.start + cells] = 1.0
        else:
            points[:, where] = design[:, start:stop]
        start = stop
    return points


def sobol(n: int, width: int, seed: Seed, start: int = 0) -> Floats:
    """The n points from place `start` of a scrambled Sobol sequence, (n, width)."""
    from scipy.stats import qmc

    if width > SOBOL_COORDINATES:
        raise SpaceError(f"a Sobol sequence has at most {SOBOL_COORDINATES} coordinates, this space needs {width}")
    if n == 0 or width == 0:
        return np.zeros((n, width))
    if start + n > SOBOL_POINTS:
        raise SpaceError(f"a Sobol sequence has {SOBOL_POINTS} points, got place {start + n}")
    cached = isinstance(seed, int)
    engine = _sobol_engine(width, seed) if cached else qmc.Sobol(width, **_generator(qmc.Sobol, seed))
    if engine.num_generated != start:
        engine.reset()
        if start:
            engine.fast_forward(start)
    balanced = n if start else 2 ** math.ceil(math.log2(n))  # SciPy warns of others to begin with
    points: Floats = engine.random(balanced)[:n]
    return points


@lru_cache(maxsize=2)
def _sobol_engine(width: int, seed: int) -> Any:
    """Wherever it stands: to scramble a sequence takes longer than its points."""
    from scipy.stats import qmc

    return qmc.Sobol(width, **_generator(qmc.Sobol, seed))


def latin_hypercube(n: int, width: int, seed: Seed) -> Floats:
    """Points of which each of n equal cells of each coordinate holds one, (n, width)."""
    from scipy.stats import qmc

    if n == 0 or width == 0:
        return np.zeros((n, width))
    points: Floats = qmc.LatinHypercube(width, **_generator(qmc.LatinHypercube, seed)).random(n)
    return points


def _generator(engine: Any, seed: Seed) -> dict[str, np.random.Generator]:
    keyword = "rng" if "rng" in inspect.signature(engine).parameters else "seed"  # renamed in SciPy 1.15
    return {keyword: np.random.default_rng(seed)}


def _width(parameter: Parameter) -> int:
    return 1 if isinstance(parameter, Categorical) else parameter.width


@dataclass(frozen=True)
class _Axis:
    """One coordinate of a grid: the parameter that it belongs to, its place in a design, its points there."""

    name: str
    coordinate: int
    points: Floats


class Grid(Sequence[Individual]):
    """The points of a grid, computed when they are asked for; no two are equal.

    The last parameter varies fastest. Parameters that conditions name vary slowest: they say which others have
    an effect, and one that has none takes a single value.

    Args:
        space: The space.
        points: Points along each number, for all or by name. Reals take both ends, integers and numbers with a step
            at most so many distinct values, categories all choices; with 1 a number stays at its default. A number
            with a step that is not named takes all its values.

    Raises:
        KeyError: `points` names what is no parameter.
        SpaceError: A number of points is missing or below 1, or the grid is too large to be indexed.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> [point["x"] for point in ParameterSpace(x=Real(0.0, 1.0)).grid(3)]
        [0.0, 0.5, 1.0]
    """

    def __init__(self, space: "ParameterSpace", points: int | Mapping[str, int]) -> None:
        self._space = space
        axes, self._base = _axes(space, points)
        _refuse_huge(axes)
        self._switches = [axis for axis in axes if axis.name in space.condition_names]
        self._others = [axis for axis in axes if axis.name not in space.condition_names]
        if math.prod(len(axis.points) for axis in self._switches) > LARGEST_SWITCHBOARD:
            names = sorted({axis.name for axis in self._switches})
            raise SpaceError(f"grid: conditions name {', '.join(names)}, which make too many combinations; take fewer")
        self._digits, self._radices = self._laid_out()
        counts = np.prod(self._radices, axis=1, dtype=np.int64)
        self._ends = np.cumsum(counts)

    def _laid_out(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each useful combination of the switches its digits, and how many points each other axis has there."""
        sizes = [len(axis.points) for axis in self._switches]
        total, chunk = math.prod(sizes), max(1, 2**20 // max(1, len(self._base)))
        digits, radices = [], []
        for start in range(0, total, chunk):
            numbers = np.arange(start, min(start + chunk, total))
            some = np.stack(np.unravel_index(numbers, sizes), axis=1) if sizes else np.zeros((1, 0), dtype=np.int64)
            design = np.tile(self._base, (len(some), 1))
            _place(design, self._switches, some)
            active = self._space.decoded_activity(expand(self._space, design))
            everywhere = np.ones(len(some), dtype=bool)
            useful = everywhere.copy()
            for place, axis in enumerate(self._switches):
                useful &= active.get(axis.name, everywhere) | (some[:, place] == 0)
            counts = [np.where(active.get(axis.name, everywhere), len(axis.points), 1) for axis in self._others]
            digits.append(some[useful])
            radices.append(np.stack(counts, axis=1)[useful] if counts else np.ones((int(useful.sum()), 0), np.int64))
        return np.concatenate(digits).astype(np.int64), np.concatenate(radices).astype(np.int64)

    def __len__(self) -> int:
        return int(self._ends[-1])

    @overload
    def __getitem__(self, place: int) -> Individual: ...
    @overload
    def __getitem__(self, place: slice) -> Individuals: ...
    def __getitem__(self, place: int | slice) -> Individual | Individuals:
        if isinstance(place, slice):
            return self._points(np.arange(*place.indices(len(self)), dtype=np.int64))
        if not -len(self) <= place < len(self):
            raise IndexError(f"the grid has {len(self)} points, got place {place}")
        return self._points(np.array([place % len(self)], dtype=np.int64))[0]

    def __iter__(self) -> Iterator[Individual]:
        chunk = max(1, min(1024, 2**20 // max(1, len(self._base))))
        for start in range(0, len(self), chunk):
            yield from self[start : start + chunk]

    def __repr__(self) -> str:
        sizes: dict[str, int] = {}
        for axis in self._switches + self._others:
            sizes[axis.name] = sizes.get(axis.name, 1) * len(axis.points)
        return f"Grid({len(self)} points: {', '.join(f'{name} {size}' for name, size in sizes.items())})"

    def _points(self, places: NDArray[np.int64]) -> Individuals:
        rows = np.searchsorted(self._ends, places, side="right")
        rest = places - np.where(rows > 0, self._ends[rows - 1], 0)
        radices = self._radices[rows]
        digits = np.empty_like(radices)
        for axis in reversed(range(len(self._others))):
            rest, digits[:, axis] = np.divmod(rest, radices[:, axis])
        design = np.tile(self._base, (len(places), 1))
        _place(design, self._switches, self._digits[rows])
        _place(design, self._others, digits)
        return self._space.decode(expand(self._space, design))


def _place(design: Floats, axes: Sequence[_Axis], digits: NDArray[np.int64]) -> None:
    for place, axis in enumerate(axes):
        design[:, axis.coordinate] = axis.points[digits[:, place]]


def _axes(space: "ParameterSpace", points: int | Mapping[str, int]) -> tuple[list[_Axis], Floats]:
    """The coordinates that vary, and a design point that holds those that do not."""
    if isinstance(points, Mapping):
        for name in points:
            if name not in space.parameters:
                raise KeyError(near(name, space.parameters, "parameter"))
    axes: list[_Axis] = []
    base: list[Floats] = []
    start = 0
    for name, parameter in space.parameters.items():
        if not isinstance(parameter, Fixed):
            along = _along(name, parameter, points)
            base.append(along[0] if len(along) == 1 else np.full(_width(parameter), 0.5))
            if len(along) > 1:
                axes += [_Axis(name, start + i, along[:, 0]) for i in range(_width(parameter))]
        start += _width(parameter)
    return axes, np.concatenate([np.zeros(0), *base])


def _along(name: str, parameter: Parameter, points: int | Mapping[str, int]) -> Floats:
    """The design coordinates of a parameter's grid points, (points, 1); or (1, width) for its default alone."""
    from l2l.space.space import ParameterSpace

    if isinstance(parameter, Categorical):
        count = len(parameter.choices)
        if isinstance(points, Mapping) and points.get(name, count) != count:
            raise SpaceError(f"grid: {name!r} takes all of its {count} choices, got {points[name]!r} points")
        return (np.arange(count)[:, None] + 0.5) / count
    given = points.get(name, _all_of(parameter)) if isinstance(points, Mapping) else points
    number = whole_number(given)
    if number is None or number < 1:
        raise SpaceError(f"grid: expected how many points {name!r} has, 1 or more, got {given!r}")
    if number == 1:
        alone = ParameterSpace({name: _unconditional(parameter)})
        return alone.encode([alone.default])
    single = _unconditional(parameter, scalar=True)
    space = ParameterSpace({name: single})
    if isinstance(single, Numeric) and single.cells:
        return space.encode(space.from_columns({name: _spread(single, number)}))
    along = space.decode(np.linspace(0.0, 1.0, number)[:, None])
    return space.encode(list(dict.fromkeys(along)))


def _all_of(parameter: Parameter) -> int | None:
    """How many values a parameter with a step has, which a grid takes all where nothing is said; else None."""
    return parameter.cells if isinstance(parameter, Numeric) and parameter.step is not None else None


def _spread(parameter: Numeric, number: int) -> NDArray[Any]:
    """At most so many distinct values of a parameter that has cells, both ends among them."""
    if number >= parameter.cells:
        return parameter.lattice(np.arange(parameter.cells))
    if parameter.step is not None:
        return parameter.lattice(np.unique(np.rint(np.linspace(0, parameter.cells - 1, number)).astype(np.int64)))
    spread = np.geomspace if parameter.log else np.linspace
    values = np.clip(np.rint(spread(parameter.low, parameter.high, number)), parameter.low, parameter.high)
    return np.unique(values).astype(np.int64)


def _unconditional(parameter: Parameter, scalar: bool = False) -> Parameter:
    if not isinstance(parameter, Real | Integer):
        return parameter
    if scalar:
        return type(parameter)(
            parameter.low,  # type: ignore[arg-type]
            parameter.high,  # type: ignore[arg-type]
            step=parameter.step,  # type: ignore[arg-type]
            log=parameter.log,
        )
    return type(parameter)(
        parameter.low,  # type: ignore[arg-type]
        parameter.high,  # type: ignore[arg-type]
        step=parameter.step,  # type: ignore[arg-type]
        log=parameter.log,
        shape=parameter.shape,
        default=parameter.default if parameter.default_given else None,
    )


def _refuse_huge(axes: Sequence[_Axis]) -> None:
    if math.prod(len(axis.points) for axis in axes) <= LARGEST_GRID:
        return
    sizes: dict[str, list[int]] = {}
    for axis in axes:
        sizes.setdefault(axis.name, []).append(len(axis.points))
    factors = (f"{name}: {one[0]}" + (f"^{len(one)}" if len(one) > 1 else "") for name, one in sizes.items())
    raise SpaceError(f"grid: too many points ({', '.join(factors)}); take fewer, or fix what need not vary")
