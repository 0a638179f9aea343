"""Run folders, as users type them."""

from pathlib import Path

from l2l.display.hints import relative
from l2l.errors import NotFoundError
from l2l.journal import files


def run_of(given: Path) -> Path:
    """What a user names as a run: its folder, its archive alone, or the experiment's file, which stands for its run.

    Raises:
        ConfigError: It is the file of no experiment.
    """
    if given.suffix not in _EXPERIMENTS or not given.is_file():
        return given
    if given.name == "experiment.yaml" and begun(given.parent):
        return given.parent
    from l2l import config

    return config.run_directory(given)


_EXPERIMENTS = (".yaml", ".yml", ".py")


def run_folder(given: Path) -> Path:
    """The folder of a run; also from its archive, its `experiment.yaml`, or the file of the experiment.

    Raises:
        NotFoundError: There is no run.
    """
    given = run_of(given)
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
    return (folder / "trajectory.h5").exists() or bool(files(folder / "journal"))


def shown(path: Path) -> str:
    """A path as a user would type it: relative where it lies below the current folder."""
    return relative(path)
