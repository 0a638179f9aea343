from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l import document
from l2l.document import dotted, dump, parse, read, write
from l2l.errors import ConfigError, StorageError

FILE = Path("some.yaml")

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))


def same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@given(DATA)
def test_what_is_written_reads_as_the_same(data: Any) -> None:
    assert same(parse(dump(data), FILE).data, data)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1.0e-3", 0.001),
        ("-.inf", float("-inf")),
        ("no", "no"),
        ("off", "off"),
        ("Yes", "Yes"),
        ("true", True),
        ("00:10:00", "00:10:00"),
        ("10:30", "10:30"),
        ("1_000", "1_000"),
        ("010", 10),
        ("0x10", 16),
        ("2020-01-01", "2020-01-01"),
        ("~", None),
        ("'1e-3'", "1e-3"),
        ("2 GB", "2 GB"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    read = parse(f"key: {text}", FILE).data["key"]
    assert read == value and type(read) is type(value)


def test_lines_of_all_places_are_known() -> None:
    text = "a: 1\nb:\n  c: [1,\n    2]\n  d: {e: 3}\n"
    document = parse(text, FILE)
    assert [document.line(place) for place in [("a",), ("b", "c", 1), ("b", "d", "e")]] == [1, 4, 5]
    assert document.line(("b", "d", "absent")) == 5, "the nearest place around"
    assert str(document.error(("b", "c", 1), "wrong")) == "some.yaml:4: b.c[1]: wrong"


def test_dotted_places_read_as_users_write_them() -> None:
    assert dotted(("initial", 2, "eta")) == "initial[2].eta"
    assert dotted(()) == ""


def test_merge_keys_and_anchors_are_understood() -> None:
    text = "base: &base {low: 1, high: 2}\neta: {<<: *base, high: 5}\n"
    assert parse(text, FILE).data["eta"] == {"low": 1, "high": 5}


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: 2\na: 3", 3, "a: given twice, on lines 1 and 3"),
        ("a: {b: 1,\n    b: 2}", 2, "a.b: given twice"),
        ("a: [1, 2", 1, "not YAML"),
        ("a: b: c", 1, "not YAML"),
        ("\ta: 1", 1, "not YAML"),
        ("a: 1\n---\nb: 2", 2, "not YAML"),
        ("a: *nowhere", 1, "not YAML: found undefined alias"),
        ("a: &a [*a]", 1, "an alias within what it stands for"),
        ("a: !!python/object:os.system {}", 1, "expected plain data"),
        ("a: !!int five", 1, "'five' is no int"),
        ("1: 2", 1, "expected text as a key, got 1"),
        ("[a]: 2", 1, "expected text as a key"),
        ("<<: 3", 1, "expected a mapping to merge"),
        ("a: \x00", None, "not YAML"),
    ],
)
def test_what_is_no_yaml_is_refused_at_its_line(text: str, line: int | None, problem: str) -> None:
    with pytest.raises(ConfigError, match=r"some\.yaml") as caught:
        parse(text, FILE)
    assert caught.value.line == line
    assert problem in str(caught.value)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: there is no such file"):
        read(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="got a folder"):
        read(tmp_path)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"a: \xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        read(binary)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"absent/some\.yaml"):
        write(tmp_path / "absent" / "some.yaml", {})


REPEATED = "a: &a [1, 2, 3]\nb: &b [*a, *a]\nc: [*b, *b]\n"


def test_aliases_may_stand_for_so_much_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = parse(REPEATED, FILE).data
    assert whole["c"] == [[[1, 2, 3]] * 2] * 2
    monkeypatch.setattr(document, "MOST_REPEATED", 20)
    with pytest.raises(ConfigError, match=r"some\.yaml:\d: c\[\d\]\[\d\].*: aliases .* more than 20 values"):
        parse(REPEATED, FILE)
    monkeypatch.setattr(document, "MOST_REPEATED", 3)
    with pytest.raises(ConfigError, match="merge keys"):
        parse("a: &a {x: 1, y: 2}\nb: {<<: *a}\nc: {<<: [*a, *a]}\n", FILE)


def test_depth_and_size_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse("[" * 90 + "]" * 90, FILE).data
    for text in ("[" * 101 + "]" * 101, "{a: " * 101 + "1" + "}" * 101, "- " * 101 + "1"):
        with pytest.raises(ConfigError, match="at most 100 lists and mappings within each other"):
            parse(text, FILE)
    monkeypatch.setattr(document, "LARGEST", 100)
    (tmp_path / "long.yaml").write_text("a: " + "x" * 100)
    with pytest.raises(ConfigError, match="at most 100 bytes"):
        read(tmp_path / "long.yaml")


@pytest.mark.parametrize("text", ["&a [*a]", "a: &b {c: *b}", "a: &b {<<: *b}"])
def test_an_alias_within_what_it_stands_for_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"within what it stands for|recursive"):
        parse(text, FILE)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0x" + "f" * 1000, "at most 400 digits, got 1002"),
        ("9" * 5000, "at most 400 digits, got 5000"),
        ("1e400", "1e400 is larger than numbers can be"),
        ('"\\ud800"', "half of a surrogate pair"),
    ],
)
def test_values_that_nothing_could_use_are_refused(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        parse(f"seed: {text}", FILE)
    assert caught.value.key == "seed" and len(str(caught.value)) < 300


def test_a_path_of_any_bytes_is_text() -> None:
    data = {"directory": b"/runs/\xff".decode("utf-8", "surrogateescape")}
    assert parse(dump(data), FILE).data == data
