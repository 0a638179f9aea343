"""How to build an optimizee in another process."""

import ast
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from l2l.errors import OptionError
from l2l.optimizee import Optimizee
from l2l.plugin import Reference, from_plain, to_plain
from l2l.provenance.carried import carried, landed
from l2l.provenance.fingerprint import Fingerprint, fingerprint
from l2l.provenance.modules import text_of
from l2l.provenance.syntax import bindings_at_top


@dataclass(frozen=True, slots=True)
class Specification:
    """How to build an optimizee in another process.

    Args:
        reference: Of its class or decorated function; None where it goes by value.
        options: As `to_plain` writes them exactly.
        value: The optimizee itself, where other processes cannot find its code.
    """

    reference: Reference | None
    options: Mapping[str, object]
    value: bytes = field(default=b"", repr=False)

    def build(self) -> Optimizee:
        """The optimizee.

        Raises:
            NotFoundError: The code is not there.
            OptionError: It is no optimizee any more.
            Exception: What importing it raised.
        """
        if self.reference is None:
            return landed(self.value)
        code = self.reference.load()
        if isinstance(code, Optimizee):
            return code
        if not isinstance(code, type) or not issubclass(code, Optimizee):
            raise OptionError(f"{self.reference.text()}: expected an optimizee, got {code!r}")
        return code(**from_plain(self.options))

    def compared(self, of: Fingerprint) -> dict[str, str]:
        """The parts of a fingerprint that may be others in another process: not those that go there by value."""
        if self.reference is not None:
            return dict(of.parts)
        return {name: digest for name, digest in of.parts.items() if name not in of.carried}

    def differences(self, parts: Mapping[str, str], built: Optimizee) -> list[str]:
        """What of an optimizee is another here than where it came from, in words.

        Args:
            parts: As `compared` has them there.
            built: What `build` made here.
        """
        here = fingerprint(built)
        now = self.compared(here)
        # What came by value is counted here too, since a copy of a class no longer says that it stood in a function.
        compared = {*parts, *now} if self.reference is not None else {*parts}
        names = [name for name in sorted(compared) if parts.get(name) != now.get(name)]
        shown = {name: here.texts.get(name, "").strip() for name in names if name.startswith("constant ")}
        return [f"{name} (there: {shown[name]})" if shown.get(name) else name for name in names]


def findable(optimizee: Optimizee) -> Reference:
    """Where other processes find an optimizee.

    Raises:
        OptionError: Nowhere.
    """
    reference = optimizee.reference
    if _is_only_of_main(reference):
        raise OptionError(f'{reference.qualname} is defined under `if __name__ == "__main__":` alone')
    return reference


def _is_only_of_main(reference: Reference) -> bool:
    """Whether a name of the main script is bound only where it runs as a script, so that nobody else has it."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if not reference.is_file or not main or os.path.abspath(main) != reference.place:
        return False
    text = text_of(reference.place)
    if text is None:
        return False
    stars = any(isinstance(one, ast.ImportFrom) and one.names[0].name == "*" for one in text.tree.body)
    return not stars and reference.qualname.partition(".")[0] not in bindings_at_top(text.tree)


def specification(optimizee: Optimizee) -> Specification:
    """How to build this optimizee elsewhere: by its name where it has one that others find, else by value.

    Raises:
        OptionError: Another process could not find its code, and it cannot be sent.
    """
    try:
        return Specification(findable(optimizee), to_plain(optimizee.options, exact=True))
    except OptionError as error:
        unfound = str(error)
    try:
        return Specification(None, {}, carried(optimizee))
    except OptionError as error:
        raise OptionError(f"{unfound}; {error}") from None
