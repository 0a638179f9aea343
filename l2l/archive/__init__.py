"""The archive `trajectory.h5`: written by the leader, generation by generation."""

from l2l.archive.archive import Archive
from l2l.archive.records import records_of

__all__ = ["Archive", "records_of"]
