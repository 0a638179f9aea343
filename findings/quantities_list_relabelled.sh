#!/usr/bin/env bash
# Packages: quantities==0.16.4 numpy==2.4.6
# Guess: a quantity made from a list with mixed units converts each element to the unit asked for.
# Behaviour: only the numbers of the elements are taken, so 500 mV becomes 500 V, without a warning;
# a single quantity is converted, and so is an element that is assigned.
# Seen: [1 V, 500 mV] as V: [1.0, 500.0]; 500 mV as V: 0.5; assigned: [1.0, 0.5]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet quantities==0.16.4 numpy==2.4.6
venv/bin/python - <<'EOF'
import sys

import quantities as pq

listed = pq.Quantity([1 * pq.V, 500 * pq.mV], "V")
single = pq.Quantity(500 * pq.mV, "V")
assigned = pq.Quantity([1.0, 0.0], "V")
assigned[1] = 500 * pq.mV
print("[1 V, 500 mV] as V:", listed.magnitude.tolist(), listed.dimensionality)
print("500 mV as V:", single.item(), " assigned:", assigned.magnitude.tolist())
as_described = listed.magnitude.tolist() == [1.0, 500.0] and single.item() == 0.5 and assigned[1].item() == 0.5
sys.exit(None if as_described else "The behaviour has changed.")
EOF
