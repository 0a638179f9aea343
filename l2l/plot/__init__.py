"""Figures of a run: `trajectory.plot.<kind>()` and `l2l plot`.

One module per kind draws with matplotlib what the module of the same name in `l2l.plot.data` prepares as plain arrays.
`picture` has the figure and its style, `dress` the axes, `kinds` the table of kinds. All of it runs in the process that
looks at a run, from the trajectory alone; matplotlib is imported when the first figure is made.
"""

from l2l.plot.accessor import Plot
from l2l.plot.kinds import KINDS, Kind

__all__ = ["KINDS", "Kind", "Plot"]
