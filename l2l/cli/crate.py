"""`l2l crate`: a run described for others."""

import argparse
import re
from pathlib import Path

from l2l.cli.folders import run_of, shown
from l2l.cli.parser import Command
from l2l.display.output import say


def _orcid(text: str) -> str:
    """A person's number at ORCID, for argparse."""
    found = re.fullmatch(r"(?:https://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"expected a number as 0000-0002-1825-0097, got {text!r}")
    return f"https://orcid.org/{found[1]}"


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", type=Path, help="the run's folder, or its trajectory.h5")
    parser.add_argument("--output", metavar="FILE", type=Path, help="an empty or new folder; RUN.crate unless given")
    parser.add_argument("--agent", metavar="NAME", help="who ran it; the owner of the archive unless given")
    parser.add_argument("--orcid", metavar="ID", type=_orcid, help="of the agent, as 0000-0002-1825-0097")
    parser.add_argument("--license", metavar="URL", default="", help="under which it may be used")


def _run(arguments: argparse.Namespace) -> int:
    from l2l.crate.crate import Agent, write_crate
    from l2l.lock import holder
    from l2l.trajectory import Trajectory

    given = run_of(arguments.run)
    trajectory = Trajectory(given)
    folder = given.parent if given.is_file() else given
    into = arguments.output or folder.with_name(f"{folder.absolute().name}.crate")
    agent = Agent(arguments.agent or _owner(given), arguments.orcid or "")
    lives = holder(folder) is not None
    write_crate(trajectory, into, agent=agent, license_url=arguments.license, lives=lives)
    say(f"written: {shown(into)}")
    return 0


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, OSError, NotImplementedError):  # nobody of that number is known here
        return "unknown"


COMMAND = Command(
    "crate",
    "a run described for others, as an RO-Crate",
    "Write a folder with the archive, the experiment and the sources of a run, described as an RO-Crate by the\n"
    "Process Run Crate profile, and as a computation of openMINDS. The run is one action, and each of its process\n"
    "lifetimes a further one; its trials stay in trajectory.h5. Needs the extra `crate`.",
    "  l2l crate runs/brunel\n"
    "  l2l crate runs/brunel --agent 'Ada Lovelace' --license https://spdx.org/licenses/CC-BY-4.0\n",
    _arguments,
    _run,
)
