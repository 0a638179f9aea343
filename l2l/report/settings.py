"""What runs were told, as flat settings that can be set beside each other."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from l2l import document
from l2l.display.tables import cell
from l2l.trajectory import Trajectory

SEED = "seed"
ELSEWHERE = ("launcher", "keep", "memo", "directory")
"""Settings that decide where a run is computed, never what comes out."""
_LONGEST = 200  # letters of a setting


def settings_of(trajectory: Trajectory) -> dict[str, Any]:
    """Dotted key → value of a run's experiment; `code` is the fingerprint of its optimizee."""
    text = trajectory.experiment
    said = document.parse(text, trajectory.path / "experiment.yaml").data if text else {}
    found = dict(_flat("", said)) if isinstance(said, Mapping) else {}
    found[SEED] = trajectory.seed
    found["code"] = trajectory.fingerprint[:12]
    return found


def _flat(prefix: str, said: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(said, Mapping) and said:
        for name, one in said.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), one)
    else:
        yield prefix, said


def name_of_group(keys: Sequence[str], values: Sequence[Any]) -> str:
    """What a group is called: values that speak for themselves alone, others with the last word of their key."""
    parts = []
    for key, value in zip(keys, values, strict=True):
        alone = key in ("optimizer", "optimizee", "optimizer.name", "optimizee.name")
        parts.append(text_of_setting(value) if alone else f"{key.rpartition('.')[2]} {text_of_setting(value)}")
    return ", ".join(parts[:4]) + (f" and {len(parts) - 4} more" if len(parts) > 4 else "")


def text_of_setting(value: Any) -> str:
    """A setting in one line."""
    text = (
        "not set"
        if value is None
        else ", ".join(map(text_of_setting, value))
        if isinstance(value, list)
        else cell(value)
    )
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
