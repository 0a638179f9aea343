import math
from typing import Any

import numpy as np
import pytest

from l2l.errors import NotFoundError, OptionError, ReplayError
from l2l.individual import Individual
from l2l.optimizers import CMAES, DifferentialEvolution, GridSearch, Islands
from l2l.space import ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract, archived, run, same_report
from l2l.values import Results

SPACE = ParameterSpace(x=Real(-5.0, 5.0, shape=2))


def islands_of(least: int, options: Any) -> int:
    """Two, or one where a population is not enough for two."""
    return 2 if options.get("population", 2 * least) >= 2 * least else 1


class TestIslandsOfCMAES(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> Islands:
        return Islands(space, seed=seed, islands=islands_of(4, options), migration=2, **options)


class TestIslandsOfNSGA2(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> Islands:
        return Islands(
            space, seed=seed, optimizer="nsga2", islands=islands_of(2, options), **{"population": 12, **options}
        )


class TestIslandsThatFinishOneByOne(OptimizerContract):
    def make(self, space: ParameterSpace, seed: int, **options: Any) -> Islands:
        inner = {"name": DifferentialEvolution, "evaluations": 30}
        return Islands(space, seed=seed, optimizer=inner, islands=islands_of(4, options), **options)

    def test_population_is_the_size_of_a_generation(self) -> None:
        for population in (8, 9):
            assert len(self.make(SPACE, 1, population=population).ask()) == population  # then they shrink


def rastrigin(one: Individual) -> float:
    x = one["x"] - 1.2
    return float((10.0 + x**2 - 10.0 * np.cos(2.0 * np.pi * x)).sum())


def search(optimizer: Islands, generations: int, cost: Any = rastrigin) -> float:
    for _ in range(generations):
        if optimizer.finished:
            break
        individuals = optimizer.ask()
        optimizer.tell(individuals, [cost(one) for one in individuals])
    return float(np.asarray(optimizer.report()["best_cost"]))


@pytest.mark.parametrize("name", ["cma-es", "genetic-algorithm", "random", "differential-evolution"])
@pytest.mark.parametrize("seed", [3, None])
def test_one_island_is_the_inner_optimizer(name: str, seed: int | None) -> None:
    from l2l import registry

    one = Islands(SPACE, seed=seed, optimizer=name, islands=1)
    inner = registry.build("optimizer", {"name": name, "seed": one.islands[0].seed}, SPACE)
    assert seed in (None, inner.seed)
    assert one.population == inner.population
    assert run(one, 8) == run(inner, 8)
    for reported, value in inner.report().items():
        np.testing.assert_array_equal(np.asarray(one.report()[f"islands_{reported}"])[0], value)


@pytest.mark.parametrize(
    "optimizer", ["cma-es", CMAES, {"name": "cma-es"}, {"name": CMAES}, {"name": "l2l.optimizers.cma_es:CMAES"}]
)
def test_the_inner_optimizer_is_named_in_any_way(optimizer: Any) -> None:
    islands = Islands(SPACE, seed=1, optimizer=optimizer, islands=2)
    assert [type(one) for one in islands.islands] == [CMAES, CMAES]
    assert run(islands) == run(Islands(SPACE, seed=1, islands=2))


def test_every_island_has_randomness_of_its_own() -> None:
    islands = Islands(SPACE, seed=1, optimizer={"name": "random", "population": 5}, islands=20)
    assert len({one.seed for one in islands.islands}) == 20
    assert len(set(islands.ask())) == 100


def test_initial_individuals_are_dealt_out_and_the_other_islands_scattered() -> None:
    initial = [{"x": [float(place), 0.0]} for place in range(3)]
    islands = Islands(SPACE, seed=1, islands=2, initial=initial)
    assert [[one["x"][0] for one in island.initial] for island in islands.islands] == [[0.0, 2.0], [1.0]]
    assert [one["x"][0] for one in islands.ask()[:3]] == [0.0, 1.0, 2.0]
    scattered = Islands(SPACE, seed=1, islands=3)
    assert [len(island.initial) for island in scattered.islands] == [0, 1, 1]
    assert not any(island.initial for island in Islands(SPACE, seed=1, islands=3, scatter=False).islands)


def test_a_generation_is_shared_evenly() -> None:
    islands = Islands(SPACE, seed=1, islands=3, population=20)
    assert [island.population for island in islands.islands] == [7, 7, 6]
    assert len(islands.ask()) == 20


def test_several_islands_find_what_one_misses() -> None:
    found = {}
    for count in (1, 5):
        ends = [search(Islands(SPACE, seed=seed, islands=count), 150) for seed in range(4)]
        found[count] = sum(end < 1e-6 for end in ends)
    assert found[5] > found[1]


def test_each_island_is_told_what_came_of_its_own() -> None:
    """Three islands in one experiment find what they find alone."""
    islands = Islands(SPACE, seed=1, islands=3)
    alone = [CMAES(SPACE, seed=one.seed, initial=one.initial) for one in islands.islands]
    search(islands, 30)
    for one in alone:
        for _ in range(30):
            individuals = one.ask()
            one.tell(individuals, [rastrigin(each) for each in individuals])
    for one, inner in zip(alone, islands.islands, strict=True):
        same_report(one, inner)
    assert np.asarray(islands.report()["island_best_costs"]).tolist() == [one.report()["best_cost"] for one in alone]
    np.testing.assert_array_equal(islands.report()["islands_mean"], [one.report()["mean"] for one in alone])


def test_an_island_that_found_nothing_better_begins_anew_at_its_better_neighbour() -> None:
    """A funnel with two bottoms, of which each island starts at one."""

    def cost(one: Individual) -> float:
        poor, good = np.abs(one["x"] - 4.0).sum(), np.abs(one["x"] + 4.0).sum()
        return float(min(poor + 5.0, 4.0 * good))

    initial = [{"x": [-4.1, -4.1]}, {"x": [4.1, 4.1]}]
    options: dict[str, Any] = {"optimizer": {"name": "cma-es", "sigma": 0.02}, "islands": 2, "initial": initial}
    apart, ring = Islands(SPACE, seed=1, **options), Islands(SPACE, seed=1, migration=10, **options)
    search(apart, 400, cost)
    search(ring, 400, cost)
    assert (np.asarray(apart.report()["island_best_costs"]) > 4.9).tolist() == [False, True]
    assert (np.asarray(ring.report()["island_best_costs"]) < 1e-6).all()
    assert ring.report()["migrations"] > 0.0 == apart.report()["migrations"]
    assert ring.finished and apart.finished  # both end, although one was begun anew


def test_with_migration_a_replay_goes_on_as_the_original_would() -> None:
    original = Islands(SPACE, seed=2, islands=4, migration=3)
    history = []
    for _ in range(60):
        individuals = list(original.ask())
        costs = [rastrigin(one) for one in individuals]
        original.tell(individuals, costs)
        history.append((archived(SPACE, individuals), costs))
    assert original.report()["migrations"]
    replayed = Islands(SPACE, seed=2, islands=4, migration=3)
    for individuals, costs in history:
        replayed.reask(individuals)
        replayed.tell(individuals, costs)
    assert list(replayed.ask()) == list(original.ask())
    same_report(replayed, original)


def test_what_the_inner_optimizer_needs_is_taken_over() -> None:
    inner = {"name": "map-elites", "observables": ["a", "b"], "ranges": [[0, 1], [0, 1]], "cells": 2}
    islands = Islands(SPACE, seed=1, optimizer=inner, islands=2, population=8)
    assert islands.observables == ("a", "b")
    assert not islands.multi_objective
    individuals = islands.ask()
    values = {"a": np.arange(8.0)[:, None] / 8, "b": np.arange(8.0)[:, None] / 8}
    results = Results(np.zeros((8, 1, 1)), values, np.full((8, 1), np.nan), np.ones(8, dtype=np.int64))
    islands.tell(individuals, np.arange(8.0), results)
    # The first island had the even places, so that 0/8 is its best below 1/2, the second the odd ones.
    np.testing.assert_array_equal(np.asarray(islands.report()["islands_costs"])[:, 0, 0], [0.0, 1.0])
    assert Islands(SPACE, optimizer={"name": "random", "samples": 10}).finite
    assert not Islands(SPACE, optimizer="random").finite
    assert not Islands(SPACE, optimizer={"name": "random", "samples": 10}, migration=1).finite
    assert Islands(SPACE, optimizer="nsga3").multi_objective
    assert not Islands(SPACE, optimizer="random", migration=5).multi_objective


def test_it_is_finished_when_all_islands_are() -> None:
    inner = {"name": "random", "samples": 10}
    islands = Islands(SPACE, seed=1, optimizer=inner, islands=2, population=8, migration=1)
    sizes = [len(individuals) for individuals, _ in run(islands, 100)]
    assert sum(sizes) >= 20
    assert "10 samples" in str(islands.finished)
    grid = Islands(
        SPACE, seed=1, optimizer={"name": GridSearch, "points": 3, "population": 4}, islands=2, scatter=False
    )
    assert [len(individuals) for individuals, _ in run(grid, 100)] == [8, 8, 2]


def test_an_archive_that_differs_is_an_error_and_can_be_learnt_from() -> None:
    optimizer = Islands(SPACE, seed=1, optimizer="genetic-algorithm", islands=2, population=8)
    archive = SPACE.sample(8, np.random.default_rng(7))
    with pytest.raises(ReplayError, match="unit cube"):
        optimizer.reask(archive)
    optimizer.tell(archive, [rastrigin(one) for one in archive])
    assert optimizer.report()["best_cost"] == min(map(rastrigin, archive))
    assert {one["x"].tobytes() for one in archive} & {one["x"].tobytes() for one in optimizer.ask()}
    with pytest.raises(ReplayError, match="individuals"):
        Islands(SPACE, seed=1, islands=2).reask(archive[:3])


def test_where_everything_fails_nothing_migrates() -> None:
    optimizer = Islands(SPACE, seed=1, islands=3, migration=1)
    search(optimizer, 5, lambda one: math.inf)
    assert optimizer.report()["migrations"] == 0.0
    assert math.isnan(np.asarray(optimizer.report()["best_cost"]))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"islands": 0}, "islands"),
        ({"migration": -1}, "migration"),
        ({"population": 3}, "population"),
        ({"optimizer": {"name": "random", "seed": 1}}, "seed"),
        ({"optimizer": {"name": "random", "initial": []}}, "initial"),
        ({"optimizer": {"name": "random", "population": 5}, "population": 20}, "population"),
        ({"optimizer": {"name": "random", "steady_state": True}}, "steady state"),
        ({"optimizer": {"name": "random", "size": 5}}, "size"),
        ({"optimizer": {"name": "cma-es"}, "population": 10}, "population"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        Islands(SPACE, **options)


def test_an_unknown_inner_optimizer_is_named() -> None:
    with pytest.raises(NotFoundError, match="cma-es"):
        Islands(SPACE, optimizer="cma_es")
