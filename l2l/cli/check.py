"""`l2l check`: what will happen, before it costs anything."""

import argparse
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l import quantities
from l2l.cli.budget import Budget
from l2l.cli.parser import Command
from l2l.cli.run import change_arguments, changes_of, check_not_read
from l2l.display.output import say
from l2l.display.tables import aligned, cell, duration
from l2l.errors import OptionError, UserError
from l2l.quantities import DURATIONS
from l2l.values import Status, Trial

if TYPE_CHECKING:
    from l2l.experiment import Experiment
    from l2l.launcher import Description, Launcher
    from l2l.optimizer import Optimizer
    from l2l.provenance import Fingerprint
    from l2l.space import ParameterSpace
    from l2l.values import Evaluation, Resources


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        metavar="FILE",
        type=Path,
        help="a YAML file, or a Python file that defines `experiment`; or the folder of a run, or its trajectory.h5",
    )
    parser.add_argument("--directory", metavar="D", help="the run's folder")
    parser.add_argument(
        "--probe",
        action="store_true",
        help="run one trial of the default individual, to see that it works and how long it takes",
    )
    parser.add_argument(
        "--seconds", metavar="S", type=_seconds, help="what a trial takes, where that is known: for the core hours"
    )
    change_arguments(parser)


def _seconds(text: str) -> float:
    try:
        return quantities.duration(float(text) if re.fullmatch(r"[-+.\deE]+", text) else text, "S")
    except (OptionError, ValueError):
        raise argparse.ArgumentTypeError(f"expected seconds above 0 or such as {DURATIONS}, got {text!r}") from None


def _run(arguments: argparse.Namespace) -> int:
    from l2l import config, registry
    from l2l.experiment.changes import check_as_loaded
    from l2l.provenance import fingerprint

    if registry.served():
        return 0
    if _is_run(arguments.file):
        return _of_run(arguments.file)
    experiment = config.load(arguments.file, changes_of(arguments))
    check_not_read(arguments.file, experiment)
    _line("optimizee", _plugin_text(experiment, "optimizee"))
    _line("optimizer", _plugin_text(experiment, "optimizer"))
    _check_files(experiment)
    _line("folder", _folder_text(experiment))
    now = fingerprint(experiment.optimizee)
    check_as_loaded(now, experiment.directory)
    _line("model", _model_text(now))
    launcher = experiment.launcher_for()
    launcher.check_optimizee(experiment.optimizee)
    _check_limits(experiment, launcher)
    slots = _slots(experiment, launcher)
    with _stand_in(experiment, launcher) as evaluating:
        resources = _resources_here(experiment, launcher, evaluating)
        evaluating.start(experiment.optimizee, resources)
        said = evaluating.describe()
        _check_unchanged(experiment, now, said)
        space = experiment.narrowed(said.space)
        optimizer = experiment.optimizer_for(space)
        for name, text in _report(experiment, optimizer, space, said):
            _line(name, text)
        if about := optimizer.about():
            _line("asks", about)
        _line("launcher", _launcher_text(experiment, launcher, slots or evaluating.slots))
        budget = Budget(experiment, space, optimizer, slots or evaluating.slots)
        if arguments.probe:
            one = _one_trial(experiment, space, evaluating, resources)
            _line("one trial", _trial_text(experiment, one))
            if one.status != Status.OK:
                say("the default individual fails; look at the model before the experiment runs")
                return 1
            budget = budget.taking(one.seconds)
        if arguments.seconds:
            budget = budget.taking(arguments.seconds)
        for name, text in budget.lines():
            _line(name, text)
    say("this experiment can run")
    return 0


def _is_run(path: Path) -> bool:
    from l2l.cli.folders import begun

    return path.suffix == ".h5" or (path.is_dir() and begun(path))


def _of_run(path: Path) -> int:
    """Check a run instead of an experiment: all of its journal and its archive."""
    from l2l.archive.check import check_run
    from l2l.cli.folders import shown
    from l2l.lock import holder

    folder = path if path.is_dir() else path.parent
    if leader := holder(folder):
        _line("leader", f"{leader}; what it writes meanwhile is not checked")
    found = check_run(path)
    for name, text in found.right.items():
        _line(name, text)
    for problem in found.wrong:
        _line("wrong", problem)
    if found.wrong:
        say(f"this run is damaged; recover what can be proved right: l2l repair {shown(folder)} --into NEW")
        return 1
    say("this run is whole")
    return 0


def _line(name: str, text: str) -> None:
    say(f"{name:<11} " + text.replace("\n", "\n" + " " * 12), flush=True)


def _plugin_text(experiment: "Experiment", kind: Any) -> str:
    from l2l import registry
    from l2l.optimizee import FunctionOptimizee

    if isinstance(experiment.optimizee, FunctionOptimizee) and kind == "optimizee":
        return f"the function {experiment.optimizee.function.__name__}"
    cls: type = experiment.optimizer_class if kind == "optimizer" else type(experiment.optimizee)
    options = experiment.optimizer_options if kind == "optimizer" else dict(experiment.optimizee.options)
    name = registry.name_of(kind, cls) or cls.__name__
    said = ", ".join(f"{option}={cell(value)}" for option, value in options.items())
    return f"{name} ({said})" if said else name


def _check_files(experiment: "Experiment") -> None:
    """Refuse options that name files which are not there, before any process is started."""
    for name, value in experiment.optimizee.options.items():
        for path in _paths(value):
            if not path.exists():
                raise OptionError(f"optimizee.{name}: there is no file {path}")


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _paths(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _paths(one)


def _folder_text(experiment: "Experiment") -> str:
    """What the run folder holds.

    Raises:
        UserError: It holds another experiment, is led by another process, or cannot be written.
    """
    from l2l import document
    from l2l.cli.folders import begun, shown
    from l2l.errors import Locked
    from l2l.experiment.folder import check_folder, check_path
    from l2l.experiment.identity import check_same
    from l2l.experiment.lead import is_over
    from l2l.lock import holder

    folder = experiment.directory.absolute()
    check_path(folder)
    check_folder(folder)
    if leader := holder(folder):
        raise Locked(f"{folder}: {leader} leads this run already")
    around = next(one for one in (folder, *folder.parents) if one.exists())
    if not os.access(around, os.W_OK):
        raise OptionError(f"directory: {around} cannot be written; choose another directory")
    if not begun(folder):
        return f"{shown(folder)}: new"
    check_same(experiment, document.read(folder / "experiment.yaml").data, folder)
    further = "which is finished" if is_over(experiment, folder) else "and `l2l run` goes on with it"
    return f"{shown(folder)}: holds this experiment, {further}"


def _check_unchanged(experiment: "Experiment", now: "Fingerprint", said: "Description") -> None:
    """Refuse an optimizee that is not the one with which the run in the folder began."""
    from l2l.cli.folders import begun
    from l2l.cli.running import retold
    from l2l.errors import ChangedOptimizee
    from l2l.experiment.changes import IN_PYTHON, aggregate_of, check_same_aggregate, check_unchanged
    from l2l.trajectory import Trajectory

    if not begun(experiment.directory):
        return
    run = Trajectory(experiment.directory)
    try:
        check_same_aggregate({"aggregate": run.aggregate_parts}, aggregate_of(experiment), experiment.directory)
        if run.fingerprint == now.with_version(said.version):
            return
        check_unchanged({"parts": run.parts, "texts": run.texts}, now, experiment.directory)
        raise ChangedOptimizee(
            f"{experiment.directory}: the optimizee's version() says another one than when this run began.", *IN_PYTHON
        )
    except ChangedOptimizee as error:
        raise retold(error, "check") from None


def _model_text(now: "Fingerprint") -> str:
    """What counts as the model, a line for each part, and what could not be followed."""
    lines = [name for name in now.parts if name not in ("name", "options")]
    lines += [f"installed {name} {version}" for name, version in now.packages.items()]
    lines += [f"not followed: {note}" for note in now.notes]
    return "\n".join(lines)


def _check_limits(experiment: "Experiment", launcher: "Launcher") -> None:
    for guard in ("timeout", "memory"):
        if getattr(experiment.resources, guard) is not None and guard not in launcher.guards:
            raise UserError(f"resources.{guard}: the launcher {type(launcher).__name__} cannot keep it; take `local`")


def _report(
    experiment: "Experiment", optimizer: "Optimizer", space: "ParameterSpace", said: "Description"
) -> Iterator[tuple[str, str]]:
    from l2l.provenance import versions

    known = [f"{part} {said.versions[part]}" for part in versions() if part in said.versions]
    yield "parts", ", ".join([*known, said.version] if said.version else known)
    yield "parameters", _space_text(space)
    yield (
        "objectives",
        ", ".join(
            f"{'maximize' if one.maximize else 'minimize'} {one.name}{f' ({one.unit})' if one.unit else ''}"
            for one in experiment.optimizee.objectives
        )
        or "none: everything is an observable",
    )
    if experiment.optimizee.observables:
        yield "observables", ", ".join(experiment.optimizee.observables)


def _launcher_text(experiment: "Experiment", launcher: "Launcher", slots: int) -> str:
    from l2l import registry

    resources = experiment.resources
    limits = [f"{resources.threads} thread{'s' * (resources.threads > 1)} each"]
    limits += [f"{resources.ranks} ranks each"] if resources.ranks > 1 else []
    limits += [f"{resources.gpus} GPUs each"] if resources.gpus else []
    limits += [f"{resources.memory / 1e9:.3g} GB each"] if resources.memory else []
    limits += [f"at most {duration(resources.timeout)} a trial"] if resources.timeout else []
    name = registry.name_of("launcher", type(launcher)) or type(launcher).__name__
    further = [text for text in (launcher.about(), launcher.remark(resources)) if text]
    return "\n".join([f"{name}: {slots} at once, {', '.join(limits)}", *further])


def _slots(experiment: "Experiment", launcher: "Launcher") -> int | None:
    """Trials at once; None where only the start of the launcher says it.

    Raises:
        MissingPart, LauncherError: A part of the launcher is not here.
        OptionError: Not one trial fits.
    """
    launcher.about()
    return launcher.capacity(experiment.resources, programs=experiment.optimizee.programs)


def _stand_in(experiment: "Experiment", launcher: "Launcher") -> "Launcher":
    """What evaluates here: one process of this machine, where the launcher would take others or wait in a queue."""
    from l2l import registry

    own = registry.name_of("launcher", type(launcher)) in ("local", "serial")
    if own or (experiment.resources.ranks > 1 and not experiment.optimizee.programs):
        return launcher
    built: Launcher = registry.build("launcher", {"name": "local", "workers": 1})
    return built


def _resources_here(experiment: "Experiment", launcher: "Launcher", evaluating: "Launcher") -> "Resources":
    """What the evaluating process has: all that a trial wants, but GPUs only where trials run or this machine has some.

    A login node has none: the trials' own are those of other nodes.
    """
    from dataclasses import replace

    from l2l.errors import OptionError

    resources = experiment.resources
    if evaluating is launcher or not resources.gpus:
        return resources
    try:
        evaluating.capacity(resources, programs=experiment.optimizee.programs)
    except OptionError:
        _line("here", "this machine has too few GPUs: the model is set up without, as trials elsewhere are not")
        return replace(resources, gpus=0)
    return resources


def _space_text(space: "ParameterSpace") -> str:
    columns = ["name", "kind", "values", "default", "scale", "unit", "shape", "when"]
    rows = []
    for name, parameter in space.parameters.items():
        described = parameter.to_dict()
        if parameter.codes is not None and "choices" in described:
            values = ", ".join(map(str, parameter.codes))
        elif "fixed" in described:
            values = cell(parameter.default)
        else:
            values = f"{cell(described['low'])} to {cell(described['high'])}"
            values += f" by {cell(described['step'])}" if "step" in described else ""
        scale = "log" if described.get("log") else ""
        shape = "×".join(map(str, parameter.shape))
        rows.append(
            [name, parameter.kind, values, cell(parameter.default), scale, parameter.unit, shape, parameter.when]
        )
    used = [place for place in range(len(columns)) if any(row[place] not in ("", None) for row in rows)]
    table = aligned([columns[place] for place in used], [[row[place] for place in used] for row in rows], 1000)
    notes = [f"{space.dimension} dimensions to search" if space.dimension != 1 else "1 dimension to search"]
    notes += [f"constraint: {one}" for one in space.constraints]
    return "\n".join([table, *notes])


def _one_trial(
    experiment: "Experiment", space: "ParameterSpace", launcher: "Launcher", resources: "Resources"
) -> "Evaluation":
    """Run the default individual once."""
    import numpy as np

    from l2l.seeding import as_ints, entropies

    individual = space.default
    words = entropies(experiment.seed, experiment.seeding, [individual.key], np.zeros(1, dtype=np.int64))
    launcher.submit([Trial(individual, entropy=as_ints(words)[0], resources=resources)])
    return launcher.collect()[0]


def _trial_text(experiment: "Experiment", one: "Evaluation") -> str:
    if one.status != Status.OK:
        trace = f"\n{one.failure.traceback}" if one.failure and one.failure.traceback else ""
        why = one.failure.message if one.failure else one.status.meaning
        return f"{one.status.name} after {one.seconds:.3g} s: {why}{trace.rstrip()}"
    names = [objective.name for objective in experiment.optimizee.objectives]
    fitness = ", ".join(f"{name} {cell(value)}" for name, value in zip(names, one.fitness, strict=True))
    return f"{fitness}, in {one.seconds:.3g} s"


COMMAND = Command(
    "check",
    "what will happen, before it costs anything; or whether a run is whole",
    "Read an experiment as `l2l run` would, start one evaluating process to see that the model's parts are installed,\n"
    "see that the launcher's parts are here and a trial fits, and print parameters, objectives, what the run will\n"
    "cost, and the state of its folder. Nothing is written.\n"
    "With the folder of a run, read all of its journal and its archive instead, and say whether every record,\n"
    "checksum and count is right (exit code 0) or what is damaged (1).",
    "  l2l check experiments/brunel.yaml\n"
    "  l2l check experiments/brunel.yaml --probe\n"
    "  l2l check experiments/brunel.yaml --seconds 12 --launcher slurm\n"
    "  l2l check runs/brunel                      # is everything as it was written?\n",
    _arguments,
    _run,
)
