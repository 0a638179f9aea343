import subprocess
import sys
from importlib import import_module

import pytest

import l2l


@pytest.mark.parametrize("name", l2l.__all__)
def test_every_public_name_is_there(name: str) -> None:
    found = getattr(l2l, name)
    assert getattr(import_module(found.__module__), found.__name__) is found
    assert name in dir(l2l)


def test_every_public_name_can_be_imported_first() -> None:
    """Each in whatever order: none needs another to have been looked at."""
    script = "\n".join(f"from l2l import {name}; assert {name}" for name in reversed(l2l.__all__))
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_name_that_is_not_there_is_an_error_as_of_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'l2l' has no attribute 'Experimnt'"):
        l2l.Experimnt  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Experimnt' from 'l2l'"):
        from l2l import Experimnt  # noqa: F401


def test_the_decorator_stays_the_decorator_whatever_is_imported() -> None:
    script = "import l2l, l2l.optimizee, l2l.registry, l2l.config; assert callable(l2l.optimizee), l2l.optimizee"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_star_brings_the_public_names() -> None:
    script = "from l2l import *; import l2l; assert all(name in globals() for name in l2l.__all__)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    assert l2l.__version__ == version("l2l")


def test_declaring_a_model_imports_nothing_heavy() -> None:
    script = """
import sys, l2l
@l2l.optimizee(space=l2l.ParameterSpace(x=l2l.Real(0.0, 1.0)), objectives=l2l.Minimize("error"))
def model(individual):
    return individual["x"]
heavy = {"h5py", "scipy", "cma", "deap", "rich", "pandas", "xarray", "yaml", "psutil", "mpi4py", "multiprocessing"}
print(*sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
