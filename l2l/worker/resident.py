"""How much memory a process and all that it started hold."""

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path


def resident(pid: int) -> int:
    """Resident bytes of a process and its descendants; 0 where it is gone."""
    if _linux_lists_children():
        return sum(_own(one) for one in _family(pid))
    import psutil

    total = 0
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    for one in family:
        try:
            total += one.memory_info().rss
        except psutil.Error:
            continue
    return total


@cache
def _linux_lists_children() -> bool:
    return sys.platform.startswith("linux") and Path(f"/proc/self/task/{os.getpid()}/children").exists()


def _own(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return
    for task in tasks:
        try:
            children = (task / "children").read_bytes().split()
        except OSError:
            continue
        for child in children:
            yield from _family(int(child))
