"""`plt` without a screen, as the other framework's package offers it."""

from l2l.errors import MissingPart

try:
    import matplotlib as mpl
except ModuleNotFoundError as error:
    raise MissingPart("matplotlib", "pip install 'l2l[report]'") from error

mpl.use("agg")
import matplotlib.pyplot as plt

__all__ = ["plt"]
