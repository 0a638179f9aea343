"""Run folders, as users type them."""

from pathlib import Path

from l2l.errors import NotFoundError


def run_folder(given: Path) -> Path:
    """The folder of a run; also from its archive or its `experiment.yaml`.

    Raises:
        NotFoundError: There is no run.
    """
    folder = given.parent if given.name in ("trajectory.h5", "experiment.yaml") else given
    if not folder.is_dir():
        raise NotFoundError(f"{given}: there is no such folder; expected the folder of a run, as in runs/brunel")
    if not begun(folder):
        inside = sorted(one.name for one in folder.iterdir() if one.is_dir() and begun(one))
        remedy = f"; it has these runs in it: {', '.join(inside[:8])}" if inside else ""
        raise NotFoundError(f"{given}: expected the folder of a run, which has a journal or trajectory.h5{remedy}")
    return folder


def begun(folder: Path) -> bool:
    """Whether a folder holds a run."""
    journal = folder / "journal"
    return (folder / "trajectory.h5").exists() or (journal.is_dir() and any(journal.iterdir()))


def shown(path: Path) -> str:
    """A path as a user would type it: relative where it lies below the current folder."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
