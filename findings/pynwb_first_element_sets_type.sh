#!/usr/bin/env bash
# Packages: pynwb==4.2.0 hdmf==6.2.0 h5py==3.16.0 numpy==2.4.6
# Guess: a list of numbers is written with a type that holds them all, as NumPy would choose, or refused.
# Behaviour: the first element decides: after a leading 1 all fractions are cut off, after a leading
# True everything is True, without a warning; the object in memory still has the right values. The
# same with a column of a table of trials.
# Seen: [1, 2.5, 3.7] is read back as [1, 2, 3], [1.0, 2.5, 3.7] is kept; column [1, 2.5]: [1, 2]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet pynwb==4.2.0 hdmf==6.2.0 h5py==3.16.0 numpy==2.4.6
venv/bin/python - <<'EOF'
import sys
from datetime import UTC, datetime

from pynwb import NWBHDF5IO, NWBFile, TimeSeries

file = NWBFile("session", "identifier", datetime(2020, 1, 1, tzinfo=UTC))
file.add_acquisition(TimeSeries("whole_first", data=[1, 2.5, 3.7], unit="V", rate=1.0))
file.add_acquisition(TimeSeries("float_first", data=[1.0, 2.5, 3.7], unit="V", rate=1.0))
file.add_trial_column("contrast", "of the stimulus")
file.add_trial(start_time=0.0, stop_time=1.0, contrast=1)
file.add_trial(start_time=1.0, stop_time=2.0, contrast=2.5)
with NWBHDF5IO("session.nwb", "w") as io:
    io.write(file)
with NWBHDF5IO("session.nwb", "r") as io:
    back = io.read()
    whole_first = back.acquisition["whole_first"].data[:].tolist()
    float_first = back.acquisition["float_first"].data[:].tolist()
    contrast = back.trials["contrast"][:].tolist()
print("whole number first:", whole_first, " float first:", float_first, " column:", contrast)
as_described = whole_first == [1, 2, 3] and float_first == [1.0, 2.5, 3.7] and contrast == [1, 2]
sys.exit(None if as_described else "The behaviour has changed.")
EOF
