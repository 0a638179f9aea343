"""The volume that a front dominates.

Zitzler, Thiele: Multiobjective optimization using evolutionary algorithms: a comparative case study. PPSN V (1998),
doi:10.1007/BFb0056872. The library moocore computes it.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EXACT_OBJECTIVES = 8
"""Up to so many objectives it is exact; beyond, where that takes too long, a deterministic approximation."""
MARGIN = 0.1
"""How far beyond the worst costs of the first generation the reference point lies, as a share of their range."""


class Hypervolume:
    """Measures fronts against one reference point, so that values can be compared over generations.

    Args:
        reference: Costs (m,) that bound the volume; None for the worst of the first costs that are seen, an objective
            each, plus a tenth of their range (of their size, at least of 1, where all are equal).
    """

    def __init__(self, reference: Sequence[float] | None = None) -> None:
        self.reference: Floats | None = None if reference is None else np.array(reference, dtype=np.float64)

    def see(self, costs: Floats) -> None:
        """Choose the reference point, unless it is fixed already.

        Args:
            costs: (n, m), finite.
        """
        if self.reference is None and len(costs):
            worst = costs.max(axis=0)
            with np.errstate(over="ignore"):
                span = worst - costs.min(axis=0)
                span = np.where(span > 0.0, span, np.maximum(np.abs(worst), 1.0))
                self.reference = np.nan_to_num(worst + MARGIN * span)

    def of(self, costs: Floats) -> float:
        """The volume between the costs and the reference point; NaN before there is one.

        Args:
            costs: (n, m), finite.
        """
        if self.reference is None:
            return math.nan
        inside = costs[(costs < self.reference).all(axis=1)]
        if not len(inside):
            return 0.0
        if costs.shape[1] == 1:
            return float(self.reference[0] - inside.min())
        import moocore

        if costs.shape[1] <= EXACT_OBJECTIVES:
            return float(moocore.hypervolume(inside, ref=self.reference))
        return float(moocore.hv_approx(inside, ref=self.reference, nsamples=2**14, method="DZ2019-HW"))
