#!/usr/bin/env bash
# Packages: tvb-library==2.10.0 numpy==2.4.6 scipy==1.17.1 numba==0.68.1 setuptools==84.2.1
# Guess: Simulator(conduction_speed=...) sets the speed by which tract lengths become delays.
# Behaviour: the value is stored and not used: delays come from Connectivity.speed alone.
# Seen (tracts of 30 mm, Connectivity.speed 3 mm/ms): longest delay 10 steps with conduction_speed 1 and 100
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet tvb-library==2.10.0 numpy==2.4.6 scipy==1.17.1 numba==0.68.1 setuptools==84.2.1
TVB_USER_HOME="$folder" venv/bin/python - <<'EOF'
import logging
import sys

import numpy as np
from tvb.simulator.lab import connectivity, coupling, integrators, models, monitors, simulator

logging.disable(logging.ERROR)


def configured(**settings):
    network = connectivity.Connectivity(
        weights=np.array([[0.0, 1.0], [1.0, 0.0]]),
        tract_lengths=np.array([[0.0, 30.0], [30.0, 0.0]]),
        region_labels=np.array(["left", "right"]),
        centres=np.zeros((2, 3)),
        speed=np.array([3.0]),
    )
    one = simulator.Simulator(
        model=models.Linear(gamma=np.array([-0.1])),
        connectivity=network,
        coupling=coupling.Linear(a=np.array([0.0])),
        integrator=integrators.EulerDeterministic(dt=1.0),
        monitors=(monitors.Raw(),),
        simulation_length=5.0,
        **settings,
    )
    one.configure()
    return one


delays = {speed: int(configured(conduction_speed=speed).connectivity.idelays.max()) for speed in (1.0, 100.0)}
print("longest delay in steps, by conduction_speed:", delays)
as_described = delays == {1.0: 10, 100.0: 10}
sys.exit(None if as_described else "The behaviour has changed.")
EOF
