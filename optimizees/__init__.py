"""Inner-loop models, one simulator or kind of program a file, imported as `l2l.optimizees`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from l2l.optimizees.arbor import ArborOptimizee
    from l2l.optimizees.arbor_cell import ArborCell
    from l2l.optimizees.command import Command
    from l2l.optimizees.function import TestFunction
    from l2l.optimizees.gymnasium import GymnasiumOptimizee
    from l2l.optimizees.learning import LearningOptimizee
    from l2l.optimizees.learning_sinusoids import LearningSinusoids
    from l2l.optimizees.nest import NestOptimizee
    from l2l.optimizees.nest_balanced_network import BalancedNetwork
    from l2l.optimizees.nest_plasticity import PlasticityLearner
    from l2l.optimizees.nest_reservoir import SpikingReservoir
    from l2l.optimizees.nest_structural_plasticity import StructuralPlasticity
    from l2l.optimizees.netlogo import NetLogoOptimizee
    from l2l.optimizees.neuron import NeuronOptimizee
    from l2l.optimizees.neuron_cell import NeuronCell
    from l2l.optimizees.tvb import TvbOptimizee
    from l2l.optimizees.tvb_whole_brain import WholeBrain

__all__ = [
    "ArborCell",
    "ArborOptimizee",
    "BalancedNetwork",
    "Command",
    "GymnasiumOptimizee",
    "LearningOptimizee",
    "LearningSinusoids",
    "NestOptimizee",
    "NetLogoOptimizee",
    "NeuronCell",
    "NeuronOptimizee",
    "PlasticityLearner",
    "SpikingReservoir",
    "StructuralPlasticity",
    "TestFunction",
    "TvbOptimizee",
    "WholeBrain",
]

_MODULES = {
    "ArborCell": "arbor_cell",
    "ArborOptimizee": "arbor",
    "BalancedNetwork": "nest_balanced_network",
    "Command": "command",
    "GymnasiumOptimizee": "gymnasium",
    "LearningOptimizee": "learning",
    "LearningSinusoids": "learning_sinusoids",
    "NestOptimizee": "nest",
    "NetLogoOptimizee": "netlogo",
    "NeuronCell": "neuron_cell",
    "NeuronOptimizee": "neuron",
    "PlasticityLearner": "nest_plasticity",
    "SpikingReservoir": "nest_reservoir",
    "StructuralPlasticity": "nest_structural_plasticity",
    "TestFunction": "function",
    "TvbOptimizee": "tvb",
    "WholeBrain": "tvb_whole_brain",
}


def __getattr__(name: str) -> Any:
    """Import an optimizee's module when the optimizee is first asked for."""
    import importlib

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(f"l2l.optimizees.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
