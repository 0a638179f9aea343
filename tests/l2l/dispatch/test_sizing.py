import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l.dispatch.sizing import Sizing


def learned(seconds, count=100, **options):
    sizing = Sizing(2, **options)
    sizing.learn(seconds * count, count)
    for _ in range(10):
        sizing.size(10**6)
    return sizing


@pytest.mark.parametrize(("seconds", "low", "high"), [(1.0, 1, 1), (0.02, 2, 3), (1e-3, 40, 50), (1e-6, 1024, 1024)])
def test_a_batch_is_some_fifty_milliseconds_of_work(seconds, low, high):
    assert low <= learned(seconds).size(10**6) <= high


def test_batches_grow_from_one():
    sizing = Sizing(1)
    assert sizing.size(1000) == 1
    sizing.learn(1e-6, 1)
    assert [sizing.size(10**6) for _ in range(7)] == [4, 16, 64, 256, 1024, 1024, 1024]


def test_batches_shrink_towards_the_end_of_the_backlog():
    sizing = learned(1e-3)
    assert [sizing.size(backlog) for backlog in (1000, 100, 40, 8, 1)] == [49, 25, 10, 2, 1]


def test_one_long_trial_among_short_ones_shortens_batches():
    sizing = learned(1e-4)
    before = sizing.size(10**6)
    sizing.learn(10.0, 1)
    assert sizing.size(10**6) < before / 10


def test_large_individuals_travel_in_small_batches():
    sizing = learned(1e-6)
    sizing.learn_bytes(1_000_000, 1)
    assert sizing.size(10**6) == 4


def test_vectorized_batches_grow_while_they_are_quick():
    sizing = Sizing(2, vectorized=True)
    assert sizing.size(10**6) == 16
    sizing.learn(0.1, 16)
    assert sizing.size(10**6) == 32
    sizing.learn(3.0, 32)
    assert sizing.size(10**6) == 16
    assert sizing.size(10) == 5
    limited = Sizing(2, vectorized=True, timeout=0.2)
    limited.learn(0.1, 16)
    assert limited.size(10**6) == 16


@given(st.floats(1e-7, 1e3), st.integers(1, 10**6), st.integers(1, 200))
def test_a_batch_is_never_empty_or_larger_than_the_backlog(seconds, backlog, slots):
    sizing = Sizing(slots)
    assert 1 <= sizing.size(backlog) <= backlog
    sizing.learn(seconds, 1)
    assert 1 <= sizing.size(backlog) <= backlog
