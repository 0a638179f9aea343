"""Small projects of which a test edits a file, and what of their model is another one then."""

import importlib
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from l2l.plugin import Reference
from l2l.provenance import Fingerprint, fingerprint

HEAD = """
    import l2l
    SPACE = l2l.ParameterSpace(x=l2l.Real(0.0, 1.0))
"""
MODEL = """
    @l2l.optimizee(space=SPACE)
    def model(individual):
        return {}
"""


class Project:
    """A folder of modules that are loaded anew each time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))

    def fingerprint(self, place: str = "model.py:model") -> Fingerprint:
        modules, path = dict(sys.modules), list(sys.path)
        importlib.invalidate_caches()
        try:
            loaded = Reference.parse(place, self.folder).load()
            return fingerprint(loaded() if isinstance(loaded, type) else loaded)
        finally:
            for name in set(sys.modules) - set(modules):
                del sys.modules[name]
            sys.path[:] = path


def model(value: str, before: str = "", after: str = "") -> dict[str, str]:
    return {"model.py": "".join(map(textwrap.dedent, (HEAD, before, MODEL.format(value), after)))}


HELPER = {"helper.py": "GAIN = 2.0\ndef f(x):\n    return GAIN * x\ndef other(x):\n    return x\n"}


def fresh_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project, and afterwards this process as it was before."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # files are written anew within the same second
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield Project(folder)
    for name in set(sys.modules) - before:
        del sys.modules[name]
