"""How the leader is found among strangers who stand where it might be, by real sockets."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from l2l.dispatch.lifeline import Lifeline
from l2l.errors import LauncherError
from l2l.protocol import connect
from l2l.protocol.connect import connected, introduced, unix_address
from l2l.protocol.handshake import MAGIC, NONCE, Challenge, new_secret

SECRET = new_secret()


@pytest.fixture
def lifeline() -> Iterator[Lifeline]:
    """A leader that listens everywhere, in a thread of its own."""
    lifeline = Lifeline(everywhere=True)
    yield lifeline
    lifeline.let_go(0.0)


@contextmanager
def stranger(says: bytes) -> Iterator[str]:
    """The address of somebody who listens, says this to whoever comes, and waits."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                    stack.enter_context(connection)
                    connection.sendall(says)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    "says",
    [b"", b"HTTP/1.1 400 Bad Request\r\n" + bytes(64), MAGIC + bytes(NONCE), MAGIC + bytes(NONCE + 32)],
    ids=["silent", "nonsense", "silent after a greeting", "without the secret"],
)
def test_behind_a_stranger_the_next_address_is_tried(
    lifeline: Lifeline, says: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "_SILENCE", 0.1)
    with stranger(says) as where:
        link = introduced([where, *lifeline.addresses], lifeline.secret, {})
    with link.connection:
        assert link.address != where


def test_where_nobody_has_the_secret_each_answer_is_said(lifeline: Lifeline) -> None:
    with stranger(b"HTTP/1.1 400 Bad Request\r\n" + bytes(64)) as where, pytest.raises(LauncherError) as failure:
        introduced([where, lifeline.addresses[-1], "127.0.0.1:1"], b"guessed", {})
    said = str(failure.value)
    assert f"{where}: what listens there is no leader" in said
    assert "another secret" in said and "127.0.0.1:1: [Errno" in said


def test_somebody_who_never_says_anything_is_given_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "_SILENCE", 0.05)
    with stranger(b"") as where, pytest.raises(LauncherError, match="no answer within"):
        introduced([where], SECRET, {}, patience=0.3)


def test_a_leader_that_is_busy_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "_SILENCE", 0.02)
    came: list[socket.socket] = []
    with ExitStack() as stack:
        leader = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        address = f"127.0.0.1:{leader.getsockname()[1]}"
        client = threading.Thread(target=lambda: came.append(introduced([address], SECRET, {"place": 3}).connection))
        client.start()
        client.join(0.2)  # the leader is at other things for ten times as long as the first is waited for
        said = None
        while said is None:  # those that gave up meanwhile are in line before the one that waits
            challenge = Challenge(SECRET)
            connection = stack.enter_context(leader.accept()[0])
            try:
                connection.sendall(challenge.greeting)
                while said is None and (data := connection.recv(4096)):
                    said = challenge.take(data)
                if said is not None:
                    connection.sendall(challenge.answer)
            except ConnectionError:
                continue
        client.join(10.0)
        assert said["place"] == 3 and len(came) == 1
        came[0].close()


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Path]:
    """A socket file at which somebody listens."""
    folder = tmp_path / "x"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "leader"))
        listener.listen()
        yield folder / "leader"


def test_a_socket_file_serves_its_own_machine_and_folder_alone(listening: Path, tmp_path: Path) -> None:
    address = unix_address(listening)
    connected(address).close()
    _, machine, rest = address.split(":", 2)
    with pytest.raises(LauncherError, match="another machine"):
        connected(f"unix:{machine[::-1]}x:{rest}")
    listening.parent.rename(tmp_path / "y")
    listening.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as another:  # somebody else at the very same path, as on another node
        another.bind(str(listening))
        another.listen()
        with pytest.raises(LauncherError, match="another folder"):
            connected(address)


ANOTHER_USER = """
import os, socket, sys
os.setuid(65534)
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print(flush=True)
listener.accept()[0].recv(1)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_another_users_process_is_no_leader(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = Path("/tmp") / f"l2l-test-{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o777)
    command = [sys.executable, "-S", "-c", ANOTHER_USER, str(folder / "leader")]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
            assert other.stdout and other.stdout.readline()
            with pytest.raises(LauncherError, match="another user's process"):
                connected(unix_address(folder / "leader"))
    finally:
        (folder / "leader").unlink(missing_ok=True)
        folder.rmdir()
