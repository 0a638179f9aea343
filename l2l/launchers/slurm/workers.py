"""Workers that Slurm starts: asked for, watched, and asked for again where they end."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from l2l.dispatch.remote_worker import RemoteWorker
from l2l.dispatch.remote_workers import RemoteWorkers
from l2l.dispatch.work import Work
from l2l.errors import LauncherError
from l2l.launchers.slurm.requests import Job, Request, look_after
from l2l.protocol.messages import WHATEVER, Exited, LeaderAddress, cause_of
from l2l.values import Status

_LOOK = 0.25  # seconds between two looks at job steps, which are our own child processes
_ASK = 2.0
"""Seconds between two questions to the queue."""
_FAILED_STARTS = 3  # how often a request may end before a worker was ready, until we give up
_FAREWELL = 2.0  # seconds for job steps to end by themselves, before they are cancelled
_LONGEST_PAUSE = 30.0  # seconds until a request that failed is submitted again, doubled each time up to this
_AFTERMATH = 60.0
"""Seconds after which ranks that are cut off, and whose step is said to go on, are given up as lost."""


@dataclass(slots=True)
class _Orphans:
    """Workers whose supervisor is gone, until it is known why.

    Args:
        request_id: Of the supervisor.
        workers: Of the supervisor.
        since: On the monotonic clock.
    """

    request_id: str
    workers: Sequence[RemoteWorker]
    since: float


class SlurmWorkers(RemoteWorkers):
    """The workers that requests bring.

    Args:
        work: What they run.
        requests: Not given yet.
        label: The name of jobs among them.
        ranks: That simulate a trial together, in our processes.

    Raises:
        LauncherError: We cannot listen, or Slurm refuses.
    """

    def __init__(self, work: Work, requests: Sequence[Request], label: str, ranks: int) -> None:
        self._requests = {request.name: request for request in requests}
        self._label = label
        self._together = ranks > 1
        self._orphans: list[_Orphans] = []
        self._look_at = self._ask_at = 0.0
        self._stopping = False
        super().__init__(work, sum(request.places for request in requests), everywhere=True)
        self.call = LeaderAddress(self.addresses, self.secret, ranks)

    def submit(self) -> None:
        """Ask for all workers.

        Raises:
            LauncherError: Slurm refuses.
        """
        for request in self._requests.values():
            request.submit(self.call)

    @property
    def _jobs(self) -> list[Job]:
        return [request for request in self._requests.values() if isinstance(request, Job)]

    @property
    def awaited(self) -> bool:
        """Whether a request waits in the queue, which may take days."""
        return any(request.waits() for request in self._requests.values())

    def wait(self, seconds: float | None) -> tuple[list[RemoteWorker], list[RemoteWorker]]:
        """As any remote workers, but look after the requests in between."""
        return super().wait(_LOOK if seconds is None else min(seconds, _LOOK))

    def orphaned(self, request_id: str, workers: Sequence[RemoteWorker]) -> None:
        """Judge workers whose supervisor is gone; ranks that simulate are judged once their request has ended."""
        request = self._request(request_id)
        if request is not None:
            _note(request, workers)
        if self._together and request is not None and not self._stopping:
            self._orphans.append(_Orphans(request_id, workers, time.monotonic()))
        else:
            super().orphaned(request_id, workers)

    def _request(self, request_id: str) -> Request | None:
        """The request that a request_id names, if it was not given again meanwhile."""
        request = self._requests.get(request_id.rpartition(".")[0])
        return request if request is not None and request.request_id == request_id else None

    def check(self) -> None:
        """Look after workers and requests.

        Raises:
            LauncherError: No worker comes.
        """
        super().check()
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + _LOOK
        if self._jobs and now >= self._ask_at:
            answers = look_after(self._jobs, self._label)
            self._ask_at = time.monotonic() + (_ASK if answers else _LONGEST_PAUSE / 3)
        for supervisor in self._supervisors.values():
            if request := self._request(supervisor.request_id):
                _note(request, supervisor.workers.values())
        if self._together and self.work.resources.timeout:
            self._end_overdue(now, self.work.resources.timeout)
        for request in self._requests.values():
            if request.waits():
                request.since = now
            if not request.arrived and now - request.since > self.work.patience:
                request.since = now
                request.cancel()
            code = request.ended()
            if code is not None:
                self._resolve(request, code)
                self._again(request, code, now)
        self._give_up(now)

    def _end_overdue(self, now: float, timeout: float) -> None:
        for supervisor in self._supervisors.values():
            request = self._request(supervisor.request_id)
            for worker in supervisor.workers.values():
                running = worker.running
                if request and not request.condemned and running and now - running.since > timeout:
                    request.condemned = f"took longer than its limit of {timeout:g} s"
                    request.cancel()

    def _resolve(self, request: Request, code: int) -> None:
        """Say how the ranks of a request that has ended did."""
        for name in [
            name for name, supervisor in self._supervisors.items() if supervisor.request_id == request.request_id
        ]:
            self._lose(name)  # of which we have not heard yet
        for cut in [one for one in self._orphans if one.request_id == request.request_id]:
            self._orphans.remove(cut)
            if request.condemned or request.to_blame():
                for worker in cut.workers:
                    self.ended(worker, self._death(request, code))
            else:
                super().orphaned(cut.request_id, cut.workers)

    def _death(self, request: Request, code: int) -> Exited:
        said = request.said()
        return Exited(
            worker=-1,  # none of a supervisor's: it is ranks that simulate themselves
            code=code,
            number=WHATEVER,
            together=1,
            age=0.0,
            status=Status.TIMEOUT if request.condemned else None,
            message=request.condemned,
            said=said,
            wrote=f"it wrote (all of it in {request.log}):\n{said}" if said else "it wrote nothing",
            peak_memory=0,
        )

    def _again(self, request: Request, code: int, now: float) -> None:
        """Ask for workers again in place of those that ended.

        Raises:
            LauncherError: They end again and again before they are ready, or Slurm refuses again and again.
        """
        if now < request.due:
            return
        if request.due == 0.0 and not request.ready:
            if self._failed_again(request, now) and request.usable():
                raise LauncherError(
                    f"what Slurm starts for us ended {request.failed_starts} times before a worker was ready; "
                    f"of the last {cause_of(code)}; it said (all of it in {request.log}):\n{request.said()}"
                )
        elif not request.usable():
            request.due = now + _LONGEST_PAUSE / 3
            if all(one.ended() is not None and not one.usable() for one in self._requests.values()):
                raise LauncherError("no node of our allocation answers any more; resume the run in a new one")
        else:
            request.due = 0.0
            try:
                request.submit(self.call)
            except LauncherError:
                if self._failed_again(request, now):
                    raise

    def _failed_again(self, request: Request, now: float) -> bool:
        """Let a request that failed rest for a while; whether it failed too often, and no other goes better."""
        request.failed_starts += 1
        request.due = now + min(2.0**request.failed_starts, _LONGEST_PAUSE)
        return request.failed_starts >= _FAILED_STARTS and not any(worker.ready for worker in self.present)

    def _give_up(self, now: float) -> None:
        for cut in [one for one in self._orphans if now - one.since > _AFTERMATH]:
            self._orphans.remove(cut)
            super().orphaned(cut.request_id, cut.workers)

    def stop(self, grace: float = 0.0) -> None:
        """Let the supervisors end their workers, then end what is left of the requests."""
        self._stopping = True
        for request in self._requests.values():
            if request.waits():
                request.cancel()
        super().stop(grace)
        self._await_steps(_FAREWELL)
        for request in self._requests.values():
            if request.request_id:
                request.cancel()
        self._await_steps(3 * _FAREWELL)

    def _await_steps(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        steps = [request for request in self._requests.values() if request.request_id and not isinstance(request, Job)]
        while any(request.ended() is None for request in steps) and time.monotonic() < deadline:
            time.sleep(0.01)


def _note(request: Request, workers: Iterable[RemoteWorker]) -> None:
    """Take note that the supervisor of a request has come, and perhaps workers that are ready."""
    request.arrived = True
    if any(worker.ready for worker in workers):
        request.ready, request.failed_starts = True, 0
