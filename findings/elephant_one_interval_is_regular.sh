#!/usr/bin/env bash
# Packages: elephant==1.2.1 neo==0.14.6 quantities==0.16.4 numpy==2.4.6
# Guess: measures of irregularity agree on what a train of two spikes, one interval, gives.
# Behaviour: cv is 0, perfectly regular; of no interval it is NaN; cv2 and lv of one interval raise. A
# fitness that wants regular firing by cv is best served by a cell that spikes twice.
# Seen: cv([5]): 0.0; cv([]): nan; cv2([5]) and lv([5]): ValueError
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet elephant==1.2.1 neo==0.14.6 quantities==0.16.4 numpy==2.4.6
venv/bin/python - <<'EOF'
import sys
import warnings

import numpy as np
from elephant.statistics import cv, cv2, lv

warnings.simplefilter("ignore")


def outcome(measure, intervals):
    try:
        return float(measure(np.array(intervals)))
    except ValueError as error:
        return type(error).__name__


one, none = outcome(cv, [5.0]), outcome(cv, [])
others = outcome(cv2, [5.0]), outcome(lv, [5.0])
print("cv of one interval:", one, " of none:", none, " cv2, lv of one:", others)
as_described = one == 0.0 and np.isnan(none) and others == ("ValueError", "ValueError")
sys.exit(None if as_described else "The behaviour has changed.")
EOF
