import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from l2l import registry
from l2l.errors import ContractError, MissingPart, NotFoundError, OptionError
from l2l.optimizee import Optimizee
from l2l.plugin import Plugin
from l2l.space import ParameterSpace, Real

MODEL = """
from l2l.optimizee import Optimizee, optimizee
from l2l.space import ParameterSpace, Real
from collections.abc import Callable
from pathlib import Path

class Parabola(Optimizee):
    '''A parabola.

    Args:
        width: Of it.
    '''

    def __init__(self, *, width: float = 1.0, table: Path | None = None, shape: Callable | None = None) -> None:
        if width <= 0:
            raise ValueError("width must be above 0")
        self.width, self.table, self.shape = width, table, shape
        self.space = ParameterSpace(x=Real(-width, width))

    def simulate(self, individual, trial):
        return individual["x"] ** 2

class Unfinished(Optimizee):
    space = ParameterSpace(x=Real(0.0, 1.0))

class Bystander:
    pass

def plain(individual):
    return 0.0

@optimizee(space=ParameterSpace(x=Real(0.0, 1.0)))
def decorated(individual):
    return individual["x"]

made = Parabola()
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    return tmp_path


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A third party's distribution, as an installer leaves it."""
    (tmp_path / "acme.py").write_text(MODEL)
    (tmp_path / "acme_broken.py").write_text("import no_such_simulator\n")
    (tmp_path / "acme_missing.py").write_text(
        "from l2l.errors import MissingPart\nraise MissingPart('Acme', 'pip install acme')\n"
    )
    (tmp_path / "acme_exit.py").write_text("raise SystemExit(3)\n")
    info = tmp_path / "acme_models-2.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-models\nVersion: 2.1\n")
    (info / "entry_points.txt").write_text(
        "[l2l.optimizees]\nacme-parabola = acme:Parabola\nacme-function = acme:decorated\n"
        "acme-broken = acme_broken:Model\nacme-missing = acme_missing:Model\nacme-exit = acme_exit:Model\n"
        "acme-absent = acme:Absent\ngrid = acme:Parabola\n[l2l.optimizers]\ngrid = acme:Parabola\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    registry.forget()
    yield tmp_path
    registry.forget()
    for name in ("acme", "acme_broken", "acme_missing", "acme_exit"):
        sys.modules.pop(name, None)


def test_built_in_plugins_are_registered_like_those_of_others() -> None:
    assert {"random", "grid", "cma-es", "genetic-algorithm"} <= set(registry.names("optimizer"))
    assert {"function", "command", "nest-balanced-network"} <= set(registry.names("optimizee"))
    assert {"serial", "local"} <= set(registry.names("launcher"))
    assert registry.entries("optimizer")["cma-es"] == "l2l.optimizers.cma_es:CMAES"
    assert registry.distribution("optimizer", "cma-es").startswith("l2l ")


def test_a_registered_name_is_found_and_named_back() -> None:
    cls = registry.resolve("optimizee", "function")
    assert isinstance(cls, type) and registry.name_of("optimizee", cls) == "function"
    assert registry.name_of("optimizee", Optimizee) is None


def test_a_third_partys_plugin_is_found(installed: Path) -> None:
    assert "acme-parabola" in registry.names("optimizee")
    assert registry.distribution("optimizee", "acme-parabola") == "acme-models 2.1"
    built = registry.build("optimizee", {"name": "acme-parabola", "width": 2})
    assert built.space == ParameterSpace(x=Real(-2.0, 2.0))
    assert registry.name_of("optimizee", type(built)) == "acme-parabola"


def test_a_registered_function_is_an_optimizee(installed: Path) -> None:
    assert registry.build("optimizee", "acme-function")({"x": 0.5}) == 0.5


def test_a_plugin_that_cannot_be_imported_names_its_distribution(installed: Path) -> None:
    with pytest.raises(
        ContractError, match=r"'acme-broken' .*acme-models 2\.1.*no_such_simulator.*acme_broken\.py, line 1"
    ):
        registry.resolve("optimizee", "acme-broken")
    with pytest.raises(ContractError, match=r"acme-exit.*SystemExit"):
        registry.resolve("optimizee", "acme-exit")
    with pytest.raises(ContractError, match=r"acme-absent.*Absent"):
        registry.resolve("optimizee", "acme-absent")


def test_a_missing_part_says_what_to_install(installed: Path) -> None:
    with pytest.raises(MissingPart, match="pip install acme"):
        registry.resolve("optimizee", "acme-missing")


def test_a_name_that_two_distributions_claim_is_refused(installed: Path) -> None:
    with pytest.raises(OptionError, match=r"registered more than once.*acme-models 2\.1 \(acme:Parabola\)"):
        registry.resolve("optimizer", "grid")


@pytest.mark.parametrize("name", ["model.py:Parabola", "./model.py:Parabola"])
def test_a_class_in_a_file_is_found_relative_to_the_base(
    model: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model / "elsewhere").mkdir()
    monkeypatch.chdir(model / "elsewhere")
    built = registry.build("optimizee", {"name": name, "width": 3.0, "table": "t.csv"}, base=model)
    assert type(built).__name__ == "Parabola"
    assert built.options == {"width": 3.0, "table": model / "t.csv"}


def test_a_function_option_is_read_from_text(model: Path) -> None:
    built = registry.build("optimizee", {"name": "model.py:Parabola", "shape": "model.py:plain"}, base=model)
    assert built.options["shape"].__name__ == "plain"


def test_objects_classes_and_names_build_alike(model: Path) -> None:
    cls = registry.resolve("optimizee", "model.py:Parabola", model)
    built = registry.build("optimizee", cls)
    assert registry.build("optimizee", built) is built
    assert registry.build("optimizee", {"name": cls, "width": 2.0}).options == {"width": 2.0}


def test_an_optimizer_gets_its_space_and_defaults_fill_in() -> None:
    space = ParameterSpace(x=Real(0.0, 1.0))
    given = {"name": "random", "population": 3}
    optimizer = registry.build("optimizer", given, space, defaults={"seed": 5, "unknown": 1})
    assert (optimizer.space, optimizer.seed, optimizer.population) == (space, 5, 3)
    assert registry.build("optimizer", given | {"seed": 7}, space, defaults={"seed": 5}).seed == 7
    assert registry.build("optimizer", given | {"seed": None}, space, defaults={"seed": 5}).seed == 5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("functon", "no optimizee 'functon'; did you mean 'function'?"),
        ("TestFunction", "no optimizee 'TestFunction'; did you mean 'function'?"),
        ("Nest Balanced_Network", "did you mean 'nest-balanced-network'?"),
        ("cma-es", "there is an optimizer of that name"),
        ("my_model.py", "name the class in the file, as in 'my_model.py:MyClass'"),
        ("package.module.Class", "written with a colon: package.module:Class"),
        ("absent.py:Model", "there is no file"),
        ("no_such_package.models:Model", "there is no module 'no_such_package'"),
        ("model.py:Parabla", "did you mean 'Parabola'?"),
    ],
)
def test_an_unknown_name_gets_help(model: Path, name: str, message: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        registry.resolve("optimizee", name, model)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("l2l.optimizers.random:RandomSearch", "expected an optimizee, got an optimizer"),
        ("model.py:Bystander", "a class that is no plugin; derive it from l2l.Optimizee"),
        ("model.py:Unfinished", "Unfinished does not implement simulate"),
        ("model.py:plain", "got a function; decorate it with @l2l.optimizee"),
        ("model.py:made", "got an object; name its class"),
        ("model.py:", "expected package.module:Name or file.py:Name"),
    ],
)
def test_a_thing_of_another_kind_is_refused(model: Path, name: str, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        registry.resolve("optimizee", name, model)
    assert message in str(caught.value)


def test_a_file_that_cannot_be_imported_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text("x = 1\ny = x +\n")
    with pytest.raises(OptionError, match=r"SyntaxError.*wrong\.py, line 2"):
        registry.resolve("optimizee", "wrong.py:Model", tmp_path)
    (tmp_path / "raises.py").write_text("\n\n1 / 0\n")
    with pytest.raises(OptionError, match=r"ZeroDivisionError.*raises\.py, line 3"):
        registry.resolve("optimizee", "raises.py:Model", tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "expected a name, or a mapping"),
        ({"width": 1.0}, "expected a name and options"),
        ({"name": 3}, "expected a name, or a mapping"),
        ({"name": "model.py:Parabola", "witdh": 1.0}, "no option 'witdh'; did you mean 'width'?"),
        ({"name": "model.py:Parabola", "width": "wide"}, "option 'width': expected float, got 'wide'"),
        ({"name": "model.py:Parabola", "width": -1.0}, "refuses its options: ValueError: width must be above 0"),
        ({"name": "model.py:Parabola", "shape": "model.py:absent"}, "option 'shape'"),
        ({"name": "model.py:decorated", "width": 1.0}, "takes no options, got 'width'"),
    ],
)
def test_wrong_options_are_refused(model: Path, given: object, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        registry.build("optimizee", given, base=model)
    assert message in str(caught.value)


def test_an_object_of_another_kind_is_refused(model: Path) -> None:
    optimizee = registry.build("optimizee", "model.py:Parabola", base=model)
    assert isinstance(optimizee, Plugin)
    with pytest.raises(OptionError, match="expected an optimizer, got an optimizee"):
        registry.build("optimizer", optimizee)


def test_names_are_looked_up_without_importing_any_plugin(tmp_path: Path) -> None:
    import subprocess

    code = (
        "import sys; from l2l import registry; registry.entries('optimizee'); registry.entries('optimizer');"
        "assert not [m for m in sys.modules if m.startswith(('l2l.optimizers.', 'l2l.optimizees.', 'cma', 'nest'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
