"""What a model in NEURON is before its first trial, and how to get back to it: there is one NEURON in a process."""

from collections.abc import Iterator, Mapping
from typing import Any

SETTINGS = ("celsius", "dt", "secondorder", "v_init")
"""What holds for all cells of a process, beside the globals of mechanisms."""

INTEGRATOR = (
    *("use_local_dt", "use_daspk", "atol", "rtol", "minstep", "maxstep", "maxorder", "jacobian", "condition_order"),
    *("stiff", "active"),
)
"""What CVode is told, in the order in which it is set back; it too is one for all cells of a process."""

PARAMETERS, GLOBALS = 1, -1
"""Kinds of variables of a mechanism, as MechanismStandard numbers them."""

_FIRST: dict[str, int | float] = {}
_FIRST_INTEGRATOR: dict[str, int | float] = {}


class Built:
    """The sections of a model as `build` left them, with all their parameters.

    Args:
        h: NEURON's interpreter.
        sections: Of this model, not those of others in this process.
    """

    def __init__(self, h: Any, sections: list[Any]) -> None:
        self.h, self.sections = h, sections
        self._shape = self._shaped()
        pointers = [pointer for section in sections for pointer in _pointers(h, section)] or [h._ref_t]
        self._pointers, self._values = h.PtrVector(len(pointers)), h.Vector(len(pointers))
        for place, pointer in enumerate(pointers):
            self._pointers.pset(place, pointer)
        self._pointers.gather(self._values)
        self._resistances = [(section, section.Ra) for section in sections]
        self._globals, self._integrator = _globals(h), _integrator(h)

    def restore(self) -> bool:
        """Set all parameters as they were; False where sections, their division or what is in them has changed."""
        if self._shaped() != self._shape:
            return False
        self._pointers.scatter(self._values)
        for section, resistance in self._resistances:
            if section.Ra != resistance:
                section.Ra = resistance
        _set_globals(self.h, self._globals)
        _set_integrator(self.h, self._integrator)
        return True

    def delete(self) -> None:
        """Delete the sections."""
        del self._pointers, self._values
        delete(self.sections)

    def _shaped(self) -> list[Any]:
        """What cannot be set back: which sections there are, how they are divided, and what is in them."""
        try:
            return [
                (
                    (section.nseg, section.L, str(section.parentseg()), len(section.children())),
                    [_content(segment) for segment in section],
                )
                for section in self.sections
            ]
        except ReferenceError:  # a section was deleted
            return []


def remember(h: Any) -> None:
    """Note, once in a process, the settings and globals that NEURON begins with."""
    if not _FIRST:
        _FIRST.update(_globals(h))
        _FIRST_INTEGRATOR.update(_integrator(h))


def begin(h: Any) -> None:
    """Set what all models of a process share as it was before the first of them was built."""
    remember(h)
    _set_globals(h, _FIRST)
    _set_integrator(h, _FIRST_INTEGRATOR)


def delete(sections: list[Any]) -> None:
    """Delete sections, those that are left of them."""
    from neuron import h

    living = set(h.allsec())
    for section in sections:
        if section in living:
            h.delete_section(sec=section)


def _globals(h: Any) -> dict[str, int | float]:
    names = [name for kind in (0, 1) for one in mechanisms(h, kind) for name, _ in variables(h, one, GLOBALS)]
    return {name: getattr(h, name) for name in (*SETTINGS, *names)}


def _set_globals(h: Any, values: Mapping[str, int | float]) -> None:
    for name, value in values.items():
        if getattr(h, name) != value:
            setattr(h, name, value)


def _integrator(h: Any) -> dict[str, int | float]:
    return {name: getattr(h.CVode(), name)() for name in INTEGRATOR}


def _set_integrator(h: Any, values: Mapping[str, int | float]) -> None:
    for name, value in values.items():
        if getattr(h.CVode(), name)() != value:
            getattr(h.CVode(), name)(value)


def mechanisms(h: Any, kind: int) -> list[str]:
    """Names of the density mechanisms (0) or of the point processes (1)."""
    types, name = h.MechanismType(kind), h.ref("")
    found = []
    for place in range(int(types.count())):
        types.select(place)
        types.selected(name)
        found.append(str(name[0]))
    return found


def variables(h: Any, mechanism: str, kind: int) -> list[tuple[str, int]]:
    """(name, length) of a mechanism's variables of a kind."""
    standard, name = h.MechanismStandard(mechanism, kind), h.ref("")
    found = []
    for place in range(int(standard.count())):
        length = int(standard.name(name, place))
        found.append((str(name[0]), length))
    return found


def _content(segment: Any) -> tuple[float, list[str], list[str]]:
    return segment.diam, [one.name() for one in segment], [one.hname() for one in segment.point_processes()]


def _pointers(h: Any, section: Any) -> Iterator[Any]:
    """Pointers to all parameters of a section's segments and of the point processes on them."""
    for segment in section:
        yield segment._ref_cm
        for mechanism in segment:
            yield from _pointers_of(h, mechanism.name(), segment)
        for process in segment.point_processes():
            yield from _pointers_of(h, process.hname().partition("[")[0], process)


def _pointers_of(h: Any, mechanism: str, holder: Any) -> Iterator[Any]:
    known = variables(h, mechanism, PARAMETERS)
    if mechanism.endswith("_ion"):  # which of these are parameters depends on the mechanisms that use the ion
        ion = mechanism.removesuffix("_ion")
        known = [(f"e{ion}", 1), (f"{ion}i", 1), (f"{ion}o", 1)]
    for name, length in known:
        pointer = getattr(holder, f"_ref_{name}")
        if length == 1:
            yield pointer
        else:
            yield from (pointer[place] for place in range(length))
