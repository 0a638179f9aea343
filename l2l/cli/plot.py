"""`l2l plot`: a picture of a run in a file."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l.cli.folders import run_of, shown
from l2l.cli.parser import Command, WrongUsage
from l2l.display.output import say
from l2l.errors import NotFoundError, OptionError, near
from l2l.plot.kinds import KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LIST = "\n".join(f"  {name:<13}{kind.shows}" for name, kind in KINDS.items())
_MOST_PIXELS = 2**16  # along a side: the largest picture that the library draws
_LARGEST = 100.0  # inches of a side


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", type=Path, help="the run's folder, or its trajectory.h5")
    parser.add_argument("kind", metavar="KIND", nargs="?", help="what to draw, one of those below")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="file.png, file.pdf or file.svg; RUN/KIND.png unless given"
    )
    parser.add_argument(
        "--objective", metavar="NAME", help="which objective; of front at least two, separated by commas"
    )
    parser.add_argument(
        "--parameters", metavar="NAMES", help="which parameters or components, as g,weights[3]; of map two"
    )
    parser.add_argument("--observable", metavar="NAME", help="of observable and fit: which one")
    parser.add_argument("--value", metavar="NAME", help="of map: an objective, a scalar observable, or status")
    parser.add_argument("--individual", metavar="N", type=int, help="of observable and fit: which one; the best")
    parser.add_argument(
        "--data", metavar="FILE", type=Path, help="of fit: numbers as text, or .npy; one or two columns"
    )
    parser.add_argument("--method", metavar="NAME", help="of importance: ped-anova (unless given) or spearman")
    parser.add_argument("--by", metavar="WHAT", help="of convergence: generation (unless given) or individuals")
    parser.add_argument("--log", action="store_true", help="a logarithmic axis, or scale of colours, of the values")
    parser.add_argument("--dpi", metavar="N", type=float, default=200.0, help="pixels per inch (200)")
    parser.add_argument("--size", metavar="W,H", type=_size, help="of the picture in inches, as 7,4")


def _size(text: str) -> tuple[float, float]:
    sides = re.fullmatch(r"(\d*\.?\d+)\s*[,x×]\s*(\d*\.?\d+)", text.strip())
    width, height = (float(sides[1]), float(sides[2])) if sides else (0.0, 0.0)
    if not (1.0 <= width <= _LARGEST and 1.0 <= height <= _LARGEST):
        raise argparse.ArgumentTypeError(f"expected width,height from 1 to {_LARGEST:g} inches, as 7,4, got {text!r}")
    return width, height


def _run(arguments: argparse.Namespace) -> int:
    kind = arguments.kind
    if kind not in KINDS:
        problem = "expected a kind of picture" if kind is None else near(kind, KINDS, "kind of picture")
        raise WrongUsage("l2l plot", f"{problem}\nkinds:\n{_LIST}")
    options = _options(arguments, kind)
    arguments.run = run_of(arguments.run)
    folder = arguments.run if arguments.run.is_dir() else arguments.run.parent
    path = arguments.output or folder / f"{kind}.png"
    return _draw(arguments, kind, options, path)


def _draw(arguments: argparse.Namespace, kind: str, options: dict[str, Any], path: Path) -> int:
    from l2l.trajectory import Trajectory

    trajectory = Trajectory(arguments.run)
    draw = getattr(trajectory.plot, kind)
    _check_place(path)
    picture = draw(**options)
    if arguments.size:
        picture.set_size_inches(*arguments.size)
    _check_dpi(arguments.dpi, picture.get_size_inches().max())
    picture.save(path, dpi=arguments.dpi)
    say(f"{kind}: {picture.summary}; in {shown(path)}")
    for note in picture.notes:
        say(f"note: {note}")
    if not trajectory.finished:
        say("note: the run is not finished; this is how it stands now")
    return 0


def _check_place(path: Path) -> None:
    """See before the work that the file can be written there."""
    from l2l.plot.picture import format_of

    format_of(path)
    if not path.parent.is_dir():
        raise NotFoundError(f"--output {path}: there is no folder {path.parent}; make it first, or choose another")
    if path.is_dir():
        raise OptionError(f"--output {path}: expected the name of a file, got a folder")


def _check_dpi(dpi: float, side: float) -> None:
    if not dpi >= 10.0 or not dpi * side < _MOST_PIXELS:
        raise OptionError(
            f"--dpi: expected from 10 to {_MOST_PIXELS / side - 1:.0f} for a picture of this size, got {dpi:g}"
        )


def _options(arguments: argparse.Namespace, kind: str) -> dict[str, Any]:
    """Arguments of the kind's method; those that it does not take are refused.

    Raises:
        WrongUsage: The kind takes no such option.
    """
    given = {
        "objective": arguments.objective,
        "parameters": _names(arguments.parameters),
        "observable": arguments.observable,
        "value": arguments.value,
        "individual": arguments.individual,
        "data": arguments.data,
        "method": arguments.method,
        "by": arguments.by,
        "log": arguments.log or None,
    }
    options = {name: value for name, value in given.items() if value is not None}
    if kind == "front" and "objective" in options:
        options["objectives"] = _names(options.pop("objective"))
    taken = KINDS[kind].options
    for name in options:
        if name not in taken:
            flags = ", ".join(f"--{one}".replace("--objectives", "--objective") for one in taken) or "none"
            raise WrongUsage("l2l plot", f"--{name}: {kind} does not take it; it takes {flags}")
    if "data" in options:
        options["data"] = _numbers(options["data"])
    return options


def _names(text: str | None) -> list[str] | None:
    """Names between commas; a comma within brackets belongs to a component's place."""
    if text is None:
        return None
    return [name.strip() for name in re.split(r",(?![^\[]*\])", text) if name.strip()]


def _numbers(path: Path) -> "NDArray[Any]":
    """The numbers in a file.

    Raises:
        NotFoundError: There is no such file.
        OptionError: It holds something else.
    """
    import numpy as np

    if not path.is_file():
        raise NotFoundError(f"--data: there is no file {path}")
    try:
        if path.suffix == ".npy":
            values = np.load(path, allow_pickle=False)
        else:
            text = re.sub(r"[,;]", " ", path.read_text(encoding="utf-8"))
            if not re.sub(r"#.*", "", text).strip():
                raise ValueError("it is empty")
            values = np.loadtxt(text.splitlines(), ndmin=1)
        return np.asarray(values, dtype=np.float64)
    except (ValueError, TypeError, OSError, EOFError) as error:
        raise OptionError(f"--data: expected numbers in one or two columns, got {path}: {error}") from None


COMMAND = Command(
    "plot",
    "a picture of a run, as PNG, PDF or SVG",
    "Draw a run: how it converged, its parameters, its front, what failed, and more. Works at every instant, on a\n"
    "live run too, and needs no display. Parameters and objective are chosen unless you name them, and what is left\n"
    "out is said. In Python trajectory.plot.KIND() does the same.\n\n"
    f"kinds:\n{_LIST}",
    "  l2l plot runs/brunel convergence\n"
    "  l2l plot runs/brunel slice --parameters eta,J -o slice.pdf\n"
    "  l2l plot runs/03-grid map --size 4,3 -o map.svg\n"
    "  l2l plot runs/cell fit --data trace.txt -o fit.png --dpi 300\n",
    _arguments,
    _run,
)
