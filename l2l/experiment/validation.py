"""Fresh trials of the winners, at the end."""

from dataclasses import replace

import numpy as np

from l2l.blocks import EvaluationBlock
from l2l.experiment.columns import finished_record
from l2l.experiment.pending import TrialId
from l2l.experiment.replay import Past
from l2l.experiment.run import Run
from l2l.individual import Individual
from l2l.seeding import as_ints, as_words, entropies
from l2l.trajectory import Trajectory
from l2l.values import Evaluation, Status, Trial


def validate(run: Run, past: Past) -> None:
    """Run further trial numbers of the best individuals, and note them apart.

    Args:
        run: At its end.
        past: With the validations that earlier process lifetimes finished.

    Raises:
        Stopped: A signal came, or the walltime is over; what is finished counts.
        TrialFailed: A trial is lost again and again.
    """
    rules = run.plan.validate
    assert rules is not None
    run.recorder.commit(force=True)
    done = {
        (index, number)
        for record in past.validated
        for index, number, final in zip(
            record["index"].tolist(), record["number"].tolist(), record["final"].tolist(), strict=True
        )
        if final
    }
    trials = [
        trial
        for winner in Trajectory(run.plan.folder).ranked(rules.best)
        for trial in _trials(run, winner.number, run.plan.space.individual(dict(winner)), rules.trials)
        if trial.id not in done
    ]
    flight = {trial.id: trial for trial in trials}
    run.launcher.submit(trials)
    while flight:
        run.check_time()
        evaluations = [one for one in run.collect() if one.id in flight]
        if evaluations:
            _take(run, evaluations, flight)
        run.show("validating", message=f"{len(trials) - len(flight)} of {len(trials)} fresh trials of the winners")


def _take(run: Run, evaluations: list[Evaluation], flight: dict[TrialId, Trial]) -> None:
    own = [flight.pop(one.id) for one in evaluations]
    block = EvaluationBlock.of(evaluations, len(run.plan.objectives))
    block.attempt = np.array([trial.attempt for trial in own], dtype=np.int64)
    final = np.array([one.status == Status.OK or not run.trials.is_repeated(one) for one in block], dtype=bool)
    entropy = np.stack([as_words(trial.entropy) for trial in own])
    run.recorder.log("validation", finished_record(block, entropy, final, run.plan))
    run.trials.drop_folders(block)
    repeated = [_again(own[row], block[row]) for row in np.flatnonzero(~final).tolist()]
    flight |= {trial.id: trial for trial in repeated}
    run.launcher.submit(repeated)


def _again(trial: Trial, evaluation: Evaluation) -> Trial:
    """The next attempt of a trial; one that was lost has cost none."""
    attempt = trial.attempt + (evaluation.status != Status.LOST)
    return replace(trial, attempt=attempt, _rng=None, _directory=None)


def _trials(run: Run, index: int, individual: Individual, count: int) -> list[Trial]:
    plan = run.plan
    numbers = np.arange(plan.trials, plan.trials + count)
    words = entropies(plan.seed, plan.seeding, [individual.key] * count, numbers, run.tally.standing.generations)
    root = plan.folder / "trials"
    return [
        Trial(individual, int(number), entropy, index, resources=plan.resources, root=root, validation=True)
        for number, entropy in zip(numbers, as_ints(words), strict=True)
    ]
