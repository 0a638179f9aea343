"""Folders of results, as the other framework's scripts name them; each is made when it is asked for."""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from l2l.errors import NotFoundError


def order_dict_alphabetically(d: Mapping[str, Any]) -> dict[str, Any]:
    """The same in the order of its keys."""
    return {key: d[key] for key in sorted(d)}


def make_param_string(delimiter: str = "-", **values: Any) -> str:
    """`name-value-name-value`, in the order of the names."""
    parts = []
    for key in sorted(values):
        value = values[key]
        parts += [key.replace("_", delimiter), f"{value:.2f}" if isinstance(value, float) else str(value)]
    return delimiter.join(parts)


def dict_product(dicts: Mapping[str, Iterable[Any]]) -> Iterable[dict[str, Any]]:
    """All combinations of lists of values."""
    return (dict(zip(dicts, values, strict=True)) for values in itertools.product(*dicts.values()))


class Paths:
    """The folders of one run.

    Args:
        root_dir_name: Name of the run.
        param_dict: What tells it from others of the name; a part of the folder's name.
        suffix: Of files' names.
        root_dir_path: The folder of all runs, which exists.

    Raises:
        NotFoundError: There is no such folder.
    """

    def __init__(
        self,
        root_dir_name: str,
        param_dict: Mapping[str, Any],
        suffix: str = "",
        root_dir_path: str | Path = "./results",
    ) -> None:
        if not Path(root_dir_path).is_dir():
            raise NotFoundError(f"there is no folder {root_dir_path}; make it first")
        self._root = Path(root_dir_path) / root_dir_name
        self._suffix = suffix
        self._parameters = order_dict_alphabetically(param_dict)

    @property
    def root_dir_path(self) -> str:
        """The folder of the name."""
        return str(self._root)

    @property
    def output_dir_path(self) -> str:
        """The run's folder."""
        return str(self._root / make_param_string(**self._parameters))

    def _made(self, name: str) -> str:
        folder = Path(self.output_dir_path, name)
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)

    @property
    def results_path(self) -> str:
        """For results of the script."""
        return self._made("results")

    @property
    def simulation_path(self) -> str:
        """For what simulations write."""
        return self._made("simulation")

    @property
    def data_path(self) -> str:
        """For data."""
        return self._made("data")

    @property
    def logs_path(self) -> str:
        """For logs."""
        return self._made("logs")

    def get_fpath(self, name: str, ext: str, **values: Any) -> str:
        """A file among the results, named after the parameters."""
        text = make_param_string(**{**self._parameters, **values})
        return str(Path(self.results_path, f"{name}-{text}{self._suffix}.{ext}"))


class PathsMap:
    """The folders of many runs, one per combination of parameters.

    Args:
        param_lists: Name → values.
        args_name: Name of the runs.
        n_networks: Runs of each combination.
        suffix: Of files' names.
        root_dir_path: The folder of all runs, which exists.
    """

    def __init__(
        self,
        param_lists: Mapping[str, Iterable[Any]],
        args_name: str,
        n_networks: int,
        suffix: str,
        root_dir_path: str | Path = "./results",
    ) -> None:
        self.param_lists = {**param_lists, "network_num": range(n_networks)}
        self.paths_map = {
            tuple(sorted(one.items())): Paths(args_name, one, suffix, root_dir_path)
            for one in dict_product(self.param_lists)
        }

    @property
    def paths_list(self) -> list[Paths]:
        """All of them."""
        return list(self.paths_map.values())

    def get(self, **values: Any) -> Paths:
        """Those of one combination."""
        return self.paths_map[tuple(sorted(values.items()))]

    def filter(self, **values: Any) -> list[Paths]:
        """Those with these values."""
        return [paths for key, paths in self.paths_map.items() if values.items() <= dict(key).items()]
