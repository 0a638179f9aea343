import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from l2l.errors import OptionError
from l2l.optimizers import EnsembleKalman
from l2l.optimizers.kalman import Noise, data_misfit_step, kalman_moves, tapered
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract
from l2l.values import Results

SPACE = ParameterSpace(a=Real(-10.0, 10.0), b=Real(-10.0, 10.0, shape=2))


def results_of(simulated: np.ndarray, trials: int = 1) -> Results:
    n = len(simulated)
    repeated = np.repeat(simulated[:, None], trials, axis=1)
    return Results(
        np.zeros((n, trials, 1)), {"output": repeated}, np.full((n, 1), math.nan), np.full(n, trials, np.int64)
    )


class Simulating(EnsembleKalman):
    """Is told what a model would return: three sums of the encoded coordinates."""

    def tell(self, individuals: Any, costs: ArrayLike, results: Results | None = None) -> None:
        points = self.space.encode(individuals)
        super().tell(individuals, costs, results_of(np.stack([points.sum(1), points[:, 0], points[:, -1]], axis=1)))


class TestEnsembleKalman(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> EnsembleKalman:
        return Simulating(space, seed=seed, **{"target": [0.9, 0.3, 0.3], "noise": 0.05, **options})


class TestEnsembleKalmanWithEverything(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> EnsembleKalman:
        more: dict[str, Any] = {"batch": 2, "inflation": 1.05, "localization": 1.0, "time": None, "population": 12}
        return Simulating(space, seed=seed, **{"target": [0.9, 0.3, 0.3], "noise": 0.05, **more, **options})


MODEL = np.array([[1.0, 0.5, -1.0], [0.0, 2.0, 1.0], [1.0, -1.0, 0.5], [0.3, 0.3, 0.3], [1.0, 0.0, 2.0]])
OFFSET = np.array([1.0, 0.0, -1.0, 0.5, 0.0])
PRIOR_DEVIATION = 2.0  # spread 0.1 of a range of 20


def posterior(data: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (3,) and covariance (3, 3) of the linear-Gaussian problem, in natural units."""
    precision = np.eye(3) / PRIOR_DEVIATION**2 + MODEL.T @ np.linalg.solve(covariance, MODEL)
    return np.linalg.solve(precision, MODEL.T @ np.linalg.solve(covariance, data - OFFSET)), np.linalg.inv(precision)


def inverted(optimizer: EnsembleKalman, failing: Any = lambda _: False) -> np.ndarray:
    """The last ensemble (n, 3), in natural units."""
    last = np.zeros((0, 3))
    while not optimizer.finished:
        individuals = optimizer.ask()
        last = np.array([[one["a"], *one["b"]] for one in individuals])
        costs = np.array([math.inf if failing(row) else 0.0 for row in last])
        simulated = last @ MODEL.T + OFFSET
        simulated[np.isinf(costs)] = math.nan
        optimizer.tell(individuals, costs, results_of(simulated, 2))
    return last


TRUTH = np.array([1.5, -2.0, 0.7])
CORRELATED = 0.8**2 * (0.5 * np.eye(5) + 0.5)


@pytest.mark.parametrize(
    ("noise", "options"),
    [
        (0.8, {}),
        (0.8, {"step": 1.0}),
        ([0.5, 1.0, 0.7, 0.2, 1.0], {"step": 0.25}),
        ([0.5, 1.0, 0.7, 0.2, 1.0], {"batch": 2}),
        ([0.5, 1.0, 0.7, 0.5, 1.0], {"batch": 1, "step": 0.5}),
        (CORRELATED, {}),
    ],
)
def test_the_posterior_of_a_linear_gaussian_problem_is_recovered(noise: Any, options: dict[str, Any]) -> None:
    array = np.array(noise)
    covariance = array if array.ndim == 2 else np.diag(np.broadcast_to(array, 5) ** 2)
    data = MODEL @ TRUTH + OFFSET + np.array([0.5, -0.3, 0.2, 0.1, -0.6])
    optimizer = EnsembleKalman(SPACE, seed=1, target=data, noise=noise, spread=0.1, population=2000, **options)
    ensemble = inverted(optimizer)
    mean, spread = posterior(data, covariance)
    deviations = np.sqrt(np.diag(spread))
    np.testing.assert_allclose(ensemble.mean(axis=0), mean, atol=float(0.12 * deviations.max()))
    np.testing.assert_allclose(np.cov(ensemble.T), spread, atol=0.12 * np.abs(spread).max())
    report = optimizer.report()
    np.testing.assert_allclose(-10.0 + 20.0 * np.asarray(report["mean"]), ensemble.mean(axis=0), atol=1e-9)
    assert report["time"] == 1.0
    assert optimizer.finished is not None
    assert optimizer.finished.startswith("all data are assimilated (time 1)")


def test_failed_members_are_replaced_from_the_gaussian_of_the_others() -> None:
    data = MODEL @ TRUTH + OFFSET
    optimizer = EnsembleKalman(SPACE, seed=1, target=data, noise=0.8, spread=0.1, population=2000)
    rng = np.random.default_rng(2)
    ensemble = inverted(optimizer, lambda _: rng.random() < 0.3)
    mean, spread = posterior(data, 0.64 * np.eye(5))
    assert len(ensemble) == 2000
    np.testing.assert_allclose(ensemble.mean(axis=0), mean, atol=0.15 * math.sqrt(spread.max()))
    np.testing.assert_allclose(np.cov(ensemble.T), spread, atol=0.2 * np.abs(spread).max())


def test_without_an_end_it_goes_on_to_the_best_fit() -> None:
    data = MODEL @ TRUTH + OFFSET
    optimizer = EnsembleKalman(SPACE, seed=1, target=data, noise=0.5, time=None, population=40)
    for _ in range(40):
        individuals = optimizer.ask()
        points = np.array([[one["a"], *one["b"]] for one in individuals])
        optimizer.tell(individuals, np.zeros(40), results_of(points @ MODEL.T + OFFSET))
    np.testing.assert_allclose(-10.0 + 20.0 * np.asarray(optimizer.report()["mean"]), TRUTH, atol=0.15)
    assert not optimizer.finite


@pytest.mark.parametrize("data", [3, 9])
def test_a_move_is_the_kalman_gain_times_the_perturbed_residual(data: int) -> None:
    rng = np.random.default_rng(3)
    members, missing, step = rng.normal(size=(6, 4)), rng.normal(size=(6, data)), 0.3
    noise = np.random.default_rng(5).standard_normal((6, data))
    noise = (noise - noise.mean(axis=0)) * math.sqrt(6 / 5 / step)
    both = np.cov(np.concatenate([members, -missing], axis=1).T)
    gain = both[:4, 4:] @ np.linalg.inv(both[4:, 4:] + np.eye(data) / step)
    moves = kalman_moves(members, missing, step, 0.0, np.random.default_rng(5))
    np.testing.assert_allclose(moves, (missing + noise) @ gain.T, atol=1e-12)
    localized = kalman_moves(members, missing, step, 1e-12, np.random.default_rng(5))
    assert np.abs(localized).sum() < np.abs(moves).sum()


def test_localization_keeps_strong_correlations_and_drops_weak_ones() -> None:
    rng = np.random.default_rng(1)
    parameters = rng.normal(size=(50, 20))
    simulated = parameters[:, :1] + 0.05 * rng.normal(size=(50, 1))
    parameters, simulated = (one - one.mean(axis=0) for one in (parameters, simulated))
    factors = tapered(parameters.T @ simulated, parameters, simulated, 2.0 / math.sqrt(50))[:, 0]
    assert factors[0] > 0.99
    assert factors[1:].max() < 0.5
    assert factors.min() >= 0.0


def test_blocks_of_data_move_their_own_coordinates_alone_so_that_a_small_ensemble_suffices() -> None:
    """Ten independent fits of eight numbers each, by an ensemble that is smaller than their number."""
    space = ParameterSpace(w=Real(-1.0, 1.0, shape=(10, 8)))
    rng = np.random.default_rng(1)
    model, truth = rng.standard_normal((10, 20, 8)), rng.uniform(-0.5, 0.5, (10, 8))
    target = np.einsum("cdk,ck->cd", model, truth)

    def error(**options: Any) -> float:
        optimizer = EnsembleKalman(
            space, target=target.ravel(), noise=0.01, population=20, time=None, seed=1, **options
        )
        for _ in range(8):
            asked = optimizer.ask()
            weights = np.stack([one["w"] for one in asked])
            simulated = np.einsum("cdk,nck->ncd", model, weights).reshape(20, -1)
            optimizer.tell(asked, np.zeros(20), results_of(simulated))
        return float(np.abs(weights.mean(axis=0) - truth).max())

    assert error(blocks=10) < 0.05
    assert error() > 0.2


def test_one_number_can_be_the_target_of_all_data() -> None:
    options: dict[str, Any] = {"noise": 0.1, "population": 4, "seed": 1}
    one = EnsembleKalman(SPACE, target=0.5, size=3, **options)
    all_of_them = EnsembleKalman(SPACE, target=[0.5, 0.5, 0.5], **options)
    simulated = np.random.default_rng(1).standard_normal((4, 3))
    for optimizer in (one, all_of_them):
        optimizer.tell(optimizer.ask(), np.zeros(4), results_of(simulated))
    assert one.ask() == all_of_them.ask()


def test_the_adaptive_step_is_that_of_the_paper() -> None:
    missing = np.array([[1.0, 2.0], [0.0, 1.0], [3.0, 1.0]])
    misfits = np.array([2.5, 0.5, 5.0])
    assert data_misfit_step(missing) == pytest.approx(
        max(2 / (2 * misfits.mean()), math.sqrt(2 / (2 * misfits.var(ddof=1))))
    )


def test_noise_is_whitened() -> None:
    residuals = np.random.default_rng(1).multivariate_normal(np.zeros(5), CORRELATED, size=5000)
    for part in (np.arange(5), np.array([3, 1])):
        white = Noise(CORRELATED, 5).whitened(residuals[:, part], part)
        np.testing.assert_allclose(np.cov(white.T), np.eye(len(part)), atol=0.06)


def test_a_thousand_parameters_and_data_are_no_burden() -> None:
    space = ParameterSpace(w=Real(-1.0, 1.0, shape=1000))
    target = np.linspace(-0.5, 0.5, 2000)
    optimizer = EnsembleKalman(space, seed=1, target=target, noise=0.1, population=20)
    misfits = []
    for _ in range(3):
        individuals = optimizer.ask()
        simulated = np.array([np.repeat(one["w"], 2) for one in individuals])
        optimizer.tell(individuals, np.zeros(20), results_of(simulated))
        misfits.append(optimizer.report()["misfit"])
    assert misfits[-1] < misfits[0]


def test_it_starts_around_the_initial_individual() -> None:
    optimizer = EnsembleKalman(SPACE, seed=1, target=[0.0], spread=0.02, initial=[{"a": 5.0, "b": [-5.0, 0.0]}])
    points = np.array([[one["a"], *one["b"]] for one in optimizer.ask()])
    np.testing.assert_allclose(points[0], [5.0, -5.0, 0.0])
    np.testing.assert_allclose(points.mean(axis=0), [5.0, -5.0, 0.0], atol=0.3)


def test_nothing_but_failures_ends_with_a_reason() -> None:
    optimizer = EnsembleKalman(SPACE, seed=1, target=np.zeros(5), population=4)
    assert inverted(optimizer, lambda _: True).shape == (4, 3)
    assert optimizer.finished == "fewer than two members succeeded in each of 20 generations in a row"


@pytest.mark.parametrize("results", [None, results_of(np.zeros((4, 3)))])
def test_an_observable_that_is_missing_or_of_another_size_is_an_error(results: Results | None) -> None:
    optimizer = EnsembleKalman(SPACE, seed=1, target=np.zeros(5), population=4)
    with pytest.raises(OptionError, match="observable 'output'"):
        optimizer.tell(optimizer.ask(), np.zeros(4), results)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"target": []}, "target"),
        ({"target": [math.nan]}, "target"),
        ({"noise": 0.0}, "noise"),
        ({"noise": [1.0, 2.0, 3.0]}, "noise"),
        ({"noise": [[1.0, 2.0], [2.0, 1.0]]}, "noise"),
        ({"population": 1}, "population"),
        ({"spread": 0.0}, "spread"),
        ({"step": 0.0}, "step"),
        ({"time": 0.0}, "time"),
        ({"batch": 0}, "batch"),
        ({"inflation": 0.9}, "inflation"),
        ({"localization": -1.0}, "localization"),
        ({"size": 3}, "size.*2 data, got 3"),
        ({"blocks": 0}, "blocks"),
        ({"blocks": 2}, "blocks.*3 coordinates are not 2 equal blocks"),
        ({"blocks": 3}, "blocks.*2 data are not 3 equal blocks"),
        ({"blocks": 3, "size": 3, "target": 1.0, "noise": np.eye(3)}, "blocks.*no covariance"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        EnsembleKalman(SPACE, **{"target": [1.0, 2.0], **options})


def test_categories_and_nothing_at_all_are_refused_and_integers_are_not() -> None:
    with pytest.raises(OptionError, match=r"parameter 'rule'.*no covariance"):
        EnsembleKalman(ParameterSpace(x=Real(0.0, 1.0), rule=Categorical("a", "b")), target=[1.0])
    with pytest.raises(OptionError, match="nothing in the space varies"):
        EnsembleKalman(ParameterSpace(x=Fixed(1.0)), target=[1.0])
    assert EnsembleKalman(ParameterSpace(n=Integer(0, 3)), target=[1.0]).ask()
