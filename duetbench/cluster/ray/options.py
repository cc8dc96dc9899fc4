"""Options of `--ray`. They decide where work is done and never what is computed: no id of a cell depends on them."""

from __future__ import annotations

from dataclasses import dataclass

from duetbench.options import option


@dataclass(frozen=True)
class RayOptions:
    """Options of a run on a Ray cluster."""

    workers: int | None = option(None, "number of engines; none: as many as the cluster has room for", ge=1)
    cpus: float | None = option(
        None, "CPUs of one engine or training; none: 1 next to a GPU, else all CPUs of the smallest node", gt=0
    )
    gpus: float | None = option(None, "GPUs of one engine or training; none: 1 if the cluster has any, else 0", ge=0)
    attempts: int = option(5, "how often a batch is tried whose workers are lost before its cell fails", ge=1)
    wait: float = option(600.0, "seconds without any worker after which a cell fails", gt=0)
    tasks: bool = option(
        True, "run trainings and cells without a model as Ray tasks; the run's folder must then be visible on all nodes"
    )
