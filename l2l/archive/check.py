"""Whether a run is whole: every record, checksum and count of its journal and its archive, and whether they agree."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from l2l import document
from l2l.errors import ConfigError, Damaged, NotFoundError, OtherFormat, StorageError
from l2l.journal import files
from l2l.schema import APPENDED, Fold, Layout, Rows, height
from l2l.trajectory.reading import (
    Busy,
    Checksums,
    add_checksum,
    checksums_of,
    is_complete,
    marker_of,
    opened,
    read_state,
    read_table,
)
from l2l.trajectory.records import OF_OTHER_RUN, fold_in, of_other_run, read_beyond, together


@dataclass(slots=True)
class Findings:
    """What a check of a run found.

    Args:
        right: What was seen to be right, part → how much.
        wrong: What is not, a sentence for each.
    """

    right: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def check_run(path: Path) -> Findings:
    """Read all of a run and see whether it is what was written.

    Args:
        path: Of the run's folder, best while nobody leads it; or of an archive that stands alone.

    Raises:
        NotFoundError: There is no run.
        OtherFormat: It was written in another version of the format.
    """
    found = Findings()
    if path.is_file() and path.name != "trajectory.h5":
        _archive(found, path, path.with_suffix(".none"), None)
        return found
    folder = path.parent if path.is_file() else path
    journal, archive = folder / "journal", folder / "trajectory.h5"
    if not files(journal) and not archive.exists():
        raise NotFoundError(f"{folder}: expected the folder of a run; there is neither journal nor archive here")
    rows = _journal(found, journal) if files(journal) else None
    if archive.exists():
        _archive(found, archive, journal, rows)
    if path.is_dir():
        _experiment(found, folder / "experiment.yaml")
    return found


def _journal(found: Findings, folder: Path) -> dict[str, Rows] | None:
    """The rows that the journal makes; None where it is damaged."""
    fold = Fold(str(folder))
    kinds: dict[str, int] = {}
    results = 0
    try:
        for record in fold_in(fold, folder):
            kinds[record.kind] = kinds.get(record.kind, 0) + 1
            results += int(record.data["final"].sum()) if record.kind == "finished" else 0
        with together(folder):
            rows = fold.take()
            fold.pending()
            fold.small_tables()
    except OtherFormat:
        raise
    except StorageError as error:
        found.wrong.append(_why(error))
        return None
    count, told = sum(kinds.values()), kinds.get("generation", 0)
    found.right["journal"] = f"{len(files(folder))} files, {count} records, {told} generations, {results} results"
    return rows


def _archive(found: Findings, path: Path, journal: Path, rows: dict[str, Rows] | None) -> None:
    if marker_of(path).exists():
        if rows is None:
            found.wrong.append(f"{path}: a commit to it was interrupted, and there is no sound journal")
        else:
            found.right["archive"] = "a commit to it was interrupted; l2l resume rebuilds it from the journal"
        return
    try:
        with opened(path) as file:
            state, small = read_state(file)
            layout = Layout(next(data for kind, data in small if kind == "run"))
            checksums = checksums_of(file, layout, state)
            wrong = [name for name in {*checksums, *state["checksums"]} if _differs(name, checksums, state)]
            found.wrong += [f"{path}: the column {name} does not have its checksum" for name in sorted(wrong)]
            if wrong:
                return
            tables = {table: read_table(file, table, layout, state["checksums"]) for table in APPENDED}
            found.wrong += [f"{path}: {problem}" for problem in _of_tables(state, tables)]
        if files(journal) and rows is not None and not is_complete(state):
            with together(path):
                fold = Fold.resume(state, small, str(journal))
            read_beyond(fold, journal, state)
            found.wrong += [f"{path}: {problem}" for problem in _otherwise(layout, state, rows)]
        elif rows is not None and of_other_run(journal, small):
            found.wrong.append(f"{journal}: {OF_OTHER_RUN}")
        elif not is_complete(state) and not files(journal):
            found.wrong.append(f"{path}: the run is not finished, and its journal is missing")
    except OtherFormat:
        raise
    except (StorageError, NotFoundError) as error:
        found.wrong.append(_why(error))
        return
    except Busy as error:
        found.wrong.append(f"{error}: check it once nobody writes to it")
        return
    counts = ", ".join(f"{state['counts'][table]} {table}" for table in APPENDED)
    found.right["archive"] = f"{counts}, {len(checksums)} columns with their checksums"


def _differs(name: str, checksums: Checksums, state: Any) -> bool:
    return bool(checksums.get(name, 0) != state["checksums"].get(name, 0))


def _of_tables(state: Any, tables: dict[str, Rows]) -> Iterator[str]:
    """What is wrong with the tables of an archive, and with what they say of each other."""
    for table, found in tables.items():
        if height(found) != state["counts"][table]:
            yield f"{table} has {height(found)} rows, and should have {state['counts'][table]}"
    generations, individuals, trials = (tables[name] for name in ("generations", "individuals", "trials"))
    if height(generations) and height(individuals):
        first, count = np.asarray(generations["first"]), np.asarray(generations["count"])
        if not np.array_equal(first, np.concatenate([[0], np.cumsum(count)[:-1]])) or count.sum() != height(
            individuals
        ):
            yield "the generations do not have the individuals that they count"
    if height(trials):
        unknown = ~np.isin(np.asarray(trials["individual"]), np.asarray(individuals["number"]))
        if unknown.any():
            yield f"{int(unknown.sum())} trials are of individuals that are not there"
        if int(np.asarray(trials["host"]).max()) >= len(state["hosts"]):
            yield "trials ran on hosts that are not named"
    failures = tables["failures"]
    if height(failures) and int(np.asarray(failures["trial"]).max()) >= height(trials):
        yield "failures are of trials that are not there"


def _otherwise(layout: Layout, state: Any, rows: dict[str, Rows]) -> Iterator[str]:
    """Columns that the journal makes otherwise than the archive has them."""
    for table, found in rows.items():
        stored = state["counts"][table]
        for name, values in found.items():
            column = layout.column(table, name, values)
            made: Checksums = {}
            add_checksum(made, f"{table}/{name}", values[:stored], column)
            if any(state["checksums"].get(part, 0) != checksum for part, checksum in made.items()):
                yield f"the column {table}/{name} is otherwise than the journal has it"


def _experiment(found: Findings, path: Path) -> None:
    try:
        if isinstance(document.read(path).data, dict):
            found.right["experiment"] = path.name
        else:
            found.wrong.append(f"{path}: it says nothing; `l2l run` with the experiment's own file writes it anew")
    except ConfigError as error:
        found.wrong.append(f"{error}; `l2l run` with the experiment's own file writes it anew")


def _why(error: Exception) -> str:
    if isinstance(error, Damaged):
        place = "" if error.offset is None else f" at byte {error.offset}"
        return f"{error.file}: damaged{place}: {error.problem}"
    return str(error)
