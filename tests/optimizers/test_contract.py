"""The contract tests themselves: the manual's example passes, and each way to break the contract is found."""

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from numpy.typing import ArrayLike

from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.optimizers import RandomSearch
from l2l.space import ParameterSpace
from l2l.testing.optimizers import OptimizerContract
from l2l.values import Results

REPOSITORY = Path(__file__).resolve().parents[2]


class TestHillClimberOfTheManual(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> Optimizer:
        (program, *_) = re.findall(
            r"```python[^\n]*\n(.*?)```", (REPOSITORY / "docs/optimizer.md").read_text(), re.DOTALL
        )
        names: dict[str, Any] = {}
        exec(program, names)
        optimizer: Optimizer = names["HillClimber"](space, seed=seed, **options)
        return optimizer


class GlobalRandomness(RandomSearch):
    def ask(self, n: int | None = None) -> Sequence[Individual]:
        self._generation_only(n)
        return self._asked(self.space.decode([[random.random()] * self.space.dimension]))


class NoOrder(RandomSearch):
    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        self._pending = []


class ForgetfulReplay(RandomSearch):
    def reask(self, individuals: Sequence[Individual]) -> None:
        self._asked(individuals)


class OwnIndividuals(RandomSearch):
    def ask(self, n: int | None = None) -> Sequence[Individual]:
        return self._asked([Individual(dict.fromkeys(self.space, 1000000.0)) for _ in super().ask(n)])


class NoInitial(RandomSearch):
    def __init__(
        self, space: ParameterSpace, *, seed: int | None = None, initial: Any = (), population: int = 10
    ) -> None:
        super().__init__(space, seed=seed, population=population)


class ChangingReport(RandomSearch):
    def report(self) -> Mapping[str, float]:
        return {"count": 1.0} if self._count else {}


class OneOptimizer(OptimizerContract):
    broken: ClassVar[type[Optimizer]]

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> Optimizer:
        return self.broken(space, seed=seed, **options)


@pytest.mark.parametrize(
    ("broken", "test", "arguments"),
    [
        (GlobalRandomness, "test_global_random_state_is_neither_read_nor_disturbed", ()),
        (NoOrder, "test_another_order_than_asked_is_refused", ()),
        (NoOrder, "test_what_was_not_asked_or_told_before_is_refused", ()),
        (ForgetfulReplay, "test_a_replay_goes_on_as_the_original_would", ("reals",)),
        (OwnIndividuals, "test_individuals_lie_in_the_space", ("reals",)),
        (NoInitial, "test_initial_individuals_come_first", ()),
        (ChangingReport, "test_reported_names_never_change", ()),
    ],
)
def test_a_broken_contract_is_found(broken: type[Optimizer], test: str, arguments: tuple[str, ...]) -> None:
    contract = type("Contract", (OneOptimizer,), {"broken": broken})()
    with pytest.raises((AssertionError, pytest.fail.Exception, ValueError)):
        getattr(contract, test)(*arguments)
