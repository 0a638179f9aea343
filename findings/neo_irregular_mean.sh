#!/usr/bin/env bash
# Packages: neo==0.14.6 quantities==0.16.4 numpy==2.4.6
# Guess: the mean of an IrregularlySampledSignal is that of its samples, or of the line through them.
# Behaviour: each sample counts for the time until the next, so the last one counts nothing: a signal
# that ends in a peak has the mean of one without it.
# Seen (0, 1, 3 mV at 0, 1, 3 s): mean 0.667 mV, samples 1.333, line 1.5; with a last sample of 300 mV
# the mean is 0.667 mV again
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

times = [0.0, 1.0, 3.0]


def mean(values):
    signal = neo.IrregularlySampledSignal(times * pq.s, np.array(values)[:, None] * pq.mV)
    return round(signal.mean().item(), 3)


values = [0.0, 1.0, 3.0]
peak = [0.0, 1.0, 300.0]
line = np.trapezoid(values, times) / 3.0
print("mean:", mean(values), " samples:", round(np.mean(values), 3), " line:", line)
print("last sample 300 mV:", mean(peak))
as_described = mean(values) == mean(peak) == 0.667
sys.exit(None if as_described else "The behaviour has changed.")
EOF
