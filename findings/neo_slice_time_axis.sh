#!/usr/bin/env bash
# Packages: neo==0.14.6 quantities==0.16.4 numpy==2.4.6
# Guess: a slice of an AnalogSignal keeps each sample's time, or refuses a slice that it cannot label.
# Behaviour: a step leaves the sampling rate, and a negative start is counted back from t_start, so
# the samples get times at which others were taken.
# Seen (1 kHz from 5 ms, samples 0 to 9): [::2] puts sample 8 at 9.0 ms instead of 13.0;
# [-3:] begins at 2.0 ms instead of 12.0; [7:] begins at 12.0 ms
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet neo==0.14.6 quantities==0.16.4 numpy==2.4.6
venv/bin/python - <<'EOF'
import sys

import neo
import numpy as np
import quantities as pq

signal = neo.AnalogSignal(np.arange(10.0)[:, None] * pq.mV, sampling_rate=1 * pq.kHz, t_start=5 * pq.ms)
stepped, last_three, from_seven = signal[::2], signal[-3:], signal[7:]
print("[::2]: sample", stepped[-1, 0], "at", stepped.times[-1], " rate", stepped.sampling_rate)
print("[-3:]: sample", last_three[0, 0], "at", last_three.t_start)
print("[7:]: sample", from_seven[0, 0], "at", from_seven.t_start)
as_described = (
    stepped.times[-1].item() == 9.0
    and stepped[-1, 0].item() == 8.0
    and last_three.t_start.item() == 2.0
    and last_three[0, 0].item() == from_seven[0, 0].item()
    and from_seven.t_start.item() == 12.0
)
sys.exit(None if as_described else "The behaviour has changed.")
EOF
