import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l.worker.channel import Inbox, Outbox, framed, pipe, write_all


@pytest.fixture
def ends():
    reading, writing = pipe()
    os.set_blocking(reading, False)
    yield reading, writing
    for end in (reading, writing):
        try:
            os.close(end)
        except OSError:
            continue


@given(st.lists(st.binary(max_size=300), max_size=50), st.lists(st.integers(1, 700), min_size=1, max_size=20))
def test_messages_survive_any_cutting(messages, cuts):
    reading, writing = pipe()
    os.set_blocking(reading, False)
    inbox, stream, came, turn = Inbox(reading), b"".join(map(framed, messages)), [], 0
    while stream:
        size = cuts[turn % len(cuts)]
        os.write(writing, stream[:size])
        stream, turn = stream[size:], turn + 1
        came += inbox.read()
    os.close(writing)
    came += inbox.drain()
    os.close(reading)
    assert came == messages and inbox.closed


def test_large_messages_in_both_directions_block_nobody(ends):
    reading, writing = ends
    outbox, inbox = Outbox(writing), Inbox(reading)
    arrays = [np.full(size, size, dtype=float) for size in (700_000, 3, 2_000_000)]
    for array in arrays:
        outbox.send(framed(array))
    came = []
    while len(came) < 3:
        came += inbox.read()
        outbox.flush()
    assert all(np.array_equal(one, other) for one, other in zip(came, arrays, strict=True))
    assert outbox.empty and inbox.read() == []
    assert len(inbox._room) < 1_000_000


def test_a_reader_that_is_gone_is_no_error_for_the_leader(ends):
    reading, writing = ends
    outbox = Outbox(writing)
    os.close(reading)
    outbox.send(framed("hello"))
    assert outbox.empty


def test_a_reader_that_is_gone_is_an_error_for_the_worker(ends):
    reading, writing = ends
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        write_all(writing, framed("hello"))


def test_nothing_there_is_no_message_and_not_the_end(ends):
    inbox = Inbox(ends[0])
    assert inbox.read() == [] and inbox.drain() == [] and not inbox.closed
