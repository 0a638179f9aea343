"""The tables of the archive: their columns, and how events become rows."""

from l2l.schema.checks import check_record
from l2l.schema.columns import Column, Ragged, Rows, Values, height, joined, side_by_side, taken, texts
from l2l.schema.fold import START, Fold
from l2l.schema.layout import APPENDED, FORMAT, PENDING, REWRITTEN, VERSION, Layout, labels
from l2l.schema.small import Small
from l2l.schema.trials import TRIALS, TrialColumn

__all__ = [
    "APPENDED",
    "FORMAT",
    "PENDING",
    "REWRITTEN",
    "START",
    "TRIALS",
    "VERSION",
    "Column",
    "Fold",
    "Layout",
    "Ragged",
    "Rows",
    "Small",
    "TrialColumn",
    "Values",
    "check_record",
    "height",
    "joined",
    "labels",
    "side_by_side",
    "taken",
    "texts",
]
