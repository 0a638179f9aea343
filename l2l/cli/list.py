"""`l2l list`: what there is."""

import argparse
import inspect
import re
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

from l2l.cli.parser import Command
from l2l.display.output import is_terminal, one_line, say
from l2l.display.tables import cut
from l2l.errors import L2LError

_PLURALS = ("optimizers", "optimizees", "launchers")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", nargs="?", choices=_PLURALS, metavar="KIND", help=f"only {', '.join(_PLURALS)}")
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="only this one; also file.py:Class or package.module:Class"
    )
    parser.add_argument(
        "--overview", action="store_true", help="a line each, without options; so on a terminal where no KIND is named"
    )
    parser.add_argument("--names", action="store_true", help="names alone, one a line")


def _run(arguments: argparse.Namespace) -> int:
    from l2l import registry

    overview = arguments.overview or (arguments.kind is None and is_terminal(sys.stdout))
    kinds = [kind for kind in registry.KINDS if arguments.kind in (None, f"{kind}s")]
    for place, kind in enumerate(kinds):
        if arguments.names:
            say("\n".join(registry.names(kind)))
            continue
        if place:
            say()
        say(f"{kind}s")
        if arguments.name:
            _show(kind, arguments.name, registry.resolve(kind, arguments.name, Path.cwd()))
            continue
        if overview:
            _overview(kind, registry.names(kind))
            continue
        for name in registry.names(kind):
            try:
                _show(kind, name, registry.resolve(kind, name))
            except L2LError as error:
                say(f"\n  {name}  cannot be used")
                say(_wrapped(str(error), 6))
    if overview and is_terminal(sys.stdout):
        say("\nl2l list KIND NAME shows options and defaults, as in: l2l list optimizers cma-es")
    return 0


def _overview(kind: Any, names: list[str]) -> None:
    """A line per plugin: its name, and the first sentence about it."""
    from l2l import registry

    width = shutil.get_terminal_size().columns if is_terminal(sys.stdout) else 10**6
    edge = max(map(len, names), default=0) + 4
    for name in names:
        try:
            said = inspect.getdoc(registry.resolve(kind, name)) or ""
            summary = " ".join(said.partition("\n\n")[0].split())
        except L2LError as error:
            summary = f"cannot be used: {one_line(str(error))}"
        say(f"{'  ' + name:<{edge}}{cut(summary, max(10, width - edge))}")


def _show(kind: Any, name: str, plugin: Any) -> None:
    """One plugin: its name, what it is, and its options."""
    from l2l.plugin import describe_options
    from l2l.registry import distribution

    origin = distribution(kind, name)
    note = f"  ({origin})" if origin and not origin.startswith("l2l ") else ""
    summary = (inspect.getdoc(plugin) or "").partition("\n\n")[0]
    say(f"\n  {name}{note}")
    if summary:
        say(_wrapped(" ".join(summary.split()), 6))
    if not isinstance(plugin, type):
        return
    options = describe_options(plugin)
    if not options:
        return
    left = [(one.name, f"{_type(one.type)}{'' if one.required else f' = {_default(one.default)}'}") for one in options]
    first = max(len(text) for text, _ in left)
    for (text, kind_of), one in zip(left, options, strict=True):
        required = " (must be given)" if one.required else ""
        say(_wrapped(f"{text.ljust(first)}  {kind_of}{required}", 6, first + 2))
        if one.help:
            say(_wrapped(one.help, 6 + first + 4))


def _type(annotation: str) -> str:
    """An annotation as people read it: the words that are allowed, not `Literal`."""
    return re.sub(r"Literal\[([^\]]*)\]", lambda match: match[1].replace(", ", " | "), annotation)


def _default(value: Any) -> str:
    if inspect.isclass(value) or inspect.isfunction(value):
        return str(value.__qualname__)
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _wrapped(text: str, indent: int, hanging: int = 0) -> str:
    """Text within the terminal; in a pipe on one line."""
    width = max(40, shutil.get_terminal_size().columns) if is_terminal(sys.stdout) else 10**6
    return textwrap.fill(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_long_words=False,
        break_on_hyphens=False,
    )


COMMAND = Command(
    "list",
    "what optimizers, optimizees and launchers there are, with options and defaults",
    "Show the optimizers, optimizees and launchers that are installed here, those of other packages included,\n"
    "each with its options, their types and defaults. What cannot be used is listed with the reason.",
    "  l2l list\n"
    "  l2l list --overview\n"
    "  l2l list optimizers\n"
    "  l2l list optimizers cma-es\n"
    "  l2l list optimizees my_model.py:MyNetwork\n",
    _arguments,
    _run,
)
