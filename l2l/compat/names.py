"""What can be imported from the other framework's package, and which shim answers."""

ROOT = "_l2l_upstream_"
"""Their package is called so in `sys.modules`, where `l2l` is ours."""

_CONTAINERS = (
    "DictEntryType",
    "DummyTrajectory",
    "convert_dict_to_numpy",
    "dict_to_list",
    "get",
    "get_grouped_dict",
    "list_to_dict",
    "printq",
    "sdict",
    "sdictm",
    "static_var",
    "static_vars",
    "stdout_discarded",
    "stdout_redirected",
    "timed",
)
_GRADIENTS = ("ClassicGDParameters", "StochasticGDParameters", "AdamParameters", "RMSPropParameters")
_DISTRIBUTIONS = (
    "BayesianGaussianMixture",
    "Distribution",
    "Gaussian",
    "NoisyBayesianGaussianMixture",
    "NoisyGaussian",
)

_OPTIMIZERS: dict[str, tuple[str, ...]] = {
    "crossentropy": ("CrossEntropyOptimizer", "CrossEntropyParameters"),
    "evolution": ("GeneticAlgorithmOptimizer", "GeneticAlgorithmParameters"),
    "evolutionstrategies": ("EvolutionStrategiesOptimizer", "EvolutionStrategiesParameters"),
    "face": ("FACEOptimizer", "FACEParameters"),
    "gradientdescent": ("GradientDescentOptimizer", "AdaMaxParameters", *_GRADIENTS),
    "gridsearch": ("GridSearchOptimizer", "GridSearchParameters"),
    "multievolution": ("MultiGeneticAlgorithmOptimizer", "MultiGeneticAlgorithmParameters"),
    "multigradientdescent": ("MultiGradientDescentOptimizer", *(f"Multi{name}" for name in _GRADIENTS)),
    "naturalevolutionstrategies": ("NaturalEvolutionStrategiesOptimizer", "NaturalEvolutionStrategiesParameters"),
    "paralleltempering": ("AvailableCoolingSchedules", "ParallelTemperingOptimizer", "ParallelTemperingParameters"),
    "simulatedannealing": ("AvailableCoolingSchedules", "SimulatedAnnealingOptimizer", "SimulatedAnnealingParameters"),
}

MODULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "": ("l2l.compat.containers", _CONTAINERS),
    "logging_tools": ("l2l.compat.logs", ("configure_loggers", "create_shared_logger_data")),
    "matplotlib_": ("l2l.compat.pictures", ("plt",)),
    "paths": (
        "l2l.compat.paths",
        ("Paths", "PathsMap", "dict_product", "make_param_string", "order_dict_alphabetically"),
    ),
    "optimizees": ("", ()),
    "optimizees.optimizee": ("l2l.compat.optimizee", ("Optimizee", "OptimizeeParameters")),
    "optimizers": ("", ()),
    "optimizers.optimizer": ("l2l.compat.optimizers", ("Optimizer", "OptimizerParameters")),
    "optimizers.crossentropy.distribution": ("l2l.compat.distributions", _DISTRIBUTIONS),
    "utils": ("", ()),
    "utils.JUBE_runner": ("l2l.compat.experiment", ("prepare_optimizee",)),
    "utils.environment": ("l2l.compat.experiment", ("Environment",)),
    "utils.experiment": ("l2l.compat.experiment", ("Experiment",)),
    "utils.groups": ("l2l.compat.trajectory", ("ParameterDict", "ParameterGroup", "ResultGroup")),
    "utils.individual": ("l2l.compat.trajectory", ("Individual",)),
    "utils.runner": ("l2l.compat.experiment", ("prepare_optimizee",)),
    "utils.tools": ("l2l.compat.containers", ("cartesian_product",)),
    "utils.trajectory": ("l2l.compat.trajectory", ("Trajectory",)),
    **{f"optimizers.{name}": ("l2l.compat.optimizers", names) for name, names in _OPTIMIZERS.items()},
    **{f"optimizers.{name}.optimizer": ("l2l.compat.optimizers", names) for name, names in _OPTIMIZERS.items()},
}
"""Dotted name below their package → our module, and the names that it answers with."""
