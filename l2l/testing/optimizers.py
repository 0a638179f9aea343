"""The contract of optimizers as tests, which an author inherits.

::

    class TestHillClimber(OptimizerContract):
        def make(self, space, seed, **options):
            return HillClimber(space, seed=seed, **options)
"""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from l2l.errors import OptionError, SpaceError, TellOrderError
from l2l.individual import Individual
from l2l.optimizer import Optimizer
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real

Floats = NDArray[np.float64]
GENERATIONS = 5

SPACES: dict[str, ParameterSpace] = {
    "one real": ParameterSpace(x=Real(-1.0, 2.0)),
    "reals": ParameterSpace(tau=Real(1e-3, 10.0, log=True, unit="ms"), g=Real(-20.0, -2.0), eta=Real(0.5, 4.0)),
    "one integer": ParameterSpace(n=Integer(0, 3)),
    "integers": ParameterSpace(n=Integer(1, 10_000, log=True), k=Integer(-3, 3, shape=4)),
    "steps": ParameterSpace(
        x=Real(-0.3, 0.3, step=0.1), n=Integer(0, 100, step=10), w=Real(0.0, 1.0, step=0.25, shape=2)
    ),
    "one category": ParameterSpace(model=Categorical("iaf", "adex")),
    "categories": ParameterSpace(model=Categorical("iaf", "adex", "hh"), plastic=Categorical(False, True)),
    "mixed": ParameterSpace(
        weights=Real(-1.0, 1.0, shape=(2, 3)),
        n=Integer(10, 100),
        rule=Categorical("stdp", "bcm", None),
        delay=Fixed(1.5),
    ),
    "conditions": ParameterSpace(
        amplitude=Real(0.0, 1.0),
        frequency=Real(1.0, 100.0, log=True, when="amplitude > 0.5"),
        phase=Integer(0, 7, when="frequency > 10"),
    ),
    "constraints": ParameterSpace(rise=Real(0.1, 10.0), decay=Real(0.1, 10.0), constraints=["rise < decay"]),
    "a vector of 1000": ParameterSpace(w=Real(-1.0, 1.0, shape=1000)),
}
"""What every optimizer either searches or refuses when it is built."""

OF_SPACE = pytest.mark.parametrize("name", SPACES)


class OptimizerContract:
    """What every optimizer keeps; an author's test class inherits it and overrides `make`.

    An optimizer may refuse a space or a population when it is built, with an OptionError or SpaceError.
    """

    steady: ClassVar[Mapping[str, Any] | None] = None
    """Options with which the optimizer is steady-state ({} where it always is); None where it cannot."""

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> Optimizer:
        """The optimizer to be tested.

        Args:
            space: What it searches.
            seed: Of its randomness.
            options: Among `initial`, `population` and those of `steady`.
        """
        raise NotImplementedError("override make(self, space, seed, **options) to build your optimizer")

    # --- determinism and replay ---

    @OF_SPACE
    def test_the_same_seed_asks_the_same(self, name: str) -> None:
        for optimizer in self._built(SPACES[name], 7):
            assert run(optimizer) == run(self.make(SPACES[name], 7))

    @OF_SPACE
    def test_a_replay_goes_on_as_the_original_would(self, name: str) -> None:
        space = SPACES[name]
        for optimizer in self._built(space, 3):
            original = run(optimizer, 2 * GENERATIONS)
            replayed = self.make(space, 3)
            for individuals, costs in original[:GENERATIONS]:
                replayed.reask(archived(space, individuals))
                replayed.tell(archived(space, individuals), costs)
            assert replayed.replayed_difference == 0.0
            assert run(replayed, GENERATIONS) == original[GENERATIONS:]
            same_report(replayed, optimizer)

    def test_a_replay_adopts_what_differs_in_the_last_digits(self) -> None:
        space = SPACES["reals"]
        for options in [{}] if self.steady is None else [{}, self.steady]:
            for optimizer in self._built(space, 3, **options):
                expected = list(self.make(space, 3, **options).ask())
                adopted = space.decode(np.abs(space.encode(expected) - 1e-10))
                optimizer.reask(adopted)
                assert 0.0 < optimizer.replayed_difference <= 1e-9
                optimizer.tell(adopted, costs_of(space, adopted))
                run(optimizer)

    def test_the_recorded_options_build_the_same_optimizer_again(self) -> None:
        space = SPACES["reals"]
        for optimizer in self._built(space, 5, initial=[{"eta": 1.0}]):
            again = type(optimizer)(space, **optimizer.options)
            assert run(again) == run(optimizer)

    def test_global_random_state_is_neither_read_nor_disturbed(self) -> None:
        space = SPACES["mixed"]
        runs = []
        with kept_global_random_state():
            for state in (1, 2):
                set_global_random_state(state)
                before = global_random_state()
                runs.append([run(optimizer) for optimizer in self._built(space, 9)])
                assert global_random_state() == before, "global random state was disturbed"
        assert runs[0] == runs[1], "global random state was read"

    # --- what is asked ---

    @OF_SPACE
    def test_individuals_lie_in_the_space(self, name: str) -> None:
        space = SPACES[name]
        for optimizer in self._built(space, 1):
            for individuals, _ in run(optimizer):
                rebuilt = archived(space, individuals)
                assert rebuilt == individuals
                for individual, other in zip(individuals, rebuilt, strict=True):
                    assert isinstance(individual, Individual)
                    assert individual.inactive == other.inactive
                    for parameter in space:
                        np.testing.assert_equal(space[parameter].canonical(individual[parameter]), other[parameter])

    def test_population_is_the_size_of_a_generation(self) -> None:
        for population in range(1, 9):
            for optimizer in self._built(SPACES["reals"], 2, population=population):
                assert optimizer.population == population
                for individuals, _ in run(optimizer):
                    assert len(individuals) == population or optimizer.finished

    def test_initial_individuals_come_first(self) -> None:
        space = SPACES["mixed"]
        initial: list[dict[str, Any]] = [{"n": 17, "rule": None}, {"n": 17, "rule": "bcm"}]
        for optimizer in self._built(space, 4, initial=initial):
            assert list(optimizer.ask())[:2] == [space.individual(values) for values in initial]

    def test_no_initial_individual_is_forgotten(self) -> None:
        space = SPACES["one real"]
        initial = [{"x": 0.1 * place} for place in range(10)]
        for optimizer in self._built(space, 4, initial=initial, population=4):
            asked = [one for individuals, _ in run(optimizer, 5) for one in individuals]
            assert set(asked) >= {space.individual(values) for values in initial}

    def test_an_initial_individual_outside_the_space_is_refused(self) -> None:
        with pytest.raises((SpaceError, OptionError)):
            self.make(SPACES["one real"], 1, initial=[{"x": 5.0}])
        with pytest.raises(KeyError):
            self.make(SPACES["one real"], 1, initial=[{"y": 0.0}])

    def test_a_finished_optimizer_says_why_and_asks_no_more(self) -> None:
        for optimizer in self._built(SPACES["one integer"], 1):
            for _ in range(300):
                if optimizer.finished:
                    break
                run(optimizer, 1)
            if optimizer.finished is None:
                continue
            assert isinstance(optimizer.finished, str)
            assert optimizer.finished.strip()
            assert list(optimizer.ask()) == []
            optimizer.tell([], [])

    # --- what is told ---

    @pytest.mark.parametrize("cost", [math.inf, 0.0, 1e300, -1e300])
    def test_equal_costs_are_survived(self, cost: float) -> None:
        for space in (SPACES["mixed"], SPACES["one real"]):
            for optimizer in self._built(space, 1):
                for _ in range(GENERATIONS):
                    individuals = list(optimizer.ask())
                    optimizer.tell(individuals, np.full(len(individuals), cost))
                    optimizer.report()
                run(optimizer)

    def test_some_failures_are_survived(self) -> None:
        for optimizer in self._built(SPACES["reals"], 1):
            for generation in range(2 * GENERATIONS):
                individuals = list(optimizer.ask())
                costs = costs_of(optimizer.space, individuals)
                costs[generation % 2 :: 2] = math.inf
                optimizer.tell(individuals, costs)

    def test_equal_individuals_are_told_one_by_one(self) -> None:
        space = SPACES["one category"]
        for optimizer in self._built(space, 1):
            for individuals, costs in run(optimizer, 2 * GENERATIONS):
                assert len(individuals) == len(costs)

    def test_costs_may_have_a_second_axis(self) -> None:
        space = SPACES["reals"]
        for optimizer in self._built(space, 6):
            other = self.make(space, 6)
            for _ in range(GENERATIONS):
                individuals, same = list(optimizer.ask()), list(other.ask())
                assert individuals == same
                costs = costs_of(space, individuals)
                optimizer.tell(individuals, costs)
                other.tell(same, costs[:, None])

    def test_several_objectives_are_understood_or_refused(self) -> None:
        for optimizer in self._built(SPACES["reals"], 6):
            individuals = list(optimizer.ask())
            costs = np.stack([costs_of(optimizer.space, individuals), np.arange(len(individuals))], axis=1)
            if optimizer.multi_objective:
                optimizer.tell(individuals, costs)
                assert optimizer.ask() or optimizer.finished
            else:
                with pytest.raises(OptionError, match="objective"):
                    optimizer.tell(individuals, costs)

    def test_another_order_than_asked_is_refused(self) -> None:
        for optimizer in self._built(SPACES["reals"], 1):
            if optimizer.steady_state:
                continue
            individuals = list(optimizer.ask())
            if len(set(individuals)) > 1:
                with pytest.raises(TellOrderError):
                    optimizer.tell(individuals[::-1], costs_of(optimizer.space, individuals))
                with pytest.raises(TellOrderError):
                    optimizer.tell(individuals[:-1], costs_of(optimizer.space, individuals[:-1]))
            optimizer.tell(individuals, costs_of(optimizer.space, individuals))

    def test_what_was_not_asked_or_told_before_is_refused(self) -> None:
        for optimizer in self._built(SPACES["reals"], 1):
            stranger = self.make(SPACES["reals"], 2).space.individual({"eta": 0.75})
            with pytest.raises(TellOrderError):
                optimizer.tell([stranger], [1.0])
            individuals = list(optimizer.ask())
            optimizer.tell(individuals, costs_of(optimizer.space, individuals))
            with pytest.raises(TellOrderError):
                optimizer.tell(individuals, costs_of(optimizer.space, individuals))

    @pytest.mark.parametrize("wrong", [math.nan, -math.inf])
    def test_costs_that_cannot_be_ranked_are_refused(self, wrong: float) -> None:
        for optimizer in self._built(SPACES["reals"], 1):
            individuals = list(optimizer.ask())
            costs = costs_of(optimizer.space, individuals)
            costs[-1] = wrong
            with pytest.raises(ValueError, match="NaN"):
                optimizer.tell(individuals, costs)
            with pytest.raises(ValueError, match="shape"):
                optimizer.tell(individuals, [0.0] * (len(individuals) + 1))
            optimizer.tell(individuals, costs_of(optimizer.space, individuals))

    def test_reported_names_never_change(self) -> None:
        for optimizer in self._built(SPACES["reals"], 1):
            names = list(optimizer.report())
            for _ in range(GENERATIONS):
                run(optimizer, 1)
                report = optimizer.report()
                assert list(report) == names
                for value in report.values():
                    assert np.asarray(value, dtype=np.float64).dtype == np.float64

    # --- generations or steady state ---

    def test_whole_generations_are_asked_one_after_the_other(self) -> None:
        for optimizer in self._built(SPACES["reals"], 1):
            if optimizer.steady_state:
                continue
            with pytest.raises(OptionError, match="generation"):
                optimizer.ask(1)
            assert optimizer.ask()
            with pytest.raises(TellOrderError):
                optimizer.ask()

    def test_in_steady_state_any_subset_is_told_in_any_order(self) -> None:
        if self.steady is None:
            return
        space = SPACES["mixed" if self._built(SPACES["mixed"], 8) else "conditions"]
        optimizer = self.make(space, 8, **self.steady)
        assert optimizer.steady_state
        other = self.make(space, 8, **self.steady)
        replayed = self.make(space, 8, **self.steady)
        order = random.Random(1)
        waiting: list[Individual] = []
        for wanted in (3, 1, 2, 0, 5, 1, 1, 4, 2, 2) * 4:
            asked = list(optimizer.ask(wanted))
            assert len(asked) <= wanted
            assert asked == list(other.ask(wanted))
            replayed.reask(archived(space, asked))
            waiting += asked
            order.shuffle(waiting)
            told, waiting = waiting[:2], waiting[2:]
            costs = costs_of(space, told)
            costs[costs > 1.0] = math.inf
            for one in (optimizer, other, replayed):
                one.tell(archived(space, told), costs)
        assert list(replayed.ask(5)) == list(optimizer.ask(5))
        same_report(replayed, optimizer)

    def test_in_steady_state_what_is_unknown_is_refused_and_nothing_is_lost(self) -> None:
        if self.steady is None:
            return
        optimizer = self.make(SPACES["reals"], 8, **self.steady)
        asked = list(optimizer.ask(2))
        with pytest.raises(TellOrderError):
            optimizer.tell([*asked, asked[0]], [1.0, 2.0, 3.0])
        optimizer.tell(asked[::-1], [1.0, 2.0])
        with pytest.raises(TellOrderError):
            optimizer.tell(asked[:1], [1.0])

    def test_some_space_is_searched(self) -> None:
        assert any(self._built(space, 1) for space in SPACES.values())

    def _built(self, space: ParameterSpace, seed: int, **options: Any) -> list[Optimizer]:
        """The optimizer, or none where it refuses the space or the population when it is built."""
        try:
            return [self.make(space, seed, **options)]
        except (OptionError, SpaceError) as error:
            refusal = str(error)
        assert refusal.strip(), "a refusal says what was expected and what came"
        assert "initial" not in options or not self._built(space, seed), f"initial individuals were refused: {refusal}"
        return []


def costs_of(space: ParameterSpace, individuals: Sequence[Individual]) -> Floats:
    """Costs (n,): the squared distance from a point in the encoded unit cube."""
    distance: Floats = ((space.encode(individuals) - 0.3) ** 2).sum(axis=1)
    distance[~space.feasible(individuals)] = math.inf
    return distance


def run(optimizer: Optimizer, generations: int = GENERATIONS) -> list[tuple[list[Individual], list[float]]]:
    """Ask and tell so many generations, or until it is finished; what was asked and told."""
    past = []
    for _ in range(generations):
        individuals = list(optimizer.ask())
        if not individuals:
            assert optimizer.finished, "nothing was asked, and finished gives no reason"
            break
        costs = costs_of(optimizer.space, individuals)
        optimizer.tell(individuals, costs)
        past.append((individuals, costs.tolist()))
    return past


def archived(space: ParameterSpace, individuals: Sequence[Individual]) -> Sequence[Individual]:
    """Equal individuals, as they come back from an archive."""
    return space.from_columns(space.columns(individuals)) if individuals else []


def same_report(one: Optimizer, other: Optimizer) -> None:
    """Fail unless both report the same, bit for bit."""
    first, second = one.report(), other.report()
    assert list(first) == list(second)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def global_random_state() -> tuple[Any, ...]:
    """The state of Python's and NumPy's global generators, comparable."""
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 - what must not be touched
    return random.getstate(), name, bytes(np.asarray(keys)), *rest


def set_global_random_state(seed: int) -> None:
    """Put Python's and NumPy's global generators into a state that follows from the seed."""
    random.seed(seed)
    np.random.set_state(np.random.RandomState(seed).get_state(legacy=True))  # noqa: NPY002 - what must not be read


@contextmanager
def kept_global_random_state() -> Iterator[None]:
    """Whatever happens within, Python's and NumPy's global generators are afterwards as before."""
    before = random.getstate(), np.random.get_state(legacy=True)  # noqa: NPY002 - to put it back
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002 - to put it back
