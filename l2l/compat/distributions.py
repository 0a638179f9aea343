"""The distributions of the other framework's cross-entropy methods: what a script asks for, not how it is drawn."""

from typing import Any


class Distribution:
    """The base of the distributions."""

    name: str = "full"
    """What our `cross-entropy` calls it."""
    components: int = 1
    noise_magnitude: float = 0.0
    noise_decay: float = 1.0

    def get_params(self) -> dict[str, Any]:
        """What it was made with."""
        return {"distribution_name": type(self).__name__, **vars(self)}


class Gaussian(Distribution):
    """A normal distribution with all covariances."""


class NoisyGaussian(Gaussian):
    """A normal distribution whose variances get noise on top, less and less.

    Args:
        noise_magnitude: In units of the parameters.
        coordinate_scale: Of each coordinate; not used here.
        noise_decay: Factor after each generation.
    """

    def __init__(self, noise_magnitude: float = 1.0, coordinate_scale: Any = None, noise_decay: float = 0.95) -> None:
        self.noise_magnitude = float(noise_magnitude)
        self.noise_decay = float(noise_decay)


class BayesianGaussianMixture(Distribution):
    """A mixture of normal distributions.

    Args:
        n_components: Of the mixture.
        options: Of scikit-learn's class; not used here.
    """

    name = "mixture"

    def __init__(self, n_components: int = 2, **options: Any) -> None:
        self.components = int(n_components)


class NoisyBayesianGaussianMixture(BayesianGaussianMixture):
    """A mixture whose variances get noise on top, less and less.

    Args:
        n_components: Of the mixture.
        noise_magnitude: In units of the parameters.
        coordinate_scale: Of each coordinate; not used here.
        noise_decay: Factor after each generation.
        options: Of scikit-learn's class; not used here.
    """

    def __init__(
        self,
        n_components: int = 2,
        noise_magnitude: float = 1.0,
        coordinate_scale: Any = None,
        noise_decay: float = 0.95,
        **options: Any,
    ) -> None:
        super().__init__(n_components)
        self.noise_magnitude = float(noise_magnitude)
        self.noise_decay = float(noise_decay)
