#!/usr/bin/env bash
# Packages: pynwb==4.2.0 hdmf==6.2.0 h5py==3.16.0 numpy==2.4.6
# Guess: get_unit_spike_times(index, interval) returns the spikes within the interval, or add_unit
# refuses times that are not in order.
# Behaviour: unsorted times are accepted, and the interval is found by bisection, so that the answer
# holds spikes outside the interval.
# Seen: spikes 3, 1, 2 s in the interval 0.5 to 2.5 s: [3.0, 1.0, 2.0]; sorted: [1.0, 2.0]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet pynwb==4.2.0 hdmf==6.2.0 h5py==3.16.0 numpy==2.4.6
venv/bin/python - <<'EOF'
import sys
from datetime import UTC, datetime

from pynwb import NWBFile

file = NWBFile("session", "identifier", datetime(2020, 1, 1, tzinfo=UTC))
file.add_unit(spike_times=[3.0, 1.0, 2.0])
file.add_unit(spike_times=[1.0, 2.0, 3.0])
unsorted, in_order = (file.units.get_unit_spike_times(unit, (0.5, 2.5)).tolist() for unit in (0, 1))
print("unsorted:", unsorted, " sorted:", in_order)
as_described = unsorted == [3.0, 1.0, 2.0] and in_order == [1.0, 2.0]
sys.exit(None if as_described else "The behaviour has changed.")
EOF
