"""Whole runs through the command line."""

import csv
import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from l2l import Trajectory
from l2l.cli import main
from l2l.experiment.presence import workers_of
from l2l.plugin import FILE_MODULE

QUICK = """\
optimizee: {name: function, dimension: 2}
optimizer: {name: random, population: 4}
launcher: serial
stop: {generations: 3}
"""

MODEL = """\
import l2l

@l2l.optimizee(
    space=l2l.ParameterSpace(x=l2l.Real(-1.0, 1.0), kind=l2l.Categorical("a", "b"), w=l2l.Real(0.0, 1.0, shape=3)),
    objectives=l2l.Minimize("error"),
    observables={"trace": l2l.Observable(ragged=True), "half": l2l.Observable()},
)
def model(individual, trial):
    if individual["x"] > 0.5:
        raise ValueError(f"x too large: {individual['kind']}")
    if individual["x"] > 0.25:
        return float("nan")
    return l2l.Outcome(individual["x"] ** 2, {"trace": trial.rng.random(trial.seed % 5), "half": individual["x"] / 2})

experiment = l2l.Experiment(
    model, {"name": "random", "population": 20}, launcher="serial", trials=2, stop=l2l.Stop(generations=2)
)
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def l2l(capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line: exit code, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    Path("quick.yaml").write_text(QUICK)
    Path("model.py").write_text(MODEL)
    return run


def separated(text: str) -> list[dict[str, str]]:
    header, *rows = text.splitlines()
    return [dict(zip(header.split("\t"), row.split("\t"), strict=True)) for row in rows]


# --- run and resume ------------------------------------------------------------------------------------------------


def test_a_run_says_where_it_is_what_came_out_and_what_to_do_next(l2l: Run) -> None:
    code, out, err = l2l("run", "quick.yaml")
    assert (code, err) == (0, "")
    assert out.startswith("new run in runs/quick\n")
    for part in (
        "generation 3/3  12 trials  best fitness",
        "finished: 3 generations done",
        "best: fitness",
        "3 generations, 12 individuals, 12 trials",
        "archive: runs/quick/trajectory.h5",
        "next: l2l show runs/quick",
    ):
        assert part in out
    assert Trajectory("runs/quick").finished


def test_the_same_command_again_runs_nothing(l2l: Run) -> None:
    l2l("run", "quick.yaml")
    before = Path("runs/quick/trajectory.h5").read_bytes()
    code, out, _ = l2l("run", "quick.yaml")
    assert code == 0 and out.startswith("runs/quick is finished already\nfinished: 3 generations done\n")
    assert Path("runs/quick/trajectory.h5").read_bytes() == before


def test_a_refused_run_does_not_say_that_it_goes_on(l2l: Run) -> None:
    l2l("run", "quick.yaml")
    code, out, err = l2l("run", "quick.yaml", "--set", "seed=99")
    assert (code, out) == (2, "") and "seed" in err


def test_flags_replace_what_the_file_says(l2l: Run) -> None:
    code, *_ = l2l(
        "run", "quick.yaml", "--directory", "here", "--set", "seed=7", "--launcher", "local", "--workers", "1"
    )
    assert code == 0
    assert Trajectory("here").seed == 7


def test_repeats_are_runs_with_seeds_of_their_own(l2l: Run) -> None:
    code, *_ = l2l("run", "quick.yaml", "--repeats", "3", "--set", "seed=5")
    assert code == 0
    assert [Trajectory(f"runs/quick/{place:03d}").seed for place in range(3)] == [5, 6, 7]
    _, out, _ = l2l("status")
    assert [row["run"] for row in separated(out)] == [f"runs/quick/{place:03d}" for place in range(3)]


def test_a_python_file_runs(l2l: Run) -> None:
    code, out, _ = l2l("run", "model.py")
    assert code == 0 and "new run in runs/model" in out and "failed" in out


def test_a_finished_run_goes_on_with_other_stop_rules(l2l: Run) -> None:
    l2l("run", "quick.yaml")
    first = Trajectory("runs/quick").individuals["fitness/fitness"].tolist()
    code, out, _ = l2l("resume", "runs/quick", "--set", "stop.generations=5")
    assert code == 0 and "finished: 5 generations done" in out
    later = Trajectory("runs/quick").individuals["fitness/fitness"].tolist()
    assert len(later) == 20 and later[:12] == first


def test_a_run_can_be_resumed_from_another_place(l2l: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert l2l("run", "model.py", "--set", "stop.generations=1")[0] == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    code, out, _ = l2l("resume", "../runs/model", "--set", "stop.generations=2")
    assert code == 0 and "2 generations, 40 individuals" in out


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (["seed=2"], ["runs/quick holds a different experiment", "seed: 0 in the folder, 2 here", "memo"]),
        (["trials=3"], []),
        (["optimizer.population=5"], ["optimizer.population: 4 in the folder, 5 here"]),
        (["optimizer=cma-es"], ["optimizer.name"]),
        (["optimizee.dimension=3"], ["optimizee.dimension: 2 in the folder, 3 here"]),
        (["parameters.x.low=-1"], ["parameters"]),
    ],
)
@pytest.mark.parametrize("command", [["run", "quick.yaml"], ["resume", "runs/quick"]])
def test_another_experiment_in_the_folder_is_refused(
    l2l: Run, command: list[str], changes: list[str], parts: list[str]
) -> None:
    l2l("run", "quick.yaml")
    before = Path("runs/quick/trajectory.h5").read_bytes()
    code, _, err = l2l(*command, *(one for change in changes for one in ("--set", change)))
    assert code == 2
    for part in parts:
        assert part in err
    assert Path("runs/quick/trajectory.h5").read_bytes() == before


def _forget_files() -> None:
    """Let files be loaded again, as a process of its own does."""
    for name in [name for name in sys.modules if name.startswith(FILE_MODULE)]:
        del sys.modules[name]


def test_a_changed_optimizee_is_refused_unless_accepted(l2l: Run) -> None:
    Path("changing.py").write_text(MODEL.replace("experiment = ", "unused = "))
    Path("changing.yaml").write_text(QUICK.replace("{name: function, dimension: 2}", '"changing.py:model"'))
    assert l2l("run", "changing.yaml", "--set", "stop.generations=1")[0] == 0
    Path("changing.py").write_text(MODEL.replace("** 2", "** 4").replace("experiment = ", "unused = "))
    _forget_files()
    more = ["resume", "runs/changing", "--set", "stop.generations=2"]
    code, _, err = l2l(*more)
    assert code == 2
    assert "the optimizee has changed" in err and "changing.py" in err and "--accept-changes" in err
    assert "-    return" in err and "+    return" in err
    assert l2l(*more, "--accept-changes")[0] == 0


def test_other_versions_of_what_the_model_uses_are_said_and_not_refused(
    l2l: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "fancy_part.py").write_text('__version__ = "1.0"\ndef f(x):\n    return x\n')
    monkeypatch.syspath_prepend(str(folder))
    Path("uses.py").write_text(
        "import l2l, fancy_part\n"
        "@l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0)))\n"
        "def model(individual):\n"
        "    return fancy_part.f(individual['x'])\n"
        "experiment = l2l.Experiment(model, 'cma-es', directory='runs/uses', stop={'generations': 1})\n"
    )
    assert l2l("run", "uses.py", "--launcher", "serial")[0] == 0
    (folder / "fancy_part.py").write_text('__version__ = "1.1"\ndef f(x):\n    return 2 * x\n')
    monkeypatch.setattr(sys.modules["fancy_part"], "__version__", "1.1")
    code, out, err = l2l("resume", "runs/uses", "--set", "stop.generations=2", "--launcher", "serial")
    assert code == 0 and "fancy_part 1.0 → 1.1" in out + err
    run = Trajectory("runs/uses")
    assert run.segments["packages"].tolist() == ['{"fancy_part": "1.0"}', '{"fancy_part": "1.1"}']
    assert list(run.sources) == ["uses.py"]
    del sys.modules["fancy_part"]


def test_a_changed_model_can_begin_anew_beside_the_old_run(l2l: Run) -> None:
    Path("bowl.py").write_text(MODEL)
    assert l2l("run", "bowl.py")[0] == 0
    folder = next(path.parent for path in Path("runs").glob("*/trajectory.h5"))
    before = (folder / "trajectory.h5").read_bytes()
    Path("bowl.py").write_text(MODEL.replace("** 2", "** 4"))
    _forget_files()
    code, _, err = l2l("run", "bowl.py")
    assert code == 2 and "--accept-changes" in err and "--fresh" in err
    assert l2l("run", "bowl.py", "--accept-changes")[0] == 0
    code, out, _ = l2l("run", "bowl.py", "--fresh")
    assert code == 0 and "new run in" in out
    aside = folder.with_name(f"{folder.name}.before-1")
    assert (aside / "trajectory.h5").read_bytes() == before and (folder / "trajectory.h5").read_bytes() != before
    assert l2l("run", "bowl.py", "--fresh")[0] == 0
    assert folder.with_name(f"{folder.name}.before-2").is_dir()


def test_beginning_anew_moves_no_folder_of_somebody_elses(l2l: Run) -> None:
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine")
    assert l2l("run", "quick.yaml", "--directory", "mine", "--fresh")[0] == 0
    assert Path("mine/notes.txt").read_text() == "mine" and not Path("mine.before-1").exists()


def test_check_lists_what_counts_as_the_model_and_what_cannot_be_followed(l2l: Run) -> None:
    Path("listed.py").write_text(MODEL.replace("    if", "    eval('1')\n    if", 1))
    code, out, _ = l2l("check", "listed.py")
    assert code == 0
    assert "function listed.py:model" in out and "not followed: listed.py:model: eval(…)" in out
    assert l2l("run", "listed.py")[0] == 0
    folder = next(path.parent for path in Path("runs").glob("*/trajectory.h5"))
    run = Trajectory(folder)
    assert any("eval" in note for note in run.notes) and "eval" in run.segments["notes"][0]
    assert run.texts["function listed.py:model"].startswith("@")


def test_a_second_leader_is_refused_and_named(l2l: Run) -> None:
    from l2l.lock import RunLock

    Path("runs/quick").mkdir(parents=True)
    with RunLock(Path("runs/quick")):
        code, _, err = l2l("run", "quick.yaml")
    assert code == 2 and "runs/quick" in err and "lead" in err


@pytest.mark.parametrize("command", [["show"], ["export", "--to", "csv"], ["rerun", "--individual", "0"], ["resume"]])
def test_a_truncated_archive_is_said_to_be_damaged(l2l: Run, command: list[str]) -> None:
    l2l("run", "quick.yaml")
    os.truncate("runs/quick/trajectory.h5", 1000)
    code, _, err = l2l(command[0], "runs/quick", *command[1:])
    assert code == 1
    assert "runs/quick/trajectory.h5" in err and "expected an archive" in err


def test_status_takes_folders_of_runs_and_passes_what_is_none(finished: Run) -> None:
    finished("run", "quick.yaml", "--directory", "runs/many", "--repeats", "2")
    Path("runs/empty").mkdir()
    code, out, _ = finished("status", "runs/many", "runs/empty")
    assert code == 1
    assert [(row["run"], row["state"]) for row in separated(out)] == [
        ("runs/many/000", "finished"),
        ("runs/many/001", "finished"),
        ("runs/empty", "unreadable"),
    ]


def test_status_of_a_damaged_run_does_not_hide_the_others(l2l: Run) -> None:
    l2l("run", "quick.yaml")
    shutil.copytree("runs/quick", "runs/broken")
    os.truncate("runs/broken/trajectory.h5", 1000)
    code, out, _ = l2l("status")
    assert code == 1
    assert [(row["run"], row["state"]) for row in separated(out)] == [
        ("runs/broken", "unreadable"),
        ("runs/quick", "finished"),
    ]


@pytest.mark.parametrize("where", ["model.py", "model.py/inside", "/proc/l2l"])
def test_a_folder_that_cannot_be_made_is_named(l2l: Run, where: str) -> None:
    code, _, err = l2l("run", "quick.yaml", "--directory", where)
    assert code == (1 if where.startswith("/proc") else 2) and where.partition("/inside")[0] in err


def test_a_full_disk_ends_the_run_with_its_place_and_a_remedy() -> None:
    Path("quick.yaml").write_text(QUICK.replace("generations: 3", "generations: 3000"))
    done = subprocess.run(
        [sys.executable, "-m", "l2l.cli", "run", "quick.yaml"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "runs/quick" in done.stderr and "resume" in done.stderr


SLOW = """\
optimizee: {name: function, duration: 0.01}
optimizer: {name: random, population: 5}
launcher: {name: local, workers: 1}
stop: {generations: 100}
"""


def signalled(*numbers: signal.Signals) -> tuple[int, str]:
    """Exit code and standard error of a run that gets these signals after its first generation."""
    Path("slow.yaml").write_text(SLOW)
    command = [sys.executable, "-m", "l2l.cli", "run", "slow.yaml"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("generation"):
            break
    for number in numbers:
        process.send_signal(number)
    _, err = process.communicate(timeout=30)
    return process.returncode, err


@pytest.mark.parametrize(("number", "why"), [(signal.SIGINT, "stopped by Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_a_signal_stops_cleanly_and_says_how_to_go_on(l2l: Run, number: signal.Signals, why: str) -> None:
    code, err = signalled(number)
    assert code == 75
    assert why in err and "l2l resume runs/slow" in err and "Traceback" not in err
    _, out, _ = l2l("status", "runs/slow")
    assert separated(out)[0]["state"] == "stopped"
    code, out, _ = l2l("resume", "runs/slow", "--set", "stop.generations=12")
    assert code == 0 and "12 generations, 60 individuals, 60 trials" in out


def test_status_shows_the_workers_of_a_live_run_and_none_of_a_killed_one(l2l: Run) -> None:
    Path("slow.yaml").write_text(SLOW.replace("duration: 0.01", "duration: 30.0").replace("workers: 1", "workers: 2"))
    process = subprocess.Popen([sys.executable, "-m", "l2l.cli", "run", "slow.yaml"])
    try:
        while [one.state for one in workers_of(Path("runs/slow"))] != ["running"] * 2:
            assert process.poll() is None
            time.sleep(0.05)
        _, out, _ = l2l("status", "runs/slow", "--workers")
        run, workers = out.split("run\t")[1:]
        assert separated(f"run\t{run}")[0]["workers"] == "2 running"
        shown = separated(f"run\t{workers}")
        assert [(one["host"], one["state"]) for one in shown] == [(os.uname().nodename, "running")] * 2
        assert all(Path(f"/proc/{one['process']}").exists() for one in shown)
    finally:
        process.kill()
        process.wait()
    _, out, _ = l2l("status", "runs/slow")
    assert separated(out)[0]["state"] == "killed" and separated(out)[0]["workers"] == ""


def test_a_second_ctrl_c_leaves_a_run_that_goes_on(l2l: Run) -> None:
    code, err = signalled(signal.SIGINT, signal.SIGINT)
    assert code == 75 and "Traceback" not in err
    code, out, _ = l2l("resume", "runs/slow", "--set", "stop.generations=12")
    assert code == 0 and "12 generations, 60 individuals, 60 trials" in out


def test_the_walltime_stops_a_run_that_can_be_resumed(l2l: Run) -> None:
    text = "optimizee: {name: function, duration: 0.02}\noptimizer: {name: random, population: 2}\nlauncher: serial\n"
    Path("slow.yaml").write_text(text + "stop: {generations: 20, walltime: 0.2}\n")
    code, _, err = l2l("run", "slow.yaml")
    assert code == 75 and "walltime" in err and "l2l resume runs/slow" in err


def test_failures_beyond_the_policy_end_the_run(l2l: Run) -> None:
    code, _, err = l2l("run", "model.py", "--set", "on_failure=raise")
    assert code == 1 and "FAILED" in err and "x too large" in err
    code, _, err = l2l("run", "model.py", "--directory", "other", "--set", "max_failures=0.01")
    assert code == 1 and "max_failures" in err and "trials failed" in err


# --- looking at runs -----------------------------------------------------------------------------------------------


@pytest.fixture
def finished(l2l: Run) -> Run:
    assert l2l("run", "model.py")[0] == 0
    return l2l


def test_show_ranks_the_best_and_never_a_failed_one(finished: Run) -> None:
    code, out, _ = finished("show", "runs/model", "--best", "5")
    rows = separated(out)
    errors = [float(row["error"]) for row in rows]
    assert code == 0 and len(rows) == 5 and errors == sorted(errors)
    assert list(rows[0]) == ["individual", "generation", "error", "spread of error", "x", "kind", "w"]
    best = Trajectory("runs/model").best
    assert (int(rows[0]["individual"]), float(rows[0]["x"])) == (best.number, best["x"])


def test_show_lists_failures_with_message_and_traceback(finished: Run) -> None:
    code, out, _ = finished("show", "runs/model", "--failures")
    rows = separated(out)
    assert code == 0 and len(rows) == len(Trajectory("runs/model").failures) > 0
    assert {row["status"] for row in rows} == {"FAILED", "INVALID"}
    failed = next(row for row in rows if row["status"] == "FAILED")
    assert "x too large" in failed["message"] and "model.py" in failed["traceback"]


def test_a_terminal_gets_tables_that_fit(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    _, out, _ = finished("show", "runs/model")
    assert "finished: 2 generations done" in out and "more columns" in out
    assert all(len(line) <= 110 for line in out.splitlines())
    _, out, _ = finished("show", "runs/model", "--failures")
    assert "× FAILED: ValueError: x too large: a" in out and "individual-trial" in out


def test_a_run_in_which_all_failed_says_so(l2l: Run) -> None:
    assert l2l("run", "model.py", "--set", "parameters.x=1.0", "--set", "stop.generations=1")[0] == 1
    code, out, err = l2l("show", "runs/model")
    assert code == 0 and "all 20 individuals failed" in out + err
    assert separated(l2l("status")[1])[0]["best"] == "none valid"


def test_status_has_a_line_a_run(finished: Run) -> None:
    finished("run", "quick.yaml")
    code, out, _ = finished("status", "runs/model", "runs/quick/trajectory.h5")
    rows = separated(out)
    assert code == 0
    assert [(row["run"], row["state"], row["generations"], row["trials"]) for row in rows] == [
        ("runs/model", "finished", "2", "80"),
        ("runs/quick", "finished", "3", "12"),
    ]
    assert int(rows[0]["failed"]) > 0 and rows[1]["failed"] == "0"


def test_export_writes_all_columns_as_csv(finished: Run) -> None:
    code, out, _ = finished("export", "runs/model", "--to", "csv")
    assert code == 0 and "40 individuals" in out
    with Path("runs/model/individuals.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    run = Trajectory("runs/model")
    assert [float(row["x"]) for row in rows] == run.individuals["parameters/x"].tolist()
    assert [row["kind"] for row in rows] == run.individuals.labels("parameters/kind").tolist()
    assert [float(row["w[2]"]) for row in rows] == run.individuals["parameters/w"][:, 2].tolist()
    assert {row["error"] == "" for row in rows if row["status"] != "OK"} == {True}


def test_export_writes_trials_with_ragged_observables_as_json(finished: Run) -> None:
    code, out, _ = finished("export", "runs/model", "--to", "json", "--table", "trials", "--output", "-")
    rows = json.loads(out)
    assert code == 0 and len(rows) == 80
    ok = [row for row in rows if row["status"] == "OK"]
    assert all(len(row["trace"]) == row["seed"] % 5 for row in ok)
    assert all(row["error"] is None for row in rows if row["status"] != "OK")


@pytest.mark.parametrize("table", ["individuals", "trials", "generations", "failures", "segments", "validation"])
def test_every_table_is_exported_in_every_form(finished: Run, table: str) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for form in ("csv", "json", "parquet"):
        code, *_ = finished("export", "runs/model", "--to", form, "--table", table, "--output", f"out.{form}")
        assert code == 0
    rows = len(Trajectory("runs/model").table(table))
    assert len(json.loads(Path("out.json").read_text())) == rows
    assert parquet.read_table("out.parquet").num_rows == rows


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["export", "runs/model", "--to", "xml"], "no to 'xml'"),
        (["export", "runs/model", "--to", "parquet", "--output", "-"], "parquet is no text"),
        (["export", "runs/model", "--to", "csv", "--table", "trails"], "did you mean 'trials'"),
        (["export", "runs/absent", "--to", "csv"], "runs/absent"),
        (["show", "runs/absent"], "runs/absent"),
        (["show", "runs/model", "--best", "0"], "above 0"),
        (["rerun", "runs/model"], "--individual"),
        (["rerun", "runs/model", "--individual", "900"], "no individual 900"),
        (["rerun", "runs/model", "--individual", "0", "--trial", "7"], "7"),
        (["status", "runs/absent"], "runs/absent"),
        (["resume", "runs"], "it has these runs in it: model"),
    ],
)
def test_what_is_not_there_is_named(finished: Run, arguments: list[str], part: str) -> None:
    code, _, err = finished(*arguments)
    assert code == 2 and part in err


def test_an_output_that_cannot_be_written_is_named(finished: Run) -> None:
    code, _, err = finished("export", "runs/model", "--to", "csv", "--output", "absent/out.csv")
    assert code == 1 and "absent/out.csv" in err


# --- rerun ---------------------------------------------------------------------------------------------------------


def test_every_archived_trial_reruns_bit_for_bit(finished: Run) -> None:
    for individual in range(0, 40, 7):
        for trial in (0, 1):
            code, out, _ = finished("rerun", "runs/model", "--individual", str(individual), "--trial", str(trial))
            assert code == 0 and "the same, bit for bit" in out


def test_a_rerun_that_differs_says_so(finished: Run) -> None:
    Path("model.py").write_text(MODEL.replace('individual["x"] ** 2', 'individual["x"] ** 4'))
    _forget_files()
    best = Trajectory("runs/model").best.number
    code, out, _ = finished("rerun", "runs/model", "--individual", str(best))
    assert code == 1 and "different" in out
    assert "the optimizee has changed since: function model.py:model" in out


# --- check ---------------------------------------------------------------------------------------------------------


def test_check_says_what_will_happen_and_writes_nothing(l2l: Run) -> None:
    code, out, _ = l2l("check", "model.py")
    assert code == 0
    for part in (
        "the function model",
        "random (population=20)",
        "runs/model: new",
        "numpy",
        "-1 to 1",
        "a, b",
        "minimize error",
        "trace, half",
        "up to 2 generations × 20 individuals × 2 trials = 80 trials at most",
        "serial: 1 at once",
        "this experiment can run",
    ):
        assert part in out, part
    assert not Path("runs").exists()


def test_check_counts_what_a_grid_costs(l2l: Run) -> None:
    code, out, _ = l2l("check", "model.py", "--set", "optimizer={name: grid, points: 3}", "--set", "stop={}")
    assert code == 0 and "162 individuals in all = 324 trials at most; ends when the optimizer finishes" in out


def test_check_knows_what_the_folder_holds(finished: Run) -> None:
    assert "holds this experiment, which is finished" in finished("check", "model.py")[1]
    assert "goes on with it" in finished("check", "model.py", "--set", "stop.generations=9")[1]
    code, _, err = finished("check", "model.py", "--set", "seed=9")
    assert code == 2 and "seed: 0 in the folder, 9 here" in err


def test_check_finds_a_model_that_has_changed(finished: Run) -> None:
    Path("model.py").write_text(MODEL.replace("** 2", "** 4"))
    _forget_files()
    code, _, err = finished("check", "model.py")
    assert code == 2 and "has changed" in err and "model.py" in err and "--accept-changes" in err


def test_validation_of_the_winner_is_reported(l2l: Run) -> None:
    text = QUICK.replace("dimension: 2", "dimension: 2, noise: 0.1") + "validate: {best: 2, trials: 20}\n"
    Path("noisy.yaml").write_text(text)
    code, out, _ = l2l("run", "noisy.yaml")
    assert code == 0 and out.count("over 20 fresh trials") == 2


def test_check_runs_a_trial_where_asked(l2l: Run) -> None:
    code, out, _ = l2l("check", "model.py", "--probe")
    assert code == 0 and "one trial   error 0" in out and "core hours" in out
    code, out, _ = l2l("check", "model.py", "--probe", "--set", "parameters.x=1.0")
    assert code == 1 and "FAILED" in out and "x too large" in out


def test_check_refuses_limits_that_the_launcher_cannot_keep(l2l: Run) -> None:
    code, _, err = l2l("check", "quick.yaml", "--set", "resources.timeout=3")
    assert code == 2 and "resources.timeout" in err and "local" in err


def test_check_finds_a_model_that_does_not_start(l2l: Run) -> None:
    Path("broken.py").write_text(
        "import l2l\nclass Model(l2l.Optimizee):\n    space = l2l.ParameterSpace(x=l2l.Real(0.0, 1.0))\n"
        "    def setup(self): import no_such_simulator\n    def simulate(self, individual, trial): return 0.0\n"
    )
    Path("broken.yaml").write_text('optimizee: "broken.py:Model"\noptimizer: random\nstop: {generations: 1}\n')
    for launcher in ("serial", "local"):
        code, _, err = l2l("check", "broken.yaml", "--launcher", launcher)
        assert code == 1, launcher
        assert "no_such_simulator" in err


# --- what should not happen ----------------------------------------------------------------------------------------


def test_the_unexpected_is_short_and_its_traceback_in_a_file(l2l: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the sky fell")

    monkeypatch.setattr("l2l.config.load", broken)
    code, _, err = l2l("check", "quick.yaml")
    assert code == 1 and "unexpected RuntimeError: the sky fell" in err and "please report it" in err
    log = Path(next(word for word in err.split() if word.startswith(os.sep) and ".log" in word).rstrip(","))
    assert "Traceback" in log.read_text() and "check quick.yaml" in log.read_text()
    log.unlink()
    with pytest.raises(RuntimeError):
        main(["check", "quick.yaml", "--debug"])


def test_help_is_there_for_every_command(l2l: Run) -> None:
    from l2l.cli.dispatch import COMMANDS

    code, out, _ = l2l("--help")
    assert code == 0 and all(f"\n    {name}" in out for name in COMMANDS) and "exit codes" in out
    for name in COMMANDS:
        code, out, _ = l2l(name, "--help")
        assert code == 0 and "examples:" in out and "--debug" in out
    assert l2l("--version")[1].startswith("l2l ")


# --- what is said can be typed, and what is typed is understood -----------------------------------------------------


def test_commands_that_are_offered_can_be_typed_whatever_the_folder_is_called(l2l: Run) -> None:
    code, out, _ = l2l("run", "quick.yaml", "--directory", "my runs/it's $x; a")
    assert code == 0
    offered = out.splitlines()[-1].removeprefix("next: ").split(" · ")
    for command in offered[:2]:
        program, *words = shlex.split(command)
        assert program == "l2l" and l2l(*words)[0] == 0
    assert shlex.split(offered[2])[2] == "my runs/it's $x; a"


@pytest.mark.parametrize("command", [["show"], ["status"], ["export", "--to", "csv"], ["rerun", "--individual", "0"]])
@pytest.mark.parametrize("file", ["quick.yaml", "runs/quick/experiment.yaml", "model.py"])
def test_the_file_of_an_experiment_stands_for_its_run(l2l: Run, command: list[str], file: str) -> None:
    source = "model.py" if file == "model.py" else "quick.yaml"
    assert l2l("run", source)[0] == 0
    code, out, err = l2l(command[0], file, *command[1:])
    assert (code, err) == (0, "") and out


def test_an_experiment_that_never_ran_is_said_to_have_no_run(l2l: Run) -> None:
    code, _, err = l2l("show", "quick.yaml")
    assert code == 2 and "runs/quick" in err


def test_as_many_columns_are_exported_as_is_said(l2l: Run) -> None:
    assert l2l("run", "model.py")[0] == 0
    for form, count in (("csv", lambda file: len(file.read_text().splitlines()[0].split(","))), ("json", None)):
        _, out, _ = l2l("export", "runs/model", "--to", form)
        said = int(out.split(" with ")[1].split()[0])
        path = Path(f"runs/model/individuals.{form}")
        assert said == (count(path) if count else len(json.loads(path.read_text())[0]))


def test_a_run_that_is_refused_leaves_nothing_behind(l2l: Run) -> None:
    assert l2l("run", "quick.yaml")[0] == 0
    change = ["--set", "memo=runs/quick", "--set", "optimizee.dimension=3"]
    code, _, err = l2l("run", "quick.yaml", "--directory", "new/deep/run", *change)
    assert code == 2 and "was computed with another optimizee" in err
    assert not Path("new").exists()
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("kept")
    assert l2l("run", "quick.yaml", "--directory", "mine", *change)[0] == 2
    assert [one.name for one in Path("mine").iterdir()] == ["notes.txt"]


def test_another_optimizer_is_named_without_options_that_it_does_not_have(l2l: Run) -> None:
    assert l2l("run", "quick.yaml")[0] == 0
    code, _, err = l2l("run", "quick.yaml", "--set", "optimizer={name: grid, points: 3}")
    assert code == 2 and 'optimizer.name: "random" in the folder, "grid" here' in err
    assert "optimizer.points" not in err and "optimizer.population" not in err


def test_more_workers_than_cores_are_said(l2l: Run) -> None:
    for command in ("check", "run"):
        code, out, _ = l2l(command, "quick.yaml", "--launcher", "local", "--workers", "9")
        cores = len(os.sched_getaffinity(0))
        assert code == 0 and ("9 workers share" in out) == (cores < 9)


# --- failures that are mistakes -------------------------------------------------------------------------------------

MISTAKEN = """\
import l2l

@l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(-1.0, 1.0)), objectives=l2l.Minimize("error"))
def model(individual, trial):
    if individual["x"] > BOUND:
        return individual["x"]
    BODY
"""
BODIES = {
    "raises": ('raise ValueError(f"wrong: {individual}")', "FAILED: ValueError: wrong:"),
    "dies": ("import os; os._exit(3)", "CRASHED"),
    "returns nothing": ("return None", "INVALID: fitness: expected a finite number (error), got None"),
}


@pytest.mark.parametrize("steady", ["false", "true"])
@pytest.mark.parametrize("body", BODIES)
def test_a_run_in_which_all_fails_alike_stops_after_a_generation(l2l: Run, body: str, steady: str) -> None:
    text, said = BODIES[body]
    Path("mistaken.py").write_text(MISTAKEN.replace("BODY", text).replace("BOUND", "2.0"))
    Path("mistaken.yaml").write_text(
        "optimizee: mistaken.py:model\n"
        f"optimizer: {{name: random, population: 4, steady_state: {steady}}}\n"
        "launcher: {name: local, workers: 1}\nstop: {generations: 4}\n"
    )
    code, out, err = l2l("run", "mistaken.yaml")
    assert code == 1 and f"failed alike, {said}" in err and "finished" not in out
    if body == "raises":
        assert f"{Path('mistaken.py').absolute()}, line 7)" in err
    if steady == "false":
        assert len(Trajectory("runs/mistaken").generations) == 1
    code, out, _ = l2l("resume", "runs/mistaken", "--set", "max_failures=1.0")
    assert code == 1 and "finished: 4 generations done" in out


def test_a_run_in_which_some_fail_goes_on(l2l: Run) -> None:
    Path("mistaken.py").write_text(MISTAKEN.replace("BODY", BODIES["raises"][0]).replace("BOUND", "0.0"))
    Path("mistaken.yaml").write_text(QUICK.replace("{name: function, dimension: 2}", "mistaken.py:model"))
    code, out, err = l2l("run", "mistaken.yaml")
    assert (code, err) == (0, "") and "finished: 3 generations done" in out


def test_a_probe_shows_file_and_line_of_a_model_that_fails(l2l: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mistaken.py").write_text(MISTAKEN.replace("BODY", BODIES["raises"][0]).replace("BOUND", "2.0"))
    Path("mistaken.yaml").write_text(QUICK.replace("{name: function, dimension: 2}", "mistaken.py:model"))
    assert main(["check", "mistaken.yaml", "--probe"]) == 1
    out = capsys.readouterr().out
    assert f'File "{Path("mistaken.py").absolute()}", line 7, in model' in out


def test_a_value_of_a_report_that_is_no_number_is_named(l2l: Run) -> None:
    Path("odd.py").write_text(
        "from l2l.optimizers.random import RandomSearch\n"
        "class Odd(RandomSearch):\n"
        "    def report(self):\n        return {'mood': 'good'}\n"
    )
    code, _, err = l2l("run", "quick.yaml", "--set", "optimizer={name: 'odd.py:Odd', population: 4}")
    assert code == 1
    assert err == "l2l: Odd.report(): 'mood': expected a number, or an array of numbers, got 'good'\n"


# --- Ctrl-C in the first second, and in a script --------------------------------------------------------------------

INTERRUPTED = """\
import sys

class Finder:
    def find_spec(self, name, path, target=None):
        if name == WANTED:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Finder())
sys.argv = ["/usr/bin/l2l"]
from l2l.cli import main
sys.exit(main(["run", "quick.yaml"]))
"""


@pytest.mark.parametrize(
    "module", ["numpy", "l2l.optimizee", "l2l.cli.dispatch", "l2l.cli.show", "l2l.optimizers.random"]
)
def test_an_interrupt_during_an_import_prints_one_line(l2l: Run, module: str) -> None:
    script = INTERRUPTED.replace("WANTED", repr(module))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 130
    assert done.stderr.startswith("l2l: interrupted") and done.stderr.count("\n") == 1


def test_a_script_that_is_interrupted_says_that_nothing_is_lost(l2l: Run) -> None:
    Path("script.py").write_text(
        MODEL.replace("l2l.Stop(generations=2)", "l2l.Stop(generations=10**9)")
        + "\nif __name__ == '__main__':\n    experiment.run()\n"
    )
    with subprocess.Popen([sys.executable, "script.py"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "generation" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert "KeyboardInterrupt" in said and "nothing that was finished is lost" in said
    assert "l2l resume runs/script" in said
