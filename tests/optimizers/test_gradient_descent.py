import math
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import ArrayLike

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizers import GradientDescent
from l2l.optimizers.gradients import ChainRule, Directions, cells, differences, least_squares, slopes
from l2l.optimizers.update_rules import RULES, RuleName
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract
from l2l.values import Results

PLANE = ParameterSpace(x=Real(-5.0, 5.0), y=Real(-5.0, 5.0))


class TestGradientDescent(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> GradientDescent:
        return GradientDescent(space, seed=seed, **options)


class TestGradientDescentBySPSA(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> GradientDescent:
        options = {"starts": 2, "gradient": "spsa", "rule": "sgd", "population": 7, **options}
        return GradientDescent(space, seed=seed, **options)


class TestGradientDescentByLeastSquares(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> GradientDescent:
        return GradientDescent(space, seed=seed, gradient="least-squares", rule="rmsprop", **options)


class Observing(GradientDescent):
    """Sees the gradient of the squared distance from 0.3 in the unit cube, as an optimizee would return it."""

    def tell(self, individuals: Any, costs: ArrayLike, results: Results | None = None) -> None:
        gradient = 2.0 * (self.space.encode(individuals) - 0.3)
        factors = ChainRule(self.space)(individuals)
        natural = np.divide(gradient, factors, out=np.zeros_like(gradient), where=factors != 0.0)
        super().tell(individuals, costs, results_of(natural, np.array(costs).reshape(len(individuals), -1)[:, :1]))


class TestGradientDescentByObservable(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> GradientDescent:
        return Observing(space, seed=seed, **{"gradient": "observable", **options})


def results_of(gradient: np.ndarray, costs: np.ndarray) -> Results:
    n = len(gradient)
    return Results(costs[:, None, :], {"gradient": gradient[:, None]}, np.full((n, 1), math.nan), np.ones(n, np.int64))


HESSIAN = np.array([[3.0, 1.0, 0.0], [1.0, 2.0, -0.5], [0.0, -0.5, 1.0]])
LINEAR = np.array([0.3, -1.0, 2.0])


def quadratic(x: np.ndarray) -> np.ndarray:
    return 0.5 * np.einsum("ni,ij,nj->n", x, HESSIAN, x) + x @ LINEAR + 5.0


def estimated(estimator: Any, centre: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    ahead = 0.1 * Directions(estimator, 3).draw(n, rng)
    points = np.concatenate([[centre], np.stack([ahead, -ahead], axis=1).reshape(-1, 3) + centre])
    pairs = [(place, place + 1) for place in range(1, len(points), 2)]
    rule = least_squares if estimator == "least-squares" else slopes
    return rule(*differences(points, quadratic(points), pairs))


def test_gradients_of_a_quadratic_are_right() -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        centre = rng.normal(size=3)
        exact = HESSIAN @ centre + LINEAR
        np.testing.assert_allclose(estimated("finite-difference", centre, 3, rng), exact, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(estimated("least-squares", centre, 3, rng), exact, rtol=1e-9, atol=1e-12)
        # A pair of SPSA sees the slope along its signs s and takes (g·s) s for the gradient: right in the mean.
        every = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
        singles = [
            slopes(0.2 * s[None], quadratic(centre + 0.1 * s[None]) - quadratic(centre - 0.1 * s[None])) for s in every
        ]
        np.testing.assert_allclose(singles, (every @ exact)[:, None] * every, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(np.mean(singles, axis=0), exact, rtol=1e-9, atol=1e-11)
    many = estimated("spsa", np.zeros(3), 2000, rng)
    np.testing.assert_allclose(many, LINEAR, atol=4.0 * np.linalg.norm(LINEAR) / np.sqrt(2000))


def test_least_squares_with_few_directions_is_the_projection_of_the_gradient() -> None:
    rng = np.random.default_rng(2)
    directions = Directions("least-squares", 3).draw(2, rng)
    risen = directions @ LINEAR
    np.testing.assert_allclose(least_squares(directions, risen), directions.T @ directions @ LINEAR, atol=1e-12)


def test_failed_probes_never_enter_a_gradient() -> None:
    points = np.array([[0.5, 0.5], [0.6, 0.5], [0.4, 0.5], [0.5, 0.6], [0.5, 0.4]])
    pairs = [(1, 2), (3, 4)]
    costs = points @ [2.0, 3.0]
    for failing, expected in [
        ((1,), [2.0, 3.0]),
        ((2, 3), [2.0, 3.0]),
        ((1, 2), [math.nan, 3.0]),
        ((0, 3), [2.0, math.nan]),
    ]:
        broken = costs.copy()
        broken[list(failing)] = math.inf
        np.testing.assert_allclose(slopes(*differences(points, broken, pairs)), expected, rtol=1e-9)
    assert np.isnan(least_squares(*differences(points, np.full(5, math.inf), pairs))).all()


def test_integers_are_probed_a_cell_away() -> None:
    space = ParameterSpace(x=Real(0.0, 1.0), n=Integer(0, 9), k=Integer(1, 1000, log=True))
    for values in ({"n": 3, "k": 1}, {"n": 0, "k": 1000}, {"n": 9, "k": 37}):
        point = space.encode([space.individual(values)])[0]
        least = cells(space, point)
        assert least[0] == 0.0
        ahead, behind = space.decode(np.array([point + least, point - least]))
        for name in ("n", "k"):
            assert ahead[name] > behind[name]
            assert behind[name] <= values[name] <= ahead[name]


def published(rule: RuleName, gradients: list[np.ndarray], rate: float) -> list[np.ndarray]:
    """The first steps, as the papers write them down."""
    m = v = np.zeros(2)
    steps = []
    for t, g in enumerate(gradients, start=1):
        match rule:
            case "sgd":
                steps.append(-rate * g)
            case "momentum":
                v = 0.9 * v - rate * g
                steps.append(v)
            case "rmsprop":
                v = 0.9 * v + 0.1 * g * g
                steps.append(-rate * g / (np.sqrt(v) + 1e-8))
            case "adam":
                m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
                steps.append(-rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8))
            case "adamax":
                m, v = 0.9 * m + 0.1 * g, np.maximum(0.999 * v, np.abs(g))
                steps.append(-(rate / (1 - 0.9**t)) * m / v)
    return steps


@pytest.mark.parametrize("rule", RULES)
def test_update_rules_equal_their_published_formulas(rule: RuleName) -> None:
    gradients = [np.array(g) for g in ([1.0, -2.0], [0.5, 3.0], [-0.1, 0.2], [4.0, -1.0])]
    ours = RULES[rule]((2,))
    for gradient, expected in zip(gradients, published(rule, gradients, 0.05), strict=True):
        np.testing.assert_allclose(ours.step(gradient, 0.05), expected, rtol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_what_is_unknown_neither_moves_nor_is_learnt_from(rule: RuleName) -> None:
    some, all_ = RULES[rule]((2,)), RULES[rule]((2,))
    for gradient in ([1.0, 2.0], [math.nan, 3.0], [-1.0, math.nan], [0.5, 0.5]):
        step = some.step(np.array(gradient), 0.1)
        assert (step == 0.0).tolist() == np.isnan(gradient).tolist()
    for gradient in ([1.0, 2.0], [-1.0, 3.0], [0.5, 0.5]):
        last = all_.step(np.array(gradient), 0.1)
    np.testing.assert_allclose(step, last, rtol=1e-12)


def minimized(optimizer: GradientDescent, cost: Any, generations: int = 300) -> float:
    for _ in range(generations):
        if optimizer.finished:
            break
        individuals = optimizer.ask()
        optimizer.tell(individuals, [cost(one) for one in individuals])
    return float(optimizer.report()["best_cost"])


def bowl(one: Individual) -> float:
    return float((one["x"] - 1.0) ** 2 + 4.0 * (one["y"] + 2.0) ** 2 + one["x"] * one["y"])


BOWL = float(np.linalg.solve([[2.0, 1.0], [1.0, 8.0]], [2.0, -16.0]) @ [-1.0, 8.0] + 17.0)


@pytest.mark.parametrize("rule", ["sgd", "momentum", "rmsprop", "adam", "adamax"])
@pytest.mark.parametrize("gradient", ["finite-difference", "spsa", "least-squares"])
def test_the_minimum_is_found(rule: Any, gradient: Any) -> None:
    rate = {"sgd": 1e-3, "momentum": 1e-4}.get(rule, 0.02)
    optimizer = GradientDescent(PLANE, seed=1, rule=rule, gradient=gradient, learning_rate=rate)
    assert minimized(optimizer, bowl) == pytest.approx(BOWL, abs=0.02)


def test_the_whole_cube_is_reached_on_a_logarithmic_scale_with_integers() -> None:
    space = ParameterSpace(tau=Real(1e-3, 1e3, log=True), n=Integer(0, 100), k=Integer(1, 1000, log=True))

    def cost(one: Individual) -> float:
        return math.log(one["tau"] / 20) ** 2 + 0.01 * (one["n"] - 31) ** 2 + math.log(one["k"] / 300) ** 2

    assert minimized(GradientDescent(space, seed=1), cost) < 0.02


def test_several_starts_find_the_better_minimum() -> None:
    def cost(one: Individual) -> float:
        return 0.1 * (one["x"] ** 2 - 4.0) ** 2 + 0.5 * one["x"] + one["y"] ** 2

    initial = [{"x": 4.0}, {"x": -4.0}]
    optimizer = GradientDescent(PLANE, seed=1, starts=3, initial=initial, population=15)
    assert list(optimizer.ask())[:2] == [PLANE.individual(one) for one in initial]
    optimizer = GradientDescent(PLANE, seed=1, starts=3, initial=initial)
    assert minimized(optimizer, cost) < -0.95
    costs = np.sort(optimizer.report()["costs"])
    assert costs[0] < -0.95 < 0.9 < costs[-1]


def test_a_thousand_dimensions_are_descended() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0, shape=1000))
    for gradient in ("spsa", "least-squares"):
        optimizer = GradientDescent(space, seed=1, gradient=gradient, initial=[{"x": np.full(1000, 3.0)}])
        assert minimized(optimizer, lambda one: float((one["x"] ** 2).sum()), generations=60) < 0.6 * 9000


def test_an_observed_gradient_costs_one_individual_a_step() -> None:
    space = ParameterSpace(x=Real(-5.0, 5.0), tau=Real(1e-2, 1e2, log=True), fixed=Fixed(1.0))
    optimizer = GradientDescent(space, seed=1, gradient="observable", initial=[{"x": 4.0, "tau": 0.1}])
    assert optimizer.observables == ("gradient",)
    while not optimizer.finished:
        (one,) = optimizer.ask()
        cost = (one["x"] - 1.0) ** 2 + math.log(one["tau"] / 5.0) ** 2
        gradient = np.array([[2.0 * (one["x"] - 1.0), 2.0 * math.log(one["tau"] / 5.0) / one["tau"]]])
        optimizer.tell([one], [cost], results_of(gradient, np.array([[cost]])))
    assert optimizer.report()["best_cost"] < 1e-3


def test_the_chain_rule_equals_finite_differences() -> None:
    space = ParameterSpace(
        x=Real(-5.0, 5.0, shape=2), tau=Real(1e-2, 1e2, log=True), off=Real(0.0, 1.0, when="tau > 50")
    )
    point, h = np.array([[0.2, 0.8, 0.6, 0.1]]), 1e-6
    ahead, behind = space.decode(point + h)[0], space.decode(point - h)[0]
    (factors,) = ChainRule(space)(space.decode(point))
    np.testing.assert_allclose(factors[:2], (ahead["x"] - behind["x"]) / (2 * h), rtol=1e-6)
    assert factors[2] == pytest.approx((ahead["tau"] - behind["tau"]) / (2 * h), rel=1e-5)
    assert factors[3] == 0.0


@pytest.mark.parametrize("results", [None, results_of(np.zeros((1, 3)), np.zeros((1, 1)))])
def test_an_observable_that_is_missing_or_of_another_size_is_an_error(results: Results | None) -> None:
    optimizer = GradientDescent(PLANE, seed=1, gradient="observable")
    with pytest.raises(OptionError, match="observable 'gradient'"):
        optimizer.tell(optimizer.ask(), [0.0], results)


def test_regions_that_fail_are_left() -> None:
    def cost(one: Individual) -> float:
        return math.inf if one["x"] + one["y"] > 0.0 else (one["x"] - 1.0) ** 2 + one["y"] ** 2

    optimizer = GradientDescent(PLANE, seed=1, initial=[{"x": 4.0, "y": 3.0}])
    assert minimized(optimizer, cost) < 1.5


def test_it_says_why_it_is_finished() -> None:
    optimizer = GradientDescent(PLANE, seed=1)
    minimized(optimizer, lambda _: 1.0)
    assert optimizer.finished == "no start moved further than tolerance, 1e-08, in 10 generations"
    optimizer = GradientDescent(PLANE, seed=1)
    minimized(optimizer, lambda _: math.inf)
    assert optimizer.finished == "every individual of 20 generations in a row failed"


class TestOptions:
    wrong: ClassVar[list[tuple[dict[str, Any], str]]] = [
        ({"population": 1}, "population"),
        ({"population": 5, "starts": 3}, "population"),
        ({"population": 2, "starts": 1, "gradient": "observable"}, "population"),
        ({"starts": 0}, "starts"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"decay": -1.0}, "decay"),
        ({"step": 0.0}, "step"),
        ({"momentum": 1.0}, "momentum"),
        ({"smoothing": 1.0}, "smoothing"),
        ({"epsilon": 0.0}, "epsilon"),
        ({"rule": "newton"}, "rule"),
    ]

    @pytest.mark.parametrize(("options", "named"), wrong)
    def test_out_of_range_are_refused(self, options: dict[str, Any], named: str) -> None:
        with pytest.raises(OptionError, match=named):
            GradientDescent(PLANE, **options)

    def test_categories_and_nothing_at_all_are_refused(self) -> None:
        with pytest.raises(OptionError, match=r"parameter 'rule'.*no gradient"):
            GradientDescent(ParameterSpace(x=Real(0.0, 1.0), rule=Categorical("a", "b")))
        with pytest.raises(OptionError, match="nothing in the space varies"):
            GradientDescent(ParameterSpace(x=Fixed(1.0)))
