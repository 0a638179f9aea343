import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from l2l.spread import spread_of

VALUES = st.floats(-1e6, 1e6) | st.just(float("nan"))


@given(arrays(float, st.tuples(st.integers(1, 40), st.integers(1, 3)), elements=VALUES))
def test_the_quartiles_are_those_of_numpy_over_the_individuals_that_have_a_fitness(fitness: np.ndarray) -> None:
    signs = np.where(np.arange(fitness.shape[1]) % 2, -1.0, 1.0)
    found = spread_of(fitness, signs)
    for place, column in enumerate(fitness.T):
        shown = [found.best[place], found.low[place], found.median[place], found.high[place]]
        known = column[~np.isnan(column)]
        best = (known.max() if place % 2 else known.min()) if len(known) else np.nan
        expected = [best, *np.quantile(known, (0.25, 0.5, 0.75))] if len(known) else [np.nan] * 4
        assert shown == pytest.approx(expected, nan_ok=True, rel=1e-9, abs=1e-6)


def test_infinite_fitness_has_a_spread_without_a_warning() -> None:
    found = spread_of(np.array([[-np.inf], [1.0], [np.inf], [np.inf]]), np.array([1.0]))
    assert found.best == (-np.inf,) and found.high == (np.inf,)
