"""Steps per second of an agent in Gymnasium: l2l's inner loop beside a bare loop with the same linear policy.

    python benchmarks/steps.py

Both play the same episodes, one after the other, `--repeats` times; processor time of this process counts, and the
median.
"""

import argparse
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import gymnasium
import numpy as np
from tables import table

from l2l.optimizees import GymnasiumOptimizee
from l2l.values import Trial

ENVIRONMENTS = ("CartPole-v1", "MountainCar-v0", "Acrobot-v1", "Pendulum-v1", "LunarLander-v3", "HalfCheetah-v5")


def bare(env: Any, weights: Any, seeds: Sequence[int]) -> tuple[int, float]:
    """Steps and seconds of episodes, as a script would play them."""
    matrix, bias = np.ascontiguousarray(weights[:, :-1]), np.ascontiguousarray(weights[:, -1])
    discrete = isinstance(env.action_space, gymnasium.spaces.Discrete)
    reach = None if discrete else env.action_space.high
    steps, begin = 0, time.process_time()
    for seed in seeds:
        observation, _ = env.reset(seed=seed)
        over = False
        while not over:
            outputs = matrix @ observation + bias
            action = int(np.argmax(outputs)) if discrete else (np.tanh(outputs) * reach).astype(np.float32)
            observation, _, terminated, truncated, _ = env.step(action)
            steps += 1
            over = terminated or truncated
    return steps, time.process_time() - begin


def ours(agent: GymnasiumOptimizee, weights: Any, entropy: int) -> tuple[int, float]:
    """Steps and seconds of a trial."""
    individual = agent.describe().individual({"weights": weights.ravel()})
    begin = time.process_time()
    outcome = agent.simulate(individual, Trial(individual, entropy=entropy))
    return sum(outcome.observables["steps"]), time.process_time() - begin


def measured(name: str, episodes: int, repeats: int) -> list[str]:
    """A row of the table."""
    agent = GymnasiumOptimizee(environment=name, episodes=episodes, max_steps=500)
    agent.setup()
    space, env = agent.describe(), gymnasium.make(name, max_episode_steps=500, disable_env_checker=True)
    inputs = gymnasium.spaces.flatdim(env.observation_space)
    rates: tuple[list[float], list[float]] = [], []
    for repeat in range(repeats):
        weights = space.sample(1, np.random.default_rng(repeat))[0]["weights"].reshape(-1, inputs + 1)
        seeds = np.random.default_rng(repeat).integers(0, 2**31 - 1, size=episodes).tolist()
        both = bare(env, weights, seeds), ours(agent, weights, repeat)
        assert both[0][0] == both[1][0], f"{name}: {both[0][0]} steps alone, {both[1][0]} in a trial"
        for rate, (steps, seconds) in zip(rates, both, strict=True):
            rate.append(steps / seconds)
    agent.teardown()
    env.close()
    alone, within = map(median, rates)
    return [name, f"{alone:,.0f}", f"{within:,.0f}", f"{within / alone:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=ENVIRONMENTS, default=ENVIRONMENTS)
    parser.add_argument("--folder", help="not used: it writes nothing")
    given = parser.parse_args()
    rows = [measured(name, given.episodes, given.repeats) for name in given.only]
    print(table(["environment", "bare loop, steps/s", "l2l, steps/s", "ratio"], rows))


if __name__ == "__main__":
    main()
