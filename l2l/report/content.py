"""The parts of a report that are text: what was found, what failed, what it cost, what ran, and how to run it again."""

import json
import math
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l.display.hints import typed
from l2l.display.tables import cell, duration
from l2l.plot.data import View
from l2l.plot.data.failures import failures as failures_of
from l2l.plot.data.timeline import Timeline
from l2l.report.markup import Markup, element, facts, folded, joined, safe, table
from l2l.trajectory import Solution, Trajectory
from l2l.values import Status

if TYPE_CHECKING:
    from l2l.space.parameter import Parameter

_BEST = 10
_CAUSES = 50  # groups of failures that are listed
_LONGEST = 20_000  # letters of a source text in the page
_WIDE = 12  # parameters from which on those of the best stand below each other


def state_of(trajectory: Trajectory) -> tuple[str, str]:
    """The state of a run in a word, and why."""
    from l2l.lock import holder

    folder = trajectory.path if trajectory.path.is_dir() else trajectory.path.parent
    leader = holder(folder)
    if leader is not None:
        return "running", "it was still being written when this page was made"
    reason = trajectory.reason.partition("\n")[0]
    if trajectory.finished:
        return "finished", reason
    if reason:
        return "stopped", reason
    return "killed", f"go on with: l2l resume {typed(folder)}"


def with_unit(name: str, unit: str) -> str:
    """A name with its unit."""
    return f"{name} ({unit})" if unit else name


def moment(seconds: float) -> str:
    """A Unix time as people read it, in UTC so that it means the same everywhere."""
    if not math.isfinite(seconds) or seconds <= 0:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _of(values: Any, objective: str) -> float:
    return float(values[objective] if isinstance(values, Mapping) else values)


def uncertain(value: float, spread: float, trials: int) -> str:
    """A mean with its standard error, where it is over several trials."""
    if trials > 1 and math.isfinite(spread):
        return f"{cell(value)} ± {spread / math.sqrt(trials):.2g}"
    return cell(value)


# --- what was found ----------------------------------------------------------------------------------------------


def found(trajectory: Trajectory) -> Markup:
    """The best individuals, the validation, and what they mean."""
    if not trajectory.objectives:
        return element("p", f"{_explored(trajectory)} The table below has them all.")
    solutions = trajectory.ranked(_BEST)
    if not solutions:
        n = len(trajectory.individuals)
        said = f"No individual has a fitness: all {n:,} failed." if n else "No generation is complete yet."
        return element("p", said, class_="empty")
    names = trajectory.space.names
    transposed = len(names) > _WIDE
    several = trajectory.trials_per_individual > 1
    columns = ["individual", "generation", *(with_unit(one.name, one.unit) for one in trajectory.objectives)]
    columns += ["trials"] if several else []
    rows = []
    for one in solutions:
        row: list[Any] = [f"{one.number:,}", f"{one.generation:,}"]
        row += [_fitness(one, name.name) for name in trajectory.objectives]
        row += [len(one.trials)] if several else []
        rows.append(row + ([] if transposed else [_value(one, name) for name in names]))
    if not transposed:
        columns += [with_unit(name, trajectory.space.parameters[name].unit) for name in names]
    parts = [_front_line(trajectory), table(columns, rows, range(len(columns)))]
    if several:
        parts.append(
            element("p", "± is the standard error over an individual's trials. The best of many is luckier than it is "
                    "good: only fresh trials, the validation, say how good it is.", class_="note")
        )  # fmt: skip
    if transposed:
        best = solutions[0]
        pairs = [(with_unit(name, trajectory.space.parameters[name].unit), _value(best, name)) for name in names]
        parts += [element("h3", f"Parameters of individual {best.number:,}"), facts(pairs)]
    parts.append(_validation(trajectory))
    return joined(parts)


def _explored(trajectory: Trajectory) -> str:
    """What a run without objectives did, as a sentence."""
    names = ", ".join(trajectory.observables)
    return f"{len(trajectory.individuals):,} individuals were explored without an objective; observed was {names}."


def _fitness(solution: Solution, name: str) -> str:
    return uncertain(_of(solution.fitness, name), _of(solution.spread, name), len(solution.trials))


def _value(solution: Solution, name: str) -> str:
    return "-" if name in solution.inactive else cell(solution[name])


def _front_line(trajectory: Trajectory) -> Markup:
    if len(trajectory.objectives) == 1:
        return Markup("")
    names = ", ".join(one.name for one in trajectory.objectives)
    size = len(trajectory.front)
    said = f"The Pareto front of {names} has {size:,} individual{'' if size == 1 else 's'}; the table ranks by fronts."
    return element("p", said)


def _validation(trajectory: Trajectory) -> Markup:
    rows_of = trajectory.validation
    if not len(rows_of):
        return Markup("")
    columns = [
        "individual",
        *(with_unit(one.name, one.unit) for one in trajectory.objectives),
        "fresh trials",
        "failed",
    ]
    rows = []
    for number in dict.fromkeys(np.asarray(rows_of["individual"]).tolist()):
        mine = rows_of.where(np.asarray(rows_of["individual"]) == number)
        row: list[Any] = [f"{number:,}"]
        for one in trajectory.objectives:
            values = np.asarray(mine[f"fitness/{one.name}"])
            values = values[np.isfinite(values)]
            spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
            row.append(uncertain(float(values.mean()), spread, len(values)) if len(values) else "never valid")
        failed = int((np.asarray(mine["status"]) != Status.OK).sum())
        rows.append([*row, len(mine), failed])
    return joined([element("h3", "Validation with fresh seeds"), table(columns, rows, range(len(columns)))])


# --- what failed -------------------------------------------------------------------------------------------------


def failed(view: View) -> Markup:
    """Failures by cause, the most frequent first, each with a traceback."""
    trajectory = view.trajectory
    if not len(trajectory.failures):
        return element("p", "Nothing failed.")
    data = failures_of(view) if len(view) else None
    causes = data.causes if data else ()
    traces = _traces(trajectory)
    parts: list[Markup] = []
    if data:
        share = 100 * data.failed / max(1, int(data.trials.sum()))
        parts.append(element("p", f"{data.failed:,} of {int(data.trials.sum()):,} trials failed ({share:.3g} %)."))
    for cause in causes[:_CAUSES]:
        trace = traces.get((int(cause.status), cause.individual), "")
        head = [
            element("span", f"{cause.count:,} ×", class_="count"),
            element("span", cause.status.name, class_="badge bad"),
            element("span", cause.message.partition("\n")[0] or cause.status.meaning, class_="message"),
        ]
        body = [
            element("p", f"{cause.status.meaning} First: individual {cause.individual:,}."),
            element("pre", "\n".join(part for part in (cause.message, trace.rstrip()) if part)),
        ]
        parts.append(element("details", element("summary", *head), *body, class_="cause"))
    if len(causes) > _CAUSES:
        parts.append(
            element("p", f"and {len(causes) - _CAUSES:,} further causes: l2l show RUN --failures", class_="note")
        )
    return joined(parts)


def _traces(trajectory: Trajectory) -> dict[tuple[int, int], str]:
    table_ = trajectory.failures
    found: dict[tuple[int, int], str] = {}
    columns = (table_[name] for name in ("status", "individual", "traceback"))
    for status, individual, trace in zip(*columns, strict=True):
        found.setdefault((int(status), int(individual)), str(trace))
    return found


# --- what it cost ------------------------------------------------------------------------------------------------


def cost(trajectory: Trajectory, timeline: Timeline | None) -> Markup:
    """Core hours, utilization, and what did not have to be simulated."""
    tables = [one for one in (trajectory.trials, trajectory.unfinished, trajectory.validation) if len(one)]
    if not tables:
        return element("p", "No trial is over yet.", class_="empty")
    seconds, ranks, threads, source, memory = (
        np.concatenate([np.asarray(one[name]) for one in tables])
        for name in ("seconds", "ranks", "threads", "source", "peak_memory")
    )
    here = (source < 0) & np.isfinite(seconds)
    spent = seconds[here]
    cores = np.maximum(ranks, 1) * np.maximum(threads, 1)
    individuals = trajectory.individuals
    equal = int((np.asarray(individuals["same_as"]) >= 0).sum()) if len(individuals) else 0
    pairs: list[tuple[str, object]] = [
        ("simulated", f"{len(spent):,} trials in {_hours(float((seconds * cores)[here].sum()))} on one core"),
        ("wall time", _wall(trajectory)),
        ("per trial", f"{np.median(spent):.3g} s median, {spent.max():.3g} s longest" if len(spent) else ""),
        ("utilization", _utilization(timeline)),
        ("largest memory", f"{memory.max() / 2**20:,.0f} MiB in one process" if memory.max() > 0 else ""),
        ("from other runs", f"{int((source >= 0).sum()):,} trials" if (source >= 0).any() else ""),
        ("equal individuals", f"{equal:,}, whose trials ran once" if equal else ""),
    ]
    return facts(pairs)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.3g} hours" if seconds >= 360 else f"{seconds:.3g} s"


def _wall(trajectory: Trajectory) -> str:
    total = 0.0
    for number, (start, stop) in enumerate(
        zip(trajectory.segments["started"], trajectory.segments["stopped"], strict=True)
    ):
        end = float(stop)
        if not math.isfinite(end):  # killed, or running: until its last trial was over
            trials = [one for one in (trajectory.trials, trajectory.unfinished) if len(one)]
            ends = [np.asarray(one["started"] + one["seconds"])[np.asarray(one["segment"]) == number] for one in trials]
            known = np.concatenate([np.empty(0), *ends])
            end = float(np.nanmax(known)) if np.isfinite(known).any() else float(start)
        total += max(0.0, end - float(start))
    return duration(total) if total >= 1 else f"{total:.2g} s"


def _utilization(timeline: Timeline | None) -> str:
    if timeline is None:
        return ""
    lanes = len(timeline.hosts)
    at_once = f"{lanes:,} trial{'' if lanes == 1 else 's'} at once"
    return f"{100 * timeline.utilization:.3g} % of {at_once}, on {_count(set(timeline.hosts), 'host')}"


def _count(things: Iterable[Any], what: str) -> str:
    number = len(list(things))
    return f"{number:,} {what}{'' if number == 1 else 's'}"


# --- what was run ------------------------------------------------------------------------------------------------


def was_run(view: View) -> Markup:
    """Optimizee, optimizer, objectives, the space, and the experiment's whole text."""
    trajectory = view.trajectory
    settings = view.settings
    pairs = [(name, _plugin(settings.get(name))) for name in ("optimizee", "optimizer", "launcher")]
    pairs += [
        ("objectives", "; ".join(_objective(one) for one in trajectory.objectives) or "none"),
        ("trials per individual", f"{trajectory.trials_per_individual}, {settings.get('aggregate', '')}".rstrip(", ")),
        ("population", f"{trajectory.population:,}{', in steady state' if trajectory.steady_state else ''}"),
        ("stop", _inline(settings.get("stop"))),
    ]
    rows = [_parameter(name, one) for name, one in trajectory.space.parameters.items()]
    columns = ["parameter", "kind", "range", "unit", "scale", "shape", "only when"]
    used = [place for place in range(len(columns)) if place < 3 or any(row[place] for row in rows)]
    parts = [facts(pairs), table([columns[k] for k in used], [[row[k] for k in used] for row in rows])]
    constraints = getattr(trajectory.space, "constraints", ())
    if constraints:
        parts.append(element("p", "Constraints: ", "; ".join(map(str, constraints))))
    parts.append(folded("The whole experiment", trajectory.experiment))
    return joined(parts)


def _plugin(said: Any) -> str:
    if not isinstance(said, Mapping):
        return str(said) if said else ""
    options = {name: one for name, one in said.items() if name != "name"}
    return f"{said.get('name', '')}{': ' if options else ''}{_inline(options)}"


def _inline(said: Any) -> str:
    """Settings in one line."""
    if isinstance(said, Mapping):
        return ", ".join(f"{name} {_inline(one)}" for name, one in said.items())
    if isinstance(said, list | tuple):
        return "[" + ", ".join(map(_inline, said)) + "]"
    return "" if said is None else cell(said)


def _objective(one: Any) -> str:
    return f"{'maximize' if one.maximize else 'minimize'} {with_unit(one.name, one.unit)}"


def _parameter(name: str, parameter: "Parameter") -> list[Any]:
    said = parameter.to_dict()
    scope = ""
    if "low" in said:
        scope = f"{cell(said['low'])} … {cell(said['high'])}"
    elif "fixed" in said:
        scope = f"fixed: {_short(said['fixed'])}"
    elif parameter.codes:
        scope = _short(", ".join(map(str, parameter.codes)))
    shape = "×".join(map(str, parameter.shape))
    step = said.get("step")
    scale = "logarithmic" if said.get("log") else f"steps of {cell(step)}" if step else ""
    return [name, parameter.kind, scope, parameter.unit, scale, shape, parameter.when or ""]


def _short(value: Any, most: int = 120) -> str:
    text = str(value)
    return text if len(text) <= most else text[: most - 1] + "…"


# --- what ran when, and how to run it again ------------------------------------------------------------------------


def segments(trajectory: Trajectory) -> Markup:
    """A row per process lifetime of the run."""
    rows = []
    for place in range(len(trajectory.segments)):
        row = trajectory.segments.row(place)
        commit = f"{row['commit'][:10]}{' + changes' if row['dirty'] else ''}" if row["commit"] else ""
        stopped = moment(row["stopped"]) or "not recorded"
        rows.append(
            [row["number"], moment(row["started"]), stopped, row["reason"].partition("\n")[0], row["host"], row["job"],
             row["cpu"], row["cores"], commit]
        )  # fmt: skip
    columns = ["segment", "began", "ended", "why it ended", "host", "job", "processor", "cores", "commit"]
    used = [place for place in range(len(columns)) if place < 4 or any(row[place] for row in rows)]
    parts = [table([columns[k] for k in used], [[row[k] for k in used] for row in rows])]
    if len(trajectory.differences):
        parts.append(element("p", f"{_count(range(len(trajectory.differences)), 'difference')} met while replaying; "
                             "see the table /differences of the archive.", class_="note"))  # fmt: skip
    if len(trajectory.memos):
        paths = ", ".join(map(str, trajectory.memos["path"]))
        parts.append(element("p", f"Results were taken from: {paths}"))
    return joined(parts)


def again(trajectory: Trajectory) -> Markup:
    """Commands, seed, environment and sources."""
    folder = (trajectory.path if trajectory.path.is_dir() else trajectory.path.parent).resolve()
    last = trajectory.segments.row(len(trajectory.segments) - 1) if len(trajectory.segments) else {}
    versions, packages = _read(last.get("versions")), _read(last.get("packages"))
    begun_in = str(last.get("directory") or "")
    if begun_in and folder.is_relative_to(begun_in):
        folder = folder.relative_to(begun_in)
    place = shlex.quote(str(folder))
    commands = [f"cd {shlex.quote(begun_in)}"] if begun_in else []
    begun = _read(last.get("command"))
    given = " ".join(map(str, begun)) if isinstance(begun, list) else str(last.get("command") or "")
    commands.append(f"l2l run {place}/experiment.yaml --directory NEW")
    solutions = trajectory.ranked(1)
    if solutions:
        commands.append(f"l2l rerun {place} --individual {solutions[0].number}")
    pairs = [
        ("seed", trajectory.seed),
        ("started as", given),
        ("fingerprint of the optimizee", ", ".join(trajectory.fingerprints)),
        ("commit", f"{last.get('commit', '')}{' with changes' if last.get('dirty') else ''}"),
        ("platform", last.get("platform")),
        ("versions", _versions(versions)),
        ("packages of the optimizee", _versions(packages)),
        ("could not be followed", "; ".join(trajectory.notes)),
    ]
    parts = [element("pre", "\n".join(commands)), facts(pairs)]
    for name, text in trajectory.sources.items():
        shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "\n… (cut; the archive has it whole)"
        parts.append(folded(f"Source: {name}", shown))
    return joined(parts)


def _read(text: Any) -> Any:
    """What is archived as JSON; the text itself where it is none."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _versions(found: Any) -> str:
    return ", ".join(f"{name} {one}" for name, one in found.items()) if isinstance(found, Mapping) else str(found or "")


def counts(trajectory: Trajectory) -> list[tuple[str, str]]:
    """The numbers at the head of the page: what, and how many."""
    trials = trajectory.trials
    failed_ = int((np.asarray(trials["status"]) != Status.OK).sum()) if len(trials) else 0
    pairs: Sequence[tuple[str, int]] = [
        ("generations", len(trajectory.generations)),
        ("individuals", len(trajectory.individuals)),
        ("trials", len(trials)),
        ("trials failed", failed_),
    ]
    found = [(name if number != 1 else name.replace("s ", " ").rstrip("s"), f"{number:,}") for name, number in pairs]
    waiting = trajectory.pending.get("trials", 0)
    return found + ([("trials of the open generation", f"{waiting:,}")] if waiting else [])


def headline(trajectory: Trajectory) -> Markup:
    """What came out, in one sentence."""
    if not trajectory.objectives:
        return safe(_explored(trajectory))
    solutions = trajectory.ranked(1)
    if not solutions:
        n = len(trajectory.individuals)
        return safe(f"No individual has a fitness: all {n:,} failed." if n else "No generation is complete yet.")
    if len(trajectory.objectives) > 1:
        return safe(f"{len(trajectory.front):,} individuals are on the Pareto front.")
    one, best = trajectory.objectives[0], solutions[0]
    value = _fitness(best, one.name)
    return joined(["Best ", element("b", one.name), " ", element("strong", f"{value} {one.unit}".strip()),
                   f" by individual {best.number:,} in generation {best.generation:,}."])  # fmt: skip
