#!/usr/bin/env bash
# Packages: arbor==0.12.2 numpy==2.4.6
# Guess: the end of a cable and the beginnings of its two branches are one place, so a current that is
# injected there has one effect, however the place is named.
# Behaviour: the current goes into the control volume of the branch in whose name the place was given.
# With one volume per branch it is another branch that is depolarized.
# Seen (100 um branches, 0.1 nA, 5 ms; mV of trunk, left, right): (location 0 1) -64.334, -64.879, -64.879;
# (location 1 0) -64.879, -64.334, -64.879; (location 2 0) -64.879, -64.879, -64.334
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet arbor==0.12.2 numpy==2.4.6
venv/bin/python - <<'EOF'
import sys

import arbor
from arbor import mnpos, mpoint, units


def end_voltages(place):
    tree = arbor.segment_tree()
    trunk = tree.append(mnpos, mpoint(0, 0, 0, 1), mpoint(100, 0, 0, 1), tag=1)
    for end in (100, -100):
        tree.append(trunk, mpoint(100, 0, 0, 1), mpoint(100, end, 0, 1), tag=3)
    decor = arbor.decor().set_property(Vm=-65 * units.mV).paint("(all)", arbor.density("pas"))
    decor.place(place, arbor.i_clamp(0 * units.ms, 100 * units.ms, 0.1 * units.nA))
    policy = arbor.cv_policy("(fixed-per-branch 1)")
    model = arbor.single_cell_model(arbor.cable_cell(tree, decor, arbor.label_dict(), policy))
    for branch in range(3):
        model.probe("voltage", f"(location {branch} 0.5)", tag=f"branch {branch}", frequency=10 * units.kHz)
    model.run(5 * units.ms, dt=0.025 * units.ms)
    return [round(trace.value[-1], 3) for trace in model.traces]


strongest = []
for place in ("(location 0 1)", "(location 1 0)", "(location 2 0)"):
    voltages = end_voltages(place)
    strongest.append(voltages.index(max(voltages)))
    print(place, voltages)
as_described = strongest == [0, 1, 2]
sys.exit(None if as_described else "The behaviour has changed.")
EOF
