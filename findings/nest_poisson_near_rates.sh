#!/usr/bin/env bash
# Packages: nest-simulator==3.10.0 numpy==2.4.6
# Guess: with one rng_seed, Poisson trains of 1000 and 1010 spikes/s are nearly the same train, so that
# a fitness over the rate is smooth (common random numbers).
# Behaviour: they share no more spike times than trains of two seeds do; the same rate repeats bit for bit.
# Seen (1 s, step 0.1 ms): 951 and 964 spikes, 98 times in common, 92 expected by chance; same rate 951
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet nest-simulator==3.10.0 numpy==2.4.6
PYNEST_QUIET=1 OMP_NUM_THREADS=1 venv/bin/python - <<'EOF'
import sys

import nest

nest.verbosity = nest.VerbosityLevel.ERROR


def train(rate):
    nest.ResetKernel()
    nest.rng_seed = 7
    source = nest.Create("poisson_generator", params={"rate": rate})
    parrot = nest.Create("parrot_neuron")
    recorder = nest.Create("spike_recorder")
    nest.Connect(source, parrot)
    nest.Connect(parrot, recorder)
    nest.Simulate(1000.0)
    return {round(float(time), 1) for time in recorder.events["times"]}


slow, fast, again = train(1000.0), train(1010.0), train(1000.0)
chance = len(slow) * len(fast) / 10_000
print(len(slow), "and", len(fast), "spikes,", len(slow & fast), "times in common, by chance", round(chance))
print("same rate:", len(slow & again))
as_described = again == slow and len(slow & fast) < 2 * chance
sys.exit(None if as_described else "The behaviour has changed.")
EOF
