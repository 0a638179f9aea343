"""A second MPI for the tests: MPICH beside the Open MPI of this environment."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mpich() -> tuple[Path, dict[str, str]]:
    """MPICH's `mpiexec`, and the variables under which mpi4py takes MPICH.

    It stands in an environment of its own, since the wheels of two MPIs overwrite each other's programs.
    """
    place = os.environ.get("L2L_TEST_MPICH")
    if not place:
        pytest.skip("MPICH is not here: install its wheel into an environment of its own, named by L2L_TEST_MPICH")
    folder = Path(place).absolute()
    mpiexec = folder / "bin/mpiexec"
    assert mpiexec.exists(), f"L2L_TEST_MPICH: expected an environment with MPICH's wheel, got {folder}"
    return mpiexec, {"LD_LIBRARY_PATH": str(folder / "lib"), "MPI4PY_MPIABI": "mpich", "MPIR_CVAR_CH4_NETMOD": "ofi"}
