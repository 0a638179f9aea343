import builtins
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import l2l
from l2l.compat import names, upstream
from l2l.errors import NotFoundError
from tests.l2l.compat.models import BOWL, beside


def test_upstream_names_are_shims_within_and_ours_are_ours_outside() -> None:
    before, modules = builtins.__import__, {name for name in sys.modules if name.startswith("l2l")}
    with upstream():
        from l2l import sdict
        from l2l.logging_tools import configure_loggers
        from l2l.optimizees.optimizee import Optimizee
        from l2l.optimizers.face import FACEOptimizer  # type: ignore[attr-defined]
        from l2l.utils.environment import Environment
        from l2l.utils.experiment import Experiment
    assert {
        one.__module__.rpartition(".")[0] for one in (sdict, Optimizee, FACEOptimizer, Environment, Experiment)
    } == {"l2l.compat"}
    assert configure_loggers() is None
    assert builtins.__import__ is before
    new = {name for name in sys.modules if name.startswith("l2l")} - modules
    assert all(name.startswith(("l2l.compat", "l2l.")) and not name.startswith("l2l.utils") for name in new)
    from l2l import Experiment as Ours
    from l2l.optimizers.face import FACE

    assert Ours is l2l.Experiment
    assert FACE.__module__ == "l2l.optimizers.face"
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("l2l.utils.experiment")


@pytest.mark.parametrize("below", sorted(names.MODULES))
def test_every_name_that_is_said_to_be_there_is_there(below: str) -> None:
    module = importlib.import_module(f"{names.ROOT}.{below}" if below else names.ROOT)
    assert all(hasattr(module, name) for name in names.MODULES[below][1])


def test_what_has_no_shim_says_how_to_get_it() -> None:
    with upstream(), pytest.raises(ModuleNotFoundError, match=r"no shim for it; .*upstream\(FOLDER\)"):
        import l2l.optimizees.functions  # type: ignore[import-not-found]  # noqa: F401


def test_a_file_may_use_both_packages(tmp_path: Path) -> None:
    text = "from l2l import Real, sdict\nfrom l2l.space import Integer\nimport l2l.paths\npaths = l2l.paths.Paths\n"
    with beside(tmp_path, both=text):
        with upstream():
            both = importlib.import_module("both")
        assert both.Real is l2l.Real
        assert both.Integer is l2l.Integer
        assert both.paths.__module__ == "l2l.compat.paths"


def test_a_package_with_relative_imports_is_theirs_too(tmp_path: Path) -> None:
    package = tmp_path / "their_package"
    package.mkdir()
    (package / "__init__.py").write_text("from .bowl import BowlOptimizee\n")
    (package / "bowl.py").write_text(BOWL)
    with beside(tmp_path):
        with upstream():
            from their_package import BowlOptimizee  # type: ignore[import-not-found]
        assert BowlOptimizee.__mro__[1].__module__ == "l2l.compat.optimizee"


def test_a_copy_of_the_repository_gives_what_it_ships(tmp_path: Path) -> None:
    shipped = tmp_path / "copy" / "l2l" / "optimizees" / "bowls"
    shipped.mkdir(parents=True)
    (shipped / "__init__.py").write_text("from .optimizee import BowlOptimizee\n")
    (shipped / "optimizee.py").write_text(BOWL)
    with upstream(tmp_path / "copy"):
        from l2l.optimizees.bowls import BowlOptimizee  # type: ignore[import-not-found]
    assert BowlOptimizee.__module__ == f"{names.ROOT}.optimizees.bowls.optimizee"
    bare = shipped.parent / "holes"  # several of those that it ships have no __init__.py
    bare.mkdir()
    (bare / "optimizee.py").write_text(BOWL)
    with upstream(tmp_path / "copy"):
        from l2l.optimizees.holes.optimizee import BowlOptimizee as Hole  # type: ignore[import-not-found]
    assert Hole.__module__ == f"{names.ROOT}.optimizees.holes.optimizee"
    with pytest.raises(NotFoundError, match="expected a copy of the repository"), upstream(tmp_path):
        pass


def test_a_failing_block_leaves_imports_as_they_were() -> None:
    before, finders = builtins.__import__, list(sys.meta_path)
    with pytest.raises(RuntimeError, match="theirs"), upstream():
        raise RuntimeError("theirs")
    assert builtins.__import__ is before
    assert sys.meta_path == finders


def test_the_room_comes_with_the_package_and_costs_nothing_before() -> None:
    script = "import sys, l2l; assert 'l2l.compat' not in sys.modules; l2l.compat.upstream; l2l.compat.wrap"
    subprocess.run([sys.executable, "-c", script], check=True)
