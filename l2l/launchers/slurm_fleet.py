"""Workers that Slurm starts: asked for, watched, and asked for again where they end."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from l2l.errors import LauncherError
from l2l.launchers.outpost import Call
from l2l.launchers.slurm_orders import Job, Order, look_after
from l2l.values import Status
from l2l.worker.crash import cause_of
from l2l.worker.distant import WHATEVER, Death, Distant
from l2l.worker.fleet import Fleet
from l2l.worker.plan import Plan

_LOOK = 0.25
_ASK = 2.0
"""Seconds between two questions to the queue."""
_FRUITLESS = 3
_FAREWELL = 2.0
_LONGEST_PAUSE = 30.0
_AFTERMATH = 60.0
"""Seconds after which ranks that are cut off, and whose step is said to go on, are given up as lost."""


@dataclass(slots=True)
class _Cut:
    """Workers whose station is gone, until it is known why.

    Args:
        origin: Of the station.
        workers: Of the station.
        since: On the monotonic clock.
    """

    origin: str
    workers: Sequence[Distant]
    since: float


class SlurmFleet(Fleet):
    """The workers that orders bring.

    Args:
        plan: What they run.
        orders: Not given yet.
        label: The name of jobs among them.
        ranks: That simulate a trial together, in our processes.

    Raises:
        LauncherError: We cannot listen, or Slurm refuses.
    """

    def __init__(self, plan: Plan, orders: Sequence[Order], label: str, ranks: int) -> None:
        self._orders = {order.name: order for order in orders}
        self._label = label
        self._together = ranks > 1
        self._cut: list[_Cut] = []
        self._look_at = self._ask_at = 0.0
        self._stopping = False
        super().__init__(plan, sum(order.places for order in orders), everywhere=True)
        self.call = Call(self.addresses, self.secret, ranks)

    def give(self) -> None:
        """Ask for all workers.

        Raises:
            LauncherError: Slurm refuses.
        """
        for order in self._orders.values():
            order.give(self.call)

    @property
    def _jobs(self) -> list[Job]:
        return [order for order in self._orders.values() if isinstance(order, Job)]

    @property
    def awaited(self) -> bool:
        """Whether an order waits in the queue, which may take days."""
        return any(order.waits() for order in self._orders.values())

    def wait(self, seconds: float | None) -> tuple[list[Distant], list[Distant]]:
        """As any fleet, but look after the orders in between."""
        return super().wait(_LOOK if seconds is None else min(seconds, _LOOK))

    def cut_off(self, origin: str, workers: Sequence[Distant]) -> None:
        """Judge workers whose station is gone: ranks that simulate themselves are judged once their order has ended."""
        order = self._order(origin)
        if order is not None:
            _note(order, workers)
        if self._together and order is not None and not self._stopping:
            self._cut.append(_Cut(origin, workers, time.monotonic()))
        else:
            super().cut_off(origin, workers)

    def _order(self, origin: str) -> Order | None:
        """The order that an origin names, if it was not given again meanwhile."""
        order = self._orders.get(origin.rpartition(".")[0])
        return order if order is not None and order.origin == origin else None

    def check(self) -> None:
        """Look after workers and orders.

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
        for station in self._stations.values():
            if order := self._order(station.origin):
                _note(order, station.workers.values())
        if self._together and self.plan.resources.timeout:
            self._end_overdue(now, self.plan.resources.timeout)
        for order in self._orders.values():
            if order.waits():
                order.since = now
            if not order.arrived and now - order.since > self.plan.patience:
                order.since = now
                order.cancel()
            code = order.ended()
            if code is not None:
                self._resolve(order, code)
                self._again(order, code, now)
        self._give_up(now)

    def _end_overdue(self, now: float, timeout: float) -> None:
        for station in self._stations.values():
            order = self._order(station.origin)
            for worker in station.workers.values():
                running = worker.running
                if order and not order.condemned and running and now - running.since > timeout:
                    order.condemned = f"took longer than its limit of {timeout:g} s"
                    order.cancel()

    def _resolve(self, order: Order, code: int) -> None:
        """Say how the ranks of an order that has ended did."""
        for name in [name for name, station in self._stations.items() if station.origin == order.origin]:
            self._lose(name)  # of which we have not heard yet
        for cut in [one for one in self._cut if one.origin == order.origin]:
            self._cut.remove(cut)
            if order.condemned or order.to_blame():
                for worker in cut.workers:
                    self.ended(worker, self._death(order, code))
            else:
                super().cut_off(cut.origin, cut.workers)

    def _death(self, order: Order, code: int) -> Death:
        said = order.said()
        return Death(
            code=code,
            number=WHATEVER,
            together=1,
            age=0.0,
            status=int(Status.TIMEOUT) if order.condemned else None,
            message=order.condemned,
            said=said,
            wrote=f"it wrote (all of it in {order.log}):\n{said}" if said else "it wrote nothing",
            peak_memory=0,
        )

    def _again(self, order: Order, code: int, now: float) -> None:
        """Ask for workers again in place of those that ended.

        Raises:
            LauncherError: They end again and again before they are ready, or Slurm refuses again and again.
        """
        if now < order.due:
            return
        if order.due == 0.0 and not order.ready:
            if self._in_vain(order, now) and order.usable():
                raise LauncherError(
                    f"what Slurm starts for us ended {order.fruitless} times before a worker was ready; of the last "
                    f"{cause_of(code)}; it said (all of it in {order.log}):\n{order.said()}"
                )
        elif not order.usable():
            order.due = now + _LONGEST_PAUSE / 3
            if all(one.ended() is not None and not one.usable() for one in self._orders.values()):
                raise LauncherError("no node of our allocation answers any more; resume the run in a new one")
        else:
            order.due = 0.0
            try:
                order.give(self.call)
            except LauncherError:
                if self._in_vain(order, now):
                    raise

    def _in_vain(self, order: Order, now: float) -> bool:
        """Let an order that came to nothing rest for a while; whether it did so too often, and no other goes better."""
        order.fruitless += 1
        order.due = now + min(2.0**order.fruitless, _LONGEST_PAUSE)
        return order.fruitless >= _FRUITLESS and not any(worker.hello for worker in self.workers)

    def _give_up(self, now: float) -> None:
        for cut in [one for one in self._cut if now - one.since > _AFTERMATH]:
            self._cut.remove(cut)
            super().cut_off(cut.origin, cut.workers)

    def stop(self, grace: float = 0.0) -> None:
        """Let the stations end their workers, then end what is left of the orders."""
        self._stopping = True
        for order in self._orders.values():
            if order.waits():
                order.cancel()
        super().stop(grace)
        self._await_steps(_FAREWELL)
        for order in self._orders.values():
            if order.origin:
                order.cancel()
        self._await_steps(3 * _FAREWELL)

    def _await_steps(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        steps = [order for order in self._orders.values() if order.origin and not isinstance(order, Job)]
        while any(order.ended() is None for order in steps) and time.monotonic() < deadline:
            time.sleep(0.01)


def _note(order: Order, workers: Iterable[Distant]) -> None:
    """Take note that the station of an order has come, and perhaps workers that are ready."""
    order.arrived = True
    if any(worker.hello for worker in workers):
        order.ready, order.fruitless = True, 0
