from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l import Categorical, Experiment, Individual, Integer, Observable, ParameterSpace, Real, Status, Trajectory
from l2l.errors import OptionError, UserError
from l2l.memo import UNKNOWN, Book, Elsewhere
from tests.l2l.experiment.models import Conditional, Noisy, Scripted, bowl

SPACE = ParameterSpace(x=Real(0.0, 9.0), kind=Categorical("a", "b"), f=Integer(1, 5, when="kind == 'b'"))


def entered(book: Book, start: int, individuals: list[Individual], generation: int | None = None) -> list[int]:
    return book.add(start, SPACE.gathered(individuals).keys, generation).tolist()


def points(*values: float, kind: str = "a", f: int = 1) -> list[Individual]:
    return [SPACE.individual({"x": value, "kind": kind, "f": f}) for value in values]


def write(
    book: Book, trials: list[tuple[int, int]], fitness: Any, status: Status = Status.OK, **observables: Any
) -> None:
    index, number = (np.array(column, dtype=np.int64) for column in zip(*trials, strict=True))
    book.write(index, number, np.full(len(index), status, dtype=np.int8), np.array(fitness), observables)


# --- this run ------------------------------------------------------------------------------------------------------


def test_equal_individuals_are_known_by_the_number_of_the_first() -> None:
    book = Book(1, 1, {})
    assert entered(book, 0, points(1.0, 2.0, 1.0)) == [-1, -1, 0]
    assert entered(book, 3, points(2.0, 3.0, 3.0, 1.0)) == [1, -1, 4, 0]


def test_an_inactive_parameter_makes_no_difference_and_an_active_one_does() -> None:
    book = Book(1, 1, {})
    assert entered(book, 0, points(1.0, f=1) + points(1.0, f=5)) == [-1, 0]
    assert entered(book, 2, points(1.0, kind="b", f=1) + points(1.0, kind="b", f=5)) == [-1, -1]


def test_where_seeds_differ_from_generation_to_generation_only_those_of_one_are_equal() -> None:
    book = Book(1, 1, {})
    assert entered(book, 0, points(1.0, 1.0), 0) == [-1, 0]
    assert entered(book, 2, points(1.0, 1.0), 1) == [-1, 2]


@given(st.lists(st.lists(st.sampled_from([1.0, 2.0, 3.0, 4.0]), min_size=1, max_size=12), max_size=5))
def test_many_are_entered_as_one_by_one(generations: list[list[float]]) -> None:
    book, start, firsts = Book(1, 1, {}), 0, dict[float, int]()
    for values in generations:
        expected = []
        for number, value in enumerate(values, start):
            expected.append(firsts.get(value, -1))
            firsts.setdefault(value, number)
        assert entered(book, start, points(*values)) == expected
        start += len(values)


def test_results_are_found_under_their_trial() -> None:
    book = Book(2, 2, {"rate": Observable((3,)), "count": Observable(dtype=int)})
    entered(book, 0, points(1.0, 2.0, 3.0))
    rate = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    write(book, [(2, 1), (0, 0)], [[1.0, 2.0], [3.0, 4.0]], rate=np.array(rate), count=np.array([7, 8]))
    write(book, [(1, 0)], [[np.nan, np.nan]], Status.CRASHED, rate=np.full((1, 3), np.nan), count=np.array([0]))
    numbers = np.array([2, 0, 1])
    assert book.known(numbers).tolist() == [[False, True], [True, False], [True, False]]
    assert book.status(numbers).tolist() == [[UNKNOWN, 0], [0, UNKNOWN], [Status.CRASHED, UNKNOWN]]
    np.testing.assert_array_equal(book.fitness(numbers)[:2], [[[np.nan] * 2, [1, 2]], [[3, 4], [np.nan] * 2]])
    np.testing.assert_array_equal(book.observables(numbers)["rate"][0], [[np.nan] * 3, rate[0]])
    assert book.observables(numbers)["count"].tolist() == [[0, 7], [8, 0], [0, 0]]
    assert book.observables(numbers)["count"].dtype == np.int64


def test_what_is_read_is_a_copy() -> None:
    book = Book(1, 1, {"rate": Observable()})
    write(book, [(0, 0)], [[1.0]], rate=np.array([2.0]))
    numbers = np.array([0])
    for array in (book.status(numbers), book.fitness(numbers), book.observables(numbers)["rate"]):
        array[:] = 99
    assert (book.status(numbers)[0, 0], book.fitness(numbers)[0, 0, 0]) == (Status.OK, 1.0)
    assert book.observables(numbers)["rate"][0, 0] == 2.0


def test_the_book_grows_as_needed_and_keeps_what_it_has() -> None:
    book = Book(1, 1, {"rate": Observable()})
    write(book, [(0, 0)], [[1.0]], rate=np.array([1.0]))
    for number in (255, 256, 5000, 20000):
        write(book, [(number, 0)], [[float(number)]], rate=np.array([float(number)]))
    numbers = np.array([0, 255, 256, 5000, 20000])
    expected = [1.0, 255.0, 256.0, 5000.0, 20000.0]
    assert book.fitness(numbers)[:, 0, 0].tolist() == book.observables(numbers)["rate"][:, 0].tolist() == expected
    assert book.known(np.arange(20001)).sum() == 5


def test_nothing_to_note_is_noted() -> None:
    book = Book(1, 1, {})
    nothing = np.array([], dtype=np.int64)
    book.write(nothing, nothing, nothing.astype(np.int8), np.zeros((0, 1)), {})
    assert book.known(nothing).shape == (0, 1)


def test_no_optimizer_can_use_an_observable_that_differs_in_length() -> None:
    with pytest.raises(OptionError, match="observable 'spikes' differs in length"):
        Book(1, 1, {"spikes": Observable(ragged=True)})


# --- earlier runs --------------------------------------------------------------------------------------------------


def run(directory: Path, model: Any, generations: list[list[dict[str, Any]]], **changes: Any) -> Trajectory:
    arguments: dict[str, Any] = {"launcher": "serial", "seed": 3, "trials": 2, "directory": directory}
    optimizer = {"name": Scripted, "points": generations}
    return Experiment(model, optimizer, **(arguments | changes)).run()


def simulated(trajectory: Trajectory) -> int:
    return int(np.count_nonzero(trajectory.trials["source"] < 0))


def test_a_run_that_names_an_earlier_one_runs_only_what_is_new(tmp_path: Path) -> None:
    first = run(tmp_path / "first", Noisy(), [[{"x": 1.0}, {"x": 2.0}]])
    same = run(tmp_path / "same", Noisy(), [[{"x": 1.0}, {"x": 2.0}]], memo=tmp_path / "first")
    assert simulated(first) == 4 and simulated(same) == 0
    for column in ("fitness/reward", "observables/pair", "seed", "status"):
        np.testing.assert_array_equal(same.trials[column], first.trials[column])
    for mine, theirs in zip(same.trials["observables/spikes"], first.trials["observables/spikes"], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    more = run(tmp_path / "more", Noisy(), [[{"x": 1.0}, {"x": 0.5}]], memo=[tmp_path / "same"], trials=3)
    assert simulated(more) == 1 + 3, "a further trial of the known one, all of the new one"
    assert more.trials["source"].tolist() == [0, 0, -1, -1, -1, -1]


def test_under_another_seed_only_a_deterministic_model_is_known(tmp_path: Path) -> None:
    run(tmp_path / "noisy", Noisy(), [[{"x": 1.0}]])
    assert simulated(run(tmp_path / "again", Noisy(), [[{"x": 1.0}]], seed=4, memo=tmp_path / "noisy")) == 2
    run(tmp_path / "bowl", bowl, [[{"x": 1.0}]])
    assert simulated(run(tmp_path / "bowl2", bowl, [[{"x": 1.0}]], seed=4, memo=tmp_path / "bowl")) == 0


def test_points_that_differ_in_what_has_no_effect_are_one_point(tmp_path: Path) -> None:
    run(tmp_path / "first", Conditional(), [[{"amplitude": 0, "f": 3.0}]])
    second = run(
        tmp_path / "second",
        Conditional(),
        [[{"amplitude": 0, "f": 9.0}, {"amplitude": 1, "f": 3.0}]],
        memo=tmp_path / "first",
    )
    assert second.trials["source"].tolist() == [0, -1]


def test_another_optimizee_is_refused_by_name(tmp_path: Path) -> None:
    run(tmp_path / "first", Noisy(noise=0.1), [[{"x": 1.0}]])
    with pytest.raises(UserError, match=r"memo: .*first was computed with another optimizee: options changed"):
        run(tmp_path / "second", Noisy(noise=0.2), [[{"x": 1.0}]], memo=tmp_path / "first")


def test_other_resources_are_another_evaluation(tmp_path: Path) -> None:
    first = run(tmp_path / "first", Noisy(), [[{"x": 1.0}]])
    for resources, found in (((1, 1), 2), ((1, 2), 0), ((2, 1), 0)):
        assert len(Elsewhere([tmp_path / "first"], first.fingerprint, True, resources)) == found


def test_a_deterministic_model_runs_once_whatever_the_generation(tmp_path: Path) -> None:
    for seeding in ("individual", "common", "generation"):
        found = run(tmp_path / seeding, bowl, [[{"x": 1.0}, {"x": 1.0}], [{"x": 1.0}]], seeding=seeding)
        assert len(found.trials) == 1
    noisy = run(tmp_path / "noisy", Noisy(), [[{"x": 1.0}], [{"x": 1.0}]], seeding="generation")
    assert len(noisy.trials) == 4
