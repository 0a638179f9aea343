"""Scripts from templates: `{{name}}` stands for a value.

A line with a name for which there is no value is left out; a line whose value is several lines is written for each.
"""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import fields
from importlib.resources import files
from pathlib import Path

from l2l.errors import ConfigError, near, storage_error
from l2l.experiment.folder import claim_folder, make_folder
from l2l.files import open_new
from l2l.submit.job import Job
from l2l.submit.system import System, Value

_NAME = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def script_of(job: Job, system: System) -> str:
    """The batch script of a job.

    Raises:
        ConfigError: A site's template cannot be read, or has a name in it that stands for nothing.
    """
    template = job.wishes.template
    if template is None:
        text = (files("l2l.submit") / "templates" / f"{system.name}.sh").read_text(encoding="utf-8")
        return render(text, values_of(job, system), Path(f"{system.name}.sh"))
    try:
        text = template.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(template, "", f"the template cannot be read: {error}") from None
    return render(text, values_of(job, system), template)


def values_of(job: Job, system: System) -> dict[str, Value]:
    """What the names of a template stand for."""
    wishes = job.wishes
    values: dict[str, Value] = {field.name: getattr(wishes, field.name) for field in fields(wishes)}
    values |= {
        "about": f"Written by l2l submit for {job.file.name}.",
        "tasks": job.tasks,
        "seconds": wishes.time,
        "directory": shlex.quote(str(job.place)),
        "activate": _activation(wishes.environment),
        "command": " \\\n    ".join(shlex.join(part) for part in job.command(system)),
        "folder": shlex.quote(str(job.folder)),
    }
    return values | system.values(job)


def _activation(environment: Path | None) -> str | None:
    """The shell line that activates an environment."""
    if environment is None:
        return None
    path = shlex.quote(str(environment))
    if (environment / "conda-meta").is_dir():
        return f'eval "$(conda shell.bash hook)" && conda activate {path}'
    return f"source {path}/bin/activate"


def render(template: str, values: Mapping[str, Value], file: Path) -> str:
    """A template with its names replaced.

    Args:
        template: Text.
        values: Name → what it stands for; None: its lines are left out; several: its line once for each.
        file: What to call it in errors.

    Raises:
        ConfigError: A name stands for nothing; names the line.
    """
    lines: list[str] = []
    for number, line in enumerate(template.splitlines(), start=1):
        names = list(dict.fromkeys(_NAME.findall(line)))
        for name in names:
            if name not in values:
                raise ConfigError(file, "", near(name, values, "value"), number)
        if any(values[name] in (None, (), []) for name in names):
            continue
        several = next((name for name in names if isinstance(values[name], tuple)), None)
        for one in _items(values[several]) if several else ["the line once"]:
            here = {name: one if name == several else str(values[name]) for name in names}
            lines += _NAME.sub(lambda match, here=here: here[match[1]], line).rstrip().split("\n")  # type: ignore[misc]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _items(value: Value) -> list[str]:
    assert isinstance(value, tuple)
    return list(value)


def write_script(job: Job, text: str) -> None:
    """Write a job's script, and make the folder of its log.

    Raises:
        UserError: The run's folder cannot be, or is not of a run.
        StorageError: They cannot be written.
    """
    path = job.script
    make_folder(job.folder)
    claim_folder(job.folder)
    try:
        (job.folder / "logs").mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(exist_ok=True)
        # Jobs that wait have a copy of their own, but a chain that runs must not read half a script.
        # The names of files in it are any bytes.
        partial = path.with_suffix(".partial")
        with os.fdopen(open_new(partial), "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        partial.chmod(0o755)
        partial.replace(path)
    except OSError as error:
        raise storage_error(path, "write", error) from error
