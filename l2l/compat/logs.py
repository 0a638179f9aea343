"""The other framework's set-up of loggers, as far as it does something here."""

import logging
from collections.abc import Sequence
from pathlib import Path

_levels: dict[str, str] = {}


def create_shared_logger_data(
    logger_names: Sequence[str],
    log_levels: Sequence[str],
    log_to_consoles: Sequence[bool] = (),
    sim_name: str = "",
    log_directory: str | Path = "",
) -> None:
    """Say which loggers `configure_loggers` sets to which levels; what ran stands in the run's folder."""
    _levels.update(zip(logger_names, log_levels, strict=True))


def configure_loggers(exactly_once: bool = False) -> None:
    """Set the levels."""
    for name, level in _levels.items():
        logging.getLogger(name).setLevel(level)
