"""For people who come from L2L, the framework whose package is called `l2l`, too: their files run as they are.

`upstream()` is a context in which `import l2l…` means what it means there, for the files imported within. `wrap` makes
an optimizee of one of their classes. `python -m l2l.compat script.py` runs a whole script. Nothing of theirs is needed,
and none of their code is here: classes of the same names stand in, and our optimizers, launchers and archive do the
work. Words: theirs, what comes from that framework or was written for it; shim, a class that stands in for one of
theirs; draw, an individual that `create_individual` returned.
"""

from l2l.compat.importing import upstream
from l2l.compat.wrapped import UpstreamOptimizee, wrap

__all__ = ["UpstreamOptimizee", "upstream", "wrap"]
