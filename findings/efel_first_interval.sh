#!/usr/bin/env bash
# Packages: efel==5.7.34 numpy==2.4.6
# Guess: ISI_values and the features named after it see all intervals between spikes.
# Behaviour: ISI_values, ISI_CV and irregularity_index leave the first interval out; ISIs,
# doublet_ISI and mean_frequency see it. A long first pause leaves ISI_CV at 0.
# Seen (spikes at 300, 500, 600, 700 ms): ISIs [199.9, 100, 100], ISI_values [100, 100], ISI_CV 0.0
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
voltage = np.full_like(time, -65.0)
for peak in (300.0, 500.0, 600.0, 700.0):
    first = round(peak / 0.1)
    voltage[first : first + 5] = np.linspace(-65.0, 40.0, 5)
    voltage[first + 5 : first + 15] = np.linspace(40.0, -70.0, 10)
trace = {"T": time, "V": voltage, "stim_start": [200.0], "stim_end": [800.0]}
names = ["ISIs", "ISI_values", "ISI_CV", "irregularity_index"]
values = {name: np.round(found, 6).tolist() for name, found in efel.get_feature_values([trace], names)[0].items()}
print(values)
as_described = (
    values["ISIs"] == [199.9, 100.0, 100.0]
    and values["ISI_values"] == [100.0, 100.0]
    and values["ISI_CV"] == [0.0]
    and values["irregularity_index"] == [0.0]
)
sys.exit(None if as_described else "The behaviour has changed.")
EOF
