import importlib.metadata
import subprocess
import sys

HEAVY = {"arbor", "cma", "deap", "gymnasium", "h5py", "mpi4py", "nest", "pandas", "pyarrow", "rich", "scipy", "xarray"}


def _modules_after(statement: str) -> set[str]:
    script = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return set(printed.split())


def test_import_l2l_imports_nothing_heavy() -> None:
    assert not _modules_after("import l2l") & HEAVY


def test_importing_all_plugins_imports_no_simulator_and_no_optimizer_library() -> None:
    imported = _modules_after("import l2l.optimizers, l2l.optimizees, l2l.launchers")
    assert not imported & {"arbor", "cma", "deap", "gymnasium", "mpi4py", "nest"}


def test_every_registered_plugin_can_be_loaded() -> None:
    for group in ("l2l.optimizers", "l2l.optimizees", "l2l.launchers"):
        entries = [one for one in importlib.metadata.entry_points(group=group) if one.value.startswith("l2l.")]
        assert entries
        for entry in entries:
            assert entry.load().__module__ == entry.module
