"""Texts with places for values, as command lines and input files of programs are written."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from l2l.errors import OptionError, near
from l2l.space import Categorical, ParameterSpace

_PLACE = r"([A-Za-z_][\w.]*)((?:\[\d+\])*)(?::([^{}\n]*?))?"
WORD = re.compile(r"\{\{|\}\}|\{" + _PLACE + r"\}")
"""In a word of a command line: `{tau}`, and `{{` or `}}` for a brace."""
FILE = re.compile(r"\{\{[ \t]*" + _PLACE + r"[ \t]*\}\}")
"""In a file, where single braces are common: `{{tau}}`."""

Piece = str | Callable[[Mapping[str, Any]], str]


class Template:
    """A text with places for values.

    A place names a value, then perhaps a component of an array (`w[3]`), then perhaps a format as Python's `format`
    takes it (`tau:.3f`). Without a format a number is written in full, a text as it is, and anything else, such as an
    array, as JSON; the format `words` writes an array as numbers with spaces between.

    Args:
        text: The text.
        syntax: `WORD` or `FILE`.
        names: What a place may name.
        where: The text's name, for errors.

    Raises:
        OptionError: A place names something else, or has a stray brace; names the place and the near names.
    """

    def __init__(self, text: str, syntax: re.Pattern[str], names: Iterable[str], where: str) -> None:
        self.names: set[str] = set()
        self._pieces: list[Piece] = []
        known, end = set(names), 0
        for match in syntax.finditer(text):
            self._literal(text[end : match.start()], syntax, where)
            end = match.end()
            if match[1] is None:
                self._pieces.append(match[0][0])
                continue
            if match[1] not in known:
                line = text.count("\n", 0, match.start()) + 1
                place = f"{where}, line {line}" if syntax is FILE else where
                raise OptionError(f"{place}: {match[0]}: {near(match[1], sorted(known), 'value')}")
            self.names.add(match[1])
            self._pieces.append(_writer(match[1], match[2], match[3]))
        self._literal(text[end:], syntax, where)

    def _literal(self, text: str, syntax: re.Pattern[str], where: str) -> None:
        if syntax is WORD and ("{" in text or "}" in text):
            raise OptionError(f"{where}: expected {{name}}, or {{{{ and }}}} for braces, got {text!r}")
        self._pieces.append(text)

    def render(self, values: Mapping[str, Any]) -> str:
        """The text with the values in their places.

        Raises:
            ValueError: A value does not go with its format, or has no such component; says which.
        """
        return "".join(piece if isinstance(piece, str) else piece(values) for piece in self._pieces)

    def check(self, space: ParameterSpace, where: str) -> None:
        """Try it on the default individual and on every choice, before a run finds out.

        Raises:
            OptionError: A value does not go with its format, or has no such component.
        """
        for name in self.names & set(space):
            parameter = space[name]
            for value in parameter.choices if isinstance(parameter, Categorical) else [parameter.default]:
                for piece in self._pieces:
                    if isinstance(piece, _Writer) and piece.name == name:
                        try:
                            piece({name: value})
                        except ValueError as error:
                            raise OptionError(f"{where}: {error}") from None


class _Writer:
    def __init__(self, name: str, component: tuple[int, ...], specification: str | None) -> None:
        self.name = name
        self.component = component
        self.specification = specification

    def __call__(self, values: Mapping[str, Any]) -> str:
        value = values[self.name]
        try:
            if self.component:
                value = np.asarray(value)[self.component]
            if isinstance(value, np.ndarray | np.generic):
                value = value.tolist()
            if self.specification is None:
                return written(value)
            if self.specification == "words":
                return " ".join(map(written, np.asarray(value).ravel().tolist()))
            return format(value, self.specification)
        except (IndexError, TypeError, ValueError) as error:
            place = self.name + "".join(f"[{index}]" for index in self.component)
            raise ValueError(f"{place} = {written(value)}: {error}") from None


def _writer(name: str, component: str, specification: str | None) -> _Writer:
    return _Writer(name, tuple(map(int, re.findall(r"\d+", component))), specification)


def written(value: Any) -> str:
    """A value as programs read it: numbers in full, a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
