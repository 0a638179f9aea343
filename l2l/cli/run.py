"""`l2l run`: run an experiment, or go on with it."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l.cli.parser import Command
from l2l.display.output import say, unheard

if TYPE_CHECKING:
    from l2l.display.progress import Way
    from l2l.experiment import Experiment


def whole(text: str) -> int:
    """A whole number above 0, for argparse."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def change_arguments(parser: argparse.ArgumentParser) -> None:
    """What `run`, `resume` and `check` change of a file."""
    parser.add_argument(
        "--launcher",
        metavar="L",
        help="where trials run: auto, serial, local, mpi, slurm, jube, executor (see `l2l list launchers`)",
    )
    parser.add_argument("--workers", metavar="N", type=whole, help="how many trials run at once")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="changes",
        help="replace a value of the file, with a dotted key and a YAML value; may be given several times",
    )


def accept_argument(parser: argparse.ArgumentParser) -> None:
    """What `run` and `resume` say where the optimizee has changed."""
    parser.add_argument(
        "--accept-changes",
        action="store_true",
        help="go on although the optimizee has changed, on your word that its results are the same",
    )


def progress_arguments(parser: argparse.ArgumentParser) -> None:
    """How `run` and `resume` show their progress."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--plain", action="store_true", help="print lines, as in a log file, and nothing that moves")
    either.add_argument("--quiet", action="store_true", help="print errors alone, and why a run stopped before its end")


def way_of(arguments: argparse.Namespace) -> "Way":
    """How the progress is to be shown."""
    return "quiet" if arguments.quiet else "plain" if arguments.plain else "auto"


def changes_of(arguments: argparse.Namespace) -> list[Any]:
    """The changes that flags ask for, in the order in which they count."""
    from l2l.config import Change, parse_change

    changes = []
    if arguments.launcher is not None:  # first, so that --set may give it options
        changes.append(Change("launcher", arguments.launcher, f"--launcher {arguments.launcher}"))
    changes += [parse_change(text) for text in arguments.changes]
    if arguments.workers is not None:
        changes.append(Change("launcher.workers", arguments.workers, f"--workers {arguments.workers}"))
    if getattr(arguments, "directory", None) is not None:
        changes.append(Change("directory", arguments.directory, f"--directory {arguments.directory}"))
    return changes


def check_not_read(file: Path, experiment: "Experiment") -> None:
    """Refuse to write over the file that an experiment is read from, by whichever of its names.

    Raises:
        OptionError: The run would.
    """
    from l2l.errors import OptionError

    written = experiment.directory / "experiment.yaml"
    try:
        same = file.samefile(written)
    except (OSError, ValueError):  # one of them is not there
        return
    if same:
        raise OptionError(
            f"directory: the run would write over {file}, from which it is read; choose another --directory, or go on "
            f"with a run that is in it already: l2l resume {experiment.directory}"
        )


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="a YAML file, or a Python file that defines `experiment`"
    )
    parser.add_argument("--directory", metavar="D", help="the run's folder; runs/<name of the file> unless given")
    parser.add_argument(
        "--repeats", metavar="N", type=whole, help="run it N times, with the seeds s, s+1, …, into D/000, D/001, …"
    )
    change_arguments(parser)
    accept_argument(parser)
    progress_arguments(parser)
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="begin anew, where the folder holds a run; that one stays aside, as D.before-1 and so on",
    )
    parser.add_argument(
        "--chain",
        metavar="SCRIPT",
        type=Path,
        help="in a batch job: submit SCRIPT as the next job, and cancel it where nothing is left to do; "
        "`l2l submit` writes scripts that do so",
    )
    parser.add_argument("--max-jobs", metavar="N", type=whole, help="with --chain: at most so many jobs in all")


def _run(arguments: argparse.Namespace) -> int:
    from l2l import config, registry
    from l2l.cli.running import carry_out

    if registry.served():
        return 0
    _check_chain(arguments)
    experiment = config.load(arguments.file, changes_of(arguments))
    check_not_read(arguments.file, experiment)
    if arguments.chain is not None:
        return _run_chained(experiment, arguments)
    accept, fresh, way = arguments.accept_changes, arguments.fresh, way_of(arguments)
    if arguments.repeats is None:
        return carry_out(experiment, accept_changes=accept, fresh=fresh, command="run", way=way)
    for number in range(arguments.repeats):
        folder = experiment.directory / f"{number:03d}"
        one = experiment.changed(seed=experiment.seed + number, directory=folder)
        code = carry_out(one, accept_changes=accept, fresh=fresh, command="run", way=way)
        if code:
            return code
    return 0


def _check_chain(arguments: argparse.Namespace) -> None:
    """Refuse half of a chain, and one of several runs.

    Raises:
        OptionError: Names what is missing.
    """
    from l2l.errors import OptionError

    if (arguments.chain is None) != (arguments.max_jobs is None):
        raise OptionError("--chain SCRIPT and --max-jobs N: expected both or none; `l2l submit` writes them")
    if arguments.chain is not None and arguments.repeats is not None:
        raise OptionError("--chain: expected one run, got --repeats; submit each of them by itself")
    if arguments.chain is not None and arguments.fresh:
        raise OptionError("--chain: each job goes on with the run, got --fresh, by which each would begin anew")
    if arguments.chain is not None and not arguments.chain.is_file():
        raise OptionError(f"--chain: expected a batch script, but there is no file {arguments.chain}")


def _run_chained(experiment: "Experiment", arguments: argparse.Namespace) -> int:
    from l2l.cli.running import carry_out
    from l2l.submit.chain import chained

    def told(line: str) -> None:
        if arguments.quiet:
            return
        with unheard(sys.stdout):
            say(line, flush=True)

    def carried_out() -> int:
        return carry_out(experiment, accept_changes=arguments.accept_changes, way=way_of(arguments))

    folder, script = experiment.directory.absolute(), arguments.chain.absolute()
    return chained(folder, script, arguments.max_jobs, carried_out, told)


COMMAND = Command(
    "run",
    "run an experiment, or go on with it",
    "Run an experiment into its folder. The same command again goes on where it stopped, or says that it is\n"
    "finished; another experiment in the same folder is refused. Ctrl-C stops cleanly.",
    "  l2l run experiments/brunel.yaml\n"
    "  l2l run experiments/brunel.yaml --directory runs/brunel-3 --set seed=3 --set optimizer.population=32\n"
    "  l2l run bowl.py --launcher serial          # in this process, for a debugger\n"
    "  l2l run experiments/brunel.yaml --repeats 10\n",
    _arguments,
    _run,
)
