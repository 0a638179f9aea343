"""Clusters of Dask and IPython parallel for tests: `python clusters.py dask|ipyparallel WORKERS FOLDER`.

It starts one, prints in a line of JSON by what arguments a client finds it and the processes of its workers, and ends
it when its standard input is closed.
"""

import json
import os
import sys


def dask(workers: int, folder: str) -> None:
    import distributed

    with (
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, local_directory=folder
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        say({"address": cluster.scheduler_address}, list(client.run(os.getpid).values()))


def ipyparallel(workers: int, folder: str) -> None:
    import ipyparallel

    cluster = ipyparallel.Cluster(n=workers, profile_dir=folder, log_level=40)
    with cluster as client:
        client.wait_for_engines(workers, timeout=60, interactive=False)
        say({"profile_dir": folder, "cluster_id": cluster.cluster_id}, client[:].apply_sync(os.getpid))


def say(arguments: dict[str, str], pids: list[int]) -> None:
    print(json.dumps({"arguments": arguments, "pids": pids}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    {"dask": dask, "ipyparallel": ipyparallel}[sys.argv[1]](int(sys.argv[2]), sys.argv[3])
