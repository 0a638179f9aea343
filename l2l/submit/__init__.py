"""Batch jobs that run an experiment: their settings, their scripts, and the chain of them.

Each batch system is one file, which knows its programs and how it says things, and one template, which a site can
replace.
"""

from l2l.submit.settings import Layer, Wishes, settings_files, wishes
from l2l.submit.system import System, inside, of_name

__all__ = ["Layer", "System", "Wishes", "inside", "of_name", "settings_files", "wishes"]
