"""Reads a run again and again until told to stop: `reader.py RUN REPORT STOP`, a line of JSON a read."""

import json
import sys
import time
import traceback
from pathlib import Path

from l2l import Trajectory
from l2l.errors import NotFoundError
from tests.faults.harness import archived, digest


def look(run: Path) -> dict[str, object]:
    """What a read says."""
    found = Trajectory(run)
    unfinished = found.unfinished
    ids = list(zip(unfinished["individual"].tolist(), unfinished["number"].tolist(), strict=True))
    seen = dict(zip(ids, unfinished["status"].tolist(), strict=True))
    return {
        "digest": digest(found),
        "finished": found.finished,
        "trials": len(archived(found)),
        "open": [[*one, status] for one, status in seen.items()],
    }


def main(run: Path, report: Path, stop: Path) -> None:
    """Read until the file `stop` is there, and once more."""
    begun = False
    with report.open("w") as lines:
        last = False
        while not last:
            last = stop.exists()
            try:
                said = look(run)
                begun = True
            except NotFoundError as error:
                if not begun:
                    continue
                said = {"error": str(error)}
            except BaseException:  # noqa: BLE001 - the report is the test's
                said = {"error": traceback.format_exc()}
            print(json.dumps(said), file=lines, flush=True)
            time.sleep(0.05)  # leaves the cores to the run


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
