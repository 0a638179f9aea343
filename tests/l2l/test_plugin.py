from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import statistics
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Optional

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import l2l
from l2l import Individual, Optimizee, ParameterSpace, Real, Trial
from l2l.errors import NotFoundError, OptionError
from l2l.optimizer import Optimizer
from l2l.plugin import (
    Plugin,
    Reference,
    check_options,
    coerced,
    declared,
    describe_options,
    fits,
    from_plain,
    module_of_file,
    to_plain,
)
from tests.l2l.naming import named

if TYPE_CHECKING:
    from decimal import Decimal

    from numpy.typing import NDArray

SPACE = ParameterSpace(x=Real(-1.0, 1.0))


def double(x: float) -> float:
    return 2 * x


class Model(Plugin):
    """A plugin with an option of each kind.

    Args:
        rate: In spikes per second,
            which goes on
            over lines.

            And after a gap.
        low, high: Bounds of
            the search.
        mode (str): How it is done: quickly or well.
        morphology:
            Begins on the next line.

    Raises:
        OptionError: This: is no option.

    Example:
        >>> Model(rate=1.0)
    """

    def __init__(
        self,
        *,
        rate: float,
        low: float = 0.0,
        high: float | None = None,
        count: Optional[int] = None,  # noqa: UP045 - as older models write it
        mode: Literal["fast", "good", 1] = "fast",
        layers: Sequence[float] = (),
        pair: tuple[float, Path] | None = None,
        names: Mapping[str, float] = {},
        transfer: Callable[[float], float] = double,
        morphology: Path | None = None,
        weights: NDArray[np.float64] | None = None,
        array: np.ndarray | None = None,
        space: ParameterSpace | None = None,
        price: Decimal | None = None,
        anything: Any = None,
        quiet: bool = False,
        nothing=None,  # type: ignore[no-untyped-def]
    ) -> None:
        self.layers = layers
        self.names = names


# --- recording -----------------------------------------------------------------------------------------------------


def test_options_are_recorded_before_the_constructor_runs() -> None:
    class Early(Plugin):
        def __init__(self, *, a: int = 1, b: int = 2) -> None:
            self.seen = dict(self.options)

    assert Early(b=3).seen == {"b": 3}
    assert Early().options == {}


def test_the_record_is_never_changed_by_what_happens_to_the_values() -> None:
    layers, weights, names = [1.0, 2.0], np.ones(2), {"a": 1.0}
    model = Model(rate=1.0, layers=layers, weights=weights, names=names)
    model.layers.append(3.0)  # type: ignore[attr-defined]
    model.names["b"] = 2.0  # type: ignore[index]
    weights[0] = 5.0
    assert model.options["layers"] == [1.0, 2.0]
    assert model.options["names"] == {"a": 1.0}
    assert model.options["weights"].tolist() == [1.0, 1.0]
    with pytest.raises(TypeError):
        model.options["rate"] = 2.0  # type: ignore[index]
    with pytest.raises(ValueError, match="read-only"):
        model.options["weights"][0] = 2.0


def test_an_option_without_its_keyword_is_refused_since_it_would_not_be_recorded() -> None:
    class Loose(Optimizee):
        space = SPACE

        def __init__(self, noise: float = 0.1) -> None:
            self.noise = noise

        def simulate(self, individual: Individual, trial: Trial) -> float:
            return self.noise

    assert Loose(noise=0.3).options == {"noise": 0.3}
    assert [one.name for one in describe_options(Loose)] == ["noise"]
    with pytest.raises(OptionError, match=r"Loose: options are given by keyword \(noise\), got 0.3 without"):
        Loose(0.3)


def test_a_dataclass_can_be_a_plugin() -> None:
    @dataclasses.dataclass(frozen=True)
    class Simple(Optimizee):
        noise: float = 0.1

        def simulate(self, individual: Individual, trial: Trial) -> float:
            return self.noise

    assert Simple(noise=1).options == {"noise": 1}
    with pytest.raises(OptionError, match="option 'noise': expected float, got 'much'"):
        Simple(noise="much")  # type: ignore[arg-type]


class Stepping(Optimizer):
    """Takes steps.

    Args:
        step: Their length.
    """

    def __init__(self, space: ParameterSpace, *, step: float = 0.1, **options: Any) -> None:
        super().__init__(space, **options)
        self.step = step

    def ask(self, n: int | None = None) -> list[Individual]:
        return []

    def tell(self, individuals: Any, costs: Any, results: Any = None) -> None:
        pass


def test_the_space_of_an_optimizer_is_no_option() -> None:
    for built in (Stepping(SPACE, step=0.2), Stepping(space=SPACE, step=0.2)):
        assert built.options == {"step": 0.2}
        assert built.space is SPACE
    with pytest.raises(OptionError, match="Stepping: expected a ParameterSpace first, got 3"):
        Stepping(3)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="no option 'space'"):
        check_options(Stepping, {"space": SPACE}, positional=1)
    with pytest.raises(OptionError, match=r"given by keyword \(step, seed, initial\), got 0.2 without"):
        Stepping(SPACE, 0.2)  # type: ignore[misc]


def test_options_handed_on_to_the_base_class_are_options() -> None:
    built = Stepping(SPACE, seed=5)
    assert built.seed == 5 and built.options == {"seed": 5}
    described = {one.name: one for one in describe_options(Stepping)}
    assert list(described) == ["step", "seed", "initial"]
    assert described["step"].help == "Their length."
    assert described["seed"].help.startswith("Of `self.rng`"), "as the base class documents it"
    with pytest.raises(OptionError, match="no option 'sed'; did you mean 'seed'"):
        Stepping(SPACE, sed=5)
    with pytest.raises(OptionError, match="option 'seed': expected"):
        Stepping(SPACE, seed="5")


def test_a_plugin_without_constructor_has_no_options() -> None:
    class Bare(Plugin):
        pass

    assert describe_options(Bare) == ()
    for name in ("x", "args", "kwargs"):
        with pytest.raises(OptionError, match=f"Bare: no option '{name}'; there are none"):
            Bare(**{name: 1})


# --- checks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"Model: option 'rate' must be given"),
        ({"rte": 1.0, "rate": 1.0}, r"Model: no option 'rte'; did you mean 'rate'"),
        ({"rate": "8"}, r"Model: option 'rate': expected float, got '8'"),
        ({"rate": True}, r"Model: option 'rate': expected float, got True"),
        ({"rate": None}, r"Model: option 'rate': expected float, got None"),
        ({"rate": 1.0, "count": 1.0}, r"option 'count': expected (Optional\[int\]|int \| None), got 1.0"),
        ({"rate": 1.0, "mode": "slow"}, r"option 'mode': expected Literal\['fast', 'good', 1\], got 'slow'"),
        ({"rate": 1.0, "mode": True}, r"option 'mode'"),
        ({"rate": 1.0, "mode": np.array(["fast", "good"])}, r"option 'mode'"),
        ({"rate": 1.0, "layers": 3.0}, r"option 'layers': expected Sequence\[float\], got 3.0"),
        ({"rate": 1.0, "layers": "12"}, r"option 'layers': expected Sequence\[float\], got '12'"),
        ({"rate": 1.0, "layers": [1.0, "2"]}, r"option 'layers'"),
        ({"rate": 1.0, "pair": (1.0,)}, r"option 'pair': expected tuple\[float, Path\] \| None"),
        ({"rate": 1.0, "names": {"a": "1"}}, r"option 'names': expected Mapping\[str, float\], got"),
        ({"rate": 1.0, "names": [("a", 1.0)]}, r"option 'names'"),
        ({"rate": 1.0, "transfer": "double"}, r"option 'transfer': expected Callable\[\[float\], float\], got"),
        ({"rate": 1.0, "morphology": "cell.swc"}, r"option 'morphology': expected Path \| None, got 'cell.swc'"),
        ({"rate": 1.0, "weights": "heavy"}, r"option 'weights'"),
        ({"rate": 1.0, "array": [1.0]}, r"option 'array': expected ndarray \| None"),
        ({"rate": 1.0, "space": {"x": 1}}, r"option 'space': expected ParameterSpace \| None"),
        ({"rate": 1.0, "quiet": 1}, r"option 'quiet': expected bool, got 1"),
    ],
)
def test_what_does_not_fit_the_signature_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Model(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 8},
        {"rate": np.float32(8.0)},
        {"rate": math.inf, "high": None, "count": None},
        {"rate": 1.0, "high": 2, "count": 3, "mode": "good"},
        {"rate": 1.0, "mode": 1, "quiet": True},
        {"rate": 1.0, "layers": [1, 2.5]},
        {"rate": 1.0, "layers": (1, 2.5)},
        {"rate": 1.0, "layers": np.ones(3)},
        {"rate": 1.0, "pair": (1.0, Path("a"))},
        {"rate": 1.0, "names": {"a": 1, "b": 2.0}},
        {"rate": 1.0, "transfer": math.sqrt},
        {"rate": 1.0, "morphology": Path("cell.swc")},
        {"rate": 1.0, "weights": np.ones(2), "array": np.ones((2, 2))},
        {"rate": 1.0, "space": SPACE},
        {"rate": 1.0, "price": "of a type that only type checkers know", "nothing": object(), "anything": 3j},
    ],
)
def test_what_fits_the_signature_is_taken(options: dict[str, Any]) -> None:
    assert set(Model(**options).options) == set(options)


def test_one_annotation_that_cannot_be_resolved_leaves_the_others_checked() -> None:
    class Partly(Plugin):
        def __init__(self, *, unknown: NoSuchType = None, broken: 1 / 0 = None, rate: float = 1.0) -> None:  # type: ignore[name-defined,valid-type]  # noqa: F821
            pass

    assert Partly(unknown=1, broken=2).options == {"unknown": 1, "broken": 2}
    with pytest.raises(OptionError, match="option 'rate'"):
        Partly(rate="x")


def test_a_protocol_is_not_checked() -> None:
    from typing import Protocol

    class Drawing(Protocol):
        def draw(self) -> None: ...

    assert fits(3, Drawing)


# --- descriptions --------------------------------------------------------------------------------------------------


def test_options_are_described_from_signature_and_docstring() -> None:
    options = {one.name: one for one in describe_options(Model)}
    assert list(options)[:3] == ["rate", "low", "high"]
    assert options["rate"].required and not options["low"].required
    assert options["rate"].help == "In spikes per second, which goes on over lines. And after a gap."
    assert options["low"].help == options["high"].help == "Bounds of the search."
    assert options["mode"].help == "How it is done: quickly or well."
    assert options["morphology"].help == "Begins on the next line."
    assert options["count"].help == "" and "OptionError" not in options
    assert (options["low"].default, options["low"].type) == (0.0, "float")
    assert options["weights"].type == "NDArray[float64] | None"
    assert options["nothing"].type == ""


def test_types_are_shown_without_modules_but_words_are_left_alone() -> None:
    class Versioned(Plugin):
        def __init__(
            self, *, model: Literal["v1.0", "my.model"] = "v1.0", f: Callable[..., np.float64] | None = None
        ) -> None:
            pass

    model, f = describe_options(Versioned)
    assert model.type in {'Literal["v1.0", "my.model"]', "Literal['v1.0', 'my.model']"}
    assert f.type == "Callable[..., float64] | None"


def test_built_in_plugins_describe_every_option() -> None:
    from l2l import registry

    for kind in registry.KINDS:
        for name in registry.names(kind):
            cls = registry.resolve(kind, name)
            for option in describe_options(cls):  # type: ignore[arg-type]
                assert option.help, f"{name}: {option.name}"
                assert option.type, f"{name}: {option.name}"


# --- plain data ----------------------------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
KEYS = st.text(max_size=5) | st.sampled_from(["$path", "$array", "$tuple", "$code"]) | st.integers(0, 3) | st.none()
ARRAYS = st.sampled_from(
    [
        np.array([1.5, -0.0, 1e-300]),
        np.array([[1, 2], [3, 4]], dtype=np.int16),
        np.array([True, False]),
        np.array([0.1], dtype=np.float32),
        np.zeros((0, 3)),
        np.zeros((2, 0), dtype=int),
        np.array(2.0),
        np.array(["a", "bc"]),
    ]
)
PATHS = st.sampled_from([Path("/data/cell.swc"), Path("/data/with spaces/é")])
CODE = st.sampled_from([double, math.sqrt, np.tanh, np.mean, statistics.mean, Model, dict])
LEAVES = SCALARS | ARRAYS | PATHS | CODE | st.just(SPACE)
DATA = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=6,
)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return (
            type(other) is np.ndarray
            and one.dtype == other.dtype
            and one.tobytes() == other.tobytes()
            and (one.shape == other.shape)
        )
    if isinstance(one, dict):
        return type(other) is dict and list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other and (one != 0 or str(one) == str(other))


@given(DATA)
def test_what_is_written_exactly_is_read_as_it_was(value: Any) -> None:
    written = json.loads(json.dumps(to_plain(value, exact=True)))
    assert same(from_plain(written), value)


@given(DATA)
def test_otherwise_a_tuple_is_read_as_a_list(value: Any) -> None:
    written = json.loads(json.dumps(to_plain(value)))
    assert same(from_plain(written), as_lists(value))


def as_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_lists(one) for key, one in value.items()}
    return [as_lists(one) for one in value] if isinstance(value, list | tuple) else value


@given(DATA)
def test_relative_to_a_folder_is_read_relative_to_it(value: Any) -> None:
    base = Path("/data/runs/one")
    assert same(from_plain(to_plain(value, base, exact=True), base), value)


def test_paths_are_relative_to_the_folder(tmp_path: Path) -> None:
    assert to_plain(tmp_path / "in" / "cell.swc", tmp_path / "runs") == {"$path": "../in/cell.swc"}
    assert to_plain(Path("cell.swc"), Path.cwd() / "runs") == {"$path": "../cell.swc"}
    assert to_plain(Path("cell.swc")) == {"$path": str(Path.cwd() / "cell.swc")}
    assert from_plain({"$path": "../in/cell.swc"}, tmp_path / "runs") == tmp_path / "in" / "cell.swc"


def test_values_of_numpy_become_values_of_python() -> None:
    for value in (np.float64(1.5), np.int8(3), np.bool_(True), np.str_("a")):
        assert type(to_plain(value)) is type(value.item())


@l2l.optimizee(space=SPACE)
def decorated(individual: Individual) -> float:
    return float(individual["x"])


class Outer(Optimizee):
    """Wraps another.

    Args:
        inner: What it wraps.
        scale: Of its fitness.
    """

    space = SPACE

    def __init__(self, *, inner: Optimizee, scale: float = 1.0) -> None:
        self.inner = inner
        self.scale = scale

    def simulate(self, individual: Individual, trial: Trial) -> Any:
        return self.scale * self.inner.simulate(individual, trial)


def test_plugins_among_the_options_are_built_anew(tmp_path: Path) -> None:
    written = to_plain({"inner": Outer(inner=decorated, scale=2.0)}, tmp_path)
    (inner,) = from_plain(json.loads(json.dumps(written)), tmp_path).values()
    assert type(inner) is Outer and inner.options == {"inner": decorated, "scale": 2.0}


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", 1j, np.array([1j]), np.array([None]), range(3)], ids=named)
def test_other_things_are_refused(value: Any) -> None:
    with pytest.raises(OptionError, match="expected plain data, an array, a Path or an importable function, got"):
        to_plain({"a": [value]})


@pytest.mark.parametrize("value", [lambda x: x, partial(double, 1.0), SPACE.sample, [].append], ids=named)
def test_code_that_another_process_does_not_find_is_refused(value: Any) -> None:
    with pytest.raises(OptionError, match=r"other processes|a function"):
        to_plain(value)


# --- as the annotations say ----------------------------------------------------------------------------------------


def model_option(name: str, value: Any, base: Path) -> Any:
    return coerced(Model, {name: value}, base)[name]


def test_what_yaml_says_becomes_what_the_annotation_asks_for(tmp_path: Path) -> None:
    def option(name: str, value: Any) -> Any:
        return model_option(name, value, tmp_path)

    assert same(option("rate", 8), 8.0)
    assert same(option("rate", "8"), "8"), "left for the check to refuse"
    assert same(option("rate", True), True)
    assert same(option("high", 8), 8.0) and option("high", None) is None
    assert same(option("count", 1e3), 1000) and same(option("count", 1.5), 1.5)
    assert same(option("mode", 1), 1) and option("mode", "fast") == "fast"
    assert same(option("layers", [1, 2.5]), [1.0, 2.5])
    assert same(option("pair", [1, "in/cell.swc"]), (1.0, tmp_path / "in" / "cell.swc"))
    assert same(option("names", {"a": 1}), {"a": 1.0})
    assert option("morphology", "../cell.swc") == tmp_path.parent / "cell.swc"
    assert option("morphology", "~/cell.swc") == Path.home() / "cell.swc"
    assert same(option("weights", [1, 2]), np.array([1.0, 2.0]))
    assert same(option("array", [[1, 2]]), np.array([[1, 2]]))
    assert option("space", {"x": {"low": -1.0, "high": 1.0}}) == SPACE
    assert option("quiet", "yes") is True and option("quiet", "off") is False
    assert same(option("anything", [1, "a:b"]), [1, "a:b"])
    assert same(option("nothing", {"a": 1}), {"a": 1})


def test_a_text_becomes_the_function_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "my_functions.py").write_text("def triple(x):\n    return 3 * x\n")
    found = model_option("transfer", "my_functions.py:triple", tmp_path)
    assert found(2.0) == 6.0
    assert model_option("transfer", "statistics:mean", tmp_path) is statistics.mean


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raising.py:f", r"Model: option 'transfer': ZeroDivisionError: division by zero"),
        ("nowhere.py:f", r"Model: option 'transfer': there is no file .*nowhere\.py"),
        ("statistics:meen", r"Model: option 'transfer': statistics: no name 'meen'; did you mean 'mean'"),
        ("no_such_module:f", r"Model: option 'transfer': there is no module 'no_such_module'"),
    ],
)
def test_a_function_that_cannot_be_read_is_an_error_at_its_option(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "raising.py").write_text("1 / 0\n")
    with pytest.raises(OptionError, match=message):
        model_option("transfer", text, tmp_path)


@pytest.mark.parametrize(("name", "value"), [("space", {"x": {"low": 1, "high": 0}}), ("weights", ["a"])])
def test_what_cannot_be_read_is_an_error_at_its_option(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=f"Model: option '{name}': "):
        model_option(name, value, tmp_path)


def test_of_several_types_the_value_keeps_its_own() -> None:
    class Either(Plugin):
        def __init__(
            self,
            *,
            a: float | int = 0,
            b: str | Path = "",
            c: Path | Literal["auto"] = "auto",
            d: float | Sequence[float] | None = None,
            e: bool | float = True,
            f: Path | Sequence[Path] = (),
        ) -> None:
            pass

    base = Path("/base")
    read = coerced(Either, {"a": 1, "b": "x", "c": "auto", "d": 3, "e": True, "f": ["p"]}, base)
    assert same(read, {"a": 1, "b": "x", "c": "auto", "d": 3.0, "e": True, "f": [base / "p"]})
    assert same(coerced(Either, {"c": "file", "d": [1], "e": 2}, base), {"c": base / "file", "d": [1.0], "e": 2.0})


def test_options_that_mean_the_same_are_declared_the_same() -> None:
    one = declared(Model, {"rate": 8, "layers": [1, 2], "names": {"a": 1}, "count": 3, "anything": 1})
    other = declared(Model, {"rate": 8.0, "layers": [1.0, 2.0], "names": {"a": 1.0}, "count": 3, "anything": 1})
    assert same(one, other)


# --- references ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thing", [double, Model, math.sqrt, np.mean, np.tanh, statistics.mean, Individual.of, dict])
def test_a_reference_loads_what_it_is_to(thing: Any) -> None:
    reference = Reference.to(thing)
    assert reference.load() == thing
    assert Reference.parse(reference.text()) == reference


def test_standard_and_installed_modules_are_referred_to_by_name() -> None:
    assert Reference.to(statistics.mean) == Reference("statistics", "mean")
    assert Reference.to(np.mean).place == "numpy"
    assert Reference.to(pytest.fixture).place == "_pytest.fixtures"


def test_the_method_of_an_object_is_refused_and_that_of_a_class_found() -> None:
    with pytest.raises(OptionError, match="the method of an object"):
        Reference.to(SPACE.sample)

    assert Reference.to(Stop.of).load()() == Stop()


class Stop:
    @classmethod
    def of(cls) -> Stop:
        return cls()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    __hash__ = None  # type: ignore[assignment]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a module, from which nothing stays loaded."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_model.py").write_text("runs = []\nclass Network:\n    class Inner:\n        pass\nother = 1\n")
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_file_is_referred_to_by_its_path(files: Path) -> None:
    reference = Reference.parse("my_model.py:Network.Inner", files)
    assert reference == Reference(str(files / "my_model.py"), "Network.Inner")
    assert reference.is_file and reference.short == "my_model:Network.Inner"
    assert Reference.to(reference.load()) == reference
    assert reference.text(files / "runs" / "one") == "../../my_model.py:Network.Inner"


def test_a_file_runs_once_however_its_path_is_written(files: Path) -> None:
    (files / "sub").mkdir()
    first = module_of_file(files / "my_model.py")
    assert module_of_file(files / "sub" / ".." / "my_model.py") is first
    os.chdir(files)
    assert module_of_file(Path("my_model.py")) is first


def test_a_file_that_is_imported_already_does_not_run_again(files: Path) -> None:
    sys.path.insert(0, str(files))
    import my_model  # type: ignore[import-not-found]

    assert module_of_file(files / "my_model.py") is my_model
    reference = Reference.to(my_model.Network)
    assert reference == Reference(str(files / "my_model.py"), "Network"), "a module that only its folder makes findable"
    assert reference.load() is my_model.Network


def test_files_beside_a_model_do_not_stand_for_the_standard_library(files: Path) -> None:
    library = sys.path.index(str(Path(os.__file__).parent))
    for folder in ("first", "second"):
        (files / folder).mkdir()
        (files / folder / "model.py").write_text("import helper_of_ours\nimport this as told\n")
        (files / folder / "this.py").write_text("raise RuntimeError('this is no model')\n")
        (files / folder / "helper_of_ours.py").write_text(f"folder = {folder!r}\n")
    with contextlib.redirect_stdout(None):
        first = module_of_file(files / "first" / "model.py")
        assert Path(first.told.__file__).parent == Path(os.__file__).parent
        assert first.helper_of_ours.folder == "first"
        del sys.modules["helper_of_ours"]
        second = module_of_file(files / "second" / "model.py")
    assert second.helper_of_ours.folder == "second", "what stands beside a model is found before other models' files"
    assert sys.path.index(str(files / "second")) > library
    installed = [at for at, entry in enumerate(sys.path) if entry.endswith("-packages")]
    assert sys.path.index(str(files / "first")) > max(installed), "it shadows nothing that is installed any more"


def test_a_package_is_referred_to_by_name(files: Path) -> None:
    package = files / "my_package"
    package.mkdir()
    (package / "__init__.py").write_text("from my_package.inner import helper\nclass Network:\n    pass\n")
    (package / "inner.py").write_text("def helper():\n    pass\n")
    sys.path.insert(0, str(files))
    import my_package  # type: ignore[import-not-found]

    assert Reference.to(my_package.Network) == Reference("my_package", "Network")
    assert Reference.to(my_package.helper) == Reference("my_package.inner", "helper")


def test_a_module_beside_the_file_that_names_it_or_in_the_current_folder_is_found(files: Path) -> None:
    for folder in ("beside", "current"):
        package = files / folder / f"{folder}_package"
        package.mkdir(parents=True)
        (package / "model.py").write_text("class Network:\n    pass\n")
    os.chdir(files / "current")
    before = list(sys.path)
    for folder in ("beside", "current"):
        found = Reference.parse(f"{folder}_package.model:Network", files / "beside").load()
        assert found.__module__ == f"{folder}_package.model"
    assert sys.path == [*before, str(files / "beside"), str(files / "current")]
    Reference.parse("statistics:mean", files)
    Reference.parse("no_such_package:mean", files)
    assert len(sys.path) == len(before) + 2


def test_a_file_that_raises_is_tried_again(files: Path) -> None:
    (files / "half.py").write_text("class A:\n    pass\n1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        module_of_file(files / "half.py")
    (files / "half.py").write_text("class A:\n    pass\n")
    os.utime(files / "half.py", (1, 1))
    assert Reference.parse("half.py:A", files).load().__name__ == "A"


@pytest.mark.parametrize("text", ["my_model.py", "my_model.py:", ":Network", "Network", ""])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"expected package\.module:Name or file\.py:Name, got"):
        Reference.parse(text)


def test_what_is_not_there_is_not_found(files: Path) -> None:
    with pytest.raises(NotFoundError, match="no name 'Netwrk'; did you mean 'Network'"):
        Reference.parse("my_model.py:Netwrk", files).load()
    with pytest.raises(NotFoundError, match="there is no file"):
        Reference.parse("your_model.py:Network", files).load()
    with pytest.raises(NotFoundError, match=r"there is no module 'no_such_package'"):
        Reference.parse("no_such_package.module:Network").load()


def test_a_missing_import_of_a_module_is_not_taken_for_the_module(files: Path) -> None:
    (files / "needy.py").write_text("import no_such_simulator\n")
    sys.path.insert(0, str(files))
    with pytest.raises(ModuleNotFoundError, match="no_such_simulator"):
        Reference("needy", "A").load()


def test_what_is_defined_inside_a_function_is_refused() -> None:
    class Local:
        pass

    for thing in (Local, lambda: None):
        with pytest.raises(OptionError, match="defined inside a function; other processes can only find"):
            Reference.to(thing)


SCRIPT = textwrap.dedent(
    """\
    import sys
    from l2l.plugin import Reference
    class Network:
        pass
    if __name__ == "__main__":
        reference = Reference.to(Network)
        print(reference.text(), reference.load() is Network, *[n for n in sys.modules if "my_script" in n], sep="|")
    """
)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["sub folder/my_script.py"], "{0}/sub folder/my_script.py:Network|True"),
        (["-m", "my_script"], "{0}/my_script.py:Network|True"),
        (["-m", "my_package.my_script"], "my_package.my_script:Network|True"),
        (["-m", "my_package"], "my_package.__main__:Network|True"),
    ],
)
def test_the_main_script_is_found_however_it_is_started(tmp_path: Path, arguments: list[str], expected: str) -> None:
    for name in ("my_script.py", "sub folder/my_script.py", "my_package/my_script.py", "my_package/__main__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(SCRIPT)
    done = subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected.format(tmp_path)


def test_a_prompt_has_no_place_that_other_processes_find() -> None:
    for arguments in (["-c", SCRIPT], ["-"]):
        done = subprocess.run([sys.executable, *arguments], input=SCRIPT, capture_output=True, text=True)
        assert "OptionError: Network is defined in a notebook or at a prompt" in done.stderr.replace("l2l.errors.", "")
