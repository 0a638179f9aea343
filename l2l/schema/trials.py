"""The table of a trial's columns: the journal's records, the archive's layout and what is read again derive from it.

What is measured of a trial is a field of `Evaluation`, and stands here by that alone.
"""

from dataclasses import dataclass

import numpy as np

from l2l.schema.columns import Column
from l2l.values import MEASURES, Status

_I8 = np.dtype(np.int64)
STATUS = Column(
    np.dtype(np.int8),
    attributes={"choices": [status.name for status in Status], "meaning": [status.meaning for status in Status]},
)


@dataclass(frozen=True, slots=True)
class TrialColumn:
    """A column of trials.

    Args:
        name: In the archive, and of `Trajectory.trials`.
        column: What it holds.
        record: The journal's name; "" where it is made of other entries of the record.
        least: The smallest sound value; None for any.
        shared: Whether all trials of a record may have one value, which stands there alone.
        measured: Whether it was measured of the trial; records that are older than the column do not have it.
    """

    name: str
    column: Column
    record: str = ""
    least: int | None = None
    shared: bool = False
    measured: bool = False


def _number(meaning: str = "") -> Column:
    return Column(_I8, attributes={"meaning": meaning} if meaning else {})


def _measured() -> list[TrialColumn]:
    found = []
    for one in MEASURES:
        least = 0 if one.dtype.kind == "i" else None
        found.append(
            TrialColumn(one.name, Column(one.dtype, attributes=one.attributes), one.name, least, measured=True)
        )
    return found


TRIALS: tuple[TrialColumn, ...] = (
    TrialColumn("individual", _number("its number"), "index", 0),
    TrialColumn("number", _number("which repetition"), "number", 0),
    TrialColumn("seed", _number("as simulators get it, made of the entropy")),
    TrialColumn(
        "entropy",
        Column(np.dtype(np.uint32), (4,), attributes={"meaning": "128 bits, least significant first"}),
        "entropy",
    ),
    TrialColumn("status", STATUS, "status"),
    TrialColumn("attempt", _number("how often it was tried before"), "attempt", 0),
    TrialColumn("source", _number("-1: simulated in this run, else a row of /memos"), "source", -1, shared=True),
    TrialColumn("segment", _number("row of /segments")),
    *_measured(),
    TrialColumn("host", Column(np.dtype(np.int32))),
    TrialColumn("ranks", _number(), "ranks", 0, shared=True),
    TrialColumn("threads", _number(), "threads", 0, shared=True),
)
"""Without the columns of objectives and observables, which follow from what a run is of."""
