"""The outer loop, twice: whole generations, and steady state."""

import math

import numpy as np
from numpy.typing import NDArray

from l2l.experiment.run import Run

Ints = NDArray[np.int64]

_CHUNK = 4096
"""Trials of a generation that are handed out at once, so that a large one never stands whole in memory."""
_DEEP = 16
"""Trials a slot that are out at once, where these are more."""
_AHEAD = 32
"""Trials a slot that go out before the others of a generation are prepared."""
_ROUND = 0.02
"""Seconds in which trials that are back are noted, told, and others asked."""
_DEEPEST = 64
"""Trials a slot that are out at once in steady state, at most, unless a generation has more."""


def generational(run: Run) -> str:
    """Ask, run, tell, generation by generation; the reason of its end.

    Raises:
        Stopped: Before its end.
    """
    while True:
        if run.tally.told_since:
            run.close_generation()
        if not run.pending:
            reason = run.why_stop()
            if reason:
                return reason
            if not run.optimizer.finished:  # else it ends here anyway
                run.check_alike()
            if not len(run.ask(ahead=_AHEAD * run.launcher.slots)):
                return run.optimizer.finished or "the optimizer asks nothing more"
        numbers = run.pending.numbers
        todo = run.trials.missing(numbers)
        todo = _refill(run, *todo)
        while run.pending.out:
            run.wait()
            todo = _refill(run, *todo)
        run.check_time()
        run.tell(numbers)


def _refill(run: Run, index: Ints, number: Ints) -> tuple[Ints, Ints]:
    """Keep the launcher's backlog between half a chunk and a whole one; without a guard, its slots filled.

    Args:
        run: The run.
        index, number: (k,) of trials that are still to be launched.

    Returns:
        Those left.
    """
    if not len(index):
        return index, number
    launcher, out = run.launcher, run.pending.out
    limit = max(_CHUNK, _DEEP * launcher.slots) if run.trials.guarded else launcher.slots
    if launcher.whole_generation:
        limit = out + len(index)
    elif run.trials.guarded and out > limit // 2:
        return index, number
    room = limit - out
    run.trials.launch(index[:room], number[:room])
    return index[room:], number[room:]


def steady(run: Run) -> str:
    """Ask one for each that is told, so that no worker waits; the reason of its end.

    Raises:
        Stopped: Before its end.
    """
    if run.tally.told_since >= run.plan.population:  # killed between the two notes
        run.close_generation()
    run.trials.launch(*run.trials.missing(run.pending.numbers))
    looked_at = run.tally.standing.generations
    _tell_complete(run, run.pending.numbers)
    while True:
        reason = run.why_stop()
        if reason:
            break
        if run.tally.standing.generations > looked_at and not run.optimizer.finished:
            looked_at = run.tally.standing.generations
            run.check_alike()
        asked = _ask_more(run)
        _tell_complete(run, asked)
        if run.pending.out:
            _tell_complete(run, run.pending.concerned(run.wait()))
        elif not len(asked):
            reason = run.optimizer.finished or run.why_stop() or "the optimizer asks nothing more"
            break
    if run.tally.told_since:
        run.close_generation()
    return reason


def _ask_more(run: Run) -> Ints:
    """Fill the launcher's slots, and a little more so that none runs dry."""
    room = _backlog(run) - run.pending.out
    wanted = -(-room // run.plan.trials)
    wanted = min(wanted, _allowed(run) - run.tally.told - len(run.pending))
    if wanted <= 0:
        return np.empty(0, dtype=np.int64)
    numbers = run.ask(wanted)
    run.trials.launch(*run.trials.missing(numbers))
    return numbers


def _backlog(run: Run) -> int:
    """Trials out at once: two a slot, more where they are shorter than what keeps this process from handing out."""
    if not run.trials.guarded:
        return run.launcher.slots
    seconds = run.tally.seconds_of_short
    depth = 1 + math.ceil(max(_ROUND, 1.5 * run.recorder.takes) / seconds) if seconds else 2
    # as far behind as it is in whole generations, an optimizer may be of short trials here as well
    deepest = max(_DEEPEST, run.plan.population * run.plan.trials // run.launcher.slots)
    return run.launcher.slots * min(depth, deepest)


def _allowed(run: Run) -> int:
    """Individuals that may be asked before a rule certainly ends the run."""
    stop, plan = run.plan.stop, run.plan
    limits = [1 << 62]
    if stop.individuals is not None:
        limits.append(stop.individuals)
    if stop.trials is not None:
        limits.append(-(-stop.trials // plan.trials))
    if stop.generations is not None:
        limits.append(stop.generations * plan.population)
    return min(limits)


def _tell_complete(run: Run, numbers: Ints) -> None:
    """Tell those that are complete, closing a generation wherever `population` are told."""
    complete = run.pending.complete(numbers)
    while len(complete):
        room = run.plan.population - run.tally.told_since
        now, complete = complete[:room], complete[room:]
        run.tell(now)
        if run.tally.told_since >= run.plan.population:
            run.close_generation()
