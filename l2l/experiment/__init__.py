"""The outer loop: ask, look up, launch, journal, tell, archive."""

from l2l.experiment.experiment import Experiment
from l2l.experiment.plan import Plan, Validation
from l2l.experiment.progress import Progress, Watcher

__all__ = ["Experiment", "Plan", "Progress", "Validation", "Watcher"]
