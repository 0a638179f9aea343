"""The contract of launchers as tests: inherit `LauncherContract` and say how yours is made."""

import math
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil
import pytest

from l2l.errors import LauncherError, OptionError, UserError
from l2l.individual import Individual
from l2l.launcher import Launcher
from l2l.optimizee import Optimizee
from l2l.testing.misbehaving import (
    CRASHES,
    HANGS,
    STATUSES,
    TAMPERINGS,
    BrokenSetup,
    Bulky,
    Misbehaving,
    Purpose,
    Vectorized,
)
from l2l.values import Evaluation, Resources, Status, Trial
from l2l.worker.evaluate import evaluate

_PATIENCE = 30.0


def trials_of(behaviours: Sequence[str], root: Path | None = None, first: int = 0) -> list[Trial]:
    """Trials of `Misbehaving`, one a behaviour.

    Args:
        behaviours: What each does.
        root: Of private folders.
        first: Number of the first individual.
    """
    return [
        Trial(
            Individual({"x": (place % 97) / 97, "behaviour": behaviour}),
            number=place % 3,
            entropy=(place + 1) << 70 | place * 7919,
            index=first + place,
            root=root,
        )
        for place, behaviour in enumerate(behaviours)
    ]


def collected(launcher: Launcher, count: int, patience: float = _PATIENCE) -> dict[tuple[int, int], Evaluation]:
    """So many evaluations, by the ids of their trials.

    Args:
        launcher: With as many trials out.
        count: How many.
        patience: Seconds.

    Raises:
        AssertionError: They do not come in time, or one comes twice.
    """
    deadline = time.monotonic() + patience
    found: dict[tuple[int, int], Evaluation] = {}
    while len(found) < count:
        left = deadline - time.monotonic()
        assert left > 0, f"expected {count} evaluations, got {len(found)} in {patience:g} s"
        for one in launcher.collect(left):
            assert one.id not in found, f"{one.id} came twice"
            found[one.id] = one
    return found


def is_gone(pid: int) -> bool:
    """Whether a process is dead, at most a second from now."""
    deadline = time.monotonic() + 1.0
    while True:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)


def assert_same(one: Evaluation, other: Evaluation) -> None:
    """The same but for times, memory and places.

    Raises:
        AssertionError: They differ.
    """
    assert (one.id, one.attempt, one.status) == (other.id, other.attempt, other.status), (one, other)
    assert np.array_equal(one.fitness, other.fitness, equal_nan=True), (one.fitness, other.fitness)
    assert set(one.observables) == set(other.observables)
    for name, value in one.observables.items():
        assert value.dtype == other.observables[name].dtype
        assert np.array_equal(value, other.observables[name], equal_nan=value.dtype.kind == "f")


class LauncherContract:
    """What every launcher keeps; a subclass named `Test…` overrides `launcher`.

    Tests of crashes, time-outs and memory run where `guards` has them. `patience` is for launchers that are slow by
    nature: seconds for a handful of short trials.

    Example:
        >>> class TestMine(LauncherContract):
        ...     def launcher(self):
        ...         return MyLauncher(workers=2)
    """

    patience: float = _PATIENCE

    def launcher(self) -> Launcher:
        """A fresh one, not started."""
        raise NotImplementedError(f"{type(self).__name__}: override launcher() to return a fresh launcher")

    @pytest.fixture
    def running(self, tmp_path: Path) -> Iterator[Launcher]:
        """One that is started with `Misbehaving`."""
        with self.launcher() as launcher:
            launcher.start(Misbehaving(), Resources(), tmp_path)
            yield launcher

    def _needs(self, guard: str) -> None:
        if guard not in self.launcher().guards:
            pytest.xfail(f"it does not guard trials from {guard}")

    def _run(
        self, trials: Sequence[Trial], folder: Path, resources: Resources, optimizee: Optimizee
    ) -> dict[tuple[int, int], Evaluation]:
        with self.launcher() as launcher:
            launcher.start(optimizee, resources, folder)
            launcher.submit(trials)
            found = collected(launcher, len(trials), self.patience)
            assert launcher.collect(0.0) == []
            return found

    # --- results ---

    def test_results_are_those_of_a_direct_evaluation(self, tmp_path: Path) -> None:
        """Statuses, fitness and observables, bit for bit, of all that a launcher survives."""
        trials = trials_of([*STATUSES, *["well"] * 60], tmp_path / "trials")
        found = self._run(trials, tmp_path, Resources(), Misbehaving())
        for trial in trials_of([*STATUSES, *["well"] * 60], tmp_path / "direct"):
            assert_same(found[trial.id], evaluate(Misbehaving(), trial))

    def test_each_behaviour_has_its_status_and_message(self, tmp_path: Path) -> None:
        """Failures say why; fitness is NaN exactly there."""
        found = self._run(trials_of(list(STATUSES), tmp_path / "trials"), tmp_path, Resources(), Misbehaving())
        for (index, _), one in found.items():
            behaviour = list(STATUSES)[index]
            assert one.status == STATUSES[behaviour], (behaviour, one)
            assert len(one.fitness) == 2
            assert all(map(math.isfinite if one.status == Status.OK else math.isnan, one.fitness))
            assert (one.failure is None) == (one.status == Status.OK)
            assert one.used_directory == (behaviour == "uses its folder")
        failure = found[list(STATUSES).index("raises"), list(STATUSES).index("raises") % 3].failure
        assert failure is not None and failure.message == "RuntimeError: the kernel"
        first = failure.traceback.splitlines()[1]
        assert "misbehaving.py" in first, f"the first frame must be the model's, got {first}"

    def test_the_order_of_submission_changes_nothing(self, tmp_path: Path) -> None:
        """Forwards and backwards, in one piece and in two."""
        forwards = self._run(trials_of(["well"] * 40), tmp_path / "a", Resources(), Misbehaving())
        backwards = self._run(trials_of(["well"] * 40)[::-1], tmp_path / "b", Resources(), Misbehaving())
        for key, one in forwards.items():
            assert_same(one, backwards[key])

    def test_records_say_when_where_and_how_long(self, running: Launcher) -> None:
        """Times are Unix seconds, hosts and processes are named."""
        before = time.time()
        running.submit(trials_of(["well", "naps"]))
        found = collected(running, 2, self.patience)
        for one in found.values():
            assert before - 1 <= one.started <= time.time() + 1
            assert one.host and one.process > 0 and one.peak_memory > 1_000_000
        assert 0.2 <= found[1, 1].seconds < 5

    def test_results_of_several_megabytes_travel(self, tmp_path: Path) -> None:
        """Large individuals go out while large results come back."""
        points = Bulky().space.sample(24, np.random.default_rng(1))
        trials = [Trial(one, entropy=1, index=place) for place, one in enumerate(points)]
        found = self._run(trials, tmp_path, Resources(), Bulky())
        for trial in trials:
            total = float(trial.individual["x"].sum())
            assert found[trial.id].fitness == (total,)
            assert np.array_equal(found[trial.id].observables["field"], np.full(500_000, total))

    def test_a_failing_batch_fails_only_the_guilty(self, tmp_path: Path) -> None:
        """An optimizee that simulates batches: its others come through."""
        trials = [Trial(Individual({"x": x / 100}), entropy=1, index=x) for x in range(0, 96, 5)]
        found = self._run(trials, tmp_path, Resources(), Vectorized())
        for trial in trials:
            one, x = found[trial.id], trial.individual["x"]
            assert one.status == (Status.FAILED if x > 0.9 else Status.OK)
            if x <= 0.9:
                assert one.fitness == (x**2,)

    def test_a_model_knows_which_trials_validate(self, tmp_path: Path) -> None:
        """Of one individual, both kinds together."""
        point = Individual({"x": 0.5})
        trials = [Trial(point, number, entropy=number, validation=number % 3 == 0) for number in range(12)]
        found = self._run(trials, tmp_path, Resources(), Purpose())
        assert [found[0, number].fitness for number in range(12)] == [(float(number % 3 == 0),) for number in range(12)]

    # --- life ---

    def test_it_describes_the_optimizee(self, running: Launcher) -> None:
        """Space, version and the versions of parts, from an evaluating process."""
        described = running.describe()
        assert described.version == "misbehaving 1"
        assert described.space == Misbehaving.space
        assert {"python", "numpy"} <= set(described.versions)
        assert running.slots >= 1

    def test_collect_is_empty_at_once_where_nothing_is_out(self, running: Launcher) -> None:
        """Before the first trial and after the last."""
        assert running.collect() == []
        running.submit(trials_of(["well"]))
        collected(running, 1, self.patience)
        assert running.collect() == []

    def test_trials_can_be_submitted_while_others_run(self, running: Launcher) -> None:
        """As in steady state."""
        if running.whole_generation:
            pytest.xfail("it takes whole generations")
        running.submit(trials_of(["well"] * 3))
        found = dict(collected(running, 1, self.patience))
        running.submit(trials_of(["well"] * 3, first=3))
        found |= collected(running, 6 - len(found), self.patience)
        assert len(found) == 6

    def test_cancelled_trials_do_not_come_back(self, running: Launcher) -> None:
        """Nor keep others from coming."""
        trials = trials_of(["naps", *["well"] * 20])
        running.submit(trials)
        running.cancel(trials[10:])
        assert {index for index, _ in collected(running, 10, self.patience)} == set(range(10))
        running.cancel(trials)
        assert running.collect() == []
        running.submit(trials_of(["well"], first=50))
        assert list(collected(running, 1, self.patience)) == [(50, 0)]

    def test_stop_may_come_twice_and_in_the_middle(self, tmp_path: Path) -> None:
        """And takes little time."""
        launcher = self.launcher()
        launcher.start(Misbehaving(), Resources(), tmp_path)
        launcher.submit(trials_of(["well"] * 50))
        launcher.collect(self.patience)
        begin = time.monotonic()
        launcher.stop()
        launcher.stop()
        assert time.monotonic() - begin < self.patience

    def test_stop_leaves_no_process(self, tmp_path: Path) -> None:
        """Not even programs that a model started and forgot."""
        with self.launcher() as launcher:
            if "crash" not in launcher.guards:
                pytest.xfail("what a model starts in this process is its own affair")
            launcher.start(Misbehaving(), Resources(), tmp_path)
            launcher.submit(trials_of(["spawns", "well"]))
            found = collected(launcher, 2, self.patience)
        programs = {int(one.observables["pid"]) for one in found.values()} - {0}
        assert programs
        for pid in programs | {one.process for one in found.values()} - {os.getpid()}:
            assert is_gone(pid), f"process {pid} is left"

    def test_a_model_that_cannot_be_set_up_is_an_error(self, tmp_path: Path) -> None:
        """With what it said, and never a hang."""
        with self.launcher() as launcher:
            launcher.start(BrokenSetup(), Resources(), tmp_path)
            with pytest.raises(LauncherError, match="no simulator here"):
                launcher.describe()

    def test_a_missing_part_is_told_as_the_model_says_it(self, tmp_path: Path) -> None:
        """It is the user who can change it, by the remedy that the message names."""
        with self.launcher() as launcher:
            launcher.start(BrokenSetup(how="missing"), Resources(), tmp_path)
            with pytest.raises(UserError, match="pip install simulator") as told:
                launcher.describe()
        assert "Traceback" not in str(told.value)

    # --- guards ---

    def test_it_refuses_what_it_cannot_guard(self, tmp_path: Path) -> None:
        """A limit that nobody keeps is an error."""
        for guard, resources in (("timeout", Resources(timeout=5)), ("memory", Resources(memory="1 GB"))):  # type: ignore[arg-type]
            with self.launcher() as launcher:
                if guard not in launcher.guards:
                    with pytest.raises(OptionError, match=guard):
                        launcher.start(Misbehaving(), resources, tmp_path)

    @pytest.mark.parametrize("behaviour", CRASHES)
    def test_a_crash_costs_its_trial_alone(self, tmp_path: Path, behaviour: str) -> None:
        """Batch-mates run elsewhere and are not charged."""
        self._needs("crash")
        behaviours = ["well"] * 10 + [behaviour] + ["well"] * 30 + [behaviour]
        found = self._run(trials_of(behaviours), tmp_path, Resources(), Misbehaving())
        for (index, _), one in found.items():
            expected = Status.CRASHED if behaviours[index] == behaviour else Status.OK
            assert one.status == expected, (index, one)
            assert (one.failure is None) == (expected == Status.OK)

    def test_what_a_trial_does_to_its_process_is_felt_by_no_other(self, tmp_path: Path) -> None:
        """It has its status; the trials after it are those of a direct evaluation."""
        self._needs("crash")
        behaviours = [one for behaviour in TAMPERINGS for one in ("writes a file", behaviour, "writes a file", "well")]
        trials = trials_of(behaviours, tmp_path / "trials")
        found = self._run(trials, tmp_path, Resources(), Misbehaving())
        for trial in trials:
            one, behaviour = found[trial.id], behaviours[trial.index]
            assert one.status == TAMPERINGS.get(behaviour, Status.OK), (behaviour, one)
            if behaviour not in TAMPERINGS:
                assert_same(one, evaluate(Misbehaving(), trial))

    def test_what_a_trial_writes_to_the_connection_is_charged_to_it(self, tmp_path: Path) -> None:
        """Its batch-mates come through, and the leader reads on."""
        self._needs("crash")
        behaviours = ["well"] * 5 + ["scribbles"] + ["well"] * 20
        found = self._run(trials_of(behaviours), tmp_path, Resources(), Misbehaving())
        for (index, _), one in found.items():
            assert one.status == (Status.CRASHED if index == 5 else Status.OK), (index, one)

    def test_programs_die_with_the_trial_that_crashes(self, tmp_path: Path) -> None:
        """Even those that left its session."""
        self._needs("crash")
        with self.launcher() as launcher:
            launcher.start(Misbehaving(), Resources(), tmp_path)
            launcher.submit(trials_of(["spawns and leaves"], tmp_path / "trials"))
            (one,) = collected(launcher, 1, self.patience).values()
            assert one.status == Status.CRASHED and one.used_directory
            (noted,) = (tmp_path / "trials").rglob("pid")
            assert is_gone(int(noted.read_text()))

    @pytest.mark.parametrize("behaviour", HANGS)
    def test_a_hang_costs_its_trial_alone(self, tmp_path: Path, behaviour: str) -> None:
        """Its clock runs from its own start."""
        self._needs("timeout")
        behaviours = ["well"] * 5 + [behaviour] + ["well"] * 20 + ["naps"] * 3
        found = self._run(trials_of(behaviours), tmp_path, Resources(timeout=0.5), Misbehaving())
        for (index, _), one in found.items():
            assert one.status == (Status.TIMEOUT if index == 5 else Status.OK), (index, one)
            if one.failure:
                assert "0.5 s" in one.failure.message and 0.4 < one.seconds < 5

    def test_a_memory_overrun_costs_its_trial_alone(self, tmp_path: Path) -> None:
        """Resident size counts."""
        self._needs("memory")
        behaviours = ["well"] * 5 + ["hogs"] + ["well"] * 20
        found = self._run(trials_of(behaviours), tmp_path, Resources(memory="300 MB"), Misbehaving())  # type: ignore[arg-type]
        for (index, _), one in found.items():
            assert one.status == (Status.OUT_OF_MEMORY if index == 5 else Status.OK), (index, one)
            if one.failure:
                assert "300 MB" in one.failure.message and one.peak_memory > 300_000_000

    def test_memory_that_earlier_trials_left_is_charged_to_none(self, tmp_path: Path) -> None:
        """What exceeds the limit only behind others runs again in a fresh process."""
        self._needs("memory")
        trials = trials_of(["leaves memory"] * 12, tmp_path / "trials")
        found = self._run(trials, tmp_path, Resources(memory="400 MB"), Misbehaving())  # type: ignore[arg-type]
        assert {one.status for one in found.values()} == {Status.OK}

    def test_memory_of_a_program_whose_parent_ended_counts(self, tmp_path: Path) -> None:
        """It is the trial's, as is its end."""
        self._needs("memory")
        behaviours = ["well", "daemonizes a hog", "well"]
        found = self._run(trials_of(behaviours), tmp_path, Resources(memory="300 MB"), Misbehaving())  # type: ignore[arg-type]
        for (index, _), one in found.items():
            assert one.status == (Status.OUT_OF_MEMORY if index == 1 else Status.OK), (index, one)

    def test_processes_are_renewed_where_resources_say_so(self, tmp_path: Path) -> None:
        """After so many trials each, which changes no result."""
        if "crash" not in self.launcher().guards:
            with self.launcher() as launcher, pytest.raises(OptionError, match="renew_after"):
                launcher.start(Misbehaving(), Resources(renew_after=3), tmp_path)
            return
        trials = trials_of(["well"] * 10)
        found = self._run(trials, tmp_path, Resources(renew_after=3), Misbehaving())
        processes = [one.process for one in found.values()]
        assert len({*processes}) >= 4 and max(processes.count(one) for one in processes) <= 3
        for trial in trials:
            assert_same(found[trial.id], evaluate(Misbehaving(), trial))

    def test_a_process_that_a_thread_keeps_alive_is_renewed(self, tmp_path: Path) -> None:
        """A model's thread that never ends does not keep the next trials waiting for ever."""
        self._needs("crash")
        trials = trials_of(["keeps a thread", "well", "well"])
        found = self._run(trials, tmp_path, Resources(renew_after=1), Misbehaving())
        assert {one.status for one in found.values()} == {Status.OK}
        assert len({one.process for one in found.values()}) == 3

    def test_collect_returns_in_time(self, tmp_path: Path) -> None:
        """While a trial goes on."""
        self._needs("crash")
        with self.launcher() as launcher:
            launcher.start(Misbehaving(), Resources(), tmp_path)
            launcher.describe()
            launcher.submit(trials_of(["hangs"]))
            begin = time.monotonic()
            assert launcher.collect(0.05) == []
            assert time.monotonic() - begin < 1
