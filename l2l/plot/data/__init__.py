"""Plain arrays for each kind of picture, made from a trajectory; no plotting library is needed here.

One module per kind of picture, and two that all of them share: `view` has the columns of a run that several pictures
need, `dimensions` says which parameters a picture shows. The figures of `l2l.plot` and the interactive report draw
the same arrays. "Shown" are the individuals that a picture draws where there are more than it can draw.
"""

from l2l.plot.data.dimensions import Dimension, Quantity, chosen_dimensions
from l2l.plot.data.view import MOST_SHOWN, Shown, View

__all__ = ["MOST_SHOWN", "Dimension", "Quantity", "Shown", "View", "chosen_dimensions"]
