import json
from pathlib import Path
from typing import Any

import pytest
from rocrate.rocrate import ROCrate

from l2l.cli import main
from l2l.trajectory import Trajectory
from tests.l2l.events import Shape, events, lead

SCHEMA = "http://schema.org/"


def graph(folder: Path) -> dict[str, dict[str, Any]]:
    said = json.loads((folder / "ro-crate-metadata.json").read_text())
    ids = [entity["@id"] for entity in said["@graph"]]
    assert len(ids) == len(set(ids)), "each entity has a name of its own"
    assert "https://w3id.org/ro/crate/1.1/context" in said["@context"]
    return {entity["@id"]: entity for entity in said["@graph"]}


OPENMINDS = "https://openminds.om-i.org/"
# Of openMINDS 4.0: type → properties that are required, and others that it has.
REQUIRED = {
    "Optimization": (
        {"environment", "input", "output", "startTime"},
        {"endTime", "lookupLabel", "startedBy", "status"},
    ),
    "Environment": ({"name", "hardware"}, {"description"}),
    "HardwareSystem": ({"name"}, set()),
    "LocalFile": ({"name", "path"}, {"contentDescription"}),
    "Person": ({"givenName"}, {"familyName", "digitalIdentifier"}),
    "ORCID": ({"identifier"}, set()),
}


def of_openminds(entity: dict[str, Any]) -> None:
    """Assert that an entity and all within it have the properties of their types."""
    names = {name for name in entity if not name.startswith("@")}
    if names:
        required, others = REQUIRED[entity["@type"].removeprefix(f"{OPENMINDS}types/")]
        assert required <= names <= required | others
    for value in entity.values():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict) and "@id" in inner:
                of_openminds(inner)


def refs(value: Any) -> list[str]:
    return [one["@id"] for one in (value if isinstance(value, list) else [value])]


@pytest.mark.parametrize(
    "shape", [Shape(), Shape(segments=3, seed=1, finished=False), Shape(objectives=2, steady=True)]
)
def test_a_crate_fulfils_each_must_of_its_profile(tmp_path: Path, shape: Shape) -> None:
    lead(tmp_path / "run", events(shape))
    assert main(["crate", str(tmp_path / "run"), "--agent", "Ada", "--orcid", "0000-0002-1825-0097"]) == 0
    folder = tmp_path / "run.crate"
    entities = graph(folder)
    assert all("@type" in entity for entity in entities.values())
    descriptor, root = entities["ro-crate-metadata.json"], entities["./"]
    assert descriptor["@type"] == "CreativeWork" and refs(descriptor["about"]) == ["./"]
    assert refs(descriptor["conformsTo"]) == ["https://w3id.org/ro/crate/1.1"]
    assert root["@type"] == "Dataset" and all(
        root[name] for name in ("name", "description", "datePublished", "license")
    )
    (profile,) = refs(root["conformsTo"])
    assert profile == "https://w3id.org/ro/wfrun/process/0.5" and entities[profile]["@type"] == "CreativeWork"
    actions = [entity for entity in entities.values() if entity["@type"] == "CreateAction"]
    assert sorted(refs(root["mentions"])) == sorted(action["@id"] for action in actions)
    assert len(actions) == 1 + len(Trajectory(tmp_path / "run").segments)
    for action in actions:
        tools = [entities[name] for name in refs(action["instrument"])]
        assert {tool["@type"] for tool in tools} == {"SoftwareApplication", "SoftwareSourceCode"}
        assert all("name" in tool and ("softwareVersion" in tool) != ("version" in tool) for tool in tools)
        assert refs(action["agent"]) == ["https://orcid.org/0000-0002-1825-0097"]
        assert {"experiment.yaml", "trajectory.h5"} <= set(refs(action["object"]) + refs(action["result"]))
        assert ("error" in action) == (refs(action["actionStatus"]) == [f"{SCHEMA}FailedActionStatus"])
        assert action["startTime"] <= action["endTime"] and action["endTime"].endswith("+00:00")
    for name in refs(root["hasPart"]):
        assert entities[name]["@type"] == "File" and (folder / name).is_file()
    assert (folder / "trajectory.h5").read_bytes() == (tmp_path / "run" / "trajectory.h5").read_bytes()
    whole = entities[refs(root["mentions"])[0]]
    state = "Completed" if shape.finished else "Failed"
    assert refs(whole["actionStatus"]) == [f"{SCHEMA}{state}ActionStatus"]
    assert ROCrate(folder).root_dataset["name"] == root["name"], "it opens in rocrate"
    computation = json.loads((folder / "openminds.jsonld").read_text())
    assert computation["@context"] == {"@vocab": f"{OPENMINDS}props/"}
    assert computation["@id"] == whole["@id"] and computation["@type"] == f"{OPENMINDS}types/Optimization"
    state = "completed" if shape.finished else "failed"
    assert computation["status"]["@id"] == f"{OPENMINDS}instances/actionStatusType/{state}"
    of_openminds(computation)
    assert computation["startedBy"]["givenName"] == "Ada"
    for one in computation["input"] + computation["output"]:
        assert (folder / one["path"]).is_file()


def test_a_crate_is_written_only_where_nothing_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lead(tmp_path / "run", events(Shape()))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert main(["crate", str(tmp_path / "run"), "--output", str(tmp_path / "mine")]) == 2
    assert "expected a folder that is empty" in capsys.readouterr().err
    assert main(["crate", str(tmp_path / "run"), "--orcid", "12"]) == 2
    assert main(["crate", str(tmp_path / "nothing")]) == 2
