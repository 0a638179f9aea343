import os
import socket
import struct
import threading

import pytest

from l2l.errors import LauncherError
from l2l.worker import station
from l2l.worker.channel import Inbox, framed
from l2l.worker.handshake import LONGEST, MAGIC, NONCE, PROOF, Challenge, introduce, new_secret

SECRET = new_secret()


def recorded(challenge: Challenge, secret: bytes = SECRET, about: dict[str, object] | None = None) -> bytes:
    """What a client says to a greeting."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(10.0)
        ours.sendall(challenge.greeting)
        thread = threading.Thread(target=_introduce, args=(theirs, secret, about or {"kind": "station"}))
        thread.start()
        said = b""
        while len(said) < NONCE + PROOF + 2:
            said += ours.recv(4096)
        ours.close()
        thread.join()
    return said


def _introduce(connection: socket.socket, secret: bytes, about: dict[str, object]) -> None:
    try:
        introduce(connection, secret, about)
    except (OSError, LauncherError):
        return


def test_who_has_the_secret_is_known_in_whatever_pieces_it_comes() -> None:
    challenge = Challenge(SECRET)
    said = recorded(challenge, about={"kind": "worker", "place": 3})
    heard = [challenge.take(said[place : place + 1]) for place in range(len(said))]
    assert heard[:-1] == [None] * (len(said) - 1)
    assert heard[-1] is not None and heard[-1]["place"] == 3
    assert len(challenge.answer) == PROOF and SECRET not in said


def test_another_secret_is_refused() -> None:
    challenge = Challenge(SECRET)
    with pytest.raises(ValueError, match="secret"):
        challenge.take(recorded(challenge, secret=new_secret()))


def test_a_recorded_hello_is_of_no_use_again() -> None:
    said = recorded(Challenge(SECRET))
    with pytest.raises(ValueError, match="secret"):
        Challenge(SECRET).take(said)


@pytest.mark.parametrize("place", range(0, NONCE + PROOF + 2 + 20, 7))
def test_a_garbled_hello_is_refused(place: int) -> None:
    challenge = Challenge(SECRET)
    said = bytearray(recorded(challenge))
    said[place] ^= 1
    try:
        assert challenge.take(bytes(said)) is None  # its size grew: more is awaited, and never proved
        assert challenge.answer == b""
    except ValueError:
        assert challenge.answer == b""


def test_a_hello_without_end_is_refused() -> None:
    head = os.urandom(NONCE + PROOF) + struct.pack("=H", LONGEST + 1)
    with pytest.raises(ValueError, match="too long"):
        Challenge(SECRET).take(head)
    with pytest.raises(ValueError, match="too long"):
        Challenge(SECRET).take(os.urandom(NONCE + PROOF) + struct.pack("=H", 4) + bytes(5))


def test_a_client_refuses_what_is_no_leader_or_another() -> None:
    for answer in (b"HTTP/1.1 400 Bad Request\r\n" + bytes(64), MAGIC + bytes(NONCE + PROOF)):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.settimeout(10.0)
            ours.sendall(answer)
            with pytest.raises(LauncherError):
                introduce(theirs, SECRET, {"kind": "station"})


def test_a_leader_that_is_busy_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(station, "_CONNECT", 0.05)
    came: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as leader:
        address = f"127.0.0.1:{leader.getsockname()[1]}"
        client = threading.Thread(target=lambda: came.append(station.introduced([address], SECRET, {"place": 3})))
        client.start()
        client.join(0.2)  # the leader is at other things for four times as long as it may take to connect
        challenge = Challenge(SECRET)
        connection, _ = leader.accept()
        connection.sendall(challenge.greeting)
        said = None
        while said is None:
            said = challenge.take(connection.recv(4096))
        connection.sendall(challenge.answer)
        client.join(10.0)
        assert said["place"] == 3 and len(came) == 1
        came[0].close()
        connection.close()


def test_a_message_that_is_too_large_is_not_read() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        inbox = Inbox(theirs.fileno(), most=1000)
        ours.sendall(framed("well") + framed(bytes(2000)))
        assert inbox.read() == ["well"]
        assert inbox.closed and inbox.refused and inbox.read() == []
