from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l import Experiment, Maximize, Minimize, Status
from l2l.experiment.scoring import score
from tests.l2l.experiment.models import Noisy
from tests.l2l.experiment.plans import book, plan

NAN, INF = float("nan"), float("inf")
OK, FAILED, INVALID = Status.OK, Status.FAILED, Status.INVALID
FEASIBLE = np.zeros(3, dtype=bool)


def test_costs_are_aggregated_over_trials_and_have_the_sign_of_their_objective() -> None:
    both = plan(objectives=(Minimize("error"), Maximize("reward")))
    known = book([[OK, OK]] * 2, [[[1.0, 10.0], [3.0, 30.0]], [[0.0, -1.0], [0.0, -2.0]]])
    scores = score(both, known, np.array([0, 1]), FEASIBLE[:2])
    assert scores.costs.tolist() == [[2.0, -20.0], [0.0, 1.5]]
    assert scores.fitness.tolist() == [[2.0, 20.0], [0.0, -1.5]]
    assert scores.status.tolist() == [OK, OK]
    assert scores.results.costs.tolist() == [[[1.0, -10.0], [3.0, -30.0]], [[0.0, 1.0], [0.0, 2.0]]]
    np.testing.assert_allclose(scores.spread, [[2**0.5, 200**0.5], [0.0, 0.5**0.5]])
    np.testing.assert_array_equal(scores.results.spread, scores.spread)
    assert scores.results.trials.tolist() == [2, 2]


def test_one_failed_trial_makes_its_individual_infinite_and_names_its_status() -> None:
    status = [[OK, FAILED], [Status.TIMEOUT, OK], [OK, OK]]
    scores = score(plan(), book(status, [[[1.0], [NAN]], [[NAN], [2.0]], [[3.0], [5.0]]]), np.arange(3), FEASIBLE)
    assert scores.costs.tolist() == [[INF], [INF], [4.0]]
    np.testing.assert_array_equal(scores.fitness, [[NAN], [NAN], [4.0]])
    np.testing.assert_array_equal(scores.spread, [[NAN], [NAN], [2**0.5]])
    assert scores.status.tolist() == [FAILED, Status.TIMEOUT, OK]
    np.testing.assert_array_equal(scores.results.costs, [[[1.0], [NAN]], [[NAN], [2.0]], [[3.0], [5.0]]])
    assert scores.results.trials.tolist() == [2, 2, 2]


def test_what_violates_a_constraint_was_never_simulated() -> None:
    known = book([[OK, OK], [-1, -1], [OK, OK]], np.ones((3, 2, 1)), rate=np.ones((3, 2, 4)))
    scores = score(plan(), known, np.arange(3), np.array([False, True, False]))
    assert scores.costs.tolist() == [[1.0], [INF], [1.0]]
    assert scores.status.tolist() == [OK, INVALID, OK]
    assert scores.results.trials.tolist() == [2, 0, 2]
    assert np.isnan(scores.results.costs[1]).all()
    assert np.isnan(scores.results.observables["rate"][1]).all()
    assert scores.results.observables["rate"].shape == (3, 2, 4)


def test_all_may_fail() -> None:
    scores = score(plan(), book([[FAILED, FAILED]] * 3, np.full((3, 2, 1), NAN)), np.arange(3), FEASIBLE)
    assert (scores.costs == INF).all() and np.isnan(scores.fitness).all() and np.isnan(scores.spread).all()


def test_equal_individuals_have_the_results_of_the_first() -> None:
    scores = score(plan(), book([[OK, OK]] * 2, [[[1.0], [1.0]], [[2.0], [2.0]]]), np.array([1, 0, 1]), FEASIBLE)
    assert scores.costs.tolist() == [[2.0], [1.0], [2.0]]


def test_a_single_trial_has_no_spread() -> None:
    scores = score(plan(trials=1), book([[OK]] * 3, [[[1.0]]] * 3), np.arange(3), FEASIBLE)
    assert np.isnan(scores.spread).all() and scores.costs.tolist() == [[1.0]] * 3


@pytest.mark.parametrize("returned", [NAN, -INF, INF])
def test_a_function_that_gives_no_finite_number_makes_a_failure_of_it(returned: float) -> None:
    maximized = plan(aggregate=lambda costs: returned if costs[0] < 0 else costs[0], objectives=(Maximize("reward"),))
    scores = score(
        maximized, book([[OK, OK]] * 3, [[[-1.0], [-1.0]], [[1.0], [1.0]], [[-2.0], [-2.0]]]), np.arange(3), FEASIBLE
    )
    assert scores.costs.tolist() == [[1.0], [INF], [2.0]]
    np.testing.assert_array_equal(scores.fitness, [[-1.0], [NAN], [-2.0]])


def test_a_function_gets_costs_of_which_less_is_better() -> None:
    worst = plan(aggregate=max, objectives=(Maximize("reward"),))
    scores = score(worst, book([[OK, OK]], [[[1.0], [5.0]]]), np.array([0]), FEASIBLE[:1])
    assert scores.costs.tolist() == [[-1.0]] and scores.fitness.tolist() == [[1.0]]


def test_weights_make_one_cost_and_leave_the_fitness() -> None:
    both = plan(objectives=(Minimize("error"), Maximize("reward")), weights=(2.0, 0.5))
    known = book([[OK, OK], [OK, FAILED]], [[[1.0, 10.0], [1.0, 10.0]], [[1.0, 1.0], [NAN, NAN]]])
    scores = score(both, known, np.array([0, 1]), FEASIBLE[:2])
    assert scores.costs.tolist() == [[2.0 - 5.0], [INF]]
    np.testing.assert_array_equal(scores.fitness, [[1.0, 10.0], [NAN, NAN]])
    zero = plan(objectives=both.objectives, weights=(0.0, 1.0))
    assert score(zero, known, np.array([1]), FEASIBLE[:1]).costs.tolist() == [[INF]], "no NaN from 0 times infinity"


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), min_size=1, max_size=20), st.data())
def test_a_score_does_not_depend_on_whom_it_is_computed_with(rows: list[list[float]], data: st.DataObject) -> None:
    weights = tuple(data.draw(st.lists(st.floats(0, 10), min_size=3, max_size=3)))
    three = plan(objectives=tuple(map(Minimize, "abc")), weights=weights, trials=1)
    known = book([[OK]] * len(rows), [[row] for row in rows])
    together = score(three, known, np.arange(len(rows)), np.zeros(len(rows), dtype=bool)).costs
    for number in range(len(rows)):
        alone = score(three, known, np.array([number]), FEASIBLE[:1]).costs
        assert alone[0, 0] == together[number, 0]


def test_scoring_changes_nothing_in_the_book() -> None:
    known = book([[OK, OK]] * 3, np.ones((3, 2, 1)))
    for _ in range(2):
        scores = score(plan(objectives=(Maximize("reward"),)), known, np.arange(3), np.array([True, False, False]))
        assert scores.costs.tolist() == [[INF], [-1.0], [-1.0]]
    assert (known.status(np.arange(3)) == OK).all() and (known.fitness(np.arange(3)) == 1.0).all()


def test_a_run_in_this_process_takes_any_function(tmp_path: Path) -> None:
    for name, aggregate in (("local", lambda costs: costs[0]), ("partial", partial(np.quantile, q=0.0))):
        found = Experiment(
            Noisy(),
            "random",
            directory=tmp_path / name,
            launcher="serial",
            trials=2,
            aggregate=aggregate,
            stop={"individuals": 1},
        ).run()
        trials = found.trials["fitness/reward"].reshape(-1, 2)
        expected = trials[:, 0] if name == "local" else trials.max(axis=1)
        np.testing.assert_array_equal(found.individuals["fitness/reward"], expected)
