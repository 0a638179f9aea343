"""What a cell is made of: regions of a morphology, mechanisms in them, and which of their parameters are searched."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from l2l.errors import OptionError, near
from l2l.optimizees.morphology import Morphology, grown
from l2l.optimizees.swc import PARENT, REGIONS, SOMA, read_swc, region_of
from l2l.space import Fixed, Parameter, ParameterSpace, Real

MECHANISMS: Mapping[str, Sequence[str]] = {"soma": ["hh"], "axon": ["hh"], "dend": ["pas"], "apic": ["pas"]}
"""What is in the regions of a cell, as far as it has them, unless a user says otherwise."""

PROPERTIES: Mapping[str, object] = {
    "soma.hh.gnabar": {"low": 0.02, "high": 0.5, "log": True, "unit": "S/cm2"},
    "soma.hh.gkbar": {"low": 0.005, "high": 0.15, "log": True, "unit": "S/cm2"},
    "soma.hh.gl": {"low": 3e-5, "high": 3e-3, "log": True, "unit": "S/cm2"},
    "dend.pas.g": {"low": 1e-5, "high": 1e-3, "log": True, "unit": "S/cm2"},
    "dend.pas.e": -65.0,
    "apic.pas.g": {"low": 1e-5, "high": 1e-3, "log": True, "unit": "S/cm2"},
    "apic.pas.e": -65.0,
}
"""The same for their parameters."""

CABLE = {"cm": 1.0, "Ra": 100.0}
"""Capacitance in µF/cm2 and axial resistivity in Ω cm, unless a region has others."""

OTHER: Mapping[str, object] = {"pas.g": {"low": 1e-5, "high": 1e-3, "log": True, "unit": "S/cm2"}, "pas.e": -65.0}
"""The same in regions of other types, such as `type5`, which have `pas`."""

IONS = ("na", "k", "ca")


@dataclass(frozen=True, slots=True)
class Region:
    """What a part of the cell is made of, for one individual.

    Args:
        name: soma, axon, dend, apic, or such as type5.
        kind: The type of its samples in the SWC file.
        mechanisms: Mechanism → its parameters, in the units of the mechanism.
        capacitance: µF/cm2.
        resistivity: Axial, Ω cm.
        reversal: Ion → its reversal potential, mV; those that are given.
    """

    name: str
    kind: int
    mechanisms: Mapping[str, Mapping[str, float]]
    capacitance: float
    resistivity: float
    reversal: Mapping[str, float]


class Cell:
    """A cell whose parameters are named `region.mechanism.parameter`, `region.cm`, `region.Ra` or `region.ena`.

    Args:
        owner: The class whose options these are, for errors.
        morphology: An SWC file whose root is the soma.
        mechanisms: Region, or `all` → names of its density mechanisms; None for the usual ones.
        properties: The parameters; a region's own go before those of `all`. None searches the usual ones.
        types: Such as `type5` → the region to which samples of that type belong, or `parent`.

    Raises:
        NotFoundError: The morphology is not there.
        OptionError: It does not parse, or a name is not one of a region, a mechanism in it, or a property.
    """

    def __init__(
        self,
        owner: str,
        morphology: Path,
        mechanisms: Mapping[str, Sequence[str]] | None,
        properties: ParameterSpace | None,
        types: Mapping[str, str] | None = None,
    ) -> None:
        self._owner, self._path = owner, morphology
        samples = read_swc(morphology, self._chosen(types or {}))
        if samples[0].kind != SOMA:
            place = f"{morphology}:{samples[0].line}"
            raise OptionError(f"{place}: expected a soma (type 1) at the root, got type {samples[0].kind}")
        self.morphology: Morphology = grown(samples)
        self._kinds = {region_of(kind): kind for kind in sorted({one.kind for one in self.morphology.sections})}
        if mechanisms is None:
            mechanisms = {region: MECHANISMS.get(region, ["pas"]) for region in self._kinds}
        for region in mechanisms:
            self._check_region(region, "mechanisms")
        self._mechanisms = {region: tuple(names) for region, names in mechanisms.items()}
        if properties is None:
            properties = ParameterSpace.from_dict({"parameters": self._usual()})
        self.space = properties
        self._check_names(properties)

    def regions(self, individual: Mapping[str, float]) -> list[Region]:
        """The regions of the cell with the parameters of an individual."""
        found = []
        for region, kind in self._kinds.items():
            mechanisms: dict[str, dict[str, float]] = {
                name: {} for where in ("all", region) for name in self._mechanisms.get(where, ())
            }
            cable, reversal = dict(CABLE), {}
            for where in ("all", region):
                for name, value in individual.items():
                    match name.split("."):
                        case [place, mechanism, parameter] if place == where:
                            mechanisms[mechanism][parameter] = float(value)
                        case [place, parameter] if place == where and parameter in CABLE:
                            cable[parameter] = float(value)
                        case [place, parameter] if place == where:
                            reversal[parameter[1:]] = float(value)
            found.append(Region(region, kind, mechanisms, cable["cm"], cable["Ra"], reversal))
        return found

    def check_ion(self, region: Region, ion: str, present: Iterable[str]) -> None:
        """Refuse the reversal potential of an ion that no mechanism of a region has."""
        if ion not in present:
            raise OptionError(
                f"{self._owner}: option 'properties': '{region.name}.e{ion}': no mechanism in {region.name} has the "
                f"ion {ion!r}; there are {', '.join(region.mechanisms) or 'none'}"
            )

    def _usual(self) -> dict[str, object]:
        """The parameters of the usual mechanisms, in the regions that the cell has."""
        usual = {name: one for name, one in PROPERTIES.items() if name.partition(".")[0] in self._kinds}
        others = [region for region in self._kinds if region not in REGIONS]
        return usual | {f"{region}.{name}": one for region in others for name, one in OTHER.items()}

    def _chosen(self, types: Mapping[str, str]) -> dict[int, str]:
        """Type → region, as the user wants them."""
        place, found = f"{self._owner}: option 'types'", {}
        for name, region in types.items():
            kind = _kind_of(name)
            if kind is None:
                raise OptionError(f"{place}: expected such as type0 or type5, got {name!r}")
            if region not in REGIONS and region != PARENT:
                raise OptionError(f"{place}: {name}: {near(region, [*REGIONS, PARENT], 'region')}")
            found[kind] = region
        return found

    def _check_region(self, region: str, option: str) -> None:
        if region in self._kinds or region == "all":
            return
        place = f"{self._owner}: option {option!r}"
        if region not in REGIONS and _kind_of(region) is None:
            others = [one for one in self._kinds if one not in REGIONS]
            raise OptionError(f"{place}: {near(region, ['all', *REGIONS, *others], 'region')}")
        raise OptionError(f"{place}: {self._path} has no {region}; it has {', '.join(self._kinds)}")

    def _check_names(self, space: ParameterSpace) -> None:
        place = f"{self._owner}: option 'properties': {{}}"
        for name in space:
            region, *rest = name.split(".")
            self._check_region(region, "properties")
            known = [*CABLE, *(f"e{ion}" for ion in IONS)]
            if not rest or len(rest) > 2 or (len(rest) == 1 and rest[0] not in known):
                problem = f"{name!r}: expected region.mechanism.parameter or region. and one of {', '.join(known)}"
                raise OptionError(place.format(problem))
            within = [*self._mechanisms.get(region, ()), *self._mechanisms.get("all", ())]
            if len(rest) == 2 and rest[0] not in within:
                raise OptionError(place.format(f"{name!r}: {near(rest[0], within, f'mechanism in {region}')}"))
            least = _least(space[name])
            if math.isnan(least):
                raise OptionError(place.format(f"{name!r}: expected a number or a range, got {space[name]!r}"))
            if rest[0] in CABLE and least <= 0.0:
                raise OptionError(place.format(f"{name!r}: expected more than 0, got {least:g}"))


def _kind_of(region: str) -> int | None:
    """The type that a name such as `type5` says; None of other names, those of regions among them."""
    digits = region.removeprefix("type")
    if digits == region or not (digits.isascii() and digits.isdigit()):
        return None
    kind = int(digits)
    return kind if region_of(kind) == region else None


def _least(parameter: Parameter) -> float:
    """The lowest value of a parameter that is one number, NaN of others."""
    match parameter:
        case Real(shape=()):
            return float(parameter.low)
        case Fixed(value=int() | float()):
            return float(parameter.value)
    return math.nan
