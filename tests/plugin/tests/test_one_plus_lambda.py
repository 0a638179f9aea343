from typing import Any, ClassVar

import l2l
from l2l.testing.optimizers import OptimizerContract
from l2l_chaos.one_plus_lambda import OnePlusLambda


class TestOnePlusLambda(OptimizerContract):
    steady: ClassVar[dict[str, Any]] = {"steady_state": True}

    def make(self, space: l2l.ParameterSpace, seed: int, **options: Any) -> l2l.Optimizer:
        return OnePlusLambda(space, seed=seed, **options)


def test_it_converges_on_a_bowl() -> None:
    optimizer = OnePlusLambda(l2l.ParameterSpace(x=l2l.Real(-5.0, 5.0, shape=3)), seed=1)
    for _ in range(100):
        individuals = optimizer.ask()
        optimizer.tell(individuals, [float(((one["x"] - 1.0) ** 2).sum()) for one in individuals])
    assert optimizer.report()["best_cost"] < 1e-6
