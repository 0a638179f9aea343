"""`l2l resume`: go on with a run."""

import argparse
from pathlib import Path

from l2l.cli.parser import Command
from l2l.cli.run import accept_argument, change_arguments, changes_of, progress_arguments, way_of


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", type=Path, help="the run's folder")
    change_arguments(parser)
    accept_argument(parser)
    progress_arguments(parser)
    parser.add_argument(
        "--adopt",
        action="store_true",
        help="take the archived individuals also where the optimizer would ask others now",
    )


def _run(arguments: argparse.Namespace) -> int:
    from l2l import config, registry
    from l2l.cli.folders import run_folder
    from l2l.cli.running import carry_out

    if registry.served():
        return 0
    folder = run_folder(arguments.run)
    directory = config.Change("directory", str(folder.absolute()), f"the folder {folder}")
    experiment = config.load(folder / "experiment.yaml", [*changes_of(arguments), directory])
    return carry_out(
        experiment,
        accept_changes=arguments.accept_changes,
        adopt=arguments.adopt,
        command="resume",
        way=way_of(arguments),
    )


COMMAND = Command(
    "resume",
    "go on with a run where it stopped",
    "Go on with a run, which may have been stopped or killed at any instant. Nothing that was finished is\n"
    "simulated again. Stop rules, launcher, limits of time and memory, retries and the failure policy may be\n"
    "changed; a finished run goes on if its stop rules allow. Anything else is a new experiment, which can use\n"
    "this run as its `memo`.",
    "  l2l resume runs/brunel\n"
    "  l2l resume runs/brunel --set stop.generations=40 --set stop.target=null\n"
    "  l2l resume runs/brunel --workers 8\n",
    _arguments,
    _run,
)
