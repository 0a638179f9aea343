"""What a simulator recorded is put where it belongs, by the times that the simulator says."""

import numpy as np
import pytest

from l2l.errors import OptionError
from l2l.optimizees.simulator import check_step, sample_times, sampled


@pytest.mark.parametrize(
    ("duration", "every", "samples"),
    [
        (60.0, 0.1, 600),
        (60.0, 0.3, 200),
        (0.7, 0.1, 7),
        (1.05, 0.1, 11),
        (0.05, 0.1, 1),
        (100.0, 0.7, 143),
        (0.3, 0.1, 3),
    ],
)
def test_a_recording_has_a_sample_at_each_time_from_0_on_below_its_duration(
    duration: float, every: float, samples: int
) -> None:
    assert check_step(None, duration, 0.05, every) == samples
    times = sample_times(samples, every)
    assert times[0] == 0.0
    assert times[-1] < duration - 1e-9 and times[-1] + every > duration - 1e-9


@pytest.mark.parametrize("every", [0.25, 0.05, 0.11, 1e9 + 0.05])
def test_a_time_between_samples_that_is_no_multiple_of_the_step_is_refused(every: float) -> None:
    with pytest.raises(OptionError, match=r"expected samples every whole number of steps of 0\.1 ms"):
        check_step(None, 60.0, 0.1, every)


def test_values_are_found_by_their_times_whatever_else_was_recorded() -> None:
    times = 0.1 * np.arange(1000) + 1e-9
    wanted = sample_times(34, 0.3)
    np.testing.assert_array_equal(sampled("v", times, np.arange(1000.0), wanted, 0.1), 3.0 * np.arange(34))
    np.testing.assert_array_equal(sampled("v", [0.0], [7.0], np.zeros(1), 0.1), [7.0])


@pytest.mark.parametrize("missing", [0, 57, 99])
def test_a_value_of_another_step_is_not_taken_for_one_that_is_missing(missing: int) -> None:
    times = np.delete(0.1 * np.arange(100), missing)
    with pytest.raises(
        RuntimeError, match=f"recording of v: expected a sample at {0.1 * missing:.9g} ms, the nearest is"
    ):
        sampled("v", times, times, 0.1 * np.arange(100), 0.1)
    with pytest.raises(RuntimeError, match="expected 100 samples, got none"):
        sampled("v", [], [], 0.1 * np.arange(100), 0.1)
