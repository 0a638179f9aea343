from typing import Any

import numpy as np
import pytest

import l2l
from l2l import (
    Experiment,
    Individual,
    Maximize,
    Minimize,
    Objective,
    Observable,
    Optimizee,
    Outcome,
    ParameterSpace,
    Real,
    Trial,
    registry,
)
from l2l.errors import ContractError, OptionError
from l2l.optimizee import FunctionOptimizee, as_outcome, check_declared

SPACE = ParameterSpace(x=Real(-1.0, 1.0))
POINT = Individual({"x": 0.5})
TRIAL = Trial(POINT)


class Parabola(Optimizee):
    """A bowl."""

    space = SPACE

    def simulate(self, individual: Individual, trial: Trial) -> float:
        return float(individual["x"] ** 2)


# --- the contract --------------------------------------------------------------------------------------------------


def test_a_model_needs_no_more_than_a_space_and_simulate() -> None:
    model = Parabola()
    check_declared(model)
    assert model.simulate(POINT, TRIAL) == 0.25
    assert model.objectives == (Minimize("fitness"),) and model.observables == {} and model.stochastic is True
    assert model.describe() is SPACE and model.version() == ""
    assert not model.batches and not model.needs_process
    model.setup()
    model.teardown()


def test_simulate_must_be_implemented() -> None:
    class Nothing(Optimizee):
        space = SPACE

    with pytest.raises(TypeError, match="simulate"):
        Nothing()  # type: ignore[abstract]


def test_a_batch_is_simulated_one_by_one_unless_the_model_knows_better() -> None:
    class Batched(Parabola):
        def simulate_batch(self, trials: Any) -> list[Outcome]:
            return [Outcome(0.0) for _ in trials]

    trials = [Trial(Individual({"x": x})) for x in (0.5, 1.0)]
    assert [one.fitness for one in Parabola().simulate_batch(trials)] == [0.25, 1.0]
    assert Batched().batches


def test_a_model_that_describes_itself_or_has_a_version_needs_a_process() -> None:
    class Described(Parabola):
        def describe(self) -> ParameterSpace:
            return SPACE

    class Versioned(Parabola):
        def version(self) -> str:
            return "3.10"

    assert Described().needs_process and Versioned().needs_process


def test_what_simulate_returns_becomes_an_outcome() -> None:
    outcome = Outcome(1.0, {"rate": 2.0})
    assert as_outcome(outcome) is outcome
    assert as_outcome(1.0) == Outcome(1.0)
    assert as_outcome((1.0, 2.0)).fitness == (1.0, 2.0)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"space": None}, r"space: expected a ParameterSpace, or a method describe\(\), got None"),
        ({"space": {"x": Real(0.0, 1.0)}}, r"space: expected a ParameterSpace"),
        (
            {"objectives": Minimize("error")},
            r'objectives: expected a tuple such as \(Minimize\("error"\),\), got Objective',
        ),
        ({"objectives": ("error",)}, r"objectives: expected a tuple such as"),
        ({"objectives": None}, r"objectives: expected a tuple such as"),
        ({"objectives": ()}, "objectives: expected objectives or observables, got neither"),
        ({"objectives": (Minimize("a"), Maximize("a"))}, "objectives: expected different names"),
        ({"observables": ["rate"]}, r"observables: expected a mapping such as"),
        (
            {"observables": {"rate": float}},
            r"observables: expected \"rate\": Observable\(\), got 'rate': <class 'float'>",
        ),
        ({"observables": {"a/b": Observable()}}, r"observables: .* got 'a/b'"),
        ({"stochastic": "no"}, r"stochastic: expected True or False, got 'no'"),
    ],
)
def test_a_declaration_that_cannot_be_used_is_refused_before_anything_runs(
    declared: dict[str, Any], message: str
) -> None:
    broken = type("Broken", (Parabola,), declared)
    for give in (broken, broken()):
        with pytest.raises(OptionError, match=f"^Broken: {message}"):
            Experiment(give, "random", stop={"generations": 1})


def test_a_missing_space_is_refused() -> None:
    class Spaceless(Optimizee):
        def simulate(self, individual: Individual, trial: Trial) -> float:
            return 0.0

    with pytest.raises(OptionError, match="Spaceless: space: expected a ParameterSpace"):
        registry.build("optimizee", Spaceless)


@pytest.mark.parametrize("name", ["", " ", "a/b", " a", "a\n", 3, None, "."])
def test_an_objective_has_a_name_that_can_stand_in_the_archive(name: Any) -> None:
    with pytest.raises(OptionError, match="objective: expected a name"):
        Minimize(name)
    with pytest.raises(OptionError, match="objective 'a': unit: expected text, got 3"):
        Objective("a", unit=3)  # type: ignore[arg-type]


# --- the decorator -------------------------------------------------------------------------------------------------


@l2l.optimizee(space=SPACE, objectives=Minimize("height"))
def bowl(individual: Individual) -> float:
    """A bowl too."""
    return float(individual["x"] ** 2)


def test_a_function_becomes_an_optimizee_and_stays_a_function() -> None:
    assert isinstance(bowl, FunctionOptimizee) and isinstance(bowl, Optimizee)
    assert bowl(POINT) == bowl.function(POINT) == bowl.simulate(POINT, TRIAL) == 0.25
    assert bowl.space is SPACE and bowl.objectives == (Minimize("height"),) and bowl.observables == {}
    assert bowl.__doc__ == "A bowl too."
    assert bowl.options == {}


def test_a_function_without_trial_is_deterministic_unless_it_says_otherwise() -> None:
    assert bowl.stochastic is False
    assert l2l.optimizee(space=SPACE, stochastic=True)(bowl.function).stochastic is True


@pytest.mark.parametrize("default", [False, True])
def test_a_function_that_takes_the_trial_gets_it_and_is_stochastic(default: bool) -> None:
    def needs(individual: Individual, trial: Trial) -> int:
        return trial.seed

    def can_take(individual: Individual, trial: Trial | None = None) -> int:
        return trial.seed if trial else -1

    made = l2l.optimizee(space=SPACE)(can_take if default else needs)
    assert made.stochastic is True
    assert made.simulate(POINT, TRIAL) == TRIAL.seed


def test_other_arguments_may_have_defaults() -> None:
    def scaled(individual: Individual, scale: float = 2.0, *more: float, power: int = 1, **rest: Any) -> float:
        return float(scale * individual["x"] ** power)

    made = l2l.optimizee(space=SPACE)(scaled)
    assert made.stochastic is False
    assert made.simulate(POINT, TRIAL) == 1.0


@pytest.mark.parametrize(
    "function",
    [
        lambda: 0.0,
        lambda a, b, c: 0.0,
        lambda *, individual: 0.0,
        lambda individual, *, scale: 0.0,
        lambda individual, scale=1.0, *, other: 0.0,
        lambda *individuals: 0.0,
    ],
)
def test_a_function_of_other_arguments_is_refused(function: Any) -> None:
    with pytest.raises(
        OptionError, match=r"@l2l\.optimizee: expected a function f\(individual\) or f\(individual, trial\), got"
    ):
        l2l.optimizee(space=SPACE)(function)


def test_objectives_can_be_one_or_several_in_a_list_or_tuple() -> None:
    goals = (Minimize("a"), Maximize("b"))
    assert l2l.optimizee(space=SPACE, objectives=goals)(bowl.function).objectives == goals
    assert l2l.optimizee(space=SPACE, objectives=list(goals))(bowl.function).objectives == goals
    assert l2l.optimizee(space=SPACE)(bowl.function).objectives == (Minimize("fitness"),)


@pytest.mark.parametrize(
    "declared",
    [
        {"space": {"x": Real(0.0, 1.0)}},
        {"space": SPACE, "objectives": "error"},
        {"space": SPACE, "objectives": ()},
        {"space": SPACE, "observables": ["rate"]},
        {"space": SPACE, "stochastic": 1},
    ],
    ids=str,
)
def test_what_is_declared_wrongly_is_refused_at_once(declared: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"^@l2l\.optimizee: (space|objectives|observables|stochastic): expected"):
        l2l.optimizee(**declared)(bowl.function)


def test_what_the_class_of_functions_is_for_is_said() -> None:
    with pytest.raises(ContractError, match=r"made by the @l2l\.optimizee decorator"):
        FunctionOptimizee()(POINT)


def test_a_function_can_name_modules_that_it_depends_on() -> None:
    from l2l.provenance import fingerprint

    made = l2l.optimizee(space=SPACE, depends_on=("statistics",), revision="")(bowl.function)
    assert set(fingerprint(made).sources) == {"test_optimizee.py", "statistics.py"}
    assert "source statistics.py" in fingerprint(made).parts
    made = l2l.optimizee(space=SPACE, revision="2")(bowl.function)
    assert "revision" in fingerprint(made).parts and not fingerprint(made).sources


def test_a_function_runs_in_an_experiment_like_a_class(tmp_path: Any) -> None:
    arguments: dict[str, Any] = {"launcher": "serial", "seed": 1, "stop": {"individuals": 8}}
    one, other = (
        Experiment(model, "random", directory=tmp_path / str(number), **arguments).run()
        for number, model in enumerate((bowl, Parabola))
    )
    np.testing.assert_array_equal(one.individuals["fitness/height"], other.individuals["fitness/fitness"])
