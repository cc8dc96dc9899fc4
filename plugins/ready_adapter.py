"""A trainer for adapters that another program trained: it takes one over as it is."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from duetbench.errors import TrainingError
from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Trainer, TrainingJob, option
from duetbench.types import ModelRef


class ReadyAdapter(Trainer):
    """Copies the adapter into the job's folder, so that the run keeps what it was evaluated with."""

    name = "ready_adapter"
    summary = "takes over a peft adapter that was trained elsewhere"

    @dataclass(frozen=True)
    class Config:
        """Where the adapter is."""

        folder: str | None = option(None, "folder with adapter_config.json; none: the model stays as it is")

    def fit(self, job: TrainingJob) -> ModelRef:
        """The model with the adapter."""
        from duetbench.models.digests import adapter_digest

        if self.config.folder is None:
            return job.model
        source, target = Path(self.config.folder), job.workdir / "adapter"
        if not (source / "adapter_config.json").is_file():
            raise TrainingError(f"{source} holds no adapter_config.json: name the folder of a peft adapter")
        shutil.copytree(source, target, dirs_exist_ok=True)
        return replace(job.model, adapter=str(target), adapter_digest=adapter_digest(target))


@hookimpl
def duetbench_register_trainers() -> list[type[Trainer]]:
    """The trainer of this file."""
    return [ReadyAdapter]
