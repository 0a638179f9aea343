"""What MuJoCo warns of, kept off the terminal and out of the current folder, where it would write MUJOCO_LOG.TXT."""

import importlib
import sys
from collections.abc import Callable
from typing import Any

from l2l.values import Trial

FILE = "MUJOCO_LOG.TXT"
"""As MuJoCo itself names it; here in the private folder of the trial."""


class MujocoLog:
    """Takes MuJoCo's warnings while an environment that it simulates is open."""

    def __init__(self) -> None:
        self._messages: list[str] = []
        self._before: Any = None
        self._mujoco: Any = None

    def made(self, make: Callable[[], Any], spec: Any) -> Any:
        """An environment, made while MuJoCo's warnings are taken: it has some for models that it reads.

        Args:
            make: Makes it.
            spec: Gymnasium's entry for it, or None; tells which module to import before.
        """
        entry = getattr(spec, "entry_point", None)
        if isinstance(entry, str):
            importlib.import_module(entry.partition(":")[0])
        self._start()
        try:
            env = make()
            self._start()  # it may have been imported only now
        except BaseException:
            self.stop()
            raise
        if self._mujoco is not None and not isinstance(getattr(env.unwrapped, "model", None), self._mujoco.MjModel):
            self.stop()
        return env

    def _start(self) -> None:
        mujoco = sys.modules.get("mujoco")
        if mujoco is not None and self._mujoco is None:
            self._mujoco, self._before = mujoco, mujoco.get_mju_user_warning()
            mujoco.set_mju_user_warning(self._messages.append)

    def stop(self) -> None:
        """Leave warnings to whoever had them before."""
        if self._mujoco is not None:
            self._mujoco.set_mju_user_warning(self._before)
        self._mujoco = None

    def forget(self) -> None:
        """Forget what came before this trial, and listen where another environment has listened since."""
        self._messages.clear()
        if self._mujoco is not None:
            self._mujoco.set_mju_user_warning(self._messages.append)

    @property
    def unstable(self) -> str:
        """The first warning that a simulation is unstable: MuJoCo resets it and goes on as if nothing had been."""
        return next((one for one in self._messages if "unstable" in one), "")

    def write(self, trial: Trial) -> None:
        """Write what came in this trial into its private folder."""
        if self._messages:
            (trial.directory / FILE).write_text("".join(f"WARNING: {one}\n" for one in self._messages))
