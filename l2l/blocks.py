"""Trials and evaluations in blocks of columns: each becomes an object once somebody looks at it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, repeat
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from l2l.individual import Individual
from l2l.seeding import Words, as_ints, as_words
from l2l.space import Individuals
from l2l.values import MEASURES, Evaluation, Failure, Resources, Status, Trial

Ints = NDArray[np.int64]


class TrialBlock(Sequence[Trial]):
    """Trials as columns; k of them, which never change.

    Args:
        individuals: (k,) of each trial.
        individual: (k,) their numbers.
        number: (k,) of each trial.
        attempt: (k,) how often each was tried before.
        entropy: (k, 4) words, least significant first.
        resources: Of all.
        root: Where their private folders are made.
        validation: Whether they are fresh trials of winners.
    """

    __slots__ = ("attempt", "entropy", "individual", "individuals", "number", "resources", "root", "validation")

    def __init__(
        self,
        individuals: Sequence[Individual],
        *,
        individual: Ints,
        number: Ints,
        attempt: Ints,
        entropy: Words,
        resources: Resources,
        root: Path | None,
        validation: bool = False,
    ) -> None:
        self.individuals = individuals
        self.individual = individual
        self.number = number
        self.attempt = attempt
        self.entropy = entropy
        self.resources = resources
        self.root = root
        self.validation = validation

    def __len__(self) -> int:
        return len(self.individual)

    @overload
    def __getitem__(self, place: int) -> Trial: ...
    @overload
    def __getitem__(self, place: slice) -> "TrialBlock": ...
    def __getitem__(self, place: int | slice) -> "Trial | TrialBlock":
        """A trial for an integer; for a slice a block of the same columns."""
        if isinstance(place, slice):
            return self._with(self.individuals[place], place)
        row = range(len(self))[place]
        return next(iter(self[row : row + 1]))

    def taken(self, places: Ints) -> "TrialBlock":
        """Those at some places, in their order."""
        individuals = self.individuals
        if isinstance(individuals, Individuals):
            return self._with(individuals.taken(places), places)
        return self._with([individuals[place] for place in places.tolist()], places)

    def _with(self, individuals: Sequence[Individual], places: Any) -> "TrialBlock":
        return TrialBlock(
            individuals,
            individual=self.individual[places],
            number=self.number[places],
            attempt=self.attempt[places],
            entropy=self.entropy[places],
            resources=self.resources,
            root=self.root,
            validation=self.validation,
        )

    def __iter__(self) -> Iterator[Trial]:
        resources, root, validation = self.resources, self.root, self.validation
        columns = (self.number.tolist(), as_ints(self.entropy), self.individual.tolist(), self.attempt.tolist())
        for individual, number, entropy, index, attempt in zip(self.individuals, *columns, strict=True):
            yield Trial(individual, number, entropy, index, attempt, resources, root, validation=validation)

    def __repr__(self) -> str:
        return f"TrialBlock({len(self)} trials)"

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""
        individuals = self.individuals
        return individuals.names if isinstance(individuals, Individuals) else tuple(individuals[0])


def blocks_of(trials: Sequence[Trial]) -> list[TrialBlock]:
    """Trials as blocks in their order; in each all have the same parameters, the same root and the same purpose."""
    if isinstance(trials, TrialBlock):
        return [trials] if len(trials) else []
    return [_block(list(some)) for _, some in groupby(trials, _kind)]


def _kind(trial: Trial) -> Any:
    return tuple(trial.individual), trial.root, trial.validation, trial.resources


def _block(trials: Sequence[Trial]) -> TrialBlock:
    first = trials[0]
    return TrialBlock(
        [one.individual for one in trials],
        individual=np.array([one.index for one in trials], dtype=np.int64),
        number=np.array([one.number for one in trials], dtype=np.int64),
        attempt=np.array([one.attempt for one in trials], dtype=np.int64),
        entropy=np.stack([as_words(one.entropy) for one in trials]),
        resources=first.resources,
        root=first.root,
        validation=first.validation,
    )


class EvaluationBlock(Sequence[Evaluation]):
    """Evaluations as columns; k of them, with m objectives.

    Args:
        individual, number, attempt: (k,) of the trials.
        status: (k,).
        fitness: (k, m), NaN where it failed.
        measures: Name → (k,) of each of `MEASURES`.
        host: (k,) places among the `hosts`.
        hosts: Where they ran.
        process: (k,) numbers of the evaluating processes.
        used_directory: (k,) whether each made its private folder.
        observables: (k,) name → value, or empty where no trial has any.
        failures: Row → why it has no fitness.
    """

    __slots__ = (
        "attempt",
        "failures",
        "fitness",
        "host",
        "hosts",
        "individual",
        "measures",
        "number",
        "observables",
        "process",
        "status",
        "used_directory",
    )

    def __init__(
        self,
        *,
        individual: Ints,
        number: Ints,
        attempt: Ints,
        status: NDArray[np.int8],
        fitness: NDArray[np.float64],
        measures: Mapping[str, NDArray[Any]],
        host: NDArray[np.int16],
        hosts: Sequence[str],
        process: Ints,
        used_directory: NDArray[np.bool_],
        observables: Sequence[Mapping[str, NDArray[Any]]] = (),
        failures: Mapping[int, Failure] = {},
    ) -> None:
        self.individual = individual
        self.number = number
        self.attempt = attempt
        self.status = status
        self.fitness = fitness
        self.measures = measures
        self.host = host
        self.hosts = hosts
        self.process = process
        self.used_directory = used_directory
        self.observables = observables
        self.failures = failures

    @classmethod
    def of(cls, evaluations: Sequence[Evaluation], objectives: int) -> "EvaluationBlock":
        """Evaluations as a block.

        Args:
            evaluations: (k,).
            objectives: How many, m.
        """
        if isinstance(evaluations, EvaluationBlock):
            return evaluations
        nothing = (np.nan,) * objectives
        hosts: dict[str, int] = {}
        return cls(
            individual=np.array([one.index for one in evaluations], dtype=np.int64),
            number=np.array([one.number for one in evaluations], dtype=np.int64),
            attempt=np.array([one.attempt for one in evaluations], dtype=np.int64),
            status=np.array([one.status for one in evaluations], dtype=np.int8),
            fitness=np.array([one.fitness or nothing for one in evaluations], np.float64).reshape(
                len(evaluations), objectives
            ),
            measures={
                one.name: np.array([getattr(evaluation, one.name) for evaluation in evaluations], dtype=one.dtype)
                for one in MEASURES
            },
            host=np.array([hosts.setdefault(one.host, len(hosts)) for one in evaluations], dtype=np.int16),
            hosts=list(hosts),
            process=np.array([one.process for one in evaluations], dtype=np.int64),
            used_directory=np.array([one.used_directory for one in evaluations], dtype=bool),
            observables=[one.observables for one in evaluations] if any(one.observables for one in evaluations) else (),
            failures={row: one.failure for row, one in enumerate(evaluations) if one.failure is not None},
        )

    def __len__(self) -> int:
        return len(self.individual)

    @overload
    def __getitem__(self, place: int) -> Evaluation: ...
    @overload
    def __getitem__(self, place: slice) -> "EvaluationBlock": ...
    def __getitem__(self, place: int | slice) -> "Evaluation | EvaluationBlock":
        """An evaluation for an integer; for a slice a block."""
        if isinstance(place, slice):
            return self.taken(np.arange(len(self))[place])
        return self._made(range(len(self))[place])

    def taken(self, places: Ints) -> "EvaluationBlock":
        """Those at some places, in their order."""
        new = {row: place for place, row in enumerate(places.tolist())} if self.failures else {}
        return EvaluationBlock(
            individual=self.individual[places],
            number=self.number[places],
            attempt=self.attempt[places],
            status=self.status[places],
            fitness=self.fitness[places],
            measures={name: column[places] for name, column in self.measures.items()},
            host=self.host[places],
            hosts=self.hosts,
            process=self.process[places],
            used_directory=self.used_directory[places],
            observables=[self.observables[place] for place in places.tolist()] if self.observables else (),
            failures={new[row]: why for row, why in self.failures.items() if row in new},
        )

    @classmethod
    def joined(cls, parts: "Sequence[EvaluationBlock]") -> "EvaluationBlock":
        """Blocks one behind the other; there is at least one."""
        if len(parts) == 1:
            return parts[0]
        hosts: dict[str, int] = {}
        codes = [np.array([hosts.setdefault(one, len(hosts)) for one in part.hosts], np.int16) for part in parts]
        starts = np.cumsum([0, *map(len, parts)]).tolist()
        some = any(part.observables for part in parts)
        return cls(
            individual=np.concatenate([part.individual for part in parts]),
            number=np.concatenate([part.number for part in parts]),
            attempt=np.concatenate([part.attempt for part in parts]),
            status=np.concatenate([part.status for part in parts]),
            fitness=np.concatenate([part.fitness for part in parts]),
            measures={one.name: np.concatenate([part.measures[one.name] for part in parts]) for one in MEASURES},
            host=np.concatenate([code[part.host] for code, part in zip(codes, parts, strict=True)]),
            hosts=list(hosts),
            process=np.concatenate([part.process for part in parts]),
            used_directory=np.concatenate([part.used_directory for part in parts]),
            observables=[one for part in parts for one in part.observables or repeat({}, len(part))] if some else (),
            failures={
                start + row: why
                for start, part in zip(starts, parts, strict=False)
                for row, why in part.failures.items()
            },
        )

    def __iter__(self) -> Iterator[Evaluation]:
        return map(self._made, range(len(self)))

    def _made(self, row: int) -> Evaluation:
        return Evaluation(
            index=int(self.individual[row]),
            number=int(self.number[row]),
            attempt=int(self.attempt[row]),
            status=Status(int(self.status[row])),
            fitness=tuple(self.fitness[row].tolist()),
            observables=self.observables[row] if self.observables else {},
            host=self.hosts[self.host[row]],
            failure=self.failures.get(row),
            used_directory=bool(self.used_directory[row]),
            process=int(self.process[row]),
            **{name: column[row].item() for name, column in self.measures.items()},
        )

    def __repr__(self) -> str:
        return f"EvaluationBlock({len(self)} evaluations)"
