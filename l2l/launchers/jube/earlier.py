"""Benchmarks that are over: what an interrupted run had finished in them, and what of them need not stay."""

import contextlib
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from l2l.launchers.jube.json_form import evaluation_from_plain
from l2l.launchers.jube.work_package import RESULTS, PackageSpec, entries, read_package
from l2l.values import Evaluation, Trial

_Key = tuple[int, int, int, int, bool, bytes]
_KEPT = 2  # benchmarks whose results stay: by the second one after it the run's journal has them on the disk


class EarlierBenchmarks:
    """Earlier benchmarks of a run.

    Their results stay until two more benchmarks have begun: by then the run has them. Until then they serve a run
    that was interrupted, for the very same trials of the same optimizee.

    Args:
        folder: With a folder a benchmark.
        terms: On which trials run now.
    """

    def __init__(self, folder: Path, terms: PackageSpec) -> None:
        self._folder = folder
        self.version: str | None = None
        """Of the optimizee, once an evaluating process has said it; before that nothing is known of the past."""
        numbers = sorted(int(one.name) for one in folder.iterdir() if one.name.isdigit())
        self._next = numbers[-1] + 1 if numbers else 0
        self._results: deque[list[Path]] = deque()
        self._known: dict[_Key, tuple[str, Evaluation]] = {}
        for number in numbers:
            files = sorted((folder / f"{number:05d}" / "packages").glob(f"*{RESULTS}"))
            if files:
                self._results.append(files)
                # what a loss of power cut off, or another version wrote: these trials run again
                with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                    self._load(files, terms)

    def _load(self, files: Sequence[Path], terms: PackageSpec) -> None:
        if not terms.same_results(PackageSpec.read(files[0].parent)):
            return
        for file in files:
            package = file.with_name(file.name.removesuffix(RESULTS) + ".json")
            trials = {(*one.id, one.attempt): one for one in read_package(package, terms.each)}
            version = ""
            for said in entries(file.read_bytes().splitlines()):
                if "ready" in said:
                    version = said["ready"]["version"]
                elif "evaluation" in said:
                    one = evaluation_from_plain(said["evaluation"])
                    self._known[_key(trials[*one.id, one.attempt])] = (version, one)

    def known(self, trials: Sequence[Trial]) -> tuple[list[Evaluation], list[Trial]]:
        """What is known of trials already, each once; and the trials of which nothing is."""
        if not self._known or self.version is None:
            return [], list(trials)
        found, missing = [], []
        for trial in trials:
            version, one = self._known.pop(_key(trial), ("", None))
            if one is not None and version == self.version:
                found.append(one)
            else:
                missing.append(trial)
        return found, missing

    def next_number(self) -> int:
        """The number of a benchmark that begins."""
        while len(self._results) > _KEPT:
            for file in self._results.popleft():
                file.unlink(missing_ok=True)
        self._next += 1
        return self._next - 1

    def finished(self, results: list[Path]) -> None:
        """Take note that the run has what is in these files."""
        self._results.append(results)


def _key(trial: Trial) -> _Key:
    return (*trial.id, trial.attempt, trial.entropy, trial.validation, trial.individual.key)
