from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from l2l.aggregate import aggregated, check_aggregate, spread
from l2l.errors import OptionError

COSTS = arrays(np.float64, array_shapes(min_dims=3, max_dims=3, max_side=5), elements=st.floats(-1e6, 1e6))
NAMES = {"mean": np.mean, "median": np.median, "worst": np.max, "best": np.min}


@pytest.mark.parametrize("name", NAMES)
@given(COSTS)
def test_names_aggregate_over_the_trials(name: str, costs: np.ndarray) -> None:
    found = aggregated(costs, name)
    assert found.shape == (costs.shape[0], costs.shape[2])
    for i, j in np.ndindex(found.shape):
        np.testing.assert_allclose(found[i, j], NAMES[name](costs[i, :, j]), rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("aggregate", [*NAMES, np.mean])
@given(COSTS)
def test_what_an_individual_comes_to_does_not_depend_on_the_others(aggregate: Any, costs: np.ndarray) -> None:
    together, spreads = aggregated(costs, aggregate), spread(costs)
    for i in range(len(costs)):
        np.testing.assert_array_equal(aggregated(costs[i : i + 1], aggregate)[0], together[i])
        np.testing.assert_array_equal(spread(costs[i : i + 1])[0], spreads[i])


@given(COSTS)
def test_a_function_gets_the_costs_of_each_objective_and_cannot_change_them(costs: np.ndarray) -> None:
    seen: list[list[float]] = []
    before = costs.copy()

    def second_best(one: np.ndarray) -> float:
        seen.append(one.tolist())
        one.sort()
        return float(one[min(1, len(one) - 1)])

    found = aggregated(costs, second_best)
    np.testing.assert_array_equal(costs, before)
    assert seen == [costs[i, :, j].tolist() for i, j in np.ndindex(found.shape)]
    assert found[0, 0] == sorted(costs[0, :, 0])[min(1, costs.shape[1] - 1)]


@pytest.mark.parametrize("returned", [3, 3.0, np.float32(3.0), np.int64(3), np.array(3.0)], ids=repr)
def test_a_function_may_return_any_number(returned: Any) -> None:
    assert aggregated(np.zeros((1, 2, 1)), lambda costs: returned).tolist() == [[3.0]]


@pytest.mark.parametrize("returned", [None, "3", [3.0], np.array([3.0]), 3j], ids=repr)
def test_what_is_no_number_is_an_error_that_names_the_function(returned: Any) -> None:
    def broken(costs: np.ndarray) -> Any:
        return returned

    with pytest.raises(OptionError, match=r"aggregate: expected a number from .*broken, got "):
        aggregated(np.zeros((1, 2, 1)), broken)


def test_a_function_that_raises_is_an_error_that_names_it() -> None:
    def broken(costs: np.ndarray) -> float:
        return 1 / 0

    with pytest.raises(OptionError, match=r"aggregate: .*broken raised ZeroDivisionError: division by zero, given \[0"):
        aggregated(np.zeros((1, 2, 1)), broken)


@pytest.mark.parametrize("aggregate", [*NAMES, np.mean, lambda costs: 0.0])
def test_no_individuals_come_to_nothing(aggregate: Any) -> None:
    assert aggregated(np.zeros((0, 3, 2)), aggregate).shape == (0, 2)


def test_the_spread_is_the_sample_standard_deviation_and_unknown_for_one_trial() -> None:
    costs = np.array([[[1.0, 5.0], [3.0, 5.0]], [[0.0, 1.0], [1.0, 2.0]]])
    np.testing.assert_allclose(spread(costs), costs.std(axis=1, ddof=1))
    assert np.isnan(spread(costs[:, :1])).all() and spread(costs[:, :1]).shape == (2, 2)


def test_names_and_functions_are_aggregates_and_nothing_else_is() -> None:
    for aggregate in (*NAMES, np.mean):
        check_aggregate(aggregate)
    with pytest.raises(OptionError, match=r"aggregate: no aggregate 'meen'; did you mean 'mean'"):
        check_aggregate("meen")
    with pytest.raises(OptionError, match=r"aggregate: expected one of mean, median, worst, best or a function, got 3"):
        check_aggregate(3)  # type: ignore[arg-type]
