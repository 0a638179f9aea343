"""What counts as the model: each case edits one file of a small project and says which parts are others then."""

import os
import subprocess
import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from l2l.plugin import Reference
from l2l.provenance import fingerprint
from tests.l2l.naming import named
from tests.l2l.projects import HEAD, HELPER, Project, fresh_project, model


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    yield from fresh_project(tmp_path / "project", monkeypatch)


WITHIN = {
    name: textwrap.dedent(HEAD)
    + f"@l2l.optimizee(space=SPACE)\ndef model(individual):\n    {text}\n    return {value}(individual['x'])\n"
    for name, text, value in (
        ("module", "import helper as h", "h.f"),
        ("name", "from helper import f", "f"),
        ("package", "import kit.deep", "kit.f"),
    )
}
KIT = {"kit/__init__.py": "from .deep import f\n", "kit/deep.py": HELPER["helper.py"]}
STAR = {"kit/__init__.py": "from .deep import *\n", "kit/deep.py": HELPER["helper.py"]}
METHOD = """
class C:
    def __init__(self, g):
        self.g = g
    def f(self, x):
        return self.g * x
f = C(1).f
"""
DECORATED = """
import functools
def d(f):
    @functools.wraps(f)
    def g(x):
        return 1 * f(x)
    return g
@d
def f(x):
    return x
"""
UNCHANGED: dict[str, tuple[dict[str, str], Callable[[str], str]]] = {
    "a comment": (model("individual['x']"), lambda text: text.replace("def model", "# hello\ndef model")),
    "layout": (model("2.0 * individual['x']"), lambda text: text.replace("2.0 * i", "(\n 2.0 * i") + ")\n"),
    "quotes": (model("individual['x']"), lambda text: text.replace("'", '"')),
    "a docstring": (
        model("individual['x']"),
        lambda text: text.replace("individual):\n", 'individual):\n    """Say it."""\n'),
    ),
    "an annotation": (
        model("individual['x']"),
        lambda text: text.replace("model(individual):", "model(individual: dict) -> float:"),
    ),
    "another function": (
        model("individual['x']", after="def unused():\n    return 1\n"),
        lambda text: text.replace("unused", "renamed").replace("return 1\n", "return 2\n"),
    ),
    "what runs as a script": (
        model("individual['x']", after="if __name__ == '__main__':\n    print(1)\n"),
        lambda text: text.replace("print(1)", "print(model, 2)"),
    ),
    "the experiment": (
        model("individual['x']", after="stop = l2l.Stop(generations=3)\n"),
        lambda text: text.replace("3)", "5)"),
    ),
    "the order of functions": (
        model("one(individual['x'])", "def one(x):\n    return x\n", "def two(x):\n    return x\n"),
        lambda text: text.replace("def one(x):\n    return x\n", "").replace(
            "def two", "def one(x):\n    return x\ndef two"
        ),
    ),
    "a local name that is also a global one": (
        model("[gain for gain in (individual['x'],)][0]", "gain = 1.0\n"),
        lambda text: text.replace("gain = 1.0", "gain = 2.0"),
    ),
}


@pytest.mark.parametrize("case", UNCHANGED, ids=named)
def test_what_the_model_does_not_compute_changes_nothing(project: Project, case: str) -> None:
    files, edit = UNCHANGED[case]
    project.write(files)
    before = project.fingerprint()
    project.write({"model.py": edit(files["model.py"])})
    assert project.fingerprint().differences(before.parts) == []


CHANGED: dict[str, tuple[dict[str, str], tuple[str, str, str], list[str]]] = {
    "its own code": (
        model("individual['x']"),
        ("model.py", "return ", "return 2 * "),
        ["function model.py:model"],
    ),
    "a constant": (
        model("GAIN * individual['x']", "GAIN = 1.0\n"),
        ("model.py", "GAIN = 1.0", "GAIN = 2.0"),
        ["constant model.py:GAIN"],
    ),
    "a constant that is computed": (
        model("GAIN * individual['x']", "BASE = 1.0\nGAIN = BASE * 2\n"),
        ("model.py", "BASE = 1.0", "BASE = 2.0"),
        ["constant model.py:GAIN"],
    ),
    "a dict": (
        model("TABLE['a']", "TABLE = {'a': 1.0}\nTABLE['b'] = 2.0\n"),
        ("model.py", "TABLE['b'] = 2.0", "TABLE['b'] = 3.0"),
        ["constant model.py:TABLE"],
    ),
    "an array": (
        model("W[0]", "import numpy as np\nW = np.array([1.0, 2.0])\n"),
        ("model.py", "[1.0, 2.0]", "[1.0, 3.0]"),
        ["constant model.py:W"],
    ),
    "a default": (
        model("f(individual['x'])", "def f(x, gain=1.0):\n    return gain * x\n"),
        ("model.py", "gain=1.0", "gain=2.0"),
        ["function model.py:f"],
    ),
    "a closure": (
        model("f(individual['x'])", "def make(gain):\n    return lambda x: gain * x\nf = make(1.0)\n"),
        ("model.py", "make(1.0)", "make(2.0)"),
        ["function model.py:<lambda>"],
    ),
    "a lambda": (
        model("f(individual['x'])", "f = lambda x: 1.0 * x\n"),
        ("model.py", "1.0 * x", "2.0 * x"),
        ["function model.py:<lambda>"],
    ),
    "a partial": (
        model("f(individual['x'])", "from functools import partial\nf = partial(max, 0.5)\n"),
        ("model.py", "0.5", "0.6"),
        ["constant model.py:f"],
    ),
    "a method of an object": (
        model("f(individual['x'])", METHOD),
        ("model.py", "C(1)", "C(2)"),
        ["constant model.py:f"],
    ),
    "a decorator": (
        model("f(individual['x'])", DECORATED),
        ("model.py", "1 * f(x)", "2 * f(x)"),
        ["function model.py:d", "function model.py:g"],
    ),
    "what a library wraps": (
        model("f(individual['x'])", "import functools\n@functools.lru_cache\ndef f(x):\n    return x\n"),
        ("model.py", "return x\n", "return 2 * x\n"),
        ["function model.py:f"],
    ),
    "a dataclass": (
        model("C().a", "import dataclasses\n@dataclasses.dataclass\nclass C:\n    a: float = 1.0\n"),
        ("model.py", "= 1.0", "= 2.0"),
        ["class model.py:C"],
    ),
    "an enum": (
        model("C.A.value", "import enum\nclass C(enum.Enum):\n    A = 1.0\n"),
        ("model.py", "= 1.0", "= 2.0"),
        ["class model.py:C"],
    ),
    "a named tuple": (
        model("C().a", "from typing import NamedTuple\nclass C(NamedTuple):\n    a: float = 1.0\n"),
        ("model.py", "= 1.0", "= 2.0"),
        ["class model.py:C"],
    ),
    "a nested function": (
        model("g(individual['x'])", "def g(x):\n    def h(y):\n        return GAIN * y\n    return h(x)\nGAIN = 1\n"),
        ("model.py", "GAIN = 1", "GAIN = 2"),
        ["constant model.py:GAIN"],
    ),
    "a comprehension": (
        model("sum(GAIN * x for x in [1])", "GAIN = 1\n"),
        ("model.py", "GAIN = 1", "GAIN = 2"),
        ["constant model.py:GAIN"],
    ),
    "the space": (
        model("individual['x']"),
        ("model.py", "Real(0.0, 1.0)", "Real(0.0, 2.0)"),
        ["declaration"],
    ),
    "a helper module": (
        model("f(individual['x'])", "from helper import f\n") | HELPER,
        ("helper.py", "return GAIN * x", "return GAIN + x"),
        ["function helper.py:f"],
    ),
    "a constant of a helper module": (
        model("f(individual['x'])", "from helper import f\n") | HELPER,
        ("helper.py", "2.0", "3.0"),
        ["constant helper.py:GAIN"],
    ),
    "a helper module by another name": (
        model("h.f(individual['x'])", "import helper as h\n") | HELPER,
        ("helper.py", "2.0", "3.0"),
        ["constant helper.py:GAIN"],
    ),
    "what a helper module has besides": (
        model("h.f(individual['x'])", "import helper as h\n") | HELPER,
        ("helper.py", "return x\n", "return 2 * x\n"),
        [],
    ),
    "all of a helper module that is given away": (
        model("len(vars(h))", "import helper as h\n") | HELPER,
        ("helper.py", "return x\n", "return 2 * x\n"),
        ["function helper.py:other"],
    ),
    "a helper module by a star": (
        model("f(individual['x'])", "from helper import *\n") | HELPER,
        ("helper.py", "2.0", "3.0"),
        ["constant helper.py:GAIN"],
    ),
    "a helper module within the function": (
        {"model.py": WITHIN["module"]} | HELPER,
        ("helper.py", "2.0", "3.0"),
        ["constant helper.py:GAIN"],
    ),
    "a name of a helper module within the function": (
        {"model.py": WITHIN["name"]} | HELPER,
        ("helper.py", "return GAIN * x", "return GAIN + x"),
        ["function helper.py:f"],
    ),
    "what a package takes from its modules": (
        model("kit.f(individual['x'])", "import kit\n") | KIT,
        ("kit/deep.py", "2.0", "3.0"),
        ["constant kit/deep.py:GAIN"],
    ),
    "what a package takes by a star, within the function": (
        {"model.py": WITHIN["package"]} | STAR,
        ("kit/deep.py", "2.0", "3.0"),
        ["constant kit/deep.py:GAIN"],
    ),
    "a module of a namespace package": (
        model("f(individual['x'])", "from spread.deep import f\n") | {"spread/deep.py": HELPER["helper.py"]},
        ("spread/deep.py", "2.0", "3.0"),
        ["constant spread/deep.py:GAIN"],
    ),
    "a module of a namespace package by its names": (
        model("spread.deep.f(individual['x'])", "import spread.deep\n") | {"spread/deep.py": HELPER["helper.py"]},
        ("spread/deep.py", "2.0", "3.0"),
        ["constant spread/deep.py:GAIN"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGED, ids=named)
def test_what_the_model_computes_counts(project: Project, case: str) -> None:
    files, (file, old, new), parts = CHANGED[case]
    project.write(files)
    before = project.fingerprint()
    assert not before.notes and not before.stale
    project.write({file: textwrap.dedent(files[file]).replace(old, new)})
    after = project.fingerprint()
    assert after.differences(before.parts) == parts
    for part in parts:
        if part != "declaration":
            assert part.partition(" ")[2].partition(":")[0] in after.sources


CLASS = """
    import l2l
    from base import Base
    class Model(Base):
        rate = 1.0
        def simulate(self, individual, trial):
            return self.gain * super().cost(individual)
"""
BASE = """
    import l2l
    GAIN = 1.0
    class Base(l2l.Optimizee):
        space = l2l.ParameterSpace(x=l2l.Real(0.0, 1.0))
        gain = property(lambda self: GAIN)
        def cost(self, individual):
            return individual["x"] * self.scale()
        @staticmethod
        def scale():
            return 1.0
"""


@pytest.mark.parametrize(
    ("file", "old", "new", "part"),
    [
        ("model.py", "rate = 1.0", "rate = 2.0", "class model.py:Model"),
        ("base.py", "GAIN = 1.0", "GAIN = 2.0", "constant base.py:GAIN"),
        ("base.py", "return 1.0", "return 2.0", "class base.py:Base"),
        ("base.py", "Real(0.0, 1.0)", "Real(0.0, 2.0)", "class base.py:Base"),
    ],
    ids=named,
)
def test_a_class_counts_with_its_bases_and_members(project: Project, file: str, old: str, new: str, part: str) -> None:
    files = {"model.py": CLASS, "base.py": BASE}
    project.write(files)
    before = project.fingerprint("model.py:Model")
    project.write({file: files[file].replace(old, new)})
    assert project.fingerprint("model.py:Model").differences(before.parts) == [part]


STATEFUL = """
    CACHE = {}
    COUNT = 0
    class Keep:
        calls = 0
    KEEP = Keep()
    def remember(x):
        global COUNT
        COUNT += 1
        KEEP.calls += 1
        Keep.calls += 1
        return CACHE.setdefault(x, x)
"""


def test_what_the_model_changes_itself_is_no_change_of_the_model(project: Project) -> None:
    project.write(model("remember(individual['x'])", STATEFUL))
    found = Reference.parse("model.py:model", project.folder).load()
    before = fingerprint(found)
    found({"x": 0.5})
    assert fingerprint(found).differences(before.parts) == []
    assert "constant model.py:CACHE" in before.parts and not before.stale


UNFOLLOWED = {
    "importlib.import_module(name)": "import importlib\nname = 'math'\n",
    "getattr(helper, NAME)(1.0)": "import helper\nNAME = 'f'\n",
    "eval('1.0')": "",
    "globals()['SPACE']": "",
    "FILE.name": "import sys\nFILE = sys.stdin\n",
    "RANDOM.normal()": "import numpy as np\nRANDOM = np.random.default_rng(1)\n",
}


@pytest.mark.parametrize("value", UNFOLLOWED, ids=named)
def test_what_cannot_be_followed_is_said(project: Project, value: str) -> None:
    project.write(model(value, UNFOLLOWED[value]) | HELPER)
    found = project.fingerprint()
    assert len(found.notes) == 1 and "model.py" in found.notes[0]


def test_values_that_raise_when_they_are_looked_at_are_said(project: Project) -> None:
    text = "class Odd(dict):\n    def items(self):\n        raise RuntimeError('odd')\nODD = Odd()\n"
    project.write(model("ODD", text))
    assert any("ODD" in note for note in project.fingerprint().notes)


def test_the_encoding_that_a_file_declares_counts(project: Project) -> None:
    project.write(model("UNIT", "UNIT = 'µ'\n"))
    before = project.fingerprint()
    text = (project.folder / "model.py").read_text()
    (project.folder / "model.py").write_bytes(b"# coding: latin-1\n" + text.encode("latin-1"))
    after = project.fingerprint()
    assert after.differences(before.parts) == [] and "µ" in after.sources["model.py"]


def test_installed_packages_are_named_with_their_versions_and_not_followed(project: Project) -> None:
    project.write(model("np.sin(yaml.safe_load('1'))", "import numpy as np\nimport yaml\nimport math\n"))
    found = project.fingerprint()
    assert set(found.packages) == {"numpy", "yaml"} and all(found.packages.values())
    assert list(found.sources) == ["model.py"]


def test_files_and_folders_can_be_named_by_depends_on(project: Project) -> None:
    files = model("1.0") | {"data/a.csv": "1", "table.csv": "2"}
    files["model.py"] = files["model.py"].replace("space=SPACE)", "space=SPACE, depends_on=('table.csv', 'data/'))")
    project.write(files)
    before = project.fingerprint()
    project.write({"table.csv": "3"})
    assert project.fingerprint().differences(before.parts) == ["file table.csv"]
    project.write({"data/b.csv": "3"})
    assert project.fingerprint().differences(before.parts) == ["file table.csv", "folder data/"]


def test_a_project_can_move_and_be_reached_by_a_link(project: Project, tmp_path: Path) -> None:
    project.write(model("len(HERE)", "import os\nfrom helper import f\nHERE = os.path.dirname(__file__)\n") | HELPER)
    before = project.fingerprint()
    (tmp_path / "link").symlink_to(project.folder)
    assert Project(tmp_path / "link").fingerprint().differences(before.parts) == []
    project.folder.rename(tmp_path / "elsewhere")
    (tmp_path / "link").unlink()
    assert Project(tmp_path / "elsewhere").fingerprint().differences(before.parts) == []


def test_a_file_that_was_edited_after_it_was_loaded_is_told(project: Project) -> None:
    files = model("f(individual['x'])", "from helper import f\n") | HELPER
    project.write(files)
    found = Reference.parse("model.py:model", project.folder).load()
    project.write({"helper.py": "# a comment\n" + HELPER["helper.py"].replace("return x", "return 3 * x")})
    assert not fingerprint(found).stale  # what the model computes is still what the file says
    project.write({"helper.py": HELPER["helper.py"].replace("GAIN * x", "GAIN + x")})
    assert fingerprint(found).stale == (
        "helper.py has changed since this process loaded it: f is another function there",
    )


def test_a_value_that_is_not_the_files_is_told_and_archived_as_it_is(project: Project) -> None:
    project.write(model("GAIN * individual['x']", "GAIN = 1.0\n"))
    found = Reference.parse("model.py:model", project.folder).load()
    before = fingerprint(found)
    sys.modules[found.function.__module__].GAIN = 100.0  # type: ignore[attr-defined]
    after = fingerprint(found)
    assert after.differences(before.parts) == ["constant model.py:GAIN"]
    assert "GAIN is 100.0 in this process and 1.0 in the file" in after.notes[0]
    assert "GAIN = 100.0" in after.sources["model.py"] and "GAIN = 1.0" not in after.sources["model.py"]
    assert "-GAIN = 1.0\n    +GAIN = 100.0" in after.shown_differences(before.parts, before.texts)


def test_a_fingerprint_is_the_same_in_every_process(project: Project) -> None:
    text = "import logging\nfrom helper import f\nNAMES = {'a', 'b', 'c', 'd'}\nLOG = logging.getLogger(__name__)\n"
    project.write(model("sorted(NAMES), f(1.0), LOG.info('a')", text) | HELPER)
    code = "import model; from l2l.provenance import fingerprint; print(fingerprint(model.model).digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=project.folder,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert digests == {project.fingerprint().digest + "\n"}


def test_what_belongs_to_the_process_is_counted_by_its_name(project: Project) -> None:
    files = model(
        "0",
        before="""
        import os, sys
        FORGET = {"all": sys.modules.clear, "where": sys.path.append, "say": os.environ.get}
        NAMES = [vars(os), sys.modules]
    """,
    )
    files["model.py"] = files["model.py"].replace("return", "return len(FORGET) + len(NAMES) +", 1)
    project.write(files)
    found = project.fingerprint()
    (project.folder / "other.py").write_text("VALUE = 3\n")
    sys.modules["other"] = types.ModuleType("other")
    sys.modules["other"].__file__ = str(project.folder / "other.py")
    sys.path.append(str(project.folder / "elsewhere"))
    assert project.fingerprint().parts == found.parts
    assert {"constant model.py:FORGET", "constant model.py:NAMES"} <= set(found.parts)
    assert not any("other" in one for one in found.parts)


def test_a_model_that_reads_its_own_names_is_the_same_wherever_it_stands(project: Project, tmp_path: Path) -> None:
    files = {
        "model.py": """
        import sys
        import l2l
        TABLE = {"a": 1.0}
        HERE = globals()
        SELF = sys.modules[__name__]
        @l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0)))
        def model(individual):
            return HERE["TABLE"]["a"] + SELF.TABLE["a"]
    """
    }
    project.write(files)
    moved = Project(tmp_path / "moved")
    moved.write(files)
    found = project.fingerprint()
    assert moved.fingerprint().parts == found.parts
    moved.write({"model.py": files["model.py"].replace("1.0}", "2.0}")})
    changed = moved.fingerprint().parts
    assert changed["constant model.py:TABLE"] != found.parts["constant model.py:TABLE"]
