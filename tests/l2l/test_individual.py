import copy
import json
import pickle
import struct
from hashlib import blake2b
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l import Categorical, Individual, Integer, ParameterSpace, Real
from l2l.individual import fill_keys
from l2l.space import Fixed

NAMES = ["a", "b", "é", "synapse.weight", "tau m"]
FLOATS = st.floats(allow_nan=False)
CHOICES = st.none() | st.booleans() | st.text(max_size=4) | st.tuples(st.integers(-2, 2), st.text(max_size=2))
VECTORS = st.lists(FLOATS, min_size=1, max_size=3).map(np.array)
COUNTS = st.lists(st.integers(-5, 5), min_size=1, max_size=3).map(np.array)
VALUES = FLOATS | st.integers(-(2**65), 2**65) | CHOICES | VECTORS | COUNTS
# Few values, close to each other in what they look like, so that equal and nearly equal contents are met.
CONFUSABLE = st.sampled_from(
    (
        *(
            0,
            0.0,
            -0.0,
            False,
            1,
            1.0,
            True,
            "1",
            "true",
            None,
            "null",
            (1,),
            (1.0,),
            (True,),
            (1, 1),
            2**63,
            2**63 - 1,
        ),
        *map(np.array, ([1.0], [1], [0.0], [-0.0], [[1.0]])),
    )
)


def content(values: dict[str, Any]) -> dict[str, Any]:
    """What makes two values equal, said in another way than by bytes."""

    def typed(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return "array", value.dtype.kind, value.shape, (value + 0).tolist()
        if isinstance(value, tuple):
            return tuple(map(typed, value))
        return type(value).__name__, value

    return {name: typed(value) for name, value in values.items()}


def test_values_are_read_by_name_in_the_order_given() -> None:
    individual = Individual({"g": 5.0, "n": 3, "kind": "exp"})
    assert dict(individual) == {"g": 5.0, "n": 3, "kind": "exp"}
    assert list(individual) == ["g", "n", "kind"]
    assert individual.row == (5.0, 3, "exp")
    assert len(individual) == 3 and "g" in individual and "h" not in individual


@pytest.mark.parametrize("name", ["tau_n", "Tau_m", "taum"])
def test_a_misspelt_name_is_an_error_that_offers_the_near_one(name: str) -> None:
    with pytest.raises(KeyError, match=rf"no parameter '{name}'; did you mean 'tau_m'\?"):
        Individual({"tau_m": 20.0, "g": 5.0})[name]


@pytest.mark.parametrize("name", [3, ["g"], None])
def test_a_name_that_is_no_text_is_an_error(name: Any) -> None:
    with pytest.raises(KeyError, match="there are: 'g'"):
        Individual({"g": 5.0})[name]


def test_arrays_are_copied_and_read_only() -> None:
    given_array = np.array([1.0, 2.0])
    individual = Individual({"w": given_array})
    given_array[0] = 9.0
    assert individual["w"].tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        individual["w"][0] = 9.0


def test_values_of_numpy_become_values_of_python() -> None:
    individual = Individual({"x": np.float64(1.5), "n": np.int32(3), "yes": np.bool_(True), "s": np.str_("a")})
    assert [type(value) for value in individual.values()] == [float, int, bool, str]


def test_nothing_can_be_assigned() -> None:
    individual = Individual({"g": 5.0})
    with pytest.raises(TypeError):
        individual["g"] = 6.0  # type: ignore[index]
    with pytest.raises(AttributeError):
        individual.g = 6.0  # type: ignore[attr-defined]


def test_the_key_hashes_the_documented_bytes() -> None:
    individual = Individual(
        {"n": 3, "g": -0.0, "kind": "exp", "w": np.array([-0.0, 2.0]), "off": 7.0}, frozenset({"off"})
    )

    def name(text: str) -> bytes:
        return struct.pack("<I", len(text.encode())) + text.encode()

    said = json.dumps("exp").encode()
    expected = b"".join(
        [
            name("g") + b"f" + struct.pack("<d", 0.0),
            name("kind") + b"j" + struct.pack("<I", len(said)) + said,
            name("n") + b"i" + struct.pack("<q", 3),
            name("w") + b"F[2]" + struct.pack("<dd", 0.0, 2.0),
        ]
    )
    assert individual.content() == expected
    assert individual.key == blake2b(expected, digest_size=16).digest()


@given(st.dictionaries(st.sampled_from(NAMES), CONFUSABLE), st.dictionaries(st.sampled_from(NAMES), CONFUSABLE))
def test_equal_content_and_only_equal_content_has_an_equal_key(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = content(one) == content(other)
    assert (Individual(one).key == Individual(other).key) == same
    assert (Individual(one) == Individual(other)) == same
    if same:
        assert hash(Individual(one)) == hash(Individual(other))


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1), st.randoms(use_true_random=False))
def test_the_order_of_names_does_not_count(values: dict[str, Any], random: Any) -> None:
    names = list(values)
    random.shuffle(names)
    assert Individual({name: values[name] for name in names}) == Individual(values)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1), VALUES)
def test_the_value_of_an_inactive_parameter_does_not_count(values: dict[str, Any], other: Any) -> None:
    name = next(iter(values))
    inactive = frozenset({name})
    assert Individual(values, inactive) == Individual(values | {name: other}, inactive)
    assert Individual(values, inactive) != Individual(values)


TABLES = st.lists(st.sampled_from(NAMES), unique=True, min_size=1).flatmap(
    lambda names: st.lists(
        st.tuples(*[CONFUSABLE | VALUES] * len(names)).map(lambda row: dict(zip(names, row, strict=True))),
        min_size=1,
        max_size=6,
    )
)


@pytest.mark.parametrize("times", [1, 20], ids=["few", "many"])
@given(TABLES, st.booleans())
def test_keys_of_many_are_those_of_each(times: int, rows: list[dict[str, Any]], inactive: bool) -> None:
    rows = rows * times
    off = [frozenset(list(row)[: place % 2] if inactive else ()) for place, row in enumerate(rows)]
    together = shared([Individual(row, names) for row, names in zip(rows, off, strict=True)])
    fill_keys(together)
    assert [one.key for one in together] == [Individual(row, names).key for row, names in zip(rows, off, strict=True)]


@pytest.mark.parametrize("times", [1, 20], ids=["few", "many"])
@pytest.mark.parametrize(
    "column",
    [
        [0.0, -0.0, 1.5],
        [float("inf"), 5e-324, -1e308],
        [0, -1, 2**62],
        [2**63 - 1, -(2**63) + 1, 0],
        [2**63, 0, 1],
        [-(2**63), 0, 1],
        [1, 1.0, 2],
        [True, False, True],
        [True, 0, 1],
        ["a", "b", ""],
        [1.0, None, "x"],
    ],
    ids=repr,
)
def test_keys_of_a_column_are_those_of_each(column: list[Any], times: int) -> None:
    rows = [{"x": value, "y": float(place)} for place, value in enumerate(column * times)]
    together = shared([Individual(row) for row in rows])
    fill_keys(together)
    assert [one.key for one in together] == [Individual(row).key for row in rows]


@pytest.mark.parametrize("n", [1, 3, 60])
@pytest.mark.parametrize("with_columns", [False, True])
def test_keys_of_the_points_of_a_space_are_those_of_each(n: int, with_columns: bool) -> None:
    individuals = EVERYTHING.sample(n, np.random.default_rng(1))
    alone = [Individual(dict(one), one.inactive).key for one in individuals]
    fill_keys(individuals, EVERYTHING.columns(individuals) if with_columns else None)
    assert [one.key for one in individuals] == alone
    assert n < 60 or len({one.inactive for one in individuals}) > 1


EVERYTHING = ParameterSpace(
    amplitude=Integer(0, 1),
    f=Real(1.0, 9.0, when="amplitude > 0"),
    g=Real(-1.0, 1.0),
    w=Real(-1.0, 1.0, shape=3),
    counts=Integer(1, 5, shape=2),
    kind=Categorical("a", "b"),
    steps=Categorical(1, 2, 4),
    mixed=Categorical(1, 2.5, "x", None),
    held=Fixed(3.0),
)


@pytest.mark.parametrize("n", [1, 20])
def test_keys_where_nothing_has_an_effect_are_those_of_each(n: int) -> None:
    individuals = shared([Individual({"x": float(place)}, frozenset({"x"})) for place in range(n)])
    fill_keys(individuals)
    assert {one.key for one in individuals} == {Individual({}).key}


def test_keys_of_none_are_no_work() -> None:
    fill_keys([])


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1))
def test_what_travels_arrives_equal_and_read_only(values: dict[str, Any]) -> None:
    individual = Individual(values, frozenset(list(values)[1:]))
    for other in (pickle.loads(pickle.dumps(individual)), copy.copy(individual), copy.deepcopy(individual)):  # noqa: S301
        assert other == individual
        assert other.inactive == individual.inactive
        assert repr(other) == repr(individual)
        assert all(not value.flags.writeable for value in other.values() if isinstance(value, np.ndarray))


def test_an_individual_shows_its_values_and_marks_the_inactive() -> None:
    individual = Individual({"g": 5.0, "f": 1.0, "w": np.zeros((2, 3)), "kind": "exp"}, frozenset({"f"}))
    assert repr(individual) == "Individual(g=5, f=1?, w=<array (2, 3)>, kind='exp')"


def test_an_individual_is_no_mere_mapping() -> None:
    assert Individual({"g": 5.0}) != {"g": 5.0}


def shared(individuals: list[Individual]) -> list[Individual]:
    """The same individuals over one index, as those of a space have it."""
    index = {name: place for place, name in enumerate(individuals[0])}
    return [Individual.of(index, one.row, one.inactive) for one in individuals]
