from collections import Counter
from itertools import islice, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l2l.errors import SpaceError
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from tests.l2l.spaces import spaces

MIXED = ParameterSpace(
    x=Real(-1.0, 1.0), y=Real(1.0, 100.0, log=True), k=Integer(1, 4), c=Categorical("a", "b", "c"), z=Fixed(2.0)
)


@given(spaces(), st.integers(0, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_designs_give_points_of_the_space_and_repeat(space, n, seed):
    for design in (space.sobol, space.latin_hypercube, lambda n, seed: space.sample(n, np.random.default_rng(seed))):
        points = design(n, seed)
        assert len(points) == n
        assert points == design(n, seed)
        assert space.decode(space.encode(points)) == points


def test_sobol_points_fill_every_cell():
    points = MIXED.sobol(64, 3)
    assert set(Counter(point["k"] for point in points).values()) == {16}
    assert max(Counter(point["c"] for point in points).values()) <= 23
    assert sorted(np.floor((np.array([p["x"] for p in points]) + 1) * 32).tolist()) == list(range(64))


def test_a_latin_hypercube_has_one_point_in_each_row():
    points = MIXED.latin_hypercube(30, 3)
    assert sorted(np.floor((np.array([p["x"] for p in points]) + 1) * 15).tolist()) == list(range(30))
    assert Counter(point["c"] for point in points) == {"a": 10, "b": 10, "c": 10}


def test_samples_take_choices_equally_often():
    counts = Counter(point["c"] for point in MIXED.sample(3000, np.random.default_rng(5)))
    assert all(abs(count - 1000) < 120 for count in counts.values())


def test_a_sobol_sequence_knows_its_limit():
    with pytest.raises(SpaceError, match="at most 21201 coordinates, this space needs 30000"):
        ParameterSpace(w=Real(0, 1, shape=30000)).sobol(4)


@pytest.mark.parametrize("n", [-1, 2.5, True])
def test_the_number_of_points_is_checked(n):
    with pytest.raises(SpaceError, match="expected how many points"):
        MIXED.sample(n, np.random.default_rng(0))


def test_a_grid_takes_both_ends_distinct_integers_and_all_choices():
    grid = MIXED.grid({"x": 5, "y": 3, "k": 9})
    assert len(grid) == 5 * 3 * 4 * 3
    points = list(grid)
    expected = product(np.linspace(-1, 1, 5), [1.0, 10.0, 100.0], [1, 2, 3, 4], "abc", [2.0])
    assert [point.row for point in points] == list(expected)
    assert grid[0] == points[0]
    assert grid[-1] == points[-1]
    assert grid[7:40:3] == points[7:40:3]
    assert len(set(points)) == len(points)
    with pytest.raises(IndexError):
        grid[len(grid)]


def test_a_grid_over_many_integers_has_at_most_so_many():
    assert [p["k"] for p in ParameterSpace(k=Integer(0, 100)).grid(5)] == [0, 25, 50, 75, 100]
    logarithmic = [p["k"] for p in ParameterSpace(k=Integer(1, 1000, log=True)).grid(10)]
    assert logarithmic[0] == 1
    assert logarithmic[-1] == 1000
    assert logarithmic == sorted(set(logarithmic))
    assert len(logarithmic) <= 10


def test_one_point_is_the_default():
    space = ParameterSpace(w=Real(-1, 1, shape=500, default=0.5), x=Real(0, 1))
    points = list(space.grid({"w": 1, "x": 2}))
    assert [point["x"] for point in points] == [0.0, 1.0]
    assert (points[0]["w"] == 0.5).all()


def test_the_components_of_a_vector_vary_alone():
    points = list(ParameterSpace(w=Real(0, 1, shape=(2, 2))).grid(3))
    assert len(set(points)) == 3**4
    assert points[1]["w"].tolist() == [[0, 0], [0, 0.5]]


def test_a_grid_is_laid_out_as_it_is_read():
    grid = ParameterSpace({f"p{i}": Real(0, 1) for i in range(10)}).grid(60)
    assert len(grid) == 60**10
    assert [point["p9"] for point in islice(grid, 3)] == [0.0, pytest.approx(1 / 59), pytest.approx(2 / 59)]
    assert set(grid[60**10 - 1].values()) == {1.0}


def test_points_without_effect_are_left_out_of_a_grid():
    space = ParameterSpace(
        f=Real(1, 9, when="a > 0"),
        a=Real(0, 1),
        b=Categorical("u", "v", when="a > 0.5"),
        k=Integer(1, 3, when="b == 'v'"),
    )
    grid = space.grid({"f": 4, "a": 3, "k": 3})
    points = list(grid)
    assert len(grid) == len(points) == len(set(points)) == 1 + 4 + 4 * (1 + 3)
    everything = {
        space.individual({"f": f, "a": a, "b": b, "k": k})
        for f, a, b, k in product(np.linspace(1, 9, 4), [0, 0.5, 1], "uv", [1, 2, 3])
    }
    assert set(points) == everything
    assert grid[3:11] == points[3:11]


@given(spaces())
@settings(max_examples=30)
def test_no_grid_has_a_point_twice(space):
    if space.dimension < 12:
        grid = space.grid(2)
        points = list(grid)
        assert len(grid) == len(points) == len(set(points))


@pytest.mark.parametrize(
    ("points", "error", "message"),
    [
        (0, SpaceError, "how many points 'x' has, 1 or more, got 0"),
        (2.5, SpaceError, "got 2.5"),
        ({"x": 3}, SpaceError, "how many points 'y' has, 1 or more, got None"),
        ({"x": 3, "y": 2, "k": 2, "c": 2}, SpaceError, "'c' takes all of its 3 choices, got 2 points"),
        ({"x": 3, "yy": 2}, KeyError, "did you mean 'y'"),
    ],
)
def test_a_grid_says_what_it_misses(points, error, message):
    with pytest.raises(error, match=message):
        MIXED.grid(points)


def test_a_grid_that_cannot_be_indexed_is_refused():
    with pytest.raises(SpaceError, match=r"too many points \(w: 2\^315\)"):
        ParameterSpace(w=Real(0, 1, shape=315)).grid(2)
