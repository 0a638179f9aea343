import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import l2l
from l2l import Individual, Optimizee, ParameterSpace, Real, Trial
from l2l.errors import NotFoundError, OptionError
from l2l.plugin import Reference
from l2l.provenance import Specification, effective_options, environment, fingerprint, job_id, specification, versions
from tests.l2l.naming import named

SPACE = ParameterSpace(x=Real(-1.0, 1.0))


def double(x: float) -> float:
    return 2 * x


def triple(x: float) -> float:
    return 3 * x


class Model(Optimizee):
    """A model with options of all kinds.

    Args:
        rate: A float.
        count: An int.
        layers: Several.
        names: A mapping.
        any: Of no type.
        transfer: A function.
        files: Files or folders.
        inner: Another model.
    """

    space = SPACE

    def __init__(
        self,
        *,
        rate: float = 8.0,
        count: int = 3,
        layers: Sequence[float] = (1.0, 2.0),
        names: Mapping[str, float] = {},
        any: Any = None,  # noqa: A002
        transfer: Callable[[float], float] = double,
        files: Sequence[Path] = (),
        inner: Optimizee | None = None,
    ) -> None:
        self.rate = rate
        self.layers = layers

    def simulate(self, individual: Individual, trial: Trial) -> float:
        return self.rate


class Revised(Model):
    revision = "1"


@l2l.optimizee(space=SPACE)
def decorated(individual: Individual) -> float:
    return float(individual["x"])


def digest(optimizee: Optimizee) -> str:
    return fingerprint(optimizee).digest


# --- options -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 8.0},
        {"rate": 8},
        {"rate": np.float64(8.0), "count": np.int64(3)},
        {"layers": [1.0, 2.0]},
        {"layers": (1, 2)},
        {"names": {}, "any": None, "transfer": double},
        {"count": 3, "rate": 8.0, "files": ()},
    ],
    ids=named,
)
def test_saying_a_default_or_saying_it_otherwise_changes_nothing(options: dict[str, Any]) -> None:
    assert fingerprint(Model(**options)) == fingerprint(Model())


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 8.5},
        {"count": 4},
        {"layers": [2.0, 1.0]},
        {"layers": [1.0, 2.0, 3.0]},
        {"names": {"a": 1.0}},
        {"any": 0},
        {"any": "None"},
        {"any": np.zeros(2)},
        {"transfer": triple},
        {"inner": decorated},
        {"inner": Model()},
    ],
    ids=named,
)
def test_another_option_is_another_fingerprint(options: dict[str, Any]) -> None:
    changed = fingerprint(Model(**options))
    assert "options" in changed.differences(fingerprint(Model()).parts)
    assert changed.digest != digest(Model())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, "1"),
        (0.0, None),
        ({"1": 2}, {1: 2}),
        ([1, [2]], [[1], 2]),
        (np.array([1, 2]), np.array([1.0, 2.0])),
        (np.zeros((2, 1)), np.zeros((1, 2))),
        (SPACE, ParameterSpace(x=Real(-1.0, 2.0))),
        (Path("a.txt"), "a.txt"),
    ],
    ids=named,
)
def test_values_of_no_declared_type_differ_as_they_are(tmp_path: Path, one: Any, other: Any) -> None:
    (tmp_path / "a.txt").touch()
    assert digest(Model(any=one)) != digest(Model(any=other))


def test_the_order_in_which_options_and_keys_are_given_does_not_count(tmp_path: Path) -> None:
    for name, text in (("one", "1"), ("two", "2")):
        (tmp_path / name).write_text(text)
    one = Model(names={"a": 1.0, "b": 2.0}, any={"one": Path("one"), "two": Path("two")}, rate=1.0)
    other = Model(rate=1.0, any={"two": Path("two"), "one": Path("one")}, names={"b": 2.0, "a": 1.0})
    assert fingerprint(one) == fingerprint(other)


def test_options_of_models_among_the_options_count_as_they_are_declared() -> None:
    assert digest(Model(inner=Model(rate=9))) == digest(Model(inner=Model(rate=9.0, count=3)))
    assert digest(Model(inner=Model(rate=9))) != digest(Model(inner=Model(rate=10)))


def test_effective_options_have_the_defaults() -> None:
    assert effective_options(Model(rate=9))["rate"] == 9.0
    assert effective_options(Model())["transfer"] is double
    assert list(effective_options(Model(rate=9))) == sorted(effective_options(Model()))


def test_an_option_that_another_process_would_not_find_is_an_error_that_names_it() -> None:
    with pytest.raises(OptionError, match=r"Model: option 'transfer': .*<lambda> is defined inside a function"):
        fingerprint(Model(transfer=lambda x: x))
    with pytest.raises(OptionError, match=r"Model: option 'inner': Model: option 'any': expected plain data"):
        fingerprint(Model(inner=Model(any={1, 2})))


# --- files ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name in ("cell.swc", "other/cell.swc", "folder/a.txt", "folder/sub/b.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def with_files(folder: Path) -> Model:
    inner = Model(any={"deep": [folder / "folder"]})
    return Model(files=[folder / "cell.swc", folder / "other" / "cell.swc"], inner=inner)


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ("cell.swc", "file files[0] (cell.swc)"),
        ("other/cell.swc", "file files[1] (cell.swc)"),
        ("folder/a.txt", "folder inner.any.deep[0]"),
        ("folder/sub/b.txt", "folder inner.any.deep[0]"),
        ("folder/sub/new.txt", "folder inner.any.deep[0]"),
    ],
)
def test_the_content_of_files_counts(files: Path, changed: str, part: str) -> None:
    before = fingerprint(with_files(files))
    (files / changed).write_text("something else")
    assert fingerprint(with_files(files)).differences(before.parts) == [part]


def test_where_files_and_folders_stand_does_not_count(files: Path) -> None:
    before = fingerprint(with_files(files))
    moved = files / "moved to" / "here"
    moved.mkdir(parents=True)
    for name in ("cell.swc", "other", "folder"):
        shutil.move(files / name, moved / name)
    assert fingerprint(with_files(moved)) == before
    assert digest(Model(any=moved)) == digest(Model(any=moved.rename(files / "renamed")))


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"nowhere\.swc: expected a readable file, got: No such file"):
        fingerprint(Model(files=[tmp_path / "nowhere.swc"]))


# --- sources -------------------------------------------------------------------------------------------------------

PROJECT = {
    "model.py": """
        from pathlib import Path
        from bases.base import Base
        from functions import transfer
        class Model(Base):
            depends_on = ("helper", "kit")
            rate = 1.0
            def __init__(self, *, rate: float = 8.0, data: Path = Path(__file__).parent / "data.txt", f=transfer):
                pass
        if __name__ == "__main__":
            from tell import tell
            tell(Model(rate=8))
    """,
    "bases/__init__.py": "",
    "bases/base.py": """
        from l2l import Optimizee, ParameterSpace, Real
        class Base(Optimizee):
            space = ParameterSpace(x=Real(0.0, 1.0))
            def simulate(self, individual, trial):
                return individual["x"]
    """,
    "functions.py": "def transfer(x):\n    return x\n",
    "helper.py": "def helper():\n    pass\n",
    "kit/__init__.py": "",
    "kit/deep/model.py": "A = 1\n",
    "data.txt": "data",
    "unrelated.py": "",
    "tell.py": """
        import json
        from l2l.provenance import fingerprint, specification
        def tell(optimizee):
            found, said = fingerprint(optimizee), specification(optimizee)
            again = fingerprint(said.build())
            print(json.dumps([dict(found.parts), found.digest, said.reference.text(), again.digest]))
    """,
}


def write_project(folder: Path) -> Path:
    for name, text in PROJECT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))
    return folder


def told(folder: Path, *arguments: str) -> Any:
    """(parts, digest, reference, digest of what the specification builds) of a process of its own."""
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_main_script_import_and_file_have_one_fingerprint_wherever_the_project_stands(tmp_path: Path) -> None:
    project = write_project(tmp_path / "a project" / "models")
    as_main = told(project, "model.py")
    imported = told(project, "-c", "import model, tell; tell.tell(model.Model(rate=8.0))")
    by_file = (
        "import os, sys; from l2l.plugin import Reference; from pathlib import Path;"
        "Model = Reference.parse('models/model.py:Model').load(); from tell import tell; tell(Model())"
    )
    from_file = told(project.parent, "-c", by_file)
    as_package = told(project.parent, "-c", "import sys; sys.path.insert(0, 'models');"
                      "from models.model import Model; from tell import tell; tell(Model())")  # fmt: skip
    elsewhere = write_project(tmp_path / "elsewhere")
    moved = told(elsewhere, "model.py")
    assert as_main[0] == imported[0] == from_file[0] == as_package[0] == moved[0]
    assert sorted(as_main[0]) == [
        "class bases/base.py:Base",
        "class model.py:Model",
        "file data (data.txt)",
        "function functions.py:transfer",
        "name",
        "options",
        "source helper.py",
        "source kit/__init__.py",
        "source kit/deep/model.py",
    ]
    for _, one, reference, other in (as_main, imported, from_file, as_package, moved):
        assert one == other == as_main[1]
        assert reference in (f"{project}/model.py:Model", f"{elsewhere}/model.py:Model", "models.model:Model")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    before = set(sys.modules)
    folder = write_project(tmp_path / "project")
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ("helper.py", "source helper.py"),
        ("kit/deep/model.py", "source kit/deep/model.py"),
        ("data.txt", "file data (data.txt)"),
        ("unrelated.py", None),
    ],
)
def test_what_is_named_beside_the_code_counts(project: Path, changed: str, part: str | None) -> None:
    model = Reference.parse("model.py:Model", project).load()()
    before = fingerprint(model)
    with (project / changed).open("a") as file:
        file.write("\nB = 2\n")
    assert fingerprint(model).differences(before.parts) == ([part] if part else [])


def test_the_texts_of_sources_are_kept(project: Path) -> None:
    found = fingerprint(Reference.parse("model.py:Model", project).load()()).sources
    assert found["helper.py"] == PROJECT["helper.py"]
    assert found["model.py"] == (project / "model.py").read_text()


def test_files_of_one_name_are_told_apart_in_an_order_of_their_own(project: Path) -> None:
    (project / "twice.py").write_text("from model import Model\nclass Model(Model):\n    pass\n")
    (project / "bases" / "model.py").write_text("from twice import Model\nclass Model(Model):\n    pass\n")
    found = fingerprint(Reference("bases.model", "Model").load()()).sources
    assert found["model.py"] == (project / "bases" / "model.py").read_text()
    assert found["model.py (2)"] == (project / "model.py").read_text()


def test_a_module_that_is_not_there_is_an_error_that_names_it() -> None:
    class Needy(Model):
        depends_on = ("no_such_module",)

    with pytest.raises(NotFoundError, match="depends_on: there is no module 'no_such_module'"):
        fingerprint(Needy())

    class Single(Model):
        depends_on = "statistics"  # type: ignore[assignment]

    assert "statistics.py" in fingerprint(Single()).sources


def test_what_l2l_and_python_bring_is_no_source_of_the_model() -> None:
    names = set(fingerprint(Model()).sources)
    assert names == {"test_provenance.py"}


def test_a_revision_stands_in_for_the_sources(tmp_path: Path) -> None:
    found = fingerprint(Revised())
    assert set(found.parts) == {"name", "options", "revision"} and found.sources == {}

    class Other(Revised):
        revision = "2"

    Other.__qualname__ = "Revised"
    assert fingerprint(Other()).differences(found.parts) == ["revision"]
    (tmp_path / "data").write_text("1")
    before = fingerprint(Revised(files=[tmp_path / "data"]))
    (tmp_path / "data").write_text("2")
    assert fingerprint(Revised(files=[tmp_path / "data"])).differences(before.parts) == ["file files[0] (data)"]


def test_the_version_counts_and_so_does_the_name() -> None:
    found = fingerprint(Model())
    assert len({found.digest, found.with_version(""), found.with_version("3.10"), found.with_version("3.11")}) == 4
    assert "name" in fingerprint(Revised()).differences(found.parts)


# --- functions -----------------------------------------------------------------------------------------------------


SHIFTED = "function test_provenance.py:shifted"


def made(shift: float, gain: float = 1.0) -> Optimizee:
    @l2l.optimizee(space=SPACE)
    def shifted(individual: Individual, trial: Any = None, gain: float = gain) -> float:
        return gain * (individual["x"] + shift)

    return shifted


def test_values_that_a_function_encloses_count() -> None:
    assert digest(made(1.0)) == digest(made(1.0))
    assert fingerprint(made(2.0)).differences(fingerprint(made(1.0)).parts) == [SHIFTED]
    assert fingerprint(made(1.0, 2.0)).differences(fingerprint(made(1.0)).parts) == [SHIFTED]


SCRIPT_OF_FUNCTIONS = """
    import l2l
    from l2l import ParameterSpace, Real
    SPACE = ParameterSpace(x=Real(0.0, 1.0))
    @l2l.optimizee(space=SPACE)
    def plain(individual):
        return individual["x"]
    def make(shift):
        @l2l.optimizee(space=SPACE)
        def shifted(individual):
            return individual["x"] + shift
        return shifted
    one, two = make(1.0), make(2.0)
    short = l2l.optimizee(space=SPACE)(lambda individual: individual["x"])
    def other(individual):
        return 2 * individual["x"]
    renamed = l2l.optimizee(space=SPACE)(other)
    def main():
        from l2l.provenance import specification
        for optimizee in (plain, one, two, short, renamed):
            again = specification(optimizee).build()
            print(specification(optimizee).reference.qualname, again is optimizee)
        for hidden in (make(3.0), l2l.optimizee(space=SPACE)(other)):
            again = specification(hidden)
            print(again.reference, again.build()({"x": 0.5}))
    if __name__ == "__main__":
        main()
"""


def test_a_decorated_function_is_found_by_the_name_that_it_has_in_its_file(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT_OF_FUNCTIONS))
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = done.stdout.splitlines()
    assert found == ["plain True", "one True", "two True", "short True", "renamed True", "None 3.5", "None 1.0"]


# --- notebooks and prompts -----------------------------------------------------------------------------------------

PROMPT = """
import l2l
from l2l import Optimizee, ParameterSpace, Real
from l2l.provenance import fingerprint
class Model(Optimizee):
    space = ParameterSpace(x=Real(0.0, 1.0))
    def simulate(self, individual, trial):
        return {simulate}
@l2l.optimizee(space=Model.space)
def function(individual):
    return individual["x"] in {{"a", "b", "c"}} and {function}
print(fingerprint(Model()).digest, fingerprint(function).digest)
"""


def prompt(simulate: str = "1.0", function: str = "1.0") -> list[str]:
    text = PROMPT.format(simulate=simulate, function=function)
    done = subprocess.run([sys.executable, "-"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_what_is_written_at_a_prompt_has_a_fingerprint_too() -> None:
    one, other = prompt()
    assert prompt() == [one, other]
    assert prompt(simulate="2.0") == [prompt(simulate="2.0")[0], other]
    assert prompt(simulate="2.0")[0] != one
    assert prompt(function="2.0")[1] != other


def test_what_is_written_in_a_notebook_is_known_by_its_text() -> None:
    import linecache

    text = "def function(individual):\n    return {}\n"
    digests = []
    for cell, value in enumerate((1.0, 1.0, 2.0)):
        name = f"/tmp/ipykernel_1/{cell}.py"
        source = text.format(value)
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        space: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(source, name, "exec"), space)
        found = fingerprint(l2l.optimizee(space=SPACE)(space["function"]))
        digests.append(found.digest)
        assert found.sources == {"a notebook": source}
    assert digests[0] == digests[1] != digests[2]


# --- specifications ------------------------------------------------------------------------------------------------


def test_a_specification_builds_the_same_with_the_same_types(tmp_path: Path) -> None:
    (tmp_path / "cell.swc").touch()
    model = Model(layers=(1, 2.0), any={"a": (1, [2], np.zeros(2))}, files=[Path("cell.swc")], inner=Model(rate=1))
    said = specification(model)
    assert said.reference == Reference("tests.l2l.test_provenance", "Model") or said.reference.is_file
    os.chdir(tmp_path)
    built = Specification(said.reference, json.loads(json.dumps(said.options))).build()
    assert type(built) is Model
    assert built.options["layers"] == (1, 2.0) and type(built.options["any"]["a"]) is tuple
    assert built.options["files"] == [tmp_path / "cell.swc"]
    assert fingerprint(built) == fingerprint(model)


def test_what_is_no_optimizee_any_more_is_refused() -> None:
    for thing in (double, Reference, np.mean):
        with pytest.raises(OptionError, match="expected an optimizee, got"):
            Specification(Reference.to(thing), {}).build()


# --- the environment -----------------------------------------------------------------------------------------------


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)


def test_the_environment_is_plain_and_says_where_and_with_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    found = environment({"model.py": "text"}, tmp_path)
    assert json.loads(json.dumps(found)) == found
    assert found["pid"] == os.getpid() and found["job"] == "17" and found["sources"] == {"model.py": "text"}
    assert (found["commit"], found["dirty"], found["diff"]) == ("", False, "")
    assert found["versions"]["l2l"] == l2l.__version__ and found["versions"]["numpy"] == np.__version__


def test_no_job_is_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    assert job_id() == ""


def test_the_commit_is_noted_and_what_was_changed_since(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "model.py").write_text("a = 1\n")
    git(tmp_path, "add", "model.py")
    git(tmp_path, "commit", "-q", "-m", "first")
    clean = environment({}, tmp_path)
    assert len(clean["commit"]) == 40 and not clean["dirty"] and clean["diff"] == ""
    (tmp_path / "model.py").write_text("a = 2\n")
    dirty = environment({}, tmp_path)
    assert dirty["commit"] == clean["commit"] and dirty["dirty"]
    assert "-a = 1" in dirty["diff"] and "+a = 2" in dirty["diff"]


def test_versions_are_of_what_decides_bits() -> None:
    assert {"python", "l2l", "numpy", "scipy", "h5py"} <= set(versions())
