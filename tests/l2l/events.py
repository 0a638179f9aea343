"""Runs as streams of journal records: drawn at random, of all kinds that a leader writes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from l2l.archive import Archive
from l2l.journal import Journal
from l2l.schema import Ragged
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from l2l.trajectory import Trajectory
from l2l.values import Status

Event = tuple[str, dict[str, Any]]
TABLES = ("generations", "individuals", "trials", "failures", "segments", "differences", "memos", "validation")

SPACE = ParameterSpace(
    {
        "g": Real(3.0, 8.0, unit="nS"),
        "cell.tau": Real(1.0, 100.0, log=True, default=7.0),
        "n": Integer(1, 9),
        "model": Categorical("iaf", "aeif", "hh"),
        "amplitude": Real(0.0, 1.0),
        "f_mod": Real(1.0, 10.0, when="amplitude > 0.5"),
        "weights": Real(-1.0, 1.0, shape=3),
        "odd": Categorical(1, None, "x"),
        "dt": Fixed(0.1),
        "solver": Fixed("rk4"),
    },
    constraints=["n < g + 5"],
)


@dataclass(frozen=True)
class Shape:
    """What kind of run to make up."""

    seed: int = 0
    generations: int = 3
    population: int = 4
    trials: int = 2
    objectives: int = 1
    steady: bool = False
    segments: int = 1
    rich: bool = True
    finished: bool = True


SHAPES = st.builds(
    Shape,
    seed=st.integers(0, 2**16),
    generations=st.integers(0, 5),
    population=st.integers(1, 6),
    trials=st.integers(1, 3),
    objectives=st.integers(1, 3),
    steady=st.booleans(),
    segments=st.integers(1, 3),
    rich=st.booleans(),
    finished=st.booleans(),
)


def run_record(shape: Shape) -> dict[str, Any]:
    observables: dict[str, Any] = {"rate": {"shape": [], "dtype": "float64", "unit": "1/s", "ragged": False}}
    if shape.rich:
        observables["profile"] = {"shape": [2], "dtype": "int32", "unit": "", "ragged": False}
        observables["spikes"] = {"shape": [], "dtype": "float64", "unit": "ms", "ragged": True}
    return {
        "format": "l2l-trajectory",
        "l2l": "0.1.0",
        "experiment": "optimizee: {name: function}\n",
        "seed": 2**100 + shape.seed,
        "fingerprint": "f" * 32,
        "space": SPACE.to_dict(),
        "objectives": [["error (rate)", False, "1/s"], ["reward", True, ""], ["g", False, ""]][: shape.objectives],
        "observables": observables,
        "stochastic": True,
        "trials": shape.trials,
        "seeding": "individual",
        "steady_state": shape.steady,
        "population": shape.population,
    }


class Run:
    """Makes up the events of a run, one after the other."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.rng = np.random.default_rng(shape.seed)
        self.asked = self.events = self.segment = self.generation = 0
        self.open: list[int] = []
        self.since = 0

    def all(self) -> Iterator[Event]:
        shape = self.shape
        yield "run", run_record(shape)
        yield "segment", self.segment_record()
        yield "memo", {"row": 0, "path": "runs/earlier", "fingerprint": "e" * 32, "time": 1.5}
        breaks = set(self.rng.integers(0, max(1, shape.generations), shape.segments - 1).tolist())
        for number in range(shape.generations):
            yield from self.steady() if shape.steady else self.whole(number in breaks)
            if shape.steady and number in breaks:
                yield from self.next_segment()
        if shape.steady:
            yield self.ask(2)
            yield self.finish(self.open[-1:], [0])
        yield "validation", self.results([(0, shape.trials), (0, shape.trials + 1)], 0.2)
        if shape.finished:
            yield "stopped", self.stop_record(True)

    def whole(self, broken: bool) -> Iterator[Event]:
        yield self.ask(self.shape.population)
        numbers = list(self.open)
        todo = [(i, k) for i in numbers for k in range(self.shape.trials)]
        self.rng.shuffle(todo)
        half = len(todo) // 2
        yield "started", {"index": np.array([i for i, _ in todo]), "time": 3.0}
        yield self.finish([i for i, _ in todo[:half]], [k for _, k in todo[:half]])
        if broken:
            yield from self.next_segment()
        yield self.finish([i for i, _ in todo[half:]], [k for _, k in todo[half:]])
        yield self.tell(numbers)
        yield self.close()

    def steady(self) -> Iterator[Event]:
        while self.since < self.shape.population:
            while len(self.open) < 5:
                yield self.ask(int(self.rng.integers(1, 3)))
            chosen = self.rng.choice(self.open, size=int(self.rng.integers(1, 3)), replace=False).tolist()
            chosen = chosen[: self.shape.population - self.since]
            for number in chosen:
                yield self.finish([number] * self.shape.trials, list(range(self.shape.trials)))
            yield self.tell(chosen)
        yield self.close()

    def segment_record(self) -> dict[str, Any]:
        return {
            "number": self.segment,
            "host": f"node{self.segment}",
            "pid": 100 + self.segment,
            "started": 10.0 * self.segment,
            "cores": 2,
            "gpus": [],
            "command": ["l2l", "run"],
            "versions": {"numpy": "2"},
            "sources": {"my_model.py": f"x = {self.segment // 2}\n"},
            "commit": "abc",
            "dirty": True,
            "diff": "+1" * (self.segment + 1),
            "fingerprint": "f" * 32,
            "experiment": f"optimizee: {{name: function}}\nstop: {{generations: {self.segment}}}\n",
        }

    def stop_record(self, finished: bool) -> dict[str, Any]:
        reason = "generations" if finished else "walltime"
        return {"segment": self.segment, "reason": reason, "finished": finished, "time": 99.0}

    def next_segment(self) -> Iterator[Event]:
        if self.rng.random() < 0.5:
            yield "stopped", self.stop_record(False)
        self.segment += 1
        yield "segment", self.segment_record()
        data = {"segment": self.segment, "event": self.events, "difference": 1e-12, "adopted": False}
        yield "difference", data

    def ask(self, n: int) -> Event:
        columns = SPACE.columns(SPACE.sample(n, self.rng))
        same = np.full(n, -1)
        if self.asked and self.rng.random() < 0.3:
            same[0] = 0
        data = {"first": self.asked, "columns": columns, "same_as": same, "event": self.events, "time": 2.0}
        self.open += range(self.asked, self.asked + n)
        self.asked += n
        self.events += 1
        return "asked", data

    def finish(self, index: list[int], number: list[int]) -> Event:
        return "finished", self.results(list(zip(index, number, strict=True)), 0.4)

    def results(self, ids: list[tuple[int, int]], failing: float) -> dict[str, Any]:
        repeated = [one for one in ids if self.rng.random() < failing / 2] if self.shape.rich else []
        ids = repeated + ids
        n, final = len(ids), np.arange(len(ids)) >= len(repeated)
        status = np.where(self.rng.random(n) < failing, self.rng.integers(1, 6, n), 0).astype(np.int8)
        status[~final] = Status.TIMEOUT
        fitness = self.rng.normal(size=(n, self.shape.objectives))
        fitness[status != 0] = np.nan
        observables: dict[str, Any] = {"rate": self.rng.normal(size=n)}
        if self.shape.rich:
            observables["profile"] = self.rng.integers(0, 99, (n, 2)).astype(np.int32)
            lengths = self.rng.integers(0, 4, n)
            observables["spikes"] = {"values": self.rng.random(int(lengths.sum())), "lengths": lengths}
        return {
            "index": np.array([i for i, _ in ids], dtype=np.int64),
            "number": np.array([k for _, k in ids], dtype=np.int64),
            "attempt": np.array([int((one in repeated) and last) for one, last in zip(ids, final, strict=True)]),
            "status": status,
            "final": final,
            "started": self.rng.random(n),
            "seconds": self.rng.random(n),
            "host": ["b", "a"] if self.rng.random() < 0.5 else ["a", "c"],
            "host_code": self.rng.integers(0, 2, n).astype(np.int16),
            "ranks": 1,
            "threads": 2,
            "peak_memory": self.rng.integers(0, 10**9, n),
            "entropy": self.rng.integers(0, 2**32, (n, 4)).astype(np.uint32),
            "source": -1,
            "fitness": fitness,
            "observables": observables,
            "failures": [
                [row, f"Boom: {row} \udc80\0é", "Traceback …\n" * 3] for row in np.flatnonzero(status).tolist()
            ],
        }

    def tell(self, numbers: list[int]) -> Event:
        n, m = len(numbers), self.shape.objectives
        status = np.where(self.rng.random(n) < 0.3, self.rng.integers(1, 6, n), 0).astype(np.int8)
        fitness = self.rng.normal(size=(n, m))
        fitness[status != 0] = np.nan
        data = {
            "individuals": np.array(numbers),
            "event": self.events,
            "fitness": fitness,
            "spread": self.rng.random((n, m)),
            "status": status,
        }
        self.open = [number for number in self.open if number not in numbers]
        self.events += 1
        self.since += n
        return "told", data

    def close(self) -> Event:
        report: dict[str, Any] = {"sigma": self.rng.random()}
        if self.shape.rich:
            report["path"] = self.rng.random(int(self.rng.integers(0, 4)))
            if self.generation % 2:
                report["late/one"] = np.float64(1.0)
                report["sigma"] = self.rng.random(2)
        data = {
            "number": self.generation,
            "count": self.since,
            "started": 1.0,
            "finished": 2.0,
            "best": self.rng.normal(size=self.shape.objectives),
            "report": report,
        }
        self.generation += 1
        self.since = 0
        return "generation", data


def events(shape: Shape) -> list[Event]:
    return list(Run(shape).all())


def write(folder: Path, records: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """The journal that a leader would have written: a file per segment."""
    journal = Journal(folder)
    for kind, data in records:
        if kind == "segment" and data["number"]:
            journal.close()
            journal = Journal(folder)
        journal.append(kind, data)
    journal.close()


def lead(folder: Path, records: Any, every: int = 1) -> Archive:
    """Journal and archive as a leader writes them, a process lifetime a segment, committing now and then."""
    journal, archive = Journal(folder / "journal"), Archive(folder)
    for place, (kind, data) in enumerate(records):
        if kind == "segment" and data["number"]:
            journal.close()
            journal, archive = Journal(folder / "journal"), Archive(folder)
        archive.add(kind, data, journal.append(kind, data))
        if place % every == 0:
            assert archive.commit(force=True)
    journal.close()
    return archive


def assert_equal_values(one: Any, other: Any, place: str) -> None:
    if isinstance(one, Ragged):
        assert one == other, place
    else:
        np.testing.assert_array_equal(one, other, err_msg=place)
        assert np.asarray(one).dtype == np.asarray(other).dtype, place


def assert_same_tables(one: Mapping[str, Mapping[str, Any]], other: Mapping[str, Mapping[str, Any]]) -> None:
    assert set(one) == set(other)
    for table, columns in one.items():
        assert set(columns) == set(other[table]), table
        for name, values in columns.items():
            assert_equal_values(values, other[table][name], f"{table}/{name}")


def tables_of(run: Trajectory) -> dict[str, dict[str, Any]]:
    return {name: dict(run.table(name)) for name in TABLES} | {"unfinished": dict(run.unfinished)}


def assert_same_runs(one: Trajectory, other: Trajectory) -> None:
    assert_same_tables(tables_of(one), tables_of(other))
    for name in ("experiment", "seed", "fingerprint", "fingerprints", "finished", "reason", "space", "objectives"):
        assert getattr(one, name) == getattr(other, name), name
    assert one.sources == other.sources
    assert one.pending == other.pending
    assert one.keys() == other.keys()
    assert one.best_cost == other.best_cost
    assert one.stagnant == other.stagnant
