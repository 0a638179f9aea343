"""Records that l2l would not have written are refused with a reason, whoever wrote them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l2l.archive import Archive
from l2l.errors import Damaged
from l2l.journal import Journal
from l2l.schema import Layout, check_record
from l2l.trajectory import Trajectory
from tests.l2l.events import Shape, events

Change = Callable[[dict[str, Any]], Any]

CHANGES: list[tuple[str, Change]] = [
    ("run", lambda data: data.clear()),
    ("run", lambda data: data.update(space=[])),
    ("run", lambda data: data.update(population="many")),
    ("run", lambda data: data.update(objectives=[["a"]])),
    ("run", lambda data: data.update(parts=7)),
    ("segment", lambda data: data.update(number="first")),
    ("segment", lambda data: data.update(number=-1)),
    ("segment", lambda data: data.update(parts={"options": 3})),
    ("asked", lambda data: data.update(first="0")),
    ("asked", lambda data: data.update(same_as=None)),
    ("asked", lambda data: data["columns"].popitem()),
    ("asked", lambda data: data["columns"].update(g=np.zeros((2, 2)))),
    ("asked", lambda data: data["columns"].update(model=np.full(4, 99))),
    ("asked", lambda data: data.update(same_as=np.full(4, 10**9))),
    ("told", lambda data: data.update(individuals=np.array([0.5]))),
    ("told", lambda data: data.update(fitness=np.zeros(4))),
    ("told", lambda data: data.update(status=np.full(4, 99))),
    ("told", lambda data: data.pop("event")),
    ("finished", lambda data: data.update(index=-data["index"] - 1)),
    ("finished", lambda data: data.update(index=data["index"].astype(float))),
    ("finished", lambda data: data.update(number=data["number"] + 1000)),
    ("finished", lambda data: data.update(host=[])),
    ("finished", lambda data: data.update(host=[b"x".hex(), 7])),
    ("finished", lambda data: data.update(entropy=data["entropy"][:, :2])),
    ("finished", lambda data: data.update(failures=[[0, ["a", "tuple"], ""]])),
    ("finished", lambda data: data.update(failures=[[10**6, "a", ""]])),
    ("finished", lambda data: data["observables"].pop("rate")),
    ("finished", lambda data: data["observables"].update(spikes={"values": np.zeros(3), "lengths": np.array([1])})),
    ("finished", lambda data: data["observables"].update(rate="none")),
    ("finished", lambda data: data.update(ranks="one")),
    ("generation", lambda data: data.update(best=[0.0] * 7)),
    ("generation", lambda data: data.update(report=3)),
    ("generation", lambda data: data.update(count=2.5)),
    ("memo", lambda data: data.update(path=3)),
]


def changed(kind: str, change: Change) -> list[Any]:
    """The records of a run, of which one is changed."""
    records = [(name, dict(data)) for name, data in events(Shape(generations=2))]
    wrong = next(data for name, data in records if name == kind and (kind != "finished" or len(data["index"])))
    for name in ("columns", "observables"):
        if name in wrong:
            wrong[name] = dict(wrong[name])
    change(wrong)
    return records


def check_all(records: list[Any]) -> None:
    layout: Layout | None = None
    for kind, data in records:
        layout = check_record(kind, data, layout)


@pytest.mark.parametrize(("kind", "change"), CHANGES)
def test_what_l2l_would_not_have_written_is_refused(kind: str, change: Change) -> None:
    with pytest.raises(ValueError, match=f"a record '{kind}' that l2l would not have written: "):
        check_all(changed(kind, change))


def test_what_l2l_writes_is_right() -> None:
    for shape in (Shape(), Shape(steady=True, segments=2), Shape(trials=1, objectives=3, rich=False)):
        check_all(events(shape))


@pytest.mark.parametrize(("kind", "change"), CHANGES[::5])
def test_readers_name_file_and_place(tmp_path: Path, kind: str, change: Change) -> None:
    with Journal(tmp_path / "journal") as journal:
        for name, data in changed(kind, change):
            journal.append(name, data)
    for use in (Trajectory, Archive):
        with pytest.raises(Damaged, match=rf"000001\.journal: damaged at byte \d+: a record '{kind}' that l2l"):
            use(tmp_path)


def test_a_generation_that_was_told_without_its_trials_is_damage(tmp_path: Path) -> None:
    records = events(Shape(generations=2))
    lost = next(place for place, (kind, data) in enumerate(records) if kind == "finished" and data["final"].any())
    with Journal(tmp_path / "journal") as journal:
        for place, (kind, data) in enumerate(records):
            if place != lost:
                journal.append(kind, data)
    with pytest.raises(Damaged, match=r"generation 0 was told without \d+ of its trials: records are missing"):
        Trajectory(tmp_path)
