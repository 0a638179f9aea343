from pathlib import Path

import pytest

from l2l.errors import NotFoundError, OptionError
from l2l.optimizees.swc import branched_soma, read_swc, regions_of

SOMA = "1 1 0 0 0 10 -1\n"


def read(folder: Path, text: str) -> list:
    path = folder / "cell.swc"
    path.write_text(text)
    return read_swc(path)


def test_a_file_is_read_with_its_remarks_left_out(tmp_path: Path) -> None:
    samples = read(tmp_path, f"# a cell\n\n{SOMA}2 3 10.5 0 -1 1.5 1  # stem\n3 2 -10 0 0 1 1\n")
    assert [sample.number for sample in samples] == [1, 2, 3]
    assert samples[1].position == (10.5, 0.0, -1.0)
    assert samples[1].radius == 1.5
    assert regions_of(samples) == ["soma", "axon", "dend"]


def test_the_shape_of_the_soma_is_told(tmp_path: Path) -> None:
    assert not branched_soma(read(tmp_path, SOMA))
    assert not branched_soma(read(tmp_path, SOMA + "2 1 10 0 0 9 1\n3 1 20 0 0 9 2\n"))
    assert branched_soma(read(tmp_path, SOMA + "2 1 0 -10 0 10 1\n3 1 0 10 0 10 1\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected lines of id, type, x, y, z, radius, parent, got none"),
        ("# nothing\n", "got none"),
        (SOMA + "2 3 x 0 0 1 1\n", r"cell\.swc:2: expected numbers .* got '2 3 x 0 0 1 1'"),
        (SOMA + "2 3 0 0 0 1\n", r":2: expected 7 columns .* got 6"),
        (SOMA + "2 3 0 0 0 0 1\n", r":2: .* a radius above 0"),
        (SOMA + "2 3 nan 0 0 1 1\n", r":2: expected finite coordinates"),
        (SOMA + "2 7 0 0 0 1 1\n", r":2: expected a type of 1 soma, 2 axon, 3 dend, 4 apic, got 7"),
        (SOMA + "1 3 0 0 0 1 1\n", r":2: id 1 stands twice"),
        (SOMA + "2 3 0 0 0 1 5\n", r":2: expected a parent that stands further up, got 5"),
        (SOMA + "2 3 0 0 0 1 -1\n", r":2: expected one root .*, this is a second one"),
        ("3 1 0 0 0 10 -1\n2 3 0 0 0 1 3\n", r":2: expected an id above that of its parent, 3, got 2"),
    ],
)
def test_a_file_that_does_not_parse_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        read(tmp_path, text)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"absent\.swc: expected a readable SWC file, got: No such file"):
        read_swc(tmp_path / "absent.swc")
    with pytest.raises(NotFoundError, match="expected a readable SWC file"):
        read_swc(tmp_path)
