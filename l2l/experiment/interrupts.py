"""Ctrl-C and the batch system's signals, noted and not obeyed on the spot."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

_CLEAN = {"SIGINT": "Ctrl-C", "SIGTERM": "SIGTERM", "SIGUSR1": "SIGUSR1", "SIGHUP": "SIGHUP"}


class Held:
    """While entered, an interruption waits; may be entered again within."""

    __slots__ = ("_depth", "_waits")

    def __init__(self) -> None:
        self._depth = 0
        self._waits = False

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, kind: object, *_: object) -> None:
        self._depth -= 1
        if self._waits and not self._depth:
            self._waits = False
            if kind is None:  # else what was raised says enough
                raise KeyboardInterrupt

    def interrupt(self) -> None:
        """Raise now, or where it is left.

        Raises:
            KeyboardInterrupt: It is not entered.
        """
        if not self._depth:
            raise KeyboardInterrupt
        self._waits = True


class Interrupts:
    """While entered, notes the first of these signals; a second SIGINT raises at once. What an outer one noted counts.

    SIGHUP comes where a terminal closes, and is left alone where `nohup` has it ignored. Outside the main thread all
    are left alone.

    Example:
        >>> with Interrupts() as interrupts:
        ...     while not interrupts.reason:
        ...         with interrupts.held:
        ...             write_down(results)
    """

    def __init__(self) -> None:
        self.received: str | None = None
        self._before: dict[int, Any] = {}
        self._raises = False
        self.held = Held()
        """Entered where something must be done whole: a second SIGINT raises behind it."""

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for name in _CLEAN:
                number = getattr(signal, name, None)
                if number is not None and not (name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN):
                    self._before[number] = signal.signal(number, self._note)
                    outer = getattr(self._before[number], "__self__", None)
                    if isinstance(outer, Interrupts):
                        self.received = self.received or outer.received
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self.received is not None and name == "SIGINT":
            self.held.interrupt()
            return
        self.received = self.received or name
        self._check()

    def _check(self) -> None:
        if self._raises and self.reason:
            raise KeyboardInterrupt(self.reason)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within, nothing is lost by stopping where it is: signals raise.

        Raises:
            KeyboardInterrupt: With the reason, also for one that came before.
        """
        self._raises = True
        try:
            self._check()
            yield
        finally:
            self._raises = False

    @property
    def reason(self) -> str | None:
        """What was received, in words; None while nothing was."""
        return _CLEAN[self.received] if self.received else None
