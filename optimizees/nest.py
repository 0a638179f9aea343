"""NEST as an inner loop: the base class of models of spiking networks.

NEST: M.-O. Gewaltig and M. Diesmann (2007), NEST (NEural Simulation Tool), Scholarpedia 2(4), 1430,
doi:10.4249/scholarpedia.1430.
"""

import math
import os
import sys
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import Invalid, OptionError, near
from l2l.individual import Individual
from l2l.optimizees.simulator import Simulator, check_number, check_on_grid, finite, imported, whole_steps
from l2l.values import Trial

CHUNK = 20.0
"""Milliseconds between two looks at whether the network explodes."""

SAME = 1e-6
"""Milliseconds by which floats of one time may differ; NEST counts time in steps of at least 0.001 ms."""

RANK_OF_A_JOB = ("PMI_RANK", "PMIX_RANK")
"""Variables by which NEST takes itself for one of several ranks."""


class NestError(RuntimeError):
    """What NEST refused, as text: NEST's own exceptions cannot travel between processes."""


class NestOptimizee(Simulator):
    """Base of models in NEST: `build` the network, `set_parameters`, `measure`.

    NEST has one kernel a process and draws connections and noise from its one seed, so a trial is repeated bit for bit
    only from a fresh kernel: each trial resets it, with the trial's seed and threads, and calls `build` again. What
    costs more than a network, such as reading data or importing, belongs in `prepare`, which runs once a process; it
    may simulate too. A model whose structure depends on the individual makes that part in `set_parameters`.

    `self.nest` is the module `nest`. Another number of threads is another realization of the same seed.

    All that NEST draws comes from one stream, so what is drawn first decides what comes later. Individuals of one seed
    have the same connections and initial values where their parameters do not change how much is drawn for them; where
    they do, as a number of synapses does, call `draw` before what is to be the same. A Poisson process of another rate
    takes another number of draws: it is the same process only where its rate is the same.

    NEST rounds a refractory time up to whole time steps, and a delay to the nearest one.

    Example:
        >>> from l2l import Minimize, ParameterSpace, Real
        >>> class Neuron(NestOptimizee):
        ...     space = ParameterSpace(I_e=Real(300.0, 900.0, unit="pA"))
        ...     objectives = (Minimize("error"),)
        ...     def build(self):
        ...         self.neuron = self.nest.Create("iaf_psc_alpha")
        ...         self.recorder = self.nest.Create("spike_recorder")
        ...         self.nest.Connect(self.neuron, self.recorder)
        ...     def set_parameters(self, individual, trial):
        ...         self.neuron.I_e = individual["I_e"]
        ...     def measure(self, individual, trial):
        ...         self.run(500.0)
        ...         times, _ = self.spikes(self.recorder)
        ...         return abs(2.0 * times.size - 20.0)
    """

    resolution: float = 0.1
    """Time step, ms."""
    max_rate: float = math.inf
    """Mean rate in spikes/s over a chunk of a `run` beyond which the watched neurons explode."""
    modules: tuple[str, ...] = ()
    """Extension modules (NESTML, "mymodule") that each trial installs before `build`."""

    stochastic = True
    _nest: Any = None
    _end: float = math.inf

    @property
    def nest(self) -> Any:
        """The module `nest`; there from `prepare` on."""
        return self._nest

    # --- what a model says ---

    def prepare(self) -> None:
        """Once in each evaluating process, with NEST imported and its kernel fresh: what all trials share."""

    @abstractmethod
    def build(self) -> None:
        """Make the network in a fresh kernel; for each trial anew."""

    # --- the order of things ---

    def setup(self) -> None:
        """Import NEST, make it quiet and prepare the model."""
        with errors_as_text(lambda: self._nest):
            super().setup()

    def start(self) -> None:
        """Import NEST and make it quiet; then `prepare`."""
        self._nest = imported_nest()
        fresh_kernel(self._nest, self.resolution, modules=self.modules)
        self.prepare()

    def reset(self, trial: Trial) -> None:
        """A fresh kernel with the trial's seed and threads, and in it the network as built."""
        fresh_kernel(self._nest, self.resolution, trial.seed, trial.resources.threads, self.modules)
        self._end = math.inf
        self.build()

    def simulate(self, individual: Individual, trial: Trial) -> Any:
        """Build the network, give it the individual's parameters, run it and read it out.

        Raises:
            Invalid: The network is silent, explodes or diverges.
            NestError: NEST refused something, in its words.
        """
        with errors_as_text(lambda: self._nest):
            return super().simulate(individual, trial)

    def version(self) -> str:
        """NEST's version, which decides what a seed means."""
        return f"NEST {imported_nest().__version__}"

    def teardown(self) -> None:
        """Give back the memory of the last network."""
        if self._nest is not None:
            self._nest.ResetKernel()

    # --- what models share ---

    def draw(self, trial: Trial, what: str) -> None:
        """Draw from here on from a stream of its own, whatever was drawn before.

        Args:
            trial: Whose seed decides the stream.
            what: Is drawn, such as "noise"; another text is another stream.
        """
        words = np.frombuffer(what.encode(), dtype=np.uint8).tolist()
        seed = np.random.SeedSequence([trial.seed, *words]).generate_state(1)[0]
        self._nest.rng_seed = max(1, int(seed))  # 0 is none

    def run(self, duration: float, neurons: Any = None, *, complete: bool = False) -> None:
        """Simulate, chunk by chunk where neurons are watched, so that an explosion ends before it costs time.

        Where NEST rewires a network, another length of chunks is another realization of the seed.

        Args:
            duration: In ms, whole time steps.
            neurons: Those whose number turns spikes into a rate (all that spike, parrots too, count); None watches
                nothing.
            complete: Run for one minimal delay more, for NEST hands over only then what multimeters recorded in the
                last minimal delay of the duration. `spikes`, `recorded` and `times` leave out what came after it.

        Raises:
            Invalid: Their mean rate over 20 ms was above `max_rate`.
            OptionError: The duration is no whole number of time steps.
        """
        resolution = float(self._nest.resolution)
        total, done = check_on_grid(self, "duration", duration, resolution), 0
        watched = neurons is not None and math.isfinite(self.max_rate)
        chunk = max(1, round(CHUNK / resolution)) if watched else total
        begin = float(self._nest.biological_time)
        self._end = begin + (total + 0.5) * resolution if complete else math.inf
        with self._nest.RunManager():
            while done < total:
                steps = min(chunk, total - done)
                self._nest.Run(steps * resolution)
                done += steps
                if not watched:
                    continue
                rate = self._nest.local_spike_counter / len(neurons) / (max(steps * resolution, CHUNK) / 1000.0)
                if rate > self.max_rate:
                    raise Invalid(
                        f"exploding: {rate:.0f} spikes/s after {begin + done * resolution:g} ms, "
                        f"max_rate is {self.max_rate:g}"
                    )
            if complete:
                self._nest.Run(float(self._nest.min_delay))

    def spikes(self, recorder: Any, *, after: float = 0.0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """What a spike recorder has recorded.

        Args:
            recorder: A `spike_recorder`.
            after: Leave out what came until then, such as a warm-up, ms.

        Returns:
            Times since `after` in ms and node numbers of the senders, (n,) each, in the order recorded.

        Raises:
            Invalid: Nothing: "silent".
        """
        events = recorder.events
        # A time that is computed, such as 2000 · 0.1 ms, may be a float below NEST's own.
        kept = (events["times"] > after + SAME) & (events["times"] < self._end)
        if not kept.any():
            raise Invalid("silent")
        return events["times"][kept] - after, events["senders"][kept]

    def recorded(self, recorder: Any, name: str = "V_m") -> NDArray[np.float64]:
        """What a multimeter has recorded, if all of it are numbers.

        NEST hands over the last minimal delay of a run with the next one: see `complete` of `run`, and `times`.

        Args:
            recorder: A `multimeter` or `voltmeter`.
            name: Of what it records.

        Raises:
            Invalid: Something is NaN or infinite: NEST goes on simulating where a state diverged.
        """
        events = recorder.events
        return finite(name, events[name][events["times"] < self._end])

    def times(self, recorder: Any) -> NDArray[np.float64]:
        """When each value of `recorded` was recorded, as NEST says, ms.

        Args:
            recorder: A `multimeter` or `voltmeter`.
        """
        times: NDArray[np.float64] = np.asarray(recorder.events["times"], dtype=np.float64)
        return times[times < self._end]


def check_resolution(owner: object, resolution: float, most: float = 1.0) -> None:
    """Refuse a time step of which 1 ms is no multiple, for models whose delays and refractory times are whole ms.

    Raises:
        OptionError: NEST would round these times to others.
    """
    check_number(owner, "resolution", resolution, above=0.0, most=most)
    if whole_steps(1.0, resolution) is None:
        raise OptionError(
            f"{type(owner).__name__}: option 'resolution': expected a time step that divides 1 ms, such as 0.1, 0.2 or "
            f"0.5 ms, got {resolution:g} ms; NEST would round delays and refractory times"
        )


def fresh_kernel(
    nest: Any, resolution: float, seed: int | None = None, threads: int = 1, modules: tuple[str, ...] = ()
) -> None:
    """Reset NEST's kernel, and make it quiet.

    Args:
        nest: The module.
        resolution: Time step, ms.
        seed: 1 … 2**32-1; None leaves NEST's own.
        threads: Another number of them is another realization of the seed.
        modules: Extension modules to install.
    """
    nest.verbosity = nest.VerbosityLevel.QUIET  # not reset with the kernel; C++ writes behind Python's back
    nest.ResetKernel()
    for module in modules:
        nest.Install(module)
    nest.resolution = resolution
    nest.local_num_threads = threads
    if seed is not None:
        nest.rng_seed = seed


def imported_nest() -> Any:
    """The module `nest`, quiet, and without what its import does to the process around it.

    Raises:
        MissingPart: NEST is not installed.
    """
    os.environ.setdefault("PYNEST_QUIET", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that spin make an oversubscribed machine crawl
    if "nest" in sys.modules:
        return sys.modules["nest"]
    flags = sys.getdlopenflags()
    try:
        with _alone():
            return imported("nest", "NEST", "nest")
    finally:
        sys.setdlopenflags(flags)  # NEST leaves RTLD_GLOBAL: later libraries would take each other's symbols


@contextmanager
def _alone() -> Iterator[None]:
    """Hide from a NEST without MPI that this process is one of several ranks: it would exit.

    Each rank is a worker that simulates trials of its own, for which it needs no MPI.
    """
    hidden = {name: os.environ[name] for name in RANK_OF_A_JOB if name in os.environ}
    if not hidden or _has_mpi():
        yield
        return
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def _has_mpi() -> bool:
    """Whether the NEST that would be imported was built with MPI; it says so only once it is imported."""
    from importlib.util import find_spec

    found = find_spec("nest")
    folders = (found and found.submodule_search_locations) or ()
    return any(b"MPI_Init" in one.read_bytes() for folder in folders for one in Path(folder).glob("*.so"))


@contextmanager
def errors_as_text(nest_of: Callable[[], Any]) -> Iterator[None]:
    """Turn what NEST raises into exceptions that travel between processes; `nest_of` gives the module, if there."""
    try:
        yield
    except Exception as error:
        nest = nest_of()
        if nest is None or not isinstance(error, nest.NESTError):
            raise
        kind, said = type(error).__name__, " ".join(str(error).split())
        if kind in ("NumericalInstability", "GSLSolverFailure"):
            raise Invalid(f"diverged: {said}") from error
        raise NestError(f"{kind}: {said}{_hint(nest, kind, said)}") from error


def _hint(nest: Any, kind: str, said: str) -> str:
    """The near names, where NEST does not know one."""
    if kind == "UnknownModelName":
        return f" There is {near(said.partition(' ')[0], nest.node_models, 'model')}"
    if kind == "UnknownSynapseType" and "name " in said:
        name = said.partition("name ")[2].partition(" ")[0]
        return f" There is {near(name, nest.synapse_models, 'synapse model')}"
    return ""
