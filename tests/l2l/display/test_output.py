import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l.display.output import Unwritable, escaped, fitting, one_line, say, unheard, write
from l2l.display.progress import watching
from l2l.experiment import Progress

STEERING = "\x1b]0;title\x07 \x1b[2J \x9b31m \u202eabc \u2066x \u200f \u2028 \x7f \ud800 \r"


def test_what_steers_a_terminal_is_escaped() -> None:
    shown = escaped(STEERING)
    assert shown.isprintable() and shown.isascii()
    assert shown.startswith(r"\x1b]0;title\x07 \x1b[2J \x9b31m \u202eabc") and shown.endswith(r"\ud800 \r")


def test_letters_lines_and_tabs_stay() -> None:
    text = "größe_λ\t→ 3 µV\n[red]not markup[/red] 日本"
    assert escaped(text) == text and one_line("a\tb\nc\rd") == r"a b c\rd"


@given(st.text())
def test_escaped_once_is_escaped_for_good(text: str) -> None:
    once = escaped(text)
    assert escaped(once) == once
    assert len(escaped(text, keep="").splitlines()) <= 1
    once.encode("utf-8")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252", "no-such-encoding"])
def test_no_encoding_refuses_a_text(encoding: str) -> None:
    text = fitting("best τ 3 × 4 … ±1", encoding)
    text.encode("ascii" if encoding == "no-such-encoding" else encoding)
    assert "3" in text and ("..." in text) == (encoding not in ("utf-8", "cp1252"))


class _Odd:
    """A stream as notebooks and loggers have: without encoding, descriptor or terminal."""

    def __init__(self, error: type[Exception] | None = None) -> None:
        self.text = ""
        self._error = error

    def write(self, text: str) -> int:
        if self._error:
            raise self._error("cannot")
        text.encode("ascii")
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


def _closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, _closed(), _Odd(), io.TextIOWrapper(io.BytesIO(), encoding="ascii")])
def test_every_stream_takes_every_text(stream: Any) -> None:
    write("größe \u202e\n", stream, flush=True)
    if isinstance(stream, _Odd):
        assert stream.text == "gr\\xf6\\xdfe \\u202e\n"


@pytest.mark.parametrize("stream", [None, _closed(), _Odd(), _Odd(RuntimeError), _Odd(OSError), _Odd(ValueError)])
def test_the_watcher_never_raises(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if stream is None:
        monkeypatch.setattr(sys, "stdout", None)
    with watching(["größe_λ"], stream) as watch:
        watch(Progress("running", generations=2, total=4, complete=True, best=(1.0,)))


def test_a_refused_stream_is_told_from_other_files() -> None:
    refusing: Any = _Odd(OSError)
    with pytest.raises(Unwritable, match="cannot"):
        write("x\n", refusing)
    with unheard(None):
        raise OSError("nobody reads")


def test_what_is_said_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\x1bb", end="")
    assert capsys.readouterr().out == r"a\x1bb"


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}],
    ids=["Latin-1", "ASCII"],
)
def test_names_that_an_encoding_lacks_stop_no_command(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "model.py").write_text(
        "import l2l\n"
        "@l2l.optimizee(space=l2l.ParameterSpace(**{'τ': l2l.Real(0.0, 1.0)}), objectives=l2l.Minimize('größe_λ'))\n"
        "def model(individual, trial):\n    print('größe', individual['τ'])\n    return individual['τ']\n",
        encoding="utf-8",
    )
    (tmp_path / "x.yaml").write_text(
        "optimizee: model.py:model\noptimizer: {name: random, population: 4}\nstop: {generations: 2}\n"
        f"launcher: {{name: local, workers: 1}}\ndirectory: {tmp_path / 'run'}\n"
    )
    for arguments in (
        ["run", str(tmp_path / "x.yaml")],
        ["show", str(tmp_path / "run")],
        ["check", str(tmp_path / "x.yaml")],
    ):
        done = subprocess.run([sys.executable, "-m", "l2l.cli", *arguments], capture_output=True, env=environment)
        assert done.returncode == 0, done.stderr
        assert b"\\u03bb" in done.stdout
    from l2l import Trajectory

    assert (Trajectory(tmp_path / "run").trials["status"] == 0).all()
