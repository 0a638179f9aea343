"""`l2l submit`: run an experiment in batch jobs."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l.cli.dispatch import FINISHED
from l2l.cli.folders import begun, shown
from l2l.cli.parser import Command
from l2l.cli.run import change_arguments, changes_of, check_not_read, whole
from l2l.display.hints import typed
from l2l.display.output import say

if TYPE_CHECKING:
    from l2l.config import Settings
    from l2l.experiment import Experiment
    from l2l.submit import Layer, System, Wishes
    from l2l.submit.job import Job

_NUMBERS = {
    "nodes": "how many nodes; alone, on Slurm, these are whole nodes with all that they have",
    "ntasks": "how many tasks; as many as simulate at once unless given",
    "cpus_per_task": "cores of each task; the threads of a trial unless given",
    "gpus": "GPUs on each node",
    "max_jobs": "jobs of the chain, each going on where the one before was ended (10)",
}
_TEXTS = {
    "time": ("T", "what a job may take, as 02:00:00 or 1-12:00:00"),
    "account": ("A", "account that pays"),
    "partition": ("P", "partition or queue"),
    "memory": ("M", 'memory on each node, as "64 GB"'),
    "mail": ("ADDRESS", "address that is told when a job ends"),
    "name": ("NAME", "of the job"),
    "template": ("FILE", "template of the script, in place of the one that comes with l2l"),
}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="a YAML file, or a Python file that defines `experiment`"
    )
    parser.add_argument("--system", metavar="S", help="slurm, pbs or lsf; that whose programs are here unless given")
    for name, explanation in _NUMBERS.items():
        parser.add_argument(_flag(name), metavar="N", type=whole, help=explanation)
    for name, (metavar, explanation) in _TEXTS.items():
        parser.add_argument(_flag(name), metavar=metavar, help=explanation)
    parser.add_argument(
        "--option",
        metavar="TEXT",
        action="append",
        help="a further option of the batch system, as --option=--qos=high; may be given several times",
    )
    parser.add_argument("--directory", metavar="D", help="the run's folder; runs/<name of the file> unless given")
    change_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="write the script and show it, and submit nothing")
    parser.add_argument("--again", action="store_true", help="submit although a job of this run waits already")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _run(arguments: argparse.Namespace) -> int:
    from l2l import config
    from l2l.submit import of_name, settings_files, wishes
    from l2l.submit.chain import Record
    from l2l.submit.script import script_of, write_script
    from l2l.submit.system import found_here

    settings = _settings(arguments)
    said = wishes([_flags(arguments), *_section(settings), *settings_files()])
    system = of_name(said.system) if said.system else found_here()
    experiment = config.load(arguments.file, changes_of(arguments))
    check_not_read(arguments.file, experiment)
    job = _job(arguments, settings, experiment, said, system)
    if _refuse_begun(experiment, job.folder):
        say(f"{shown(job.folder)} is finished already; nothing was submitted")
        return FINISHED
    text = script_of(job, system)
    waiting = None if arguments.again else Record(job.folder).living()
    if not arguments.dry_run:
        _refuse_second(job, system, waiting)
    if not waiting:  # whose successors take the script that is there
        write_script(job, text)
    say(text, flush=True)
    if waiting:
        say(f"# not written, since job {waiting} of this run waits or runs already; nothing was submitted")
    elif arguments.dry_run:
        say(f"# written to {shown(job.script)}; nothing was submitted")
    else:
        _submit(job, system)
    return FINISHED


def _submit(job: "Job", system: "System") -> None:
    from l2l.submit.chain import submit_first

    number = submit_first(system, job.script, job.folder)
    say(f"submitted job {number}")
    status = f"l2l status {typed(job.folder)}   # once it has begun"
    for hint in [*system.hints(number, str(job.wishes.name)), status]:
        say(f"  {hint}")


# --- what was said ---------------------------------------------------------------------------------------------------


def _settings(arguments: argparse.Namespace) -> "Settings":
    """The file with what flags change of it; of a Python file the launcher alone."""
    from l2l import config, document

    read = document.read(arguments.file) if arguments.file.suffix != ".py" else None
    if read is None:
        launcher = config.load(arguments.file).launcher
        read = document.Document(arguments.file, {"launcher": _described(launcher)}, {})
    return config.Settings(read, changes_of(arguments))


def _described(launcher: Any) -> str | dict[str, Any]:
    """A launcher as a file would name it."""
    from l2l import registry

    if isinstance(launcher, str):
        return launcher
    built = not isinstance(launcher, Mapping | type)
    cls, options = (type(launcher), launcher.options) if built else registry.parts("launcher", launcher)
    assert isinstance(cls, type)
    return {"name": registry.name_of("launcher", cls) or cls.__name__, **options}


def _flags(arguments: argparse.Namespace) -> "Layer":
    from l2l.errors import OptionError
    from l2l.submit import Layer

    names = ("system", "option", *_NUMBERS, *_TEXTS)
    data = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    return Layer(data, lambda place, problem: OptionError(f"{_flag(str(place[0]))}: {problem}"), Path.cwd())


def _section(settings: "Settings") -> list["Layer"]:
    """The section `submit` of the file."""
    from l2l.submit import Layer

    given = settings.data.get("submit")
    if given is None:
        return []
    if not isinstance(given, dict):
        example = "{nodes: 2, time: 02:00:00}"
        raise settings.error(("submit",), f"expected a mapping such as {example}, got {given!r}")
    return [Layer(given, lambda place, problem: settings.error(("submit", *place), problem), settings.base)]


def _job(
    arguments: argparse.Namespace, settings: "Settings", experiment: "Experiment", said: "Wishes", system: "System"
) -> "Job":
    from l2l.submit.job import job_for

    launcher = settings.data.get("launcher", "auto")
    options = launcher if isinstance(launcher, dict) else {"name": launcher}
    workers = options.get("workers")
    changes = [part for text in arguments.changes if not _of_jobs(text) for part in ("--set", text)]
    changes += ["--launcher", arguments.launcher] if arguments.launcher else []
    changes += ["--workers", str(arguments.workers)] if arguments.workers else []
    return job_for(
        said,
        system,
        folder=experiment.directory.absolute(),
        file=arguments.file,
        resources=experiment.resources,
        launcher=str(options.get("name", "auto")),
        workers=workers if isinstance(workers, int) else None,
        changes=changes,
    )


def _of_jobs(change: str) -> bool:
    return change.partition("=")[0].strip().split(".")[0] == "submit"


# --- what was done already -------------------------------------------------------------------------------------------


def _refuse_begun(experiment: "Experiment", folder: Path) -> bool:
    """Whether the run is finished.

    Raises:
        Locked: It is led by somebody.
        DifferentExperiment: The folder holds another one, as the job would find out too late.
    """
    from l2l import document
    from l2l.errors import Locked
    from l2l.experiment.identity import check_same
    from l2l.experiment.lead import is_over
    from l2l.lock import holder

    if leader := holder(folder):
        raise Locked(f"{shown(folder)}: {leader} leads this run already; nothing was submitted")
    if not begun(folder):
        return False
    check_same(experiment, document.read(folder / "experiment.yaml").data, folder)
    return is_over(experiment, folder)


def _refuse_second(job: "Job", system: "System", waiting: str | None) -> None:
    """Refuse to submit where it cannot be done, or was done.

    Raises:
        Locked: A job of this run waits or runs.
        OptionError: The batch system is not here.
    """
    from l2l.errors import Locked, OptionError

    if not system.is_here:
        raise OptionError(
            f"--system {system.name}: there is no {system.program} on the PATH; submit from a login node, or see the "
            "script with --dry-run"
        )
    if waiting:
        raise Locked(
            f"{shown(job.folder)}: job {waiting} of this run waits or runs already; nothing was submitted "
            "(--again submits all the same)"
        )


COMMAND = Command(
    "submit",
    "run an experiment in batch jobs",
    "Write a batch script, show it, and submit it. The job runs the experiment as `l2l run` would, and submits its\n"
    "own successor, which goes on where the time was over, until the experiment is finished. What batch jobs ask for\n"
    "comes from these flags, from the section `submit` of the file, from ~/.config/l2l/submit.yaml and from\n"
    "/etc/l2l/submit.yaml (or the file that $L2L_SITE_CONFIG names); the first that says something counts.",
    "  l2l submit experiments/brunel.yaml --nodes 2 --time 02:00:00 --dry-run\n"
    "  l2l submit experiments/brunel.yaml --ntasks 64 --time 02:00:00 --account brain --option=--qos=high\n"
    "  l2l submit experiments/brunel.yaml --system pbs --ntasks 64 --time 02:00:00\n",
    _arguments,
    _run,
)
