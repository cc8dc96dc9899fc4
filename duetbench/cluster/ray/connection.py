"""The connection to a Ray cluster, and how many engines it has room for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from duetbench.cluster.ray.options import RayOptions
from duetbench.errors import ConfigError, EngineError

LOCAL = "local"
"""The address that starts a cluster on this machine."""


@dataclass(frozen=True)
class Share:
    """What one engine or training gets, and how many fit."""

    workers: int
    cpus: float
    gpus: float


class RayCluster:
    """A connected Ray cluster. One that runs already is left running; one that was started here ends with `close`.

    Args:
        address: `local` starts a cluster on this machine; `auto` or `HOST:PORT` uses one that runs.

    Raises:
        ConfigError: the address cannot be used.
        EngineError: no cluster answers at the address.
    """

    def __init__(self, address: str) -> None:
        if "://" in address:
            raise ConfigError(
                [
                    f"--ray {address}: Ray Client is not supported; run the command on a node of the cluster, with "
                    "--ray auto"
                ]
            )
        self.address = address
        self._is_own = self._connect()

    def _connect(self) -> bool:
        """Connects this process; False if it was connected before, and stays so."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing about a run is reported to third parties
        import ray

        if ray.is_initialized():
            return False
        options: dict[str, Any] = {"include_dashboard": False} if self.address == LOCAL else {}
        try:
            ray.init(self.address, log_to_driver=False, configure_logging=False, **options)
        except Exception as error:  # a node that does not start raises a plain Exception
            raise EngineError(f"--ray {self.address}: {_connection_fault(error)}") from error
        return True

    def share(self, options: RayOptions) -> Share:
        """The resources of one engine, and the number of engines.

        Raises:
            ConfigError: the cluster has no room for them.
        """
        nodes = self._nodes()
        gpus = options.gpus if options.gpus is not None else float(any(node.get("GPU", 0) >= 1 for node in nodes))
        usable = [node for node in nodes if node.get("CPU", 0) > 0 and node.get("GPU", 0) >= gpus]
        smallest = min((node["CPU"] for node in usable), default=1.0)
        cpus = options.cpus if options.cpus is not None else 1.0 if gpus else smallest
        room = sum(_room(node, cpus, gpus) for node in usable)
        if room < (options.workers or 1):
            described = ", ".join(f"{node.get('CPU', 0):g} CPUs and {node.get('GPU', 0):g} GPUs" for node in nodes)
            raise ConfigError(
                [
                    f"ray.workers: {options.workers or 1} engines with {cpus:g} CPUs and {gpus:g} GPUs each are asked "
                    f"for, and the cluster has room for {room}: its nodes have {described}; set ray.workers, ray.cpus "
                    "or ray.gpus"
                ]
            )
        return Share(options.workers or room, cpus, gpus)

    def _nodes(self) -> list[dict[str, float]]:
        """The resources of each node that is alive."""
        import ray

        return [node["Resources"] for node in ray.nodes() if node["Alive"]]

    def close(self) -> None:
        """Disconnects; ends a cluster that was started here."""
        import ray

        if self._is_own:
            ray.shutdown()


def _room(node: dict[str, float], cpus: float, gpus: float) -> int:
    room = int(node["CPU"] / cpus)
    return min(room, int(node.get("GPU", 0) / gpus)) if gpus else room


def _connection_fault(error: Exception) -> str:
    text = " ".join(str(error).split())[:300]
    if isinstance(error, ConnectionError) or "Could not find any running Ray instance" in text:
        return f"no Ray cluster answers ({text}); start one with `ray start --head`, or use --ray local"
    if "ersion mismatch" in text:
        return f"{text}; install the cluster's versions of ray and Python here"
    return text
