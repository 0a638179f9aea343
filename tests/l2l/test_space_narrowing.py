import numpy as np
import pytest

from l2l.errors import SpaceError
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real

SPACE = ParameterSpace(
    g=Real(3.0, 8.0, unit="mV"),
    eta=Real(0.5, 4.0, default=2.0),
    n=Integer(100, 1000),
    model=Categorical("alpha", "exp", "delta", default="exp"),
    weights=Real(-1.0, 1.0, shape=3),
    f=Real(1.0, 100.0, log=True, when="model == 'exp'"),
)


def test_a_value_fixes_and_stays_in_the_individual():
    space = SPACE.narrow({"g": 5, "model": "delta", "n": 200.0, "weights": 0})
    assert space.dimension == SPACE.dimension - 1 - 3 - 1 - 3
    assert space["g"] == Fixed(5.0, unit="mV")
    assert type(space.default["g"]) is float
    assert type(space.default["n"]) is int
    assert space.default["model"] == "delta"
    assert space.default["weights"].tolist() == [0, 0, 0]
    assert space.default.inactive == {"f"}
    individual = space.sample(1, np.random.default_rng(0))[0]
    assert SPACE.individual(dict(individual)) == individual


def test_a_mapping_narrows_and_keeps_the_rest():
    space = SPACE.narrow({"g": {"low": 4}, "eta": {"high": 3, "log": True}, "n": {"high": 500}})
    assert space["g"] == Real(4.0, 8.0, unit="mV")
    assert space["eta"] == Real(0.5, 3.0, log=True, default=2.0)
    assert space["n"] == Integer(100, 500)
    assert SPACE.narrow({"eta": {"low": 3.0}})["eta"] == Real(3.0, 4.0)
    assert SPACE.narrow({"g": {"fixed": 4}})["g"] == Fixed(4.0, unit="mV")


def test_choices_are_taken_away():
    assert SPACE.narrow({"model": {"choices": ["exp", "alpha"]}})["model"] == Categorical("exp", "alpha", default="exp")
    assert SPACE.narrow({"model": {"choices": ["alpha"]}})["model"] == Categorical("alpha")


def test_parameters_narrow_too():
    space = SPACE.narrow({"g": Real(4, 5), "f": Real(1, 10), "model": Categorical("exp"), "n": Fixed(300)})
    assert space["g"] == Real(4, 5, unit="mV")
    assert space["f"] == Real(1, 10, when="model == 'exp'")
    assert space["n"] == Fixed(300)


def test_narrowing_is_described_and_read_again():
    space = SPACE.narrow({"weights": [0.1, 0.2, 0.3], "model": {"choices": ["alpha", "delta"]}})
    assert ParameterSpace.from_dict(space.to_dict()) == space
    assert space.sample(1, np.random.default_rng(0))[0].inactive == {"f"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"g": 9}, r"parameter 'g': expected a value from 3.0 to 8.0, got 9"),
        ({"g": "5"}, r"expected a number, got '5'"),
        ({"g": {"low": 2}}, r"parameter 'g': low: 2 is outside the declared range from 3.0 to 8.0"),
        ({"g": {"high": 8.5}}, r"high: 8.5 is outside the declared range from 3.0 to 8.0"),
        ({"g": {"low": 5, "high": 4}}, r"low must be below high, got low=5.0 and high=4.0"),
        ({"g": {"lo": 5}}, r"did you mean 'low'"),
        ({"g": {"unit": "V"}}, r"unit: declared as 'mV'"),
        ({"g": {"integer": True}}, r"integer: declared as real"),
        ({"g": {"shape": 2}}, r"shape: declared as \(\)"),
        ({"g": {"when": "n > 3"}}, r"when: declared as None"),
        ({"g": {"choices": [4, 5]}}, r"no key for a real parameter 'choices'"),
        ({"g": {"low": 4, "default": 3.5}}, r"default: expected a value from 4.0 to 8.0, got 3.5"),
        ({"g": Integer(4, 5)}, r"expected a real parameter as declared, got Integer\(4, 5\)"),
        ({"g": Real(4, 5, unit="V")}, r"unit: declared as 'mV'"),
        ({"g": Real(4, 9)}, r"high: 9.0 is outside"),
        ({"model": "hh"}, r"parameter 'model': expected one of 'alpha', 'exp', 'delta', got 'hh'"),
        ({"model": {"choices": ["hh"]}}, r"choices: expected one of"),
        ({"model": {"choices": "exp"}}, r"choices: expected a list, got 'exp'"),
        ({"model": {"choices": []}}, r"expected at least one choice"),
        ({"weights": [1, 2]}, r"expected an array of shape \(3,\)"),
        ({"weights": 3}, r"expected a value from -1.0 to 1.0, got 3"),
        ({"n": 1.5}, r"expected an integer, got 1.5"),
    ],
)
def test_nothing_is_widened_or_changed_in_kind(override, message):
    with pytest.raises(SpaceError, match=message):
        SPACE.narrow(override)


def test_what_is_fixed_stays():
    space = SPACE.narrow({"g": 5})
    assert space.narrow({"g": 5}) == space
    with pytest.raises(SpaceError, match=r"expected 5.0, at which the parameter is fixed, got 6"):
        space.narrow({"g": 6})
    with pytest.raises(SpaceError, match=r"is fixed at 5.0"):
        space.narrow({"g": {"low": 4}})


def test_a_misspelt_override_offers_the_near_ones():
    with pytest.raises(KeyError, match="did you mean 'eta'"):
        SPACE.narrow({"etta": 3})


def test_a_lattice_is_narrowed_to_a_part_of_itself():
    space = ParameterSpace(x=Real(0.0, 1.0, step=0.1), n=Integer(0, 100, step=10), free=Real(0.0, 1.0))
    small = space.narrow({"x": {"low": 0.2, "high": 0.75}, "n": {"step": 20}, "free": {"step": 0.25}})
    assert small["x"] == Real(0.2, 0.7, step=0.1)
    assert small["n"] == Integer(0, 100, step=20)
    assert small["free"] == Real(0.0, 1.0, step=0.25)
    assert space.narrow({"x": 0.3})["x"] == Fixed(0.3)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"x": {"low": 0.25}}, "'x': low: expected 0.0 plus steps of 0.1, as 0.2 or 0.3, got 0.25"),
        ({"x": {"step": 0.15}}, "'x': step: declared as 0.1, expected a multiple of it, got 0.15"),
        ({"x": {"step": None}}, "'x': step: declared as 0.1, expected a multiple of it, got None"),
        ({"x": 0.25}, "'x': expected 0.0 plus steps of 0.1"),
        ({"n": {"step": 5}}, "'n': step: declared as 10, expected a multiple of it, got 5"),
        (
            {"x": {"log": True}},
            "log: a logarithmic scale needs low above 0|step: a logarithmic scale has no equal steps",
        ),
    ],
)
def test_a_lattice_never_gains_values(override, message):
    space = ParameterSpace(x=Real(0.0, 1.0, step=0.1), n=Integer(0, 100, step=10))
    with pytest.raises(SpaceError, match=message):
        space.narrow(override)
