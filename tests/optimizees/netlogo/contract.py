"""The contract of optimizees for NetLogo models; run by tests/optimizees/test_netlogo.py in a process of its own."""

from pathlib import Path

from l2l.optimizee import Optimizee
from l2l.optimizees import NetLogoOptimizee
from l2l.space import Categorical, ParameterSpace, Real
from l2l.testing.optimizees import OptimizeeContract


class TestAWalk(OptimizeeContract):
    silent = True

    def make(self) -> Optimizee:
        return NetLogoOptimizee(
            model=Path(__file__).parent / "walk.nlogo",
            parameters=ParameterSpace({"drift": Real(0.0, 1.0), "loud?": Categorical(True, False)}),
            objectives={"distance": {"report": "place - goal"}},
            observables={"walk": {"report": "place", "every": 2}, "loud": {"report": "loud?", "dtype": "bool"}},
            go="print place go",
            ticks=10,
        )
