import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from l2l.space.rounding import round_significant

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
NEAR_POWERS = st.builds(
    lambda power, steps: float(f"1e{power}") * (1 + steps * 2.0**-52), st.integers(-30, 30), st.integers(-9999, 9999)
)
THIRTEEN_DIGITS = st.builds(
    lambda digits, power: float(f"{digits}5e{power}"), st.integers(10**11, 10**12 - 1), st.integers(-40, 40)
)


@given(FLOATS | NEAR_POWERS | THIRTEEN_DIGITS)
@example(0.0)
@example(-0.0)
@example(5e-324)
@example(1.7976931348623157e308)
@example(0.30000000000000004)
def test_rounds_as_decimal_arithmetic_does(x):
    assert round_significant(x) == pytest.approx(float(f"{x:.11e}"), rel=0, abs=0)


@given(FLOATS | NEAR_POWERS | THIRTEEN_DIGITS)
def test_rounding_twice_is_rounding_once(x):
    once = round_significant(x)
    assert round_significant(once) == once


@given(st.floats(-1e3, 1e3), st.integers(-2, 14))
def test_decimals_limit_the_finest_place(x, decimals):
    rounded = float(round_significant(x, decimals))
    assert rounded == round(float(f"{x:.11e}") if abs(x) >= 10.0 ** (11 - decimals) else x, decimals)
    assert float(round_significant(rounded, decimals)) == rounded


def test_minus_zero_becomes_zero():
    rounded = round_significant(np.array([-0.0, -1e-20]), 13)
    assert not np.signbit(rounded).any()


def test_a_block_is_rounded_as_its_elements_are():
    values = np.random.default_rng(1).normal(size=(50, 3)) * [1e-20, 1.0, 1e40]
    assert (round_significant(values) == [[float(f"{x:.11e}") for x in row] for row in values]).all()
