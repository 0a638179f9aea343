#!/usr/bin/env bash
# Packages: neuron==9.0.2 numpy==2.4.6
# Guess: Vector.record(ref, Dt) records at the fixed step that is nearest, and recording h._ref_t the
# same way tells when that was; or both are interpolated.
# Behaviour: with a Dt that is no multiple of dt the values are those of a neighbouring step, while the
# recorded times are the ones asked for. The labels are off by up to half a step, which nothing tells.
# Seen (dt 0.025, Dt 0.11 ms): times 0.11, 0.22, 0.33 carry the voltages of 0.1, 0.225, 0.325 ms
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet neuron==9.0.2 numpy==2.4.6
venv/bin/python - <<'EOF'
import sys

import numpy as np
from neuron import h

h.load_file("stdrun.hoc")
soma = h.Section(name="soma")
soma.insert("pas")
clamp = h.IClamp(soma(0.5))
clamp.dur, clamp.amp = 100.0, 0.1
labels = h.Vector().record(h._ref_t, 0.11)
coarse = h.Vector().record(soma(0.5)._ref_v, 0.11)
steps = h.Vector().record(h._ref_t)
fine = h.Vector().record(soma(0.5)._ref_v)
h.finitialize(-65)
h.continuerun(5)
fine, steps = np.array(fine), np.array(steps)
asked = [round(float(time), 3) for time in labels][1:4]
taken = [round(float(steps[fine == value][0]), 3) for value in coarse][1:4]
print("labels (ms):", asked, " steps at which they were taken (ms):", taken)
as_described = asked == [0.11, 0.22, 0.33] and taken == [0.1, 0.225, 0.325]
sys.exit(None if as_described else "The behaviour has changed.")
EOF
