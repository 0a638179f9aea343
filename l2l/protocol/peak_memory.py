"""The high-water mark of this process's memory, as worker and supervisor measure it."""

import os
import resource
import sys
from os import close, read  # bound here: a model may replace them where they stand
from os import open as open_file


def peak_memory() -> int:
    """The high-water mark of this process's resident size or, if larger, of a program that it ran; bytes."""
    scale = 1 if sys.platform == "darwin" else 1024
    programs = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * scale
    return max(_own_peak() or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale, programs)


def _own_peak() -> int | None:
    """As Linux counts it from the start of the program; `getrusage` begins with the size of the process's parent."""
    try:
        descriptor = open_file("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)  # a third of what a Path takes
        try:
            status = read(descriptor, 1 << 14)
        finally:
            close(descriptor)
        start = status.index(b"VmHWM:") + 6
        return int(status[start : status.index(b"kB", start)]) * 1024
    except Exception:  # noqa: BLE001 - a model's audit hook may raise anything where a file is opened
        return None
