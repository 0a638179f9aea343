"""The parts that make up a model, the names they have, and all that is to be said about them."""

import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from l2l.plugin.reference import FILE_MODULE, NOTEBOOK
from l2l.provenance.files import digest_of_path
from l2l.provenance.forms import Forms, NoForm, shown
from l2l.provenance.modules import Labels, Place, Whose, is_installed, place_of, top


@dataclass(frozen=True, slots=True)
class Part:
    """Something that makes up a model.

    Args:
        form: All that counts of it, as plain data.
        text: For people to read and compare.
    """

    form: Any
    text: str


@dataclass
class Reached:
    """What a walk has found.

    Args:
        parts: Name → part, in the order in which they were met.
        files: Label → source of a module of which something counts.
        notes: What could not be followed.
        packages: Installed packages whose names the model uses.
        stale: What differs between a file and what was made of it in this process, in whole sentences.
        altered: Label → values that differ from the literals in its source.
        carried: Parts that stand in the main module, in one loaded from a file, or within a function.
    """

    parts: dict[str, Part] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    packages: dict[str, None] = field(default_factory=dict)
    stale: dict[str, None] = field(default_factory=dict)
    altered: dict[str, list[str]] = field(default_factory=dict)
    carried: set[str] = field(default_factory=set)


class Ledger:
    """What a walk has found, kept in one place for all who look.

    Args:
        place: Of the model's own class or function.
        installed: Whether it counts with the rest of its package where it is installed, as a plugin's model does.
        code: The form of a callable or module.
    """

    def __init__(self, place: Place, code: Callable[[Any], Any], *, installed: bool) -> None:
        self.home = str(Path(place.file).parent) if place.file and Path(place.file).is_file() else None
        self.found = Reached()
        self.places: dict[str, Place] = {}
        """Label → module of which something counts."""
        self.later: deque[Callable[[], None]] = deque()
        """What is looked at when all that is loaded has been followed: names that only a source can tell."""
        self._labels = Labels(self.home)
        foreign = not installed and (place.file is None or is_installed(place.file)) and place.name != "__main__"
        self._whose = Whose("" if foreign else place.name)
        self.forms = Forms(code, self.is_users_class, {self.home} if self.home else set())
        self._names: dict[int, str] = {}
        self._kept: list[Any] = []  # so that no id is used again

    def keep(self, value: Any) -> None:
        """Keep a value alive, so that no other one gets its id."""
        self._kept.append(value)

    def is_known(self, thing: Any) -> bool:
        """Whether a thing has a name already."""
        return id(thing) in self._names

    def label_of(self, place: Place) -> str:
        """What a module is called."""
        return self._labels.of(place)

    def is_users(self, place: Place) -> bool:
        """Whether a module belongs to the project."""
        return self._whose.is_users(place.name, place.file)

    def is_users_class(self, cls: type) -> bool:
        """Whether a class belongs to the project."""
        return cls.__module__ != "builtins" and self.is_users(place_of(cls))

    def label(self, place: Place) -> str:
        """What a module is called, of which something counts: its source is kept."""
        label = self._labels.of(place)
        if label not in self.found.files and label != NOTEBOOK and place.text:
            self.found.files[label] = place.text.text
            self.places[label] = place
        return label

    def package(self, name: str) -> None:
        """Note the package of a module that the model uses."""
        first = top(name)
        if first and first not in sys.stdlib_module_names and first not in ("l2l", "__main__"):
            self.found.packages.setdefault(first)

    def named(self, kind: str, place: Place, qualname: str, thing: Any = None) -> str:
        """The name of a part, which is free."""
        if thing is not None and id(thing) in self._names:
            return self._names[id(thing)]
        wanted = f"{kind} {self.label(place)}:{qualname}"
        name, number = wanted, 1
        taken = set(self._names.values())
        while thing is not None and name in taken:
            number += 1
            name = f"{wanted} ({number})"
        if thing is not None:
            self._names[id(thing)] = name
            self._kept.append(thing)
        within = "<locals>" in str(getattr(thing, "__qualname__", ""))  # of a function, where nobody finds it by name
        if within or place.name == "__main__" or place.name.startswith(FILE_MODULE):
            self.found.carried.add(name)
        return name

    def extension(self, place: Place) -> None:
        """Count a compiled module of the project, by its file."""
        self.note(f"{place.name}: compiled code, of which the file alone can be compared")
        assert place.file is not None
        name = f"file {Path(place.file).name.partition('.')[0]} (compiled)"
        if name not in self.found.parts and Path(place.file).is_file():
            self.found.parts[name] = Part(digest_of_path(place.file), "")

    def form_or_note(self, value: Any, said: str) -> Any:
        """The form of a value; where it has none, its kind, and a note."""
        try:
            return self.forms.of(value)
        except NoForm as error:
            self.note(f"{said}: {error.kind}, which has no plain form")
            return {"$opaque": error.kind}

    def all_forms(self, values: Sequence[Any]) -> list[Any]:
        """The forms of values, or their kinds."""
        found: list[Any] = []
        for one in values:
            try:
                found.append(self.forms.of(one))
            except NoForm as error:
                found.append({"$opaque": error.kind})
        return found

    def compare(self, place: Place, name: str, value: Any, literal: Any) -> None:
        """Note a value that is not the one in the source: somebody changed it in this process, or the file since."""
        try:
            same = self.forms.of(value) == self.forms.of(literal)
        except NoForm:
            same = True
        if not same:
            said = f"{name} is {shown(value)} in this process and {shown(literal)} in the file"
            self.found.altered.setdefault(self.label(place), []).append(said)

    def note(self, text: str) -> None:
        """Say something once."""
        self.found.notes.setdefault(text)
