import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l.protocol.channel import LARGEST, Inbox, Outbox, Seal, bare, pickled, pipe, write_message

KEY, ANOTHER = bytes(range(32)), bytes(32)


def frames(messages, key=KEY):
    """Messages as they travel."""
    framing = Seal(key).around if key else bare
    return [body.join(framing(body)) for body in map(pickled, messages)]


def heard(ends, stream, key=KEY):
    """What an inbox makes of these bytes and the end of the channel."""
    reading, writing = ends
    inbox = Inbox(reading, key)
    os.write(writing, stream)
    os.close(writing)
    return inbox.drain(), inbox


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


@given(
    st.lists(st.binary(max_size=300), max_size=50),
    st.lists(st.integers(1, 700), min_size=1, max_size=20),
    st.sampled_from([None, KEY]),
)
def test_messages_survive_any_cutting(messages, cuts, key):
    reading, writing = pipe()
    os.set_blocking(reading, False)
    inbox, stream, came, turn = Inbox(reading, key), b"".join(frames(messages, key)), [], 0
    while stream:
        size = cuts[turn % len(cuts)]
        os.write(writing, stream[:size])
        stream, turn = stream[size:], turn + 1
        came += inbox.read()
    os.close(writing)
    came += inbox.drain()
    os.close(reading)
    assert came == messages and inbox.closed


@pytest.mark.parametrize("kind", ["added", "repeated", "exchanged", "left out", "bare", "of another key"])
def test_nothing_is_decoded_that_was_not_sealed_for_this_place(ends, kind):
    first, second, third = frames(["first", "second", "third"])
    stream = {
        "added": [first, frames(["another"], ANOTHER)[0], second],
        "repeated": [first, first, second],
        "exchanged": [second, first],
        "left out": [first, third],
        "bare": [first, *frames(["another"], None), second],
        "of another key": frames(["first"], ANOTHER),
    }[kind]
    came, inbox = heard(ends, b"".join(stream))
    assert came == ([] if kind in {"exchanged", "of another key"} else ["first"])
    assert inbox.closed and "proved itself" in inbox.refused


@given(st.integers(0, 10**6), st.integers(0, 7))
def test_no_bit_of_a_stream_may_be_changed(place, bit):
    stream = bytearray(b"".join(frames([1, 2.5, "three"])))
    place %= len(stream)
    stream[place] ^= 1 << bit
    reading, writing = pipe()
    os.set_blocking(reading, False)
    try:
        came, inbox = heard((reading, writing), bytes(stream))
    finally:
        os.close(reading)
    # a size that grew waits for more, which is not there
    assert came == [1, 2.5, "three"][: len(came)] and len(came) < 3 and inbox.closed


def test_what_was_said_in_one_direction_is_refused_in_the_other(ends):
    came, inbox = heard(ends, b"".join(frames(["well"], ANOTHER)))
    assert came == [] and inbox.refused


def test_half_a_message_is_none(ends):
    came, inbox = heard(ends, b"".join(frames(["well", "cut off"]))[:-1])
    assert came == ["well"] and inbox.closed and not inbox.refused


@pytest.mark.parametrize("key", [None, KEY])
def test_sizes_are_bounded_on_every_channel(ends, key):
    stream = b"".join(frames(["well"], key)) + (LARGEST + 1).to_bytes(8, "little") + bytes(100)
    came, inbox = heard(ends, stream, key)
    assert came == ["well"] and inbox.closed and f"at most {LARGEST}" in inbox.refused


def test_a_size_that_is_announced_takes_no_memory(ends):
    reading, writing = ends
    inbox = Inbox(reading)
    os.write(writing, LARGEST.to_bytes(8, "little") + bytes(100))
    assert inbox.read() == [] and not inbox.closed
    assert len(inbox._room) < 1_000_000


def test_what_is_no_message_is_said_and_raises_nothing(ends):
    came, inbox = heard(ends, b"no pickle at all".join(bare(b"no pickle at all")), key=None)
    assert came == [] and inbox.closed and "cannot be read" in inbox.refused


def test_large_messages_in_both_directions_block_nobody(ends):
    reading, writing = ends
    outbox, inbox = Outbox(writing), Inbox(reading)
    arrays = [np.full(size, size, dtype=float) for size in (700_000, 3, 2_000_000)]
    for array in arrays:
        outbox.send(pickled(array))
    came = []
    while len(came) < 3:
        came += inbox.read()
        outbox.flush()
    assert all(np.array_equal(one, other) for one, other in zip(came, arrays, strict=True))
    assert outbox.empty and inbox.read() == []
    assert len(inbox._room) < 1_000_000  # of the last one nothing stays


def test_a_reader_that_is_gone_is_no_error_for_the_leader(ends):
    reading, writing = ends
    outbox = Outbox(writing)
    os.close(reading)
    outbox.send(pickled("hello"))
    assert outbox.empty


def test_a_reader_that_is_gone_is_an_error_for_the_worker(ends):
    reading, writing = ends
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        write_message(writing, bare, pickled("hello"))


def test_nothing_there_is_no_message_and_not_the_end(ends):
    inbox = Inbox(ends[0])
    assert inbox.read() == [] and inbox.drain() == [] and not inbox.closed
