"""The contract of launchers: they carry trials to where they run, and bring evaluations back."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Literal, NamedTuple, Self

from l2l.errors import OptionError
from l2l.optimizee import Optimizee
from l2l.plugin import Plugin
from l2l.space import ParameterSpace
from l2l.values import Evaluation, Resources, Trial


@dataclass(frozen=True, slots=True)
class Description:
    """What an evaluating process said of the optimizee.

    Args:
        version: Of the optimizee.
        space: Of the optimizee.
        versions: Part → version, for the provenance of the run (python, numpy, the simulator).
    """

    version: str
    space: ParameterSpace
    versions: dict[str, str]


class WorkerState(NamedTuple):
    """A worker as its launcher sees it.

    Args:
        pid: Its process number on its machine; 0 as long as that is not known.
        host: The name of its machine; "" as long as that is not known.
        state: "starting" (it imports and sets up the optimizee), "idle", "running" (it has trials), or "ending".
        since: When that began, as far as is known, in Unix seconds.
    """

    pid: int
    host: str
    state: Literal["starting", "idle", "running", "ending"]
    since: float


class Launcher(Plugin, ABC):
    """Runs trials somewhere. A context manager: leaving it stops everything that it started.

    Life: `start`, then `submit` and `collect` in any order, then `stop`. All methods are called from one thread.
    """

    guards: frozenset[str] = frozenset()
    """What a trial is guarded from: "crash", "timeout", "memory". Asking for a missing one is an error."""
    whole_generation: ClassVar[bool] = False
    """Whether it needs a generation at once, and so refuses steady state."""
    communicators: ClassVar[bool] = False
    """Whether it can give a trial several MPI ranks that simulate it together."""
    launches: ClassVar[bool] = False
    """Whether a model can start a program on several MPI ranks from it (`trial.launch`)."""
    slots: int = 1
    """Trials that can run at once; known after `start`."""

    @classmethod
    def detect(cls) -> bool:
        """Whether this process runs under it (several MPI ranks, say).

        Raises:
            LauncherError: It does, and something that it needs is not as it must be.
        """
        return False

    @classmethod
    def serve(cls) -> bool:
        """Where this process runs under it: serve as one of its workers until its leader ends.

        Returns:
            Whether it did; False at once where this process is to lead.
        """
        return False

    def about(self) -> str:
        """What it rests on here, in a few words, such as the version of MPI; "" for nothing.

        Raises:
            MissingPart, LauncherError: It is not here, or not as it must be.
        """
        return ""

    def capacity(self, resources: Resources, *, programs: bool = False) -> int | None:
        """Trials that could run at once, before anything is started; None where only `start` finds out.

        Args:
            resources: What each trial may use.
            programs: As of `check`.

        Raises:
            OptionError: Not one fits.
        """
        return None

    def remark(self, resources: Resources) -> str:
        """What a user may not have meant, in one sentence, such as more workers than cores; "" for nothing."""
        return ""

    @abstractmethod
    def start(self, optimizee: Optimizee, resources: Resources, folder: Path | None = None) -> None:
        """Start the evaluating processes; does not wait for them.

        Args:
            optimizee: What they evaluate; they build it anew from its reference and options.
            resources: What each trial may use.
            folder: The run's folder (`logs/` below it takes what workers write); None for a temporary one.

        Raises:
            LauncherError: They cannot be started.
            OptionError: The resources ask for a guard or for ranks that it does not have.
        """

    @abstractmethod
    def describe(self) -> Description:
        """What the first evaluating process says of the optimizee; waits for it.

        Raises:
            LauncherError: It did not come up; the message has what it wrote.
            ChangedOptimizee: Its fingerprint differs from the leader's.
        """

    @abstractmethod
    def submit(self, trials: Sequence[Trial]) -> None:
        """Take trials to be run; any number, never blocks. The order is a wish."""

    @abstractmethod
    def collect(self, timeout: float | None = None) -> Sequence[Evaluation]:
        """What has come back; waits for at least one.

        Args:
            timeout: Seconds; after that an empty list. None waits as long as trials are out.

        Returns:
            At most one evaluation a submitted trial, in any order; empty at once where none is out.
        """

    @abstractmethod
    def cancel(self, trials: Sequence[Trial]) -> None:
        """Forget these; those not started never run, the others' evaluations are dropped."""

    @abstractmethod
    def stop(self, grace: float = 0.0) -> None:
        """End all; leaves no process behind. May be called twice.

        Args:
            grace: Seconds that running trials get to end; what they give is lost all the same.
        """

    @property
    def workers(self) -> Sequence[WorkerState]:
        """The workers that there are now, as far as it knows them; empty before `start` and after `stop`."""
        return ()

    def hold(self) -> bool:
        """Start none of the trials that have not started, since they could not end in time; may be called again.

        Returns:
            Whether some run, whose evaluations are worth waiting for.
        """
        return False

    def check_optimizee(self, optimizee: Optimizee) -> None:
        """Refuse an optimizee that its workers cannot be given.

        Raises:
            OptionError: Says why.
        """

    def check(self, resources: Resources, *, programs: bool = False) -> None:
        """Refuse resources that it cannot give or guard.

        Args:
            resources: What each trial may use.
            programs: Whether the ranks of a trial are those of a program that the optimizee starts.

        Raises:
            OptionError: Names what is asked for and which launchers have it.
        """
        name = type(self).__name__
        if resources.ranks > 1 and programs and not self.launches:
            raise OptionError(
                f"resources.ranks: a program on several ranks cannot be started from {name}, got {resources.ranks}; "
                "it can from the launchers local (on this machine) and slurm"
            )
        if resources.ranks > 1 and not programs and not self.communicators:
            raise OptionError(
                f"resources.ranks: {name} runs each trial on one rank, got {resources.ranks}; "
                "the launchers mpi and slurm give a trial several"
            )
        for guard, limit in (("timeout", resources.timeout), ("memory", resources.memory)):
            if limit is not None and guard not in self.guards:
                raise OptionError(
                    f"resources.{guard}: {name} cannot guard it, got {limit}; leave it out, or use the launcher local"
                )
        if resources.renew_after is not None and ("crash" not in self.guards or resources.ranks > 1):
            where = f"trials of {resources.ranks} ranks" if resources.ranks > 1 else name
            raise OptionError(
                f"resources.renew_after: {where} have no process of their own that could be replaced, "
                f"got {resources.renew_after}; leave it out, or use the launcher local with ranks: 1"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
