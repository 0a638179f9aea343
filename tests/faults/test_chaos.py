"""Two minutes of `tests/faults/chaos.py`, from a seed that the report shows."""

import os
import platform
import sys
from pathlib import Path

import pytest

from tests.faults import chaos

# Begun within this time; the last run may take as long again.
SECONDS = 100.0


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="system calls as Linux numbers them on x86-64"
)
def test_random_runs_that_are_disturbed_at_random_equal_undisturbed_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("L2L_TEST_SEED", int.from_bytes(os.urandom(3), "big")))
    code = chaos.main(["--seconds", str(SECONDS), "--seed", str(seed), "--keep", str(tmp_path)])
    said = capsys.readouterr().out
    with capsys.disabled():
        print(f"\nchaos from seed {seed}: {said.splitlines()[-1]}")
    assert code == 0, said
