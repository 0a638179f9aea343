"""Values and classes of many kinds count: each case edits one line, and the model is another one."""

import functools
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas  # noqa: F401 - so that no test loads these twice
import pytest
import scipy.sparse  # noqa: F401
import xarray  # noqa: F401

from l2l.plugin import Reference
from l2l.provenance import fingerprint, fingerprint_of_function
from tests.l2l.naming import named
from tests.l2l.projects import HELPER, Project, fresh_project, model


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    yield from fresh_project(tmp_path / "project", monkeypatch)


DOUBLED = "return 2.0 * self"

# Name → (what the model returns, what stands before it); 2.0 is what becomes 3.0.
OBJECTS = {
    "methods of a named tuple": (
        "P.f()",
        (
            f"from typing import NamedTuple\nclass T(NamedTuple):\n    a: float\n"
            f"    def f(self):\n        {DOUBLED}.a\nP = T(1.0)\n"
        ),
    ),
    "methods of a dict": ("P.f()", f"class T(dict):\n    def f(self):\n        {DOUBLED}['a']\nP = T(a=1.0)\n"),
    "methods of a list": ("P.f()", f"class T(list):\n    def f(self):\n        {DOUBLED}[0]\nP = T([1.0])\n"),
    "a field of a list": ("P.g", "class T(list):\n    pass\nP = T([1.0])\nP.g = 2.0\n"),
    "a derived text": ("len(P)", "class T(str):\n    pass\nP = T('2.0')\n"),
    "a derived number": ("P", "class T(float):\n    pass\nP = T(2.0)\n"),
    "a derived whole number": ("P", "class T(int):\n    pass\nP = T(2.0)\n"),
    "methods of a derived number": ("P.f()", f"class T(float):\n    def f(self):\n        {DOUBLED}\nP = T(1.0)\n"),
    "methods of an array": (
        "P.f()",
        f"import numpy as np\nclass T(np.ndarray):\n    def f(self):\n        {DOUBLED}\nP = np.zeros(2).view(T)\n",
    ),
    "what an array carries": (
        "P.unit",
        "import numpy as np\nclass T(np.ndarray):\n    pass\nP = np.zeros(2).view(T)\nP.unit = 2.0\n",
    ),
    "a field that is set later": (
        "P.b",
        "import dataclasses\n@dataclasses.dataclass\nclass T:\n    a: float\nP = T(1.0)\nP.b = 2.0\n",
    ),
    "an `add` that changes nothing": (
        "P.add(1.0)",
        (
            "class T:\n    def __init__(self, g):\n        self.g = g\n"
            "    def add(self, x):\n        return self.g + x\nP = T(float('2.0'))\n"
        ),
    ),
    "a masked array": ("M", "import numpy as np\nM = np.ma.array([1.0], mask=[True], fill_value=2.0)\n"),
    "what a mapping makes of other keys": (
        "M['a']",
        "import collections\nM = collections.defaultdict(lambda: 2.0)\n",
    ),
    "the longest that a deque gets": ("M", "import collections\nM = collections.deque([1], maxlen=int(2.0))\n"),
    "a mapping of the standard library": ("M['a']", "import collections\nM = collections.UserDict({'a': 2.0})\n"),
    "an array of the standard library": ("M[0]", "import array\nM = array.array('d', [2.0])\n"),
    "a view of memory": ("M[0]", "M = memoryview(b'2.0')\n"),
    "an operator": ("M", "import operator\nM = operator.attrgetter('a2.0')\n"),
    "a table": ("M", "import pandas\nM = pandas.DataFrame({'a': [2.0]})\n"),
    "an index of a table": ("M", "import pandas\nM = pandas.Series([1.0], index=[2.0])\n"),
    "a sparse matrix": ("M", "from scipy import sparse\nM = sparse.csr_matrix([[0.0, 2.0]])\n"),
    "a labelled array": ("M", "import xarray\nM = xarray.DataArray([1.0], coords={'x': [2.0]}, dims='x')\n"),
}
CLASSES = {
    "how choices are made": (
        "C.A.v",
        "import enum\nclass C(enum.Enum):\n    A = 1.0\n    def __init__(self, v):\n        self.v = 2.0 * v\n",
    ),
    "what a missing choice is": (
        "C(7)",
        ("import enum\nclass C(enum.Enum):\n    A = 1.0\n    B = 2\n    @classmethod\n    def _missing_(cls, v):\n"
        "        return cls(v // 2.0)\n"),
    ),
    "a private method of choices": (
        "C.A._f()",
        "import enum\nclass C(enum.Enum):\n    A = 1.0\n    def _f(self):\n        return 2.0\n",
    ),
    "how choices are shown": (
        "str(C.A)",
        "import enum\nclass C(enum.Enum):\n    A = 1.0\n    def __str__(self):\n        return '2.0'\n",
    ),
    "a hash": ("list({C()})", "class C:\n    def __hash__(self):\n        return int(2.0)\n"),
    "functions by type": (
        "f(1.0)",
        ("import functools\n@functools.singledispatch\ndef f(x):\n    return x\n@f.register\ndef _(x: float):\n"
        "    return 2.0 * x\n"),
    ),
    "methods by type": (
        "C().f(1.0)",
        ("import functools\nclass C:\n    @functools.singledispatchmethod\n    def f(self, x):\n        return x\n"
        "    @f.register\n    def _(self, x: float):\n        return 2.0 * x\n    @f.register\n"
        "    def _(self, x: int):\n        return x\n"),
    ),
    "a partial method": (
        "C().g()",
        "import functools\nclass C:\n    def f(self, x):\n        return x\n    g = functools.partialmethod(f, 2.0)\n",
    ),
    "a cached property": (
        "C().f",
        "import functools\nclass C:\n    @functools.cached_property\n    def f(self):\n        return 2.0\n",
    ),
    "a class decorator": (
        "C().f()",
        ("def d(g):\n    def e(c):\n        c.f = lambda self: g\n        return c\n    return e\n"
        "@d(2.0)\nclass C:\n    pass\n"),
    ),
    "a metaclass": (
        "C()",
        "class M(type):\n    def __call__(c):\n        return 2.0\nclass C(metaclass=M):\n    pass\n",
    ),
    "what a base makes of its classes": (
        "C.g",
        "class B:\n    def __init_subclass__(cls, g):\n        cls.g = g\nclass C(B, g=2.0):\n    pass\n",
    ),
    "functions that register themselves": (
        "R['f'](1.0)",
        "R = {}\ndef add(f):\n    R[f.__name__] = f\n    return f\n@add\ndef f(x):\n    return 2.0 * x\n",
    ),
    "a mixin": ("C().f()", "class X:\n    def f(self):\n        return 2.0\nclass C(X):\n    pass\n"),
    "a nested class": ("C.D().f()", "class C:\n    class D:\n        def f(self):\n            return 2.0\n"),
    "a descriptor": (
        "C().g",
        ("class D:\n    def __init__(self, g):\n        self.g = g\n    def __get__(self, o, t=None):\n"
        "        return self.g\nclass C:\n    g = D(2.0)\n"),
    ),
    "a lambda in a class": ("C().g()", "class C:\n    g = lambda self: 2.0\n"),
    "a docstring that is read": ("f.__doc__", "def f():\n    '2.0'\n"),
    "what numpy is told": ("np.float64(1.0)", "import numpy as np\nnp.seterr(over='raise' if 2.0 else None)\n"),
    "what decimal is told": ("D(1) / 3", ("import decimal\nfrom decimal import Decimal as D\n"
     "decimal.getcontext().prec = int(2.0)\n")),
    "what the environment is told": ("1.0", "import os\nos.environ['GAIN'] = '2.0'\n"),
    "a condition": (
        "f(1.0)",
        "import sys\nif sys.version_info > (3,):\n    def f(x):\n        return 2.0\nelse:\n    f = None\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OBJECTS | CLASSES, ids=named)
def test_what_a_model_computes_with_counts(project: Project, case: str) -> None:
    value, before = (OBJECTS | CLASSES)[case]
    files = model(value, before)
    project.write(files)
    then = project.fingerprint()
    assert not then.notes and not then.stale
    assert project.fingerprint().differences(then.parts) == []
    text = files["model.py"]
    assert text.count("2.0") == 1
    project.write({"model.py": text.replace("2.0", "3.0")})
    assert project.fingerprint().differences(then.parts)


FILES = {
    "pandas.read_csv(TABLE)": "import pandas\n",
    "pandas.read_csv(TABLE)['a']": "import pandas\n",
    "numpy.loadtxt(TABLE, skiprows=1)": "import numpy\n",
    "TABLE.read_text()": "",
}


@pytest.mark.parametrize("value", FILES, ids=named)
def test_what_is_read_from_a_file_when_a_module_is_loaded_counts(project: Project, value: str) -> None:
    text = f"from pathlib import Path\n{FILES[value]}TABLE = Path(__file__).with_name('table.csv')\nDATA = {value}\n"
    project.write(model("len(DATA)", text) | {"table.csv": "a\n1.5\n"})
    before = project.fingerprint()
    assert not before.notes
    project.write({"table.csv": "a\n2.5\n"})
    assert project.fingerprint().differences(before.parts) == ["constant model.py:DATA"]


LAZY = {
    "helper.py": "from other import g\ndef __getattr__(name):\n    return g()\n",
    "other.py": "def g():\n    return 2.0\n",
}
WITHIN = "import l2l\n@l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0, 1)))\ndef model(individual):\n    {}\n"
MODULES = {
    "names that a module makes when asked": (
        model("helper.gain", "import helper\n") | LAZY,
        "other.py",
    ),
    "names that a module makes when asked, within the function": (
        {"model.py": WITHIN.format("import helper\n    return helper.gain")} | LAZY,
        "other.py",
    ),
    "what is imported where something else is not there": (
        model("f(1.0)", "try:\n    from nowhere import f\nexcept ImportError:\n    from helper import f\n") | HELPER,
        "helper.py",
    ),
    "what is imported where something else is not there, within the function": (
        {
            "model.py": WITHIN.format(
                "try:\n        from nowhere import f\n    except ImportError:\n        from helper import f\n"
                "    return f(1.0)"
            )
        }
        | HELPER,
        "helper.py",
    ),
    "relative imports of a package": (
        model("kit.f(1.0)", "import kit\n")
        | {
            "kit/__init__.py": "from .a import f\n",
            "kit/a.py": "from . import b\ndef f(x):\n    return b.g(x)\n",
            "kit/b.py": "def g(x):\n    return 2.0 * x\n",
        },
        "kit/b.py",
    ),
    "settings of a helper module": (
        model("f(1.0)", "from helper import f\n")
        | {"helper.py": "import decimal\ndecimal.getcontext().prec = int(2.0)\ndef f(x):\n    return x\n"},
        "helper.py",
    ),
}


@pytest.mark.parametrize("case", MODULES, ids=named)
def test_what_modules_bring_counts(project: Project, case: str) -> None:
    files, file = MODULES[case]
    project.write(files)
    before = project.fingerprint()
    assert not before.notes
    project.write({file: textwrap.dedent(files[file]).replace("2.0", "3.0")})
    assert project.fingerprint().differences(before.parts)


IDLE = {
    "a remark that is printed": "print('2.0')\n",
    "a picture": "import matplotlib.pyplot as plt\nplt.title('2.0')\n",
    "a table that is saved": "import numpy as np\nnp.savetxt(2.0 and '/dev/null', [1.0])\n",
    "warnings that are not shown": "import warnings\nwarnings.filterwarnings('ignore', '2.0')\n",
    "where modules are looked for": "import sys\nsys.path.append('2.0')\n",
    "an import that nothing uses": "import helper\nUNUSED = helper.GAIN\n",
    "another setting of what the model does not use": "import json\njson.extra = 2.0\n",
    "a class that nothing uses": "class Unused:\n    a = 2.0\n",
}


@pytest.mark.parametrize("case", IDLE, ids=named)
def test_what_stands_beside_a_model_does_not_count(project: Project, case: str) -> None:
    text = "import numpy as np\n" + IDLE[case]
    files = model("np.sin(individual['x'])", text) | HELPER
    project.write(files)
    before = project.fingerprint()
    project.write({name: one.replace("2.0", "3.0") for name, one in files.items()})
    assert project.fingerprint().differences(before.parts) == []


def test_what_an_object_remembers_of_itself_does_not_count(project: Project) -> None:
    text = "import functools\nclass C:\n    @functools.cached_property\n    def f(self):\n        return 2.0\n"
    text += "NET = C()\n"
    project.write(model("NET.f", text))
    found = Reference.parse("model.py:model", project.folder).load()
    before = fingerprint(found)
    found({"x": 0.5})
    assert fingerprint(found).differences(before.parts) == []


def test_classes_that_are_looked_for_while_it_runs_are_said(project: Project) -> None:
    project.write(model("B.__subclasses__()", "class B:\n    pass\n"))
    assert "B.__subclasses__()" in project.fingerprint().notes[0]


def test_characters_at_which_no_line_ends_do_not_shift_what_is_shown(project: Project) -> None:
    project.write(model("f(1.0)", "PAGES = 'a\x0cb\u2028c'\ndef f(x):\n    return x\n"))
    assert project.fingerprint().texts["function model.py:f"] == "def f(x):\n    return x\n"


def test_what_is_edited_after_it_was_loaded_is_told_where_it_is_computed_too(project: Project) -> None:
    text = "BASE = 1.0\nGAIN = BASE * 2.0\n"
    project.write(model("GAIN * individual['x']", text))
    found = Reference.parse("model.py:model", project.folder).load()
    assert not fingerprint(found).notes
    project.write(model("GAIN * individual['x']", text.replace("2.0", "3.0")))
    after = fingerprint(found)
    assert "GAIN is 2.0 in this process and 3.0 in the file" in after.notes[0]
    assert "GAIN = 2.0" in after.sources["model.py"]


@pytest.mark.parametrize("function", [np.median, functools.partial(np.quantile, q=0.1), max])
def test_functions_of_libraries_are_not_followed(function: Callable[..., Any]) -> None:
    assert len(fingerprint_of_function(function).parts) == 1


def test_a_function_that_is_no_model_has_a_fingerprint_too(project: Project) -> None:
    project.write({"stats.py": "from helper import f\ndef worst(costs):\n    return f(max(costs))\n"} | HELPER)
    load = Reference.parse("stats.py:worst", project.folder).load
    before = fingerprint_of_function(load())
    assert {"function stats.py:worst", "function helper.py:f", "constant helper.py:GAIN"} == set(before.parts)
    for name in [one for one in sys.modules if one == "helper" or ("stats" in one and one.startswith("_l2l_file_"))]:
        del sys.modules[name]
    project.write({"helper.py": HELPER["helper.py"].replace("2.0", "3.0")})
    assert fingerprint_of_function(load()).differences(before.parts) == ["constant helper.py:GAIN"]
