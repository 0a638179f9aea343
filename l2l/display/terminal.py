"""Which kind of stream a person looks at."""

import os
import sys
from importlib import import_module
from typing import Literal, TextIO

from l2l import mpi_variables
from l2l.display.output import is_terminal

Kind = Literal["terminal", "notebook", "lines"]

_DUMB = ("", "dumb", "unknown")


def kind_of(stream: TextIO | None) -> Kind:
    """How progress is shown on a stream: in place on a terminal or in a notebook, elsewhere line by line."""
    if stream is not None and _is_of_notebook(stream):
        return "notebook"
    if not is_terminal(stream) or os.environ.get("TERM", "") in _DUMB:
        return "lines"
    # Open MPI gives each rank a pseudo-terminal, also where its output goes to a file
    return "lines" if any(name in os.environ for name in mpi_variables.RANK) else "terminal"


def _is_of_notebook(stream: TextIO) -> bool:
    """Whether what is written to a stream becomes output of a cell in a notebook, beside which a display can stand."""
    if "ipykernel" not in sys.modules:  # where it was never imported, this is no kernel
        return False
    return isinstance(stream, import_module("ipykernel.iostream").OutStream)
