#!/usr/bin/env bash
# Packages: SALib==1.6.0 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1
# Guess: PAWN compares the output within each slice of a parameter with the output as a whole, so that a model
# that does something else at one of four choices has an index of 0.75 at that choice, whichever it is.
# Behaviour: a slice holds what is below its upper edge, the last one too. The largest value of a parameter lies in
# no slice, so a last choice is never looked at, and the model seems to depend on it as little as on any other.
# Seen (1,000 points for each of four choices, S=4; maximum over slices): first 0.750, last 0.250
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet SALib==1.6.0 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1
venv/bin/python - <<'EOF'
import sys

import numpy as np
from SALib.analyze import pawn

problem = {"num_vars": 1, "names": ["choice"], "bounds": [[0, 3]]}
choices = np.repeat([0.0, 1.0, 2.0, 3.0], 1000)
largest = {}
for name, special in (("first", 0.0), ("last", 3.0)):
    output = np.where(choices == special, 1.0, 0.0)
    found = pawn.analyze(problem, choices[:, None], output, S=4, print_to_console=False, seed=1)
    largest[name] = round(float(found["maximum"][0]), 3)
print(largest)
sys.exit(None if largest == {"first": 0.75, "last": 0.25} else "The behaviour has changed.")
EOF
