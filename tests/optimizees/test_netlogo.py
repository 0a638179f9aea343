"""NetLogo models: on a double of its workspace in a real Java everywhere, and on NetLogo where NETLOGO_HOME is set."""

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import l2l
from l2l.errors import MissingPart, NotFoundError, OptionError
from l2l.optimizees import NetLogoOptimizee
from l2l.optimizees.netlogo_file import declared_globals, interface_globals, literal
from l2l.optimizees.netlogo_java import installed_jar
from l2l.provenance import fingerprint
from l2l.space import Categorical, ParameterSpace, Real

HERE = Path(__file__).parent / "netlogo"
WALK = HERE / "walk.nlogo"
SOURCE = "org/nlogo/headless/HeadlessWorkspace.java"
OPTIONS = {
    "model": "walk.nlogo",
    "parameters": {"drift": {"low": -1.0, "high": 1.0}},
    "objectives": {"place": {"report": "place"}},
    "ticks": 4,
}
Ask = Callable[..., dict[str, Any]]


def compiled(folder: Path, source: str, jar: Path) -> None:
    """Compile the double with the JDK into the jar of an installation."""
    place = folder / SOURCE
    place.parent.mkdir(parents=True)
    place.write_text(source)
    subprocess.run(["javac", "-nowarn", "-d", folder / "classes", place], check=True)
    jar.parent.mkdir(parents=True)
    with zipfile.ZipFile(jar, "w") as file:
        for one in (folder / "classes").rglob("*.class"):
            file.write(one, one.relative_to(folder / "classes"))


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Installations in the layouts and with the signatures of old and new versions, and the real one."""
    folder = tmp_path_factory.mktemp("netlogo")
    source = (HERE / SOURCE).read_text()
    newer = source.replace("open(String path)", "open(String path, boolean install)")
    assert newer != source
    compiled(folder / "a", source, folder / "old/NetLogo.jar")
    compiled(folder / "b", newer, folder / "new/lib/app/netlogo-7.0.0.jar")
    return {"old": folder / "old", "new": folder / "new", "real": Path(os.environ.get("NETLOGO_HOME", "unset"))}


REAL = ["real"] if os.environ.get("NETLOGO_HOME") else []


@pytest.fixture(scope="module", params=["old", "new", *REAL])
def ask(request: pytest.FixtureRequest, homes: dict[str, Path]) -> Iterator[Ask]:
    """Evaluate trials of the walk with other options; what NetLogo prints goes where the answers come from."""
    process = subprocess.Popen(
        [sys.executable, HERE / "driver.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "NETLOGO_HOME": str(homes[request.param])},
    )
    assert process.stdin is not None and process.stdout is not None

    def asked(*trials: tuple[dict[str, Any], int], **options: Any) -> dict[str, Any]:
        question = {"options": OPTIONS | options, "trials": trials}
        print(json.dumps(question), file=process.stdin, flush=True)
        found: dict[str, Any] = json.loads(process.stdout.readline())
        return found

    yield asked
    process.stdin.close()
    assert process.wait() == 0  # where a workspace is left, Java does not end
    process.stdout.close()


def outcome(found: dict[str, Any], index: int = 0) -> tuple[Any, dict[str, Any]]:
    assert "error" not in found, found
    one = found["trials"][index]
    assert one["status"] == "OK", one
    return (one["fitness"] if len(one["fitness"]) > 1 else one["fitness"][0]), one["observables"]


STILL = {"setup": "set noise 0 setup"}
"""The walk without noise: a line."""


# --- values in and out ---


def test_parameters_become_globals_and_reporters_results(ask: Ask) -> None:
    found = ask(({"drift": 0.25}, 1), ({"drift": -1e-5}, 1), **STILL)
    assert outcome(found)[0] == 2.0
    assert outcome(found, 1)[0] == pytest.approx(1.0 - 4e-5, abs=1e-12)
    assert found["version"].startswith("NetLogo ") and ", Java " in found["version"]


def test_widgets_have_the_values_of_the_file(ask: Ask) -> None:
    widgets = {name: {"report": name} for name in ("start", "noise", "goal")}
    observables = widgets | {"loud": {"report": "loud?", "dtype": "bool"}, "calm": {"report": 'weather = "calm"'}}
    found = ask(({}, 1), observables=observables | {"calm": {"report": 'weather = "windy"', "dtype": "bool"}})
    assert outcome(found)[1] == {"start": 1.0, "noise": 0.25, "goal": 20.0, "loud": True, "calm": True}


def test_numbers_truth_values_texts_and_lists_go_in(ask: Ask) -> None:
    parameters = {
        "noise": 0,
        "slope": {"low": 0.0, "high": 1.0},
        "loud?": {"choices": [True, False]},
        "weather": {"choices": ["calm", "windy"]},
        "note": {"choices": ["", 'so-called "wind"\\']},
        "trail": {"low": 0.0, "high": 9.0, "shape": 3},
    }
    found = ask(
        ({"slope": 0.5, "loud?": False, "weather": "calm", "note": 'so-called "wind"\\', "trail": [1.0, 2.5, 3.0]}, 1),
        parameters=parameters,
        names={"slope": "drift"},
        after_setup=["note", "trail"],
        observables={
            "loud": {"report": "loud?", "dtype": "bool"},
            "calm": {"report": 'weather = "calm"', "dtype": "bool"},
            "same": {"report": r'note = "so-called \"wind\"\\"', "dtype": "bool"},
            "trail": {"report": "trail", "shape": [3]},
            "nested": {"report": "(list trail [0 1 2])", "shape": [2, 3]},
            "whole": {"report": "ticks", "dtype": "int"},
        },
    )
    fitness, observables = outcome(found)
    assert fitness == 3.0
    assert observables.pop("nested") == [[1.0, 2.5, 3.0], [0.0, 1.0, 2.0]]
    assert observables == {"loud": False, "calm": True, "same": True, "trail": [1.0, 2.5, 3.0], "whole": 4}


def test_a_value_may_lie_beyond_the_ends_of_a_slider(ask: Ask) -> None:
    found = ask(({"drift": 0.0, "start": 50.0}, 1), parameters={"drift": 0.0, "start": {"low": 0, "high": 99}}, **STILL)
    assert outcome(found)[0] == 50.0


def test_a_truth_value_is_a_fitness_and_an_agent_is_none(ask: Ask) -> None:
    objectives = {"far": {"report": "place > 1"}, "still": {"report": "noise = 1", "maximize": True}}
    assert outcome(ask(({"drift": 0.5}, 1), objectives=objectives, **STILL))[0] == [1.0, 0.0]
    found = ask(({}, 1), objectives={"who": {"report": "patch 0 0"}})["trials"][0]
    assert found["status"] == "INVALID"
    assert re.search(r"expected a finite number \(who\), got .*patch 0 0", found["message"])


# --- a run ---


def test_observables_are_recorded_on_the_way(ask: Ask) -> None:
    observables = {
        "place": {"report": "place", "every": 2},
        "both": {"report": "(list ticks place)", "every": 3, "shape": [2]},
    }
    found = ask(({"drift": 0.5}, 1), ticks=7, objectives={"end": {"report": "ticks"}}, observables=observables, **STILL)
    assert outcome(found) == (7.0, {"place": [2.0, 3.0, 4.0], "both": [[3.0, 2.5], [6.0, 4.0]]})


def test_a_run_ends_where_a_reporter_says(ask: Ask) -> None:
    options = {"ticks": 100, "until": "place > 3 ; far", "objectives": {"end": {"report": "ticks"}}, **STILL}
    assert outcome(ask(({"drift": 0.5}, 1), **options)) == (5.0, {})
    recorded = {"place": {"report": "place", "every": 3}}
    assert outcome(ask(({"drift": 0.5}, 1), observables=recorded, **options)) == (5.0, {"place": [2.5, 3.5]})
    assert outcome(ask(({"drift": 0.0}, 1), **options))[0] == 100.0


def test_a_reporter_makes_a_trial_invalid(ask: Ask) -> None:
    found = ask(
        ({"drift": -1.0}, 1), ({"drift": 1.0}, 1), invalid={"fell off": "place < -1", "froze": "false"}, **STILL
    )
    assert [(one["status"], one["message"]) for one in found["trials"]] == [("INVALID", "fell off"), ("OK", "")]


@pytest.mark.parametrize("options", [{"invalid": {"far": "place"}}, {"until": "place"}])
def test_a_condition_is_true_or_false(ask: Ask, options: dict[str, Any]) -> None:
    found = ask(({"drift": 0.5}, 1), **options, **STILL)["trials"][0]
    assert found["status"] == "FAILED"
    assert re.search("true or false, got 3.0|TRUE/FALSE", found["message"])


@pytest.mark.parametrize("reopen", [False, True])
def test_the_seed_decides_whatever_ran_before(ask: Ask, reopen: bool) -> None:
    trial, other = ({"drift": 0.5}, 7), ({"drift": -0.5}, 8)
    go = "if drift < 0 [ set noise noise * 2 set goal 3 set farthest 1 / (drift + 0.75) set drift 0 - drift ] go"
    options = {"go": go, "reopen": reopen, "observables": {"noise": {"report": "noise + goal + farthest"}}}
    alone = outcome(ask(trial, **options))
    found = ask(trial, other, trial, ({"drift": -0.75}, 1), trial, ({"drift": 0.5}, 9), **options)
    assert outcome(found, 0) == outcome(found, 2) == outcome(found, 4) == alone
    assert outcome(found, 5)[0] != alone[0]
    assert outcome(found, 1)[1] != alone[1]
    failed = found["trials"][3]
    assert (failed["status"], failed["message"].lower()) == ("FAILED", "netlogoerror: division by zero")
    assert "Java Exception" not in failed["traceback"] and "org.nlogo" not in failed["traceback"]


def test_what_a_model_prints_is_thrown_away(ask: Ask) -> None:
    assert outcome(ask(({"drift": 0.5}, 1), go="print place go", **STILL))[0] == 3.0


def test_a_global_that_setup_clears_is_an_error_unless_it_is_set_after(ask: Ask) -> None:
    options = {
        "parameters": {"farthest": {"low": 0.0, "high": 9.0}},
        "objectives": {"farthest": {"report": "farthest"}},
    }
    found = ask(({"farthest": 9.0}, 1), **options)["trials"][0]
    assert found["status"] == "FAILED"
    assert "farthest was set to 9.0 and is 0 after setup" in found["message"]
    assert outcome(ask(({"farthest": 9.0}, 1), after_setup=["farthest"], **options))[0] == 9.0


def test_an_error_in_a_reporter_names_it(ask: Ask) -> None:
    found = ask(({}, 1), observables={"goal": {"report": "goal"}, "odd": {"report": "1 / (ticks - 4)"}})["trials"][0]
    assert (found["status"], found["message"].lower()) == ("FAILED", "netlogoerror: 1 / (ticks - 4): division by zero")


# --- what is wrong is said before a run ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"parameters": {"drifts": {"low": 0, "high": 1}}},
            "'parameters': walk.nlogo: no global 'drifts'; did you mean 'drift'",
        ),
        ({"names": {"drift": "farthes"}}, "'names': walk.nlogo: no global 'farthes'; did you mean 'farthest'"),
        (
            {"objectives": {"a": {"report": "plaice"}}},
            "report of 'a': 'plaice': walk.nlogo: Nothing named PLAICE has been",
        ),
        ({"observables": {"a": {"report": "place +"}}}, "report of 'a': 'place +': walk.nlogo: "),
        ({"until": "gaol > 3"}, "option 'until': 'gaol > 3': walk.nlogo: Nothing named GAOL has been defined"),
        ({"invalid": {"lost": "lost?"}}, "option 'invalid': 'lost': 'lost?': walk.nlogo: Nothing named LOST? has"),
        ({"setup": "set-up"}, "option 'setup': 'set-up': walk.nlogo: Nothing named SET-UP has been defined"),
        ({"go": "go ]"}, "option 'go': 'go ]': walk.nlogo: "),
        ({"model": "driver.py"}, "NetLogo cannot open it: "),
        ({"jvm": ["-Xint"]}, "Java runs in this process already, with "),
    ],
)
def test_a_mistake_is_found_before_the_first_trial(ask: Ask, options: dict[str, Any], message: str) -> None:
    assert message in ask(({}, 1), **options)["error"]
    assert outcome(ask(({"drift": 0.5}, 1), **STILL))[0] == 3.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objectives": {}}, "'objectives': expected at least one"),
        ({"objectives": {"a": "place"}}, "'objectives': a: expected {report: a NetLogo reporter, …}, got 'place'"),
        ({"objectives": {"a": {"report": "place", "maximise": True}}}, "'objectives': a: expected minimize, maximize"),
        ({"objectives": {"a": {"report": "place", "every": 2}}}, "a: every is for observables"),
        ({"observables": {"a": {"report": "b", "every": 0}}}, "a: every: expected a whole number of ticks, got 0"),
        ({"observables": {"a": {"report": "b", "shap": 1}}}, "no key 'shap'; did you mean 'shape'"),
        ({"observables": {"place": {"report": "b"}}}, "'place' is an objective and an observable"),
        ({"ticks": 0}, "'ticks': expected a finite number at least 1, got 0"),
        ({"heap": "much"}, "'heap': expected a size such as 512m or 2g, got 'much'"),
        ({"home": "netlogo"}, "'home': expected an absolute path, got 'netlogo'"),
        ({"names": {"drif": "drift"}}, "'names': no parameter 'drif'; did you mean 'drift'"),
        ({"after_setup": ["noise"]}, "'after_setup': no parameter 'noise'"),
        ({"names": {"drift": "the drift"}}, "expected the name of a NetLogo global, got 'the drift'"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, Any], message: str) -> None:
    given = OPTIONS | {"model": WALK, "parameters": ParameterSpace(drift=Real(0.0, 1.0))} | options
    with pytest.raises(OptionError) as refused:
        NetLogoOptimizee(**given)
    assert message in str(refused.value)


def model(**options: Any) -> NetLogoOptimizee:
    parameters = ParameterSpace(drift=Real(0.0, 1.0))
    return NetLogoOptimizee(**{"model": WALK, "parameters": parameters, "objectives": OPTIONS["objectives"], **options})


def test_what_netlogo_has_no_value_for_is_refused() -> None:
    with pytest.raises(OptionError, match="NetLogo has numbers, truth values, texts and lists, but no None"):
        model(parameters=ParameterSpace(weather=Categorical("calm", None)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"'model': there is no .*absent.nlogo"):
        model(model=tmp_path / "absent.nlogo")
    with pytest.raises(NotFoundError, match=r"'files': there is no .*absent.nls"):
        model(files=[tmp_path / "absent.nls"])


def test_the_content_of_the_model_and_of_its_files_is_part_of_it(tmp_path: Path) -> None:
    copy, table = tmp_path / "walk.nlogo", tmp_path / "table.txt"

    def digest(code: str, content: str) -> str:
        copy.write_text(WALK.read_text().replace("tick\n", code))
        table.write_text(content)
        return fingerprint(model(model=copy, files=[table])).digest

    first = digest("tick\n", "1 2")
    assert digest("tick ;\n", "1 2") != first
    assert digest("tick\n", "1 3") != first
    assert digest("tick\n", "1 2") == first


# --- what is missing ---


def test_a_missing_netlogo_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NETLOGO_HOME", raising=False)
    with pytest.raises(MissingPart, match=r"NetLogo is not installed here.*set the environment variable NETLOGO_HOME"):
        model().setup()
    with pytest.raises(NotFoundError, match=r"option 'home': expected the folder of a NetLogo .* which is not there"):
        model(home=str(tmp_path / "absent")).setup()
    (tmp_path / "NetLogo.jar").write_text("not a jar")
    monkeypatch.setenv("NETLOGO_HOME", str(tmp_path))
    with pytest.raises(NotFoundError, match=r"NETLOGO_HOME: expected the folder of a NetLogo installation"):
        model().setup()


def test_a_missing_jpype_says_what_to_install(monkeypatch: pytest.MonkeyPatch, homes: dict[str, Path]) -> None:
    monkeypatch.setitem(sys.modules, "jpype", None)
    with pytest.raises(MissingPart, match=r"JPype is not installed here; .*l2l\[netlogo\]"):
        model(home=str(homes["old"])).setup()


WITHOUT_JAVA = """
import sys, jpype
from pathlib import Path
from l2l import ParameterSpace, Real, Trial
from l2l.optimizees import NetLogoOptimizee

def absent():
    raise jpype.JVMNotFoundException("no Java")

jpype.getDefaultJVMPath = absent
model = NetLogoOptimizee(model=Path(sys.argv[1]), home=sys.argv[2], parameters=ParameterSpace(drift=Real(0.0, 1.0)),
                         objectives={"place": {"report": "place"}}, setup="set noise 0 setup", ticks=4)
try:
    model.setup()
    print(model.simulate(model.space.default, Trial(model.space.default)).fitness["place"])
except ImportError as error:
    print(error)
"""


def test_where_there_is_no_java_the_one_of_the_installation_is_taken(homes: dict[str, Path], tmp_path: Path) -> None:
    for one in homes["old"].iterdir():
        (tmp_path / one.name).write_bytes(one.read_bytes())
    command = [sys.executable, "-c", WITHOUT_JAVA, WALK, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Java is not installed here; install it with: " in done.stdout
    java = subprocess.run(["java", "-XshowSettings:properties", "-version"], capture_output=True, text=True, check=True)
    home = next(line.split(" = ")[1] for line in java.stderr.splitlines() if "java.home = " in line)
    (tmp_path / "runtime").symlink_to(home)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) == 3.0


def test_wrong_java_options_are_refused(homes: dict[str, Path], tmp_path: Path) -> None:
    experiment = {"optimizee": {"name": "netlogo", **OPTIONS, "model": str(WALK), "jvm": ["-XX:Nonsense"]}}
    (tmp_path / "walk.yaml").write_text(yaml.safe_dump(experiment | {"optimizer": {"name": "random", "samples": 2}}))
    done = l2l_command(homes["old"], "check", "walk.yaml", check=False)
    assert done.returncode == 2
    assert "does not start with " in done.stderr and "-XX:Nonsense" in done.stderr


# --- whole experiments ---


def l2l_command(home: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NETLOGO_HOME": str(home)}
    command = [sys.executable, "-m", "l2l.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert not check or done.returncode == 0, done.stderr
    return done


def run(home: Path, directory: str, *words: str, **experiment: Any) -> l2l.Trajectory:
    optimizee = {"name": "netlogo", **OPTIONS, "model": str(WALK), **experiment.pop("optimizee", {})}
    Path(f"{directory}.yaml").write_text(yaml.safe_dump({"optimizee": optimizee, "seed": 3, **experiment}))
    l2l_command(home, "run", f"{directory}.yaml", *words)
    return l2l.Trajectory(f"runs/{directory}")


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["old", *REAL])
def test_any_launcher_gives_the_same_run(name: str, homes: dict[str, Path]) -> None:
    optimizer = {"name": "genetic-algorithm", "population": 8}
    options = {"optimizer": optimizer, "trials": 2, "stop": {"generations": 3}}
    one = run(homes[name], "serial", "--launcher", "serial", **options)
    two = run(homes[name], "local", "--workers", "2", **options)
    assert one.finished and two.finished
    assert one.trials["fitness/place"].tolist() == two.trials["fitness/place"].tolist()
    assert one.individuals["parameters/drift"].tolist() == two.individuals["parameters/drift"].tolist()


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["old", *REAL])
def test_trials_that_hang_or_swell_are_ended_and_the_others_are_right(name: str, homes: dict[str, Path]) -> None:
    go = """
        if note = "fail" [ set place 1 / (place - place) ]
        if note = "spin" [ while [ true ] [ set place 0 ] ]
        if note = "swell" [ set trail [1 2 3] while [ true ] [ set trail (sentence trail trail) ] ]
        go
    """
    fates = ["calm", "fail", "spin", "swell", "windy"]
    found = run(
        homes[name],
        "fates",
        "--workers",
        "1",
        optimizee={
            "go": go,
            "heap": "64m",
            "after_setup": ["note"],
            "parameters": {"note": {"choices": fates}, "drift": 0.5},
            **STILL,
        },
        optimizer={"name": "grid"},
        resources={"timeout": 4.0},
    )
    codes = found.individuals["parameters/note"].tolist()
    statuses = dict(zip((fates[code] for code in codes), map(l2l.Status, found.individuals["status"]), strict=True))
    assert statuses == {
        "calm": l2l.Status.OK,
        "fail": l2l.Status.FAILED,
        "spin": l2l.Status.TIMEOUT,
        "swell": l2l.Status.CRASHED,
        "windy": l2l.Status.OK,
    }
    ended = found.trials["status"] == l2l.Status.OK
    assert found.trials["fitness/place"][ended].tolist() == [3.0, 3.0]


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["old", *REAL])
def test_the_contract_of_optimizees_is_kept(name: str, homes: dict[str, Path], repository: Path) -> None:
    environment = {**os.environ, "NETLOGO_HOME": str(homes[name])}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", HERE / "contract.py"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=repository)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "passed" in done.stdout


# --- files ---


@pytest.mark.parametrize("place", ["", "app", "lib/app", "Java", "Contents/Java", "NetLogo 6.4.0.app/Contents/Java"])
def test_the_jar_is_found_in_any_layout(place: str, homes: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    content = (homes["old"] / "NetLogo.jar").read_bytes()
    (folder / "netlogo-6.4.0.jar").write_bytes(content)
    with zipfile.ZipFile(folder / "netlogo-mac-app.jar", "w") as other:
        other.writestr("empty", "")
    assert installed_jar(str(tmp_path)) == folder / "netlogo-6.4.0.jar"


NLOGOX = """<?xml version="1.0" encoding="utf-8"?>
<model version="NetLogo 7.0.0"><code><![CDATA[globals [ heat ; how hot
cold ]]]></code><widgets>
<view x="0" y="0" minPxcor="-1" maxPxcor="1"></view>
<slider variable="rate" default="5.0" min="0" max="9"></slider><switch variable="on?" on="true"></switch>
<chooser variable="kind" current="0"><choice type="string" value="a"></choice></chooser>
<input variable="size of it"></input><monitor>count turtles</monitor></widgets></model>
"""


def test_widgets_are_found_in_both_formats(tmp_path: Path) -> None:
    assert interface_globals(WALK) == ["start", "drift", "noise", "loud?", "weather", "goal"]
    assert declared_globals(WALK) == ["place", "farthest", "trail", "note"]
    model = tmp_path / "model.nlogox"
    model.write_text(NLOGOX)
    assert interface_globals(model) == ["rate", "on?", "kind", "size of it"]
    assert declared_globals(model) == ["heat", "cold"]
    model.write_text(NLOGOX, encoding="utf-8-sig")
    assert interface_globals(model) == ["rate", "on?", "kind", "size of it"]
    model.write_text(NLOGOX[:-10])
    assert interface_globals(model) == []


BEHAVIOR_SPACE = """<experiments><experiment name="size" repetitions="1" runMetricsEveryStep="false"><go>go</go>
<enumeratedValueSet variable="max-pxcor"><value value="25"/></enumeratedValueSet>
<steppedValueSet variable="random-seed" first="1" step="1" last="9"/>
<subExperiment><enumeratedValueSet variable="initial-trust"><value value="0.5"/></enumeratedValueSet></subExperiment>
</experiment></experiments>"""
HUBNET = '<hubNetClient><slider variable="bid" default="1.0" min="0" max="9"></slider></hubNetClient>'


def test_what_experiments_and_clients_vary_is_no_global_of_the_interface(tmp_path: Path) -> None:
    model = tmp_path / "model.nlogox"
    model.write_text(NLOGOX.replace("</model>", f"{BEHAVIOR_SPACE}{HUBNET}</model>"))
    assert interface_globals(model) == ["rate", "on?", "kind", "size of it"]
    model.write_text(NLOGOX.replace("<widgets>", f"{BEHAVIOR_SPACE}{HUBNET}<widgets>"))
    assert interface_globals(model) == ["rate", "on?", "kind", "size of it"]
    mark = "@#$#@#$#@"
    slider = "SLIDER\n5\n5\n9\n9\nbid\nbid\n0\n9\n1\n1\n1\nNIL\nHORIZONTAL"
    after = f"\n{mark}\n{BEHAVIOR_SPACE}\n{mark}\n{slider}\n{mark}\n"
    (tmp_path / "old.nlogo").write_text(WALK.read_text() + after)
    assert interface_globals(tmp_path / "old.nlogo") == interface_globals(WALK)


@pytest.mark.parametrize("name", ["random-seed", "world-width", "max-pxcor", "MIN-PYCOR"])
def test_what_only_behaviorspace_can_vary_is_refused_with_what_to_do(name: str) -> None:
    message = f"'parameters': expected the name of a NetLogo global, got '{name}', which BehaviorSpace varies"
    with pytest.raises(OptionError, match=message):
        made(parameters=ParameterSpace({name: Real(1.0, 9.0)}))
    with pytest.raises(OptionError, match=message):
        made(parameters=ParameterSpace(size=Real(1.0, 9.0)), names={"size": name})


def made(**options: Any) -> NetLogoOptimizee:
    return NetLogoOptimizee(**{**OPTIONS, "model": WALK, **options})


def test_values_are_written_as_netlogo_reads_them() -> None:
    assert literal({"a": 1}["a"]) == "1"
    assert literal((1e-7, True, 'a\n"b"\\', [False, []])) == r'[1e-07 true "a\n\"b\"\\" [false []]]'
