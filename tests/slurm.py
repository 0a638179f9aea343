"""A real Slurm of a few nodes on this machine, for the tests that need one: started by them and stopped."""

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_PROGRAMS = ("munged", "munge", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
_CONFIGURATION = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket={folder}/munge.socket
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_min_interval=100000,batch_sched_delay=0,sched_interval=2
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
SlurmdParameters=config_overrides
ReturnToService=2
SlurmctldTimeout=10
SlurmdTimeout=10
InactiveLimit=0
KillWait=2
MinJobAge=300
FirstJobId={first}
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
"""


class Cluster:
    """The daemons of a Slurm.

    Args:
        nodes: How many.
        cores: Of each, whatever the machine has.
        gpus: Of each; pretended ones, which are files.
    """

    def __init__(self, nodes: int = 2, cores: int = 2, gpus: int = 0) -> None:
        self.nodes = [f"n{number}" for number in range(1, nodes + 1)]
        self.folder = Path(tempfile.mkdtemp(prefix="l2l-slurm-"))
        self.folder.chmod(0o755)
        self.environment = {"SLURM_CONF": str(self.folder / "slurm.conf")}
        ports = free_ports(nodes + 1)
        # What MPICH's ranks leave in shared memory when they are killed bears the job's number, and none is to find it.
        first = 1000 + secrets.randbelow(1_000_000)
        self._shared = _shared_memory()
        text = _CONFIGURATION.format(
            host=socket.gethostname(), controller=ports[0], folder=self.folder, user=getpass.getuser(), first=first
        )
        gres = f" Gres=gpu:{gpus}" if gpus else ""
        if gpus:
            text = f"GresTypes=gpu\n{text}"
            devices = [self.folder / f"gpu{number}" for number in range(gpus)]
            for device in devices:
                device.touch()
            lines = [f"Name=gpu File={device}\n" for device in devices]
            (self.folder / "gres.conf").write_text("".join(lines))
        for node, port in zip(self.nodes, ports[1:], strict=True):
            where = f"NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={port}"
            text += f"NodeName={node} {where} CPUs={cores} RealMemory=4000{gres} State=UNKNOWN\n"
            (self.folder / f"spool.{node}").mkdir()
        text += f"PartitionName=main Nodes={','.join(self.nodes)} Default=YES MaxTime=1:00:00 State=UP\n"
        (self.folder / "state").mkdir()
        (self.folder / "slurm.conf").write_text(text)

    def start(self) -> None:
        """Start all, and wait until the nodes are there."""
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        files = [f"--{kind}-file={self.folder}/munge.{kind}" for kind in ("key", "pid", "log", "seed")]
        _run(["munged", "--force", f"--socket={self.folder}/munge.socket", *files])
        self._daemon("slurmctld", "-c")
        for node in self.nodes:
            self.start_node(node)
        self.until(lambda: self.states() == dict.fromkeys(self.nodes, "idle"))

    def start_node(self, node: str) -> None:
        """Start the daemon of a node."""
        self._daemon("slurmd", "-N", node)

    def kill_node(self, node: str) -> None:
        """Kill a node's daemon and all that runs there, as a loss of power does."""
        daemon = self.pid(f"slurmd.{node}")
        for pid in [daemon, *_below(f"[{node}]" if daemon is None else f"{self.folder}/spool.{node}")]:
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _daemon(self, name: str, *arguments: str) -> None:
        _run([name, *arguments, "-f", self.environment["SLURM_CONF"]], self.environment)

    def pid(self, daemon: str) -> int | None:
        """The process of one of the daemons."""
        with contextlib.suppress(OSError, ValueError):
            return int((self.folder / f"{daemon}.pid").read_text())
        return None

    def ask(self, *command: str) -> str:
        """What one of Slurm's programs prints."""
        return _run([*command], self.environment)

    def states(self) -> dict[str, str]:
        """Node → state."""
        return dict(line.split() for line in self.ask("sinfo", "-h", "-N", "-o", "%N %T").splitlines())

    def queue(self) -> list[str]:
        """The numbers of all jobs that have not ended."""
        return self.ask("squeue", "-h", "-o", "%A").split()

    def until(self, holds: Callable[[], bool], patience: float = 60.0) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + patience
        while not holds():
            assert time.monotonic() < deadline, f"{self.states()}\n{self.ask('squeue')}"
            time.sleep(0.05)

    def clear(self) -> None:
        """End all jobs and bring all nodes back."""
        for job in self.queue():
            with contextlib.suppress(AssertionError):  # it ends by itself in this moment
                self.ask("scancel", job)
        for node in self.nodes:
            if not _lives(self.pid(f"slurmd.{node}")):
                self.start_node(node)
        if set(self.states().values()) - {"idle", "allocated", "mixed", "completing"}:
            self.ask("scontrol", "update", f"nodename={','.join(self.nodes)}", "state=resume")
        self.until(lambda: not self.queue() and set(self.states().values()) == {"idle"})

    def stop(self) -> None:
        """End all daemons and what they started."""
        with contextlib.suppress(AssertionError, subprocess.SubprocessError):
            self.clear()
        for daemon in [*(f"slurmd.{node}" for node in self.nodes), "slurmctld", "munge"]:
            pid = self.pid(daemon)
            if pid is not None and _lives(pid):
                os.kill(pid, signal.SIGKILL)
        for left in _shared_memory() - self._shared:
            left.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def _shared_memory() -> set[Path]:
    """What ranks of MPICH have in shared memory, or left there."""
    return {*Path("/dev/shm").glob("mpich_shm_*")}


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens at."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def _run(command: list[str], environment: dict[str, str] | None = None) -> str:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    changed = {**os.environ, **(environment or {}), "PATH": path}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=changed, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def _lives(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in b"ZX"
    except OSError:
        return False


def _below(spool: str) -> list[int]:
    """The step daemons of a node, and all processes that they started."""
    parents: dict[int, list[int]] = {}
    begins: list[int] = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            pid, parent = int(process.name), int((process / "stat").read_bytes().rpartition(b")")[2].split()[1])
            parents.setdefault(parent, []).append(pid)
            if b"slurmstepd" in (process / "cmdline").read_bytes() and _has_open(process, spool):
                begins.append(pid)
    found: list[int] = []
    while begins:
        pid = begins.pop()
        found.append(pid)
        begins += parents.get(pid, [])
    return found


def _has_open(process: Path, spool: str) -> bool:
    for descriptor in (process / "fd").iterdir():
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()).startswith(spool):
                return True
    return False


def missing() -> str:
    """The first of Slurm's programs that is not here; "" where all are."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return next((name for name in _PROGRAMS if shutil.which(name, path=path) is None), "")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Two nodes of two cores and a GPU."""
    if absent := missing():
        pytest.skip(f"Slurm is not here: no {absent} (Debian's packages slurm-wlm and munge)")
    found = Cluster(gpus=1)
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture
def slurm(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The cluster, idle, and known to this process and all that it starts."""
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    cluster.clear()
    yield cluster
    cluster.clear()
