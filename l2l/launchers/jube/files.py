"""The files of a JUBE benchmark: its description, its work packages, and the script of its batch jobs."""

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from l2l.errors import LauncherError, NotFoundError, OptionError
from l2l.launchers.jube.work_package import PROGRAM, PackageSpec, write_package
from l2l.values import Trial

RUNS = "runs"
STEP = "evaluate"
TABLE = "fitness.txt"
_FROM_WORK = "../../../.."
"""From where JUBE runs a work package, `runs/000000/000000_evaluate/work`, to the benchmark's folder."""
_NUMBER = r"([-+.\deEnaif]+)"

TEMPLATE = """\
#!/bin/sh
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=#THREADS#
#SBATCH --output=job.out
#SBATCH --error=job.err
#OPTIONS#

#COMMAND# && touch ready || touch error
"""
"""The script of a batch job; JUBE waits for `ready` or `error`."""
_PLACES = ("#THREADS#", "#OPTIONS#", "#COMMAND#")


@dataclass(frozen=True, slots=True)
class Layout:
    """What all benchmarks of a run have in common.

    Args:
        terms: On which packages run.
        objectives: Their names.
        workers: Work packages that run at once.
        script: Of a batch job, all places filled; None to run here.
        jobs: How names of batch jobs begin.
    """

    terms: PackageSpec
    objectives: Sequence[str]
    workers: int
    script: str | None
    jobs: str

    def job(self, benchmark: str, package: int | str) -> str:
        """The name of the batch job of a work package."""
        return f"{self.jobs}-{benchmark}-{package}"

    def write(self, folder: Path, batches: Sequence[Sequence[Trial]]) -> list[Path]:
        """Write a benchmark into a new folder; the files of its packages.

        Args:
            folder: The benchmark's.
            batches: The trials of each work package.

        Raises:
            LauncherError: The disk takes it not.
        """
        packages = folder / "packages"
        files = [packages / f"{number}.json" for number in range(len(batches))]
        try:
            packages.mkdir(parents=True)
            self.terms.write(packages)
            for file, trials in zip(files, batches, strict=True):
                write_package(file, trials)
            if self.script is not None:
                (folder / "submit.job").write_text(self.script, encoding="utf-8", errors="surrogateescape")
            tree = ET.ElementTree(self._benchmark(folder.name, batches))
            ET.indent(tree)
            tree.write(folder / "benchmark.xml", encoding="utf-8", xml_declaration=True)
        except OSError as error:
            raise LauncherError(f"{folder}: expected to write a benchmark, got: {error.strerror}") from error
        return files

    def _benchmark(self, name: str, batches: Sequence[Sequence[Trial]]) -> ET.Element:
        root = ET.Element("jube")
        benchmark = ET.SubElement(root, "benchmark", name=f"generation_{name}", outpath=RUNS)
        comment = f"{sum(map(len, batches))} trials of {self.terms.optimizee['qualname']}"
        ET.SubElement(benchmark, "comment").text = comment
        self._parameters(benchmark, batches)
        self._step(benchmark, name, len(batches))
        self._result(benchmark)
        return root

    def _parameters(self, benchmark: ET.Element, batches: Sequence[Sequence[Trial]]) -> None:
        numbers = ET.SubElement(benchmark, "parameterset", name="packages")
        listed = ET.SubElement(numbers, "parameter", name="package", type="int")
        listed.text = ",".join(map(str, range(len(batches))))
        indices = [[trial.index for trial in batch] for batch in batches]
        spans = [f"{min(batch)}-{max(batch)}" if batch else "none" for batch in indices]
        of_package = ET.SubElement(numbers, "parameter", name="individuals", mode="python", separator=";")
        of_package.text = f"{spans}[$package]"

    def _step(self, benchmark: ET.Element, name: str, packages: int) -> None:
        at_once = str(min(self.workers, packages)) if self.script is None else "1"
        step = ET.SubElement(benchmark, "step", name=STEP, procs=at_once)
        ET.SubElement(step, "use").text = "packages"
        package = f"{_FROM_WORK}/packages/${{package}}.json"
        if self.script is None:
            ET.SubElement(step, "do").text = f"{_command()} {package} {TABLE}"
            return
        waiting = ET.SubElement(step, "do", done_file="ready", error_file="error")
        waiting.text = f"sbatch --job-name={self.job(name, '${package}')} {_FROM_WORK}/submit.job {package}"

    def _result(self, benchmark: ET.Element) -> None:
        patterns = ET.SubElement(benchmark, "patternset", name="lines")
        ET.SubElement(patterns, "pattern", name="trial", type="int").text = r"^\d+ (\d+) \d+ [A-Z_]+ "
        ET.SubElement(patterns, "pattern", name="ok", type="int").text = r"^\d+ (\d+) \d+ OK "
        columns = [("package", "package"), ("individuals", "individuals"), ("trials", "trial_cnt"), ("ok", "ok_cnt")]
        for place, objective in enumerate(self.objectives):
            pattern = ET.SubElement(patterns, "pattern", name=f"fitness_{place}", type="float")
            pattern.text = rf"^\d+ \d+ \d+ OK {'[^ ]+ ' * place}{_NUMBER}"
            columns += [(f"{objective} {word}", f"fitness_{place}_{word}") for word in ("min", "avg", "max")]
        analyser = ET.SubElement(benchmark, "analyser", name="read")
        ET.SubElement(analyser, "use").text = "lines"
        ET.SubElement(ET.SubElement(analyser, "analyse", step=STEP), "file").text = TABLE
        result = ET.SubElement(benchmark, "result")
        ET.SubElement(result, "use").text = "read"
        table = ET.SubElement(result, "table", name="fitness", style="pretty", sort="package")
        for title, name in columns:
            ET.SubElement(table, "column", title=title).text = name


def _command() -> str:
    """What runs a package, for a shell; JUBE puts `$$` back to `$`."""
    return shlex.join([sys.executable, "-P", PROGRAM]).replace("$", "$$")


def script_of(template: Path | None, threads: int, options: Sequence[str]) -> str:
    """The script of batch jobs.

    Args:
        template: A site's; None for `TEMPLATE`.
        threads: Of each trial.
        options: Of sbatch, one a line.

    Raises:
        NotFoundError: The template cannot be read.
        OptionError: It has places that we do not know, no `#COMMAND#`, or no `ready`.
    """
    text = TEMPLATE
    if template is not None:
        try:
            text = template.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise NotFoundError(f"JubeLauncher: option 'template': {template}: expected a text file: {error}") from None
    for place in re.findall(r"#[A-Z_]+#", text):
        if place not in _PLACES:
            raise OptionError(
                f"JubeLauncher: option 'template': {template}: expected {', '.join(_PLACES)}, got {place}"
            )
    if "#COMMAND#" not in text:
        raise OptionError(f"JubeLauncher: option 'template': {template}: expected #COMMAND# where the worker is to run")
    if "ready" not in text:
        what = "expected `touch ready` behind #COMMAND#, by which JUBE knows the end of a job"
        raise OptionError(f"JubeLauncher: option 'template': {template}: {what}")
    lines = "\n".join(f"#SBATCH {one}" for one in options)
    command = f'{shlex.join([sys.executable, "-P", PROGRAM])} "$1" {TABLE}'
    return text.replace("#THREADS#", str(threads)).replace("#OPTIONS#", lines).replace("#COMMAND#", command)
