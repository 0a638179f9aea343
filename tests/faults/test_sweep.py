"""A part of what `python -m tests.faults.sweep` and `python -m tests.faults.flips` do whole."""

import platform
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.flips import Archives, Journals, tried
from tests.faults.sweep import SCENARIOS, Sweep, memory, swept

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        sys.platform != "linux" or platform.machine() != "x86_64", reason="system calls as Linux numbers them on x86-64"
    ),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning"),  # a child that only leads a run
]

# About as many calls as a coarse look allows in CI, other ones in each mode.
STRIDE = 130
FLIPS = 60


@pytest.fixture(scope="module")
def sweep() -> Iterator[Sweep]:
    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        yield Sweep(Path(folder, "sweep"))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_call_that_fails_or_is_interrupted_loses_doubles_or_changes_anything(sweep: Sweep, scenario: str) -> None:
    reports = swept(sweep, scenario, STRIDE)
    assert sum(report.points for report in reports.values()) > 10
    assert not [fault for report in reports.values() for fault in report.faults]


def test_lost_exchanged_and_foreign_files_of_a_journal_are_said(sweep: Sweep) -> None:
    journals = Journals(sweep)
    counts, faults = tried(journals.outcome, journals.losses())
    assert not faults
    assert counts["said"] == counts.total() > 3


def test_flipped_bits_and_truncations_of_a_journal_are_harmless_or_said(sweep: Sweep) -> None:
    journals = Journals(sweep)
    counts, faults = tried(journals.outcome, journals.flips(FLIPS, random.Random(3)))
    assert not faults
    assert counts["said"] > FLIPS // 2
    _, faults = tried(journals.outcome, journals.truncations(1500))
    assert not faults


def test_flipped_bits_and_truncations_of_an_archive_are_harmless_or_said(sweep: Sweep) -> None:
    archives = Archives(sweep)
    draws = random.Random(4)
    for outcome, count in ((archives.read, FLIPS), (archives.extend, FLIPS // 10), (archives.remember, FLIPS // 10)):
        _, faults = tried(outcome, archives.flips(count, draws))
        assert not faults
    counts, faults = tried(archives.read, archives.truncations(50_000))
    assert not faults
    assert counts["said"] == counts.total()
