"""What replay takes from the archive, and what it records of it."""

from pathlib import Path

import pytest

from l2l import Experiment
from l2l.errors import ReplayError
from tests.l2l.experiment.models import Fickle, bowl


def runs(directory: Path, generations: int, walltime: float | None = None) -> Experiment:
    stop = {"generations": generations, "walltime": walltime}
    return Experiment(bowl, Fickle, directory=directory, launcher="serial", stop=stop)


@pytest.mark.parametrize(("at", "difference"), [((0.26, 0.75), 0.01), ((0.25,), 0.0)])
def test_each_difference_that_is_adopted_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: tuple[float, ...], difference: float
) -> None:
    first = runs(tmp_path, 2).run(progress=None)
    monkeypatch.setattr(Fickle, "at", at)
    with pytest.raises(ReplayError, match="generation 0"):
        runs(tmp_path, 3).run(progress=None)
    again = runs(tmp_path, 3).run(progress=None, adopt=True)
    archived = first.individuals["parameters/x"]
    assert again.individuals["parameters/x"][: len(archived)].tolist() == archived.tolist()
    assert len(again.individuals) == len(archived) + len(at)
    recorded = again.table("differences")
    assert recorded["adopted"].tolist() == [True, True]
    assert recorded["difference"].tolist() == pytest.approx([difference] * 2)


def test_a_run_whose_time_is_over_while_it_replays_can_be_resumed(tmp_path: Path) -> None:
    runs(tmp_path, 1).run(progress=None)
    stopped = runs(tmp_path, 2, walltime=1e-9).run(progress=None)
    assert not stopped.finished and stopped.reason.startswith("walltime")
    assert len(runs(tmp_path, 2).run(progress=None).generations) == 2
