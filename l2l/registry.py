"""Names and mappings become plugins: registered names, `package.module:Class`, `my_model.py:MyNetwork`.

Plugins of this package and of others are registered through the same entry-point groups, `l2l.optimizers`,
`l2l.optimizees` and `l2l.launchers`, and are found by name only. Nothing is imported before it is asked for.
"""

import inspect
import traceback
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from l2l.errors import ContractError, L2LError, MissingPart, NotFoundError, OptionError, SpaceError, near
from l2l.optimizee import FunctionOptimizee, Optimizee, check_declared
from l2l.optimizer import Optimizer
from l2l.plugin import Plugin, Reference, coerced

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Kind = Literal["optimizer", "optimizee", "launcher"]
"""The three kinds of plugin."""

KINDS: tuple[Kind, ...] = ("optimizer", "optimizee", "launcher")

_CONTRACTS: dict[tuple[str, str], Kind] = {
    ("l2l.optimizer", "Optimizer"): "optimizer",
    ("l2l.optimizee", "Optimizee"): "optimizee",
    ("l2l.launcher", "Launcher"): "launcher",
}


# --- what is registered --------------------------------------------------------------------------------------------


def names(kind: Kind) -> list[str]:
    """The registered names of a kind, in alphabetical order."""
    return sorted(_registered(kind))


def entries(kind: Kind) -> dict[str, str]:
    """Registered name → importable text (`package.module:Class`), nothing imported."""
    return {name: _registered(kind)[name][0].value for name in names(kind)}


def distribution(kind: Kind, name: str) -> str:
    """The installed distribution that registers a name, with its version ("l2l 0.1.0"); "" where none does."""
    return " and ".join(_distribution(point) for point in _registered(kind).get(name, ()))


def name_of(kind: Kind, cls: type) -> str | None:
    """The registered name of a class, or None."""
    import sys

    place = f"{cls.__module__}:{cls.__qualname__}"
    for name, value in entries(kind).items():
        module, _, qualname = value.partition(":")
        if value == place or getattr(sys.modules.get(module), qualname, None) is cls:
            return name
    return None


@cache
def _registered(kind: Kind) -> dict[str, tuple["EntryPoint", ...]]:
    """Name → its entry points: one, or the several that claim it."""
    from importlib.metadata import entry_points

    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=f"l2l.{kind}s"):
        others = found.get(point.name, ())
        if all(other.value != point.value for other in others):
            found[point.name] = (*others, point)
    return found


def forget() -> None:
    """Look for installed plugins anew the next time, after one was installed while this process runs."""
    _registered.cache_clear()


def _distribution(point: "EntryPoint") -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"


# --- name → class --------------------------------------------------------------------------------------------------


def resolve(kind: Kind, name: str, base: Path | None = None) -> type[Plugin] | FunctionOptimizee:
    """The plugin class of a name, or the instance that `@l2l.optimizee` made of a function.

    Args:
        kind: What is wanted.
        name: A registered name, `package.module:Class`, or `my_model.py:MyNetwork`.
        base: The folder that files are relative to; the current one unless given.

    Raises:
        NotFoundError: There is none of that name; offers the near ones.
        OptionError: It is no plugin of that kind, or the file that it names cannot be imported.
        ContractError: A registered plugin cannot be imported; names its distribution.
        MissingPart: It needs an optional part that is not installed.
    """
    found = _load_reference(kind, name, base) if ":" in name else _load_registered(kind, name)
    return check_kind(kind, found, name)


def _load_reference(kind: Kind, name: str, base: Path | None) -> Any:
    try:
        reference = Reference.parse(name, base)
    except OptionError as error:
        raise OptionError(f"{kind} {name!r}: {error}") from None
    try:
        return reference.load()
    except NotFoundError as error:
        raise NotFoundError(f"{kind} {name!r}: {error}") from None
    except L2LError:
        raise
    except KeyboardInterrupt as interrupt:  # Ctrl-C, or raised by the file itself: nobody can tell
        interrupt.add_note(f"{kind} {name!r} was being imported: {reason(interrupt)}")
        raise
    except BaseException as error:  # a file may raise whatever it likes
        raise OptionError(f"{kind} {name!r} cannot be imported: {reason(error)}") from error


def _load_registered(kind: Kind, name: str) -> Any:
    points = _registered(kind).get(name)
    if not points:
        raise NotFoundError(_unknown(kind, name))
    if len(points) > 1:
        claims = ", ".join(f"{_distribution(point)} ({point.value})" for point in points)
        raise OptionError(f"{kind} {name!r} is registered more than once: {claims}; write package.module:Class instead")
    try:
        return points[0].load()
    except (MissingPart, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ContractError(
            f"{kind} {name!r} ({points[0].value}, from {_distribution(points[0])}) cannot be imported: {reason(error)}"
        ) from error


def _unknown(kind: Kind, name: str) -> str:
    if name.endswith(".py"):
        return f"no {kind} {name!r}; name the class in the file, as in {name + ':MyClass'!r}"
    wanted = _simplified(name)
    for known, value in entries(kind).items():
        if wanted in (_simplified(known), _simplified(value.rpartition(":")[2])):
            return f"no {kind} {name!r}; did you mean {known!r}?"
    for other in KINDS:
        if other != kind and name in _registered(other):
            return f"no {kind} {name!r}; there is an {other} of that name ({kind}s: {', '.join(names(kind))})"
    colon = ""
    if "." in name:
        module, _, qualname = name.rpartition(".")
        colon = f"; a class in a module is written with a colon: {module}:{qualname}"
    return near(name, names(kind), kind) + colon


def _simplified(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def kind_of(cls: type) -> Kind | None:
    """Which kind of plugin a class is; None where it is none."""
    for base in cls.__mro__:
        if kind := _CONTRACTS.get((base.__module__, base.__qualname__)):
            return kind
    return None


def check_kind(kind: Kind, thing: Any, name: str) -> type[Plugin] | FunctionOptimizee:
    """The thing itself, if it is a plugin of that kind from which objects can be built.

    Args:
        kind: What is wanted.
        thing: What was found.
        name: How the user called it.

    Raises:
        OptionError: It is not; says what it is.
    """
    wanted = f"expected an {kind}" if kind[0] == "o" else f"expected a {kind}"
    if kind == "optimizee" and isinstance(thing, FunctionOptimizee):
        return thing
    if not isinstance(thing, type):
        if inspect.isfunction(thing):
            remedy = "; decorate it with @l2l.optimizee(space=…)" if kind == "optimizee" else ""
            raise OptionError(f"{name!r}: {wanted}, got a function{remedy}")
        got = "an object; name its class" if isinstance(thing, Plugin) else f"{type(thing).__name__} {thing!r}"
        raise OptionError(f"{name!r}: {wanted}, got {got}")
    found = kind_of(thing)
    if found != kind:
        got = f"a class that is no plugin; derive it from l2l.{kind.capitalize()}"
        if found:
            got = f"an {found}" if found[0] == "o" else f"a {found}"
        raise OptionError(f"{name!r}: {wanted}, got {got}")
    if inspect.isabstract(thing):
        missing = ", ".join(sorted(getattr(thing, "__abstractmethods__", ())))
        raise OptionError(f"{name!r}: {thing.__name__} does not implement {missing}, which every {kind} must")
    return cast("type[Plugin]", thing)


def reason(error: BaseException) -> str:
    """An exception in one line: type, text, and the place in the file where it was raised."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}, line {error.lineno})"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and not frame.filename.startswith("<frozen") and "importlib" not in frame.filename
    ]
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    text = " ".join((str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)).split())
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"


# --- name or mapping → object --------------------------------------------------------------------------------------


@overload
def build(
    kind: Literal["optimizer"], given: Any, *positional: Any, base: Path | None = ..., defaults: Mapping[str, Any] = ...
) -> Optimizer: ...
@overload
def build(
    kind: Literal["optimizee"], given: Any, *positional: Any, base: Path | None = ..., defaults: Mapping[str, Any] = ...
) -> Optimizee: ...
@overload
def build(
    kind: Literal["launcher"], given: Any, *positional: Any, base: Path | None = ..., defaults: Mapping[str, Any] = ...
) -> Any: ...
def build(
    kind: Kind,
    given: Any,
    *positional: Any,
    base: Path | None = None,
    defaults: Mapping[str, Any] = {},
) -> Any:
    """The plugin that an object, a class, a name or a mapping `{"name": …, option: value}` stands for.

    Args:
        kind: What is wanted.
        given: An object is returned as it is.
        positional: What the constructor takes before its options (an optimizer its space).
        base: The folder that files are relative to; the current one unless given.
        defaults: Options for what was not given or is None, as far as the constructor knows them.

    Raises:
        NotFoundError, OptionError, ContractError, MissingPart: As `resolve`; an option is unknown, missing or wrong.

    Example:
        >>> build("optimizee", {"name": "function", "dimension": 3}).space.dimension
        3
    """
    if isinstance(given, Plugin):
        if kind_of(type(given)) != kind:
            check_kind(kind, type(given), type(given).__name__)
        return _checked(given)
    cls, options = parts(kind, given, base)
    if isinstance(cls, FunctionOptimizee):
        if options:
            raise OptionError(f"optimizee {given['name']!r} is a function and takes no options, got {_listed(options)}")
        return _checked(cls)
    options = coerced(cls, options, base or Path.cwd())
    known = inspect.signature(cls.__init__).parameters
    for name, value in defaults.items():
        if name in known and options.get(name) is None:
            options[name] = value
    try:
        return _checked(cls(*positional, **options))
    except (OptionError, SpaceError) as error:
        if str(error).startswith(cls.__name__):
            raise
        raise type(error)(f"{cls.__name__}: {error}") from error
    except L2LError:
        raise
    except (TypeError, ValueError, KeyError, OSError, ArithmeticError, MemoryError, RecursionError) as error:
        raise OptionError(f"{cls.__name__} refuses its options: {reason(error)}") from error


def _checked(plugin: Plugin) -> Plugin:
    if isinstance(plugin, Optimizee):
        check_declared(plugin)
    return plugin


def parts(kind: Kind, given: Any, base: Path | None = None) -> tuple[type[Plugin] | FunctionOptimizee, dict[str, Any]]:
    """The class and the options, as written, that a class, a name or a mapping stands for.

    Raises:
        NotFoundError, OptionError, ContractError, MissingPart: As `resolve`; or it is none of these.
    """
    options: dict[str, Any] = {}
    name = given
    if isinstance(given, Mapping):
        options = dict(given)
        if "name" not in options:
            raise OptionError(f"{kind}: expected a name and options, as in {{name: …}}, got {_listed(options)}")
        name = options.pop("name")
    if isinstance(name, str):
        return resolve(kind, name, base), options
    if isinstance(name, type | FunctionOptimizee) or inspect.isfunction(name):
        return check_kind(kind, name, getattr(name, "__name__", kind)), options
    raise OptionError(f"{kind}: expected a name, or a mapping with a name and options, got {given!r}")


def _listed(options: Iterable[str]) -> str:
    return ", ".join(map(repr, options)) or "nothing"


def detected_launcher() -> str:
    """The name of the launcher under which this process finds itself; `local` where there is none.

    Raises:
        LauncherError: It finds itself under one that cannot work.
    """
    for name in names("launcher"):
        try:
            cls = cast("Any", resolve("launcher", name))
        except L2LError:
            continue  # one that cannot be imported here is not what we run under
        if cls.detect():
            return name
    return "local"


def served() -> bool:
    """Where this process is one of a launcher's workers, serve until the leader ends.

    Returns:
        Whether it was; False at once where this process is to lead.
    """
    return bool(cast("Any", resolve("launcher", detected_launcher())).serve())
