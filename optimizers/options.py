"""Checks that the options of several optimizers share."""

from l2l.errors import OptionError


def at_least(optimizer: object, name: str, value: int | None, least: int) -> None:
    """Refuse a number below the least that makes sense.

    Args:
        optimizer: Whose option it is, for the message.
        name: Of the option.
        value: What the user gave; None passes.
        least: The smallest number allowed.

    Raises:
        OptionError: Names option, expected and got.
    """
    if value is not None and value < least:
        raise OptionError(f"{type(optimizer).__name__}: option {name!r}: expected {least} or more, got {value!r}")


def within(optimizer: object, name: str, value: float, low: float, high: float, *, above: bool = False) -> None:
    """Refuse a number outside [low, high], or outside (low, high] where it has to lie above `low`.

    Raises:
        OptionError: Names option, expected and got.
    """
    if not (low < value if above else low <= value) or not value <= high:
        least = f"above {low:g}" if above else f"{low:g} or more"
        raise OptionError(
            f"{type(optimizer).__name__}: option {name!r}: expected {least} and at most {high:g}, got {value!r}"
        )
