"""Experiment files become experiments: YAML, whose keys are the arguments of `Experiment`, or Python.

Every error is a `ConfigError` that names file, line and dotted key, or the `--set` that brought it, with what was
expected and what came.
"""

from l2l.config.experiment_file import load, run_directory
from l2l.config.settings import Change, Settings, parse_change

__all__ = ["Change", "Settings", "load", "parse_change", "run_directory"]
