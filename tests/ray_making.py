"""Real Ray clusters of several nodes on this machine, for tests; skips where ray is not installed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
MEMORY = 80 * 2**20
"""Bytes of a node's object store, Ray's minimum."""
ATTEMPTS = 4
"""How often a node is started."""


@contextmanager
def ray_cluster(n_nodes: int) -> Iterator[Any]:
    """A cluster of nodes with one CPU each, to which this process is connected."""
    pytest.importorskip("ray", reason="ray is not installed: pip install 'duetbench[ray]'")
    import ray
    from ray.cluster_utils import Cluster

    paths = [str(ROOT), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    with pytest.MonkeyPatch.context() as environment:  # of the nodes and their workers
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("PYTHONPATH", os.pathsep.join(path for path in paths if path))
        cluster = Cluster()
        try:
            for _ in range(n_nodes):
                add_node(cluster)
            ray.init(cluster.address, log_to_driver=False, configure_logging=False)
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()


def add_node(cluster: Any) -> Any:
    """A new node of one CPU. Its agents must start within 15 s, which a busy machine misses: it is tried again."""
    for _ in range(ATTEMPTS - 1):
        with suppress(Exception):
            return _add_node(cluster)
    return _add_node(cluster)


def _add_node(cluster: Any) -> Any:
    return cluster.add_node(num_cpus=1, num_gpus=0, object_store_memory=MEMORY, include_dashboard=False)


def kill_some_worker(pids: list[int], random: Random) -> int | None:
    """Kills one of the processes that is still a Ray worker; returns its id, or None if there is none."""
    workers = [pid for pid in pids if _is_ray_worker(pid)]
    if not workers:
        return None
    pid = random.choice(workers)
    os.kill(pid, signal.SIGKILL)
    return pid


def _is_ray_worker(pid: int) -> bool:
    """Whether a process is an actor of the fleet, and neither this one nor another that got its id."""
    try:
        return b"ray::EngineWorker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
