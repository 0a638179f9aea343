import os
import socket
import struct
import threading

import pytest

from l2l.errors import LauncherError
from l2l.protocol.handshake import LONGEST, MAGIC, NONCE, PROOF, Challenge, Keys, SilentError, introduce, new_secret

SECRET = new_secret()


def recorded(challenge: Challenge, secret: bytes = SECRET, about: dict[str, object] | None = None) -> bytes:
    """What a client says to a greeting."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(10.0)
        ours.sendall(challenge.greeting)
        thread = threading.Thread(target=_introduce, args=(theirs, secret, about or {"kind": "supervisor"}))
        thread.start()
        said = b""
        while len(said) < NONCE + PROOF + 2:
            said += ours.recv(4096)
        ours.close()
        thread.join()
    return said


def _introduce(connection: socket.socket, secret: bytes, about: dict[str, object]) -> None:
    try:
        introduce(connection, secret, about, 10.0)
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
                introduce(theirs, SECRET, {"kind": "supervisor"}, 10.0)


def both(challenge: Challenge) -> tuple[Keys, Keys]:
    """The keys that leader and client have of a connection."""
    ours, theirs = socket.socketpair()
    found: list[Keys] = []
    with ours, theirs:
        about: dict[str, object] = {"kind": "supervisor"}
        client = threading.Thread(target=lambda: found.append(introduce(theirs, SECRET, about, 10.0)))
        client.start()
        ours.sendall(challenge.greeting)
        while challenge.take(ours.recv(4096)) is None:
            continue
        ours.sendall(challenge.answer)
        client.join()
    return challenge.keys, found[0]


def test_both_have_the_same_keys_and_nobody_ever_has_them_again() -> None:
    leaders, clients = both(Challenge(SECRET))
    assert leaders == clients
    again, _ = both(Challenge(SECRET))
    assert len({*leaders, *again, SECRET}) == 5 and {len(one) for one in leaders} == {32}


def test_who_dribbles_is_not_waited_for() -> None:
    ours, theirs = socket.socketpair()
    over = threading.Event()

    def dribble() -> None:
        while not over.wait(0.02):
            ours.sendall(b"l")

    with ours, theirs:
        slow = threading.Thread(target=dribble)
        slow.start()
        with pytest.raises(SilentError, match=r"no answer within 0\.2 s"):
            introduce(theirs, SECRET, {"kind": "supervisor"}, 0.2)
        over.set()
        slow.join()
