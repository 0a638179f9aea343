"""Writes recording.txt: the neuron at known parameters, integrated by another method, with noise."""

import numpy as np
from scipy.integrate import solve_ivp

A, B, TAU, CURRENT = 0.7, 0.8, 12.5, 0.5
NOISE = 0.05
TIMES = np.arange(0.0, 200.0, 1.0)


def slope(_: float, state: np.ndarray) -> list[float]:
    v, w = state
    return [v - v**3 / 3.0 - w + CURRENT, (v + A - B * w) / TAU]


if __name__ == "__main__":
    solution = solve_ivp(slope, (0.0, TIMES[-1]), [-1.2, -0.625], method="DOP853", t_eval=TIMES, rtol=1e-10, atol=1e-12)
    v = solution.y[0] + np.random.default_rng(1961).normal(scale=NOISE, size=TIMES.size)
    np.savetxt("recording.txt", np.column_stack([TIMES, v]), fmt=["%.1f", "%.4f"])
