import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l import Individual, Status
from l2l.experiment.pending import Pending
from l2l.memo import Book

INDIVIDUALS = [Individual({"x": float(place)}) for place in range(5)]
ENTROPY = np.arange(5 * 2 * 4, dtype=np.uint32).reshape(5, 2, 4)


def pending(
    same_as: list[int] | None = None, feasible: list[bool] | None = None, first: int = 10
) -> tuple[Pending, Book]:
    book = Book(2, 1, {})
    book.add(0, INDIVIDUALS * 3, {})  # as a run does before
    made = Pending(book)
    same = np.array(same_as or [-1] * 5, dtype=np.int64)
    numbers = made.add(first, INDIVIDUALS, same, np.array(feasible or [True] * 5), ENTROPY)
    assert numbers == list(range(first, first + 5))
    return made, book


def finish(book: Book, *trials: tuple[int, int]) -> None:
    index, number = (np.array(column) for column in zip(*trials, strict=True))
    book.write(index, number, np.full(len(index), Status.OK, dtype=np.int8), np.zeros((len(index), 1)), {})


def test_individuals_are_known_by_number_in_the_order_asked() -> None:
    made, _ = pending()
    assert list(made) == [10, 11, 12, 13, 14] and len(made) == 5
    assert 12 in made and 9 not in made
    assert made.individuals[12] is INDIVIDUALS[2]


def test_each_trial_has_its_entropy() -> None:
    made, _ = pending()
    for place in range(5):
        for number in range(2):
            assert made.entropy((10 + place, number)) == ENTROPY[place, number].astype("<u4").tobytes()


def test_only_feasible_individuals_that_are_the_first_of_their_kind_are_simulated() -> None:
    made, _ = pending([-1, 10, -1, 3, -1], [True, True, False, True, True])
    assert made.simulated(made).tolist() == [10, 14]
    assert made.simulated([]).dtype == np.int64
    assert made.infeasible_of([10, 12, 14]).tolist() == [False, True, False]
    assert made.rows([10, 11, 12, 13]).tolist() == [10, 10, 12, 3]


def test_without_equal_or_infeasible_ones_all_are_simulated() -> None:
    made, _ = pending()
    assert made.simulated(made).tolist() == made.rows(list(made)).tolist() == list(made)
    assert not made.infeasible_of(list(made)).any()


def test_an_individual_is_complete_when_all_its_trials_are_final() -> None:
    made, book = pending([-1, 10, -1, -1, -1], [True, True, False, True, True])
    assert made.complete(list(made)) == [12], "what is infeasible has no trials"
    finish(book, (10, 0), (13, 1))
    assert made.complete([10]) == []
    finish(book, (10, 1))
    assert made.complete(list(made)) == [10, 11, 12]
    assert made.concerned({10, 13}) == [10, 11, 13]


def test_those_equal_to_one_that_was_told_before_are_complete_with_it() -> None:
    made, book = pending([4, -1, -1, -1, -1])
    assert made.complete([10]) == []
    finish(book, (4, 0), (4, 1))
    assert made.complete([10]) == [10]
    assert made.concerned({4}) == [10], "the first itself is not pending any more"


def test_what_was_told_is_forgotten() -> None:
    made, _ = pending([-1, 10, -1, -1, -1], [True, True, True, False, True])
    made.remove([11, 13])
    assert list(made) == [10, 12, 14] and not made.same_as and not made.infeasible
    with pytest.raises(KeyError):
        made.entropy((11, 0))
    made.remove([14, 10, 12])
    assert not len(made)
    assert made.add(15, INDIVIDUALS[:1], np.array([-1]), np.array([True]), ENTROPY[:1]) == [15]
    assert made.entropy((15, 1)) == ENTROPY[0, 1].tobytes()


@given(st.data())
def test_what_is_asked_and_told_in_any_order_leaves_nothing(data: st.DataObject) -> None:
    made = Pending(Book(2, 1, {}))
    first = 0
    for size in data.draw(st.lists(st.integers(1, 5), max_size=6)):
        same = np.array([data.draw(st.integers(-1, first - 1)) for _ in range(size)])
        feasible = np.array([data.draw(st.booleans()) for _ in range(size)])
        made.add(first, INDIVIDUALS[:size], same, feasible, ENTROPY[:size])
        first += size
        told = data.draw(st.lists(st.sampled_from(sorted(made)), unique=True))
        made.remove(told)
        assert not set(told) & {*made, *made.same_as, *made.infeasible}
    made.remove(list(made))
    assert not made.individuals and not made.same_as and not made.infeasible and not made._entropy
