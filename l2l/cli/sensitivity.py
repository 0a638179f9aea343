"""`l2l sensitivity`: which parameters matter."""

import argparse
import csv
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l.cli.folders import run_of, shown
from l2l.cli.parser import Command
from l2l.cli.run import whole
from l2l.display.output import say
from l2l.display.tables import print_table
from l2l.errors import OptionError
from l2l.files import written_whole

if TYPE_CHECKING:
    from l2l.sensitivity import Sensitivity

_METHODS = ("sobol", "morris", "pawn")
_TABLES = (".csv", ".json")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", type=Path, help="the run's folder, or its trajectory.h5")
    parser.add_argument(
        "--method", metavar="METHOD", choices=_METHODS, help=f"{', '.join(_METHODS)}; as the design wants unless given"
    )
    parser.add_argument(
        "--value",
        metavar="NAME",
        action="append",
        help="an objective or scalar observable; again for more; all unless given",
    )
    parser.add_argument("--resamples", metavar="N", type=whole, default=100, help="of which intervals are made (100)")
    parser.add_argument("--confidence", metavar="SHARE", type=float, default=0.95, help="level of the intervals (0.95)")
    parser.add_argument(
        "--output", "-o", metavar="FILE", type=Path, help="a table as .csv or .json, bars as .png, .pdf or .svg"
    )


def _run(arguments: argparse.Namespace) -> int:
    from l2l.sensitivity import sensitivity
    from l2l.trajectory import Trajectory

    path = arguments.output
    if path is not None and path.suffix.lower() not in (*_TABLES, ".png", ".pdf", ".svg"):
        raise OptionError(f"--output {path}: expected a name that ends in .csv, .json, .png, .pdf or .svg")
    found = sensitivity(
        Trajectory(run_of(arguments.run)),
        arguments.value,
        method=arguments.method,
        resamples=arguments.resamples,
        confidence=arguments.confidence,
    )
    print_table(*found.table())
    columns, rows = found.pairs()
    if rows:
        say()
        print_table(columns, rows)
    for one in found.indices:
        left_out = f", {one.dropped} left out since something failed in them" if one.dropped else ""
        say(f"{one.value}: {found.method} from {one.used} {found.unit}{left_out}{'; ' if one.note else ''}{one.note}")
    if path is not None:
        _write(found, path)
        say(f"in {shown(path)}")
    return 0


def _write(found: "Sensitivity", path: Path) -> None:
    if path.suffix.lower() not in _TABLES:
        from l2l.plot.sensitivity import bars

        bars(found.table(), found.method).save(path)
        return
    with written_whole(path) as file, file.open("w", encoding="utf-8", newline="") as text:
        if path.suffix.lower() == ".json":
            json.dump(_plain(found), text, indent=1, ensure_ascii=False, allow_nan=False)
            return
        writer = csv.writer(text, lineterminator="\n")
        columns, rows = found.table()
        writer.writerow(columns)
        writer.writerows([[_text(cell) for cell in row] for row in rows])


def _text(cell: Any) -> Any:
    return "" if isinstance(cell, float) and math.isnan(cell) else cell


def _plain(found: "Sensitivity") -> dict[str, Any]:
    """What JSON can say; NaN, which it cannot, is null."""

    def numbers(values: Any) -> Any:
        listed = values.tolist() if hasattr(values, "tolist") else values
        if isinstance(listed, list):
            return [numbers(one) for one in listed]
        return None if math.isnan(listed) else listed

    return {
        "method": found.method,
        "unit": found.unit,
        "values": {
            one.value: {
                "parameters": list(one.parameters),
                "used": one.used,
                "dropped": one.dropped,
                **{name: numbers(values) for name, values in (*one.statistics.items(), *one.pairs.items())},
            }
            for one in found.indices
        },
    }


COMMAND = Command(
    "sensitivity",
    "which parameters matter: Sobol', Morris or PAWN indices",
    "Estimate how much each parameter matters for each objective and scalar observable, with SALib: Sobol' indices of\n"
    "a run of the design saltelli, elementary effects of one of morris, PAWN indices of one of sobol,\n"
    "latin-hypercube or random. Points that failed are left out with their whole block of the design.",
    "  l2l sensitivity runs/saltelli\n"
    "  l2l sensitivity runs/saltelli --value rate -o indices.csv\n"
    "  l2l sensitivity runs/morris -o bars.png\n",
    _arguments,
    _run,
)
