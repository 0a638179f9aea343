"""What makes two experiments the same, and how one is written down so that it can be run again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from l2l import registry
from l2l.errors import DifferentExperiment, OptionError
from l2l.experiment.experiment import MAY_CHANGE, Experiment
from l2l.optimizee import FunctionOptimizee, Optimizee
from l2l.plugin import NOTEBOOK, Plugin, Reference, describe_options, to_plain
from l2l.provenance import findable
from l2l.provenance.modules import text_of
from l2l.provenance.standalone import WRITTEN, name_of
from l2l.provenance.syntax import bindings_at_top

_LIMITS = ("memory", "timeout", "renew_after")


def resolved(experiment: Experiment, folder: Path) -> dict[str, Any]:
    """The experiment as the data of its `experiment.yaml`, paths relative to the folder that holds it.

    Raises:
        OptionError: An option is neither plain data nor importable code.
    """
    resources = experiment.resources
    data: dict[str, Any] = {
        "optimizee": _plugin("optimizee", experiment.optimizee, folder),
        "optimizer": _named("optimizer", experiment.optimizer_class, experiment.optimizer_options, folder),
        "launcher": _launcher(experiment.launcher, folder),
        "stop": _given(experiment.stop),
        "seed": experiment.seed,
        "trials": experiment.trials,
        "aggregate": _aggregate(experiment.aggregate, folder),
        "seeding": experiment.seeding,
        "parameters": to_plain({name: _override(one) for name, one in experiment.parameters.items()}, folder),
        "initial": to_plain(experiment.initial, folder),
        "memo": [to_plain(path.absolute(), folder)["$path"] for path in experiment.memo],
        "weights": to_plain(experiment.weights, folder),
        "resources": _given(resources),
        "on_failure": experiment.on_failure,
        "retries": experiment.retries,
        "max_failures": experiment.max_failures,
        "keep": experiment.keep,
        "validate": _given(experiment.validation) if experiment.validation else None,
    }
    return {key: value for key, value in data.items() if value not in (None, {}, [])}


def _plugin(kind: registry.Kind, plugin: Plugin, folder: Path) -> dict[str, Any]:
    if isinstance(plugin, Optimizee) and (name := _unfound(plugin, folder)):
        options = {} if isinstance(plugin, FunctionOptimizee) else to_plain(plugin.options, folder)
        return {"name": name, **options}
    if isinstance(plugin, FunctionOptimizee):
        return {"name": _reference_text(plugin, folder)}
    return _named(kind, type(plugin), plugin.options, folder)


def _unfound(optimizee: Optimizee, folder: Path) -> str:
    """What an optimizee is called that other processes cannot find: as it was written into the folder; "" else."""
    try:
        findable(optimizee)
    except OptionError:
        text = text_of(str(folder / WRITTEN))
        name = name_of(optimizee)
        return f"{WRITTEN if text and name in bindings_at_top(text.tree) else NOTEBOOK}:{name}"
    return ""


def _named(kind: registry.Kind, cls: type, options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    name = registry.name_of(kind, cls) or _reference_text(cls, folder)
    return {"name": name, **to_plain(options, folder)}


def _reference_text(code: Any, folder: Path) -> str:
    function = isinstance(code, FunctionOptimizee)
    try:
        return (code.reference if function else Reference.to(code)).text(folder)
    except OptionError:
        named = code.function if function else code
        return f"{NOTEBOOK}:{getattr(named, '__qualname__', type(named).__name__)}"


def _launcher(launcher: Any, folder: Path) -> Any:
    if isinstance(launcher, str):
        return launcher
    cls, options = (
        (type(launcher), launcher.options) if isinstance(launcher, Plugin) else registry.parts("launcher", launcher)
    )
    assert isinstance(cls, type)
    return _named("launcher", cls, options, folder)


def _given(values: Any) -> dict[str, Any]:
    """The fields of a frozen dataclass that are not at their default."""
    default = type(values)()
    fields = {name: getattr(values, name) for name in values.__slots__}
    return {name: value for name, value in fields.items() if value != getattr(default, name)}


def _aggregate(aggregate: Any, folder: Path) -> Any:
    return aggregate if isinstance(aggregate, str) else _reference_text(aggregate, folder)


def _override(override: Any) -> Any:
    """What fixes or narrows a parameter, as plain data."""
    return override.to_dict() if hasattr(override, "to_dict") else override


def check_same(experiment: Experiment, begun: Mapping[str, Any], folder: Path) -> None:
    """Refuse an experiment that is not the one with which a run began; the optimizee is compared elsewhere.

    Args:
        experiment: To be run.
        begun: As `resolved` wrote it.
        folder: Of the run.

    Raises:
        DifferentExperiment: Names each difference.
    """
    now, then = _identity(resolved(experiment, folder), experiment), _identity(begun, experiment)
    keys = sorted(_comparable({*now, *then}, now, then))
    differences = [
        f"  {key}: {_shown(then.get(key))} in the folder, {_shown(now.get(key))} here"
        for key in keys
        if now.get(key) != then.get(key)
    ]
    if differences:
        raise DifferentExperiment(
            f"{folder} holds a different experiment:\n"
            + "\n".join(differences)
            + "\ntake another directory, and name this run in `memo` to use what it has simulated"
        )


def _comparable(keys: set[str], now: Mapping[str, Any], then: Mapping[str, Any]) -> set[str]:
    """Without the options of a plugin that is another one: they mean nothing to each other."""
    others = [kind for kind in ("optimizer", "optimizee") if now[f"{kind}.name"] != then[f"{kind}.name"]]
    return {key for key in keys if key.endswith(".name") or key.partition(".")[0] not in others}


_DEFAULTS = {"seed": 0, "trials": 1, "aggregate": "mean", "seeding": "individual"}


def _identity(data: Mapping[str, Any], experiment: Experiment) -> dict[str, Any]:
    """What must stay the same, flat and with the defaults of what is not said."""
    kept: dict[str, Any] = {key: value for key, value in data.items() if key not in MAY_CHANGE}
    kept["resources"] = {key: value for key, value in kept.get("resources", {}).items() if key not in _LIMITS}
    kept = {**_DEFAULTS, **kept}
    for kind, cls in (("optimizer", experiment.optimizer_class), ("optimizee", type(experiment.optimizee))):
        plugin = dict(kept.pop(kind))
        defaults = {f"{kind}.{one.name}": to_plain(one.default) for one in describe_options(cls) if not one.required}
        # The place of a file may move; what it holds is the fingerprint's concern.
        kept[f"{kind}.name"] = str(plugin.pop("name")).rpartition(":")[2].rpartition("<locals>.")[2]
        kept |= defaults | {f"{kind}.{name}": value for name, value in plugin.items()}
    return {key: json.loads(json.dumps(_numbers(value))) for key, value in kept.items() if value not in ({}, [], None)}


def _numbers(value: Any) -> Any:
    """Whole floats as ints, so that 8 and 8.0 are the same, and files by their name."""
    if isinstance(value, Mapping):
        if "$path" in value:
            return Path(value["$path"]).name
        return {name: _numbers(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "…"
