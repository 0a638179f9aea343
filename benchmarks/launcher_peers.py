"""The no-op under l2l's launchers and under other libraries, on two workers; each in a program of its own.

    python benchmarks/launcher_peers.py dask 2000 --chunk 10
    mpiexec -n 3 python -m mpi4py.futures benchmarks/launcher_peers.py mpi4py 100000 --chunk 100
    mpiexec -n 3 python benchmarks/launcher_peers.py l2l 20000 --launcher '{"name": "mpi"}'

Prints a line of JSON. Other libraries get points drawn before, and of their results only the number is looked at. Ours
are counted twice: "l2l" is a whole run with optimizer, seeds, journal and archive; "l2l-loop" the launcher alone, with
trials made before, whose evaluations are counted.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fresh import cpu_seconds
from models import SPACE, Noop, noop, points

from l2l import Experiment, Progress, Resources, Trial
from l2l.registry import build, served

WORKERS = 2
WARM = 200
Drawn = Sequence[dict[str, float]]


def several(drawn: Drawn) -> list[float]:
    """The function for many points, where a library has no chunks."""
    return [noop(point) for point in drawn]


def timed(count: Callable[[int], int], evaluations: int) -> dict[str, float]:
    """Rates of a function that evaluates so many; a few before do not count."""
    count(WARM)
    begin, cpu = time.perf_counter(), cpu_seconds()
    done = count(evaluations)
    return {"evaluations": done, "seconds": time.perf_counter() - begin, "cpu": cpu_seconds() - cpu}


def mpi4py(given: argparse.Namespace) -> dict[str, float]:
    """`MPIPoolExecutor.map`, results as they come."""
    from mpi4py.futures import MPIPoolExecutor

    drawn = points(given.evaluations)
    with MPIPoolExecutor() as pool:

        def count(n: int) -> int:
            return sum(1 for _ in pool.map(noop, drawn[:n], chunksize=given.chunk, unordered=True))

        return timed(count, given.evaluations)


def dask(given: argparse.Namespace) -> dict[str, float]:
    """`Client.map` on a local cluster; a chunk is a list of points, as Dask advises for short tasks."""
    from distributed import Client, LocalCluster, as_completed

    drawn = points(given.evaluations)
    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):

        def count(n: int) -> int:
            chunks = [drawn[at : at + given.chunk] for at in range(0, n, given.chunk)]
            futures = client.map(several, chunks, pure=False)
            return sum(len(result) for _, result in as_completed(futures, with_results=True))

        return timed(count, given.evaluations)


def ipyparallel(given: argparse.Namespace) -> dict[str, float]:
    """A load-balanced view's `map`, results as they come."""
    import ipyparallel

    drawn = points(given.evaluations)
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        cluster = ipyparallel.Cluster(n=WORKERS, ipython_dir=place, log_level=40)
        with cluster as client:
            client.wait_for_engines(WORKERS, timeout=60)
            view = client.load_balanced_view()

            def count(n: int) -> int:
                return sum(1 for _ in view.map(noop, drawn[:n], chunksize=given.chunk, ordered=False, block=False))

            return timed(count, given.evaluations)


def simulate(history: Any, _: Any, specification: Any, __: Any) -> Any:
    """The function as libEnsemble calls it."""
    result = np.zeros(len(history), dtype=specification["out"])
    result["f"] = history["x"][:, 0]
    return result


def libensemble(given: argparse.Namespace) -> dict[str, float]:
    """Two workers that simulate what its own sampler drew at once; its own times of first start and last end count."""
    from libensemble.alloc_funcs.fast_alloc import give_sim_work_first
    from libensemble.gen_funcs.sampling import uniform_random_sample
    from libensemble.libE import libE
    from libensemble.tools import add_unique_random_streams

    bound = np.ones(len(SPACE))
    places = {"gen_batch_size": given.evaluations, "lb": -bound, "ub": bound}
    cpu = cpu_seconds()
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        history, _, _ = libE(
            {"sim_f": simulate, "in": ["x"], "out": [("f", float)]},
            {"gen_f": uniform_random_sample, "out": [("x", float, (len(SPACE),))], "user": places},
            {"sim_max": given.evaluations},
            add_unique_random_streams({"next_to_give": 0, "total_gen_calls": 0}, WORKERS + 1, seed="1"),
            {"alloc_f": give_sim_work_first, "user": {"num_active_gens": 1}},
            {
                "nworkers": WORKERS,
                "comms": "local",
                "disable_log_files": True,
                "save_H_and_persis_on_abort": False,
                "workflow_dir_path": place,
            },
        )
    ended = history[history["sim_ended"]]
    seconds = float(ended["sim_ended_time"].max() - ended["sim_started_time"].min())
    return {"evaluations": len(ended), "seconds": seconds, "cpu": cpu_seconds() - cpu}


def l2l(given: argparse.Namespace) -> dict[str, float]:
    """A whole run, from the end of its first generation until its archive is verified."""
    instants: dict[str, tuple[float, float]] = {}

    def watch(progress: Progress) -> None:
        if progress.complete and progress.generation == 0:
            instants["begin"] = time.perf_counter(), cpu_seconds()
        elif progress.state == "finished":
            instants["end"] = time.perf_counter(), cpu_seconds()

    generations = max(1, round(given.evaluations / given.population))
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        Experiment(
            Noop,
            {"name": "random", "population": given.population, "steady_state": given.steady},
            directory=Path(place) / "run",
            launcher=json.loads(given.launcher),
            stop={"generations": 1 + generations},
        ).run(progress=watch)
    (begin, cpu), (end, cpu_end) = instants["begin"], instants["end"]
    return {"evaluations": generations * given.population, "seconds": end - begin, "cpu": cpu_end - cpu}


def l2l_loop(given: argparse.Namespace) -> dict[str, float]:
    """The launcher alone, which is given all trials at once."""
    individuals = SPACE.sample(given.evaluations, np.random.default_rng(0))
    trials = [Trial(one, 0, n, n) for n, one in enumerate(individuals)]
    with build("launcher", json.loads(given.launcher)) as launcher:
        launcher.start(Noop(), Resources())
        launcher.describe()

        def count(n: int) -> int:
            launcher.submit(trials[:n])
            done = 0
            while done < n:
                done += len(launcher.collect())
            return done

        return timed(count, given.evaluations)


PROGRAMS: dict[str, Callable[[argparse.Namespace], dict[str, float]]] = {
    "mpi4py": mpi4py,
    "dask": dask,
    "ipyparallel": ipyparallel,
    "libensemble": libensemble,
    "l2l": l2l,
    "l2l-loop": l2l_loop,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=PROGRAMS)
    parser.add_argument("evaluations", type=int)
    parser.add_argument("--chunk", type=int, default=1)
    parser.add_argument("--launcher", default='{"name": "local", "workers": 2}', help="of l2l, as JSON")
    parser.add_argument("--population", type=int, default=1000)
    parser.add_argument("--steady", action="store_true", help="steady state")
    parser.add_argument("--folder", default=tempfile.gettempdir())
    given = parser.parse_args()
    if given.name == "l2l-loop" and served():
        return
    print(json.dumps(PROGRAMS[given.name](given)), flush=True)


if __name__ == "__main__":
    main()
