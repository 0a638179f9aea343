"""`l2l new`: a working skeleton with its test."""

import argparse
import keyword
import re
import sys
from pathlib import Path

from l2l.cli import templates
from l2l.cli.parser import Command
from l2l.display.hints import typed
from l2l.display.output import say
from l2l.errors import OptionError, storage_error

_KINDS = {
    "optimizer": (".py", templates.OPTIMIZER, templates.OPTIMIZER_TEST),
    "optimizee": (".py", templates.OPTIMIZEE, templates.OPTIMIZEE_TEST),
    "experiment": (".yaml", templates.EXPERIMENT, templates.EXPERIMENT_TEST),
}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", metavar="KIND", choices=tuple(_KINDS), help=", ".join(_KINDS))
    parser.add_argument("name", metavar="NAME", help="of the file and, in CamelCase, of the class: my_network")
    parser.add_argument(
        "--directory", metavar="D", type=Path, default=Path(), help="where to; the current folder unless given"
    )


def _run(arguments: argparse.Namespace) -> int:
    name = _module_name(arguments.name)
    ending, skeleton, test = _KINDS[arguments.kind]
    files = {
        arguments.directory / f"{name}{ending}": skeleton,
        arguments.directory / f"test_{name}.py": test,
    }
    for path in files:
        if path.exists():
            raise OptionError(f"{path} is there already and stays as it is; take another name or directory")
    for path, text in files.items():
        _write(path, _filled(text, name))
    main, tests = files
    say(f"wrote {main} and {tests}")
    say(f"test it:  python -m pytest {tests}")
    say(_use(arguments.kind, main, name))
    return 0


def _module_name(given: str) -> str:
    """The name as that of a module.

    Raises:
        OptionError: It cannot be one.
    """
    name = given.removesuffix(".py").removesuffix(".yaml").replace("-", "_").replace(" ", "_")
    if not name.isidentifier():
        raise OptionError(f"NAME: expected letters, digits and underscores, as in my_network, got {given!r}")
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    if keyword.iskeyword(name):
        raise OptionError(f"NAME: {name!r} is a word of Python's own; take another, as my_{name}")
    if name in sys.stdlib_module_names or name in ("l2l", "numpy", "pytest"):
        raise OptionError(
            f"NAME: {name!r} is the name of a module that Python itself needs; take another, as my_{name}"
        )
    return name


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _filled(text: str, name: str) -> str:
    title = name.replace("_", " ").strip().capitalize()
    return text.replace("NAME", name).replace("CLASS", _class_name(name)).replace("TITLE", title)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise storage_error(path, "write", error) from None


def _use(kind: str, path: Path, name: str) -> str:
    if kind == "experiment":
        return f"look at it: l2l check {typed(path)}\nrun it:   l2l run {typed(path)}"
    cls = _class_name(name)
    return (
        f"options:  l2l list {kind}s {typed(path)}:{cls}\n"
        f"use it:   {kind}: {{name: {path.name}:{cls}}}   in an experiment file beside it"
    )


COMMAND = Command(
    "new",
    "a working skeleton with its test",
    "Write a skeleton that works as it stands, and a test beside it that passes: an optimizer (how to search), an\n"
    "optimizee (what is simulated), or an experiment (a YAML file). Nothing is overwritten.",
    "  l2l new optimizee my_network\n"
    "  l2l new optimizer hill_climber\n"
    "  l2l new experiment first --directory experiments\n",
    _arguments,
    _run,
)
