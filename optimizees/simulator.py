"""What the adapters of simulators share: the order of a trial, and checks that modellers otherwise write again."""

import importlib
import math
from abc import abstractmethod
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l2l.errors import Invalid, MissingPart, OptionError
from l2l.individual import Individual
from l2l.optimizee import Optimizee
from l2l.values import Outcome, Trial


class Simulator(Optimizee):
    """Base of the adapters: `build` a model once, then for each trial `set_parameters` and `measure`.

    An adapter, itself a base class for modellers, implements `start` and `reset` for its simulator. A model implements
    the three hooks. What a trial does must follow from the individual and the trial alone, whatever ran before it in
    this process: that is what `reset` is for, and where it cannot bring back the model as built it builds anew.
    """

    _ready: bool = False

    def setup(self) -> None:
        """Start the simulator and build the model, once in each evaluating process."""
        self.start()
        self._ready = True

    def simulate(self, individual: Individual, trial: Trial) -> Any:
        """Reset the model, give it the individual's parameters, run it and read it out."""
        if not self._ready:
            self.setup()
        self.reset(trial)
        self.set_parameters(individual, trial)
        return self.measure(individual, trial)

    @abstractmethod
    def start(self) -> None:
        """Import the simulator, make it quiet, and build what is kept between trials."""

    @abstractmethod
    def reset(self, trial: Trial) -> None:
        """Bring the model back to where `build` left it, with the trial's seed and threads."""

    @abstractmethod
    def build(self) -> None:
        """Make the model; the adapter says how often."""

    @abstractmethod
    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        """Give the model the individual's parameters."""

    @abstractmethod
    def measure(
        self, individual: Individual, trial: Trial
    ) -> float | tuple[float, ...] | Mapping[str, float] | Outcome:
        """Run the model and return its fitness, as `simulate` of any optimizee does."""


def imported(module: str, part: str, extra: str) -> ModuleType:
    """A simulator's module.

    Args:
        module: Its dotted name, "tvb.simulator.lab".
        part: What users call it, "TVB".
        extra: The extra of this package that installs it, "tvb".

    Raises:
        MissingPart: It is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise MissingPart(part, f"pip install 'l2l[{extra}]'") from None


def finite(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """The values as an array, if all of them are numbers.

    Raises:
        Invalid: The simulation diverged; says which recording and where.
    """
    array = np.asarray(values, dtype=np.float64)
    wrong = ~np.isfinite(array)
    if wrong.any():
        first = int(np.flatnonzero(wrong.ravel())[0])
        raise Invalid(f"diverged: {name} is {array.ravel()[first]} at sample {first} of {array.size}")
    return array


def check_number(
    owner: object,
    name: str,
    number: float,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    most: float = math.inf,
) -> None:
    """Refuse an option out of its range.

    Raises:
        OptionError: Names the class and the option, what was expected and what came.
    """
    if above < number <= most and number >= least and math.isfinite(number):
        return
    limits = [
        text
        for text, limit in ((f"above {above:g}", above), (f"at least {least:g}", least), (f"at most {most:g}", most))
        if math.isfinite(limit)
    ]
    wanted = f" {' and '.join(limits)}" if limits else ""
    raise OptionError(f"{type(owner).__name__}: option {name!r}: expected a finite number{wanted}, got {number!r}")


def check_step(owner: object, duration: float, dt: float, every: float) -> int:
    """How many samples a recording has, from time 0 on and without one at its end; all times in ms.

    Raises:
        OptionError: A time is not above 0, or the time step does not divide the time between samples.
    """
    for name, time in (("duration", duration), ("dt", dt), ("every", every)):
        check_number(owner, name, time, above=0.0)
    if not whole_steps(every, dt):
        raise OptionError(
            f"{type(owner).__name__}: expected samples every whole number of steps of {dt} ms, got {every} ms"
        )
    return max(1, math.ceil(duration / every - 1e-6))


def whole_steps(time: float, step: float) -> int | None:
    """How many time steps a time has; None where it is no whole number of them.

    Args:
        time: In the unit of `step`.
        step: Above 0; the time may miss its grid by a millionth of it, as floats do.

    Example:
        >>> whole_steps(0.3, 0.1), whole_steps(2.5, 1.0)
        (3, None)
    """
    steps = round(time / step)
    return steps if abs(time / step - steps) <= 1e-6 else None


def check_on_grid(owner: object, name: str, time: float, step: float) -> int:
    """Refuse a time that a simulator would round to its time steps without a word.

    Args:
        owner: The optimizee.
        name: Of the option.
        time: Its value, ms.
        step: Time step, ms.

    Returns:
        How many time steps it has.

    Raises:
        OptionError: It is no whole number of them; names the nearest ones.
    """
    steps = whole_steps(time, step)
    if steps is None:
        below = int(time / step) * step
        raise OptionError(
            f"{type(owner).__name__}: option {name!r}: expected whole time steps of {step:g} ms, got {time:g} ms; "
            f"{below:g} and {below + step:g} ms are the nearest"
        )
    return steps


def sample_times(samples: int, every: float) -> NDArray[np.float64]:
    """The times of samples from 0 on, ms."""
    return np.asarray(every * np.arange(samples), dtype=np.float64)


def sampled(
    name: str, times: ArrayLike, values: ArrayLike, wanted: NDArray[np.float64], dt: float
) -> NDArray[np.float64]:
    """The values of a recording at the times that are wanted, by the times that the simulator says.

    Args:
        name: What was recorded, for the error.
        times: (n,), rising, ms: when the simulator took each value.
        values: (n,).
        wanted: (m,), rising, ms.
        dt: Time step, ms.

    Raises:
        RuntimeError: There is none at one of these times. Nothing is put in its place: the value of the step before
            may be another one by tens of mV.
    """
    labels, found = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if not labels.size:
        raise RuntimeError(f"recording of {name}: expected {wanted.size} samples, got none")
    after = np.minimum(np.searchsorted(labels, wanted), labels.size - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(np.abs(labels[before] - wanted) <= np.abs(labels[after] - wanted), before, after)
    off = np.abs(labels[nearest] - wanted)
    # Simulators add up their time step, so their times are off by rounding alone: 2e-7 ms after a million steps.
    if off.max() > _SAME_TIME * dt:
        worst = int(off.argmax())
        raise RuntimeError(
            f"recording of {name}: expected a sample at {wanted[worst]:.9g} ms, the nearest is at "
            f"{labels[nearest[worst]]:.9g} ms"
        )
    return found[nearest]


_SAME_TIME = 1e-3  # in time steps
