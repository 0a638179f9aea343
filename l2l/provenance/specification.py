"""How to build an optimizee in another process."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from l2l.errors import OptionError
from l2l.optimizee import Optimizee
from l2l.plugin import Reference, from_plain, to_plain


@dataclass(frozen=True, slots=True)
class Specification:
    """How to build an optimizee in another process, as plain data.

    Args:
        reference: Of its class or decorated function.
        options: As `to_plain` writes them exactly.
    """

    reference: Reference
    options: Mapping[str, Any]

    def build(self) -> Optimizee:
        """The optimizee.

        Raises:
            NotFoundError: The code is not there.
            OptionError: It is no optimizee any more.
            Exception: What importing it raised.
        """
        code = self.reference.load()
        if isinstance(code, Optimizee):
            return code
        if not isinstance(code, type) or not issubclass(code, Optimizee):
            raise OptionError(f"{self.reference.text()}: expected an optimizee, got {code!r}")
        return code(**from_plain(self.options))


def specification(optimizee: Optimizee) -> Specification:
    """How to build this optimizee elsewhere.

    Raises:
        OptionError: Another process could not find its code.
    """
    return Specification(optimizee.reference, to_plain(optimizee.options, exact=True))
