"""How much memory a process and all that it started hold.

Linux counts a page that several processes share for each of them (resident set), or in equal parts (proportional set,
`smaps_rollup`). The first is quick and too large; only if it exceeds a limit the second, slow and exact, is read.
"""

import os
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

from l2l.process_tree import descendants


class Held(NamedTuple):
    """What a family of processes holds.

    Args:
        size: Bytes.
        exact: Whether shared pages count once; else each process counts them, so that it is an upper bound.
    """

    size: int
    exact: bool


def resident(pid: int) -> Held:
    """Resident bytes of a process and its descendants, quickly; 0 where it is gone."""
    if not _linux_lists_children():
        return _resident_elsewhere(pid)
    family = [pid, *descendants(pid)]
    return Held(sum(map(_resident_set, family)), exact=len(family) == 1)


def proportional(pid: int) -> Held:
    """The same with each page that several processes share counted once; takes milliseconds for each gigabyte."""
    if not _linux_lists_children():
        return _resident_elsewhere(pid)
    rollups: dict[int, bytes] = {}
    total = 0
    for one in (pid, *descendants(pid)):
        try:
            rollup = rollups[one] = Path(f"/proc/{one}/smaps_rollup").read_bytes()
            total += _figure(rollup, b"Pss")
            # a process between vfork and exec lives in the memory of its parent, and shows the very same figures
            if rollup == rollups.get(_parent(one)):
                total -= _figure(rollup, b"Private_Clean") + _figure(rollup, b"Private_Dirty")
        except (OSError, ValueError, IndexError):  # it has ended, or this system does not tell
            total += _resident_set(one)
    return Held(total, exact=True)


def _figure(rollup: bytes, name: bytes) -> int:
    return int(rollup[rollup.index(b"\n" + name + b":") :].split(None, 2)[1]) * 1024


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])


def _resident_elsewhere(pid: int) -> Held:
    import psutil

    total = 0
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return Held(0, exact=True)
    for one in family:
        try:
            total += one.memory_info().rss
        except psutil.Error:
            continue
    return Held(total, exact=True)


@cache
def _linux_lists_children() -> bool:
    return sys.platform.startswith("linux") and Path(f"/proc/self/task/{os.getpid()}/children").exists()


def _resident_set(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
