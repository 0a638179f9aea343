"""A run as one HTML file that opens without a server, and several runs beside each other.

It runs in the process of whoever asks for it, and reads trajectories alone. `content` writes what is text, in Python,
so that it can be read and printed without scripts; `payload` packs the columns of the run, each once; `assets/` holds
the style and the script that draws them in the browser. "Shown" are the individuals that a plot draws where there are
more than it can draw. A "group" is runs that differ in nothing but the seed.
"""

from l2l.report.compare import Comparison, Group, compare
from l2l.report.page import report, write_report

__all__ = ["Comparison", "Group", "compare", "report", "write_report"]
