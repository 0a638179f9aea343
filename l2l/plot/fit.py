"""Measured data beside what the best individual simulates, with the differences."""

import numpy as np
from numpy.typing import ArrayLike

from l2l.plot.data.colours import BLACK, GREY, VERMILLION
from l2l.plot.data.fit import fit
from l2l.plot.data.view import View
from l2l.plot.picture import Drawn, Place, canvas, plain, short

_FEW = 80  # data that have marks of their own


def draw(
    view: View,
    place: Place,
    *,
    data: ArrayLike | None,
    observable_name: str | None,
    objective: str | None,
    individual: int | None,
) -> Drawn:
    """See `Plot.fit`."""
    found = fit(view, view.objective(objective), observable_name, data, individual)
    with canvas(place, 2, columns=1, sharex=True, height_ratios=(3.0, 1.2)) as at:
        if at.own:
            at.drawn.set_size_inches(6.0, 4.4)  # type: ignore[union-attr]
        above, below = at.axes
        few = len(found.data) <= _FEW
        if few:
            above.errorbar(
                found.at, found.data, yerr=found.noise, fmt="o", color=BLACK, markersize=3.5, capsize=2, label="data"
            )
        else:
            above.plot(found.at, found.data, color=BLACK, linewidth=1.0, label="data")
            if found.noise is not None:
                above.fill_between(
                    found.at, found.data - found.noise, found.data + found.noise, color=BLACK, alpha=0.15, linewidth=0
                )
        who = f"best individual ({found.individual})" if individual is None else f"individual {found.individual}"
        if found.trials > 1:
            above.fill_between(found.at, found.low, found.high, color=VERMILLION, alpha=0.25, linewidth=0)
            who += f", mean and range of {found.trials} trials"
        above.plot(found.at, found.mean, color=VERMILLION, linestyle="--", label=who)
        above.set_ylabel(short(found.quantity.label))
        above.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
        difference = found.mean - found.data
        below.axhline(0.0, color=GREY, linewidth=0.8)
        below.plot(
            found.at,
            difference,
            color=VERMILLION,
            marker="o" if few else None,
            markersize=3,
            linewidth=0.9,
        )
        unit = f" ({found.quantity.unit})" if found.quantity.unit else ""
        below.set_ylabel(f"difference{short(unit, 20)}")
        below.set_xlabel(f"component of {short(found.quantity.name, 30)}" if _counts(found.at) else "place in the data")
        error = f"{found.error:.4g} {found.quantity.unit}".rstrip()
        below.set_title(f"root of the mean square {plain(error)}", loc="right", fontsize="small", color=GREY)
        return at.finish(f"{found.quantity.name} of individual {found.individual} beside the data, error {error}")


def _counts(at: np.ndarray) -> bool:
    return bool(np.array_equal(at, np.arange(len(at))))
