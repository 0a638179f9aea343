#!/usr/bin/env bash
# Packages: quantities==0.16.4 numpy==2.4.6
# Guess: the ratio of two times is a plain number, or at least float() refuses one that is not.
# Behaviour: the ratio keeps the unit s/ms, and float() returns its bare magnitude. 1500 ms // 1 s is
# 1500 ms/s, which is 1.5: rounded down before the conversion, although % converts first.
# Seen: float(1 s / 1 ms): 1.0, simplified: 1000.0; 1500 ms // 1 s: 1.5; 1500 ms % 1 s: 500.0 ms
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet quantities==0.16.4 numpy==2.4.6
venv/bin/python - <<'EOF'
import sys

import quantities as pq

ratio = (1 * pq.s) / (1 * pq.ms)
whole = ((1500 * pq.ms) // (1 * pq.s)).simplified.item()
rest = (1500 * pq.ms) % (1 * pq.s)
print("float(1 s / 1 ms):", float(ratio), " simplified:", float(ratio.simplified))
print("1500 ms // 1 s:", whole, " 1500 ms % 1 s:", rest)
as_described = float(ratio) == 1.0 and float(ratio.simplified) == 1000.0 and whole == 1.5 and rest == 500 * pq.ms
sys.exit(None if as_described else "The behaviour has changed.")
EOF
