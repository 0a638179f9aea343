"""What a batch job asks for: from flags, the experiment's file, the user's and the site's, the first of these first."""

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from l2l import document
from l2l.document import Place
from l2l.errors import OptionError, UserError, near
from l2l.quantities import bytes_of, duration, whole_number

SYSTEMS = ("slurm", "pbs", "lsf")


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings from one origin.

    Args:
        data: Key → value.
        error: The error that names a key of it, from its place and the problem.
        base: The folder that its paths are relative to.
    """

    data: Mapping[str, Any]
    error: Callable[[Place, str], UserError]
    base: Path


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a batch job asks for; None and empty where nobody said.

    Args:
        system: "slurm", "pbs" or "lsf".
        nodes: How many.
        ntasks: Processes that the batch system starts or has room for.
        cpus_per_task: Cores of each.
        time: Seconds that a job may take.
        account: That pays.
        partition: Or queue.
        memory: Bytes on each node.
        gpus: On each node.
        mail: Address that is told when a job ends.
        name: Of the job.
        max_jobs: Jobs of a chain.
        option: Further options of the batch system, as they stand in its scripts.
        template: A file that replaces the template of the script.
        modules: To load.
        environment: Folder of a virtual or conda environment to activate.
        setup: Further lines of shell, before the run.
    """

    system: str | None = None
    nodes: int | None = None
    ntasks: int | None = None
    cpus_per_task: int | None = None
    time: int | None = None
    account: str | None = None
    partition: str | None = None
    memory: int | None = None
    gpus: int | None = None
    mail: str | None = None
    name: str | None = None
    max_jobs: int | None = None
    option: tuple[str, ...] = ()
    template: Path | None = None
    modules: tuple[str, ...] = ()
    environment: Path | None = None
    setup: tuple[str, ...] = ()


def wishes(layers: Iterable[Layer]) -> Wishes:
    """What the layers say together, the first that names a key deciding on it; `null` takes it back.

    Raises:
        UserError: A key or a value is wrong, in whichever layer; names its place.
    """
    found: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.data.items():
            if key not in _CHECKS:
                raise layer.error((key,), near(key, _CHECKS, "setting of batch jobs"))
            checked = None if value is None else _CHECKS[key](layer, key, value)
            found.setdefault(key, checked)
    return Wishes(**{key: value for key, value in found.items() if value is not None})


def settings_files() -> list[Layer]:
    """The user's settings and the site's, as far as there are any.

    Raises:
        ConfigError: A file is no mapping, or `$L2L_SITE_CONFIG` names one that is not there.
    """
    files = [user_file()]
    if named := os.environ.get("L2L_SITE_CONFIG"):
        files.append(Path(named))
    else:
        files.append(Path("/etc/l2l/submit.yaml"))
    return [_layer_of(file) for file in files if file.exists() or str(file) == named]


def user_file() -> Path:
    """Where a user's own settings stand."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "l2l" / "submit.yaml"


def _layer_of(file: Path) -> Layer:
    read = document.read(file)
    data = {} if read.data is None else read.data
    if not isinstance(data, dict):
        raise read.error((), f"expected a mapping such as {{account: …, partition: …}}, got {data!r}")
    return Layer(data, read.error, file.absolute().parent)


# --- what each key may hold ------------------------------------------------------------------------------------------

Check = Callable[[Layer, str, Any], Any]


def _whole(layer: Layer, key: str, value: Any) -> int:
    number = whole_number(value)
    if number is None or number < 1:
        raise layer.error((key,), f"expected a whole number above 0, got {value!r}")
    return number


def _system(layer: Layer, key: str, value: Any) -> str:
    if value not in SYSTEMS:
        raise layer.error((key,), f"expected one of {', '.join(SYSTEMS)}, got {value!r}")
    return str(value)


def _word(layer: Layer, key: str, value: Any) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch(r"[\w.,:@+/=-]+", text):
        raise layer.error((key,), f"expected a word without spaces and special characters, got {value!r}")
    return text


def _time(layer: Layer, key: str, value: Any) -> int:
    # A bare number is minutes to Slurm and seconds to l2l, MM:SS to one and HH:MM to the other.
    ambiguous = not isinstance(value, str) or re.fullmatch(r"[\d.\s]*|\s*\d+:\d+(\.\d*)?\s*", value)
    if ambiguous:
        problem = "expected hours:minutes:seconds, as 02:00:00 or 1-12:00:00, or such as 10min, 1h30m or 2d"
        raise layer.error((key,), f"{problem}, got {value!r}")
    try:
        return math.ceil(duration(value, key))
    except OptionError as error:
        raise layer.error((key,), str(error).partition(": ")[2]) from None


def _memory(layer: Layer, key: str, value: Any) -> int:
    try:
        size = bytes_of(value, key)
    except OptionError as error:
        raise layer.error((key,), str(error).partition(": ")[2]) from None
    assert size is not None
    return size


def _lines(layer: Layer, key: str, value: Any) -> tuple[str, ...]:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list):
        raise layer.error((key,), f"expected a text, or a list of texts, got {value!r}")
    for number, one in enumerate(given):
        if not isinstance(one, str) or not one.strip() or not one.isprintable():
            place: Place = (key,) if isinstance(value, str) else (key, number)
            raise layer.error(place, f"expected one line of text, got {one!r}")
    return tuple(one.strip() for one in given)


def _setup(layer: Layer, key: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):  # a block of YAML
        value = [line for line in value.splitlines() if line.strip()]
    return _lines(layer, key, value)


def _path(layer: Layer, key: str, value: Any) -> Path:
    if not isinstance(value, str) or not value.strip():
        raise layer.error((key,), f"expected a path, got {value!r}")
    return layer.base / Path(value).expanduser()


def _template(layer: Layer, key: str, value: Any) -> Path:
    path = _path(layer, key, value)
    if not path.is_file():
        raise layer.error((key,), f"expected the file of a template, but there is no file {path}")
    return path


def _environment(layer: Layer, key: str, value: Any) -> Path:
    path = _path(layer, key, value)
    if not (path / "bin" / "l2l").exists():
        problem = f"expected the folder of an environment in which l2l is installed, but there is no {path}/bin/l2l"
        raise layer.error((key,), problem)
    return path


_CHECKS: dict[str, Check] = {
    "system": _system,
    "nodes": _whole,
    "ntasks": _whole,
    "cpus_per_task": _whole,
    "time": _time,
    "account": _word,
    "partition": _word,
    "memory": _memory,
    "gpus": _whole,
    "mail": _word,
    "name": _word,
    "max_jobs": _whole,
    "option": _lines,
    "template": _template,
    "modules": _lines,
    "environment": _environment,
    "setup": _setup,
}
assert list(_CHECKS) == [field.name for field in fields(Wishes)]
