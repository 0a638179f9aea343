"""`l2l plot`: pictures in files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import l2l
from l2l.cli import main
from l2l.plot import KINDS

pytest.importorskip("matplotlib")

Plotted = Callable[..., tuple[int, str, str]]


@l2l.optimizee(
    space=l2l.ParameterSpace(g=l2l.Real(0.0, 1.0, unit="nS"), w=l2l.Real(0.0, 1.0, shape=(2, 2))),
    observables={"trace": l2l.Observable((4,), unit="mV")},
)
def model(individual: l2l.Individual, trial: l2l.Trial) -> l2l.Outcome:
    return l2l.Outcome(individual["g"], {"trace": np.full(4, individual["g"])})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "drawn"
    optimizer = {"name": "random", "samples": 30, "population": 10}
    l2l.Experiment(model, optimizer, launcher="serial", seed=1, directory=folder).run()
    return folder


@pytest.fixture
def plotted(run: Path, capsys: pytest.CaptureFixture[str]) -> Plotted:
    def plot(*arguments: str) -> tuple[int, str, str]:
        code = main(["plot", str(run), *arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return plot


def test_it_says_what_it_drew_and_where(run: Path, plotted: Plotted) -> None:
    code, out, _ = plotted("convergence")
    assert code == 0
    assert out == f"convergence: fitness over 3 generations; in {run}/convergence.png\n"
    assert (run / "convergence.png").read_bytes().startswith(b"\x89PNG")
    for form, start in (("pdf", b"%PDF"), ("svg", b"<?xml"), ("PNG", b"\x89PNG")):
        code, out, _ = plotted(
            "slice", "-o", f"file.{form}", "--parameters", "g, w[0,1]", "--size", "5x3", "--dpi", "50"
        )
        assert code == 0 and out.startswith("slice: fitness against 2 parameters, 30 individuals; in file.")
        assert Path(f"file.{form}").read_bytes().startswith(start)


def test_the_size_is_the_one_asked(plotted: Plotted) -> None:
    assert plotted("slice", "-o", "a.png", "--size", "4,2.5", "--dpi", "100")[0] == 0
    width_and_height = Path("a.png").read_bytes()[16:24]
    assert width_and_height == (400).to_bytes(4) + (250).to_bytes(4)


def test_data_are_read_from_text_and_from_numpy(plotted: Plotted) -> None:
    Path("data.csv").write_text("0, 0.5\n1, 0.5\n2; 0.5\n3 0.5\n")
    np.save("data.npy", np.full(4, 0.5))
    first = plotted("fit", "--data", "data.csv", "-o", "a.svg")
    second = plotted("fit", "--data", "data.npy", "-o", "b.svg")
    assert first[0] == second[0] == 0
    assert first[1].partition(";")[0] == second[1].partition(";")[0]
    assert " mV;" in first[1]


def test_all_kinds_are_listed(plotted: Plotted, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = plotted()
    assert code == 2 and all(f"  {kind} " in err for kind in KINDS)
    assert main(["plot", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {kind} " in out for kind in KINDS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convergance"], "no kind of picture 'convergance'; did you mean 'convergence'?"),
        (["convergence", "--parameters", "g"], "--parameters: convergence does not take it; it takes --objective"),
        (["timeline", "--log"], "--log: timeline does not take it; it takes none"),
        (["slice", "--parameters", "h"], "no parameter that varies 'h'"),
        (["slice", "-o", "a.bmp"], "expected a name that ends in .png, .pdf or .svg"),
        (["slice", "-o", "a"], "got no ending"),
        (["slice", "-o", "nowhere/a.png"], "there is no folder nowhere"),
        (["slice", "--size", "4"], "expected width,height"),
        (["slice", "--size", "0,4"], "expected width,height"),
        (["slice", "--dpi", "1e9"], "--dpi: expected from 10 to"),
        (["slice", "--dpi", "nan"], "--dpi: expected from 10 to"),
        (["front"], "expected several objectives"),
        (["observable", "--observable", "spikes"], "no observable 'spikes'"),
        (["observable", "--individual", "99"], "no individual 99"),
        (["fit"], "give the data to compare with"),
        (["fit", "--data", "none.txt"], "there is no file none.txt"),
        (["map", "--parameters", "g,w"], "expected two parameters"),
        (["map", "--value", "trace", "--parameters", "g,w[0,0]"], "which is an array"),
    ],
)
def test_mistakes_are_said(plotted: Plotted, arguments: list[str], message: str) -> None:
    code, out, err = plotted(*arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_what_is_no_number_is_refused(plotted: Plotted) -> None:
    for text in ("", "a b\n", "1 2\n3\n"):
        Path("bad.txt").write_text(text)
        code, _, err = plotted("fit", "--data", "bad.txt")
        assert code == 2 and "--data" in err
    Path("bad.npy").write_bytes(b"\x93NUMPY")
    assert plotted("fit", "--data", "bad.npy")[0] == 2
    assert main(["plot", "nowhere", "slice"]) == 2


def test_an_archive_alone_is_drawn_beside_it(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("trajectory.h5").write_bytes((run / "trajectory.h5").read_bytes())
    assert main(["plot", "trajectory.h5", "parallel"]) == 0
    assert "in parallel.png" in capsys.readouterr().out
    assert Path("parallel.png").exists()
