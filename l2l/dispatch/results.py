"""What came back from workers, gathered until somebody collects it."""

from collections.abc import Collection, Sequence

import numpy as np

from l2l.blocks import EvaluationBlock
from l2l.dispatch.backlog import Key, Ref, key, key_of
from l2l.protocol.messages import Results
from l2l.values import MEASURES, Evaluation


class Gathered:
    """Results as columns, and evaluations one by one where there is more to say.

    Args:
        objectives: How many, m.
    """

    def __init__(self, objectives: int) -> None:
        self._objectives = objectives
        self._singles: list[Evaluation] = []
        self._begin()

    def _begin(self) -> None:
        self._refs: list[Ref] = []
        self._fitness: list[float] = []
        self._measures: dict[str, list[float]] = {one.name: [] for one in MEASURES}
        self._places: list[tuple[str, int]] = []
        """Host and process of each."""

    def __len__(self) -> int:
        return len(self._refs) + len(self._singles)

    def add(self, evaluation: Evaluation) -> None:
        """Take an evaluation."""
        self._singles.append(evaluation)

    def take(self, refs: Sequence[Ref | None], came: Results, host: str, process: int) -> tuple[int, float]:
        """Take results.

        Args:
            refs: The trials that they are of; None where nobody wants the result.
            came: The results.
            host: Where they ran.
            process: Which ran them.

        Returns:
            How many were wanted, and the seconds that they took.
        """
        kept = [ref for ref in refs if ref is not None]
        if len(kept) < len(refs):
            came = _some(came, [place for place, ref in enumerate(refs) if ref is not None], len(refs))
        n = len(kept)
        self._refs += kept
        self._fitness += came.fitness
        self._places += [(host, process)] * n
        for one in MEASURES:
            values = came.measures.get(one.name, one.fill)
            self._measures[one.name] += values if isinstance(values, list) else [values] * n
        return n, sum(self._measures["seconds"][len(self._refs) - n :])

    def collected(self) -> Sequence[Evaluation]:
        """All that came since this was called last."""
        singles, self._singles = self._singles, []
        if not self._refs:
            return singles
        blocks = [self._block()]
        if singles:
            blocks.append(EvaluationBlock.of(singles, self._objectives))
        self._begin()
        return EvaluationBlock.joined(blocks)

    def _block(self) -> EvaluationBlock:
        _, _, individual, number, attempt = zip(*self._refs, strict=True)
        n = len(self._refs)
        hosts: dict[str, int] = {}
        return EvaluationBlock(
            individual=np.array(individual),
            number=np.array(number),
            attempt=np.array(attempt),
            status=np.zeros(n, dtype=np.int8),
            fitness=np.array(self._fitness, dtype=np.float64).reshape(n, self._objectives),
            measures={one.name: np.array(self._measures[one.name], dtype=one.dtype) for one in MEASURES},
            host=np.array([hosts.setdefault(host, len(hosts)) for host, _ in self._places], dtype=np.int16),
            hosts=list(hosts),
            process=np.array([process for _, process in self._places]),
            used_directory=np.zeros(n, dtype=bool),
        )

    def drop(self, unwanted: Collection[Key]) -> None:
        """Forget what came of some trials."""
        if any(key_of(ref) in unwanted for ref in self._refs):
            self._singles = list(self.collected())
        self._singles = [one for one in self._singles if key(one) not in unwanted]


def _some(came: Results, places: list[int], n: int) -> Results:
    """Some of n results."""
    width = len(came.fitness) // n
    measures = {
        name: [values[place] for place in places] if isinstance(values, list) else values
        for name, values in came.measures.items()
    }
    fitness = [value for place in places for value in came.fitness[width * place : width * (place + 1)]]
    return Results([came.numbers[place] for place in places], measures, fitness)
