"""Makes a process's calls that change a folder fail, fall short, kill it or interrupt it (Linux's ptrace on x86-64).

The process calls `tracer.begin` and `tracer.end` around what is of interest, and its parent drives a `Tamper` over it.
"""

import ctypes
import enum
import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.faults.tracer import BOUNDARY, CALL, SYSCALL, Tracer, child, ptrace

_GETREGS = 12
_SETREGS = 13
# The order of `struct user_regs_struct` of x86-64; the arguments of a call are rdi, rsi, rdx, r10, r8, r9.
_NAMES = """
    r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss
    fs_base gs_base ds es fs gs
""".split()  # noqa: SIM905 - as the header has it
_AT_FDCWD = -100
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class _Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in _NAMES]


class Mode(enum.Enum):
    """What happens at the chosen call."""

    ONCE = "fails once"
    ALWAYS = "fails from then on"
    SHORT = "writes half of it"
    BEFORE = "is killed before it"
    AFTER = "is killed behind it"
    TWICE = "is interrupted in the call before it and in it"


class Call(NamedTuple):
    """A call that changes the folder: the name of the system call, and the file relative to the folder."""

    name: str
    path: str


class _Kind(NamedTuple):
    """How a system call names its file: the argument that holds a descriptor, and that which holds a path."""

    name: str
    descriptor: int | None = None
    path: int | None = None
    flags: int | None = None  # the argument with the flags of `open`; calls that only read do not count


# The numbers of x86-64.
_KINDS = {
    1: _Kind("write", 0),
    18: _Kind("pwrite", 0),
    20: _Kind("writev", 0),
    72: _Kind("fcntl", 0),
    74: _Kind("fsync", 0),
    75: _Kind("fdatasync", 0),
    77: _Kind("ftruncate", 0),
    91: _Kind("fchmod", 0),
    285: _Kind("fallocate", 0),
    326: _Kind("copy_file_range", 2),
    40: _Kind("sendfile", 0),
    2: _Kind("open", None, 0, 1),
    257: _Kind("openat", 0, 1, 2),
    76: _Kind("truncate", None, 0),
    82: _Kind("rename", None, 0),
    264: _Kind("renameat", 0, 1),
    316: _Kind("renameat2", 0, 1),
    87: _Kind("unlink", None, 0),
    263: _Kind("unlinkat", 0, 1),
    83: _Kind("mkdir", None, 0),
    258: _Kind("mkdirat", 0, 1),
    84: _Kind("rmdir", None, 0),
    86: _Kind("link", None, 0),
    265: _Kind("linkat", 0, 1),
    90: _Kind("chmod", None, 0),
}
# `fcntl` counts where it takes a lock: F_SETLK, F_OFD_SETLK, F_OFD_SETLKW.
_FCNTL = 72
_LOCKS = {6, 37, 38}
_WRITES = {1, 18}


class Tamper(Tracer):
    """Lets a child run to the end, and counts its calls that change a folder; one of them is tampered with.

    Args:
        pid: A child of this thread, which calls `begin`.
        folder: Calls that change what is in it count.
        at: The number of the call, from 1 on; 0 for none.
        mode: What happens there.
        error: The error number with which calls fail.
    """

    def __init__(self, pid: int, folder: Path, at: int = 0, mode: Mode = Mode.ONCE, error: int = errno.EIO) -> None:
        super().__init__(pid)
        self.folder = str(folder)
        self.at = at
        self.mode = mode
        self.error = error
        self.count = 0
        """How many calls changed the folder, or were to."""
        self.log: list[Call] = []

    def run(self, keep_log: bool = False) -> None:
        """Drive the child from `begin` until it calls `end`, or has ended; then let it go on by itself."""
        if not self.reach():
            return
        forwarded = 0
        while True:
            ptrace(SYSCALL, self.pid, forwarded)
            stopped = self._wait()
            if stopped is None:
                return
            if stopped == BOUNDARY:
                break
            forwarded = 0
            if stopped == CALL:
                if not self._at_entry(keep_log):
                    return
            else:
                forwarded = stopped
        self.go_on()

    def _at_entry(self, keep_log: bool) -> bool:
        """Look at a call that begins, and see it through to its exit; False where the child has ended."""
        registers = self._registers()
        call = self._call(registers)
        failing = False
        killed = False
        if call:
            self.count += 1
            if keep_log:
                self.log.append(call)
            failing, killed = self._tamper(registers)
            if killed and self.mode is Mode.BEFORE:
                self.kill()
                return False
        ptrace(SYSCALL, self.pid)
        if self._wait() is None:
            return False  # it was `exit`; signals are delivered behind the exit of a call, never before
        if killed:
            self.kill()
            return False
        if failing:
            registers = self._registers()
            registers.rax = ctypes.c_ulonglong(-self.error).value
            self._set(registers)
        return True

    def _tamper(self, registers: _Registers) -> tuple[bool, bool]:
        """Do what the mode says of this call; whether it is to fail, and whether to kill the child."""
        here = self.count == self.at
        match self.mode:
            case Mode.ONCE if here:
                pass
            case Mode.ALWAYS if self.at and self.count >= self.at:
                pass
            case Mode.SHORT if here and registers.orig_rax in _WRITES and registers.rdx > 1:
                registers.rdx //= 2
                self._set(registers)
                return False, False
            case Mode.BEFORE | Mode.AFTER if here:
                return False, True
            case Mode.TWICE if self.at and self.count in (self.at - 1, self.at):
                os.kill(self.pid, signal.SIGINT)
                return False, False
            case _:
                return False, False
        registers.orig_rax = ctypes.c_ulonglong(-1).value  # no such call: the kernel does nothing
        self._set(registers)
        return True, False

    def _call(self, registers: _Registers) -> Call | None:
        number = registers.orig_rax
        kind = _KINDS.get(number)
        if kind is None:
            return None
        arguments = [registers.rdi, registers.rsi, registers.rdx, registers.r10]
        if kind.flags is not None and not arguments[kind.flags] & _WRITING:
            return None
        if number == _FCNTL and arguments[1] not in _LOCKS:
            return None
        path = self._path(kind, arguments)
        inside = path == self.folder or path.startswith(self.folder + "/")
        return Call(kind.name, path[len(self.folder) + 1 :]) if inside else None

    def _path(self, kind: _Kind, arguments: list[int]) -> str:
        given = ""
        if kind.path is not None:
            given = self._text(arguments[kind.path])
            if given.startswith("/"):
                return given
        place = -100 if kind.descriptor is None else ctypes.c_int(arguments[kind.descriptor]).value
        link = "cwd" if place == _AT_FDCWD else f"fd/{place}"
        try:
            base = str(Path("/proc", str(self.pid), link).readlink())
        except OSError:
            return ""
        return f"{base}/{given}" if given else base.removesuffix(" (deleted)")

    def _text(self, address: int) -> str:
        """The text that ends with NUL at an address of the child."""
        with Path(f"/proc/{self.pid}/mem").open("rb", buffering=0) as memory:
            memory.seek(address)
            found = b""
            while b"\0" not in found:
                # Page by page, as the next one may not be there.
                found += memory.read(4096 - (address + len(found)) % 4096)
        return os.fsdecode(found.partition(b"\0")[0])

    def _registers(self) -> _Registers:
        registers = _Registers()
        ptrace(_GETREGS, self.pid, ctypes.addressof(registers))
        return registers

    def _set(self, registers: _Registers) -> None:
        ptrace(_SETREGS, self.pid, ctypes.addressof(registers))


def tampered(
    does: Callable[[], object],
    folder: Path,
    at: int = 0,
    mode: Mode = Mode.ONCE,
    error: int = errno.EIO,
    *,
    keep_log: bool = False,
) -> Tamper:
    """Do something in a child of this process, tampered with; its exit code is in `code`, as `subprocess` has it."""
    tamper = Tamper(child(does), folder, at, mode, error)
    tamper.run(keep_log)
    if tamper.code is None:
        _, status = os.waitpid(tamper.pid, 0)
        tamper.code = os.waitstatus_to_exitcode(status)
    return tamper
