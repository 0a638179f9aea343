"""The colours of all pictures.

M. Okabe, K. Ito (2008), Color universal design, https://jfly.uni-koeln.de/color/: all kinds of colour vision tell
these apart. Where areas must be told apart in grey as well, they have hatches; lines have dashes, marks have shapes.
"""

from l2l.values import Status

BLACK = "#000000"
BLUE = "#0072B2"
VERMILLION = "#D55E00"
GREEN = "#009E73"
ORANGE = "#E69F00"
SKY = "#56B4E9"
PURPLE = "#CC79A7"
YELLOW = "#F0E442"
GREY = "#808080"

PALETTE = (BLUE, ORANGE, GREEN, VERMILLION, SKY, PURPLE, YELLOW, BLACK)
"""For things that differ in kind."""
COLOURS = "cividis"
"""The scale for numbers: its lightness grows evenly, and it looks alike to all kinds of colour vision."""
OF_STATUS = {
    Status.OK: BLUE,
    Status.FAILED: VERMILLION,
    Status.CRASHED: BLACK,
    Status.TIMEOUT: ORANGE,
    Status.OUT_OF_MEMORY: YELLOW,
    Status.INVALID: PURPLE,
    Status.LOST: GREY,
}
"""What a status has in every picture."""
