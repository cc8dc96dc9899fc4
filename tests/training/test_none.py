"""The trainer `none`."""

from __future__ import annotations

from pathlib import Path

from duetbench.interfaces import TrainingJob
from duetbench.scorers.baselines import GlobalMean
from duetbench.strategies.duet import Duet
from duetbench.testing import DummyEngine, TrainerConformance, dummy_model
from duetbench.training.none import NoTraining


class TestNoTraining(TrainerConformance):
    plugin = NoTraining


def test_it_returns_the_jobs_model(tmp_path: Path) -> None:
    job = TrainingJob(Duet(), [], [], GlobalMean(), [], dummy_model(), DummyEngine(), tmp_path, 0)
    assert NoTraining().fit(job) is job.model
