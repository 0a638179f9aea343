"""Where workers come in: with few files to open, and more who knock."""

import subprocess
import sys
from contextlib import ExitStack

from l2l.protocol.connect import connected

LEADER = """
import resource, selectors, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from l2l.dispatch.listener import Listener
selector = selectors.DefaultSelector()
listener = Listener(selector, lambda *_: None, everywhere=False)
print(listener.addresses[0], flush=True)
over = []
selector.register(sys.stdin, selectors.EVENT_READ, over.append)
while not over:
    for key, _ in selector.select():
        key.data(key.fileobj)
selector.unregister(sys.stdin)
print(not selector.select(0.0), not open("/dev/null").read(), flush=True)
listener.close()
"""


def test_strangers_leave_the_leader_files_to_open() -> None:
    with ExitStack() as stack:
        command = [sys.executable, "-c", LEADER]
        leader = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        assert leader.stdout and leader.stdin
        address = leader.stdout.readline().strip()
        for _ in range(100):
            stranger = stack.enter_context(connected(address))
            assert stranger.recv(1)  # it was let in
        leader.stdin.close()
        assert leader.stdout.read().split() == ["True", "True"], "nobody waits at the listener, and files can be opened"
    assert leader.returncode == 0
