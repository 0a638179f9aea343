"""An RO-Crate of a run, by the Process Run Crate profile, version 0.5 (https://w3id.org/ro/wfrun/process/0.5)."""

import json
import math
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2l.errors import MissingPart, NotFoundError, OptionError
from l2l.trajectory import Trajectory

if TYPE_CHECKING:
    from rocrate.rocrate import ROCrate

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_TERMS = "https://w3id.org/ro/terms/workflow-run/context"
_COMPLETED, _FAILED = "http://schema.org/CompletedActionStatus", "http://schema.org/FailedActionStatus"
_ACTIVE = "http://schema.org/ActiveActionStatus"
_OPENMINDS = "https://openminds.om-i.org"


@dataclass(frozen=True, slots=True)
class Agent:
    """Who ran it.

    Args:
        name: Of the person.
        orcid: The person's number at ORCID, as a URL; "" where it has none.
    """

    name: str
    orcid: str = ""

    @property
    def identifier(self) -> str:
        """By which the crate names the person."""
        return self.orcid or "#agent"


def write_crate(trajectory: Trajectory, into: Path, *, agent: Agent, license_url: str, lives: bool) -> Path:
    """Write a crate of a run; returns the file that describes it.

    Args:
        trajectory: The run.
        into: A folder that does not exist yet, or is empty.
        agent: Who ran it.
        license_url: Under which it may be used; "" where nobody says.
        lives: Whether somebody leads the run now.

    Raises:
        MissingPart: The library rocrate is not installed.
        NotFoundError: The run has no archive yet.
        OptionError: The folder holds something.
    """
    try:
        from rocrate.rocrate import ROCrate
    except ImportError:
        raise MissingPart("rocrate", "pip install 'l2l[crate]'") from None
    archive = trajectory.path if trajectory.path.is_file() else trajectory.path / "trajectory.h5"
    if not archive.is_file():
        raise NotFoundError(f"{trajectory.path}: there is no trajectory.h5 yet; write the crate after a generation")
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise OptionError(f"{into}: expected a folder that is empty or not there yet; choose another --output")
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(_TERMS)
    _Description(crate, trajectory, archive, agent, lives=lives).describe(license_url)
    crate.write(into)
    return into / "ro-crate-metadata.json"


class _Description:
    """What a crate says of a run."""

    def __init__(self, crate: "ROCrate", trajectory: Trajectory, archive: Path, agent: Agent, *, lives: bool) -> None:
        self._crate = crate
        self._run = trajectory
        self._archive = archive
        self._agent = agent
        self._lives = lives
        self._segments = [trajectory.segments.row(place) for place in range(len(trajectory.segments))]
        self._name = archive.parent.name

    def describe(self, license_url: str) -> None:
        """Put all entities into the crate."""
        root = self._crate.root_dataset
        root["name"] = f"The l2l run {self._name}"
        root["description"] = (
            f"{len(self._run.individuals)} individuals and {len(self._run.trials)} trials of an optimization, with "
            "all that produced them."
        )
        root["license"] = license_url or "No license is stated."
        root["conformsTo"] = self._entity(
            PROFILE, {"@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
        )
        agent = self._entity(self._agent.identifier, {"@type": "Person", "name": self._agent.name})
        result = self._file(self._archive, "trajectory.h5", "application/x-hdf5", "All trials of the run")
        common = {"agent": agent, "object": self._inputs(), "result": [result]}
        actions = [self._action(place, common) for place in range(len(self._segments))]
        root["mentions"] = [self._whole(common), *actions]
        said = StringIO(json.dumps(self.openminds(), indent=2) + "\n")
        self._file(said, "openminds.jsonld", "application/ld+json", "The run as a computation of openMINDS")

    # --- entities --------------------------------------------------------------------------------------------------

    def _entity(self, identifier: str, properties: dict[str, Any]) -> Any:
        from rocrate.model import ContextEntity

        return self._crate.add(ContextEntity(self._crate, identifier, properties))

    def _file(self, source: Any, place: str, encoding: str, description: str, original: str = "") -> Any:
        properties = {"name": Path(place).name, "encodingFormat": encoding, "description": description}
        if original:
            properties["alternateName"] = original
        return self._crate.add_file(source, place, properties=properties)

    def _inputs(self) -> list[Any]:
        """The experiment, and the sources that were fingerprinted: each under a name of its own."""
        found = [
            self._file(
                StringIO(self._run.experiment), "experiment.yaml", "application/yaml", "The experiment, resolved"
            )
        ]
        for number, (name, text) in enumerate(sorted(self._run.sources.items())):
            plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name.rpartition("/")[2]) or "source"
            place = f"sources/{number:03d}-{plain}"  # two files may have one name, and the last would win
            found.append(self._file(StringIO(text), place, "text/plain", "Part of the optimizee", name))
        return found

    def _instruments(self, segment: dict[str, Any]) -> list[Any]:
        """l2l, the optimizee, and the programs that it uses, in the versions of a segment."""
        versions = {**json.loads(segment["versions"] or "{}"), **json.loads(segment["packages"] or "{}")}
        found = []
        for name, version in sorted(versions.items(), key=lambda item: item[0] != "l2l"):
            known = {"@type": "SoftwareApplication", "name": name, "softwareVersion": str(version)}
            found.append(self._entity(f"#software-{name}-{version}", known))
        said = {"@type": "SoftwareSourceCode", "name": "optimizee", "version": segment["fingerprint"]}
        found.insert(1, self._entity(f"#optimizee-{segment['fingerprint']}", said))
        return found

    def _identifier(self, part: str) -> str:
        """The same for the same run, whenever its crate is written."""
        return uuid.uuid5(uuid.NAMESPACE_URL, f"l2l:{self._run.fingerprint}:{self._run.seed}:{part}").urn

    def _whole(self, common: dict[str, Any]) -> Any:
        """The whole run as an execution, by what its last process used."""
        last = len(self._segments) - 1
        return self._act("run", f"The run {self._name}", self._segments[0]["started"], last, common)

    def _action(self, place: int, common: dict[str, Any]) -> Any:
        """A process lifetime as an execution."""
        segment = self._segments[place]
        name = f"Process {place + 1} of the run {self._name}, on {segment['host']}"
        return self._act(f"segment {place}", name, segment["started"], place, common)

    def _act(self, part: str, name: str, begin: float, place: int, common: dict[str, Any]) -> Any:
        """An execution that ends as a segment does.

        Args:
            part: Of the run, for its identifier.
            name: For people.
            begin: When it began, Unix seconds.
            place: Of the segment that it ends with.
            common: What all executions have.
        """
        segment = self._segments[place]
        end, error = self._end(place)
        status = _ACTIVE if end is None else _COMPLETED if error is None else _FAILED
        said: dict[str, Any] = {
            "@type": "CreateAction",
            "name": name,
            "description": " ".join(json.loads(segment["command"] or "[]")) or "from Python",
            "startTime": _time(begin),
            "actionStatus": {"@id": status},
        }
        if end is not None:
            said["endTime"] = _time(end)
            said |= {"error": error} if error is not None else {}
        action = self._entity(self._identifier(part), said)
        for key, value in {"instrument": self._instruments(segment), **common}.items():
            action[key] = value
        return action

    def _end(self, place: int) -> tuple[float | None, str | None]:
        """When a segment ended, None where it goes on; and why it did not end the run, None where it did."""
        segment = self._segments[place]
        if not math.isnan(segment["stopped"]):
            return segment["stopped"], None if segment["finished"] else segment["reason"].partition("\n")[0]
        if self._lives and place == len(self._segments) - 1:
            return None, None
        later = self._segments[place + 1]["started"] if place + 1 < len(self._segments) else math.inf
        trials = self._run.trials
        ends = (trials["started"] + trials["seconds"])[trials["segment"] == segment["number"]]
        known = min(float(ends.max()) if len(ends) else segment["started"], later)
        return max(known, segment["started"]), "it was killed; the time is that of its last trial that is archived"

    # --- openMINDS -------------------------------------------------------------------------------------------------

    def openminds(self) -> dict[str, Any]:
        """The run as an `Optimization` of openMINDS 4, with what its schema requires within it."""
        last = self._segments[-1]
        end, error = self._end(len(self._segments) - 1)
        status = "active" if end is None else "completed" if error is None else "failed"
        given, _, family = self._agent.name.rpartition(" ")
        person: dict[str, Any] = {"givenName": given or family} | ({"familyName": family} if given else {})
        if self._agent.orcid:
            person["digitalIdentifier"] = [self._minds("ORCID", self._agent.orcid, identifier=self._agent.orcid)]
        agent = self._minds("Person", "#agent", **person)  # an ORCID names its entry, not the person
        hardware = self._minds("HardwareSystem", "#hardware", name=last["cpu"] or last["host"])
        said = self._minds(
            "Optimization",
            self._identifier("run"),
            lookupLabel=f"The l2l run {self._name}",
            startTime=_time(self._segments[0]["started"]),
            startedBy=agent,
            status={"@id": f"{_OPENMINDS}/instances/actionStatusType/{status}"},
            input=[self._local_file("experiment.yaml", "The experiment, resolved")],
            output=[self._local_file("trajectory.h5", "All trials of the run")],
            environment=self._minds(
                "Environment", "#environment", name=last["host"], description=last["platform"], hardware=hardware
            ),
        )
        ended = {"endTime": _time(end)} if end is not None else {}
        return {"@context": {"@vocab": f"{_OPENMINDS}/props/"}} | said | ended

    @staticmethod
    def _minds(kind: str, identifier: str, /, **properties: Any) -> dict[str, Any]:
        """An entity of openMINDS."""
        return {"@id": identifier, "@type": f"{_OPENMINDS}/types/{kind}", **properties}

    def _local_file(self, place: str, description: str) -> dict[str, Any]:
        return self._minds("LocalFile", place, name=place, path=place, contentDescription=description)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
