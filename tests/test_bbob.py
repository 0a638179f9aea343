"""The benchmark on COCO's suite counts, compares and judges rightly; the suite itself is not needed."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

INFINITE = float("inf")


@pytest.fixture
def bbob(repository: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    import bbob_comparisons
    import bbob_runs
    import solvers

    return SimpleNamespace(comparisons=bbob_comparisons, runs=bbob_runs, solvers=solvers)


def sphere(points: np.ndarray) -> np.ndarray:
    return (points**2).sum(axis=1) + 7.0


def valley(points: np.ndarray) -> np.ndarray:
    x, y = points.T
    return (1.3 - x) ** 2 + 100.0 * (y + 2.1 - (x - 1.3) ** 2) ** 2


def ran(bbob: SimpleNamespace, first: int, *, function: int = 1, instance: int = 1, budget: int = 100) -> Any:
    """A run in 2 dimensions that reached the first target after so many evaluations, each further one an evaluation
    later, as many as the budget allows; none for 0."""
    task = bbob.runs.Task(function, 2, instance, budget)
    hits = [first + place if first and first + place <= 2 * budget else 0 for place in range(51)]
    return bbob.runs.Run(task, min(first + 50, 2 * budget) if first else 2 * budget, tuple(hits), 0.5)


def entrant(bbob: SimpleNamespace, *runs: Any, told: bool = False) -> Any:
    return bbob.comparisons.Entrant({run.task: run for run in runs}, told)


def test_a_problem_notes_the_evaluation_at_which_each_target_was_reached(bbob: SimpleNamespace) -> None:
    problem = bbob.runs.Problem(bbob.runs.Task(1, 2, 1, 3), sphere, 7.0)
    assert problem([20.0, 0.0]) == 407.0
    values = problem.many(np.array([[3.0, 1.0], [5.0, 5.0], [0.0, 0.1]]))
    assert values == pytest.approx([17.0, 57.0, 7.01])
    assert problem.evaluations == 4
    with pytest.raises(bbob.runs.Enough):
        problem.many(np.zeros((4, 2)))
    run = problem.run(1.0)
    assert run.evaluations == 5  # the last target ends it before the sixth
    assert [run.hits[place] for place in bbob.runs.SEVEN] == [2, 4, 4, 4, 5, 5, 5]
    assert run.hits[0] == 2


def test_a_problem_ends_with_its_budget(bbob: SimpleNamespace) -> None:
    problem = bbob.runs.Problem(bbob.runs.Task(1, 2, 1, 3), sphere, 7.0)
    with pytest.raises(bbob.runs.Enough):
        problem.many(np.full((9, 2), 5.0))
    run = problem.run(1.0)
    assert (run.evaluations, sum(hit > 0 for hit in run.hits)) == (6, 2)
    assert run.times(3)[0] == 1.0
    assert run.times(3)[-1] == INFINITE


@pytest.mark.parametrize(
    "name",
    ["differential-evolution", "differential-evolution:evaluations=budget", "cma-es:model=quadratic", "scipy de"],
)
def test_ours_and_peers_run_to_the_end_and_alike_again(bbob: SimpleNamespace, name: str) -> None:
    contender = bbob.solvers.PEERS.get(name) or bbob.solvers.ours(name)
    task = bbob.runs.Task(1, 2, 1, 40)
    first, again = (contender.run(bbob.runs.Problem(task, valley, 0.0)) for _ in range(2))
    assert first.evaluations == 80
    assert first.hits == again.hits
    found = [hit for hit in first.hits if hit]
    assert found == sorted(found)
    assert len(found) > 5  # 10 at least


def test_an_option_without_a_value_is_refused(bbob: SimpleNamespace) -> None:
    assert bbob.solvers.ours("tpe:population=3").options == {"name": "tpe", "population": 3}
    with pytest.raises(ValueError, match="expected name:option=value, got 'population'"):
        bbob.solvers.ours("tpe:population")


def test_a_share_counts_what_was_reached_in_time(bbob: SimpleNamespace) -> None:
    table = bbob.runs.Table([ran(bbob, 10), ran(bbob, 0, instance=2)], 100)
    # 51 targets from evaluation 10 on; 15 evaluations a dimension see the first 21 of one run of two
    assert table.share(15, range(51)) == pytest.approx(21 / 51 / 2)
    assert table.share(100, range(51)) == pytest.approx(0.5)
    assert table.share(4) == 0.0


def test_an_expected_running_time_is_what_was_spent_over_successes(bbob: SimpleNamespace) -> None:
    table = bbob.runs.Table([ran(bbob, 10), ran(bbob, 20, instance=2), ran(bbob, 0, instance=3)], 100)
    expected = table.expected[1, 2]
    assert expected[0] == pytest.approx((10 + 20 + 200) / 2)
    assert expected[50] == pytest.approx((60 + 70 + 200) / 2)
    assert np.isinf(bbob.runs.Table([ran(bbob, 0)], 100).expected[1, 2]).all()


def test_twice_the_evaluations_are_a_ratio_of_two(bbob: SimpleNamespace) -> None:
    def every(hits: int) -> Any:
        task = bbob.runs.Task(1, 2, 1, 100)
        return bbob.runs.Run(task, 200, (hits,) * 40 + (0,) * 11, 1.0)

    one = bbob.comparisons.compared(entrant(bbob, every(30)), entrant(bbob, every(15)))
    assert (one.ratio, one.low, one.high) == pytest.approx((2.0, 2.0, 2.0))
    assert (one.only, one.peer_only, one.budget, one.problems) == (0, 0, 100, 1)
    # Of the budgets 10, 30 and 100 a dimension, 20, 60 and 200 evaluations, the slower misses the first.
    assert one.difference == pytest.approx(-40 / 51 / 3)


def test_only_what_both_ran_is_compared_up_to_the_budget_of_both(bbob: SimpleNamespace) -> None:
    mine = entrant(bbob, ran(bbob, 10), ran(bbob, 0, function=2))
    peer = entrant(bbob, ran(bbob, 10, budget=20), ran(bbob, 5, function=3))
    one = bbob.comparisons.compared(mine, peer)
    assert (one.ratio, one.budget, one.problems, one.only, one.peer_only) == (1.0, 20, 1, 0, 0)
    assert bbob.comparisons.compared(mine, entrant(bbob, ran(bbob, 5, function=3))) is None


def test_who_was_told_a_budget_is_judged_by_what_it_reached_with_that(bbob: SimpleNamespace) -> None:
    told = entrant(bbob, ran(bbob, 60, budget=60), ran(bbob, 0, budget=30), told=True)
    one = bbob.comparisons.compared(told, entrant(bbob, ran(bbob, 21, budget=60)))
    assert (one.budget, one.difference, one.ratio < 3.0) == (60, 0.0, True)  # both reach all, however late
    cut = bbob.comparisons.compared(told, entrant(bbob, ran(bbob, 10, budget=30)))
    assert (cut.budget, cut.difference) == (30, -1.0)
    assert bbob.comparisons.compared(told, entrant(bbob, ran(bbob, 10, budget=20))) is None


def test_targets_that_one_alone_reached_are_counted(bbob: SimpleNamespace) -> None:
    one = bbob.comparisons.compared(entrant(bbob, ran(bbob, 1, budget=10)), entrant(bbob, ran(bbob, 11, budget=10)))
    assert (one.only, one.peer_only) == (10, 0)


def test_shares_are_of_instances_that_ran_of_every_function(bbob: SimpleNamespace) -> None:
    found = {
        "one": entrant(bbob, ran(bbob, 1), ran(bbob, 1, function=2), ran(bbob, 0, instance=2)),
        "other": entrant(bbob, ran(bbob, 1)),
    }
    reached = bbob.comparisons.shares(found, [1, 2], [2, 3])
    share = bbob.comparisons.Share
    assert reached == {("one", 2, 10): share(3 / 7, 1), ("one", 2, 30): share(1.0, 1), ("one", 2, 100): share(1.0, 1)}
    assert '"one",2,1,30,1.0000' in bbob.comparisons.comma_separated(reached).splitlines()


def test_results_are_kept_and_never_mixed_with_those_of_other_versions(bbob: SimpleNamespace, tmp_path: Path) -> None:
    run = ran(bbob, 10)
    bbob.runs.Results(tmp_path, {"cma": "4.5"}).add("cma-es", [run])
    assert bbob.runs.Results(tmp_path, {"deap": "1.4"}).of("cma-es") == {run.task: run}
    with pytest.raises(ValueError, match=r"results of cma 4\.5, other than installed"):
        bbob.runs.Results(tmp_path, {"cma": "4.6"})


@pytest.mark.parametrize(("slower", "code", "verdict"), [(1, 0, "kept"), (2, 1, "BROKEN")])
def test_the_exit_code_says_whether_cma_es_needs_more_than_pycma(
    repository: Path, tmp_path: Path, slower: int, code: int, verdict: str
) -> None:
    for name, factor in (("cma-es", slower), ("pycma", 1)):
        rows = [
            {"function": f, "dimension": 2, "instance": 1, "budget": 100, "evaluations": 200, "seconds": 1.0}
            | {"hits": [factor * (40 + f)] * 51}
            for f in range(1, 25)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, str(repository / "benchmarks" / "bbob.py"), "--folder", str(tmp_path), "--print"]
    done = subprocess.run([*command, "--csv", str(tmp_path / "x.csv")], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("| cma-es, expected running time")]
    assert f"| {slower} × |" in " ".join(line.split())
    assert verdict in line
    assert '"pycma",2,1,100,1.0000' in (tmp_path / "x.csv").read_text().splitlines()
