"""Whether the optimizee is still the one with which a run began, and what to do where it is not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from l2l import registry
from l2l.errors import ChangedOptimizee, OptionError, storage_error
from l2l.experiment.experiment import Experiment
from l2l.experiment.folder import holds_run
from l2l.files import replace
from l2l.lock import RunLock
from l2l.optimizee import Optimizee
from l2l.provenance import Fingerprint, findable, fingerprint_of_function
from l2l.provenance.standalone import WRITTEN, Insufficient, standalone

IN_PYTHON = (".run(accept_changes=True)", ".run(fresh=True)")
"""What a script or notebook says to go on all the same, and to begin anew."""


def check_as_loaded(now: Fingerprint, folder: Path) -> None:
    """Refuse a model of which the files say something else than what this process has loaded.

    Raises:
        ChangedOptimizee: Names each file and what differs.
    """
    if now.stale:
        raise ChangedOptimizee(
            f"{folder}: {'; '.join(now.stale)}. What runs would not be what is archived: restart Python, or load the "
            "file again (importlib.reload)."
        )


def check_unchanged(begun: Mapping[str, Any], now: Fingerprint, folder: Path) -> None:
    """Refuse an optimizee that is not the one with which a run began.

    Args:
        begun: Its `parts` and `texts`, as the run's last segment has them.
        now: What it is now.
        folder: Of the run.

    Raises:
        ChangedOptimizee: Shows each part that differs, and the lines that do.
    """
    if now.differences(begun["parts"]):
        differences = now.shown_differences(begun["parts"], begun.get("texts") or {})
        raise ChangedOptimizee(f"{folder}: the optimizee has changed since this run began:\n{differences}", *IN_PYTHON)


def aggregate_of(experiment: Experiment) -> Fingerprint | None:
    """What the function computes that makes one cost of several trials; None where it is one of l2l's."""
    return None if isinstance(experiment.aggregate, str) else fingerprint_of_function(experiment.aggregate)


def check_same_aggregate(begun: Mapping[str, Any], now: Fingerprint | None, folder: Path) -> None:
    """Refuse an aggregate that is not the one with which a run began: costs would not compare.

    Args:
        begun: Its `aggregate`, as the run's last segment has it.
        now: What it is now.
        folder: Of the run.

    Raises:
        ChangedOptimizee: Shows what differs.
    """
    then: Mapping[str, Any] = begun.get("aggregate") or {}
    if now is not None and then and now.differences(then["parts"]):
        differences = now.shown_differences(then["parts"], then["texts"])
        raise ChangedOptimizee(f"{folder}: the aggregate has changed since this run began:\n{differences}", *IN_PYTHON)


def other_packages(begun: Mapping[str, Any], now: Fingerprint) -> str:
    """A remark on installed packages that the optimizee uses and that have other versions than before; or ""."""
    then: Mapping[str, str] = begun.get("packages") or {}
    others = [
        f"{name} {then[name]} → {version}"
        for name, version in now.packages.items()
        if then.get(name, version) != version
    ]
    if not others:
        return ""
    return f"other versions than when this run began: {', '.join(others)}; results may differ from earlier ones"


def alone(experiment: Experiment) -> str:
    """A remark where "auto" has to run all trials in this process; or ""."""
    if experiment.launcher != "auto" or registry.detected_launcher() != "local" or not experiment.stays_here:
        return ""
    return f"all trials run in this process (launcher serial): {experiment.stays_here}"


def keep_source(optimizee: Optimizee, folder: Path) -> list[str]:
    """Write an optimizee that no file defines into the run's folder, from where it can be built again.

    Returns:
        A note where its source does not suffice for that.
    """
    try:
        findable(optimizee)
        return []
    except OptionError:
        pass
    try:
        text = standalone(optimizee, folder)
    except Insufficient as why:
        return [f"it cannot be built again from the run's folder: {why}"]
    replace(folder / WRITTEN, text.encode())
    return []


def set_aside(folder: Path) -> Path | None:
    """Give the folder of a run that nobody leads another name, so that a new run can begin in its place.

    Returns:
        Its new name; None where there is no run.

    Raises:
        Locked: Somebody leads the run.
        StorageError: It cannot be renamed.
    """
    if not holds_run(folder):
        return None
    with RunLock(folder):
        number = 1
        while (aside := folder.with_name(f"{folder.name}.before-{number}")).exists():
            number += 1
        try:
            folder.rename(aside)
            folder.mkdir()
        except OSError as error:
            raise storage_error(folder, "rename", error) from None
    (aside / "lock").unlink(missing_ok=True)
    return aside
