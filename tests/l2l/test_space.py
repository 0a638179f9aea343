import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from l2l.errors import SpaceError
from l2l.individual import Individual
from l2l.space import Categorical, Fixed, Integer, Parameter, ParameterSpace, Real
from tests.l2l.spaces import PARAMETERS, spaces, stepped, travelled

NETWORK = ParameterSpace(
    tau_m=Real(5.0, 40.0, unit="ms"),
    tau_syn=Real(1.0, 10.0, unit="ms"),
    n=Integer(100, 1000, log=True),
    model=Categorical("iaf_psc_alpha", "iaf_psc_exp"),
    weights=Real(-20.0, 20.0, shape=5),
    amplitude=Real(0.0, 1.0),
    f_mod=Real(1.0, 100.0, log=True, when="amplitude > 0"),
    constraints=["tau_syn < tau_m"],
)


def typed(individual):
    return [(type(value), getattr(value, "dtype", None), getattr(value, "shape", None)) for value in individual.row]


@given(spaces(), st.integers(0, 2**32 - 1))
def test_decoding_undoes_encoding(space, seed):
    points = np.random.default_rng(seed).uniform(-0.2, 1.2, (20, space.dimension))
    individuals = space.decode(points)
    encoded = space.encode(individuals)
    assert encoded.shape == (20, space.dimension)
    assert ((encoded >= 0) & (encoded <= 1)).all()
    again = space.decode(encoded)
    assert again == individuals
    assert [one.row and one.inactive for one in again] == [one.row and one.inactive for one in individuals]
    assert space.decode(np.clip(points, 0, 1)) == individuals


@given(spaces())
def test_corners_and_middle_come_back(space):
    points = np.array([[0.0], [1.0], [0.5]]) * np.ones(space.dimension)
    individuals = space.decode(points)
    assert space.decode(space.encode(individuals)) == individuals
    assert space.decode(space.encode([space.default])) == [space.default]


@given(spaces(), st.integers(0, 2**32 - 1))
def test_an_individual_is_made_again_from_its_values(space, seed):
    for individual in space.sample(5, np.random.default_rng(seed)):
        again = space.individual(dict(individual))
        assert again == individual
        assert typed(again) == typed(individual)


@given(spaces(), st.integers(0, 2**32 - 1))
def test_columns_hold_points_bit_for_bit(space, seed):
    individuals = space.sample(7, np.random.default_rng(seed))
    columns = space.columns(individuals)
    again = space.from_columns(columns)
    assert [one.key for one in again] == [one.key for one in individuals]
    assert [typed(one) for one in again] == [typed(one) for one in individuals]
    assert [one.inactive for one in again] == [one.inactive for one in individuals]
    for name, column in columns.items():
        parameter = space[name]
        assert column.shape == (7, *parameter.shape)
        assert column.dtype == {"real": "f8", "integer": "i8", "categorical": "i1"}.get(parameter.kind, column.dtype)


@given(spaces(), st.integers(0, 2**32 - 1))
def test_values_survive_a_trip_to_another_process(space, seed):
    individuals = travelled(space.sample(3, np.random.default_rng(seed)))
    assert space.decode(space.encode(individuals)) == individuals
    again = travelled(space)
    assert again == space
    assert hash(again) == hash(space)
    assert again.default == space.default


@given(spaces())
def test_plain_data_describe_a_space(space):
    assert ParameterSpace.from_dict(space.to_dict()) == space


@given(PARAMETERS)
def test_a_parameter_equals_what_its_repr_says(parameter):
    if not isinstance(parameter, Fixed) or not parameter.shape:
        namespace = {"Real": Real, "Integer": Integer, "Categorical": Categorical, "Fixed": Fixed}
        assert eval(repr(parameter), namespace) == parameter  # noqa: S307


@settings(max_examples=30)
@given(st.integers(2, 30))
def test_a_point_reached_in_two_ways_is_one_individual(points):
    space = ParameterSpace(x=Real(-1.0, 1.0))
    forwards = space.decode(np.linspace(0, 1, 2 * points + 1)[:, None])
    backwards = space.decode(np.cumsum(np.full(2 * points + 1, 0.5 / points))[:, None] - 0.5 / points)
    assert forwards == backwards
    assert forwards[points]["x"] == 0.0


def test_dimension_counts_components_and_choices():
    assert NETWORK.dimension == 1 + 1 + 1 + 2 + 5 + 1 + 1
    assert NETWORK.slices["weights"] == slice(5, 10)
    assert len(NETWORK) == 7
    assert list(NETWORK) == list(NETWORK.names)
    assert "tau_m" in NETWORK


def test_defaults_are_the_middle_of_the_encoded_range():
    default = NETWORK.default
    assert default["tau_m"] == 22.5
    assert default["n"] == round((99.5 * 1000.5) ** 0.5)
    assert default["model"] == "iaf_psc_alpha"
    assert default["f_mod"] == 10.0
    assert (default["weights"] == 0).all()
    space = ParameterSpace(a=Real(1, 9, default=2), b=Categorical(1, 2, default=2), c=Real(0, 1, shape=2, default=0.25))
    assert space.default["a"] == 2.0
    assert space.default["b"] == 2
    assert space.default["c"].tolist() == [0.25, 0.25]


def test_values_have_their_python_types_and_arrays_are_read_only():
    individual = NETWORK.sample(1, np.random.default_rng(1))[0]
    assert type(individual["tau_m"]) is float
    assert type(individual["n"]) is int
    assert type(individual["model"]) is str
    with pytest.raises(ValueError, match="read-only"):
        individual["weights"][0] = 1.0


def test_integers_lie_at_the_centres_of_equal_cells():
    space = ParameterSpace(k=Integer(1, 4))
    individuals = [space.individual({"k": k}) for k in range(1, 5)]
    assert space.encode(individuals)[:, 0].tolist() == [0.125, 0.375, 0.625, 0.875]
    assert [one["k"] for one in space.decode([[0.0], [0.2499], [0.25], [1.0]])] == [1, 1, 2, 4]


def test_logarithmic_integers_have_cells_on_the_logarithmic_scale():
    space = ParameterSpace(k=Integer(1, 1000, log=True))
    points = np.random.default_rng(0).random((4000, 1))
    decades = np.floor(np.log10([one["k"] for one in space.decode(points)]))
    assert np.isclose((decades == 2).mean(), np.log(1000.5 / 99.5) / np.log(1000.5 / 0.5), atol=0.03)


def test_categories_are_one_hot_and_ties_go_to_the_first():
    space = ParameterSpace(c=Categorical("x", "y", "z"))
    assert space.encode([Individual({"c": "y"})]).tolist() == [[0, 1, 0]]
    assert [one["c"] for one in space.decode([[0.5, 0.5, 0.1], [0, 0.2, 0.3], [2, 7, 0]])] == ["x", "z", "x"]


def test_points_that_differ_in_an_inactive_parameter_are_one():
    points = np.tile(NETWORK.encode([NETWORK.default]), (2, 1))
    points[:, NETWORK.slices["amplitude"]] = 0.0
    points[0, NETWORK.slices["f_mod"]] = 0.9
    first, second = NETWORK.decode(points)
    assert first == second
    assert first["f_mod"] == 10.0
    assert first.inactive == {"f_mod"}
    assert NETWORK.individual({"amplitude": 0, "f_mod": 77}) == NETWORK.individual({"amplitude": 0})
    assert NETWORK.activity([first, NETWORK.default])["f_mod"].tolist() == [False, True]


def test_constraints_tell_feasible_points():
    good, bad = NETWORK.individual({"tau_syn": 2.0}), NETWORK.individual({"tau_m": 6.0, "tau_syn": 9.0})
    assert NETWORK.feasible([good, bad, good]).tolist() == [True, False, True]
    assert NETWORK.violated(bad) == "tau_syn < tau_m"
    assert NETWORK.violated(good) is None
    assert NETWORK.feasible([]).shape == (0,)


def test_a_constraint_on_an_inactive_parameter_does_not_apply():
    space = ParameterSpace(a=Real(0, 1), f=Real(0, 9, when="a > 0.5"), constraints=["f > 5"])
    assert space.feasible([space.individual({"a": 0.1}), space.individual({"a": 0.9})]).tolist() == [True, False]


def test_user_values_are_rounded_and_converted():
    individual = NETWORK.individual(
        {"tau_m": np.float32(7.5), "n": 200.0, "tau_syn": 0.1 + 0.2 + 1, "weights": [1] * 5}
    )
    assert individual["tau_m"] == 7.5
    assert type(individual["n"]) is int
    assert individual["tau_syn"] == 1.3
    assert individual["weights"].dtype == np.float64
    assert ParameterSpace(x=Real(0.0, 0.3)).individual({"x": 0.1 + 0.2})["x"] == 0.3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tau_m": 41}, r"parameter 'tau_m': expected a value from 5.0 to 40.0, got 41"),
        ({"tau_m": "6"}, r"parameter 'tau_m': expected a number, got '6'; that is text, write 6.0"),
        ({"tau_m": True}, r"expected a number, got True"),
        ({"tau_m": float("nan")}, r"expected a finite number"),
        ({"n": 150.5}, r"parameter 'n': expected an integer, got 150.5"),
        ({"n": 99}, r"expected a value from 100 to 1000, got 99"),
        ({"model": "hh"}, r"expected one of 'iaf_psc_alpha', 'iaf_psc_exp', got 'hh'"),
        ({"weights": [1.0, 2.0]}, r"expected an array of shape \(5,\), got shape \(2,\)"),
        ({"weights": [0.0, 0.0, 0.0, 0.0, 21.0]}, r"expected a value from -20.0 to 20.0, got 21.0"),
        ({"weights": ["a"] * 5}, r"expected an array of numbers"),
    ],
)
def test_wrong_values_are_refused_by_name(values, message):
    with pytest.raises(SpaceError, match=message):
        NETWORK.individual(values)


def test_a_misspelt_name_offers_the_near_ones():
    with pytest.raises(KeyError, match=r"did you mean .*'tau_m'"):
        NETWORK["tau_n"]
    with pytest.raises(KeyError, match="did you mean 'weights'"):
        NETWORK.individual({"weigths": 1})
    with pytest.raises(KeyError, match=r"no parameter 'tau'; did you mean .*'tau_m'"):
        NETWORK.encode([Individual({"tau": 1.0})])
    with pytest.raises(KeyError, match="no parameter 'extra'"):
        NETWORK.encode([Individual({**NETWORK.default, "extra": 1.0})])


def test_decoding_refuses_what_is_no_point():
    with pytest.raises(SpaceError, match=r"shape \(n, 12\), got \(12,\)"):
        NETWORK.decode(np.zeros(12))
    points = np.zeros((3, 12))
    points[1, 4] = np.nan
    with pytest.raises(SpaceError, match="NaN at point 1, coordinate 4"):
        NETWORK.decode(points)
    points[1, 4] = np.inf
    assert NETWORK.decode(points)[1]["model"] == "iaf_psc_exp"
    assert NETWORK.decode([]) == []


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Real(2, 1), "low must be below high, got low=2.0 and high=1.0"),
        (lambda: Real(1, 1), "to fix a parameter give its value alone"),
        (lambda: Real(0, float("inf")), "high: expected a finite number, got inf"),
        (lambda: Real("a", 1), "low: expected a number, got 'a'"),
        (lambda: Real("1e-3", 1), "low: expected a number, got '1e-3'; that is text, write 0.001"),
        (lambda: Real(-1.7e308, 1.7e308), "wider than float64 can resolve"),
        (lambda: Real(0, 1, log=True), "a logarithmic scale needs low above 0, got low=0.0"),
        (lambda: Real(0, 1, log="yes"), "log: expected true or false, got 'yes'"),
        (lambda: Real(0, 1, default=2), "default: expected a value from 0.0 to 1.0, got 2"),
        (
            lambda: Real(0, 1, shape=2, default=[0, 0, 0]),
            r"default: expected an array of shape \(2,\), got shape \(3,\)",
        ),
        (lambda: Real(0, 1, shape=0), "shape: expected a positive integer"),
        (lambda: Real(0, 1, shape=1.5), "shape: expected a positive integer"),
        (lambda: Real(0, 1, unit=3), "unit: expected text, got 3"),
        (lambda: Real(0, 1, when=True), "when: expected a condition"),
        (lambda: Integer(0.5, 2), "low: expected an integer, got 0.5"),
        (lambda: Integer(0, 2**60), "may reach to"),
        (lambda: Integer(1, 2**45, log=True), "may reach to"),
        (Categorical, "expected at least one choice"),
        (lambda: Categorical("a", "b", "a"), "choices must differ, got 'a' and 'a'"),
        (lambda: Categorical(1, True), "choices must differ, got 1 and True"),
        (lambda: Categorical(object()), "expected text, a truth value"),
        (lambda: Categorical(float("nan")), "expected text, a truth value"),
        (lambda: Categorical("a", default="b"), "default: expected one of 'a', got 'b'"),
        (lambda: Fixed({1, 2}), "expected text, a truth value"),
        (ParameterSpace, "at least one parameter"),
        (lambda: ParameterSpace(x=(0, 1)), r"parameter 'x': expected Real\(low, high\)"),
        (lambda: ParameterSpace({"x": Real(0, 1)}, x=Real(0, 1)), "parameter 'x': declared twice"),
        (lambda: ParameterSpace({"a/b": Real(0, 1)}), "parameter 'a/b': expected a name"),
        (lambda: ParameterSpace({3: Real(0, 1)}), "parameter 3: expected a name"),
        (lambda: ParameterSpace([Real(0, 1)]), "expected a mapping"),
        (lambda: ParameterSpace(x=Real(0, 1), constraints="x > 0"), "constraints: expected a list"),
    ],
)
def test_wrong_declarations_say_expected_and_got(build, message):
    with pytest.raises(SpaceError, match=message):
        build()


def test_parameters_are_values():
    assert Real(0, 1) == Real(0.0, 1.0)
    assert Real(0, 1) != Real(0, 1, log=False, default=0.5)
    assert Real(0, 2) != Integer(0, 2)
    assert Categorical(1) != Categorical(True)
    assert Real(0, 1, shape=2, default=[0.1, 0.2]) == Real(0, 1, shape=(2,), default=(0.1, 0.2))
    assert len({Real(0, 1), Real(0.0, 1.0), Categorical("a")}) == 2
    with pytest.raises(AttributeError):
        Real(0, 1).low = 3.0
    assert repr(Real(5.0, 40.0, unit="ms")) == "Real(5.0, 40.0, unit='ms')"
    copy = travelled(Real(0, 1, shape=3))
    assert not copy.default.flags.writeable


def test_spaces_that_differ_are_unequal():
    assert ParameterSpace(a=Real(0, 1), b=Real(0, 1)) != ParameterSpace(b=Real(0, 1), a=Real(0, 1))
    assert ParameterSpace(a=Real(0, 1)) != ParameterSpace(a=Real(0, 1), constraints=["a > 0"])


def test_a_space_may_be_all_fixed():
    space = ParameterSpace(a=Fixed(1.5), b=Fixed([1, 2]), c=Fixed("x"))
    assert space.dimension == 0
    (first,) = space.decode(np.zeros((1, 0)))
    assert dict(first) | {"b": None} == {"a": 1.5, "b": None, "c": "x"}
    assert first["b"].tolist() == [1, 2]
    assert space.sample(2, np.random.default_rng(0)) == [first, first]
    assert list(space.grid(3)) == [first]
    assert space.encode([first]).shape == (1, 0)


def test_a_generation_is_decoded_without_holding_on_to_its_block():
    space = ParameterSpace(w=Real(-1, 1, shape=1000))
    assert all(one["w"].base is None for one in space.sample(3, np.random.default_rng(0)))


def test_a_vector_of_many_thousands_is_decoded_as_its_components_alone():
    space = ParameterSpace(a=Real(-3.0, 7.0, shape=6000), b=Real(1e-3, 5.0, log=True, shape=6000), c=Real(0.0, 1.0))
    points = np.random.default_rng(1).random((3, space.dimension))
    points[:, ::100] = 1.0
    scalars = ParameterSpace(a=Real(-3.0, 7.0), b=Real(1e-3, 5.0, log=True), c=Real(0.0, 1.0))
    for one, row in zip(space.decode(points), points, strict=True):
        alone = scalars.decode(np.stack([row[:6000], row[6000:12000], np.full(6000, row[-1])], axis=1))
        assert one["a"].tolist() == [single["a"] for single in alone]
        assert one["b"].tolist() == [single["b"] for single in alone]
        assert one["c"] == alone[0]["c"]


def test_columns_of_fixed_parameters_are_constant():
    space = ParameterSpace(a=Fixed(1.5), b=Fixed([1, 2]), c=Fixed("x"), d=Fixed(2**70), e=Fixed(True), x=Real(0, 1))
    points = space.sample(3, np.random.default_rng(0))
    columns = space.columns(points)
    assert {name: column.dtype.str for name, column in columns.items()} == {
        "a": "<f8",
        "b": "<i8",
        "c": "|i1",
        "d": "|i1",
        "e": "|i1",
        "x": "<f8",
    }
    assert columns["b"].tolist() == [[1, 2]] * 3
    assert space["c"].codes == ("x",)
    assert space["a"].codes is None
    assert space.from_columns(columns) == points
    assert space.from_columns({"x": columns["x"]}) == points


# --- steps ---------------------------------------------------------------------------------------------------------


def test_values_with_a_step_are_low_and_whole_steps_as_decimals_have_them():
    space = ParameterSpace(x=Real(0.0, 1.0, step=0.1), y=Real(-0.7, 0.7, step=0.1), n=Integer(0, 100, step=10))
    points = space.grid({})
    assert sorted({one["x"] for one in points}) == [float(f"0.{k}") for k in range(10)] + [1.0]
    assert sorted({one["y"] for one in points}) == [float(f"{k / 10:.1f}") for k in range(-7, 8)]
    assert sorted({one["n"] for one in points}) == list(range(0, 101, 10))


@pytest.mark.parametrize(
    ("parameter", "high"),
    [
        (Real(0.0, 1.0, step=0.1), 1.0),
        (Real(0.0, 1.0, step=0.3), 0.9),
        (Real(0.0, 1.0, step=1 / 3), 1.0),
        (Real(0.1, 0.7, step=0.2), 0.7),
        (Real(-1.0, 1.0, step=1.5), 0.5),
        (Integer(0, 100, step=30), 90),
        (Integer(-5, 5, step=10), 5),
    ],
)
def test_the_upper_bound_is_the_last_value_on_the_lattice(parameter: Any, high: float):
    assert parameter.high == high == parameter.lattice(np.array(parameter.cells - 1))
    space = ParameterSpace(p=parameter)
    assert space.decode(np.array([[0.0], [1.0]])) == [
        space.individual({"p": parameter.low}),
        space.individual({"p": high}),
    ]


@given(
    st.integers(-(10**6), 10**6),
    st.integers(1, 10**4),
    st.integers(1, 200),
    st.integers(0, 5),
)
def test_every_value_of_a_lattice_is_the_decimal_it_is_written_as(low: int, step: int, cells: int, digits: int):
    scale = 10**digits
    parameter = Real(low / scale, (low + step * cells) / scale, step=step / scale)
    expected = [(low + step * k) / scale for k in range(cells + 1)]  # of exact integers: rounded once
    assert parameter.lattice(np.arange(cells + 1)).tolist() == expected
    space = ParameterSpace(p=parameter)
    points = [space.individual({"p": value}) for value in expected]
    assert space.decode(space.encode(points)) == points


@given(stepped(), st.integers(0, 2**32))
@example(Real(5666.700000000001, 5666.8, step=0.1), 0)  # a bound of more digits than values keep
def test_points_of_parameters_with_a_step_come_back_from_their_coordinates(parameter: Parameter, seed: int):
    space = ParameterSpace(p=parameter)
    individuals = space.sample(20, np.random.default_rng(seed))
    assert space.decode(space.encode(individuals)) == individuals
    assert ParameterSpace.from_dict(json.loads(json.dumps(space.to_dict()))) == space
    assert all(space.individual(one) == one for one in individuals)


def test_a_value_beside_a_step_is_refused_and_one_that_arithmetic_missed_is_taken():
    space = ParameterSpace(x=Real(0.0, 1.0, step=0.1), n=Integer(0, 100, step=10))
    assert space.individual({"x": 0.1 + 0.2})["x"] == 0.3
    assert space.individual({"x": 0.1 + 0.2}).key == space.individual({"x": 0.3}).key
    with pytest.raises(SpaceError, match=r"'x': expected 0.0 plus steps of 0.1, as 0.2 or 0.3, got 0.25"):
        space.individual({"x": 0.25})
    with pytest.raises(SpaceError, match="'n': expected 0 plus steps of 10, as 20 or 30, got 25"):
        space.individual({"n": 25})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Real(1.0, 10.0, step=1.0, log=True), "step: a logarithmic scale has no equal steps"),
        (lambda: Integer(1, 10, step=2, log=True), "step: a logarithmic scale has no equal steps"),
        (lambda: Real(0.0, 1.0, step=0.0), "step: expected a number above 0"),
        (lambda: Real(0.0, 1.0, step=-0.1), "step: expected a number above 0"),
        (lambda: Real(0.0, 1.0, step=math.nan), "step: expected a finite number"),
        (lambda: Real(0.0, 1.0, step="0.1"), "step: expected a number"),
        (lambda: Real(0.0, 1.0, step=2.0), "step: expected at most high - low"),
        (lambda: Integer(0, 10, step=0.5), "step: expected an integer"),
        (lambda: Integer(0, 10, step=0), "step: expected an integer above 0"),
        (lambda: Real(1e6, 1e6 + 1, step=1e-7), "step: values keep 12 digits"),
        (lambda: Real(0.0, 1.0, step=0.1, default=0.25), "default: expected 0.0 plus steps"),
    ],
)
def test_a_step_that_is_none_is_refused(wrong: Any, message: str):
    with pytest.raises(SpaceError, match=message):
        wrong()


def test_a_step_of_one_is_that_of_any_integer():
    assert Integer(1, 9, step=1) == Integer(1, 9)
    assert Integer(1, 1000, step=1, log=True) == Integer(1, 1000, log=True)


# --- choices -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        ["exp", "alpha"],
        ("exp", "alpha"),
        np.array(["exp", "alpha"]),
        {"exp": 1, "alpha": 2}.keys(),
        iter(["exp", "alpha"]),
    ],
)
def test_a_single_list_is_the_list_of_the_choices(given: Any):
    assert Categorical(given) == Categorical("exp", "alpha")
    assert ParameterSpace.from_dict({"parameters": {"m": {"choices": [["exp", "alpha"]]}}})["m"] == Categorical(
        "exp", "alpha"
    )


def test_numbers_from_ranges_and_generators_are_choices():
    assert Categorical(range(3)) == Categorical(0, 1, 2)
    assert Categorical(2.0**k for k in range(3)) == Categorical(1.0, 2.0, 4.0)
    assert Categorical(np.arange(3)) == Categorical(0, 1, 2)
    assert Categorical("exp") == Categorical(["exp"]), "a text is no list"


def test_a_tuple_that_is_the_only_choice_stands_in_a_list():
    only = Categorical([(1, 2)])
    assert only.choices == ((1, 2),)
    assert ParameterSpace.from_dict(ParameterSpace(m=only).to_dict())["m"] == only


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Categorical({"a", "b"}), "got a set, which has no order"),
        (lambda: Categorical(frozenset("ab")), "got a set, which has no order"),
        (lambda: Categorical({"a": 1}), "got a mapping"),
        (lambda: Categorical([]), "expected at least one choice"),
        (lambda: Categorical(x for x in ()), "expected at least one choice"),
        (lambda: Categorical([1, 1.0]), "choices must differ"),
        (lambda: Categorical([0, False]), "choices must differ"),
        (lambda: Categorical([(1,), (True,)]), "choices must differ"),
        (lambda: Categorical([{}, "a"]), "expected text, a truth value"),
        (lambda: Categorical("a", {"b"}), "expected text, a truth value"),
        (
            lambda: ParameterSpace.from_dict({"parameters": {"m": ["exp", "alpha"]}}),
            "for one of several write choices:",
        ),
    ],
)
def test_choices_that_are_none_are_refused(wrong: Any, message: str):
    with pytest.raises(SpaceError, match=message):
        wrong()
