"""From an experiment file to an `Experiment`."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from l2l import document, registry
from l2l.config.checks import CHECKS, known
from l2l.config.settings import PLUGINS, Change, Settings
from l2l.document import Document, Place
from l2l.errors import ConfigError, ContractError, L2LError, NotFoundError, OptionError, SpaceError
from l2l.experiment import Experiment
from l2l.experiment.identity import resolved
from l2l.optimizee import FunctionOptimizee, Optimizee
from l2l.plugin import Plugin, check_options, coerced, module_of_file

KEYS = (*PLUGINS, *CHECKS)
_ELSEWHERE = ("submit",)  # what batch jobs ask for: no part of the experiment, and read by `l2l submit` alone


def load(file: str | Path, changes: Iterable[Change] = ()) -> Experiment:
    """The experiment that a file describes.

    Args:
        file: YAML, or Python that defines `experiment`.
        changes: Values that replace those of the file.

    Raises:
        ConfigError: Something in it is wrong; names the place, what was expected and what came.
        MissingPart: It needs an optional part that is not installed.
        ContractError: A registered plugin cannot be imported.
    """
    file = Path(file)
    changes = list(changes)
    if file.suffix == ".py":
        return _from_python(file, changes)
    return from_settings(Settings(document.read(file), changes), default_directory=Path("runs") / file.stem)


def run_directory(file: Path) -> Path:
    """The folder into which a file's experiment runs; nothing of the experiment is built unless the file is Python.

    Raises:
        ConfigError: It is no experiment file.
    """
    if file.suffix == ".py":
        return load(file).directory
    settings = Settings(document.read(file))
    known(settings, (), settings.data, (*KEYS, *_ELSEWHERE))
    given = settings.data.get("directory")
    named = None if given is None else CHECKS["directory"](settings, ("directory",), given)
    return _directory(settings, named, Path("runs") / file.stem) or Path("runs") / file.stem


def from_settings(settings: Settings, default_directory: Path | None = None) -> Experiment:
    """The experiment that keys and values describe.

    Args:
        settings: A key is the argument of that name.
        default_directory: The run folder where none is given.

    Raises:
        ConfigError: As `load`.
    """
    data = settings.data
    known(settings, (), data, (*KEYS, *_ELSEWHERE))
    missing = [key for key in ("optimizee", "optimizer") if data.get(key) is None]
    if missing:
        got = ", ".join(data) or "nothing"
        raise settings.error((), f"expected the keys optimizee and optimizer, got {got}; {missing[0]!r} is missing")
    arguments = {key: CHECKS[key](settings, (key,), value) for key, value in data.items() if key in CHECKS}
    directory = _directory(settings, arguments.get("directory"), default_directory)
    optimizee = _optimizee(settings)
    optimizer = _plugin(settings, "optimizer", positional=1)
    launcher = _launcher(settings)
    _check_space(settings, optimizee, arguments.get("parameters", {}), arguments.get("initial", []))
    try:
        return Experiment(optimizee, optimizer, **(arguments | {"directory": directory, "launcher": launcher}))
    except ConfigError:
        raise
    except (OptionError, SpaceError, NotFoundError, KeyError) as error:
        raise _placed(settings, error, optimizer) from error


def _directory(settings: Settings, given: str | None, default: Path | None) -> Path | None:
    if given is None:
        return default
    base = Path.cwd() if settings.from_change(("directory",)) else settings.base
    return base / given


def _base(settings: Settings, place: Place) -> Path:
    return Path.cwd() if settings.from_change(place) else settings.base


# --- plugins -------------------------------------------------------------------------------------------------------


def _optimizee(settings: Settings) -> Optimizee:
    given = _plugin(settings, "optimizee")
    try:
        return registry.build("optimizee", given, base=settings.base)
    except (OptionError, SpaceError) as error:
        raise _placed(settings, error, given, "optimizee") from error


def _launcher(settings: Settings) -> Any:
    given = settings.data.get("launcher", "auto")
    if given == "auto":
        return given
    if isinstance(given, dict) and given.get("name", "auto") == "auto":
        # Options for whichever launcher it will be: that is known now, not in the file.
        settings.data["launcher"] = given | {"name": registry.detected_launcher()}
    return _plugin(settings, "launcher")


def _plugin(settings: Settings, kind: registry.Kind, positional: int = 0) -> Any:
    """A plugin's class and checked options as a mapping; a function that is an optimizee as it is."""
    given = settings.data[kind]
    if not isinstance(given, str | dict) or not given:
        example = f"{kind}: NAME or {kind}: {{name: NAME, option: value}}"
        raise settings.error((kind,), f"expected a name or a mapping, as in {example}, got {given!r}")
    place: Place = (kind,) if isinstance(given, str) else (kind, "name")
    if isinstance(given, dict) and not isinstance(given.get("name"), str):
        got = f"got {given['name']!r}" if "name" in given else f"got the keys {', '.join(given)}"
        raise settings.error(place if "name" in given else (kind,), f"expected a name and options, {got}")
    base = _base(settings, place)
    try:
        cls, options = registry.parts(kind, given, base)
    except (ContractError, OptionError, NotFoundError) as error:
        if isinstance(error, ContractError):
            raise
        raise settings.error(place, str(error)) from error
    if isinstance(cls, FunctionOptimizee):
        if options:
            raise settings.error((kind, next(iter(options))), "this optimizee is a function and takes no options")
        return cls
    return {"name": cls, **_options(settings, kind, cls, options, positional)}


def _options(
    settings: Settings, kind: str, cls: type[Plugin], options: Mapping[str, Any], positional: int
) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for name, value in options.items():
        try:
            checked |= coerced(cls, {name: value}, _base(settings, (kind, name)))
        except OptionError as error:
            raise _option_error(settings, kind, cls, error) from error
    try:
        check_options(cls, checked, positional)
    except OptionError as error:
        raise _option_error(settings, kind, cls, error) from error
    return checked


_NAMED_OPTION = re.compile(r"(?:no )?option '(?P<name>[^']+)'(?:: )?")


def _option_error(settings: Settings, kind: str, cls: type[Plugin], error: Exception) -> ConfigError:
    """An error of a plugin's options at the place of the option that it names."""
    problem = str(error).removeprefix(f"{cls.__name__}: ")
    match = _NAMED_OPTION.match(problem)
    given = settings.data[kind]
    if match and isinstance(given, dict) and match["name"] in given:
        rest = problem if problem.startswith("no ") else problem[match.end() :]
        return settings.error((kind, match["name"]), rest)
    return settings.error((kind,), f"{cls.__name__}: {problem}")


# --- errors of what is built ---------------------------------------------------------------------------------------


def _check_space(
    settings: Settings, optimizee: Optimizee, parameters: Mapping[str, Any], initial: Sequence[Mapping[str, Any]]
) -> None:
    """Compare overrides and first individuals with the space, where it is known without an evaluating process."""
    if type(optimizee).describe is not Optimizee.describe:
        return
    space = optimizee.space
    for name, override in parameters.items():
        with _at(settings, ("parameters", name)):
            space.narrow({name: override})
    with _at(settings, ("parameters",)):
        space = space.narrow(parameters)
    for number, values in enumerate(initial):
        with _at(settings, ("initial", number)):
            space.individual(values)


@contextmanager
def _at(settings: Settings, place: Place) -> Iterator[None]:
    """Errors of a space, at a place or at the key below it that they name."""
    try:
        yield
    except KeyError as error:
        problem = str(error.args[0])
    except SpaceError as error:
        problem = str(error)
    else:
        return
    name = place[-1]
    if match := re.match(r"parameter '([^']*)': ", problem):
        problem = problem[match.end() :]
        name = match[1]
        place = place if place[-1] == name else (*place, name)
    key, _, rest = problem.partition(": ")
    if rest and isinstance(settings.at((*place, key)), str | int | float | list | dict):
        place, problem = (*place, key), rest
    raise settings.error(_named_below(settings, place, problem), problem)


def _named_below(settings: Settings, place: Place, problem: str) -> Place:
    """The key at a place that a message says there is none such."""
    match = re.match(r"no [a-z ]+ '([^']*)'", problem)
    around = settings.at(place)
    return (*place, match[1]) if match and isinstance(around, dict) and match[1] in around else place


_LEADING_KEY = re.compile(r"(?P<key>[a-z_]+(?:[.\[][^\s:]*)?): (?P<rest>.*)", re.DOTALL)


def _placed(settings: Settings, error: Exception, plugin: Any, kind: str = "optimizer") -> ConfigError:
    """An error of the experiment at the place that its message begins with: a key, or the class of a plugin."""
    message = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    cls = plugin.get("name") if isinstance(plugin, dict) else None
    if isinstance(cls, type) and message.startswith(cls.__name__):
        return _option_error(settings, kind, cls, OptionError(message))
    match = _LEADING_KEY.fullmatch(message)
    if match and re.split(r"[.\[]", match["key"])[0] in KEYS:
        place = settings.place(re.sub(r"\[(\d+)\]", r".\1", match["key"]))
        return settings.error(_named_below(settings, place, match["rest"]), match["rest"])
    return settings.error((), message)


# --- Python files --------------------------------------------------------------------------------------------------


def _from_python(file: Path, changes: list[Change]) -> Experiment:
    if not file.is_file():
        raise ConfigError(file, "", "there is no such file")
    try:
        module = module_of_file(file)
    except L2LError as error:
        raise ConfigError(file, "", f"{registry.reason(error)}") from error
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(f"{file} was being imported: {registry.reason(interrupt)}")
        raise
    except BaseException as error:  # a file may raise whatever it likes
        raise ConfigError(file, "", f"it cannot be imported: {registry.reason(error)}") from error
    experiment = getattr(module, "experiment", None)
    if not isinstance(experiment, Experiment):
        got = "no such name" if experiment is None else f"{experiment!r}"
        raise ConfigError(file, "experiment", f"expected `experiment = l2l.Experiment(…)` at the top level, got {got}")
    return _changed(experiment, changes, file)


def _changed(experiment: Experiment, changes: list[Change], file: Path) -> Experiment:
    """An experiment of a Python file with some values replaced, through the data that it is written as."""
    given = experiment.arguments["directory"]
    directory = Path("runs") / file.stem if given is None else Path(given)
    if not changes:
        return experiment if given is not None else experiment.changed(directory=directory)
    base = file.absolute().parent
    try:
        data = resolved(experiment, base)
    except OptionError as error:
        raise ConfigError(changes[0].origin, "", f"cannot change what {file} defines: {error}") from error
    return from_settings(Settings(Document(file, data, {}), changes), directory)
