"""Times that TVB would round without a word: they are refused here, and the windows of samples are found."""

from typing import Any

from l2l.errors import OptionError
from l2l.optimizees.simulator import whole_steps

TOLERANCE = 1e-6
"""Share of a time step by which a time may miss the grid: far above the rounding of floats, far below any mistake."""

BOLD_WINDOW = 4.0
"""Milliseconds over which TVB averages activity before it convolves it with the hemodynamic response."""

EVERY_STEP = ("Raw", "RawVoi", "AfferentCoupling")
"""Monitors that record each time step, whatever their period is."""

BOLD = ("Bold", "BoldRegionROI")
"""Monitors that convolve activity with a hemodynamic response."""


def check_period(owner: str, monitor: str, period: float, dt: float) -> None:
    """Refuse a period that TVB would round to another one.

    Args:
        owner: For errors.
        monitor: The name of the monitor's class.
        period: Between two samples, ms.
        dt: Time step, ms.

    Raises:
        OptionError: It is no whole number of time steps above 0, or not the time step where each one is recorded.
    """
    if monitor in EVERY_STEP:
        if period and whole_steps(period, dt) != 1:
            raise OptionError(
                f"{owner}: {monitor}: expected no period, for it records each time step of {dt:g} ms, "
                f"got {period:g} ms; leave it out, or take SubSample or TemporalAverage"
            )
        return
    if period < dt * (1.0 - TOLERANCE):
        raise OptionError(
            f"{owner}: {monitor}: expected a period of at least the time step, {dt:g} ms, got {period:g} ms"
        )
    if whole_steps(period, dt) is None:
        below = int(period / dt) * dt
        raise OptionError(
            f"{owner}: {monitor}: expected a period of whole time steps of {dt:g} ms, got {period:g} ms; "
            f"{below:g} and {below + dt:g} ms are the nearest"
        )


def check_bold(owner: str, monitor: str, dt: float, length: float = 20000.0) -> None:
    """Refuse a time step with which TVB stretches the hemodynamic response of a BOLD monitor.

    TVB samples the response every 4 ms, and convolves it with averages over 4 / dt time steps, rounded. So with 3 ms
    the response is a quarter too fast, and with 6 ms half too slow.

    Args:
        owner: For errors.
        monitor: The name of the monitor's class.
        dt: Time step, ms.
        length: Of the hemodynamic response, ms.

    Raises:
        OptionError: 4 ms are no whole number of time steps, or the response's length is none of 4 ms.
    """
    if not whole_steps(BOLD_WINDOW, dt):
        raise OptionError(
            f"{owner}: {monitor}: expected a time step that divides {BOLD_WINDOW:g} ms, such as 0.5, 1 or 2 ms, "
            f"got {dt:g} ms; with others TVB's hemodynamic response has another time course"
        )
    if not whole_steps(length, BOLD_WINDOW):
        raise OptionError(
            f"{owner}: {monitor}: expected a hemodynamic response of a multiple of {BOLD_WINDOW:g} ms, "
            f"got hrf_length {length:g} ms"
        )


def fit_monitors(owner: str, simulator: Any) -> None:
    """Refuse monitors whose times TVB would round, and keep it from truncating the others.

    TVB's EEG, MEG and iEEG take the whole part of period over time step, which is 2 for 0.3 ms and 0.1 ms.

    Args:
        owner: For errors.
        simulator: Not yet configured; the periods of its monitors may change by the rounding of floats.

    Raises:
        OptionError: A period or time step does not fit.
    """
    dt = float(simulator.integrator.dt)
    for monitor in simulator.monitors:
        kind, period = _kind(monitor), float(monitor.period)
        check_period(owner, kind, period, dt)
        if kind in BOLD:
            check_bold(owner, kind, dt, float(monitor.hrf_length))
        if kind not in EVERY_STEP and int(period / dt) != round(period / dt):
            monitor.period = (round(period / dt) + TOLERANCE) * dt


def window(monitor: Any) -> float:
    """Milliseconds of activity that a sample averages, centred on its time; 0 where it is of one time step."""
    from tvb.simulator.monitors import Projection, TemporalAverage

    return float(monitor.istep * monitor.dt) if isinstance(monitor, TemporalAverage | Projection) else 0.0


def _kind(monitor: Any) -> str:
    """The name of the class of TVB that says when a monitor records, of which users may have derived their own."""
    names = [base.__name__ for base in type(monitor).__mro__ if base.__module__ == "tvb.simulator.monitors"]
    if "TemporalAverage" in names:  # AfferentCouplingTemporalAverage is an AfferentCoupling as well
        return type(monitor).__name__
    return next((name for name in names if name in (*BOLD, *EVERY_STEP)), type(monitor).__name__)
