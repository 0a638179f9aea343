#!/usr/bin/env bash
# Packages: h5py==3.16.0 numpy==2.4.6
# Guess: after close() the file is free for readers in other processes.
# Behaviour: the lock belongs to the open file that a forked child has inherited. As long as such a
# child lives (a worker of a pool that was forked meanwhile), a reader is refused, although the child
# never touches the file.
# Seen: child alive: refused (unable to lock file); child ended: opened
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet h5py==3.16.0 numpy==2.4.6
venv/bin/python - <<'EOF'
import os
import subprocess
import sys

import h5py

READ = [sys.executable, "-c", "import h5py; h5py.File('data.h5', 'r')"]


def outcome():
    done = subprocess.run(READ, capture_output=True, text=True)
    return "opened" if done.returncode == 0 else "refused" if "unable to lock file" in done.stderr else done.stderr


file = h5py.File("data.h5", "w")
file["value"] = 1
wait_end, free_end = os.pipe()
child = os.fork()
if child == 0:
    os.close(free_end)
    os.read(wait_end, 1)
    os._exit(0)
file.close()
alive = outcome()
os.close(free_end)
os.waitpid(child, 0)
ended = outcome()
print("child alive:", alive, " child ended:", ended)
as_described = (alive, ended) == ("refused", "opened")
sys.exit(None if as_described else "The behaviour has changed.")
EOF
