"""Records of a journal that are well-formed, and the rows that they make."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from l2l.errors import Damaged
from l2l.journal import START, Position, Record, encode, file_of, files, identity, read_journal
from l2l.schema import Fold, Layout, check_record

OF_OTHER_RUN = "the archive beside it belongs to another run"


def checked_records(folder: Path, after: Position | None = None, layout: Layout | None = None) -> Iterator[Record]:
    """The records of a journal, each seen to say what its kind should say.

    Args:
        folder: Of the journal.
        after: Where a record ended: only what follows; None for all.
        layout: Of the run, where not all is read.

    Raises:
        StorageError: A file cannot be read, is missing or is damaged; names the file and the place.
    """
    begins = Begins(after)
    for record in read_journal(folder, after):
        begin = begins(record.position)
        try:
            layout = check_record(record.kind, record.data, layout)
        except ValueError as error:
            raise Damaged(file_of(folder, begin.file), str(error), begin.offset) from None
        yield record


class Begins:
    """Where each record of a journal begins: where the one before it ended.

    Args:
        after: Where the first one begins, unless it is the first of its file.
    """

    def __init__(self, after: Position | None = None) -> None:
        self._last = after or Position(0, 0)

    def __call__(self, end: Position) -> Position:
        """Where the record begins that ends here."""
        last, self._last = self._last, end
        return last if last.file == end.file else Position(end.file, START)


def fold_in(fold: Fold, folder: Path, after: Position | None = None) -> Iterator[Record]:
    """Take the records of a journal into a fold; each is given once it is taken.

    Args:
        fold: Takes them.
        folder: Of the journal.
        after: As of `checked_records`.

    Raises:
        StorageError: As of `checked_records`, or a record does not go with those before.
    """
    layout = fold.layout if after is not None and after.file > 0 else None
    begins = Begins(after)
    for record in checked_records(folder, after, layout):
        begin = begins(record.position)
        try:
            with together(folder):
                fold.add(record.kind, record.data, record.position)
        except Damaged as error:
            raise Damaged(file_of(folder, begin.file), error.problem, begin.offset) from None
        yield record


@contextmanager
def together(place: Path) -> Iterator[None]:
    """Let records that are well-formed and do not go together, whatever they raise, be damage.

    Args:
        place: Of the journal, or the archive.
    """
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise Damaged(place, f"its records do not go together ({type(error).__name__}: {error})") from error


def of_other_run(folder: Path, records: Iterable[tuple[str, Mapping[str, Any]]]) -> bool:
    """Whether a journal and the small records of an archive say that they are of different runs.

    Args:
        folder: Of the journal; one without files says nothing.
        records: Of the archive.

    Raises:
        StorageError: The beginning of the journal is damaged.
    """
    first = next(iter(read_journal(folder)), None)
    return first is not None and encode(first.kind, first.data) != encode(*next(iter(records)))


def read_beyond(fold: Fold, folder: Path, state: Mapping[str, Any]) -> None:
    """Take what a journal has beyond an archive into the fold that goes on where the archive stands.

    Args:
        fold: As the archive has it.
        folder: Of the journal; one without files is left alone.
        state: Of the archive.

    Raises:
        StorageError: They do not belong together, records that the archive has seen are missing, or others are damaged.
    """
    if state["journal"] not in ("", identity(folder) or state["journal"]):
        raise Damaged(folder, "the archive beside it was made from another journal")
    for _ in fold_in(fold, folder, Position(*state["position"])):
        pass
    seen = Position(*state["seen"])
    if fold.position < seen and files(folder):
        raise Damaged(file_of(folder, seen.file), "records are missing that the archive has seen", fold.position[1])
