import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l.errors import OptionError
from l2l.optimizee import Optimizee
from l2l.optimizees.function import FUNCTIONS, TestFunction
from l2l.testing.optimizees import OptimizeeContract
from l2l.values import Trial

NAMES = sorted(FUNCTIONS)


class TestNoisyFunction(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return TestFunction(function="rastrigin", dimension=3, shift=[0.5, 0.0, -1.0], noise=0.1)


class TestDeterministicFunction(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return TestFunction(function="levy", dimension=7)


def evaluated(function: TestFunction, x: np.ndarray, entropy: int = 1) -> float:
    individual = function.space.individual({"x": x})
    return function.simulate(individual, Trial(individual, entropy=entropy))


@pytest.mark.parametrize(
    ("name", "x", "value"),
    [
        ("sphere", [1.0, 2.0, 2.0], 9.0),
        ("ellipsoid", [1.0, 1.0, 1.0], 1.0 + 1e3 + 1e6),
        ("rosenbrock", [-1.0, 1.0], 4.0),
        ("rosenbrock", [0.0, 0.0, 0.0], 2.0),
        ("rastrigin", [0.5, 1.0], 0.25 + 20.0 + 1.0),
        ("ackley", [1.0, 1.0], 3.6253849384403627),
        ("griewank", [math.pi], math.pi**2 / 4000.0 + 2.0),
        ("schwefel", [0.0, 0.0], 837.9657745448678),
        ("styblinski-tang", [1.0, -1.0], -15.0),
        ("levy", [1.0, 5.0], 1.0 + 0.0),
    ],
)
def test_values_are_those_of_the_literature(name: str, x: list[float], value: float) -> None:
    function = TestFunction(function=name, dimension=len(x))
    assert function.value(np.array(x)) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dimension", [2, 5])
def test_the_known_optimum_is_stationary_and_lower_than_anything_near_or_far(name: str, dimension: int) -> None:
    function = TestFunction(function=name, dimension=dimension, shift=0.01)
    rng = np.random.default_rng(3)
    low, high = FUNCTIONS[name].domain
    for scale in (1e-3, 0.1, 1.0, 10.0, 1000.0):
        points = function.optimum + scale * rng.standard_normal((200, dimension))
        assert min(map(function.value, points)) > function.minimum
    assert min(map(function.value, rng.uniform(low, high, (500, dimension)))) > function.minimum


@pytest.mark.parametrize(("name", "minimum"), [(name, 0.0) for name in NAMES if name != "styblinski-tang"])
def test_the_minimum_is_zero_but_for_styblinski_tang(name: str, minimum: float) -> None:
    assert TestFunction(function=name, dimension=3).minimum == pytest.approx(minimum, abs=1e-11)
    assert TestFunction(function="styblinski-tang", dimension=3).minimum == pytest.approx(-3 * 39.16616570377142)


@given(st.lists(st.floats(-5.0, 5.0), min_size=2, max_size=6), st.floats(-2.0, 2.0), st.sampled_from(NAMES))
def test_a_shift_moves_the_function_and_not_its_domain(x: list[float], shift: float, name: str) -> None:
    plain = TestFunction(function=name, dimension=len(x))
    moved = TestFunction(function=name, dimension=len(x), shift=shift)
    point = np.array(x) + shift
    assert moved.value(point) == pytest.approx(plain.value(point - shift), rel=1e-9)
    assert moved.space == plain.space


def test_a_shift_may_differ_between_components() -> None:
    function = TestFunction(dimension=3, shift=[1.0, -2.0, 0.5])
    assert function.optimum.tolist() == [1.0, -2.0, 0.5]
    assert function.value(np.array([1.0, -2.0, 0.5])) == 0.0


def test_noise_is_gaussian_of_the_given_size_and_belongs_to_the_trial() -> None:
    noisy = TestFunction(noise=0.5)
    x = noisy.space.default["x"]
    values = np.array([evaluated(noisy, x, entropy) for entropy in range(400)])
    assert values.std() == pytest.approx(0.5, rel=0.15)
    assert values.mean() == pytest.approx(noisy.value(x), abs=0.1)
    assert evaluated(noisy, x, 7) == values[7]
    assert noisy.stochastic and not TestFunction().stochastic


def test_an_evaluation_lasts_as_long_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    slow = TestFunction(duration=0.25)
    evaluated(slow, slow.space.default["x"])
    assert slept == [0.25]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"function": "spheer"}, "function.*sphere.*got 'spheer'"),
        ({"dimension": 0}, "'dimension'.*at least 1, got 0"),
        ({"function": "rosenbrock", "dimension": 1}, "'dimension': rosenbrock needs at least 2, got 1"),
        ({"noise": -1.0}, "'noise'.*at least 0, got -1.0"),
        ({"noise": math.nan}, "'noise'.*got nan"),
        ({"duration": math.inf}, "'duration'.*got inf"),
        ({"shift": 6.0}, "'shift'.*-5.12 to 5.12.*got 6.0"),
        ({"shift": [1.0, 2.0, 3.0]}, "'shift'.*each of the 2 components"),
        ({"dimention": 3}, "did you mean 'dimension'"),
        ({"dimension": 2.5}, "'dimension': expected int, got 2.5"),
    ],
)
def test_wrong_options_are_refused_with_what_was_expected(options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        TestFunction(**options)
