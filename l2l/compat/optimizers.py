"""The other framework's optimizers: their parameters, and which of ours does the same.

Ours search the unit cube that the space spans, theirs the parameters themselves. What they give in units of the
parameters is divided by the mean range of the coordinates. A weighted fitness of theirs is a cost of ours divided by
the weight's size, and so are temperatures.
"""

import math
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from l2l.compat.containers import dict_to_list, list_to_dict
from l2l.compat.distributions import Distribution, Gaussian
from l2l.compat.trajectory import Trajectory
from l2l.errors import OptionError
from l2l.space import Integer, ParameterSpace, Real

# Named tuples of this form, since scripts give them by place and by name, and ask for `_asdict`.
OptimizerParameters = namedtuple("OptimizerParameters", "")
GeneticAlgorithmParameters = namedtuple(
    "GeneticAlgorithmParameters",
    "seed pop_size cx_prob mut_prob n_iteration ind_prob tourn_size mate_par mut_par",
)
MultiGeneticAlgorithmParameters = namedtuple(
    "MultiGeneticAlgorithmParameters",
    "seed pop_size cx_prob mut_prob n_iteration ind_prob tourn_size mate_par mut_par n_inner_params",
)
EvolutionStrategiesParameters = namedtuple(
    "EvolutionStrategiesParameters",
    "learning_rate noise_std mirrored_sampling_enabled fitness_shaping_enabled pop_size "
    "n_iteration stop_criterion seed",
)
NaturalEvolutionStrategiesParameters = namedtuple(
    "NaturalEvolutionStrategiesParameters",
    "learning_rate_mu learning_rate_sigma mu sigma mirrored_sampling_enabled "
    "fitness_shaping_enabled pop_size n_iteration stop_criterion seed",
)
CrossEntropyParameters = namedtuple(
    "CrossEntropyParameters",
    "pop_size rho smoothing temp_decay n_iteration distribution stop_criterion seed",
)
FACEParameters = namedtuple(
    "FACEParameters",
    "min_pop_size max_pop_size n_elite smoothing temp_decay n_iteration distribution stop_criterion n_expand seed",
)
ClassicGDParameters = namedtuple(
    "ClassicGDParameters",
    "learning_rate exploration_step_size n_random_steps n_iteration stop_criterion seed",
)
StochasticGDParameters = namedtuple(
    "StochasticGDParameters",
    "learning_rate stochastic_deviation stochastic_decay exploration_step_size n_random_steps "
    "n_iteration stop_criterion seed",
)
AdamParameters = namedtuple(
    "AdamParameters",
    "learning_rate exploration_step_size n_random_steps first_order_decay second_order_decay "
    "n_iteration stop_criterion seed",
)
AdaMaxParameters = namedtuple(
    "AdaMaxParameters",
    "learning_rate exploration_step_size n_random_steps first_order_decay second_order_decay "
    "n_iteration stop_criterion seed",
)
RMSPropParameters = namedtuple(
    "RMSPropParameters",
    "learning_rate exploration_step_size n_random_steps momentum_decay n_iteration stop_criterion seed",
)
MultiClassicGDParameters = namedtuple(
    "MultiClassicGDParameters",
    "learning_rate exploration_step_size n_random_steps n_iteration stop_criterion seed n_inner_params",
)
MultiStochasticGDParameters = namedtuple(
    "MultiStochasticGDParameters",
    "learning_rate stochastic_deviation stochastic_decay exploration_step_size n_random_steps "
    "n_iteration stop_criterion seed n_inner_params",
)
MultiAdamParameters = namedtuple(
    "MultiAdamParameters",
    "learning_rate exploration_step_size n_random_steps first_order_decay second_order_decay "
    "n_iteration stop_criterion seed n_inner_params",
)
MultiRMSPropParameters = namedtuple(
    "MultiRMSPropParameters",
    "learning_rate exploration_step_size n_random_steps momentum_decay n_iteration stop_criterion seed n_inner_params",
)
GridSearchParameters = namedtuple("GridSearchParameters", "param_grid")
SimulatedAnnealingParameters = namedtuple(
    "SimulatedAnnealingParameters",
    "n_parallel_runs noisy_step temp_decay n_iteration stop_criterion seed cooling_schedule",
)
ParallelTemperingParameters = namedtuple(
    "ParallelTemperingParameters",
    "n_parallel_runs noisy_step n_iteration stop_criterion seed cooling_schedules temperature_bounds decay_parameters",
)


class AvailableCoolingSchedules(Enum):
    """Names of cooling schedules."""

    DEFAULT = 1
    LOGARITHMIC = 2
    EXPONENTIAL = 3
    LINEAR_MULTIPLICATIVE = 4
    QUADRATIC_MULTIPLICATIVE = 5
    LINEAR_ADDAPTIVE = 6
    QUADRATIC_ADDAPTIVE = 7
    EXPONENTIAL_ADDAPTIVE = 8
    TRIGONOMETRIC_ADDAPTIVE = 9


_SCHEDULES = {
    AvailableCoolingSchedules.LOGARITHMIC: "logarithmic",
    AvailableCoolingSchedules.LINEAR_MULTIPLICATIVE: "cauchy",
    AvailableCoolingSchedules.QUADRATIC_MULTIPLICATIVE: "cauchy",
    AvailableCoolingSchedules.LINEAR_ADDAPTIVE: "linear",
    AvailableCoolingSchedules.QUADRATIC_ADDAPTIVE: "quadratic",
    AvailableCoolingSchedules.EXPONENTIAL_ADDAPTIVE: "quadratic",
    AvailableCoolingSchedules.TRIGONOMETRIC_ADDAPTIVE: "quadratic",
}
_EXPONENTIAL_RATE = 0.85
"""The factor of their schedule EXPONENTIAL, which takes none from the parameters."""
_LARGEST_GENERATION = 10_000
"""Points of a grid that are asked together; their grid search asks all at once."""


@dataclass(frozen=True)
class Scale:
    """What turns their units into ours.

    Args:
        space: What is searched.
        weight: Of the fitness, without its sign.
    """

    space: ParameterSpace
    weight: float

    @property
    def width(self) -> float:
        """The mean range of the coordinates, in units of the parameters."""
        numbers = [one for one in self.space.parameters.values() if isinstance(one, Real | Integer)]
        ranges = [float(one.high - one.low) for one in numbers for _ in range(max(1, math.prod(one.shape)))]
        return float(np.mean(ranges)) if ranges else 1.0

    def share(self, length: Any) -> float:
        """A length in units of the parameters, or the mean of several, as one of the unit cube."""
        return float(np.clip(np.mean(length) / self.width, 1e-6, 1.0))


@dataclass(frozen=True)
class Plan:
    """One of our optimizers in place of one of theirs.

    Args:
        name: As registered.
        options: Of it.
        draws: How many individuals of `create_individual` it begins with.
        initial: Individuals to begin with instead.
    """

    name: str
    options: Mapping[str, Any]
    draws: int = 0
    initial: Sequence[Mapping[str, Any]] = field(default=())


class Optimizer:
    """The base of their optimizers, which says what is to be done; ours does it.

    Args:
        traj: What the script looks at.
        optimizee_create_individual: The method of the optimizee that draws an individual.
        optimizee_fitness_weights: One per fitness: positive where more is better, negative where less is.
        parameters: Of the algorithm.
        optimizee_bounding_func: The method of the optimizee that bounds an individual.
    """

    def __init__(
        self,
        traj: Trajectory,
        optimizee_create_individual: Callable[[], Mapping[str, Any]],
        optimizee_fitness_weights: Sequence[float] = (1.0,),
        parameters: Any = None,
        optimizee_bounding_func: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
    ) -> None:
        if isinstance(optimizee_fitness_weights, int | float):
            optimizee_fitness_weights = (optimizee_fitness_weights,)
        self.optimizee_create_individual = optimizee_create_individual
        self.optimizee_fitness_weights = tuple(float(one) for one in optimizee_fitness_weights)
        self.optimizee_bounding_func = optimizee_bounding_func
        self.parameters = parameters
        self.g = 0
        self.best_individual: Mapping[str, Any] | None = None
        self.best_fitness: Any = None
        self.eval_pop: list[Mapping[str, Any]] = []
        for name, value in self._settings().items():
            traj.f_add_parameter(name, value)

    def _settings(self) -> dict[str, Any]:
        return dict(self.parameters._asdict()) if hasattr(self.parameters, "_asdict") else {}

    @property
    def bounds(self) -> Mapping[str, tuple[float, float]]:
        """Bounds that the parameters name."""
        return {}

    @property
    def seed(self) -> int:
        """Of all randomness."""
        seed = getattr(self.parameters, "seed", None)
        return 0 if seed is None else int(seed)

    @property
    def generations(self) -> int | None:
        """After which the run ends; None where the optimizer finishes by itself."""
        return max(1, int(self.parameters.n_iteration))

    @property
    def target(self) -> float | None:
        """The fitness at which the run ends, where there is one."""
        reached = getattr(self.parameters, "stop_criterion", None)
        if reached is None or not math.isfinite(reached) or len(self.optimizee_fitness_weights) > 1:
            return None
        weight = self.optimizee_fitness_weights[0]
        return float(reached) / weight if weight else None

    def plan(self, scale: Scale) -> Plan:
        """Which of our optimizers does the same.

        Raises:
            OptionError: None: the class is a user's own.
        """
        raise OptionError(
            f"{type(self).__name__}: an optimizer of one's own cannot be run by l2l.compat; write it as an "
            "l2l.Optimizer with ask and tell"
        )

    def post_process(self, traj: Trajectory, fitnesses_results: Any) -> None:
        """Called by none: our optimizer learns in its place."""

    def end(self, traj: Trajectory) -> None:
        """Write what was found into the trajectory."""
        traj.f_add_result("final_individual", self.best_individual)
        traj.f_add_result("final_fitness", self.best_fitness)
        traj.f_add_result("n_iteration", self.g)


class GeneticAlgorithmOptimizer(Optimizer):
    """Blend crossover, normal mutation, tournaments, without elitism: `genetic-algorithm`."""

    def plan(self, scale: Scale) -> Plan:
        """As in the base class."""
        p = self.parameters
        population = max(2, int(p.pop_size) * getattr(p, "n_inner_params", 1))
        return Plan(
            "genetic-algorithm",
            {
                "population": population,
                "crossover": "blend",
                "crossover_probability": float(p.cx_prob),
                "alpha": float(p.mate_par),
                "mutation": "gaussian",
                "mutation_probability": min(1.0, float(p.mut_prob) * float(p.ind_prob)),
                "sigma": scale.share(p.mut_par),
                "tournament": int(p.tourn_size),
                "elitism": 0,
            },
            draws=population,
        )


class MultiGeneticAlgorithmOptimizer(GeneticAlgorithmOptimizer):
    """The same, with each of the individuals that theirs puts together as an individual of its own."""


class EvolutionStrategiesOptimizer(Optimizer):
    """Pairs of samples around a mean, which is asked, too: `evolution-strategies`."""

    def plan(self, scale: Scale) -> Plan:
        """As in the base class."""
        p = self.parameters
        pairs = int(p.pop_size) if p.mirrored_sampling_enabled else math.ceil(p.pop_size / 2)
        options = {
            "population": 2 * max(1, pairs) + 1,
            "sigma": scale.share(p.noise_std),
            "decay": 1.0,
            "rank_shaping": bool(p.fitness_shaping_enabled),
        }
        return Plan("evolution-strategies", options, draws=1)


class NaturalEvolutionStrategiesOptimizer(Optimizer):
    """The separable kind: `natural-evolution-strategies`."""

    def plan(self, scale: Scale) -> Plan:
        """As in the base class."""
        p = self.parameters
        options: dict[str, Any] = {"kind": "separable", "sigma": scale.share(p.sigma)}
        if p.pop_size is not None:
            options["population"] = max(2, int(p.pop_size) * (2 if p.mirrored_sampling_enabled else 1))
        if p.learning_rate_mu is not None:
            options["mean_rate"] = float(p.learning_rate_mu)
        if p.learning_rate_sigma is not None:
            options["sigma_rate"] = float(p.learning_rate_sigma)
        _, spec = dict_to_list(self.optimizee_create_individual(), get_dict_spec=True)
        length = sum(length for _, _, length in spec)
        mean = list_to_dict(np.broadcast_to(np.asarray(p.mu, dtype=float), length).tolist(), spec)
        return Plan("natural-evolution-strategies", options, initial=[mean])


class CrossEntropyOptimizer(Optimizer):
    """The elite of each generation shapes a distribution: `cross-entropy`."""

    def plan(self, scale: Scale) -> Plan:
        """As in the base class."""
        p = self.parameters
        population = int(p.pop_size)
        elites = max(2, math.ceil(p.rho * population))
        options = {
            "population": population,
            "elite": float(p.rho),
            "smoothing": 1.0 - float(p.smoothing),
            **_distributed(p.distribution, elites, scale),
        }
        return Plan("cross-entropy", options, draws=population)


def _distributed(distribution: Distribution | None, elites: int, scale: Scale) -> dict[str, Any]:
    """Options of the distribution of `cross-entropy`."""
    one = distribution if distribution is not None else Gaussian()
    name, components = getattr(one, "name", "full"), min(getattr(one, "components", 1), elites // 2)
    noise = getattr(one, "noise_magnitude", 0.0)
    options: dict[str, Any] = {
        "distribution": name,
        "noise": scale.share(noise) if noise else 0.0,
        "noise_decay": float(getattr(one, "noise_decay", 1.0)),
    }
    return options | ({"components": max(1, components)} if name == "mixture" else {})


class FACEOptimizer(Optimizer):
    """Cross-entropy whose sample grows where nothing improves: `face`."""

    def plan(self, scale: Scale) -> Plan:
        """As in the base class."""
        p = self.parameters
        population = max(2, int(p.min_pop_size))
        options = {
            "population": population,
            "largest": max(population, int(p.max_pop_size)),
            "elites": max(2, int(p.n_elite)),
            "distribution": "full",
            "smoothing": 1.0 - float(p.smoothing),
        }
        return Plan("face", options, draws=population)


_RULES: dict[type, str] = {
    ClassicGDParameters: "sgd",
    StochasticGDParameters: "sgd",
    AdamParameters: "adam",
    AdaMaxParameters: "adamax",
    RMSPropParameters: "rmsprop",
    MultiClassicGDParameters: "sgd",
    MultiStochasticGDParameters: "sgd",
    MultiAdamParameters: "adam",
    MultiRMSPropParameters: "rmsprop",
}


class GradientDescentOptimizer(Optimizer):
    """Gradients by least squares over random directions around one individual: `gradient-descent`."""

    def plan(self, scale: Scale) -> Plan:
        """As in the base class.

        Raises:
            OptionError: The parameters are of no known kind.
        """
        p = self.parameters
        if type(p) not in _RULES:
            raise OptionError(f"{type(self).__name__}: parameters: expected ClassicGDParameters or its like, got {p!r}")
        rule = _RULES[type(p)]
        # A length per coordinate where the rule makes one; a factor of the gradient in the unit cube otherwise.
        rate = p.learning_rate * scale.weight / scale.width**2 if rule == "sgd" else scale.share(p.learning_rate)
        options: dict[str, Any] = {
            "population": int(p.n_random_steps) * getattr(p, "n_inner_params", 1) + 1,
            "gradient": "least-squares",
            "rule": rule,
            "starts": 1,
            "learning_rate": float(rate),
            "decay": 0.0,
            "step": min(1.0, scale.share(p.exploration_step_size) * math.sqrt(scale.space.dimension)),
        }
        if rule in ("adam", "adamax"):
            options |= {"momentum": float(p.first_order_decay), "smoothing": float(p.second_order_decay)}
        if rule == "rmsprop":
            options["smoothing"] = float(p.momentum_decay)
        return Plan("gradient-descent", options, draws=1)


class MultiGradientDescentOptimizer(GradientDescentOptimizer):
    """The same, with each of the individuals that theirs puts together as an individual of its own."""


class GridSearchOptimizer(Optimizer):
    """Every point of a grid: `grid`."""

    @property
    def generations(self) -> int | None:
        """It finishes by itself."""
        return None

    @property
    def bounds(self) -> Mapping[str, tuple[float, float]]:
        """Those of the grid."""
        return {name: (low, high) for name, (low, high, _) in self.parameters.param_grid.items()}

    def plan(self, scale: Scale) -> Plan:
        """As in the base class."""
        points = {name: int(steps) + 1 for name, (_, _, steps) in self.parameters.param_grid.items()}
        sizes = [points[name] ** max(1, math.prod(getattr(scale.space[name], "shape", ()))) for name in points]
        return Plan("grid", {"points": points, "population": min(math.prod(sizes), _LARGEST_GENERATION)})


class SimulatedAnnealingOptimizer(Optimizer):
    """Chains of random steps: `simulated-annealing`, beginning at temperature 1 of the weighted fitness."""

    def plan(self, scale: Scale) -> Plan:
        """As in the base class."""
        p = self.parameters
        rate = float(p.temp_decay)
        schedule = _SCHEDULES.get(p.cooling_schedule, "exponential")
        if p.cooling_schedule is AvailableCoolingSchedules.EXPONENTIAL:
            rate = _EXPONENTIAL_RATE
        elif schedule == "exponential" and not 0.0 < rate < 1.0:
            schedule = "constant"
        options = {
            "population": int(p.n_parallel_runs),
            "schedule": schedule,
            "temperature": 1.0 / scale.weight,
            "steps": int(p.n_iteration),
            "final": 0.0,
            "scale": scale.share(p.noisy_step),
            **({"rate": rate} if schedule == "exponential" else {}),
        }
        return Plan("simulated-annealing", options, draws=int(p.n_parallel_runs))


class ParallelTemperingOptimizer(Optimizer):
    """Chains at several temperatures that exchange their states: `parallel-tempering`."""

    def plan(self, scale: Scale) -> Plan:
        """As in the base class."""
        p = self.parameters
        hottest = sorted({float(one) / scale.weight for one in np.atleast_2d(p.temperature_bounds)[:, 0]})
        options: dict[str, Any] = {"population": max(2, int(p.n_parallel_runs)), "scale": scale.share(p.noisy_step)}
        if len(hottest) == options["population"] and hottest[0] > 0.0:
            options["temperatures"] = hottest
        return Plan("parallel-tempering", options, draws=options["population"])
