"""Which parameters matter: Sobol', Morris and PAWN indices of a run, computed by SALib.

Sobol' indices need the design `saltelli`, elementary effects the design `morris`; PAWN indices are estimated from any
points that cover the space at random, as those of `sobol`, `latin-hypercube` and `random` do. SALib answers a single
NaN with indices of 0: so failed points are left out here, together with all that belongs to their block.

Iwanaga, Usher, Herman: Toward SALib 2.0. Socio-Environ. Syst. Model. 4 (2022), 18155, doi:10.18174/sesmo.18155.
PAWN: Pianosi, Wagener, Environ. Model. Softw. 108 (2018), 197-207, doi:10.1016/j.envsoft.2018.07.019.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from l2l import document, registry
from l2l.errors import MissingPart, NotFoundError, OptionError, near
from l2l.plugin import from_plain
from l2l.space import Fixed
from l2l.space.designs import expand
from l2l.trajectory import Trajectory
from l2l.values import Status

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

METHODS = ("sobol", "morris", "pawn")
"""Kinds of indices."""

_DESIGNS = {"saltelli": "sobol", "morris": "morris"}
"""Designs that were made for one method; any other one is analysed by PAWN."""

_UNIFORM = ("sobol", "latin-hypercube", "random")
"""Designs whose points are spread evenly over the space, as PAWN needs them."""

_SLICES = 10
"""Intervals along a parameter in which PAWN compares distributions; SALib's default."""

_LEAST = 10 * _SLICES
"""Points below which PAWN compares distributions of less than ten points each."""

_SEED = 20_100_101
"""Of the resamples, so that the same run gives the same confidence intervals; SALib takes 0 for none."""


class _Design(Protocol):
    """What is asked of a design that has blocks."""

    block: int
    effects: Sequence[str]
    initial: Sequence[Any]

    def design(self, start: int, stop: int) -> Floats: ...


@dataclass(frozen=True)
class Indices:
    """The indices of one value.

    Args:
        value: The objective or observable.
        parameters: Their names, or those of components.
        statistics: Name → (parameters,); NaN where there is none.
        pairs: Of second order: name → (parameters, parameters), above the diagonal; empty where none were estimated.
        used: Blocks of the design that were used, or points.
        dropped: Blocks or points that were left out, since something failed in them.
        note: What a reader should know, as sentences; "" for nothing.
    """

    value: str
    parameters: tuple[str, ...]
    statistics: Mapping[str, Floats]
    pairs: Mapping[str, Floats]
    used: int
    dropped: int
    note: str = ""


@dataclass(frozen=True)
class Sensitivity:
    """The indices of a run.

    Args:
        method: One of `METHODS`.
        unit: What `used` and `dropped` of the indices count: "blocks" or "points".
        indices: Of each value.
    """

    method: str
    unit: str
    indices: tuple[Indices, ...]

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Columns and rows: a row per value and parameter."""
        names = list(self.indices[0].statistics)
        rows = [
            [one.value, parameter, *(float(one.statistics[name][place]) for name in names)]
            for one in self.indices
            for place, parameter in enumerate(one.parameters)
        ]
        return ["value", "parameter", *names], rows

    def pairs(self) -> tuple[list[str], list[list[Any]]]:
        """Columns and rows of second order: a row per value and pair; none where none were estimated."""
        names = list(self.indices[0].pairs)
        rows = [
            [one.value, one.parameters[i], one.parameters[j], *(float(one.pairs[name][i, j]) for name in names)]
            for one in self.indices
            for i in range(len(one.parameters))
            for j in range(i + 1, len(one.parameters))
            if names
        ]
        return ["value", "parameter", "with", *names], rows


def sensitivity(
    run: Trajectory,
    values: Sequence[str] | str | None = None,
    *,
    method: str | None = None,
    resamples: int = 100,
    confidence: float = 0.95,
) -> Sensitivity:
    """Estimate which parameters matter.

    Args:
        run: Of a design; it may be a part of it.
        values: Objectives and scalar observables; all unless given. Of a stochastic model the means over trials count.
        method: One of `METHODS`; the one that the design was made for unless given.
        resamples: Of which confidence intervals are made.
        confidence: Their level.

    Raises:
        OptionError: The design does not go with the method, or too few points succeeded.
        NotFoundError: There is no such value.
        MissingPart: SALib is not installed.

    Example:
        >>> found = sensitivity(Trajectory("runs/saltelli"), "rate")
        >>> found.indices[0].statistics["ST"]
    """
    try:
        import SALib  # noqa: F401 - said before anything is read
    except ImportError:
        raise MissingPart("SALib, which estimates indices,", "pip install 'l2l[sensitivity]'") from None
    if not 0.0 < confidence < 1.0:
        raise OptionError(f"sensitivity: confidence: expected a number between 0 and 1, got {confidence!r}")
    if resamples < 2:
        raise OptionError(f"sensitivity: resamples: expected 2 or more, got {resamples!r}")
    optimizer, name = _optimizer_of(run)
    chosen = _method(method, name)
    wanted = _values(run, values)
    if chosen == "pawn":
        return Sensitivity(chosen, "points", tuple(_pawn(run, value) for value in wanted))
    number = _places(run, cast("_Design", optimizer))
    design = cast("_Design", optimizer)
    found = tuple(_of_blocks(run, design, number, value, (resamples, confidence)) for value in wanted)
    return Sensitivity(chosen, "blocks", found)


def _method(given: str | None, design: str) -> str:
    own = _DESIGNS.get(design)
    chosen = given or own or "pawn"
    if chosen not in METHODS:
        raise OptionError(f"sensitivity: {near(chosen, METHODS, 'method')}")
    if chosen == "pawn":
        if design not in _UNIFORM:
            raise OptionError(
                f"sensitivity: expected points that cover the space at random, as of {', '.join(_UNIFORM)}, saltelli "
                f"or morris, got those of {design}"
            )
    elif own != chosen:
        wanted = next(name for name, one in _DESIGNS.items() if one == chosen)
        raise OptionError(f"sensitivity: {chosen} indices need the design {wanted}, got a run of {design}")
    return chosen


def _optimizer_of(run: Trajectory) -> tuple[Any, str]:
    """The optimizer of a run, built anew, and its name."""
    folder = run.path if run.path.is_dir() else run.path.parent
    said: Any = document.parse(run.experiment, folder / "experiment.yaml").data if run.experiment else None
    given = said.get("optimizer") if isinstance(said, Mapping) else None
    if given is None:
        raise OptionError(f"{run.path}: the archive does not say which optimizer it is of")
    options = dict(given) if isinstance(given, Mapping) else {"name": given}
    options = {key: from_plain(value, folder) for key, value in options.items()}
    name = str(options["name"])
    if name not in _DESIGNS:
        return None, name
    more = {"seed": run.seed, "initial": said.get("initial") or ()}
    return registry.build("optimizer", options, run.space, base=folder, defaults=more), name


def _values(run: Trajectory, names: Sequence[str] | str | None) -> list[str]:
    scalars = [name for name, one in run.observables.items() if not one.shape and not one.ragged]
    known = [one.name for one in run.objectives] + scalars
    chosen = known if names is None else [names] if isinstance(names, str) else list(names)
    for name in chosen:
        if name not in known:
            raise NotFoundError(near(str(name), known, "objective or scalar observable"))
    if not chosen:
        raise NotFoundError(f"{run.path}: no objective and no scalar observable, so that nothing can be analysed")
    return chosen


# --- designs of blocks ---------------------------------------------------------------------------------------------


def _places(run: Trajectory, design: _Design) -> NDArray[np.int64]:
    """(points,) the row of each point of the whole blocks of a design; -1 where it is not known yet.

    Raises:
        OptionError: The archive has other points than the design.
    """
    first = len(design.initial)
    if not len(run.individuals):
        return np.empty(0, dtype=np.int64)
    number = np.asarray(run.individuals["number"]) - first
    size = int(number.max(initial=-1)) + 1
    row = np.full(max(size, 0), -1)
    row[number[number >= 0]] = np.flatnonzero(number >= 0)
    row = row[: len(row) // design.block * design.block]
    some = np.flatnonzero(row[: design.block] >= 0)
    archived = run.space.from_columns(
        {name: np.asarray(run.individuals[f"parameters/{name}"])[row[some]] for name in run.space.names}
    )
    asked = run.space.decode(expand(run.space, design.design(0, design.block)))
    if [asked[place] for place in some] != archived:
        raise OptionError(f"{run.path}: its individuals are not those of its design; was it made by another version?")
    return row


def _of_blocks(
    run: Trajectory, design: _Design, row: NDArray[np.int64], value: str, resampling: tuple[int, float]
) -> Indices:
    known, values = _fine(run, value)
    there = np.asarray((row >= 0) & known[row])
    whole = np.asarray(there.reshape(-1, design.block).all(axis=1))
    used = int(whole.sum())
    if used < 2:
        raise OptionError(
            f"sensitivity: expected two blocks of {design.block} points that all succeeded, or more, got {used} of "
            f"{len(whole)}; l2l show RUN --failures says what failed"
        )
    points = np.flatnonzero(np.repeat(whole, design.block))
    y = values[row[points]]
    names = tuple(design.effects)
    statistics, pairs = (_morris if hasattr(design, "levels") else _sobol)(design, names, points, y, resampling)
    note = "" if y.std() > 0 else "it is the same everywhere"
    return Indices(value, names, statistics, pairs, used, len(whole) - used, note)


def _sobol(
    design: _Design, names: tuple[str, ...], points: NDArray[np.int64], y: Floats, resampling: tuple[int, float]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    from SALib.analyze import sobol

    second = design.block > len(names) + 2
    nothing = np.full(len(names), np.nan)
    keys = ("S1", "S1_conf", "ST", "ST_conf")
    if not y.std() > 0:
        return dict.fromkeys(keys, nothing), {}
    problem = {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}
    found = sobol.analyze(
        problem, y, calc_second_order=second, num_resamples=resampling[0], conf_level=resampling[1], seed=_SEED
    )
    pairs = {key: np.asarray(found[key]) for key in ("S2", "S2_conf")} if second else {}
    return {key: np.asarray(found[key]) for key in keys}, pairs


def _morris(
    design: _Design, names: tuple[str, ...], points: NDArray[np.int64], y: Floats, resampling: tuple[int, float]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    from SALib.analyze import morris

    x = design.design(0, int(points.max()) + 1)[points]
    problem = {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}
    levels = getattr(design, "levels", 4)
    found = morris.analyze(
        problem, x, y, num_resamples=resampling[0], conf_level=resampling[1], num_levels=levels, seed=_SEED
    )
    keys = {"mu": "mu", "mu_star": "mu_star", "mu_star_conf": "mu_star_conf", "sigma": "sigma"}
    return {key: np.asarray(found[name], dtype=np.float64) for key, name in keys.items()}, {}


def _fine(run: Trajectory, value: str) -> tuple[Mask, Floats]:
    """(n,) which individuals have the value, all of whose trials must have succeeded; and the values."""
    values = run.means(value)
    return np.isfinite(values) & np.asarray(run.individuals["status"] == Status.OK), values


# --- given points --------------------------------------------------------------------------------------------------


def _pawn(run: Trajectory, value: str) -> Indices:
    known, values = _fine(run, value)
    used = int(known.sum())
    if used < _LEAST:
        raise OptionError(f"sensitivity: expected {_LEAST} points that succeeded, or more, got {used} of {len(known)}")
    names: list[str] = []
    rows: list[Floats] = []
    rng = np.random.default_rng(_SEED)
    for name, active, x in _columns(run):
        there = known & active
        names.append(name)
        few = there.sum() < _LEAST or not values[there].std() > 0
        rows.append(np.full(5, np.nan) if few else _pawn_of(_ranks(x[there], rng), values[there]))
    keys = ("minimum", "mean", "median", "maximum", "CV")
    statistics = {key: np.array([row[place] for row in rows]) for place, key in enumerate(keys)}
    y = values[known]
    chance = _pawn_of(rng.permutation(used) / used, y)[2] if y.std() > 0 else np.nan
    note = (
        f"a parameter without effect has a median of about {chance:.2g}" if y.std() > 0 else "it is the same everywhere"
    )
    return Indices(value, tuple(names), statistics, {}, used, len(known) - used, note)


def _columns(run: Trajectory) -> list[tuple[str, Mask, Floats]]:
    """Name, where it has an effect, and values of each parameter or component that varies."""
    individuals = run.individuals
    found = []
    for name, parameter in run.space.parameters.items():
        if isinstance(parameter, Fixed):
            continue
        values = np.asarray(individuals[f"parameters/{name}"], dtype=np.float64)
        column = f"active/{name}"
        active = individuals[column] if column in individuals else np.ones(len(individuals), bool)
        if values.ndim == 1:
            found.append((name, active, values))
            continue
        found += [
            (f"{name}[{','.join(map(str, place))}]", active, values[(slice(None), *place)])
            for place in np.ndindex(values.shape[1:])
        ]
    return found


def _ranks(x: Floats, rng: np.random.Generator) -> Floats:
    """Ranks from 0 to 1; equal values in a random order, so that categories fill whole intervals too."""
    order = np.lexsort((rng.random(len(x)), x))
    ranks = np.empty(len(x))
    ranks[order] = np.arange(len(x)) / len(x)
    return ranks


def _pawn_of(x: Floats, y: Floats) -> Floats:
    """Minimum, mean, median, maximum and coefficient of variation over the intervals of a parameter."""
    from SALib.analyze import pawn

    found = pawn.analyze({"num_vars": 1, "names": ["x"], "bounds": [[0.0, 1.0]]}, x[:, None], y, S=_SLICES)
    return np.array([found[key][0] for key in ("minimum", "mean", "median", "maximum", "CV")])
