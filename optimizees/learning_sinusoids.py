"""Few-shot regression of random sinusoids by a small network, whose start and learning rates the outer loop tunes.

The family of tasks: C. Finn, P. Abbeel and S. Levine (2017), Model-agnostic meta-learning for fast adaptation of deep
networks, ICML, PMLR 70, 1126-1135, arXiv:1703.03400. Learning rates that are learned along with the start: Z. Li,
F. Zhou, F. Chen and H. Li (2017), Meta-SGD: learning to learn quickly for few-shot learning, arXiv:1707.09835.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.individual import Individual
from l2l.optimizees.learning import PER_TASK, Learned, LearningOptimizee, Split
from l2l.optimizees.simulator import check_number
from l2l.space import ParameterSpace, Real
from l2l.values import Observable

Array = NDArray[np.float64]

WIDTH = 5.0
"""The domain of the sinusoids is from -WIDTH to WIDTH."""
QUERIES = 50
"""Points of the domain, evenly spaced, at which a learner is compared with the sinusoid."""


class LearningSinusoids(LearningOptimizee):
    """A network learns a sinusoid from a few points by a few steps of gradient descent.

    A task is the function `a * sin(x + p)` on x from -5 to 5, with a from 0.1 to 5 and p from 0 to π. The learner sees
    it at `shots` random points, and takes `steps` steps down the gradient of its mean squared error there. It is a
    network with one hidden layer of tanh units, the same at the start of each task.

    Parameters: its weights and biases at the start, `hidden_weights`, `hidden_biases`, `output_weights` (one of each a
    unit) and `output_bias`; `learning_rates` of these four, in this order. The default individual is a learner that
    was not tuned: weights and biases drawn at random, and one learning rate for all.

    The fitness `loss` is the mean squared error on the whole domain after the last step, averaged over the tasks.
    Observables: `curve`, that error before the first step and after each; `per_task`, the loss on each task. A learner
    that diverges is invalid.

    Args:
        hidden: Units of the hidden layer.
        shots: Points of each sinusoid that the learner sees.
        steps: Of gradient descent, on all these points.
        train_tasks: Sinusoids of a trial.
        test_tasks: Sinusoids held out, which a validation learns.
        untuned_seed: Draws the start of the default individual.
        untuned_rate: Learning rate of the default individual.

    Raises:
        OptionError: A number is out of range.

    Example:
        >>> LearningSinusoids(hidden=3).space.dimension
        14
    """

    def __init__(
        self,
        *,
        hidden: int = 20,
        shots: int = 10,
        steps: int = 5,
        train_tasks: int = 100,
        test_tasks: int = 1000,
        untuned_seed: int = 0,
        untuned_rate: float = 0.02,
    ) -> None:
        numbers = {"hidden": hidden, "shots": shots, "steps": steps}
        for name, number in {**numbers, "train_tasks": train_tasks, "test_tasks": test_tasks}.items():
            check_number(self, name, number, least=1)
        check_number(self, "untuned_seed", untuned_seed, least=0)
        check_number(self, "untuned_rate", untuned_rate, least=1e-4, most=1.0)
        self.shots, self.steps = shots, steps
        self.number = {"train": train_tasks, "test": test_tasks}
        self.observables = {**PER_TASK, "curve": Observable(shape=(steps + 1,))}
        rng = np.random.default_rng(untuned_seed)
        weights, biases = rng.normal(size=hidden).clip(-3.0, 3.0), rng.uniform(-3.0, 3.0, size=hidden)
        outputs = rng.normal(scale=hidden**-0.5, size=hidden)
        self.space = ParameterSpace(
            learning_rates=Real(1e-4, 1.0, log=True, shape=4, default=untuned_rate),
            hidden_weights=Real(-3.0, 3.0, shape=hidden, default=weights),
            hidden_biases=Real(-6.0, 6.0, shape=hidden, default=biases),
            output_weights=Real(-5.0, 5.0, shape=hidden, default=outputs),
            output_bias=Real(-3.0, 3.0, default=0.0),
        )

    def tasks(self, split: Split, rng: np.random.Generator) -> Array:
        """Amplitudes and phases, (n, 2)."""
        return rng.uniform((0.1, 0.0), (5.0, np.pi), size=(self.number[split], 2))

    def learn(self, individual: Individual, task: Any, rng: np.random.Generator) -> Learned:
        """Learn one sinusoid."""
        return self.learn_all(individual, [task], [rng])[0]

    def learn_all(
        self, individual: Individual, tasks: Sequence[Any] | Array, rngs: Sequence[np.random.Generator]
    ) -> Sequence[Learned]:
        """Learn all sinusoids side by side."""
        amplitude, phase = np.asarray(tasks, dtype=np.float64).T[:, :, None]
        seen = np.stack([rng.uniform(-WIDTH, WIDTH, size=self.shots) for rng in rngs])
        wanted = amplitude * np.sin(seen + phase)
        asked = np.broadcast_to(np.linspace(-WIDTH, WIDTH, QUERIES), (len(seen), QUERIES))
        truth = amplitude * np.sin(asked + phase)
        rates = individual["learning_rates"]
        learner = Learners(individual, len(seen))
        curves = np.empty((len(seen), self.steps + 1))
        with np.errstate(over="ignore", invalid="ignore"):  # what diverges is told by its loss
            for step in range(self.steps + 1):
                if step:
                    learner.descend(seen, wanted, rates)
                curves[:, step] = np.mean((learner(asked) - truth) ** 2, axis=1)
        return [{"loss": float(curve[-1]), "curve": curve} for curve in curves]


class Learners:
    """Networks with one hidden layer of h tanh units, one a task, that begin alike.

    Args:
        start: Their weights and biases.
        number: How many, n.
    """

    def __init__(self, start: Individual, number: int) -> None:
        names = ("hidden_weights", "hidden_biases", "output_weights")
        self.weights, self.biases, self.outputs = (np.tile(start[name], (number, 1)) for name in names)
        self.bias = np.full((number, 1), start["output_bias"])

    def __call__(self, x: Array) -> Array:
        """What they answer at (n, k) points."""
        return self._answers(self._hidden(x))

    def _hidden(self, x: Array) -> Array:
        hidden: Array = np.tanh(x[:, :, None] * self.weights[:, None, :] + self.biases[:, None, :])
        return hidden

    def _answers(self, hidden: Array) -> Array:
        answers: Array = np.einsum("nkh,nh->nk", hidden, self.outputs) + self.bias
        return answers

    def descend(self, x: Array, y: Array, rates: Array) -> None:
        """One step down the gradient of the mean squared error.

        Args:
            x: Points, (n, k).
            y: What they should have answered there, (n, k).
            rates: Learning rates of hidden weights, hidden biases, output weights and output bias.
        """
        hidden = self._hidden(x)
        error = 2.0 / x.shape[1] * (self._answers(hidden) - y)
        back = error[:, :, None] * self.outputs[:, None, :] * (1.0 - hidden**2)
        self.weights -= rates[0] * np.einsum("nkh,nk->nh", back, x)
        self.biases -= rates[1] * back.sum(axis=1)
        self.outputs -= rates[2] * np.einsum("nkh,nk->nh", hidden, error)
        self.bias -= rates[3] * error.sum(axis=1, keepdims=True)
