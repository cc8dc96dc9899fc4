"""Options of `--slurm`. They decide where cells are computed and never what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from duetbench.options import option


@dataclass(frozen=True)
class SlurmOptions:
    """Options of a run whose cells are Slurm jobs."""

    executor: Literal["slurm", "local"] = option("slurm", "local: processes on this machine, to try a run out")
    partition: str | None = option(None, "partition; none: Slurm's default")
    account: str | None = option(None, "account; none: Slurm's default")
    qos: str | None = option(None, "quality of service; none: Slurm's default")
    time_min: int = option(240, "minutes after which a job is requeued; it resumes", ge=1)
    requeues: int = option(10, "how often a job is requeued after this time", ge=0)
    gpus: int = option(1, "GPUs of a job", ge=0)
    cpus: int = option(8, "CPUs of a job", ge=1)
    memory_gb: int | None = option(None, "memory of a job in GB; none: Slurm's default", ge=1)
    jobs: int = option(64, "jobs that run at the same time", ge=1)
    setup: tuple[str, ...] = option((), "shell commands before a job, such as `module load cuda`")

    def without_effect(self) -> dict[str, str]:
        """See `Plugin.Config`."""
        if self.executor == "slurm":
            return {}
        names = ("partition", "account", "qos", "memory_gb", "cpus", "jobs", "setup")
        return dict.fromkeys(names, "slurm.executor=local starts processes on this machine")
