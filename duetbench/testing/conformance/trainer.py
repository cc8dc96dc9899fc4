"""Checks for trainers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from duetbench.errors import DuetbenchError
from duetbench.interfaces import Engine, Trainer, TrainingJob
from duetbench.testing.conformance.base import Conformance
from duetbench.testing.conformance.checks import require, skip
from duetbench.testing.dummy import DummyEngine, dummy_model
from duetbench.testing.minimal_plugins import MinimalReward, MinimalScorer, MinimalStrategy
from duetbench.testing.small_world import small_world
from duetbench.types import Example, ModelRef, TrainedModels


class TrainerConformance(Conformance):
    """Checks for a trainer, with a job of a few examples."""

    model: ClassVar[ModelRef | None] = None
    """The model that it trains; None: a reference without weights, which trainers that need weights reject."""

    def make(self) -> Trainer:
        """A fresh instance with the options."""
        trainer: Trainer = super().make()
        return trainer

    def engine(self) -> Engine:
        """The frozen engine of the job."""
        return DummyEngine(model=self.model)

    def job(self, workdir: Path, *, seed: int = 0) -> TrainingJob:
        """A job with a few examples of the small world and the minimal strategy, scorer and reward."""
        examples = small_world().examples
        rewards = ((MinimalReward(), 1.0),)
        model = self.model or dummy_model()
        train, valid = _of_split("train", examples[:6]), _of_split("valid", examples[6:8])
        return TrainingJob(
            MinimalStrategy(), train, valid, MinimalScorer(), rewards, model, self.engine(), workdir, seed
        )

    def _fitted(self, inspect: Callable[[ModelRef, Path], None], *, seed: int = 0) -> ModelRef:
        """The model of one training; `inspect` is called before its folder is removed."""
        with tempfile.TemporaryDirectory() as name:
            workdir = Path(name) / "work"
            workdir.mkdir()
            try:
                result = self.make().fit(self.job(workdir, seed=seed))
            except DuetbenchError as error:
                if self.model is not None:
                    raise
                skip(f"it needs a model: select one with --model ({error})")
            model = result.writer if isinstance(result, TrainedModels) else result
            require(isinstance(model, ModelRef), f"fit() must return a ModelRef, got a {type(model).__name__}")
            inspect(model, workdir)
            return model

    def test_returned_model_exists(self) -> None:
        """The returned model is the job's model, or a model in the job's folder with a digest."""
        self._fitted(self._check_files)

    def _check_files(self, model: ModelRef, workdir: Path) -> None:
        if model == (self.model or dummy_model()):
            return
        trained = model.adapter or model.path
        require(workdir in Path(trained).parents, f"{trained} is not in the job's folder")
        require(Path(trained).exists(), f"{trained} does not exist")
        require(model.adapter_digest if model.adapter else model.digest, "the trained weights have no digest")

    def test_training_is_deterministic(self) -> None:
        """The same job gives the same weights."""
        first, second = self._fitted(_ignore), self._fitted(_ignore)
        require(first.digest == second.digest, "two trainings gave different weights: draw from the job's seed only")
        require(first.adapter_digest == second.adapter_digest, "two trainings gave different adapters")

    def test_base_model_is_unchanged(self) -> None:
        """The files of the job's model are unchanged after training."""
        model = self.model or dummy_model()
        before = _files(Path(model.path)) if model.path else {}
        self._fitted(_ignore)
        after = _files(Path(model.path)) if model.path else {}
        require(before == after, "the files of the job's model were changed")


def _of_split(split: str, examples: Sequence[Example]) -> list[Example]:
    """The examples as rows of a split; trainers accept only rows of `train` for training."""
    rows = [example.request.request_id.partition(":")[2] for example in examples]
    return [
        replace(example, request=replace(example.request, request_id=f"{split}:{row}"))
        for example, row in zip(examples, rows, strict=True)
    ]


def _ignore(model: ModelRef, workdir: Path) -> None:
    """Inspects nothing."""


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))}
