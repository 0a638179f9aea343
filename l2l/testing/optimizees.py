"""The contract of optimizees as tests, which an author inherits.

::

    class TestNetwork(OptimizeeContract):
        def make(self):
            return Network(target_rate=5.0)
"""

import inspect
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from l2l.individual import Individual
from l2l.optimizee import Optimizee
from l2l.plugin import describe_options, to_plain
from l2l.provenance import Specification, findable, fingerprint, specification
from l2l.space import ParameterSpace
from l2l.testing.optimizers import kept_global_random_state, set_global_random_state
from l2l.values import Evaluation, Objective, Observable, Resources, Status, Trial
from l2l.worker.evaluate import Evaluator, evaluate

ENTROPY = 0x5EED_0F_A11_7E575
"""What the randomness of most trials here comes from."""


class OptimizeeContract:
    """What every optimizee keeps; an author's test class inherits it and overrides `make`.

    Each test simulates a few trials: let `make` choose options that make them short.
    """

    light: ClassVar[tuple[str, ...]] = ("numpy", "scipy", "yaml", "psutil")
    """Packages that may be imported to build it, beside its own and the standard library."""
    silent: ClassVar[bool] = False
    """Whether it writes nothing to the terminal, from C++ neither."""

    def make(self) -> Optimizee:
        """The optimizee to be tested."""
        raise NotImplementedError("override make(self) to build your optimizee")

    def individual(self, space: ParameterSpace) -> Individual:
        """An individual that simulates to a valid fitness."""
        return space.default

    @pytest.fixture
    def ready(self) -> Iterator[Optimizee]:
        """The optimizee, set up in this process."""
        optimizee = self.make()
        optimizee.setup()
        yield optimizee
        optimizee.teardown()

    # --- what it declares ---

    def test_its_options_are_keywords_and_documented(self) -> None:
        cls = type(self.make())
        for one in list(inspect.signature(cls.__init__).parameters.values())[1:]:
            positional = one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
            assert not positional, f"option {one.name!r} must be keyword-only: put * before it"
        for option in describe_options(cls):
            assert option.help, (
                f"option {option.name!r} is not described under Args: in the docstring of {cls.__name__}"
            )

    def test_its_space_can_be_searched_and_archived(self, ready: Optimizee) -> None:
        space = ready.describe()
        assert isinstance(space, ParameterSpace), f"describe() returned {space!r}, no ParameterSpace"
        assert len(space), "its space has no parameter"
        assert ParameterSpace.from_dict(json.loads(json.dumps(space.to_dict()))) == space
        sampled = space.sample(8, np.random.default_rng(1))
        assert space.decode(space.encode(sampled)) == list(sampled)
        assert space.feasible([self.individual(space)])[0], "the individual to be tested violates a constraint"

    def test_its_objectives_and_observables_have_names_of_their_own(self) -> None:
        optimizee = self.make()
        assert optimizee.objectives or optimizee.observables, "it has neither objectives nor observables"
        assert all(isinstance(one, Objective) for one in optimizee.objectives), "objectives are Minimize or Maximize"
        assert all(isinstance(one, Observable) for one in optimizee.observables.values())
        names = [*(one.name for one in optimizee.objectives), *optimizee.observables]
        assert len(set(names)) == len(names), f"a name stands twice among {names}"

    def test_its_version_is_a_text_that_stays(self, ready: Optimizee) -> None:
        assert isinstance(ready.version(), str)
        assert ready.version() == ready.version()

    # --- how it is built elsewhere ---

    def test_its_recorded_options_build_it_again(self) -> None:
        optimizee = self.make()
        json.dumps(to_plain(optimizee.options))
        findable(optimizee)  # by name: what others install is not sent by value
        carried: Specification = pickle.loads(pickle.dumps(specification(optimizee)))  # noqa: S301 - our own
        again = carried.build()
        assert type(again) is type(optimizee)
        assert dict(fingerprint(again).parts) == dict(fingerprint(optimizee).parts)
        assert again.objectives == optimizee.objectives
        assert again.stochastic == optimizee.stochastic
        assert list(again.observables) == list(optimizee.observables)

    def test_two_of_the_same_options_have_one_fingerprint(self) -> None:
        differences = fingerprint(self.make()).differences(fingerprint(self.make()).parts)
        assert not differences, f"two of the same options differ in {', '.join(differences)} of their fingerprints"

    def test_its_constructor_imports_no_simulator(self, tmp_path: Path) -> None:
        optimizee = self.make()
        imported = elsewhere(optimizee, None, tmp_path).imported
        own = {one.__module__.partition(".")[0] for one in (type(optimizee), type(self), Optimizee)}
        foreign = sorted(set(imported) - own - set(self.light))
        assert not foreign, (
            f"building it imported {', '.join(foreign)}: import in setup() what only simulations need; "
            "what is quick to import may be listed in `light` of this test class"
        )

    # --- what it returns ---

    def test_an_individual_simulates_to_what_is_declared(self, ready: Optimizee, tmp_path: Path) -> None:
        found = self._evaluated(ready, ENTROPY, tmp_path)
        assert len(found.fitness) == len(ready.objectives)
        assert set(found.observables) == set(ready.observables)

    def test_any_individual_is_simulated_or_declared_invalid(self, ready: Optimizee, tmp_path: Path) -> None:
        space = ready.describe()
        sampled = space.sample(16, np.random.default_rng(4))
        feasible = [one for one, holds in zip(sampled, space.feasible(sampled), strict=True) if holds]
        for index, individual in enumerate(feasible[:4]):
            found = evaluate(ready, trial_of(individual, ENTROPY, tmp_path, index))
            said = f"{found.failure.message}\n{found.failure.traceback}" if found.failure else ""
            assert found.status in (Status.OK, Status.INVALID), f"{individual}: {found.status.name}: {said}"

    # --- the seed decides ---

    def test_the_same_trial_gives_the_same_result_in_a_warm_process(self, ready: Optimizee, tmp_path: Path) -> None:
        first = self._evaluated(ready, ENTROPY, tmp_path)
        others = ready.describe().sample(2, np.random.default_rng(5))
        for index, individual in enumerate(others):
            evaluate(ready, trial_of(individual, ENTROPY + 1, tmp_path, 10 + index))
        same(first, self._evaluated(ready, ENTROPY, tmp_path, 20), "after other trials")
        fresh = self.make()
        fresh.setup()
        same(first, self._evaluated(fresh, ENTROPY, tmp_path, 21), "in another object")

    def test_the_same_trial_gives_the_same_result_in_another_process(self, ready: Optimizee, tmp_path: Path) -> None:
        here = self._evaluated(ready, ENTROPY, tmp_path)
        trial = trial_of(self.individual(ready.describe()), ENTROPY, tmp_path, 1)
        there = elsewhere(self.make(), trial, tmp_path)
        assert there.evaluation is not None
        same(here, there.evaluation, "in another process")
        if self.silent:
            assert there.printed == "", f"it wrote to the terminal: {there.printed[:500]!r}"

    def test_global_random_state_is_not_read(self, ready: Optimizee, tmp_path: Path) -> None:
        found = []
        with kept_global_random_state():
            for state in (1, 2):
                set_global_random_state(state)
                found.append(self._evaluated(ready, ENTROPY, tmp_path, state))
        same(found[0], found[1], "with another global random state: draw from trial.rng")

    def test_the_seed_matters_exactly_where_it_is_stochastic(self, ready: Optimizee, tmp_path: Path) -> None:
        found = [self._evaluated(ready, ENTROPY + 7 * index, tmp_path, index) for index in range(4)]
        if ready.stochastic:
            different = any(bits_of(one) != bits_of(found[0]) for one in found)
            assert different, "four seeds gave one result: declare stochastic = False, or use trial.rng or trial.seed"
        for one in found if not ready.stochastic else ():
            same(found[0], one, "with another seed, though it declares stochastic = False")

    def test_results_do_not_depend_on_the_batch(self, ready: Optimizee, tmp_path: Path) -> None:
        if not ready.batches:
            return
        space = ready.describe()
        individuals = [self.individual(space), *space.sample(3, np.random.default_rng(6))]
        numbers = range(len(individuals))
        alone = [evaluate(ready, trial_of(individuals[one], ENTROPY + one, tmp_path, one)) for one in numbers]
        for batch in (numbers, numbers[::-1], numbers[:2]):
            trials = [trial_of(individuals[one], ENTROPY + one, tmp_path, one) for one in batch]
            results = Evaluator(ready).run_batch(trials)
            assert results is not None, "simulate_batch raised, or returned another number of outcomes than trials"
            for one, (status, fitness, observables, _) in zip(batch, results, strict=True):
                batched = Evaluation(one, 0, status=status, fitness=fitness, observables=observables)
                same(alone[one], batched, f"in a batch of {len(batch)}")

    def _evaluated(self, optimizee: Optimizee, entropy: int, folder: Path, index: int = 0) -> Evaluation:
        individual = self.individual(optimizee.describe())
        found = evaluate(optimizee, trial_of(individual, entropy, folder, index))
        if found.failure is not None:
            pytest.fail(f"{individual}: {found.status.name}: {found.failure.message}\n{found.failure.traceback}")
        return found


def trial_of(individual: Individual, entropy: int, folder: Path, index: int = 0) -> Trial:
    """A trial whose private folder lies below `folder`."""
    return Trial(individual, entropy=entropy, index=index, resources=Resources(), root=folder / "trials")


def bits_of(found: Evaluation) -> tuple[Any, ...]:
    """All of a result that must be the same wherever it is computed, comparable bit for bit."""
    observed = [(name, one.dtype.str, one.shape, one.tobytes()) for name, one in sorted(found.observables.items())]
    return found.status, np.asarray(found.fitness, dtype=np.float64).tobytes(), tuple(observed)


def same(one: Evaluation, other: Evaluation, where: str) -> None:
    """Fail unless both results are the same, bit for bit."""
    if bits_of(one) != bits_of(other):
        pytest.fail(f"the same trial gave another result {where}: {shown(one)}, then {shown(other)}")


def shown(found: Evaluation) -> str:
    """A result in a line."""
    said = f" ({found.failure.message})" if found.failure else ""
    return f"{found.status.name}{said} {found.fitness} {dict(found.observables)}"


# --- in a process of its own --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Elsewhere:
    """What came of building an optimizee, and perhaps simulating a trial, in a fresh process.

    Args:
        imported: Packages outside the standard library that building it imported.
        evaluation: Of the trial, where one was given.
        printed: What it wrote to standard output and error.
    """

    imported: Sequence[str]
    evaluation: Evaluation | None
    printed: str


def elsewhere(optimizee: Optimizee, trial: Trial | None, folder: Path) -> Elsewhere:
    """Build an optimizee in a fresh process, and simulate a trial there.

    Args:
        optimizee: It is built from its recorded options.
        trial: None only builds.
        folder: For files in between.
    """
    question, answer = folder / "question", folder / "answer"
    asked = (sys.path, specification(optimizee), trial and (trial.individual, trial.entropy, trial.index), folder)
    question.write_bytes(pickle.dumps(asked))
    program = f"from {__name__} import answer_question; answer_question({str(question)!r}, {str(answer)!r})"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        pytest.fail(f"it cannot be built and simulated in a process of its own:\n{done.stderr[-4000:]}")
    imported, evaluation = pickle.loads(answer.read_bytes())  # noqa: S301 - our own
    return Elsewhere(imported, evaluation, done.stdout + done.stderr)


def answer_question(question: str, answer: str) -> None:
    """What the fresh process does."""
    path, recipe, asked, folder = pickle.loads(Path(question).read_bytes())  # noqa: S301 - our own
    sys.path[:] = path
    before = set(sys.modules)
    optimizee: Optimizee = recipe.build()
    packages = {name.partition(".")[0] for name in set(sys.modules) - before}
    imported = sorted(one for one in packages if one not in sys.stdlib_module_names and not one.startswith("_"))
    found = None
    if asked is not None:
        optimizee.setup()
        individual, entropy, index = asked
        found = evaluate(optimizee, trial_of(individual, entropy, folder, index))
        optimizee.teardown()
    Path(answer).write_bytes(pickle.dumps((imported, found)))
