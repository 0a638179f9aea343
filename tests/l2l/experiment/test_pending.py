import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from l2l import ParameterSpace, Real, Status
from l2l.experiment.pending import Ints, Pending
from l2l.memo import Book

SPACE = ParameterSpace(x=Real(0.0, 9.0))
INDIVIDUALS = SPACE.gathered([SPACE.individual({"x": float(place)}) for place in range(5)])
ENTROPY = np.arange(5 * 2 * 4, dtype=np.uint32).reshape(5, 2, 4)


def of(*numbers: int) -> Ints:
    return np.array(numbers, dtype=np.int64)


def pending(
    same_as: list[int] | None = None, feasible: list[bool] | None = None, first: int = 10
) -> tuple[Pending, Book]:
    book = Book(2, 1, {})
    book.add(0, INDIVIDUALS.keys * 3)  # as a run does before
    made = Pending(book)
    same = np.array(same_as or [-1] * 5, dtype=np.int64)
    numbers = made.add(first, INDIVIDUALS, same, np.array(feasible or [True] * 5), ENTROPY)
    assert numbers.tolist() == list(range(first, first + 5))
    return made, book


def finish(book: Book, *trials: tuple[int, int]) -> None:
    index, number = (np.array(column) for column in zip(*trials, strict=True))
    book.write(index, number, np.full(len(index), Status.OK, dtype=np.int8), np.zeros((len(index), 1)), {})


def test_individuals_are_known_by_number_in_the_order_asked() -> None:
    made, _ = pending()
    assert list(made) == made.numbers.tolist() == [10, 11, 12, 13, 14] and len(made) == 5
    assert 12 in made and 9 not in made and 15 not in made
    assert made.individual(12) == INDIVIDUALS[2]
    assert made.individuals(made.numbers) is INDIVIDUALS
    made.add(15, INDIVIDUALS[:2], of(-1, -1), np.array([True, True]), ENTROPY[:2])
    assert list(made.individuals(of(16, 11, 15, 10))) == [INDIVIDUALS[place] for place in (1, 1, 0, 0)]


def test_each_trial_has_its_entropy() -> None:
    made, _ = pending()
    made.add(15, INDIVIDUALS[:1], of(-1), np.array([True]), ENTROPY[4:])
    found = made.entropy(of(11, 15, 10, 14), of(1, 0, 0, 1))
    assert found.tolist() == [ENTROPY[row, number].tolist() for row, number in ((1, 1), (4, 0), (0, 0), (4, 1))]


def test_a_trial_that_is_out_comes_back_once() -> None:
    made, _ = pending()
    made.add(15, INDIVIDUALS[:2], of(-1, -1), np.array([True, True]), ENTROPY[:2])
    made.leave(of(10, 10, 16), of(0, 1, 1))
    assert made.out == 3
    assert made.are_out(of(10, 11, 16, 99), of(1, 0, 1, 0)).tolist() == [True, False, True, False]
    back = made.come_back(of(16, 10, 16, 11, 3), of(1, 0, 1, 0, 0))
    assert back.tolist() == [True, True, False, False, False], "one came twice, one was not out, one is not there"
    assert made.out == 1 and not made.come_back(of(10), of(0)).any()
    assert made.come_back(of(10), of(1)).all() and made.out == 0


def test_only_feasible_individuals_that_are_the_first_of_their_kind_are_simulated() -> None:
    made, _ = pending([-1, 10, -1, 3, -1], [True, True, False, True, True])
    assert made.simulated(made.numbers).tolist() == [10, 14]
    assert made.simulated(of()).dtype == np.int64
    assert made.infeasible_of(of(10, 12, 14)).tolist() == [False, True, False]
    assert made.rows(of(10, 11, 12, 13)).tolist() == [10, 10, 12, 3]
    assert made.same(made.numbers).tolist() == [-1, 10, -1, 3, -1]


def test_without_equal_or_infeasible_ones_all_are_simulated() -> None:
    made, _ = pending()
    assert made.simulated(made.numbers).tolist() == made.rows(made.numbers).tolist() == list(made)
    assert not made.infeasible_of(made.numbers).any()


def test_an_individual_is_complete_when_all_its_trials_are_final() -> None:
    made, book = pending([-1, 10, -1, -1, -1], [True, True, False, True, True])
    assert made.complete(made.numbers).tolist() == [12], "what is infeasible has no trials"
    finish(book, (10, 0), (13, 1))
    assert made.complete(of(10)).tolist() == []
    finish(book, (10, 1))
    assert made.complete(made.numbers).tolist() == [10, 11, 12]
    assert made.concerned(of(13, 10, 13)).tolist() == [10, 11, 13]


def test_those_equal_to_one_that_was_told_before_are_complete_with_it() -> None:
    made, book = pending([4, -1, -1, -1, -1])
    assert made.complete(of(10)).tolist() == []
    finish(book, (4, 0), (4, 1))
    assert made.complete(of(10)).tolist() == [10]
    assert made.concerned(of(4)).tolist() == [10], "the first itself is not pending any more"


def test_what_was_told_is_forgotten() -> None:
    made, _ = pending([-1, 10, -1, -1, -1], [True, True, True, False, True])
    made.remove(of(11, 13))
    assert list(made) == [10, 12, 14] and not made.same_as and not made.infeasible
    assert 11 not in made and len(made.individuals(made.numbers)) == 3
    made.remove(of(14, 10, 12))
    assert not len(made)
    assert made.add(15, INDIVIDUALS[:1], of(-1), np.array([True]), ENTROPY[:1]).tolist() == [15]
    assert made.entropy(of(15), of(1)).tolist() == [ENTROPY[0, 1].tolist()]


@given(st.data())
def test_what_is_asked_and_told_in_any_order_leaves_nothing(data: st.DataObject) -> None:
    made = Pending(Book(2, 1, {}))
    first, left = 0, set[int]()
    for size in data.draw(st.lists(st.integers(1, 5), max_size=6)):
        same = np.array([data.draw(st.integers(-1, first - 1)) for _ in range(size)])
        feasible = np.array([data.draw(st.booleans()) for _ in range(size)])
        made.add(first, INDIVIDUALS[:size], same, feasible, ENTROPY[:size])
        left |= set(range(first, first + size))
        first += size
        told = data.draw(st.lists(st.sampled_from(sorted(made)), unique=True))
        made.remove(of(*told))
        left -= set(told)
        assert list(made) == sorted(left) and len(made) == len(left)
        assert {*made.same_as, *made.infeasible} <= left
    made.remove(made.numbers)
    assert not len(made) and not len(made.numbers) and not made.same_as and not made.infeasible
