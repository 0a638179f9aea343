import doctest
import importlib
import subprocess
import sys

import pytest

import l2l.optimizees


@pytest.mark.parametrize("name", ["BalancedNetwork", "Command", "GymnasiumOptimizee", "TestFunction"])
def test_a_simulator_is_imported_by_setup_only(name: str) -> None:
    program = f"import sys; from l2l.optimizees import {name}; print({{'nest', 'gymnasium'}} & {{*sys.modules}})"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_every_name_is_there() -> None:
    for name in l2l.optimizees.__all__:
        assert getattr(l2l.optimizees, name).__name__ == name
        assert name in dir(l2l.optimizees)


def test_a_wrong_name_says_what_there_is() -> None:
    with pytest.raises(AttributeError, match=", ".join(l2l.optimizees.__all__)):
        l2l.optimizees.Network  # noqa: B018


@pytest.mark.parametrize(
    "module",
    [
        "function",
        "command",
        "nest",
        "nest_balanced_network",
        "nest_reservoir",
        "nest_structural_plasticity",
        "gymnasium",
        "policy",
        "nest_policy",
        "learning",
        "learning_sinusoids",
        "nest_plasticity",
        "netlogo_file",
        "arbor",
        "neuron",
        "tvb",
        "features",
        "morphology",
    ],
)
def test_examples_in_docstrings_are_right(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"l2l.optimizees.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
