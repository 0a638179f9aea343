"""`trajectory.plot`: one method for each kind of picture."""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import ArrayLike

from l2l.errors import MissingPart
from l2l.plot.data.view import View
from l2l.plot.kinds import KINDS

if TYPE_CHECKING:
    from l2l.plot.picture import Drawn, Place
    from l2l.trajectory.trajectory import Trajectory

Names = str | Sequence[str] | None


class Plot:
    """Pictures of a run; each method returns the figure that it made, or the place `ax` that it was given.

    `ax` is axes, one for each panel of the picture, or a whole figure or part of one. Names of parameters may be those
    of components (`"weights[3]"`). A picture of many individuals draws some of them, which always include the best,
    the front and all that failed, and says so.

    Args:
        trajectory: The run.

    Raises:
        MissingPart: From every method, where matplotlib is not installed.
        NotFoundError: From every method: there is nothing to draw yet, or no parameter, objective or observable of
            that name.

    Example:
        >>> figure = trajectory.plot.convergence()
        >>> figure.savefig("convergence.pdf")
        >>> trajectory.plot.map(parameters=["g", "eta"], value="rate")
    """

    def __init__(self, trajectory: "Trajectory") -> None:
        self._view = View(trajectory)

    def __repr__(self) -> str:
        return f"Plot({str(self._view.trajectory.path)!r}: {', '.join(KINDS)})"

    def convergence(
        self,
        ax: "Place" = None,
        *,
        objective: str | None = None,
        log: bool | None = None,
        by: Literal["generation", "individuals"] = "generation",
    ) -> "Drawn":
        """Best, median and quartiles over generations, with target and validation; a panel for each objective.

        Args:
            ax: Where to draw.
            objective: Which one; all unless given.
            log: Whether the fitness has a logarithmic axis; where it helps unless given.
            by: What the horizontal axis counts.
        """
        return self._drawn("convergence", ax, objective=objective, log=log, by=by)

    def parameters(self, ax: "Place" = None, *, parameters: Names = None, objective: str | None = None) -> "Drawn":
        """The distribution of each parameter over generations, a histogram for a single one, with the best so far.

        Args:
            ax: Where to draw.
            parameters: Which ones; all, or those that matter most, unless given.
            objective: In which the best is best; the first unless given.
        """
        return self._drawn("parameters", ax, parameters=_names(parameters), objective=objective)

    def parallel(self, ax: "Place" = None, *, parameters: Names = None, objective: str | None = None) -> "Drawn":
        """Parallel coordinates: each individual is a line over the axes of its parameters, coloured by its fitness.

        Args:
            ax: Where to draw.
            parameters: Which ones, in this order; all, or those that matter most, unless given.
            objective: Which fitness; the first unless given.
        """
        return self._drawn("parallel", ax, parameters=_names(parameters), objective=objective)

    def pairs(self, ax: "Place" = None, *, parameters: Names = None, objective: str | None = None) -> "Drawn":
        """A matrix of scatter plots: every pair of parameters, coloured by the fitness.

        Args:
            ax: Where to draw.
            parameters: Which ones, in this order; all, or those that matter most, unless given.
            objective: Which fitness; the first unless given.

        Raises:
            OptionError: More than 12 parameters.
        """
        return self._drawn("pairs", ax, parameters=_names(parameters), objective=objective)

    def slice(
        self,
        ax: "Place" = None,
        *,
        parameters: Names = None,
        objective: str | None = None,
        log: bool | None = None,
    ) -> "Drawn":
        """Each parameter against the fitness, coloured by the generation; failed individuals along the upper edge.

        Args:
            ax: Where to draw.
            parameters: Which ones; all, or those that matter most, unless given.
            objective: Which fitness; the first unless given.
            log: Whether the fitness has a logarithmic axis; where it helps unless given.
        """
        return self._drawn("slice", ax, parameters=_names(parameters), objective=objective, log=log)

    def map(
        self,
        ax: "Place" = None,
        *,
        parameters: Names = None,
        objective: str | None = None,
        value: str | None = None,
        log: bool = False,
    ) -> "Drawn":
        """A value over two parameters: cells of a grid, a surface between scattered points, or regimes as areas.

        Args:
            ax: Where to draw.
            parameters: The two; those that matter most unless given.
            objective: In which the best is marked; the first unless given.
            value: An objective, a scalar observable or "status"; the objective unless given. Truth values and whole
                numbers of which few differ are regimes.
            log: Whether the scale of colours is logarithmic.

        Raises:
            OptionError: Not two parameters, or a value that is an array.
        """
        return self._drawn("map", ax, parameters=_names(parameters), objective=objective, value=value, log=log)

    def front(self, ax: "Place" = None, *, objectives: Names = None) -> "Drawn":
        """The Pareto front: two objectives in a plane, three in space, more as pairs.

        Args:
            ax: Where to draw; for three objectives axes with `projection="3d"`.
            objectives: At least two; all unless given.
        """
        return self._drawn("front", ax, objectives=_names(objectives))

    def importance(
        self,
        ax: "Place" = None,
        *,
        parameters: Names = None,
        objective: str | None = None,
        method: Literal["ped-anova", "spearman"] = "ped-anova",
    ) -> "Drawn":
        """Which parameters matter, with standard errors and what chance alone would show; a panel per objective.

        Args:
            ax: Where to draw.
            parameters: Which ones; the 15 that matter most unless given.
            objective: For which one; all unless given.
            method: "ped-anova" compares the best tenth with all individuals (doi:10.24963/ijcai.2023/488), "spearman"
                is the rank correlation with the fitness, which sees monotone effects alone and says their direction.
        """
        return self._drawn("importance", ax, parameters=_names(parameters), objective=objective, method=method)

    def timeline(self, ax: "Place" = None) -> "Drawn":
        """What ran when on which worker, and which share of the workers simulated."""
        return self._drawn("timeline", ax)

    def observable(
        self,
        ax: "Place" = None,
        *,
        observable: str | None = None,
        objective: str | None = None,
        individual: int | None = None,
        log: bool = False,
    ) -> "Drawn":
        """An observable: a scalar over generations, a vector with a band, a matrix as an image, events as a raster.

        Args:
            ax: Where to draw.
            observable: Its name; the first unless given.
            objective: In which the best individual is best; the first unless given.
            individual: The number of the individual that is shown; the best unless given.
            log: Whether its values have a logarithmic axis.
        """
        return self._drawn(
            "observable", ax, observable_name=observable, objective=objective, individual=individual, log=log
        )

    def failures(self, ax: "Place" = None) -> "Drawn":
        """Failed trials over generations by status, and their causes, the most frequent first."""
        return self._drawn("failures", ax)

    def fit(
        self,
        ax: "Place" = None,
        *,
        data: ArrayLike | None = None,
        observable: str | None = None,
        objective: str | None = None,
        individual: int | None = None,
    ) -> "Drawn":
        """Measured data beside what the best individual simulates, with the differences.

        Args:
            ax: Where to draw.
            data: (k,), or (k, 2) with places in the first column; the target of an optimizer that fits data, such as
                `ensemble-kalman`, unless given.
            observable: A vector of k components; the one that the optimizer fits, else the first, unless given.
            objective: In which the best individual is best; the first unless given.
            individual: The number of the individual that is shown; the best unless given.

        Raises:
            OptionError: The observable is no vector, or has another length than the data.
        """
        return self._drawn("fit", ax, data=data, observable_name=observable, objective=objective, individual=individual)

    def _drawn(self, kind: str, ax: "Place", **options: Any) -> "Drawn":
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            raise MissingPart("matplotlib", "pip install 'l2l[plot]'") from None
        drawn: Drawn = import_module(f"l2l.plot.{kind}").draw(self._view, ax, **options)
        return drawn


def _names(given: Names) -> list[str] | None:
    return [given] if isinstance(given, str) else None if given is None else list(given)
