from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

import l2l
from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizers import GridSearch, Refine
from l2l.space import Categorical, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract
from l2l.values import Results

Floats = NDArray[np.float64]
SQUARE = ParameterSpace(x=Real(0.0, 1.0), y=Real(0.0, 1.0))


class TestRefine(OptimizerContract):
    steady: ClassVar = {"steady_state": True}

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> Refine:
        return Refine(space, seed=seed, start=3, finest=9, **options)


def scanned(
    search: Refine, simulated: Callable[[Sequence[Individual]], Mapping[str, Floats]]
) -> dict[Individual, dict[str, float]]:
    """Ask and tell to the end; what each individual gave. Observables are (n,) or (n, trials), NaN where failed."""
    seen: dict[Individual, dict[str, float]] = {}
    while individuals := list(search.ask()):
        assert len(set(individuals) - set(seen)) == len(individuals), "a point was asked twice"
        values = {name: one.reshape(len(individuals), -1) for name, one in simulated(individuals).items()}
        failed = np.isnan(np.stack(list(values.values()))).any(axis=0)
        trials = np.full(len(individuals), failed.shape[1])
        results = Results(np.where(failed, np.nan, 0.0)[:, :, None], values, np.zeros((len(individuals), 1)), trials)
        search.tell(individuals, np.where(failed.any(axis=1), np.inf, 0.0), results)
        for place, one in enumerate(individuals):
            seen[one] = {name: float(column[place, 0]) for name, column in values.items()}
    assert search.finished
    return seen


def coordinates(individuals: Sequence[Individual]) -> Floats:
    return np.array([one.row for one in individuals], dtype=np.float64)


def with_island(x: Floats) -> Floats:
    """Four regimes, and an island of radius 0.07 that no point of a 5 × 5 lattice meets."""
    regimes = (x[:, 0] > 0.55 + 0.1 * np.sin(4 * x[:, 1])) + 2.0 * (x[:, 1] > 0.6)
    return np.where(np.hypot(x[:, 0] - 0.37, x[:, 1] - 0.37) < 0.07, 4.0, regimes)


def test_an_island_between_the_points_of_the_first_lattice_is_found_by_exploring() -> None:
    found = {}
    for explore in (0.0, 0.1):
        search = Refine(SQUARE, where=[{"boundary": "regime"}], explore=explore, population=50, samples=1665)
        seen = scanned(search, lambda some: {"regime": with_island(coordinates(some))})
        found[explore] = sum(one["regime"] == 4.0 for one in seen.values())
        assert len(seen) == 1665
    assert found[0.1] > 40
    # After a tenth of the lattice the map is exact.
    places = np.rint(coordinates(list(seen)) * 128).astype(int)
    labels = np.array([one["regime"] for one in seen.values()])
    axis = np.arange(129)
    whole = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    nearest = cKDTree(places).query(whole)[1]
    assert (labels[nearest] != with_island(whole / 128.0)).mean() < 0.002


def test_its_points_are_those_of_a_grid_bit_for_bit_whatever_the_first_and_the_finest_lattice() -> None:
    space = ParameterSpace(x=Real(0.1, 0.7), tau=Real(0.3, 70.0, log=True), n=Integer(3, 40))
    for start, finest in ((3, 9), (5, 33), (5, 1025), (7, 49)):
        search = Refine(
            space, start={"x": start, "tau": start, "n": start}, finest=finest, samples=start**3, population=729
        )
        asked = {one.key for one in search.ask()}
        level = GridSearch(space, points=start, population=1000)
        assert asked == {one.key for one in level.ask()}


def test_a_wider_scan_asks_the_points_of_a_narrower_one() -> None:
    narrow = Refine(ParameterSpace(x=Real(0.1, 0.9)), start=65, finest=65, population=65)
    wide = Refine(ParameterSpace(x=Real(0.1, 1.7)), start=129, finest=129, population=129)
    assert {one["x"] for one in narrow.ask()} < {one["x"] for one in wide.ask()}


def test_categories_and_conditions_make_lattices_of_their_own() -> None:
    space = ParameterSpace(
        g=Real(0.0, 1.0),
        model=Categorical("static", "plastic"),
        rate=Real(1.0, 9.0, when="model == 'plastic'"),
    )
    search = Refine(space, start=3, finest=5, where=[{"best": 1.0}], population=7)
    seen: list[Individual] = []
    while individuals := list(search.ask()):
        search.tell(individuals, np.zeros(len(individuals)))
        seen += individuals
    assert len([one for one in seen if one["model"] == "static"]) == 5
    assert len([one for one in seen if one["model"] == "plastic"]) == 25
    assert search.lattice.size() == 30
    assert search.finished == "all points of the lattice are asked"


def test_a_space_of_categories_alone_is_asked_once() -> None:
    search = Refine(ParameterSpace(rule=Categorical("stdp", "bcm", None)))
    individuals = search.ask()
    assert {one["rule"] for one in individuals} == {"stdp", "bcm", None}
    search.tell(individuals, np.zeros(3))
    assert search.finished
    assert search.ask() == []


def test_integers_are_asked_once_each_down_to_neighbours() -> None:
    space = ParameterSpace(n=Integer(0, 10), m=Integer(-3, 3))
    seen = scanned(
        Refine(space, start=3, finest=65, where=[{"boundary": "odd"}], explore=0.5, samples=77, population=7),
        lambda some: {"odd": coordinates(some).sum(axis=1) % 2},
    )
    assert len(seen) == 77


def test_several_rules_take_turns_whatever_their_units() -> None:
    def two(some: Sequence[Individual]) -> dict[str, Floats]:
        x = coordinates(some)
        return {"rate": 1e6 / (1 + np.exp(-60 * (x[:, 0] - 0.3))), "cv": 1e-3 / (1 + np.exp(-60 * (x[:, 1] - 0.7)))}

    seen = scanned(Refine(SQUARE, where=[{"change": "rate"}, {"change": "cv"}], samples=600, population=50), two)
    x = coordinates(list(seen))
    near_rate, near_cv = np.abs(x[:, 0] - 0.3) < 0.05, np.abs(x[:, 1] - 0.7) < 0.05
    assert 0.5 < near_rate.sum() / near_cv.sum() < 2.0
    assert (near_rate | near_cv).mean() > 0.5


def test_a_level_is_followed_and_failed_points_are_a_regime() -> None:
    def rate(some: Sequence[Individual]) -> dict[str, Floats]:
        x = coordinates(some)
        return {"rate": np.where(x[:, 0] + x[:, 1] > 1.6, np.nan, 20.0 * x[:, 0])}

    seen = scanned(Refine(SQUARE, where=[{"level": "rate", "at": 10.0}], samples=900, population=50), rate)
    x = coordinates(list(seen))
    near_level, near_failure = np.abs(x[:, 0] - 0.5) < 0.02, np.abs(x.sum(axis=1) - 1.6) < 0.03
    assert near_level.sum() > 150
    assert near_failure.sum() > 80


def test_noisy_labels_draw_few_points_where_trials_tell_them() -> None:
    rng = np.random.default_rng(1)

    def noisy(some: Sequence[Individual]) -> dict[str, Floats]:
        truth = coordinates(some)[:, :1] > 0.43
        return {"regime": (truth ^ (rng.random((len(some), 5)) < 0.1)).astype(float)}

    seen = scanned(Refine(SQUARE, where=[{"boundary": "regime"}], samples=800, population=50), noisy)
    assert (np.abs(coordinates(list(seen))[:, 0] - 0.43) < 0.07).mean() > 0.4


def test_failures_at_random_do_not_draw_the_scan_away_from_the_boundary() -> None:
    rng = np.random.default_rng(2)

    def failing(some: Sequence[Individual]) -> dict[str, Floats]:
        truth = (coordinates(some)[:, 0] > 0.43).astype(float)
        return {"regime": np.where(rng.random(len(some)) < 0.2, np.nan, truth)}

    seen = scanned(Refine(SQUARE, where=[{"boundary": "regime"}], samples=800, population=50), failing)
    assert (np.abs(coordinates(list(seen))[:, 0] - 0.43) < 0.07).mean() > 0.2  # all over the square 0.14


def test_points_that_violate_a_constraint_are_left_out() -> None:
    space = ParameterSpace(rise=Real(0.0, 1.0), decay=Real(0.0, 1.0), constraints=["rise < decay"])
    seen = scanned(
        Refine(space, where=[{"boundary": "large"}], samples=300),
        lambda some: {"large": (coordinates(some)[:, 1] > 0.5).astype(float)},
    )
    assert all(one["rise"] < one["decay"] for one in seen)


def test_a_scan_without_samples_ends_where_no_cell_is_worth_halving() -> None:
    search = Refine(SQUARE, where=[{"boundary": "regime"}], finest=65, population=30)
    seen = scanned(search, lambda some: {"regime": (coordinates(some)[:, 0] > 0.3).astype(float)})
    assert search.finished == "no cell is worth halving any more"
    assert len(seen) < 0.2 * 65**2
    assert search.report()["worth_halving"] == 0.0
    assert 0.0 < search.report()["widest"] <= 0.25


def test_a_quarter_of_a_million_cells_take_little_memory() -> None:
    search = Refine(SQUARE, start=513, finest=2049)
    assert search.cells.count == 512**2
    assert sum(one.nbytes for one in vars(search.cells).values() if isinstance(one, np.ndarray)) < 25e6


@l2l.optimizee(space=SQUARE, objectives=l2l.Maximize("height"))
def hill(individual: Individual, trial: l2l.Trial) -> float:
    """Higher than 0.5 within a circle."""
    return float(1.0 - 2.0 * ((individual["x"] - 0.4) ** 2 + (individual["y"] - 0.6) ** 2))


def test_a_finer_scan_takes_over_all_of_a_coarser_one_and_an_objective_has_a_level(tmp_path: Path) -> None:
    options = {"name": "refine", "where": [{"level": "height", "at": 0.9}], "population": 20}
    coarse = l2l.Experiment(
        hill, {**options, "finest": 33}, directory=tmp_path / "coarse", launcher="serial", seed=1
    ).run(progress=None)
    assert coarse.reason == "optimizer: no cell is worth halving any more"
    fine = l2l.Experiment(
        hill,
        {**options, "finest": 65},
        directory=tmp_path / "fine",
        launcher="serial",
        seed=1,
        memo=tmp_path / "coarse",
    ).run(progress=None)
    old, new = set(coarse.keys().values()), set(fine.keys().values())
    assert old & new
    copied = {key for key, source in zip(fine.keys().values(), fine.trials["source"], strict=True) if source >= 0}
    assert copied == old & new
    assert (np.abs(fine.trials["fitness/height"] - 0.9) < 0.02).mean() > 0.3


def test_a_name_that_the_model_does_not_have_is_refused_with_the_near_one(tmp_path: Path) -> None:
    where = [{"level": "hight", "at": 0.9}]
    with pytest.raises(OptionError, match="height"):
        l2l.Experiment(hill, {"name": "refine", "where": where}, directory=tmp_path).run(progress=None)


def test_in_steady_state_asking_for_more_than_there_is_changes_nothing() -> None:
    eager, modest = (Refine(SQUARE, start=2, where=[{"status": True}], steady_state=True) for _ in range(2))
    for wanted in (9, 3, 7, 2, 5, 8, 4, 6):
        individuals = list(eager.ask(wanted))
        assert list(modest.ask(len(individuals))) == individuals
        costs = np.where(coordinates(individuals)[:, :1].sum(axis=1) > 0.3, np.inf, 0.0) if individuals else []
        for search in (eager, modest):
            search.tell(individuals, costs)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"finest": 100}, "65, 129"),
        ({"start": 1}, "2 to"),
        ({"where": []}, "at least one rule"),
        ({"where": [{"boundery": "regime"}]}, "boundary, level, change, best, status"),
        ({"where": [{"level": "rate"}]}, "expected a number"),
        ({"where": [{"best": 2.0}]}, "at most 1"),
        ({"where": [{"status": False}]}, "status: true"),
        ({"where": [{"change": "cv", "at": 3.0}]}, "change has no 'at'"),
        ({"explore": 1.5}, "at most 1"),
    ],
)
def test_what_cannot_be_is_refused_in_words(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Refine(SQUARE, **options)


def test_a_number_that_names_no_regime_is_refused_with_the_remedy() -> None:
    search = Refine(SQUARE, where=[{"boundary": "rate"}], start=33, population=1089)
    with pytest.raises(OptionError, match="level: rate"):
        scanned(search, lambda some: {"rate": coordinates(some) @ [1.0, 0.001]})
