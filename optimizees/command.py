"""Any executable as an optimizee: a command line and input files from templates, the fitness from what it leaves."""

import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from l2l.errors import Invalid, NotFoundError, OptionError
from l2l.individual import Individual
from l2l.optimizee import Optimizee
from l2l.optimizees.building import Folder, build, says
from l2l.optimizees.declarations import by_name, check_different, objective, observable
from l2l.optimizees.program import OUT, failure, json_of, last_line, last_match, number, parsed, run
from l2l.optimizees.result_table import ResultTable
from l2l.optimizees.template import FILE, WORD, Template
from l2l.space import ParameterSpace
from l2l.values import Outcome, Trial

OWN = ("seed", "trial", "threads", "directory")
"""Names that stand for something in every template, beside parameters and paths."""
BUILD = "build"
"""Name of the folder of what the option of this name makes."""


class Command(Optimizee):
    """Any executable, started for each trial in its private folder, parameters on the command line or in input files.

    In the words of `command` a parameter is written `{tau}`, a component of a vector `{w[3]}`, with a format
    `{tau:.3f}`, a brace `{{`. In input files, where single braces are common, it is `{{tau}}`. Numbers are written in
    full, vectors as JSON (`{w:words}`: with spaces between), texts as they are. Beside the parameters and `paths`
    there are `{seed}` (an int in 1 … 2**31-1), `{trial}` (the trial's number), `{threads}` it may use, and its private
    folder `{directory}`. Standard output and error are kept there, in `stdout.txt` and `stderr.txt`.

    A program that ends with another exit code than 0 has failed, unless the exit code is the fitness. Of the program
    itself only what `paths` and `files` name counts for "is this the same model?", and what `version` says: name it
    there if it may change.

    With `resources: {ranks: 4}` the program is started on as many MPI ranks.

    Args:
        command: Program and arguments, as a list of words or as one line, split as a shell would; no shell is
            started.
        parameters: The space.
        files: Name in the private folder → template that is written there, with the template's permissions.
        paths: Name → file or folder; `{name}` is its absolute path.
        fitness: Where it is: `stdout` (the last line: numbers, or a JSON object), `json` (a file that the program
            writes), `table` (a file of columns that it writes) or `exit-code`. `table` where `result` says which
            columns, else `stdout`, unless given.
        pattern: Regular expression that finds the fitness in a line of standard output instead; the last match counts.
            Groups bear the names of objectives and observables, or there is one group for each objective.
        result: Name of the JSON file in the private folder, or of a table, as `{csv: out.csv, column: rate, row: last}`
            or `{tsv: …}`. `column` is a name or a place from 0, or a mapping from objectives and observables to these;
            each has the column of its name unless given. `row` is `last` (unless given), `first`, a place, or `mean`,
            `median`, `min`, `max` or `sum` of all. An observable that is an array takes all rows.
        environment: Variable → value, in which parameters are written as in `command`; null removes a variable.
        objectives: Name → `minimize` or `maximize`, or `{maximize: true, unit: Hz}`; JSON has them by name. `none`
            where everything is an observable.
        observables: Name → `{shape: …, dtype: float, unit: …, ragged: false}`; JSON has them by name.
        stochastic: Whether the seed matters; by default whether a template has `seed`.
        build: Command that makes the program, run once in each evaluating process, in a folder of that process whose
            name is `{build}` in all words; it may name `paths`.
        version: Command that prints the version of what decides the results, such as a compiler's; its first line
            counts. It may name `paths` and `{build}`.

    Raises:
        OptionError: A template names what is not there, or an option is wrong; in `setup`, `build` fails.
        NotFoundError: A template or path is not there; in `setup`, the program.

    Example:
        >>> from l2l.space import ParameterSpace, Real
        >>> model = Command(command="./model --tau {tau} --seed {seed}", parameters=ParameterSpace(tau=Real(1.0, 9.0)))
        >>> model.stochastic
        True
    """

    depends_on = tuple(
        f"l2l.optimizees.{name}" for name in ("building", "declarations", "program", "result_table", "template")
    )

    programs = True

    def __init__(
        self,
        *,
        command: list[str] | str,
        parameters: ParameterSpace,
        files: Mapping[str, Path] = {},
        paths: Mapping[str, Path] = {},
        fitness: Literal["stdout", "json", "exit-code", "table"] | None = None,
        pattern: str | None = None,
        result: str | Mapping[str, Any] = "result.json",
        environment: Mapping[str, str | int | float | None] = {},
        objectives: Mapping[str, Any] | Literal["none"] = {"fitness": "minimize"},
        observables: Mapping[str, Any] = {},
        stochastic: bool | None = None,
        build: list[str] | str | None = None,
        version: list[str] | str | None = None,
    ) -> None:
        self.space = parameters
        goals = by_name("Command", objectives)
        check_different("Command", goals, observables)
        self.objectives = tuple(objective("Command", name, said) for name, said in goals.items())
        self.observables = {name: observable("Command", name, said) for name, said in observables.items()}
        self._paths = {name: str(_existing("paths", path)) for name, path in paths.items()}
        kept = [BUILD] if build is not None else []
        names = _names(parameters, [*paths, *OWN, *kept])
        self._words = _templates("command", command, names)
        self._build_words = None if build is None else _templates("build", build, [*paths, *kept])
        self._version_words = None if version is None else _templates("version", version, [*paths, *kept])
        self._folder: Folder | None = None
        self._files: dict[str, tuple[Template, int]] = {}
        for target, path in files.items():
            place, text = _inside("files", target), _template_text(path)
            self._files[place] = (Template(text, FILE, names, str(path)), path.stat().st_mode)
        for template, where in [(one, "Command: option 'command'") for one in self._words] + [
            (one, f"Command: template of {target!r}") for target, (one, _) in self._files.items()
        ]:
            template.check(parameters, where)
        self._variables = {
            name: None if value is None else _variable(name, value, names) for name, value in environment.items()
        }
        variables = {name: template for name, template in self._variables.items() if template is not None}
        for name, template in variables.items():
            template.check(parameters, f"Command: option 'environment': {name}")
        templates = [*self._words, *variables.values(), *(template for template, _ in self._files.values())]
        mentioned = {name for template in templates for name in template.names}
        self.stochastic = "seed" in mentioned if stochastic is None else stochastic
        self._source = fitness or ("table" if isinstance(result, Mapping) else "stdout")
        self._table = self._table_of(result)
        self._result = "" if isinstance(result, Mapping) else _inside("result", result)
        self._pattern = self._compiled(pattern)
        if self._source == "exit-code" and (len(self.objectives) != 1 or self.observables):
            raise OptionError("Command: an exit code is one number: expected one objective and no observables")

    @property
    def needs_process(self) -> bool:
        """Whether it has a version to be asked for."""
        return self._version_words is not None

    def version(self) -> str:
        """What the command of this option says.

        Raises:
            NotFoundError: There is no such command.
            OptionError: It fails, or prints nothing.
        """
        if self._version_words is None:
            return ""
        with tempfile.TemporaryDirectory() as folder:
            return says([word.render(self._places) for word in self._version_words], Path(folder))

    def setup(self) -> None:
        """Build the program, and look for it.

        Raises:
            NotFoundError: It is not there, or may not be executed.
            OptionError: The build fails.
        """
        if self._build_words is not None and self._folder is None:
            folder = Folder()
            places = {**self._paths, BUILD: str(folder.path)}
            build([word.render(places) for word in self._build_words], folder.path)
            self._folder = folder
        if self._words[0].names <= self._places.keys():
            program = self._words[0].render(self._places)
            if "/" in program and not program.startswith("/"):
                if str(PurePosixPath(program)) in self._files:
                    return
                raise NotFoundError(
                    f"Command: {program!r} is relative to the private folder of a trial, where there is no such file; "
                    f"give its place in paths: {{program: {program}}}, and {{program}} in the command"
                )
            if shutil.which(program, path=self._search_path()) is None:
                where = "is not there, or may not be executed" if "/" in program else "is not on the PATH here"
                raise NotFoundError(f"Command: the program {program!r} {where}")

    def simulate(self, individual: Individual, trial: Trial) -> Outcome:
        """Write the input files, run the program to its end, and read its fitness.

        Raises:
            ProgramFailed: It ended with another exit code than 0, or by a signal.
            Invalid: It did not leave its fitness where it should be.
        """
        if self._build_words is not None and self._folder is None:
            self.setup()
        folder = Path(os.path.abspath(trial.directory))
        own = {"seed": trial.seed, "trial": trial.number, "threads": trial.resources.threads, "directory": str(folder)}
        values = {**individual, **self._places, **own}
        for target, (template, mode) in self._files.items():
            place = folder / target
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(template.render(values), encoding="utf-8")
            place.chmod(mode & 0o777 | 0o600)
        words = [*trial.launch, *(template.render(values) for template in self._words)]
        code = run(words, folder, self._environment(values))
        if code and (code < 0 or self._source != "exit-code"):
            raise failure(words, code, folder)
        return self._outcome(code, folder)

    def _environment(self, values: Mapping[str, Any]) -> dict[str, str] | None:
        """All variables of the program; None where they are those of this process."""
        if not self._variables:
            return None
        changed = {name: one.render(values) for name, one in self._variables.items() if one is not None}
        kept = {name: value for name, value in os.environ.items() if name not in self._variables}
        return kept | changed

    def _search_path(self) -> str | None:
        """Where a program is looked for, where that is the same in all trials; None for where this process looks."""
        template = self._variables.get("PATH")
        known = template is not None and template.names <= self._places.keys()
        return template.render(self._places) if template is not None and known else None

    def _table_of(self, result: str | Mapping[str, Any]) -> ResultTable | None:
        place = "Command: option 'result'"
        if self._source != "table":
            if isinstance(result, Mapping):
                raise OptionError(f"{place}: a table is for fitness: table, got fitness: {self._source}")
            return None
        if not isinstance(result, Mapping):
            raise OptionError(f"{place}: expected a table, as {{csv: out.csv, column: rate}}, got {result!r}")
        table = ResultTable.of(result, [*(one.name for one in self.objectives), *self.observables], place)
        _inside("result", table.file)
        return table

    def teardown(self) -> None:
        """Remove what was built."""
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.remove()

    @property
    def _places(self) -> dict[str, str]:
        """Name → absolute path, of what `paths` names and of what was built."""
        return self._paths if self._folder is None else {**self._paths, BUILD: str(self._folder.path)}

    def _outcome(self, code: int, folder: Path) -> Outcome:
        if self._source == "exit-code":
            return Outcome(code)
        if self._table is not None:
            return self._of_table(self._table, folder)
        if self._source == "json":
            return self._of_json(json_of(folder / self._result), self._result)
        if self._pattern is not None:
            return self._of_match(folder / OUT, self._pattern)
        line = last_line(folder / OUT)
        if line.startswith("{"):
            return self._of_json(parsed(line, "last line of standard output"), "last line of standard output")
        numbers = [number(text) for text in line.replace(",", " ").split()]
        if None in numbers:
            raise Invalid(f"last line of standard output: expected {self._wanted}, got {line[:200]!r}")
        if self.objectives:
            return Outcome(tuple(numbers))
        if len(numbers) != len(self.observables):
            raise Invalid(f"last line of standard output: expected {self._wanted}, got {line[:200]!r}")
        return Outcome(observables=dict(zip(self.observables, numbers, strict=True)))

    def _of_json(self, data: Any, where: str) -> Outcome:
        if not isinstance(data, Mapping):
            if len(self.objectives) + len(self.observables) > 1:
                raise Invalid(f"{where}: expected a JSON object with {self._wanted}, got {str(data)[:200]}")
            return Outcome(data)
        fitness = {one.name: data[one.name] for one in self.objectives if one.name in data}
        return Outcome(fitness, {name: data[name] for name in self.observables if name in data})

    def _of_match(self, path: Path, pattern: re.Pattern[str]) -> Outcome:
        found = last_match(path, pattern)
        if found is None:
            raise Invalid(f"standard output: expected a line that matches {pattern.pattern!r}, found none")
        names: list[str | int] = [*pattern.groupindex] or [*range(1, pattern.groups + 1)]
        numbers: dict[Any, float | None] = {name: number(found[name]) for name in names}
        if None in numbers.values():
            raise Invalid(f"standard output: expected {self._wanted}, got {found[0][:200]!r}")
        if not pattern.groupindex:
            return Outcome(tuple(numbers.values()))
        observed = {name: numbers.pop(name) for name in self.observables}
        return Outcome(numbers, observed)

    def _of_table(self, table: ResultTable, folder: Path) -> Outcome:
        whole = [name for name, one in self.observables.items() if one.ragged or one.shape]
        found = table.read(folder, whole)
        fitness = {one.name: found[one.name] for one in self.objectives}
        return Outcome(fitness, {name: found[name] for name in self.observables})

    @property
    def _wanted(self) -> str:
        names = [one.name for one in self.objectives]
        return "a number" if len(names) == 1 and not self.observables else ", ".join([*names, *self.observables])

    def _compiled(self, pattern: str | None) -> re.Pattern[str] | None:
        if pattern is None:
            return None
        place = "Command: option 'pattern'"
        if self._source != "stdout":
            raise OptionError(f"{place}: is for fitness: stdout, got fitness: {self._source}")
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            raise OptionError(f"{place}: expected a regular expression, got {pattern!r}: {error}") from None
        wanted = [*(one.name for one in self.objectives), *self.observables]
        if compiled.groupindex:
            right = set(compiled.groupindex) == set(wanted)
        else:
            right = compiled.groups == len(self.objectives) and not self.observables
        if not right:
            raise OptionError(
                f"{place}: expected a group for each of {', '.join(wanted)}, "
                f"named like (?P<{wanted[0]}>…), got {pattern!r}"
            )
        return compiled


# --- options ---------------------------------------------------------------------------------------------------------


def _templates(option: str, command: list[str] | str, names: Sequence[str]) -> list[Template]:
    place = f"Command: option {option!r}"
    try:
        words = shlex.split(command) if isinstance(command, str) else list(command)
    except ValueError as error:
        raise OptionError(f"{place}: {error}, got {command!r}") from None
    if not words or not words[0]:
        raise OptionError(f"{place}: expected a program and its arguments, got {command!r}")
    return [Template(word, WORD, names, f"{place}: {word!r}") for word in words]


def _variable(name: str, value: str | int | float, names: Sequence[str]) -> Template:
    """The template of a variable's value.

    Raises:
        OptionError: There can be no variable of that name, or no such value.
    """
    place = f"Command: option 'environment': {name}"
    if not name or "=" in name or "\0" in name:
        raise OptionError(f"Command: option 'environment': expected the name of a variable, got {name!r}")
    if "\0" in str(value):
        raise OptionError(f"{place}: expected a text without NUL characters, got {value!r}")
    return Template(str(value), WORD, names, place)


def _names(parameters: ParameterSpace, others: Sequence[str]) -> list[str]:
    names = [*parameters, *others]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        own = [name for name in others if name in (*OWN, BUILD)]
        raise OptionError(
            f"Command: {', '.join(map(repr, twice))} stands for two things; parameters, paths and {', '.join(own)} "
            "need different names"
        )
    return names


def _existing(option: str, path: Path) -> Path:
    if not path.exists():
        raise NotFoundError(f"Command: option {option!r}: there is no {path}")
    return Path(os.path.abspath(path))


def _template_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFoundError(f"Command: option 'files': {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise OptionError(
            f"Command: option 'files': expected a text in UTF-8, got {path}; what is no template goes to paths"
        ) from None


def _inside(option: str, name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise OptionError(f"Command: option {option!r}: expected a name within the private folder, got {name!r}")
    return str(path)
