"""Runs beside each other: groups, tests, tables."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kruskal, mannwhitneyu

import l2l
from l2l.cli import main
from l2l.errors import OptionError
from l2l.report import compare


def sphere(folder: Path, optimizer: str, seed: int, generations: int = 6, **more: str) -> Path:
    l2l.Experiment(
        {"name": "function", "function": "sphere", "dimension": 2, "shift": 1.0},
        {"name": optimizer, "population": 8},
        directory=folder,
        launcher=more.get("launcher", "serial"),
        seed=seed,
        stop=l2l.Stop(generations=generations),
    ).run()
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for optimizer in ("cma-es", "random", "differential-evolution"):
        for seed in range(4):
            sphere(folder / optimizer / f"{seed:03d}", optimizer, seed)
    return folder


def folders(runs: Path, *optimizers: str) -> list[Path]:
    return [runs / optimizer / f"{seed:03d}" for optimizer in optimizers for seed in range(4)]


def test_runs_that_differ_only_in_the_seed_are_a_group(runs: Path) -> None:
    found = compare(folders(runs, "cma-es", "random"))
    assert [(group.name, len(group.runs)) for group in found.groups] == [("cma-es", 4), ("random", 4)]
    assert list(found.differences) == ["optimizer.name"]


def test_where_it_is_computed_divides_no_group(runs: Path, tmp_path: Path) -> None:
    other = sphere(tmp_path / "run", "cma-es", 9, launcher="local")
    found = compare([*folders(runs, "cma-es"), other])
    assert len(found.groups) == 1 and "launcher" in found.differences


def test_two_groups_are_tested_by_ranks(runs: Path) -> None:
    found = compare(folders(runs, "cma-es", "random"))
    ends = [
        np.array([l2l.Trajectory(one).best.fitness for one in folders(runs, name)]) for name in ("cma-es", "random")
    ]
    (pair,) = found.pairs
    expected = mannwhitneyu(*ends)
    assert (pair.statistic, pair.p, pair.sizes) == (expected.statistic, expected.pvalue, (4, 4))
    wins = np.mean([1.0 if a < b else 0.5 if a == b else 0.0 for a in ends[0] for b in ends[1]])
    assert pair.better == pytest.approx(wins)
    assert found.overall is None


def test_three_groups_are_tested_at_once_and_in_pairs(runs: Path) -> None:
    found = compare(folders(runs, "cma-es", "random", "differential-evolution"))
    values = [group.values for group in found.groups]
    assert found.overall
    assert found.overall.p == pytest.approx(kruskal(*values).pvalue)
    single = [mannwhitneyu(values[a], values[b]).pvalue for a, b in ((0, 1), (0, 2), (1, 2))]
    assert min(pair.p for pair in found.pairs) == pytest.approx(min(1.0, 3 * min(single)))
    assert all("n = 4" in line for line in found.statistics())


def test_single_runs_are_not_tested_and_it_is_said(runs: Path) -> None:
    found = compare([runs / "cma-es" / "000", runs / "random" / "000"])
    assert found.pairs == () and any("at least two runs" in line for line in found.remarks())


def test_unequal_budgets_are_told_and_can_be_made_equal(runs: Path, tmp_path: Path) -> None:
    long = sphere(tmp_path / "long", "cma-es", 0, generations=12)
    unequal = compare([*folders(runs, "cma-es"), long])
    assert any("--at 48" in line for line in unequal.remarks())
    equal = compare([runs / "cma-es" / "000", long], at=48)
    assert equal.runs[0].quality(48) == equal.runs[1].quality(48)  # of one seed
    assert equal.runs[1].quality() < equal.runs[1].quality(48)


def test_bands_hold_all_runs_and_end_with_them(runs: Path) -> None:
    (group,) = compare(folders(runs, "random")).groups
    at, low, median, high = group.band()
    assert at[-1] == 48 and (low <= median).all() and (median <= high).all()
    assert median[-1] == np.median(group.values)
    assert (np.diff(median) <= 0).all()


def test_other_objectives_cannot_be_compared(runs: Path, tmp_path: Path) -> None:
    @l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0)), objectives=l2l.Maximize("reward"))
    def other(individual: l2l.Individual, trial: l2l.Trial) -> float:
        return float(individual["x"])

    l2l.Experiment(other, {"name": "random", "samples": 4}, directory=tmp_path / "other", launcher="serial").run()
    with pytest.raises(OptionError, match=r"same objectives.*fitness.*reward"):
        compare([runs / "random" / "000", tmp_path / "other"])
    with pytest.raises(OptionError, match="at least two"):
        compare([tmp_path / "other"])


def test_fronts_are_compared_by_their_hypervolume(tmp_path: Path) -> None:
    @l2l.optimizee(
        space=l2l.ParameterSpace(x=l2l.Real(-2.0, 2.0), y=l2l.Real(-2.0, 2.0)),
        objectives=[l2l.Minimize("a"), l2l.Maximize("b")],
    )
    def two(individual: l2l.Individual, trial: l2l.Trial) -> dict[str, float]:
        x, y = individual["x"], individual["y"]
        return {"a": x**2 + y**2, "b": -((x - 1) ** 2) - y**2}

    for name in ("nsga2", "random"):
        l2l.Experiment(
            two, {"name": name, "population": 20}, directory=tmp_path / name, launcher="serial",
            stop=l2l.Stop(generations=8),
        ).run()  # fmt: skip
    found = compare([tmp_path / "nsga2", tmp_path / "random"])
    good, poor = (run.quality() for run in found.runs)
    assert found.maximize and 1.0 >= good > poor > 0.0
    assert (np.diff(found.runs[0].best) >= 0).all()


def test_the_command_prints_and_writes(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    given = [str(runs / "cma-es"), str(runs / "random")]
    assert main(["compare", *given]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("\t")[0] == "run" and len([line for line in lines if line.startswith("random/")]) == 4
    assert main(["compare", *given, "--repeats", "-o", "compare.html"]) == 0
    out = capsys.readouterr().out
    assert "Mann-Whitney U" in out and out.splitlines()[1].split("\t")[:2] == ["cma-es", "4"]
    assert "Mann-Whitney U" in Path("compare.html").read_text()
    assert main(["compare", *given, "-o", "compare.png"]) == 0
    assert Path("compare.png").read_bytes()[:4] == b"\x89PNG"
    assert main(["compare", *given, "-o", "compare.txt"]) == 2
