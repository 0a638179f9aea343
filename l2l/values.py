"""The other values that travel between the two loops: trials, evaluations, resources, declarations."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import OptionError, short
from l2l.individual import Individual
from l2l.quantities import bytes_of, flag, seconds_of, whole, whole_number
from l2l.status import Status as Status  # noqa: PLC0414 - one of the values, which stands apart for supervisors

if TYPE_CHECKING:
    from mpi4py.MPI import Comm


LONGEST_NAME = 200
"""Characters of a name: what tables, files and HDF5 take everywhere."""
A_NAME = f"a name, which is printable text without / and of at most {LONGEST_NAME} characters"
"""What `is_name` asks for, for messages."""


def is_name(name: object) -> bool:
    """Whether it can name a parameter, an objective, an observable or a value of a report.

    A slash divides the folders of an archive. Spaces within, dots and letters of any script are allowed.
    """
    return (
        isinstance(name, str)
        and bool(name.strip(" ."))
        and name == name.strip()
        and name.isprintable()
        and "/" not in name
        and len(name) <= LONGEST_NAME
    )


@dataclass(frozen=True, slots=True)
class Objective:
    """A named fitness with a direction.

    Args:
        name: What is measured ("rate_error").
        maximize: Whether more is better.
        unit: Of the fitness, for tables and plots.

    Raises:
        OptionError: The name is none (see `is_name`), or the unit no text.
    """

    name: str
    maximize: bool = False
    unit: str = ""

    def __post_init__(self) -> None:
        if not is_name(self.name):
            hint = ""
            if isinstance(self.name, str) and "/" in self.name:
                hint = f"; write {self.name.replace('/', ' per ')!r}, and a unit as unit={self.name!r}"
            raise OptionError(f"objective: expected {A_NAME}, got {self.name!r}{hint}")
        if not isinstance(self.unit, str):
            raise OptionError(f"objective {self.name!r}: unit: expected text, got {self.unit!r}")
        object.__setattr__(self, "maximize", flag(self.maximize, f"objective {self.name!r}: maximize"))

    @property
    def sign(self) -> float:
        """The factor from fitness to cost: -1 where more is better."""
        return -1.0 if self.maximize else 1.0


def Minimize(name: str, unit: str = "") -> Objective:  # noqa: N802 - reads as the kind of objective it makes
    """An objective of which less is better.

    Example:
        >>> Minimize("rate_error", unit="spikes/s").sign
        1.0
    """
    return Objective(name, maximize=False, unit=unit)


def Maximize(name: str, unit: str = "") -> Objective:  # noqa: N802 - reads as the kind of objective it makes
    """An objective of which more is better.

    Example:
        >>> Maximize("reward").sign
        -1.0
    """
    return Objective(name, maximize=True, unit=unit)


_MOST_AXES = 31
"""Axes of an observable: HDF5 has 32, and the first is that of the trials."""
_LARGEST_ENTRY = 8
"""Bytes: the extended precision of a longdouble differs between machines, and no table format has it."""


@dataclass(frozen=True, slots=True)
class Observable:
    """A further result that an optimizee declares.

    Args:
        shape: Of each trial's value; for `ragged` the shape of one entry behind the free first axis.
        dtype: `float`, `int`, `bool` or a NumPy dtype of at most 8 bytes; kept in the byte order of this machine.
        unit: For tables and plots.
        ragged: Whether the first axis differs in length from trial to trial (spike times).
    """

    shape: tuple[int, ...] = ()
    dtype: Any = float
    unit: str = ""
    ragged: bool = False

    def __post_init__(self) -> None:
        given = self.shape if isinstance(self.shape, tuple | list | np.ndarray) else (self.shape,)
        shape = tuple(-1 if isinstance(one, float) else whole_number(one) for one in given)
        if any(one is None or one < 1 for one in shape):
            free = "; a value of any length is Observable(ragged=True)" if 0 in shape else ""
            raise OptionError(f"Observable: expected a shape such as (2, 3), without 0, got {self.shape!r}{free}")
        if len(shape) > _MOST_AXES:
            raise OptionError(f"Observable: expected a shape of at most {_MOST_AXES} axes, got {len(shape)}")
        try:
            dtype = np.dtype(self.dtype)
        except TypeError:
            dtype = np.dtype(object)
        if dtype.kind not in "fiub":
            raise OptionError(f"Observable: expected a float, int or bool dtype, got {self.dtype!r}")
        if dtype.itemsize > _LARGEST_ENTRY:
            raise OptionError(f"Observable: expected a dtype of at most 8 bytes such as float64, got {dtype.name}")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "dtype", dtype.newbyteorder("="))
        object.__setattr__(self, "ragged", flag(self.ragged, "Observable: ragged"))

    def value(self, raw: Any) -> NDArray[Any]:
        """The value as an array of the declared shape and type, which the model cannot change any more.

        Raises:
            ValueError: It does not fit; says what was declared and what came.
        """
        given = np.asarray(raw)
        fits = given.ndim > 0 and given.shape[1:] == self.shape if self.ragged else given.shape == self.shape
        if self.ragged and given.size == 0 and given.ndim == 1:
            fits, given = True, given.reshape(0, *self.shape)
        if not fits:
            declared = ("n", *self.shape) if self.ragged else self.shape
            raise ValueError(f"declared of shape {declared}, got {given.shape}")
        if given.dtype.kind not in "fiub":
            raise ValueError(f"declared as {self.dtype}, got {short(raw)}")
        with np.errstate(invalid="ignore", over="ignore"):
            array = given.astype(self.dtype)  # a copy: models use their buffers again
        if self.dtype.kind != "f" and given.dtype != self.dtype and not np.array_equal(array, given):
            raise ValueError(f"declared as {self.dtype}, got {short(raw)}")
        return array

    def missing(self) -> NDArray[Any]:
        """The value that stands for none: NaN, 0 or False, or an empty ragged one."""
        shape = (0, *self.shape) if self.ragged else self.shape
        return np.full(shape, np.nan if self.dtype.kind == "f" else 0, dtype=self.dtype)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a simulation returns.

    Args:
        fitness: A number, one per objective, or objective name → number; () where there is no objective.
        observables: Declared name → value.
    """

    fitness: Any = ()
    observables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resources:
    """What one trial may use.

    Args:
        ranks: MPI ranks.
        threads: Threads of each rank.
        gpus: GPUs of each rank.
        memory: Resident size, in bytes or as "2 GB"; None for no limit.
        timeout: In seconds or as "10min" or "00:10:00"; None for no limit.
        renew_after: Trials after which a fresh process takes the place of the one that evaluated them; None for never.

    Raises:
        OptionError: A number is out of range.
    """

    ranks: int = 1
    threads: int = 1
    gpus: int = 0
    memory: int | None = None
    timeout: float | None = None
    renew_after: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("ranks", 1), ("threads", 1), ("gpus", 0)):
            object.__setattr__(self, name, whole(getattr(self, name), f"resources.{name}", least))
        if self.renew_after is not None:
            object.__setattr__(self, "renew_after", whole(self.renew_after, "resources.renew_after", 1))
        object.__setattr__(self, "memory", bytes_of(self.memory, "resources.memory"))
        object.__setattr__(self, "timeout", seconds_of(self.timeout, "resources.timeout"))


@dataclass(slots=True, eq=False)
class Trial:
    """One simulation of one individual, as `simulate` receives it.

    Args:
        individual: The point to simulate.
        number: Which repetition, from 0.
        entropy: 128 bits, from which all randomness of the trial comes.
        index: The individual's number in the run.
        attempt: 0, or how often it was tried before.
        resources: What it may use.
        root: Where private folders are made; None for a temporary place.
        comm: Its MPI communicator, where it has one.
        launch: The command prefix that starts a program on its ranks.
        validation: Whether it is one of the fresh trials by which winners are judged at the end, and which no optimizer
            sees. It may decide what is simulated, such as held-out data, but has no part in the seed.
    """

    individual: Individual
    number: int = 0
    entropy: int = 0
    index: int = 0
    attempt: int = 0
    resources: Resources = Resources()
    root: Path | None = None
    comm: "Comm | None" = None
    launch: tuple[str, ...] = ()
    validation: bool = False
    _rng: np.random.Generator | None = field(default=None, repr=False)
    _directory: Path | None = field(default=None, repr=False)

    @property
    def id(self) -> tuple[int, int]:
        """(number of the individual, number of the trial): names it within a run."""
        return self.index, self.number

    @property
    def seed(self) -> int:
        """An int in 1 … 2**31 - 1, for simulators."""
        return simulator_seed(self.entropy)

    @property
    def rng(self) -> np.random.Generator:
        """A generator from all 128 bits, made on first use."""
        if self._rng is None:
            self._rng = np.random.default_rng(self.entropy)
        return self._rng

    @property
    def directory(self) -> Path:
        """A private, empty folder, made on first use; the same on all ranks of a trial that has several."""
        if self._directory is None:
            if self.root is None:
                import tempfile

                self._directory = Path(tempfile.mkdtemp(prefix=f"l2l-{self.index}-{self.number}-"))
            else:
                path = trial_directory(self.root, self.index, self.number, self.attempt)
                if self.comm is None and path.exists():  # else another rank's, emptied before any rank began
                    shutil.rmtree(path)
                path.mkdir(parents=True, exist_ok=self.comm is not None)
                self._directory = path
        return self._directory

    @property
    def used_directory(self) -> bool:
        """Whether its folder was made."""
        return self._directory is not None

    def left_directory(self) -> bool:
        """Whether a folder stays behind; a temporary one is removed."""
        if self._directory is not None and self.root is None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None
        return self._directory is not None


def simulator_seed(entropy: int) -> int:
    """The int in 1 … 2**31 - 1 that simulators get from a trial's 128 bits."""
    return (entropy & 0xFFFFFFFFFFFFFFFF) % (2**31 - 1) + 1


def trial_directory(root: Path, index: int, number: int, attempt: int = 0) -> Path:
    """Where the private folder of a trial stands: `<nnn>/<individual>-<trial>` below the root, thousands together."""
    name = f"{index}-{number}" + (f"-attempt{attempt}" if attempt else "")
    return root / f"{index // 1000:03d}" / name


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a trial has no fitness.

    Args:
        message: One line.
        traceback: All that is known, or "".
    """

    message: str
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that is measured of every trial, and a column wherever trials are kept.

    Args:
        name: Of the column in the journal, the archive and `Trajectory`, and of the field of an `Evaluation`.
        dtype: Of the column.
        attributes: What the column says of itself: "unit" and "meaning".
    """

    name: str
    dtype: np.dtype[Any]
    attributes: Mapping[str, str]

    @property
    def fill(self) -> Any:
        """What stands where it is not known: NaN, or 0 for whole numbers."""
        return np.nan if self.dtype.kind == "f" else 0


def _measure(default: Any, kind: type[np.generic], **attributes: str) -> Any:
    """A field of `Evaluation` that is a column of trials: this is all that has to be said of it."""
    return field(default=default, metadata={"measure": (np.dtype(kind), attributes)})


@dataclass(slots=True, eq=False)
class Evaluation:
    """What came of a trial.

    Args:
        index: Number of the individual.
        number: Number of the trial.
        attempt: Of the trial.
        status: What became of it.
        fitness: One number per objective, in the optimizee's order; NaN where it failed.
        observables: Name → array; empty where it failed.
        started: Unix time, seconds.
        seconds: How long it took.
        host: Where it ran.
        peak_memory: High-water mark of its process, in bytes; 0 where unknown.
        failure: Why it has no fitness.
        used_directory: Whether it made its private folder.
        process: Of its evaluating process, for the logs.
    """

    index: int
    number: int
    attempt: int = 0
    status: Status = Status.OK
    fitness: tuple[float, ...] = ()
    observables: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    started: float = _measure(0.0, np.float64, unit="s", meaning="when it began, Unix time")
    seconds: float = _measure(0.0, np.float64, unit="s")
    host: str = ""
    peak_memory: int = _measure(0, np.int64, unit="B", meaning="high-water mark of its process; 0 where unknown")
    failure: Failure | None = None
    used_directory: bool = False
    process: int = 0

    @property
    def id(self) -> tuple[int, int]:
        """(number of the individual, number of the trial): names it within a run."""
        return self.index, self.number


MEASURES = tuple(Measure(one.name, *one.metadata["measure"]) for one in fields(Evaluation) if one.metadata)
"""The columns that follow from the fields of `Evaluation`: what travels, is journalled, archived and read."""


@dataclass(frozen=True, slots=True)
class Results:
    """What an optimizer may look at beyond the costs; n individuals, T trials, m objectives.

    Args:
        costs: (n, T, m), lower is better, NaN where failed or absent.
        observables: Name → (n, T, …), those that the optimizer asked for; NaN (0 for integers) where failed or absent.
            An objective that it asked for by name stands here too, in its own direction.
        spread: (n, m), standard deviation over the trials, NaN below two.
        trials: (n,), how many trials each has.
    """

    costs: NDArray[np.float64]
    observables: Mapping[str, NDArray[Any]]
    spread: NDArray[np.float64]
    trials: NDArray[np.int64]
