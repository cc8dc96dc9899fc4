"""No training: the model writes as it is."""

from __future__ import annotations

from duetbench.interfaces import Trainer, TrainingJob
from duetbench.types import ModelRef


class NoTraining(Trainer):
    """The ladder's lowest rung."""

    name = "none"
    summary = "no training: the model writes as it is"
    trains = False

    def fit(self, job: TrainingJob) -> ModelRef:
        """The job's own model."""
        return job.model
