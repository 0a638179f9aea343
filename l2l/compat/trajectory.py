"""What the other framework's optimizees and scripts see of a run: `traj`, `traj.individual`, groups."""

import copy
from collections.abc import Mapping
from typing import Any

from l2l.compat.containers import sdictm

_INDIVIDUAL = "individual."
"""What stands before the names of an individual's parameters."""


class ParameterGroup:
    """Parameters under a common name."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}

    def f_add_parameter(self, key: str, val: Any, comment: str = "") -> None:
        """Set a parameter."""
        self.params[key] = val

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "params" not in self.__dict__:  # asked by copy and pickle
            raise AttributeError(name)
        return self.params.get(name)

    def __getitem__(self, key: str) -> Any:
        return self.__getattr__(key)

    def __repr__(self) -> str:
        return repr(self.params)


class Individual(ParameterGroup):
    """One individual: its parameters are attributes, and any other attribute is None.

    Args:
        generation: Of it.
        ind_idx: Its place in the generation.
        params: Name → value.
        fitness: What came of it, one number per objective; () before.
    """

    def __init__(
        self,
        generation: int = 0,
        ind_idx: int = 0,
        params: Mapping[str, Any] | None = None,
        fitness: tuple[float, ...] = (),
    ) -> None:
        super().__init__()
        self.generation = generation
        self.ind_idx = ind_idx
        self.fitness = fitness
        for name, value in (params or {}).items():
            self.params[f"{_INDIVIDUAL}{name}"] = value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "params" not in self.__dict__:
            raise AttributeError(name)
        if name == "keys":
            return self.params.keys()
        found = self.params.get(f"{_INDIVIDUAL}{name}")
        return self.params.get(name) if found is None else found  # added by `f_add_parameter` without the prefix


class ResultGroup(sdictm):
    """Results under a common name; a dot in a key names a group within."""

    def __init__(self, obj: Mapping[str, Any] | None = None) -> None:
        super().__init__(obj or {})

    def f_add_result_group(self, name: str, comment: str = "") -> None:
        """Begin a group."""
        self._data[name] = ResultGroup()

    def f_add_result(self, key: Any, val: Any, comment: str = "") -> None:
        """Set a result, in a group where the key has a dot."""
        group, dot, rest = str(key).partition(".")
        if dot:
            self.f_add_result_to_group(group, rest, val)
        else:
            self._data[key] = val

    def f_add_result_to_group(self, group_name: str, key: Any, val: Any, comment: str = "") -> None:
        """Set a result in a group that was begun."""
        if not isinstance(self._data.get(group_name), ResultGroup):
            raise KeyError(f"there is no group of results {group_name!r}")
        self._data[group_name].f_add_result(key, val)


class ParameterDict(sdictm):
    """All parameters of a trajectory; one that is missing is None."""

    def __init__(self, obj: Any = None) -> None:
        super().__init__(obj if isinstance(obj, Mapping) else {})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_data" not in self.__dict__:
            raise AttributeError(name)
        found: Any = self._data
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else getattr(found, part, None)
        return found

    def __getitem__(self, key: str) -> Any:
        return self.__getattr__(key)

    def __deepcopy__(self, memo: dict[int, Any]) -> "ParameterDict":
        copied = ParameterDict()
        copied._data.update(copy.deepcopy(self._data, memo))
        return copied


class Trajectory:
    """What an optimizee gets in place of our trial, and a script to look at after the run.

    Args:
        name: Of the run.
        settings: Anything else that a script gives.
    """

    def __init__(self, name: str = "trajectory", **settings: Any) -> None:
        self._name = name
        self._parameters = ParameterDict()
        self.individual = Individual()
        self.individuals: dict[int, list[Individual]] = {}
        """Generation → individuals; filled by the run, and never erased."""
        self.results = ResultGroup()
        self.results.f_add_result_group("all_results")
        self.current_results: Any = []
        self.v_idx = 0
        self.is_loaded = False
        self.hall_of_fame: Any = None
        self.retry = 0
        self.inner_params = 1
        self.debug = bool(settings.get("debug"))
        self.stop_run = bool(settings.get("stop_run"))
        self.timeout = bool(settings.get("timeout"))

    @property
    def par(self) -> ParameterDict:
        """All parameters."""
        return self._parameters

    parameters = par

    def f_add_parameter_group(self, name: str, comment: str = "") -> None:
        """Begin a group of parameters."""
        if name not in self._parameters:
            self._parameters[name] = ParameterGroup()

    def f_add_parameter_to_group(self, group_name: str, key: str, val: Any) -> None:
        """Set a parameter in a group that was begun."""
        if group_name not in self._parameters:
            raise KeyError(f"there is no group of parameters {group_name!r}")
        self._parameters[group_name].f_add_parameter(key, val)

    def f_add_parameter(self, key: str, val: Any, comment: str = "") -> None:
        """Set a parameter."""
        self._parameters[key] = val

    f_add_derived_parameter = f_add_parameter

    def f_add_result(self, key: str, val: Any, comment: str = "") -> None:
        """Set a result."""
        if "." in key and key.partition(".")[0] not in self.results:
            self.results[key] = val  # a name such as "$set.$.fitness" stands for itself
        else:
            self.results.f_add_result(key, val)

    def f_expand(self, build_dict: Mapping[str, Any], fail_safe: bool = True) -> None:
        """Begin a generation of individuals, each a place in the lists of a dictionary."""
        names = [name for name in build_dict if name not in ("generation", "ind_idx")]
        generation = next(iter(build_dict["generation"]))
        self.individuals[generation] = [
            Individual(generation, place, {name.removeprefix(_INDIVIDUAL): build_dict[name][place] for name in names})
            for place in build_dict["ind_idx"]
        ]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_parameters" not in self.__dict__:
            raise AttributeError(name)
        return self._parameters[name]

    def __getitem__(self, key: str) -> Any:
        return getattr(self, key)

    def __str__(self) -> str:
        return str(self._parameters)
