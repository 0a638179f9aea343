"""A run, for reading."""

from l2l.trajectory.solution import Solution
from l2l.trajectory.table import Table
from l2l.trajectory.trajectory import Rerun, Trajectory

__all__ = ["Rerun", "Solution", "Table", "Trajectory"]
