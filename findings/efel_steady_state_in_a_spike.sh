#!/usr/bin/env bash
# Packages: efel==5.7.34 numpy==2.4.6
# Guess: steady_state_voltage_stimend is the level between spikes, or missing where the cell still fires.
# Behaviour: it is the mean over the last tenth of the stimulus, spikes included, without a warning:
# the value moves with each spike that falls into that window.
# Seen (level -50 mV): no spike in the window -50.0 mV, one spike -48.96 mV, five spikes -44.79 mV
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet efel==5.7.34 numpy==2.4.6
venv/bin/python - <<'EOF'
import sys

import efel
import numpy as np

time = np.arange(0.0, 1000.0, 0.1)


def level(peaks):
    voltage = np.where((time >= 200.0) & (time < 800.0), -50.0, -65.0)
    for peak in peaks:
        first = round(peak / 0.1)
        voltage[first : first + 5] = np.linspace(-50.0, 40.0, 5)
        voltage[first + 5 : first + 15] = np.linspace(40.0, -60.0, 10)
    trace = {"T": time, "V": voltage, "stim_start": [200.0], "stim_end": [800.0]}
    values = efel.get_feature_values([trace], ["steady_state_voltage_stimend"])[0]
    return round(float(values["steady_state_voltage_stimend"][0]), 2)


early = [300.0, 500.0, 600.0]
levels = [level(early), level([*early, 770.0]), level([*early, 745.0, 755.0, 765.0, 775.0, 785.0])]
print("no spike, one, five in the window (mV):", levels)
as_described = levels[0] == -50.0 and levels[1] > -49.0 and levels[2] > -45.0
sys.exit(None if as_described else "The behaviour has changed.")
EOF
