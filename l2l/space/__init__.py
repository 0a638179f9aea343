"""Parameter spaces: what may vary, between which bounds, on which scale, under which conditions."""

from l2l.space.categorical import Categorical, Fixed
from l2l.space.designs import Grid
from l2l.space.individuals import Individuals, keys_of
from l2l.space.numeric import Integer, Numeric, Real
from l2l.space.parameter import Parameter
from l2l.space.space import ParameterSpace
from l2l.space.union import united

__all__ = [
    "Categorical",
    "Fixed",
    "Grid",
    "Individuals",
    "Integer",
    "Numeric",
    "Parameter",
    "ParameterSpace",
    "Real",
    "keys_of",
    "united",
]
