"""The adapter of The Virtual Brain (TVB), a simulator of whole brains as networks of neural masses.

P. Sanz Leon et al. (2013), The Virtual Brain: a simulator of primate brain network dynamics, Frontiers in
Neuroinformatics 7:10, doi:10.3389/fninf.2013.00010.
"""

import importlib
import inspect
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l2l.errors import Invalid, MissingPart, NotFoundError, OptionError, near
from l2l.optimizees.simulator import Simulator, check_number
from l2l.optimizees.tvb_import import copied, import_tvb
from l2l.optimizees.tvb_time import TOLERANCE, fit_monitors, window
from l2l.values import Trial

REMEDY = "pip install 'l2l[tvb]'"

KINDS = {
    "model": "models",
    "coupling": "coupling",
    "monitor": "monitors",
    "integrator": "integrators",
    "noise": "noise",
}
"""What `make` makes → its module in tvb.simulator."""

HISTORY = 1
"""Key of the stream from which initial histories are drawn, next to the noise's."""

WARM_UP_STEPS = 3
"""Integration steps of the run that compiles what numba compiles on first use."""


class Recording(NamedTuple):
    """What a monitor recorded.

    Args:
        times: Of the samples in ms since the run began, as the monitor says, shape (samples,). Samples of the warm-up
            are left out, and with them averages of which a part lies in it.
        values: Shape (samples, variables of interest, regions or sensors, modes).
    """

    times: NDArray[np.float64]
    values: NDArray[np.float64]


class TvbOptimizee(Simulator):
    """Base of models in TVB: subclass it and write `build`, `set_parameters` and `measure`.

    `build` runs once in each process and leaves a `tvb.simulator.simulator.Simulator` in `self.simulator`, with
    connectivity, model, coupling, integrator and monitors, not yet configured. Each trial works on a copy of it,
    which `set_parameters` changes as it likes; nothing is carried over to the next trial, from failed ones neither.
    `run` configures and simulates that copy with the trial's seed, and says what the monitors recorded.

    Noise and initial history come from the trial's seed, each from a stream of its own. TVB would draw both from one,
    and the history's length, the longest delay, would decide which noise comes after it. Here trials of one seed meet
    the same noise, and the same history as far back as it goes, whatever their conduction speeds. Noise is drawn for
    each time step, state variable and region: where these differ, so does the noise. `seeded` gives a script the same.

    Times that TVB rounds without a word are refused: a monitor's period that is no whole number of time steps, and BOLD
    with a time step that does not divide 4 ms. Delays are what TVB makes of them, rounded to the nearest time step.

    TVB takes the conduction speed from the connectivity; `Simulator.conduction_speed` has no effect, and is refused.

    Example:
        >>> import numpy as np
        >>> from l2l import Maximize, ParameterSpace, Real
        >>> class Brain(TvbOptimizee):
        ...     space = ParameterSpace(coupling=Real(0.0, 0.5), speed=Real(2.0, 20.0, unit="mm/ms"))
        ...     objectives = (Maximize("synchrony"),)
        ...     def build(self):
        ...         from tvb.simulator import coupling, integrators, models, monitors, noise, simulator
        ...         self.simulator = simulator.Simulator(
        ...             connectivity=self.connectivity(76),
        ...             model=models.Generic2dOscillator(),
        ...             coupling=coupling.Linear(),
        ...             integrator=integrators.HeunStochastic(dt=1.0, noise=noise.Additive(nsig=np.array([0.01]))),
        ...             monitors=(monitors.TemporalAverage(period=4.0),),
        ...         )
        ...     def set_parameters(self, individual, trial):
        ...         self.simulator.coupling.a = np.array([individual["coupling"]])
        ...         self.simulator.connectivity.speed = np.array([individual["speed"]])
        ...     def measure(self, individual, trial):
        ...         (recording,) = self.run(1000.0, warmup=200.0)
        ...         signals = recording.values[:, 0, :, 0]
        ...         return np.corrcoef(signals.T).mean()
        >>> Brain.space.dimension
        2
    """

    simulator: Any = None
    """TVB's simulator: what `build` made, and within a trial the trial's own copy of it."""

    _trial: Trial | None = None

    # --- the order of things ---

    def start(self) -> None:
        """Import TVB without a word, build what trials share and run it for a moment, which compiles it."""
        import_tvb()
        self.build()
        if not hasattr(self.simulator, "configure"):
            raise OptionError(
                f"{type(self).__name__}.build(): expected a tvb.simulator.simulator.Simulator in self.simulator, "
                f"got {self.simulator!r}"
            )
        self._built = self.simulator
        with suppress(Invalid):
            self._record(0.0, WARM_UP_STEPS * self.simulator.integrator.dt, seed=1)

    def reset(self, trial: Trial) -> None:
        """A fresh copy of what was built."""
        self._trial = trial
        self.simulator = copied(self._built)

    def version(self) -> str:
        """The versions of TVB and, where it is installed, of the package that its connectivities come from."""
        try:
            data = f", tvb-data {version('tvb-data')}"
        except PackageNotFoundError:
            data = ""
        try:
            return f"TVB {version('tvb-library')}{data}"
        except PackageNotFoundError:
            raise MissingPart("TVB", REMEDY) from None

    # --- what models use ---

    def run(self, duration: float | None = None, *, warmup: float = 0.0, seed: int | None = None) -> list[Recording]:
        """Simulate `self.simulator` as it is set now, from fresh initial conditions.

        It works on a copy, so that a second run in one trial begins as the first did.

        Args:
            duration: Recorded time in ms; `self.simulator.simulation_length` unless given.
            warmup: Time before that, ms.
            seed: Of noise and initial conditions, from 0 to 2**32 - 1; the trial's unless given.

        Returns:
            What was recorded, in the order of `self.simulator.monitors`.

        Raises:
            Invalid: The model diverged, or its conduction speed is not above 0.
            OptionError: The period of a monitor is no whole number of time steps, a BOLD monitor wants another time
                step, or nothing was recorded.
        """
        length = self.simulator.simulation_length if duration is None else duration
        check_number(self, "duration", length, above=0.0)
        check_number(self, "warmup", warmup, least=0.0)
        if seed is None:
            if self._trial is None:
                raise OptionError(f"{type(self).__name__}: run() outside a trial: expected a seed, got none")
            seed = self._trial.seed
        found = self._record(warmup, length, seed)
        for one, monitor in zip(found, self.simulator.monitors, strict=True):
            if not one.times.size:
                raise OptionError(
                    f"{type(self).__name__}: {type(monitor).__name__} recorded nothing in {length:g} ms; expected a "
                    f"period of at most that, got {monitor.period:g} ms"
                )
        return found

    def make(self, kind: str, name: str, parameters: Mapping[str, ArrayLike] | None = None) -> Any:
        """A model, coupling, monitor, integrator or noise, by its name in TVB.

        Args:
            kind: Which of these.
            name: Of its class, "Generic2dOscillator".
            parameters: Name → number, or one number for each region.

        Raises:
            OptionError: There is none of that name, no such parameter, or it cannot have that value.
        """
        owner = type(self).__name__
        known = names(kind)
        if name not in known:
            raise OptionError(f"{owner}: {near(name, known, kind)}")
        found = getattr(importlib.import_module(f"tvb.simulator.{KINDS[kind]}"), name)
        values = {}
        for parameter, value in (parameters or {}).items():
            if parameter not in found.declarative_attrs:
                raise OptionError(
                    f"{owner}: {kind} {name}: {near(parameter, sorted(found.declarative_attrs), 'parameter')}"
                )
            is_array = type(getattr(found, parameter)).__name__ == "NArray"
            values[parameter] = np.atleast_1d(np.asarray(value)) if is_array else value
        try:
            return found(**values)
        except Exception as error:
            raise OptionError(f"{owner}: {kind} {name}: {' '.join(str(error).split())}, got {dict(values)}") from error

    def connectivity(self, source: int | Path = 76) -> Any:
        """A connectivity, configured, with weights as in its file.

        Args:
            source: The number of regions of one that tvb-data has, or a file as TVB reads it (zip or h5).

        Raises:
            MissingPart: It is one of tvb-data's, which is not installed.
            NotFoundError: There is no such file.
            OptionError: tvb-data has none of that size, or the file does not parse.
        """
        from tvb.datatypes.connectivity import Connectivity

        path = source if isinstance(source, Path) else self._shipped(source)
        if not path.is_file():
            raise NotFoundError(f"{type(self).__name__}: {path}: expected a file with a connectivity, there is none")
        try:
            connectivity = Connectivity.from_file(str(path.absolute()))
            connectivity.configure()
        except Exception as error:
            raise OptionError(
                f"{type(self).__name__}: {path}: expected a connectivity as TVB reads it, zip or h5, "
                f"got: {type(error).__name__}: {error}"
            ) from error
        return connectivity

    def regions(self, connectivity: Any, labels: Sequence[str]) -> NDArray[np.int64]:
        """The numbers of regions, from 0.

        Raises:
            OptionError: A label is not in the connectivity; names the near ones.
        """
        known = [str(label) for label in connectivity.region_labels]
        for label in labels:
            if label not in known:
                raise OptionError(f"{type(self).__name__}: {near(label, known, 'region')}")
        return np.array([known.index(label) for label in labels], dtype=np.int64)

    def _shipped(self, regions: int) -> Path:
        try:
            data = importlib.import_module("tvb_data.connectivity")
        except ModuleNotFoundError:
            raise MissingPart("tvb-data", REMEDY) from None
        folder = Path(str(data.__file__)).parent
        known = sorted(int(path.stem.partition("_")[2]) for path in folder.glob("connectivity_[0-9]*.zip"))
        if regions not in known:
            raise OptionError(
                f"{type(self).__name__}: connectivity: expected a file, or as many regions as one of tvb-data has "
                f"({', '.join(map(str, known))}), got {regions!r}"
            )
        return folder / f"connectivity_{regions}.zip"

    # --- a simulation ---

    def _record(self, warmup: float, length: float, seed: int) -> list[Recording]:
        simulator = copied(self.simulator)
        self._check(simulator)
        seeded(simulator, seed)
        dt = float(simulator.integrator.dt)
        end = warmup + length
        steps = math.ceil(end / dt - TOLERANCE)  # of 0.3 ms at 0.1 ms three: TVB would round 3.0000000000000004 up
        found: list[list[tuple[float, NDArray[np.float64]]]] = [[] for _ in simulator.monitors]
        with np.errstate(all="ignore"):  # a model that diverges is found below, by its values
            _configure(simulator)
            reaches = [window(monitor) / 2.0 for monitor in simulator.monitors]
            for output in simulator(simulation_length=steps * dt, n_steps=steps):
                for number, one in enumerate(output):
                    if one is None:
                        continue
                    time, values = one
                    if not np.isfinite(values).all():
                        raise Invalid(f"diverged: {type(simulator.monitors[number]).__name__} at {time:g} ms")
                    if _is_within(time, reaches[number], warmup, end, TOLERANCE * dt):
                        found[number].append((time, values))
        return [
            Recording(np.array([time for time, _ in samples]), np.array([values for _, values in samples]))
            for samples in found
        ]

    def _check(self, simulator: Any) -> None:
        """Refuse what TVB would turn into a division by zero, into delays of any length, or into other times."""
        speed = np.asarray(simulator.connectivity.speed)
        if not (speed > 0.0).all():
            raise Invalid(f"conduction speed: expected above 0 mm/ms, got {speed.min():g}")
        unused = type(simulator).conduction_speed.default
        if simulator.conduction_speed != unused:
            raise OptionError(
                f"{type(self).__name__}: expected the conduction speed in connectivity.speed, "
                f"got {simulator.conduction_speed:g} mm/ms in Simulator.conduction_speed, which has no effect in TVB"
            )
        fit_monitors(type(self).__name__, simulator)


def names(kind: str) -> list[str]:
    """What TVB has of a kind; abstract classes left out.

    Args:
        kind: One of `KINDS`.
    """
    module = importlib.import_module(f"tvb.simulator.{KINDS[kind]}")
    if kind == "model":
        return sorted(one.value for one in module.ModelsEnum if one.value != "Model")
    base = getattr(module, kind.capitalize())
    found = {name: one for name, one in vars(module).items() if isinstance(one, type) and issubclass(one, base)}
    return sorted(name for name, one in found.items() if one is not base and not inspect.isabstract(one))


def seeded(simulator: Any, seed: int) -> None:
    """Let all that is random in a simulation follow from a seed: TVB's defaults are 42 and the global generator.

    The noise is that of `noise_seed=seed`. The initial history and the noise of each monitor's sensors have streams of
    their own, so that none of them depends on how much another one draws.

    Args:
        simulator: A tvb.simulator.simulator.Simulator, not yet configured.
        seed: From 0 to 2**32 - 1.
    """
    integrator, model = simulator.integrator, simulator.model
    if hasattr(integrator, "noise"):
        integrator.noise.noise_seed = seed
        integrator.noise.reset_random_stream()
    on_surface = simulator.surface is not None
    model.initial_for_simulator = lambda integrator, shape: _history(model, integrator.dt, shape, seed, on_surface)
    for number, monitor in enumerate(simulator.monitors):
        noise = getattr(monitor, "obsnoise", None)
        if noise is not None:
            noise.noise_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
            noise.reset_random_stream()


def _history(model: Any, dt: float, shape: tuple[int, ...], seed: int, on_surface: bool) -> NDArray[np.float64]:
    """Initial conditions whose part of any moment is the same, however far back they go.

    Returns:
        Shape (time steps, state variables, regions, modes), as TVB reads it: the present, then from the most distant
        past on.
    """
    stream = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed, spawn_key=(HISTORY,))))
    draws = [model.initial(dt, (1, *shape[1:]), stream)[0] for _ in range(shape[0])]
    history = np.array([draws[-step] for step in range(shape[0])])
    if on_surface:
        history[-1] = history[0]  # TVB lets a surface begin with the last one
    return history


def _configure(simulator: Any) -> None:
    """Configure a simulator, and let it begin at time 0.

    With initial conditions of n time steps TVB would begin at step n - 1: within a period of a monitor, whose first
    sample then averages what there was not. Of more time steps than the longest delay has it takes the wrong present.
    """
    simulator.current_step = 0
    if simulator.initial_conditions is not None:
        connectivity = simulator.connectivity
        connectivity.configure()
        connectivity.set_idelays(simulator.integrator.dt)
        simulator.initial_conditions = simulator.initial_conditions[-connectivity.horizon :]
    simulator.configure()
    if simulator.current_step:
        history = simulator.history
        history.buffer = np.roll(history.buffer, -simulator.current_step, axis=0)
        simulator.current_step = 0


def _is_within(time: float, reach: float, begin: float, end: float, tolerance: float) -> bool:
    """Whether a sample lies after `begin`, as does all that it averages, and not after `end`."""
    first = time - reach if reach else time - 2.0 * tolerance  # a single time step at `begin` belongs to the warm-up
    return first >= begin - tolerance and time + reach <= end + tolerance
