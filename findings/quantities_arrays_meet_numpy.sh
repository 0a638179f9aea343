#!/usr/bin/env bash
# Packages: quantities==0.16.4 numpy==2.4.6
# Guess: NumPy functions of two quantities convert between their units, or raise as np.maximum does.
# Behaviour: concatenate, searchsorted, digitize, isin and full_like compare or join bare numbers:
# 1 s is sorted in before 10 ms, and 5 mV fills an array of volts as 5 V. np.clip converts.
# Seen: concatenate: [1.0, 500.0] dimensionless; searchsorted of 1 s among 0, 10, 2000 ms: 1;
# digitize of 500 ms at 0, 1 s: 2; full_like 5 mV: 5.0 V; isin 1 mV among 1 V: True; clip at 1500 mV: 1.5 V
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet quantities==0.16.4 numpy==2.4.6
venv/bin/python - <<'EOF'
import sys

import numpy as np
import quantities as pq

joined = np.concatenate([[1.0] * pq.V, [500.0] * pq.mV])
place = int(np.searchsorted([0, 10, 2000] * pq.ms, 1 * pq.s))
bin_number = int(np.digitize([500] * pq.ms, [0, 1] * pq.s)[0])
filled = np.full_like([1.0] * pq.V, 5 * pq.mV)
contained = bool(np.isin([1] * pq.mV, [1] * pq.V)[0])
clipped = np.clip([2.0] * pq.V, 0 * pq.mV, 1500 * pq.mV)
print("concatenate:", joined, " searchsorted:", place, " digitize:", bin_number)
print("full_like 5 mV:", filled, " isin:", contained, " clip:", clipped)
as_described = (
    joined.dimensionality == pq.dimensionless.dimensionality
    and place == 1
    and bin_number == 2
    and filled[0] == 5 * pq.V
    and contained
    and clipped[0] == 1.5 * pq.V
)
sys.exit(None if as_described else "The behaviour has changed.")
EOF
