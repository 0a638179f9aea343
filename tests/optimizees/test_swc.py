from pathlib import Path

import pytest

from l2l.errors import NotFoundError, OptionError
from l2l.optimizees.swc import Sample, read_swc, region_of

SOMA = "1 1 0 0 0 10 -1\n"


def read(folder: Path, text: str | bytes, types: dict[int, str] | None = None) -> list[Sample]:
    path = folder / "cell.swc"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_swc(path, types)


def test_a_file_is_read_with_its_remarks_left_out(tmp_path: Path) -> None:
    samples = read(tmp_path, f"# a cell\n\n{SOMA}2 3 10.5 0 -1 1.5 1  # stem\n3 2 -10 0 0 1 1\n")
    assert [sample.number for sample in samples] == [1, 2, 3]
    assert samples[1] == Sample(number=2, kind=3, position=(10.5, 0.0, -1.0), radius=1.5, parent=1, line=4)


PLAIN = "1 1 0 0 0 10 -1\n2 3 10.5 0 -1 1.5 1\n3 3 -10 20 0 1 2\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace(" ", "\t"),
        PLAIN.replace(" ", "   \t ").replace("\n", "  \n"),
        PLAIN.removesuffix("\n"),
        "\ufeff" + PLAIN,
        PLAIN.encode("utf-16"),
        PLAIN.replace("\n", " # une épine\n").encode("latin-1"),
        "# a form feed \f9 9 9 in a remark\x85 and a new line\n".encode("latin-1") + PLAIN.encode(),
        PLAIN.replace("10.5", "1.05e1").replace("1.5", "15E-1").replace("-10 ", "-.1e2 "),
        PLAIN.replace("\n", " 7 0 a\n"),  # columns beyond the seventh
        "1.0 1.000 0 0 0 10 -1.0\n2e0 3 10.5 0 -1 1.5 1\n+3 3 -10 20 0 1 2\n",
    ],
)
def test_the_ways_in_which_files_are_written_make_no_difference(tmp_path: Path, text: str | bytes) -> None:
    def told(samples: list[Sample]) -> list[object]:
        return [(one.number, one.kind, one.position, one.radius, one.parent) for one in samples]

    assert told(read(tmp_path, text)) == told(read(tmp_path, PLAIN))


def test_ids_may_have_gaps_and_stand_in_any_order(tmp_path: Path) -> None:
    samples = read(tmp_path, "90 3 60 0 0 1 7\n7 3 10 0 0 1 1000\n3 2 -10 0 0 1 1000\n1000 1 0 0 0 10 -1\n")
    assert [sample.number for sample in samples] == [1000, 7, 90, 3]
    assert [sample.line for sample in samples] == [4, 2, 1, 3]


def test_types_are_regions_and_may_be_given_to_others(tmp_path: Path) -> None:
    assert [region_of(kind) for kind in (0, 1, 2, 3, 4, 5, 42)] == [
        *("type0", "soma", "axon", "dend", "apic", "type5", "type42")
    ]
    text = SOMA + "2 3 10 0 0 1 1\n3 5 60 0 0 1 2\n4 6 110 0 0 1 3\n5 2 0 60 0 1 1\n6 6 0 90 0 1 5\n7 7 0 0 90 1 1\n"
    assert [one.kind for one in read(tmp_path, text)] == [1, 3, 5, 6, 2, 6, 7]
    found = read(tmp_path, text, {5: "parent", 6: "parent", 7: "apic"})
    assert [one.kind for one in found] == [1, 3, 3, 3, 2, 2, 4]
    with pytest.raises(
        OptionError, match=r"cell\.swc:7: type 7 is to be that of its parent, but the parent is the soma"
    ):
        read(tmp_path, text, {7: "parent"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected lines of id, type, x, y, z, radius, parent, got none"),
        ("# nothing\n", "got none"),
        (SOMA + "2 3 x 0 0 1 1\n", r"cell\.swc:2: expected numbers .* got '2 3 x 0 0 1 1'"),
        (SOMA + "2 3 1,5 0 0 1 1\n", r"cell\.swc:2: expected numbers .* got '2 3 1,5 0 0 1 1'"),
        (SOMA + "2 3 1_0 0 0 1 1\n", r"cell\.swc:2: expected numbers"),
        (SOMA + "2,3,0,0,0,1,1\n", r":2: expected 7 columns .* got 1: '2,3"),
        (SOMA + "2 3 0 0 0 1\n", r":2: expected 7 columns .* got 6"),
        (SOMA + "2 3 0 0 0 0 1\n", r":2: .* a radius above 0"),
        (SOMA + "2 3 0 0 0 -1 1\n", r":2: .* a radius above 0"),
        (SOMA + "2 3 0 0 0 nan 1\n", r":2: .* a radius above 0"),
        (SOMA + "2 3 nan 0 0 1 1\n", r":2: expected finite coordinates"),
        (SOMA + "2 3 0 -inf 0 1 1\n", r":2: expected finite coordinates"),
        (SOMA + "2 3 0 1e999 0 1 1\n", r":2: expected finite coordinates"),
        (SOMA + "2.5 3 0 0 0 1 1\n", r":2: expected whole numbers for id, type and parent"),
        (SOMA + "2 nan 0 0 0 1 1\n", r":2: expected whole numbers for id, type and parent"),
        (SOMA + "2 3 0 0 0 1 1.5\n", r":2: expected whole numbers for id, type and parent"),
        (SOMA + "1e300 3 0 0 0 1 1\n", r":2: expected whole numbers for id, type and parent"),
        (SOMA + "-2 3 0 0 0 1 1\n", r":2: expected an id and a type of at least 0"),
        (SOMA + "2 -3 0 0 0 1 1\n", r":2: expected an id and a type of at least 0"),
        (SOMA + "\n1 3 0 0 0 1 1\n", r":3: id 1 stands twice, before in line 1"),
        (SOMA + "2 3 0 0 0 1 5\n", r":2: expected the id of another sample as parent, or -1 for the root, got 5"),
        (SOMA + "2 3 0 0 0 1 -2\n", r":2: expected the id of another sample as parent, or -1 for the root, got -2"),
        (SOMA + "2 3 0 0 0 1 -1\n", r":2: expected one root .*, this is a second one; the first is in line 1"),
        (SOMA + "2 3 0 0 0 1 2\n", r":2: expected parents that lead to a root .*, id 2 is in a cycle"),
        (SOMA + "2 3 0 0 0 1 3\n3 3 0 9 0 1 4\n4 3 0 9 9 1 2\n", r":2: .* id 2 is in a cycle"),
        ("1 1 0 0 0 10 2\n2 1 0 9 0 10 1\n", r":1: .* id 1 is in a cycle"),
        (SOMA + "2 3 10 0 0 1 1\n3 1 60 0 0 9 2\n", r":3: expected a soma .* one piece .* is of dend"),
        ("1 2 0 0 0 1 -1\n2 1 9 0 0 9 1\n", r":2: expected a soma .* from the root on, .* is of axon"),
        ("1 3 0 0 0 1 -1\n", r":1: expected a soma, or samples at two places, got one place of dend"),
        ("1 3 5 0 0 1 -1\n2 3 5 0 0 2 1\n", r":1: expected a soma, or samples at two places"),
    ],
)
def test_what_has_no_single_meaning_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        read(tmp_path, text)


def test_a_line_that_is_far_too_long_is_shown_in_part(tmp_path: Path) -> None:
    with pytest.raises(OptionError) as refused:
        read(tmp_path, SOMA + "x " * 100_000 + "\n")
    assert len(str(refused.value)) < 1000


def test_a_long_branch_is_no_deep_recursion(tmp_path: Path) -> None:
    lines = [f"{one} 3 {one} 0 0 1 {one - 1}" for one in range(2, 20_001)]
    assert len(read(tmp_path, SOMA + "\n".join(reversed(lines)))) == 20_000


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"absent\.swc: expected a readable SWC file, got: No such file"):
        read_swc(tmp_path / "absent.swc")
    with pytest.raises(NotFoundError, match="expected a readable SWC file"):
        read_swc(tmp_path)
