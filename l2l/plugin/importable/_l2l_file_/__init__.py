"""Modules that were loaded from files, for the processes that a model starts: `_l2l_file_.<stem>_<hash>`.

A function travels to a process of `multiprocessing`, loky or another pool as the names of its module and its own. The
module's name brings that process here. Which file it means stands in the environment, which the process inherits.
The standard library is all that is needed: the process may be one in which l2l is not installed.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

FILES = "L2L_FILE_MODULES"
"""The environment variable with the names of modules and their files, as JSON."""


class Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of this package."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Where such a module stands; None for all other names."""
        if not name.startswith(f"{__name__}."):
            return None
        file = json.loads(os.environ.get(FILES, "{}")).get(name)
        if file is None or not Path(file).is_file():
            return None
        folder = str(Path(file).parent)
        if folder not in sys.path:  # as where the model was loaded first: behind the standard library
            library = Path(os.__file__).parent
            standard = [at for at, one in enumerate(sys.path) if Path(one) in (library, library / "lib-dynload")]
            sys.path.insert(max(standard, default=-1) + 1, folder)
        return importlib.util.spec_from_file_location(name, file)


sys.meta_path.append(Finder())
