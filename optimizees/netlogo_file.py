"""Texts that NetLogo reads and writes: values as it writes them in programs, and the widgets of a model file."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

_SECTION = "@#$#@#$#@"
"""Stands between the parts of an .nlogo file: code, widgets, and what follows."""
_VARIABLE_LINE = {"SLIDER": 6, "SWITCH": 6, "CHOOSER": 6, "INPUTBOX": 5}
"""Kind of widget in an .nlogo file → on which of its lines, from 0, its global stands."""
_WITH_VARIABLE = ("slider", "switch", "chooser", "input")
"""Elements of an .nlogox file's `widgets` that declare a global."""
NO_GLOBALS = {
    "random-seed": "each trial sets it from its own seed",
    **dict.fromkeys(
        (
            *("world-width", "world-height", "world-depth", "min-pxcor", "max-pxcor"),
            *("min-pycor", "max-pycor", "min-pzcor", "max-pzcor"),
        ),
        "let `setup` call resize-world with a global of another name, and set `reopen: true`",
    ),
}
"""What BehaviorSpace varies like a global, though it is none → what to do instead."""
_NAME = re.compile(r"[^\s\[\]()\";,]+")


def is_global_name(name: str) -> bool:
    """Whether NetLogo would read it as one name."""
    return _NAME.fullmatch(name) is not None and not re.match(r"[-.]?\d", name)


def literal(value: Any) -> str:
    """A value as it stands in a NetLogo program: numbers in full, truth values, texts in quotes, arrays as lists.

    Raises:
        ValueError: NetLogo has no such value, as for None.

    Example:
        >>> print(literal([0.5, True, "ants"]))
        [0.5 true "ants"]
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        for character, written in (("\\", r"\\"), ('"', r"\""), ("\n", r"\n"), ("\t", r"\t")):
            value = value.replace(character, written)
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return f"[{' '.join(map(literal, value))}]"
    raise ValueError(f"NetLogo has numbers, truth values, texts and lists, but no {value!r}")


def interface_globals(model: Path) -> list[str]:
    """The globals that sliders, switches, choosers and input boxes of a model's interface declare.

    What else of the file names variables declares none: the experiments of BehaviorSpace, which may be older than the
    model or vary the size of the world, and the widgets of HubNet's clients.

    Args:
        model: An `.nlogo` file (NetLogo up to 6) or an `.nlogox` file (NetLogo 7).
    """
    text = model.read_text(encoding="utf-8-sig", errors="replace")  # with the mark that some editors put first
    if text.lstrip().startswith("<"):
        try:
            interface = ET.fromstring(text.lstrip()).find("widgets")
        except ET.ParseError:
            return []  # NetLogo will say what is wrong with it
        widgets = [one for one in interface if one.tag in _WITH_VARIABLE] if interface is not None else []
        found: Iterable[str | None] = (one.get("variable") for one in widgets)
    else:
        parts = text.split(_SECTION)
        found = map(_variable, re.split(r"\n[ \t]*\n", parts[1])) if len(parts) > 1 else ()
    return list(dict.fromkeys(name for name in found if name and name != "NIL"))


def _variable(widget: str) -> str | None:
    lines = [line.strip() for line in widget.strip().splitlines()]
    place = _VARIABLE_LINE.get(lines[0]) if lines else None
    return lines[place] if place is not None and len(lines) > place else None


def declared_globals(model: Path) -> list[str]:
    """The names in the `globals` of a model file's code, for suggestions."""
    text = re.sub(r";.*", "", model.read_text(encoding="utf-8", errors="replace"))
    match = re.search(r"(?<![\w-])globals\s*\[([^\]]*)\]", text, re.IGNORECASE)
    return match[1].split() if match else []
