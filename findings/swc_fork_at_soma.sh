#!/usr/bin/env bash
# Packages: neurom==4.0.6 neuron==9.0.2 numpy==2.4.6
# Guess: readers agree on the length of a dendrite whose first point, 10 um from a one-point soma, is
# already a fork.
# Behaviour: NEURON draws a section from the soma's centre to the fork; NeuroM has a first section of
# one point and no length. Where the first point is no fork both begin there. So moving
# a fork to the first point adds the way from the centre to NEURON's dendrite.
# Seen: fork at the first point: NEURON 32.361 um, NeuroM 22.361; no fork: 10.0 and 10.0
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet neurom==4.0.6 neuron==9.0.2 numpy==2.4.6
venv/bin/python - <<'EOF'
import sys
from pathlib import Path

import neurom
from neuron import h

h.load_file("stdlib.hoc")
h.load_file("import3d.hoc")
SOMA = "1 1 0 0 0 5 -1\n2 3 10 0 0 1 1\n"


def lengths(points):
    Path("cell.swc").write_text(SOMA + points)
    reader = h.Import3d_SWC_read()
    reader.input("cell.swc")
    h.Import3d_GUI(reader, 0).instantiate(None)
    by_neuron = sum(section.L for section in h.allsec() if "dend" in section.name())
    for section in list(h.allsec()):
        h.delete_section(sec=section)
    by_neurom = float(neurom.get("total_length", neurom.load_morphology("cell.swc")))
    return round(by_neuron, 3), round(by_neurom, 3)


forked = lengths("3 3 20 5 0 1 2\n4 3 20 -5 0 1 2\n")
plain = lengths("3 3 20 0 0 1 2\n")
print("NEURON and NeuroM (um): fork at the first point", forked, " no fork", plain)
as_described = forked == (32.361, 22.361) and plain == (10.0, 10.0)
sys.exit(None if as_described else "The behaviour has changed.")
EOF
