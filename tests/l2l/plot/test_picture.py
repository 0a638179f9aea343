"""Figures change nothing global, need no display, and keep text as text."""

import os
import re
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

import l2l
from l2l.errors import MissingPart, OptionError, StorageError

matplotlib = pytest.importorskip("matplotlib")

Runs = Callable[[str], l2l.Trajectory]


def test_text_in_svg_is_text(runs: Runs, tmp_path: Path) -> None:
    runs("mixed").plot.convergence().savefig(tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    found = re.findall(r"<text[^>]*>([^<]+)</text>", text)
    assert {"cost (mV)", "gain (spikes/s)", "generation", "best so far"} <= set(found)


def test_text_in_pdf_is_text_in_a_font_of_its_own(runs: Runs, tmp_path: Path) -> None:
    runs("mixed").plot.convergence().savefig(tmp_path / "a.pdf")
    raw = (tmp_path / "a.pdf").read_bytes()
    assert b"/Type3" not in raw and b"/FontFile2" in raw
    streams = [
        zlib.decompress(one)
        for one in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", raw, re.DOTALL)
        if one.startswith(b"x")
    ]
    assert any(b"BT" in one and (b"Tj" in one or b"TJ" in one) for one in streams)


def test_the_same_run_gives_the_same_file(runs: Runs, tmp_path: Path) -> None:
    for form in ("png", "pdf", "svg"):
        for kind in ("slice", "map"):
            first = getattr(runs("onegen").plot, kind)().save(tmp_path / f"a.{form}", dpi=50)
            second = getattr(runs("onegen").plot, kind)().save(tmp_path / f"b.{form}", dpi=50)
            assert first.read_bytes() == second.read_bytes()


def test_settings_of_matplotlib_stay(runs: Runs, tmp_path: Path) -> None:
    with matplotlib.rc_context({"font.size": 17.0, "axes.spines.top": True}):
        before = dict(matplotlib.rcParams)
        figure = runs("mixed").plot.pairs()
        figure.save(tmp_path / "a.pdf")
        assert dict(matplotlib.rcParams) == before
        assert figure.axes[0].xaxis.label.get_size() == 9.0


def test_neither_display_nor_pyplot_is_needed(runs: Runs) -> None:
    run = runs("mixed")
    script = (
        "import sys; from l2l.cli import main; code = main(sys.argv[1:]); "
        "print('pyplot' if 'matplotlib.pyplot' in sys.modules else 'alone', code)"
    )
    environment = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    done = subprocess.run(
        [sys.executable, "-c", script, "plot", str(run.path), "convergence", "-o", "a.png"],
        env={**environment, "MPLBACKEND": "tkagg"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.endswith("alone 0\n"), done.stderr


def test_notebooks_are_given_an_image(runs: Runs) -> None:
    assert runs("one").plot.slice()._repr_png_().startswith(b"\x89PNG")


def test_without_matplotlib_it_is_said_what_to_install(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    plot = runs("one").plot
    assert "convergence" in repr(plot)
    with pytest.raises(
        MissingPart, match=r"matplotlib is not installed here; install it with: pip install 'l2l\[plot\]'"
    ):
        plot.convergence()


def test_a_file_is_written_whole_or_not_at_all(runs: Runs, tmp_path: Path) -> None:
    picture = runs("one").plot.slice()
    with pytest.raises(OptionError, match=r"ends in .png, .pdf or .svg, got .bmp"):
        picture.save(tmp_path / "a.bmp")
    with pytest.raises(StorageError, match="cannot write it"):
        picture.save(tmp_path / "nowhere/a.png")
    (tmp_path / "a.png").mkdir()
    with pytest.raises(StorageError):
        picture.save(tmp_path / "a.png")
    assert [one.name for one in tmp_path.iterdir()] == ["a.png"]
