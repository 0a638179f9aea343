import numpy as np
import pytest

from l2l.errors import OptionError
from l2l.optimizers import CMAES
from l2l.optimizers.quadratic_model import QuadraticModel
from l2l.space import ParameterSpace, Real

AXES = np.diag([0.2, 0.1, 0.05])


def bowl(points, at):
    hessian = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 3.0]])
    return np.einsum("ni,ij,nj->n", points - at, hessian, points - at)


def test_finds_the_minimum_of_a_quadratic_function_exactly():
    at = np.array([0.3, 0.6, 0.5])
    points = np.random.default_rng(1).random((15, 3))
    model = QuadraticModel(3)
    model.add(points, bowl(points, at))
    minimum = model.minimum(np.full(3, 0.5), AXES)
    assert minimum == pytest.approx(at, abs=1e-9)


def test_wants_more_points_than_coefficients():
    points = np.random.default_rng(1).random((7, 3))
    model = QuadraticModel(3)
    model.add(points, bowl(points, np.zeros(3)))
    assert model.minimum(np.full(3, 0.5), AXES) is None


def test_failed_points_tell_nothing():
    at = np.array([0.3, 0.6, 0.5])
    points = np.random.default_rng(1).random((25, 3))
    costs = bowl(points, at)
    costs[::2] = np.inf
    model = QuadraticModel(3)
    model.add(points, costs)
    assert model.minimum(np.full(3, 0.5), AXES) == pytest.approx(at, abs=1e-9)


def test_says_nothing_of_a_plateau_or_of_costs_beyond_floats():
    points = np.random.default_rng(1).random((25, 3))
    for costs in (np.ones(25), np.where(np.arange(25) % 2, 1e308, -1e308)):
        model = QuadraticModel(3)
        model.add(points, costs)
        with np.errstate(over="ignore"):
            assert model.minimum(np.full(3, 0.5), AXES) is None


def evaluations(model):
    optimizer = CMAES(ParameterSpace(x=Real(-5.0, 5.0, shape=5)), seed=3, model=model)
    scales = np.logspace(0.0, 3.0, 5)
    count = 0
    while optimizer.report()["best_cost"] > 1e-8 or not count:
        individuals = optimizer.ask()
        count += len(individuals)
        optimizer.tell(individuals, [float((scales * (one["x"] - 1.0) ** 2).sum()) for one in individuals])
    return count


def test_cma_es_with_a_model_needs_a_third_of_the_evaluations_on_an_ellipsoid():
    assert evaluations("quadratic") < evaluations("none") / 3


def test_a_model_of_too_many_dimensions_is_refused():
    with pytest.raises(OptionError, match="40 dimensions"):
        CMAES(ParameterSpace(x=Real(0.0, 1.0, shape=41)), model="quadratic")
