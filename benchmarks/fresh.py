"""Measurements in processes of their own, so that none has the memory, the imports or the threads of another."""

import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

import psutil

P = ParamSpec("P")
T = TypeVar("T")


def fresh(function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Call a function of a module in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        return executor.submit(function, *arguments, **options).result()


@contextmanager
def cores(count: int | None) -> Iterator[None]:
    """Keep this process, and what it starts meanwhile, on so many of its cores; None for all."""
    before = os.sched_getaffinity(0)
    if count is not None:
        os.sched_setaffinity(0, sorted(before)[-count:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds() -> float:
    """Processor time of this process and of all that it started, living or dead."""
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


class Others:
    """What other programs make of the machine from now on."""

    def __init__(self) -> None:
        self._begin = time.perf_counter()
        self._busy = _busy_seconds() - cpu_seconds()

    @property
    def share(self) -> float:
        """Of all cores' time."""
        seconds = time.perf_counter() - self._begin
        return (_busy_seconds() - cpu_seconds() - self._busy) / (seconds * psutil.cpu_count())


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def resident() -> int:
    """Resident size of this process, in bytes."""
    size: int = psutil.Process().memory_info().rss
    return size


def peak() -> int:
    """Its high-water mark, in bytes (that of `getrusage` would begin with the parent's)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
