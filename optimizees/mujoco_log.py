"""What MuJoCo warns of, kept off the terminal and out of the current folder, where it would write MUJOCO_LOG.TXT."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from l2l.values import Trial

FILE = "MUJOCO_LOG.TXT"
"""As MuJoCo itself names it; here in the private folder of the trial."""


class MujocoLog:
    """Takes MuJoCo's warnings while an environment is open."""

    def __init__(self) -> None:
        self._messages: list[str] = []
        self._before: Any = None
        self._mujoco: Any = None

    @contextmanager
    def listening(self, gymnasium: Any, environment: str | None) -> Iterator[None]:
        """Listen from before the environment is made, if MuJoCo simulates it; stop where that fails."""
        entry = getattr(gymnasium.registry.get(environment), "entry_point", None)
        if isinstance(entry, str) and "mujoco" in entry:
            importlib.import_module(entry.partition(":")[0])
        self._start()
        try:
            yield
        except BaseException:
            self.stop()
            raise
        self._start()  # it may have been imported by the environment's own module

    def _start(self) -> None:
        mujoco = sys.modules.get("mujoco")
        if mujoco is None or self._mujoco is not None:
            return
        self._mujoco, self._before = mujoco, mujoco.get_mju_user_warning()
        mujoco.set_mju_user_warning(self._messages.append)

    def stop(self) -> None:
        """Leave warnings to whoever had them before."""
        if self._mujoco is not None:
            self._mujoco.set_mju_user_warning(self._before)
        self._mujoco = None

    def forget(self) -> None:
        """Forget what came before this trial."""
        self._messages.clear()

    @property
    def unstable(self) -> str:
        """The first warning that a simulation is unstable: MuJoCo resets it and goes on as if nothing had been."""
        return next((one for one in self._messages if "unstable" in one), "")

    def write(self, trial: Trial) -> None:
        """Write what came in this trial into its private folder."""
        if self._messages:
            (trial.directory / FILE).write_text("".join(f"WARNING: {one}\n" for one in self._messages))
