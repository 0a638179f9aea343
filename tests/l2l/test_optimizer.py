from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from l2l import Individual, Integer, ParameterSpace, Real
from l2l.errors import OptionError, ReplayError, SpaceError, TellOrderError
from l2l.optimizer import SAME, Optimizer
from l2l.values import Results

SPACE = ParameterSpace(x=Real(0.0, 1.0), n=Integer(0, 9))


class Plain(Optimizer):
    """Asks random points.

    Args:
        population: Of a generation.
        steady: Whether it is steady-state.
        scale: Of all points, which replay notices.
        keep_points: Whether it remembers the points that it decodes.
    """

    def __init__(
        self,
        space: ParameterSpace,
        *,
        seed: int | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        population: int = 3,
        steady: bool = False,
        scale: float = 1.0,
        keep_points: bool = False,
        several: bool = False,
    ) -> None:
        super().__init__(space, seed=seed, initial=initial)
        self.population = population
        self.steady_state = steady
        self.multi_objective = several  # type: ignore[misc]
        self.scale = scale
        self.keep_points = keep_points
        self.costs: list[Any] = []

    def ask(self, n: int | None = None) -> list[Individual]:
        self._generation_only(n)
        points = self.scale * self.rng.random((n or self.population, self.space.dimension))
        return self._asked(self.space.decode(points), points if self.keep_points else None)

    def tell(self, individuals: Sequence[Individual], costs: ArrayLike, results: Results | None = None) -> None:
        self.costs.append(self._told(individuals, costs))


def individual(x: float, n: int = 1) -> Individual:
    return SPACE.individual({"x": x, "n": n})


# --- seeds and first individuals -----------------------------------------------------------------------------------


def test_randomness_is_the_seeds_alone() -> None:
    state = np.random.get_state()[1].copy()  # type: ignore[union-attr,index]  # noqa: NPY002
    assert Plain(SPACE, seed=1).ask() == Plain(SPACE, seed=1).ask() != Plain(SPACE, seed=2).ask()
    assert Plain(SPACE).ask() != Plain(SPACE).ask()
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # type: ignore[arg-type,index]  # noqa: NPY002


def test_first_individuals_are_checked_and_completed() -> None:
    assert Plain(SPACE, initial=[{"x": 0.25}, individual(1.0)]).initial == [
        SPACE.individual({"x": 0.25}),
        individual(1.0),
    ]
    with pytest.raises(SpaceError, match="parameter 'x'"):
        Plain(SPACE, initial=[{"x": 2.0}])
    with pytest.raises(KeyError, match="no parameter 'y'"):
        Plain(SPACE, initial=[{"y": 2.0}])
    with pytest.raises(OptionError, match="option 'initial'"):
        Plain(SPACE, initial={"x": 0.5})  # type: ignore[arg-type]


# --- the order of ask and tell, generational -----------------------------------------------------------------------


def test_a_generation_is_told_whole_and_in_order() -> None:
    optimizer = Plain(SPACE, seed=1)
    asked = optimizer.ask()
    optimizer.tell(asked, [1.0, 2.0, float("inf")])
    assert optimizer.costs[0].tolist() == [[1.0], [2.0], [np.inf]]
    again = optimizer.ask()
    optimizer.tell([Individual(dict(one)) for one in again], np.zeros((3, 1)))
    assert len(optimizer.costs) == 2, "equal individuals are as good as the same"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda asked: asked[:2], r"expected the 3 individuals of the generation, in the order asked, got 2"),
        (lambda asked: asked[::-1], r"got Individual\(.*\) at place 0, where Individual\(.*\) was asked"),
        (lambda asked: [*asked[:2], individual(0.5)], r"got Individual\(x=0.5, n=1\) at place 2"),
        (lambda asked: [], r"got 0"),
        (lambda asked: [*asked, asked[0]], r"got 4"),
    ],
)
def test_another_order_is_refused_and_leaves_all_as_it_was(change: Any, message: str) -> None:
    optimizer = Plain(SPACE, seed=1)
    asked = optimizer.ask()
    told = change(asked)
    with pytest.raises(TellOrderError, match=rf"Plain\.tell: .*{message}"):
        optimizer.tell(told, np.zeros(len(told)))
    optimizer.tell(asked, np.zeros(3))


def test_telling_twice_or_without_asking_is_refused() -> None:
    optimizer = Plain(SPACE, seed=1)
    with pytest.raises(TellOrderError, match="expected the 0 individuals"):
        optimizer.tell([individual(0.5)], [1.0])
    asked = optimizer.ask()
    optimizer.tell(asked, np.zeros(3))
    with pytest.raises(TellOrderError):
        optimizer.tell(asked, np.zeros(3))


def test_asking_twice_or_for_a_number_is_refused() -> None:
    optimizer = Plain(SPACE, seed=1)
    with pytest.raises(OptionError, match=r"Plain\.ask\(2\): this optimizer asks whole generations"):
        optimizer.ask(2)
    optimizer.ask()
    with pytest.raises(TellOrderError, match=r"Plain\.ask: tell the 3 individuals asked before"):
        optimizer.ask()


# --- costs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steady", [False, True])
@pytest.mark.parametrize(
    ("costs", "message"),
    [
        ([1.0, 2.0], r"expected costs of shape \(3,\) or \(3, m\), got \(2,\)"),
        (1.0, r"got \(\)"),
        (np.zeros((3, 0)), r"got \(3, 0\)"),
        (np.zeros((3, 1, 1)), r"got \(3, 1, 1\)"),
        (np.zeros((1, 3)), r"got \(1, 3\)"),
        ([1.0, float("nan"), 2.0], "never NaN or -inf"),
        ([1.0, -float("inf"), 2.0], "never NaN or -inf"),
    ],
)
def test_other_costs_are_refused_and_leave_all_as_it_was(steady: bool, costs: Any, message: str) -> None:
    optimizer = Plain(SPACE, seed=1, steady=steady)
    asked = optimizer.ask()
    with pytest.raises(ValueError, match=rf"Plain\.tell: .*{message}"):
        optimizer.tell(asked, costs)
    optimizer.tell(asked, np.zeros(3))


def test_several_costs_need_an_optimizer_that_understands_them() -> None:
    optimizer = Plain(SPACE, seed=1)
    with pytest.raises(OptionError, match="Plain minimizes one objective, got 2: give the experiment `weights`"):
        optimizer.tell(optimizer.ask(), np.zeros((3, 2)))
    several = Plain(SPACE, seed=1, several=True)
    several.tell(several.ask(), np.zeros((3, 2)))
    assert several.costs[0].shape == (3, 2)


def test_costs_are_copied() -> None:
    optimizer, costs = Plain(SPACE, seed=1), np.zeros(3)
    optimizer.tell(optimizer.ask(), costs)
    costs[:] = 1.0
    assert not optimizer.costs[0].any()


# --- steady state --------------------------------------------------------------------------------------------------


def test_in_steady_state_any_of_those_asked_are_told_in_any_order() -> None:
    optimizer = Plain(SPACE, seed=1, steady=True)
    asked = [*optimizer.ask(2), *optimizer.ask(3), *optimizer.ask()]
    assert len(asked) == 8
    optimizer.tell([asked[6], asked[1]], [1.0, 2.0])
    optimizer.tell([asked[0]], [3.0])
    with pytest.raises(TellOrderError, match="was not asked, or was told already"):
        optimizer.tell([asked[1]], [2.0])
    with pytest.raises(TellOrderError, match="was not asked"):
        optimizer.tell([asked[2], individual(0.5)], [2.0, 2.0])
    optimizer.tell([asked[2]], [2.0])


def test_equal_individuals_are_matched_first_asked_first_told() -> None:
    optimizer = Plain(SPACE, seed=1, steady=True)
    same, points = individual(0.5), np.array([[0.5, 0.1], [0.5, 0.11], [0.5, 0.12]])
    optimizer._asked([same, individual(0.25), same], points)
    optimizer.tell([same], [1.0])
    assert [point.tolist() for point in optimizer.told_points] == [[0.5, 0.1]]
    optimizer.tell([same, individual(0.25)], [1.0, 2.0])
    assert [point.tolist() for point in optimizer.told_points] == [[0.5, 0.12], [0.5, 0.11]]
    with pytest.raises(TellOrderError):
        optimizer.tell([same], [1.0])


def test_points_are_those_that_were_asked_and_not_their_rounded_places() -> None:
    optimizer = Plain(SPACE, seed=1, keep_points=True)
    rng = np.random.default_rng(1)
    optimizer.tell(optimizer.ask(), np.zeros(3))
    np.testing.assert_array_equal(optimizer.told_points, rng.random((3, 2)))
    plain = Plain(SPACE, seed=1)
    plain.tell(plain.ask(), np.zeros(3))
    assert plain.told_points == []


# --- replay --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steady", [False, True])
def test_replay_leaves_the_optimizer_as_if_it_had_just_asked(steady: bool) -> None:
    first, second = (Plain(SPACE, seed=1, steady=steady, keep_points=True) for _ in range(2))
    for n in (3, 3, 3):
        asked = first.ask(n if steady else None)
        second.reask(asked)
        for optimizer in (first, second):
            optimizer.tell(asked, np.zeros(n))
        np.testing.assert_array_equal(first.told_points, second.told_points)
    assert second.replayed_difference == 0.0
    assert first.ask() == second.ask()


def test_a_last_bit_is_adopted_and_more_is_an_error_that_names_the_first() -> None:
    archived = Plain(SPACE, seed=1).ask()
    close = Plain(SPACE, seed=1, scale=1.0 + 1e-10)
    close.reask(archived)
    assert 0.0 < close.replayed_difference <= SAME
    close.tell(archived, np.zeros(3))

    other = Plain(SPACE, seed=1)
    changed = [archived[0], individual(0.123), archived[2]]
    with pytest.raises(ReplayError, match=r"Plain asks x = 0.14.* where the archive has 0.123 \(individual 1 of 3"):
        other.reask(changed)
    other.tell(changed, np.zeros(3))


def test_after_a_difference_was_adopted_the_next_ask_is_compared_on_its_own() -> None:
    original, resumed = Plain(SPACE, seed=1), Plain(SPACE, seed=1)
    with pytest.raises(ReplayError):
        resumed.reask([individual(0.1), individual(0.2), individual(0.3)])
    largest = resumed.replayed_difference
    resumed.tell([individual(0.1), individual(0.2), individual(0.3)], np.zeros(3))
    original.tell(original.ask(), np.zeros(3))
    resumed.scale = 1.0 + 1e-10
    resumed.reask(original.ask())
    assert resumed.replayed_difference == largest


def test_the_points_of_what_is_adopted_are_where_the_archive_has_it() -> None:
    optimizer = Plain(SPACE, seed=1, keep_points=True)
    archived = [individual(0.1), individual(0.2), individual(0.3)]
    with pytest.raises(ReplayError):
        optimizer.reask(archived)
    optimizer.tell(archived, np.zeros(3))
    np.testing.assert_array_equal(optimizer.told_points, SPACE.encode(archived))


def test_another_number_asked_is_an_error() -> None:
    with pytest.raises(ReplayError, match="Plain asks 3 individuals where the archive has 2"):
        Plain(SPACE, seed=1).reask([individual(0.1), individual(0.2)])


def test_by_default_there_is_no_report_and_no_end() -> None:
    optimizer = Plain(SPACE)
    assert optimizer.report() == {} and optimizer.finished is None
