"""What all tests share: the slow suite, skips that count as failures in CI, and a working directory of their own."""

import os
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

from tests.chromium import browser  # noqa: F401 - fixtures for all
from tests.mpich import mpich  # noqa: F401
from tests.slurm import cluster, slurm  # noqa: F401

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
# The time of an example is no property of the code on a machine that others share.
settings.register_profile("l2l", deadline=None)
settings.load_profile("l2l")

REPOSITORY = Path(__file__).resolve().parent.parent

collect_ignore = ["plugin"]  # a package of its own, which test_third_party_plugin.py installs and tests


def pytest_configure() -> None:
    """Let Ctrl-C work also where a shell started this in the background with SIGINT ignored, which children inherit."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too (always run where CI is true)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if IN_CI or config.getoption("--slow"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


def _fail_if_skipped(report: Report) -> Report:
    """In CI a missing component is an error: a skip (other than an expected failure) becomes a failure."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"skipped, but CI runs every test: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _fail_if_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _fail_if_skipped((yield))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree."""
    return REPOSITORY


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test works in a folder of its own, and what it imports from there is forgotten behind it.

    So a default run folder never lands in the source tree, and one test's `helper.py` is not another's.
    """
    monkeypatch.chdir(tmp_path)
    yield
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", None) or "").startswith(f"{tmp_path}{os.sep}"):
            del sys.modules[name]
