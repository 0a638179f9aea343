"""What a pool does with workers that answer when and how the test wants, over real sockets."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from l2l.dispatch.pool import Pool
from l2l.dispatch.remote_workers import RemoteWorkers
from l2l.dispatch.work import Work
from l2l.protocol.channel import Inbox, Outbox, pickled
from l2l.protocol.connect import introduced
from l2l.protocol.messages import RESULTS, Kill, Ready, Recall, Recalled
from l2l.testing.launchers import trials_of
from l2l.testing.misbehaving import Misbehaving
from l2l.values import Resources


class Channel:
    """A connection to the leader."""

    def __init__(self, remote: RemoteWorkers, **about: Any) -> None:
        self.connection, keys, _ = introduced(remote.addresses, remote.secret, about)
        self.inbox = Inbox(self.connection.fileno(), keys.to_client)
        self.outbox = Outbox(self.connection.fileno(), keys.to_leader)

    def send(self, *message: Any) -> None:
        self.outbox.send(pickled(message))

    def rows(self) -> list[int]:
        """Numbers of the trials that came."""
        batches = [message for message in self.inbox.drain() if type(message) is tuple and len(message) == 3]
        return [first + place for first, _, rows in batches for place in range(len(rows[0]) if rows else 0)]


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    work = Work.of(Misbehaving(), Resources(), tmp_path, 60.0)
    pool = Pool(work, RemoteWorkers(work, 2, everywhere=False))
    yield pool
    pool.stop()


@pytest.fixture
def supervisor(pool: Pool) -> Iterator[list[Channel]]:
    """A supervisor's connection, and those of its two workers, which are ready."""
    channels: list[Channel] = []

    def come() -> None:
        remote = pool._workers
        assert isinstance(remote, RemoteWorkers)
        channels.append(Channel(remote, supervisor="one", kind="supervisor", places=2, request_id=""))
        for number in range(2):
            channel = Channel(remote, supervisor="one", kind="worker", place=number, number=number)
            channel.outbox.send(pickled(Ready("here", 1, "", Misbehaving().describe().to_dict(), {})))
            channels.append(channel)

    coming = threading.Thread(target=come)
    coming.start()
    pool.ready()
    while coming.is_alive():
        pool.collect(0.01)
        pool._turn(0.01)
    pool._turn(0.01)
    yield channels
    for channel in channels:
        channel.connection.close()


def result(number: int) -> tuple[Any, ...]:
    return RESULTS, [number], {"started": [0.0], "seconds": [1e-4], "peak_memory": 1 << 20}, [0.5, 0.5]


def finished(pool: Pool, workers: list[Channel], count: int) -> int:
    """How many trials come back within some seconds, up to `count`, when workers do at once what they get."""
    came = 0
    for _ in range(100):
        for worker in workers:
            for number in worker.rows():
                worker.send(*result(number))
        came += len(pool.collect(0.02))
        if came >= count:
            break
    return came


def test_a_worker_whose_connection_got_what_is_no_message_is_ended_though_it_says_nothing_more(
    pool: Pool, supervisor: list[Channel]
) -> None:
    orders, *workers = supervisor
    pool.submit(trials_of(["well"] * 2))
    workers[0].connection.send(b"garbage of a model\n" * 3)
    told: list[Any] = []
    for _ in range(100):
        pool.collect(0.02)
        told += [message for message in orders.inbox.drain() if isinstance(message, Kill)]
        if told:
            break
    assert told == [Kill(0)]


def test_trials_that_all_came_back_late_are_sent_again(pool: Pool, supervisor: list[Channel]) -> None:
    orders, *workers = supervisor
    pool.submit(trials_of(["well"] * 100))
    assert finished(pool, workers, 100) == 100  # from now on they come in batches
    pool.submit(trials_of(["well"] * 100, first=100))
    pool.collect(0.3)
    sent = [worker.rows() for worker in workers]
    assert all(len(numbers) >= 3 for numbers in sent)
    recalls = {one.worker: one.before for one in orders.inbox.drain() if isinstance(one, Recall)}
    assert recalls == {place: numbers[-1] + 1 for place, numbers in enumerate(sent)}  # both seem slow
    for worker, numbers in zip(workers, sent, strict=True):
        worker.send(*result(numbers[0]))
    back = len(pool.collect(1.0))
    while back < 2:
        back += len(pool.collect(1.0))
    assert not pool.collect(0.3)  # the second trial seems slow as well
    for place, numbers in enumerate(sent):
        orders.outbox.send(pickled(Recalled(place, numbers[1], recalls[place])))  # and has not even started
    assert finished(pool, workers, 98) == 98
