#!/usr/bin/env bash
# Packages: elephant==1.2.1 neo==0.14.6 quantities==0.16.4 numpy==2.4.6
# Guess: instantaneous_rate with an ExponentialKernel, which is zero before its spike, is causal.
# Behaviour: the kernel's median is put on the spike by default, so the rate rises ahead of it by
# 0.69 times sigma, and a stimulus seems to be answered before it comes; center_kernel=False is causal.
# Seen (spike at 5 s, sigma 1 s): rate is highest at 4.31 s, with center_kernel=False at 5.0 s
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet elephant==1.2.1 neo==0.14.6 quantities==0.16.4 numpy==2.4.6
venv/bin/python - <<'EOF'
import sys

import neo
import quantities as pq
from elephant.kernels import ExponentialKernel
from elephant.statistics import instantaneous_rate

train = neo.SpikeTrain([5.0] * pq.s, t_stop=20 * pq.s)


def highest(**settings):
    kernel = ExponentialKernel(sigma=1 * pq.s)
    rate = instantaneous_rate(train, sampling_period=10 * pq.ms, kernel=kernel, **settings)
    return round(float(rate.times[rate.magnitude[:, 0].argmax()].rescale("s")), 2)


by_default, causal = highest(), highest(center_kernel=False)
print("highest rate at", by_default, "s, with center_kernel=False at", causal, "s")
as_described = 4.25 < by_default < 4.35 and causal == 5.0
sys.exit(None if as_described else "The behaviour has changed.")
EOF
