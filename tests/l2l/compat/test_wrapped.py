import importlib
import random
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import l2l
from l2l.compat import upstream, wrap
from l2l.compat.packing import numbers_of, packed, unpacked
from l2l.compat.spaces import drawn, space_of
from l2l.errors import OptionError
from l2l.plugin import from_plain, to_plain
from l2l.provenance import fingerprint
from tests.l2l.compat.models import BOWL, SEEN, beside


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Path]:
    with beside(tmp_path, bowl=BOWL, seen=SEEN):
        yield tmp_path


def imported(name: str) -> Any:
    with upstream():
        return importlib.import_module(name)


def bowl() -> Any:
    module = imported("bowl")
    return wrap(module.BowlOptimizee, module.BowlParameters(depth=2.0, seed=3), weights=(-1.0,))


def test_bounds_are_those_of_the_bounding_function(files: Path) -> None:
    space = bowl().space
    assert (space["x"].low, space["x"].high, space["x"].shape) == (-4.0, 5.0, ())
    assert (space["y"].low, space["y"].high, space["y"].shape) == (-2.0, 2.0, (3,))


@pytest.mark.parametrize("launcher", ["serial", {"name": "local", "workers": 2}])
def test_it_runs_under_any_launcher_with_the_same_result(files: Path, launcher: Any) -> None:
    trajectory = l2l.Experiment(
        bowl(), {"name": "random", "population": 6}, directory=files / "run", launcher=launcher, stop={"generations": 2}
    ).run(progress=None)
    assert trajectory.individuals["status"].tolist() == [0] * 12
    assert not trajectory.objectives[0].maximize
    best = trajectory.best
    assert best.fitness == pytest.approx(2.0 * (best["x"] ** 2 + (best["y"] ** 2).sum()), rel=1e-12)


def test_a_finished_run_is_rerun_and_taken_further_from_its_folder(files: Path) -> None:
    trajectory = l2l.Experiment(
        bowl(), {"name": "random", "population": 3}, directory=files / "run", launcher="serial", stop={"generations": 1}
    ).run(progress=None)
    assert trajectory.rerun(0, 0).same
    from l2l.config import load

    again = load(files / "run" / "experiment.yaml").changed(stop={"generations": 2}, directory=files / "run")
    assert len(again.run(progress=None).individuals) == 6


def test_its_own_code_is_what_it_is_known_by(files: Path) -> None:
    before = fingerprint(bowl())
    assert any("BowlOptimizee" in name for name in before.parts)
    assert "bowl.py" in " ".join(before.sources)
    (files / "bowl.py").write_text(BOWL + "\n# a remark\n")
    del importlib.import_module("sys").modules["bowl"]
    importlib.invalidate_caches()
    assert fingerprint(bowl()).digest == before.digest
    (files / "bowl.py").write_text(BOWL.replace("self.depth * float", "3 * self.depth * float") + "\n#  longer\n")
    del importlib.import_module("sys").modules["bowl"]
    assert fingerprint(bowl()).digest != before.digest


def test_global_randomness_is_the_trials_and_is_put_back(files: Path) -> None:
    optimizee = wrap(imported("seen").SeenOptimizee, "random", weights=(1.0, 1.0))
    optimizee.setup()
    numpy, python = np.random.get_state()[1].tolist(), random.getstate()  # type: ignore[index, union-attr]  # noqa: NPY002
    individual = optimizee.space.default
    first, again = (optimizee.simulate(individual, l2l.Trial(individual, entropy=5)).fitness for _ in range(2))
    other = optimizee.simulate(individual, l2l.Trial(individual, entropy=6)).fitness
    assert first == again != other
    assert np.random.get_state()[1].tolist() == numpy  # type: ignore[index, union-attr]  # noqa: NPY002
    assert random.getstate() == python


def test_its_place_is_counted_from_the_size_of_generations(files: Path) -> None:
    optimizee = wrap(imported("seen").SeenOptimizee, "place", weights=(1.0, 1.0), population=4)
    optimizee.setup()
    individual = optimizee.space.default
    assert optimizee.simulate(individual, l2l.Trial(individual, index=9)).fitness == (2.0, 1.0)


def test_another_number_of_results_than_weights_is_a_failed_trial_that_says_so(files: Path) -> None:
    optimizee = wrap(imported("seen").SeenOptimizee, "place")
    trajectory = l2l.Experiment(
        optimizee, "random", directory=files / "run", launcher="serial", stop={"individuals": 1}
    ).run(progress=None)
    assert "expected one number per weight, 1, got 2" in trajectory.failures["message"][0]


@pytest.mark.parametrize(
    ("result", "numbers"),
    [
        (2, [2.0]),
        (np.float32(0.5), [0.5]),
        ((1.0,), [1.0]),
        ([1.0, np.array([2.0])], [1.0, 2.0]),
        (np.array(3.0), [3.0]),
        (np.array([[1.0], [2.0]]), [1.0, 2.0]),
        (pd.Series({"a": 1.0, "b": 2.0}), [1.0, 2.0]),
        ({"error": 1.0, "rate": 2.0}, [1.0, 2.0]),
        ({"fitness": [4.0], "model_outs": np.zeros(3)}, [4.0]),
    ],
    ids=repr,
)
def test_a_result_may_be_anything_that_holds_numbers(result: Any, numbers: list[float]) -> None:
    assert numbers_of(result) == numbers


@pytest.mark.parametrize("result", [None, "low", (), {}, object()], ids=lambda one: type(one).__name__)
def test_a_result_without_numbers_is_refused(result: Any) -> None:
    with pytest.raises(TypeError, match="expected a fitness, a number or several, got"):
        numbers_of(result)


class Drawing:
    """An optimizee as far as its individuals count."""

    def __init__(self, individual: Any, bounding: Any = None) -> None:
        self.create_individual = individual
        if bounding is not None:
            self.bounding_func = bounding


def test_bounds_that_nobody_says_are_those_of_the_draws() -> None:
    rng = np.random.default_rng(1)
    one = Drawing(lambda: {"w": rng.uniform(-3.0, 3.0, 4), "n": int(rng.integers(2, 9)), "kind": "ab"[rng.integers(2)]})
    draws = drawn(one)
    space = space_of(one, draws, {})
    assert space["w"].low == min(one["w"].min() for one in draws)
    assert (space["n"].low, space["n"].high, space["n"].kind) == (2, 8, "integer")
    assert space["kind"].choices == ("a", "b")
    assert space_of(one, draws, {"n": (1, 20)})["n"].high == 20


def test_a_side_that_is_not_bounded_is_that_of_the_draws() -> None:
    values = iter(np.linspace(0.5, 2.0, 100))
    one = Drawing(lambda: {"tau": next(values)}, lambda individual: {"tau": max(individual["tau"], 0.1)})
    space = space_of(one, drawn(one), {})
    assert (space["tau"].low, space["tau"].high) == (0.1, 2.0)


def test_a_range_that_nothing_says_is_guessed_with_a_warning() -> None:
    one = Drawing(lambda: {"x": 100.0}, lambda individual: individual)
    with pytest.warns(UserWarning, match=r"says how far 'x' may go from 100: taken as 0 to 200"):
        space = space_of(one, drawn(one), {})
    assert (space["x"].low, space["x"].high) == (0.0, 200.0)


@pytest.mark.parametrize("individual", [None, {}, {"x": float("nan")}, {"x": {"y": 1.0}}, {"x": [1.0, "a"]}], ids=repr)
def test_individuals_that_are_no_numbers_are_refused(individual: Any) -> None:
    one = Drawing(lambda: individual)
    with pytest.raises(OptionError, match="create_individual"):
        space_of(one, drawn(one), {})


class Inner:
    """An object among the arguments of a constructor."""

    def __init__(self) -> None:
        self.matrix = np.eye(2)
        self.names = {"a": (1, 2)}


def test_arguments_go_to_workers_as_they_are() -> None:
    state = np.random.RandomState(4)
    given = [
        Inner(),
        OrderedDict(b=1, a=[None, True]),
        {1.5: "x", "~": 2},
        Path("data"),
        state,
        np.float32(2.0),
        {3, 1},
    ]
    inner, ordered, pairs, path, random_state, number, some = unpacked(
        from_plain(to_plain([packed(one) for one in given], exact=True))
    )
    assert type(inner) is Inner
    assert inner.matrix.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert inner.names == {"a": (1, 2)}
    assert ordered == given[1] and type(ordered) is OrderedDict
    assert (pairs, some) == (given[2], {1, 3})
    assert path == Path("data").absolute()
    assert random_state.rand() == state.rand()
    assert type(number) is np.float32


def test_arguments_that_cannot_go_are_named(files: Path, tmp_path: Path) -> None:
    with (tmp_path / "open.txt").open("w") as file, pytest.raises(OptionError, match="TextIOWrapper"):
        wrap(imported("seen").SeenOptimizee, file)
    with pytest.raises(OptionError, match="expected a class with create_individual and simulate, got Inner"):
        wrap(Inner)
    with pytest.raises(OptionError, match="expected a class, or an object"):
        wrap(Inner())
