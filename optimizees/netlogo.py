"""Agent-based models in NetLogo (U. Wilensky 1999, https://ccl.northwestern.edu/netlogo), from their model files."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from l2l.errors import Invalid, NotFoundError, OptionError, near
from l2l.individual import Individual
from l2l.optimizees.declarations import Objectives, by_name, check_different, objective, observable
from l2l.optimizees.netlogo_file import NO_GLOBALS, declared_globals, interface_globals, is_global_name, literal
from l2l.optimizees.netlogo_java import NetLogoError, Workspace, installed_jar, java_version, start
from l2l.optimizees.simulator import Simulator, check_number
from l2l.space import Categorical, ParameterSpace
from l2l.values import Outcome, Trial


class _Reporter(NamedTuple):
    """What NetLogo is asked for at the end, or every so many ticks."""

    text: str
    every: int | None = None


class NetLogoOptimizee(Simulator):
    """A NetLogo model: parameters become its globals, and reporters give fitness and observables.

    The model runs in the user's own NetLogo, version 4.1 to 7, without windows, in the Java virtual machine of the
    evaluating process. A trial sets all sliders, switches, choosers and input boxes as the file has them, then the
    parameters, `random-seed`, runs `setup`, then `go` once a tick, and asks the reporters. The model stays open between
    trials; after an error it is opened anew.

    All that the model draws comes from NetLogo's generator: a model that calls `random-seed` itself undoes the trial's.
    A `stop` within `go` ends that tick only: say when a run ends with `until`.

    Args:
        model: The model file; what it includes or reads goes to `files`.
        parameters: The space. A parameter is set in the global of its name; an array is a list, a choice may be a
            number, a text, a truth value or a list.
        objectives: Name → `{report: …, maximize: false, unit: …}`, the reporter that gives it at the end; `none` where
            everything is an observable.
        observables: Name → `{report: …, every: n, shape: …, dtype: float, unit: …, ragged: false}`; with `every` it is
            recorded after every n ticks, and at the end where `until` ended the run, as an array of ragged length.
        ticks: How often `go` runs.
        setup: Commands that set the model up.
        go: Commands of a tick.
        until: Reporter that ends the run when it is true; asked before each tick.
        invalid: Reason → reporter: where it is true at the end, the trial is invalid for this reason.
        names: Parameter → global, where it has another name.
        after_setup: Parameters whose globals are set after `setup`, because it clears or changes them.
        files: Further files and folders that make up the model.
        stochastic: Whether the seed matters.
        reopen: Open the model anew for each trial, for models that leave behind what neither `clear-all` nor the
            widgets' values bring back, such as another size of the world.
        home: Folder of the NetLogo installation, absolute; by default the environment variable NETLOGO_HOME.
        heap: At most this much memory for Java's objects.
        threads: Processors that Java's compiler and garbage collector may use; a model itself runs in one thread.
        jvm: Further options of Java.
        quiet: Whether what the model prints is thrown away.

    Raises:
        OptionError: An option is wrong.
        NotFoundError: The model file or one of `files` is not there.
    """

    depends_on = ("l2l.optimizees.declarations", "l2l.optimizees.netlogo_file", "l2l.optimizees.netlogo_java")

    def __init__(
        self,
        *,
        model: Path,
        parameters: ParameterSpace,
        objectives: Objectives,
        observables: Mapping[str, Any] = {},
        ticks: int = 100,
        setup: str = "setup",
        go: str = "go",
        until: str | None = None,
        invalid: Mapping[str, str] = {},
        names: Mapping[str, str] = {},
        after_setup: Sequence[str] = (),
        files: Sequence[Path] = (),
        stochastic: bool = True,
        reopen: bool = False,
        home: str | None = None,
        heap: str = "1g",
        threads: int = 1,
        jvm: Sequence[str] = (),
        quiet: bool = True,
    ) -> None:
        goals = by_name(type(self).__name__, objectives)
        check_different(type(self).__name__, goals, observables)
        self._reporters: dict[str, _Reporter] = {}
        self.objectives = tuple(self._objective(name, said) for name, said in goals.items())
        self.observables = {name: self._observable(name, said) for name, said in observables.items()}
        self.space = parameters
        self.stochastic = stochastic
        self.model, self.files = _existing(self, "model", model), [_existing(self, "files", one) for one in files]
        self.names = self._global_names(parameters, names)
        self._late = [self._known(parameters, "after_setup", name) for name in after_setup]
        check_number(self, "ticks", ticks, least=1)
        check_number(self, "threads", threads, least=1)
        self.ticks, self.setup_text, self.go_text, self.until, self.invalid = ticks, setup, go, until, dict(invalid)
        self.reopen = reopen
        self._home = home
        if home is not None and not Path(home).expanduser().is_absolute():
            raise OptionError(f"{type(self).__name__}: option 'home': expected an absolute path, got {home!r}")
        if not re.fullmatch(r"\d+[kmg]", heap, re.IGNORECASE):
            raise OptionError(f"{type(self).__name__}: option 'heap': expected a size such as 512m or 2g, got {heap!r}")
        self._java: dict[str, Any] = {"heap": heap, "threads": threads, "options": tuple(jvm), "quiet": quiet}
        self._workspace: Workspace | None = None
        self._untouched = ""
        self._unproved = {name for name in self.names if name not in self._late}

    # --- the simulator ---

    def start(self) -> None:
        """Start Java, open the model, and let NetLogo compile all texts before a run finds out.

        Raises:
            MissingPart: NetLogo, Java or JPype is not installed.
            NotFoundError: There is no NetLogo in its folder.
            OptionError: NetLogo cannot open the model or compile a text, or the model has no such global.
        """
        start(installed_jar(self._home), **self._java)
        try:
            self.build()
            widgets = {name: self.report(name) for name in interface_globals(self.model)}
        except NetLogoError as error:
            self._close()
            newer = " (.nlogox is the format of NetLogo 7)" if self.model.suffix == ".nlogox" else ""
            raise OptionError(f"{self.model}: NetLogo cannot open it{newer}: {error}") from None
        self._untouched = _settings(widgets)
        try:
            self._compile()
        except OptionError:
            self._close()
            raise

    def version(self) -> str:
        """NetLogo's version and Java's."""
        if self._workspace is None:
            self.setup()
        return f"NetLogo {self.report('netlogo-version')}, Java {java_version()}"

    def build(self) -> None:
        """Open the model in a new workspace."""
        self._close()
        self._workspace = Workspace(self.model)

    def reset(self, trial: Trial) -> None:
        """Clear the world, set the widgets' globals as the file has them, and seed the generator."""
        if self._workspace is None or self.reopen:
            self.build()
        untouched = "" if self.reopen else f"clear-all\n{self._untouched}\n"
        self.command(f"{untouched}random-seed {trial.seed}")

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        """Set the globals and run `setup`."""
        values = {name: individual[parameter] for parameter, name in self.names.items()}
        late = {self.names[parameter] for parameter in self._late}
        early = _settings({name: value for name, value in values.items() if name not in late})
        after = _settings({name: value for name, value in values.items() if name in late})
        self.command(f"{early}\n{self.setup_text}\n{after}")
        self._check_cleared(individual)

    def measure(
        self, individual: Individual, trial: Trial
    ) -> float | tuple[float, ...] | Mapping[str, float] | Outcome:
        """Run the ticks and ask the reporters.

        Raises:
            Invalid: A reporter of `invalid` is true.
            NetLogoError: The model fails.
        """
        series = self._run()
        for (reason, text), holds in zip(self.invalid.items(), self.reports(list(self.invalid.values())), strict=True):
            if not isinstance(holds, bool):
                raise NetLogoError(f"{text}: expected true or false, got {holds!r}")
            if holds:
                raise Invalid(reason)
        once = [name for name, one in self._reporters.items() if one.every is None]
        found = dict(zip(once, self.reports([self._reporters[name].text for name in once]), strict=True)) | series
        fitness = {one.name: _number(found.pop(one.name)) for one in self.objectives}
        return Outcome(fitness, found)

    def simulate(self, individual: Individual, trial: Trial) -> Any:
        """As of any simulator; after an error the next trial gets a new workspace."""
        try:
            return super().simulate(individual, trial)
        except Invalid:
            raise
        except BaseException:
            self._close()
            raise

    def teardown(self) -> None:
        """Dispose of the workspace, without which Java would not end."""
        self._close()

    # --- for models of a modeller's own ---

    def command(self, text: str) -> None:
        """Run NetLogo commands as the observer.

        Raises:
            NetLogoError: They do not compile, or fail.
        """
        self._opened.command(text)

    def report(self, text: str) -> Any:
        """The value of a NetLogo reporter: a float, bool, text or list; an agent as NetLogo writes it.

        Raises:
            NetLogoError: It does not compile, or fails.
        """
        return self._opened.report(text)

    def reports(self, texts: Sequence[str]) -> list[Any]:
        """The values of several reporters, in one call, which takes NetLogo as long as one of them.

        Raises:
            NetLogoError: One of them does not compile, or fails; names it.
        """
        if not texts:
            return []
        try:
            each = " ".join(f"({text}\n)" for text in texts)
            return list(self.report(f"(list {each})"))
        except NetLogoError:
            for text in texts:
                try:
                    self.report(text)
                except NetLogoError as error:
                    raise NetLogoError(f"{text}: {error}", compiling=error.compiling) from None
            raise

    @property
    def _opened(self) -> Workspace:
        assert self._workspace is not None, "start() comes first"
        return self._workspace

    def _close(self) -> None:
        workspace, self._workspace = self._workspace, None
        if workspace is not None:
            workspace.dispose()

    # --- a run ---

    def _run(self) -> dict[str, list[Any]]:
        """Run all ticks; name → values of the observables that are recorded on the way."""
        series = {name: one for name, one in self._reporters.items() if one.every is not None}
        found: dict[str, list[Any]] = {name: [] for name in series}
        stops = {tick for one in series.values() for tick in range(one.every or 1, self.ticks + 1, one.every or 1)}
        done = 0
        for tick in sorted(stops | {self.ticks}):
            self._go(tick - done)
            done = tick
            ended = bool(series) and self.until is not None and self.report(self.until) is True
            due = [name for name, one in series.items() if ended or tick % (one.every or 1) == 0]
            for name, value in zip(due, self.reports([series[name].text for name in due]), strict=True):
                found[name].append(value)
            if ended:
                break
        return found

    def _go(self, ticks: int) -> None:
        if self.until is None:
            self.command(f"repeat {ticks} [ {self.go_text}\n]")
            return
        self.command(
            f"let l2l-tick 0 while [ l2l-tick < {ticks} and not ({self.until}\n) ] "
            f"[ {self.go_text}\n set l2l-tick l2l-tick + 1 ]"
        )

    # --- checks ---

    def _compile(self) -> None:
        """Let NetLogo compile each text, without running it."""
        known = [*interface_globals(self.model), *declared_globals(self.model)]
        for parameter, name in self.names.items():
            try:
                self.command(f"if false [ set {name} 0 ]")
            except NetLogoError as error:
                option = "names" if name != parameter else "parameters"
                hint = near(name, known, "global") if name not in known else str(error)
                raise OptionError(f"{type(self).__name__}: option {option!r}: {self.model.name}: {hint}") from None
        reporters = {f"report of {name!r}": one.text for name, one in self._reporters.items()}
        reporters |= {f"option 'invalid': {reason!r}": text for reason, text in self.invalid.items()}
        if self.until is not None:
            reporters["option 'until'"] = self.until
        checks = [
            (where, text, self.report, f"ifelse-value false [ {text}\n ] [ 0 ]") for where, text in reporters.items()
        ]
        checks += [
            (f"option {where!r}", text, self.command, f"if false [ {text}\n]")
            for where, text in (("setup", self.setup_text), ("go", self.go_text))
        ]
        for where, text, ask, question in checks:
            try:
                ask(question)
            except NetLogoError as error:
                raise OptionError(f"{type(self).__name__}: {where}: {text!r}: {self.model.name}: {error}") from None

    def _check_cleared(self, individual: Individual) -> None:
        """Whether a global is 0 after `setup` that was not before: then no parameter would have an effect."""
        tried = [name for name in sorted(self._unproved) if literal(individual[name]) not in ("0", "0.0", "-0.0")]
        if not tried:
            return
        for parameter, value in zip(tried, self.reports([self.names[one] for one in tried]), strict=True):
            if value == 0.0 and value is not False:
                raise OptionError(
                    f"{type(self).__name__}: {self.names[parameter]} was set to {literal(individual[parameter])} and "
                    f"is 0 after setup, which clears it: name it in after_setup: [{parameter}], or make it a slider"
                )
        self._unproved -= set(tried)

    def _global_names(self, parameters: ParameterSpace, names: Mapping[str, str]) -> dict[str, str]:
        for name in names:
            self._known(parameters, "names", name)
        found = {parameter: names.get(parameter, parameter) for parameter in parameters}
        for name in found.values():
            if not is_global_name(name):
                raise OptionError(f"{type(self).__name__}: expected the name of a NetLogo global, got {name!r}")
            if name.lower() in NO_GLOBALS:
                raise OptionError(
                    f"{type(self).__name__}: option 'parameters': expected the name of a NetLogo global, got {name!r}, "
                    f"which BehaviorSpace varies but `set` does not; {NO_GLOBALS[name.lower()]}"
                )
        for parameter in map(parameters.__getitem__, parameters):
            for choice in parameter.choices if isinstance(parameter, Categorical) else ():
                try:
                    literal(choice)
                except ValueError as error:
                    raise OptionError(f"{type(self).__name__}: option 'parameters': {error}") from None
        return found

    def _known(self, parameters: ParameterSpace, option: str, name: str) -> str:
        if name not in parameters:
            raise OptionError(f"{type(self).__name__}: option {option!r}: {near(name, parameters, 'parameter')}")
        return name

    def _objective(self, name: str, said: Any) -> Any:
        reporter, rest = self._reporter("objectives", name, said)
        if reporter.every is not None:
            raise OptionError(f"{type(self).__name__}: option 'objectives': {name}: every is for observables")
        return objective(type(self).__name__, name, rest)

    def _observable(self, name: str, said: Any) -> Any:
        reporter, rest = self._reporter("observables", name, said)
        return observable(type(self).__name__, name, rest | ({"ragged": True} if reporter.every else {}))

    def _reporter(self, option: str, name: str, said: Any) -> tuple[_Reporter, dict[str, Any]]:
        place = f"{type(self).__name__}: option {option!r}: {name}"
        if not isinstance(said, Mapping) or not isinstance(said.get("report"), str):
            raise OptionError(f"{place}: expected {{report: a NetLogo reporter, …}}, got {said!r}")
        every = said.get("every")
        if every is not None and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
            raise OptionError(f"{place}: every: expected a whole number of ticks, got {every!r}")
        self._reporters[name] = _Reporter(said["report"], every)
        return self._reporters[name], {key: value for key, value in said.items() if key not in ("report", "every")}


def _settings(values: Mapping[str, Any]) -> str:
    return " ".join(f"set {name} {literal(value)}" for name, value in values.items())


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, bool) else value


def _existing(owner: object, option: str, path: Path) -> Path:
    if not path.exists():
        raise NotFoundError(f"{type(owner).__name__}: option {option!r}: there is no {path}")
    return path.absolute()
