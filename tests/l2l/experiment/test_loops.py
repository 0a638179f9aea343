from collections.abc import Sequence

import pytest

from l2l.experiment import Experiment
from l2l.launchers.serial import SerialLauncher
from l2l.values import Evaluation

BACKLOGS: list[int] = []


class FourSlots(SerialLauncher):
    """Gives one evaluation a time, and notes how many trials were out."""

    slots = 4

    def collect(self, timeout: float | None = None) -> Sequence[Evaluation]:
        BACKLOGS.append(len(self._trials))
        return super().collect(0.0)


@pytest.mark.parametrize("steady_state", [False, True])
def test_a_launcher_without_guards_is_never_short_of_work_nor_has_more_than_its_slots(steady_state: bool) -> None:
    BACKLOGS.clear()
    optimizer = {"name": "random", "population": 20, "samples": 20, "steady_state": steady_state}
    Experiment("function", optimizer, directory="run", launcher=FourSlots()).run()
    assert BACKLOGS == [4] * 17 + [3, 2, 1]
