"""A trainer that uses an adapter trained by another program."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from duetbench.errors import TrainingError
from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Trainer, TrainingJob, option
from duetbench.types import ModelRef


class ExternalAdapter(Trainer):
    """Copies the adapter into the job's folder, so that the results keep the weights that were evaluated."""

    name = "external_adapter"
    summary = "uses a peft adapter that was trained elsewhere"

    @dataclass(frozen=True)
    class Config:
        folder: str | None = option(None, "folder with adapter_config.json; none: the model is unchanged")

    def fit(self, job: TrainingJob) -> ModelRef:
        """The model with the adapter; without `folder`, the unchanged model."""
        from duetbench.models.digests import adapter_digest

        if self.config.folder is None:
            return job.model
        source, target = Path(self.config.folder), job.workdir / "adapter"
        if not (source / "adapter_config.json").is_file():
            raise TrainingError(f"{source} has no adapter_config.json: set external_adapter.folder to a peft adapter")
        shutil.copytree(source, target, dirs_exist_ok=True)
        return replace(job.model, adapter=str(target), adapter_digest=adapter_digest(target))


@hookimpl
def duetbench_register_trainers() -> list[type[Trainer]]:
    return [ExternalAdapter]
