"""The base class of the other framework's optimizees."""

from typing import Any, NamedTuple, Self

from l2l.compat.trajectory import Trajectory


class OptimizeeParameters(NamedTuple):
    """No parameters."""


MADE_FROM = "_l2l_made_from"
"""The attribute with what the constructor was given: (arguments, keywords)."""


class Optimizee:
    """The base of their optimizees, which remembers what it was made from, so that workers make it again.

    Args:
        traj: Where its parameters belong.
    """

    def __new__(cls, *arguments: Any, **keywords: Any) -> Self:
        """Keep the arguments."""
        self = super().__new__(cls)
        self.__dict__[MADE_FROM] = (arguments, keywords)
        return self

    def __init__(self, traj: Trajectory) -> None:
        traj.f_add_parameter_group("individual", "Parameters of the optimizee")

    def create_individual(self) -> Any:
        """An individual, name → value; the subclass's."""

    def simulate(self, traj: Trajectory) -> Any:
        """The fitness of `traj.individual`; the subclass's."""

    def simulate_(self, traj: Trajectory) -> Any:
        """What is called; `simulate` unless a subclass has it otherwise."""
        return self.simulate(traj)
