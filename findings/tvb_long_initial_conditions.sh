#!/usr/bin/env bash
# Packages: tvb-library==2.10.0 numpy==2.4.6 scipy==1.17.1 numba==0.68.1 setuptools==84.2.1
# Guess: of initial conditions that are longer than the longest delay the last samples count.
# Behaviour: the run starts from another sample unless the number of samples is a multiple of the
# horizon; with fewer samples it starts from the last one.
# Seen (horizon 11, samples 100, 101, ...): 3, 11 and 22 samples start from the last one; 12 samples
# start from 101 instead of 111, 25 samples from 116 instead of 124
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


def start(samples):
    """Return the state from which the first step, a factor of 0.9, was taken."""
    history = np.zeros((samples, 1, 2, 1)) + 100.0 + np.arange(samples).reshape(-1, 1, 1, 1)
    ((_, states),) = configured(initial_conditions=history).run()
    return round(float(states[0, 0, 0, 0]) / 0.9, 6)


starts = {samples: start(samples) for samples in (3, 11, 22, 12, 25)}
print("horizon:", configured().connectivity.horizon, " started from:", starts)
as_described = starts == {3: 102.0, 11: 110.0, 22: 121.0, 12: 101.0, 25: 116.0}
sys.exit(None if as_described else "The behaviour has changed.")
EOF
