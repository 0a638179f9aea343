"""The kinds of pictures: their names, what they show, and which options each takes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of picture.

    Args:
        shows: In a line.
        options: Arguments of its method beside `ax`.
    """

    shows: str
    options: tuple[str, ...] = ()


KINDS = {
    "convergence": Kind("best, median and quartiles over generations, with the target", ("objective", "log", "by")),
    "parameters": Kind("distribution of each parameter over generations", ("parameters", "objective")),
    "parallel": Kind("parallel coordinates: each individual as a line", ("parameters", "objective")),
    "pairs": Kind("every pair of parameters, coloured by the fitness", ("parameters", "objective")),
    "slice": Kind("each parameter against the fitness", ("parameters", "objective", "log")),
    "map": Kind("a value or regime over two parameters", ("parameters", "objective", "value", "log")),
    "front": Kind("the Pareto front of several objectives", ("objectives",)),
    "importance": Kind("which parameters matter, with standard errors", ("parameters", "objective", "method")),
    "timeline": Kind("what ran when on which worker, and how busy they were"),
    "observable": Kind(
        "scalars over generations, vectors with a band, events as a raster",
        ("observable", "objective", "individual", "log"),
    ),
    "failures": Kind("failed trials over generations, and their causes"),
    "fit": Kind(
        "measured data beside what the best individual simulates", ("data", "observable", "objective", "individual")
    ),
}
"""In the order in which a user may want them."""
