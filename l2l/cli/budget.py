"""What an experiment may cost at most: trials, core hours, bytes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from l2l.display.tables import cell, duration

if TYPE_CHECKING:
    from l2l.experiment import Experiment
    from l2l.optimizer import Optimizer
    from l2l.space import ParameterSpace

_EMPTY = 600_000
"""Bytes of an archive in which little is: each column has a first block."""
_OF_AN_INDIVIDUAL, _OF_A_TRIAL = 16, 96
"""Bytes of the archive beside parameters, fitness and observables."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What an experiment may cost.

    Args:
        experiment: To be run.
        space: Narrowed.
        optimizer: Fresh.
        slots: Trials at once.
        seconds: Of a trial; None where nobody knows.
    """

    experiment: "Experiment"
    space: "ParameterSpace"
    optimizer: "Optimizer"
    slots: int
    seconds: float | None = None

    def taking(self, seconds: float) -> "Budget":
        """The same, with what a trial takes."""
        return replace(self, seconds=seconds)

    def lines(self) -> Iterator[tuple[str, str]]:
        """Name and text of what is to be said."""
        yield "budget", self._budget()
        most, timeout = self.trials, self.experiment.resources.timeout
        if most is None:
            return
        if self.seconds is not None:
            yield "time", self._time(most, self.seconds)
        elif timeout:
            hours = self._core_hours((most + self.fresh) * (1 + self.experiment.retries), timeout)
            yield "core hours", f"at most {hours:.3g}, were every trial to take all its time"
        yield "disk", self._disk(most)

    @property
    def trials(self) -> int | None:
        """The most that the rules and the optimizer allow, before a validation; None where they name no number."""
        stop, each = self.experiment.stop, self.experiment.trials_per_individual
        population, total = self.optimizer.population, self.optimizer.total
        limits = []
        if stop.generations is not None:
            limits.append(stop.generations * population * each)
        if stop.individuals is not None:
            limits.append(_up(stop.individuals, population) * each)
        if stop.trials is not None:
            limits.append(_up(stop.trials, population * each))
        if total is not None:
            limits.append(total * each)
        return min(limits, default=None)

    @property
    def fresh(self) -> int:
        """Trials of the validation at the end."""
        rules = self.experiment.validation
        return rules.best * rules.trials if rules else 0

    def _budget(self) -> str:
        stop, each = self.experiment.stop, self.experiment.trials_per_individual
        most, optimizer = self.trials, self.optimizer
        sizes = f"{optimizer.population} individuals × {each} trial{'s' * (each > 1)}"
        text = f"generations of {sizes}"
        if optimizer.total is not None:
            text += f", {optimizer.total} individuals in all"
        if stop.generations is not None:
            text = f"up to {stop.generations} generations × {sizes}"
        if most is not None:
            text += f" = {most} trials at most"
        if self.fresh:
            text += f", then {self.fresh} of the validation"
        rules = [
            f"{name} {duration(value) if name == 'walltime' else cell(value)}"
            for name in ("target", "individuals", "trials", "stagnation", "walltime")
            if (value := getattr(stop, name)) is not None
        ]
        text += f"; ends earlier at {' or '.join(rules)}" if rules else ""
        if stop.generations is None and not rules:
            text += "; ends when the optimizer finishes"
        return text

    def _core_hours(self, trials: int, seconds: float) -> float:
        resources = self.experiment.resources
        return trials * seconds * resources.threads * resources.ranks / 3600

    def _time(self, trials: int, seconds: float) -> str:
        import time

        from l2l.allocation import job_end

        whole = self._rounds(trials) * seconds
        total = trials + self.fresh
        hours = self._core_hours(total, seconds)
        text = f"all {total} trials at {seconds:.3g} s each: {duration(whole)}, {hours:.3g} core hours"
        if end := job_end():
            left = max(0.0, end - time.time())
            text += f"; this job has {duration(left)} left" + (", too little for all" if left < whole else "")
        return text

    def _rounds(self, trials: int) -> float:
        """Trials one after the other: a generation waits for its last, and the validation for the last generation."""
        generation = self.optimizer.population * self.experiment.trials_per_individual
        validation = -(-self.fresh // self.slots)
        if self.optimizer.steady_state:
            return trials / min(self.slots, generation) + validation
        whole, rest = divmod(trials, generation)
        return whole * -(-generation // self.slots) + -(-rest // self.slots) + validation

    def _disk(self, trials: int) -> str:
        """Files and bytes that stay, from the columns of the archive."""
        experiment = self.experiment
        observables = experiment.optimizee.observables
        fixed = [one for one in observables.values() if not one.ragged]
        objectives = len(experiment.optimizee.objectives)
        width = sum(_size(parameter.shape) for parameter in self.space.parameters.values())
        conditional = sum(parameter.when is not None for parameter in self.space.parameters.values())
        of_an_individual = _OF_AN_INDIVIDUAL + 8 * width + conditional + 16 * objectives
        of_a_trial = _OF_A_TRIAL + 8 * objectives + sum(_size(one.shape) * one.dtype.itemsize for one in fixed)
        individuals = trials // experiment.trials_per_individual
        size = _EMPTY + individuals * of_an_individual + (trials + self.fresh) * of_a_trial
        text = f"about {_bytes(size)} in {4 + self.slots} files, and as much again for the journal while it runs"
        if len(fixed) < len(observables):
            text += "; observables of varying length come on top"
        kept = {"failures": "of failed trials", "best": "of the best individual", "all": "of all trials", "none": ""}
        folders = kept[experiment.keep]
        return text + (f"; private folders {folders} stay (keep: {experiment.keep})" if folders else "")


def _up(number: int, step: int) -> int:
    return -(-number // step) * step


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for one in shape:
        size *= one
    return size


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
