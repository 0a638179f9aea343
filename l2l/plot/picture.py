"""The figure that all kinds draw on: its style, its panels, and how it is saved.

Nothing global is changed: figures are made without pyplot, so that no display is needed, and settings of matplotlib
hold only while a figure is drawn or saved.
"""

import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from l2l.errors import OptionError
from l2l.files import written_whole
from l2l.plot.data.colours import GREY

Place = Axes | Sequence[Axes] | Figure | SubFigure | None
"""Where a kind draws: axes, one for each of its panels, a figure or a part of one; None for a figure of its own."""
Drawn = Axes | Sequence[Axes] | Figure | SubFigure
"""What a kind returns: the place that it was given, or the figure that it made."""

FORMATS = ("png", "pdf", "svg")

HATCHES = ("", "///", "...", "\\\\\\", "xxx", "---", "ooo", "+++")
"""As many as the palette has colours: they tell areas apart in grey."""
_WIDTH = 7.0  # inches: two columns of a journal
_PANEL = 2.2  # inches: the height of one of several panels
_MANY = 3000  # artists in a vector file from which on marks become pixels, so that readers can open it
_FALLBACKS = ("Noto Sans CJK JP", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "Arial Unicode MS", "Noto Sans")

_STYLE: Any = {
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.titlesize": 9.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.5,
    "hatch.linewidth": 0.5,
    "axes.formatter.useoffset": False,
    "axes.formatter.limits": (-4, 5),
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "text.usetex": False,
}
_SAVED: Any = {
    "pdf.fonttype": 42,  # TrueType: text can be searched and edited
    "svg.fonttype": "none",  # text, not outlines
    "svg.hashsalt": "l2l",  # the same file for the same run
}
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
}


class Picture(Figure):
    """A figure of a run; notebooks show it, and `save` writes it.

    Attributes:
        summary: What is drawn, in a few words.
        notes: What was left out, as sentences; they stand below the picture too.
    """

    summary: str = ""
    notes: tuple[str, ...] = ()

    def savefig(self, fname: Any, **options: Any) -> None:
        """As for every figure, with text that stays text in PDF and SVG."""
        with matplotlib.rc_context(_SAVED):
            super().savefig(fname, **options)

    def save(self, path: str | Path, dpi: float = 200.0) -> Path:
        """Write the picture to a file, whole or not at all; returns its path.

        Args:
            path: It ends in .png, .pdf or .svg.
            dpi: Pixels per inch, of PNG and of marks that are pixels in vector files.

        Raises:
            OptionError: The ending is another one.
            StorageError: The file cannot be written.
        """
        path = Path(path)
        form = format_of(path)
        with written_whole(path) as file:
            self.savefig(file, format=form, dpi=dpi, metadata=_METADATA[form])
        return path

    def _repr_png_(self) -> bytes:
        """The picture for a notebook, where matplotlib has not told the notebook how to show figures."""
        raw = io.BytesIO()
        self.savefig(raw, format="png", dpi=100.0)
        return raw.getvalue()


def format_of(path: Path) -> str:
    """The format that a file's ending names.

    Raises:
        OptionError: It names none that is known.
    """
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMATS:
        raise OptionError(f"{path}: expected a name that ends in .png, .pdf or .svg, got {path.suffix or 'no ending'}")
    return form


@dataclass(slots=True)
class Canvas:
    """Where a kind draws, while it draws.

    Args:
        drawn: What is returned in the end.
        axes: The panels.
        own: Whether the figure was made for this picture.
        notes: What was left out, as sentences.
    """

    drawn: Drawn
    axes: list[Axes]
    own: bool
    notes: list[str] = field(default_factory=list)

    def finish(self, summary: str, notes: Sequence[str] = ()) -> Drawn:
        """Write what was left out below the picture, or over the first panel of axes that were given.

        Args:
            summary: What is drawn, in a few words.
            notes: What was left out, as sentences.
        """
        notes = [*self.notes, *notes]
        text = "; ".join(notes)
        if isinstance(self.drawn, Picture) and self.own:
            self.drawn.summary, self.drawn.notes = summary, tuple(notes)
            if text:
                width = int(self.drawn.get_figwidth() * 17)  # characters of this size in an inch
                self.drawn.supxlabel(
                    plain("\n".join(textwrap.wrap(text, width))), fontsize=7, color=GREY, x=0.01, ha="left"
                )
        elif text:
            self.axes[0].set_title(plain("\n".join(textwrap.wrap(text, 60))), loc="left", fontsize="x-small")
        return self.drawn

    def legend(self) -> None:
        """Explain the marks of all panels, each once: above the panels, where it hides none of them.

        In axes that the user gave it stands where there is most room.
        """
        found: dict[str, Any] = {}
        for axes in self.axes:
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                found.setdefault(label, handle)
        if not found:
            return
        if isinstance(self.drawn, Picture) and self.own:
            letters = self.drawn.get_figwidth() * 13  # of this size
            columns = min(len(found), 5)
            while columns > 1 and columns * (6 + max(map(len, found))) > letters:
                columns -= 1
            self.drawn.legend(found.values(), found.keys(), loc="outside upper left", ncols=columns)
        else:
            self.axes[0].legend(found.values(), found.keys(), loc="best")

    @property
    def figure(self) -> Figure | SubFigure:
        """The figure, or the part of one, that holds the panels."""
        return self.axes[0].get_figure() or Figure()


@contextmanager
def canvas(
    place: Place, panels: int = 1, *, columns: int = 3, height: float | None = None, **subplots: Any
) -> Iterator[Canvas]:
    """Panels in a figure of its own, or in the place that the user gives.

    Args:
        place: See `Place`.
        panels: How many are drawn.
        columns: How many stand side by side at most.
        height: Of a panel, in inches.
        subplots: Arguments of `Figure.subplots`.

    Raises:
        OptionError: The user gives another number of axes.
    """
    if place is None:
        with matplotlib.rc_context(_style()):
            across = min(columns, panels)
            rows = -(-panels // across)
            tall = height or (3.6 if panels == 1 else _PANEL if across > 1 else 2.6)
            wide = 5.0 if panels == 1 else _WIDTH
            figure = Picture(figsize=(wide, tall * rows), layout="constrained")
            yield Canvas(figure, _subplots(figure, panels, across, subplots), own=True)
    elif isinstance(place, Figure | SubFigure):
        across = min(columns, panels)
        yield Canvas(place, _subplots(place, panels, across, subplots), own=False)
    else:
        axes = [place] if isinstance(place, Axes) else list(getattr(place, "flat", place))
        if len(axes) != panels:
            raise OptionError(
                f"ax: this picture has {panels} panel(s), got {len(axes)} axes; give as many, or a figure, or name "
                "fewer objectives or parameters"
            )
        yield Canvas(place, axes, own=False)


def _subplots(figure: Figure | SubFigure, panels: int, across: int, options: dict[str, Any]) -> list[Axes]:
    rows = -(-panels // across)
    axes = list(figure.subplots(rows, across, squeeze=False, **options).flat)
    for surplus in axes[panels:]:
        surplus.remove()
    return axes[:panels]


def _style() -> Any:
    """The style, with fonts for names in other scripts where there are some."""
    known = {one.name for one in font_manager.fontManager.ttflist}
    return _STYLE | {"font.family": ["DejaVu Sans", *(name for name in _FALLBACKS if name in known)]}


def plain(text: str) -> str:
    """A text of users as it stands: a dollar sign begins no formula."""
    return text.replace("$", r"\$")


def short(text: str, most: int = 40) -> str:
    """A text with its middle left out where it is long, for a label."""
    cut = text if len(text) <= most else f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"
    return plain(cut)


def rasterized(count: int) -> bool:
    """Whether so many marks are better pixels in a vector file."""
    return count > _MANY
