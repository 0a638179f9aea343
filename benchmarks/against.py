"""This commit beside another one, measured in turns so that a busy machine meets both: ratios, not promises.

    python benchmarks/against.py ebc90bf                          # about ten minutes
    python benchmarks/against.py HEAD~20 --only local steady --repeats 9

The other commit is checked out, with its own benchmarks, into a temporary folder, and gets an environment of its own
that shares the installed libraries with this one. Every figure is one fresh process; the two commits take turns, and
the ratio is the median of the ratios of the turns. Above 1 this commit needs more than the other.
"""

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from fresh import Others
from tables import number, table

REPOSITORY = Path(__file__).absolute().parent.parent
_HEAD = "import json, sys; sys.path.insert(0, '{benchmarks}'); from fresh import fresh"
_RATE = "print(json.dumps([rate.microseconds, rate.cpu_microseconds]))"
# What is measured: its units, and the Python that measures it with the benchmarks of either commit.
MEASURES: dict[str, tuple[tuple[str, ...], str]] = {
    "import": (
        ("import l2l, ms",),
        "from footprint import imports; print(json.dumps([1e3 * imports(3).seconds]))",
    ),
    "local": (
        ("local, 2 workers, µs per evaluation", "the same, processor µs"),
        f"from throughput import l2l_rate; rate = fresh(l2l_rate, 2, {{many}}, '{{folder}}'); {_RATE}",
    ),
    "steady": (
        ("steady state, 2 workers, µs per evaluation", "the same, processor µs"),
        f"from throughput import l2l_rate; rate = fresh(l2l_rate, 2, {{many}} // 4, '{{folder}}', None, True); {_RATE}",
    ),
    "turnaround": (
        ("between generations of 1,000 × 20, ms",),
        """from statistics import median; from turnaround import turnaround
print(json.dumps([1e3 * median(fresh(turnaround, {generations}, '{folder}', 2).own)]))""",
    ),
    "mpi": (
        ("mpi, 2 workers, µs per evaluation",),
        """from launchers import said_by
launcher = json.dumps(dict(name='mpi'))
said = said_by('launcher_peers.py', ['l2l', '{many}', '--folder', '{folder}', '--launcher', launcher], 'ranks')
print(json.dumps([1e6 * said['seconds'] / said['evaluations']]))""",
    ),
}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two commits: its name, its folder, and the Python of its environment."""

    name: str
    folder: Path
    python: Path

    def measure(self, what: str, arguments: argparse.Namespace) -> list[float]:
        """The figures of one measure, in the order of its units.

        Raises:
            RuntimeError: The program that measures fails.
        """
        values = {
            "benchmarks": self.folder / "benchmarks",
            "folder": arguments.folder,
            "many": max(2000, int(60_000 * arguments.scale)),
            "generations": max(10, int(60 * arguments.scale)),
        }
        program = f"{_HEAD}\n{MEASURES[what][1]}".format(**values)
        done = subprocess.run(
            [self.python, "-c", program],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,  # `-c` looks for modules in the working directory first
            env={**os.environ, "PYTHONPATH": ""},
        )
        if done.returncode:
            raise RuntimeError(f"{self.name}, {what}: {done.stdout}{done.stderr}")
        figures: list[float] = json.loads(done.stdout.splitlines()[-1])
        return figures


@contextmanager
def other(commit: str) -> Iterator[Side]:
    """Another commit, with an environment in which its own l2l is installed and all else is that of this one."""
    with tempfile.TemporaryDirectory(prefix="l2l-against-") as place:
        folder, environment = Path(place, "checkout"), Path(place, "environment")
        git = ["git", "-C", str(REPOSITORY), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(folder), commit], check=True)
        try:
            venv.create(environment)
            python = environment / "bin" / "python"
            purelib = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
            purelib.joinpath("shared.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
            install = [
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--no-build-isolation",
                "--editable",
                str(folder),
            ]
            subprocess.run([str(python), *install], check=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})
            # Programs of libraries, such as mpiexec, are looked for beside the Python.
            for program in Path(sys.executable).parent.iterdir():
                link = environment / "bin" / program.name
                if not link.exists():
                    link.symlink_to(program)
            yield Side(commit, folder, python)
        finally:
            subprocess.run([*git, "remove", "--force", str(folder)], check=False)


def compared(
    sides: tuple[Side, Side], arguments: argparse.Namespace
) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Each figure's name, and its pairs (this commit, the other), a pair per turn."""
    for what in arguments.only:
        units = MEASURES[what][0]
        turns: list[list[tuple[float, float]]] = [[] for _ in units]
        for turn in range(arguments.repeats):
            # The second of a pair may find the machine warmer: each is first in every other turn.
            order = sides if turn % 2 else sides[::-1]
            found = {side.name: side.measure(what, arguments) for side in order}
            for place, pairs in enumerate(turns):
                pairs.append((found[sides[0].name][place], found[sides[1].name][place]))
        yield from zip(units, turns, strict=True)


def parsed() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit", help="the other commit, by any name that git knows")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES), metavar="WHAT")
    parser.add_argument("--scale", type=float, default=1.0, help="how much to run, as a share of the usual")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each")
    parser.add_argument("--limit", type=float, help="exit with 1 where a ratio is above this")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where runs are written (and removed)")
    return parser.parse_args()


def main() -> int:
    """Measure both, print the medians and the ratio of each figure."""
    arguments = parsed()
    others = Others()
    rows = []
    above = []
    with other(arguments.commit) as theirs:
        here = Side("this commit", REPOSITORY, Path(sys.executable))
        for name, pairs in compared((here, theirs), arguments):
            ratios = sorted(mine / their for mine, their in pairs)
            ratio = median(ratios)
            mine, their = (median(column) for column in zip(*pairs, strict=True))
            rows.append([name, number(mine), number(their), f"{ratio:.3f}", f"{ratios[0]:.3f} to {ratios[-1]:.3f}"])
            if arguments.limit is not None and not ratio <= arguments.limit:
                above.append(name)
            print(f"… {name}: {ratio:.3f}", file=sys.stderr, flush=True)
    print(table(["what", "this commit", arguments.commit, "ratio", "turns"], rows))
    print(f"\n{arguments.repeats} turns. Other programs used {others.share:.0%} of the cores meanwhile.")
    if above:
        print(f"above {arguments.limit}: {'; '.join(above)}")
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
