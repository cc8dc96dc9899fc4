"""No training: the model is used unchanged."""

from __future__ import annotations

from duetbench.interfaces import Trainer, TrainingJob
from duetbench.types import ModelRef


class NoTraining(Trainer):
    """The untrained baseline of every comparison of trainers."""

    name = "none"
    summary = "no training: the model is used unchanged"
    trains = False

    def fit(self, job: TrainingJob) -> ModelRef:
        return job.model
