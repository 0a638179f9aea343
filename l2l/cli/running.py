"""What `run` and `resume` share: carrying an experiment out, and what is said before and after."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from l2l.cli.dispatch import FAILED, FINISHED, STOPPED
from l2l.cli.folders import begun, shown
from l2l.display.hints import typed
from l2l.display.output import complain, flush_output, say, unheard
from l2l.display.progress import Way, watching
from l2l.errors import ChangedOptimizee

if TYPE_CHECKING:
    from l2l.experiment import Experiment, Progress
    from l2l.trajectory import Trajectory


def carry_out(
    experiment: "Experiment",
    *,
    accept_changes: bool = False,
    adopt: bool = False,
    fresh: bool = False,
    command: str = "",
    way: Way = "auto",
) -> int:
    """Run an experiment with its progress shown; returns the exit code.

    Args:
        experiment: To be run.
        accept_changes, adopt, fresh: As `Experiment.run` has them.
        command: What was typed, to say what else can be: "run" or "resume".
        way: How progress is shown; of a quiet run, errors and the reason of a stop are said alone.
    """
    folder = experiment.directory
    objectives = [one.name for one in experiment.optimizee.objectives]
    begins = False
    over = False
    try:
        with watching(objectives, way=way) as watch:

            def told(progress: "Progress") -> None:
                nonlocal begins, over
                over = progress.state == "finished"
                if not begins and way != "quiet":  # the folder is ours, and holds no other experiment
                    _say(f"{'going on in' if begun(folder) else 'new run in'} {shown(folder)}")
                    if remark := experiment.launcher_for().remark(experiment.resources):
                        _say(f"note: {remark}")
                begins = True
                watch(progress)

            trajectory = experiment.run(progress=told, accept_changes=accept_changes, adopt=adopt, fresh=fresh)
    except ChangedOptimizee as error:
        raise retold(error, command) from None
    except KeyboardInterrupt as interrupt:
        if not over:
            _stopped(folder, f"stopped by {str(interrupt) or 'Ctrl-C'}")
            return STOPPED
        trajectory = finished(folder)  # it came behind the end of the run, and interrupted nothing
    if not trajectory.finished:
        _stopped(folder, f"stopped: {trajectory.reason}")
        return STOPPED
    if way == "quiet":
        return FINISHED if trajectory.succeeded else FAILED
    if not begins:
        _say(f"{shown(folder)} is finished already")
    lines = summary(trajectory, folder)
    with unheard(sys.stdout):
        say("\n".join(lines), flush=True)
    return FINISHED if trajectory.succeeded else FAILED


def finished(folder: Path) -> "Trajectory":
    """A run that is over."""
    from l2l.trajectory import Trajectory

    return Trajectory(folder)


def retold(error: "ChangedOptimizee", command: str) -> "ChangedOptimizee":
    """An error whose remedies are those of the command line, where it was made.

    Args:
        error: With remedies for a script.
        command: "run", "resume" or "check".
    """
    if not error.accept:
        return error
    typed = ["l2l", *sys.argv[1:]] if len(sys.argv) > 1 and sys.argv[1] == command else ["l2l", command, "…"]
    if command == "check":
        typed = ["l2l", "run", *typed[2:]]
    line = shlex.join(typed).replace("'…'", "…")
    return ChangedOptimizee(
        error.problem, f"`{line} --accept-changes`", f"`{line} --fresh`" if command != "resume" else ""
    )


def _say(line: str) -> None:
    with unheard(sys.stdout):
        say(line, flush=True)


def _stopped(folder: Path, why: str) -> None:
    again = "nothing was begun yet; start with the same command again"
    if begun(folder):
        again = f"nothing that was finished is lost. Go on with the same command, or: l2l resume {typed(folder)}"
    with unheard(sys.stdout):
        flush_output()
    complain(f"{why}; {again}")


def summary(trajectory: "Trajectory", folder: Path) -> list[str]:
    """Lines that say what came out, where it is, and what to do next."""
    from l2l.cli.results import best_lines, counts_line, validation_lines

    place = typed(folder)
    further = f" · l2l resume {place} --set stop.generations=…"
    if trajectory.reason.startswith("optimizer: "):
        further = ""  # it asks nothing more, whatever the rules say
    return [
        f"finished: {trajectory.reason}",
        *best_lines(trajectory),
        *validation_lines(trajectory),
        counts_line(trajectory),
        f"archive: {shown(folder)}/trajectory.h5",
        f"next: l2l show {place} · l2l report {place} · l2l export {place} --to csv{further}",
    ]
