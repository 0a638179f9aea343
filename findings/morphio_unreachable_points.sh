#!/usr/bin/env bash
# Packages: morphio==3.5.0 numpy==2.4.6
# Guess: points of an SWC file that no path joins to a root (a slip in the parent column) are an error,
# or at least a warning as for a neurite without a soma.
# Behaviour: they vanish without a warning, and the rest of the cell loads.
# Seen: points 4 and 5, each the other's parent, beside a dendrite of 2 points: 1 section, 2 points
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet morphio==3.5.0 numpy==2.4.6
venv/bin/python - <<'EOF'
import os
import sys
from pathlib import Path

import morphio

CELL = """1 1  0 0 0 5 -1
2 3 10 0 0 1 1
3 3 20 0 0 1 2
4 3 30 0 0 1 5
5 3 40 0 0 1 4
"""
Path("cell.swc").write_text(CELL)
with open("warnings.txt", "w") as caught:
    kept = os.dup(2)
    os.dup2(caught.fileno(), 2)
    cell = morphio.Morphology("cell.swc")
    os.dup2(kept, 2)
warned = Path("warnings.txt").read_text()
print(len(cell.sections), "section,", len(cell.points), "points of 4, warnings:", repr(warned))
as_described = len(cell.sections) == 1 and len(cell.points) == 2 and not warned
sys.exit(None if as_described else "The behaviour has changed.")
EOF
