import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from l2l import registry
from l2l.cli import main


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["list", *arguments]) == 0
    return capsys.readouterr().out


def test_all_kinds_are_listed_with_options_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    out = listed(capsys)
    for part in ("optimizers", "optimizees", "launchers", "cma-es", "function", "serial"):
        assert part in out
    assert "sigma" in out and "float = 0.25" in out and "First standard deviation" in out
    assert "'sphere' | 'ellipsoid'" in out


def test_one_kind_or_one_plugin_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    out = listed(capsys, "optimizers", "cma-es")
    assert "cma-es" in out and "genetic" not in out and "launchers" not in out
    assert listed(capsys, "launchers", "--names").splitlines() == registry.names("launcher")


def test_an_overview_has_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for line in listed(capsys, "--overview").splitlines() if line.startswith("  ")]
    names = [name for kind in registry.KINDS for name in registry.names(kind)]
    assert [line.split()[0] for line in lines] == names
    assert all(len(line.split()) > 2 for line in lines)


def test_a_plugin_in_a_file_is_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "optimizee", "my_network"]) == 0
    out = listed(capsys, "optimizees", "my_network.py:MyNetwork")
    assert "target" in out and "float = 1.0" in out and "Where the error is least" in out


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "acme_good.py").write_text(
        "import l2l\nclass Cell(l2l.Optimizee):\n    '''A cell.'''\n"
        "    def __init__(self, *, size: float) -> None: ...\n    def simulate(self, individual, trial): return 0.0\n"
    )
    (tmp_path / "acme_bad.py").write_text("import no_such_simulator\n")
    info = tmp_path / "acme-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text("[l2l.optimizees]\nacme-cell = acme_good:Cell\nacme-bad = acme_bad:Cell\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry.forget()
    yield
    registry.forget()
    sys.modules.pop("acme_good", None)


@pytest.mark.usefixtures("third_party")
def test_plugins_of_others_are_listed_and_broken_ones_say_why(capsys: pytest.CaptureFixture[str]) -> None:
    out = listed(capsys, "optimizees")
    assert "acme-cell  (acme 1.5)" in out and "A cell." in out and "float (must be given)" in out
    assert "acme-bad  cannot be used" in out and "No module named 'no_such_simulator'" in out and "acme 1.5" in out
    assert "function" in out, "the others are listed all the same"
