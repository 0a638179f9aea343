import doctest
import importlib
import subprocess
import sys

import pytest

import l2l.optimizers


@pytest.mark.parametrize(
    ("statement", "loaded"),
    [
        ("import l2l.optimizers", set()),
        ("from l2l.optimizers import RandomSearch, GridSearch", set()),
        ("from l2l.optimizers import CMAES, GeneticAlgorithm", set()),
        ("import l2l; from l2l.optimizers import CMAES as C; C(l2l.ParameterSpace(x=l2l.Real(0, 1)))", {"cma"}),
    ],
)
def test_a_library_is_imported_with_the_optimizer_that_needs_it(statement: str, loaded: set[str]) -> None:
    program = f"{statement}\nimport sys\nprint(*sorted({{'cma', 'deap'}} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(result.stdout.split()) == loaded


def test_every_name_is_there() -> None:
    for name in l2l.optimizers.__all__:
        assert getattr(l2l.optimizers, name).__name__ == name
        assert name in dir(l2l.optimizers)


def test_a_wrong_name_says_what_there_is() -> None:
    with pytest.raises(AttributeError, match="GridSearch"):
        l2l.optimizers.Simplex  # noqa: B018


@pytest.mark.parametrize(
    "module",
    [
        "random",
        "grid",
        "cma_es",
        "genetic_algorithm",
        "fence",
        "refine",
        "key_table",
        "sobol",
        "latin_hypercube",
        "cross_entropy",
        "face",
        "evolution_strategies",
        "natural_evolution_strategies",
        "differential_evolution",
        "nsga2",
        "nsga3",
        "islands",
        "simulated_annealing",
        "parallel_tempering",
        "gradient_descent",
        "ensemble_kalman",
        "tpe",
        "gaussian_process",
    ],
)
def test_examples_in_docstrings_are_right(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"l2l.optimizers.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
