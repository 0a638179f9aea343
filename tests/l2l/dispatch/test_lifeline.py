import socket
import threading

import pytest

from l2l.dispatch.lifeline import Lifeline
from l2l.errors import LauncherError
from l2l.protocol.connect import connected, introduced


def test_all_that_are_held_learn_of_the_end_and_are_waited_for():
    lifeline = Lifeline(everywhere=False)
    held = [introduced(lifeline.addresses, lifeline.secret, {}).connection for _ in range(3)]
    cleaned = []

    def clean_up(connection):
        assert connection.recv(1) == b""
        cleaned.append(connection)
        connection.close()

    threads = [threading.Thread(target=clean_up, args=[one]) for one in held]
    for one in threads:
        one.start()
    lifeline.let_go(30.0)
    assert len(cleaned) == 3
    for one in threads:
        one.join()
    with pytest.raises(LauncherError, match="cannot be reached"):
        introduced(lifeline.addresses, lifeline.secret, {})


def test_nobody_waits_long_for_one_that_does_not_clean_up():
    lifeline = Lifeline(everywhere=True)
    with introduced(lifeline.addresses[1:], lifeline.secret, {}).connection as connection:
        lifeline.let_go(0.1)
        assert connection.recv(1) == b""


def test_who_does_not_know_the_secret_gets_nothing_and_stops_nothing():
    lifeline = Lifeline(everywhere=False)
    with introduced(lifeline.addresses, lifeline.secret, {}).connection as ours:
        with pytest.raises(LauncherError, match="another secret"):
            introduced(lifeline.addresses, b"guessed", {})
        with connected(lifeline.addresses[0]) as stranger:
            stranger.sendall(b"x" * 5000)
            assert until_closed(stranger).startswith(b"l2l-2")
        ours.sendall(b"what we say does not matter")
        another = introduced(lifeline.addresses, lifeline.secret, {}).connection
        another.close()
        ours.settimeout(0.05)
        with pytest.raises(TimeoutError):
            ours.recv(1)
        threading.Timer(0.05, ours.shutdown, [socket.SHUT_RDWR]).start()
        lifeline.let_go(30.0)


def until_closed(connection):
    data = b""
    try:
        while came := connection.recv(4096):
            data += came
    except ConnectionResetError:
        pass
    return data
