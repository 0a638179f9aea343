"""Modules that a function imports only when it is called: read from their sources, without importing them."""

import ast
from typing import Any

from l2l.provenance.forms import shown
from l2l.provenance.ledger import Ledger, Part
from l2l.provenance.literals import literals_of
from l2l.provenance.modules import Place, absolute, found, top
from l2l.provenance.syntax import Import, bindings_at_top, meaning, uses_of


class Sources:
    """Reaches what names mean in modules that may not be loaded.

    Args:
        ledger: Where it is noted what was found.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._seen: set[tuple[Any, str]] = set()

    def follow_import(self, place: Place, one: Import) -> None:
        """Reach, when all that is loaded has been followed, what an import brings."""

        def later() -> None:
            target = found(absolute(one.module, one.level, place.package))
            if target is None:
                return
            if not self._ledger.is_users(target) and not (target.file is None and _is_namespace(target)):
                self._ledger.package(target.name)
            elif one.name:
                self.read(target, (one.name, *one.chain[1:]))
            elif len(one.chain) > 1:
                self.read(target, one.chain[1:])
            elif one.chain:
                self.read_all(target)

        self._ledger.later.append(later)

    def read_all(self, place: Place) -> None:
        """Reach all that a module defines."""
        if place.text is None:
            return
        for name, statements in bindings_at_top(place.text.tree).items():
            if not any(isinstance(one, ast.Import | ast.ImportFrom) for one in statements):
                self.read(place, (name,))

    def read(self, place: Place, chain: tuple[str, ...]) -> None:
        """Reach what a dotted name means in a module, from its source alone."""
        name, rest = chain[0], chain[1:]
        if (place.key, name) in self._seen and not rest:
            return
        if place.text is None:
            if place.file and not place.file.endswith(".py"):
                self._ledger.extension(place)
            elif (sub := found(f"{place.name}.{name}")) is not None and rest:
                self.read(sub, rest)
            return
        statements = bindings_at_top(place.text.tree).get(name, [])
        if not statements:
            self._read_elsewhere(place, chain)
            return
        kept = [one for one in statements if not isinstance(one, ast.Import | ast.ImportFrom)]
        for statement in statements:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self._read_import(place, statement, chain)
        if kept and (place.key, name) not in self._seen:
            self._seen.add((place.key, name))
            self._add(place, name, kept)

    def _read_import(self, place: Place, statement: ast.Import | ast.ImportFrom, chain: tuple[str, ...]) -> None:
        for one in statement.names:
            bound = one.asname or (one.name if isinstance(statement, ast.ImportFrom) else top(one.name))
            if bound != chain[0]:
                continue
            if isinstance(statement, ast.Import):
                self.follow_import(place, Import(one.name if one.asname else bound, 0, "", chain))
            else:
                self.follow_import(place, Import(statement.module or "", statement.level, one.name, chain))

    def _read_elsewhere(self, place: Place, chain: tuple[str, ...]) -> None:
        """A name that a module takes from others by `*`, or that is a module within a package."""
        assert place.text is not None
        for statement in place.text.tree.body:
            if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
                target = found(absolute(statement.module or "", statement.level, place.package))
                if target is None:
                    continue
                if not self._ledger.is_users(target):
                    self._ledger.package(target.name)
                elif (target.key, f"*{chain[0]}") not in self._seen:  # stars may stand in a circle
                    self._seen.add((target.key, f"*{chain[0]}"))
                    self.read(target, chain)
        if chain[0] != "__getattr__" and "__getattr__" in bindings_at_top(place.text.tree):
            self.read(place, ("__getattr__",))
        sub = found(f"{place.name}.{chain[0]}") if place.spec and place.spec.submodule_search_locations else None
        if sub is not None and self._ledger.is_users(sub):
            self.read(sub, chain[1:]) if chain[1:] else self.read_all(sub)

    def _add(self, place: Place, name: str, statements: list[ast.stmt]) -> None:
        assert place.text is not None
        last = statements[-1]
        kind = (
            "class"
            if isinstance(last, ast.ClassDef)
            else "function"
            if isinstance(last, ast.FunctionDef | ast.AsyncFunctionDef)
            else "constant"
        )
        part = self._ledger.named(kind, place, name)
        if part in self._ledger.found.parts:
            return
        form: Any = {"code": meaning(list(statements))}
        text = "".join(place.text.segment(one) for one in statements)
        literals = literals_of(statements)
        if name in literals and name in place.names:
            before = len(self._ledger.found.altered.get(self._ledger.label(place), []))
            self._ledger.compare(place, name, place.names[name], literals[name])
            if len(self._ledger.found.altered.get(self._ledger.label(place), [])) > before:
                form, text = self._ledger.forms.of(place.names[name]), f"{name} = {shown(place.names[name])}\n"
        self._ledger.found.parts[part] = Part(form, text)
        uses = uses_of(statements, module=True)
        for one in uses.unknown:
            self._ledger.note(f"{part.partition(' ')[2]}: {one}")
        for chain in uses.chains:
            if chain[0] != name:
                self._ledger.later.append(lambda c=chain: self.read(place, c))  # type: ignore[misc]
        for each in uses.imports:
            self.follow_import(place, each)


def _is_namespace(place: Place) -> bool:
    """Whether a module is nothing but a folder of packages."""
    spec = place.spec
    return spec is not None and spec.origin is None and spec.submodule_search_locations is not None
