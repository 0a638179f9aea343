from typing import Any, ClassVar

import numpy as np
import pytest

from l2l.errors import OptionError
from l2l.optimizers import Refine
from l2l.space import Categorical, Integer, ParameterSpace, Real
from l2l.testing.optimizers import OptimizerContract
from l2l.values import Results


class TestRefine(OptimizerContract):
    steady: ClassVar = {"steady_state": True}

    def make(self, space: ParameterSpace, seed: int, **options: Any) -> Refine:
        return Refine(space, seed=seed, start=3, finest=33, **options)
