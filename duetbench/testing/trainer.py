"""Checks for trainers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from duetbench.errors import DuetbenchError
from duetbench.interfaces import Engine, Trainer, TrainingJob
from duetbench.testing.conformance import Conformance, require, skip
from duetbench.testing.dummy import DummyEngine, dummy_model
from duetbench.testing.minimal_plugins import MinimalReward, MinimalScorer, MinimalStrategy
from duetbench.testing.small_world import small_world
from duetbench.types import Example, ModelRef, TrainedModels


class TrainerConformance(Conformance):
    """Checks for a trainer, on a job of a few examples."""

    model: ClassVar[ModelRef | None] = None
    """What it trains; None: a reference to no weights, which a trainer that needs some will refuse."""

    def make(self) -> Trainer:
        """A fresh instance with the options."""
        trainer: Trainer = super().make()
        return trainer

    def engine(self) -> Engine:
        """The frozen engine of the job."""
        return DummyEngine(model=self.model)

    def job(self, workdir: Path, *, seed: int = 0) -> TrainingJob:
        """A few examples of the small world, the plain strategy, scorer and reward."""
        examples = small_world().examples
        rewards = ((MinimalReward(), 1.0),)
        model = self.model or dummy_model()
        train, valid = _of_split("train", examples[:6]), _of_split("valid", examples[6:8])
        return TrainingJob(
            MinimalStrategy(), train, valid, MinimalScorer(), rewards, model, self.engine(), workdir, seed
        )

    def _fitted(self, look: Callable[[ModelRef, Path], None], *, seed: int = 0) -> ModelRef:
        """The model of one training, looked at while its folder is still there."""
        with tempfile.TemporaryDirectory() as name:
            workdir = Path(name) / "work"
            workdir.mkdir()
            try:
                found = self.make().fit(self.job(workdir, seed=seed))
            except DuetbenchError as error:
                if self.model is not None:
                    raise
                skip(f"it needs a model: name one with --model ({error})")
            model = found.writer if isinstance(found, TrainedModels) else found
            require(isinstance(model, ModelRef), f"fit() returns a {type(model).__name__}")
            look(model, workdir)
            return model

    def test_it_returns_a_model_that_is_there(self) -> None:
        """The model that it returns is the one given, or lies in its work folder, with a digest."""
        self._fitted(self._check_place)

    def _check_place(self, model: ModelRef, workdir: Path) -> None:
        if model == (self.model or dummy_model()):
            return
        changed = model.adapter or model.path
        require(workdir in Path(changed).parents, f"{changed} does not lie in the work folder")
        require(Path(changed).exists(), f"{changed} does not exist")
        require(model.adapter_digest if model.adapter else model.digest, "the trained weights have no digest")

    def test_the_same_job_gives_the_same_weights(self) -> None:
        """The same job with the same seed gives the same weights."""
        first, second = self._fitted(_ignore), self._fitted(_ignore)
        require(first.digest == second.digest, "two trainings gave other weights: draw from the job's seed alone")
        require(first.adapter_digest == second.adapter_digest, "two trainings gave other adapters")

    def test_the_job_is_left_as_it_was(self) -> None:
        """It writes into its work folder alone, and the model that it was given stays unchanged."""
        model = self.model or dummy_model()
        before = _files(Path(model.path)) if model.path else {}
        self._fitted(_ignore)
        after = _files(Path(model.path)) if model.path else {}
        require(before == after, "the model's own folder was changed")


def _of_split(split: str, examples: Sequence[Example]) -> list[Example]:
    """The examples as rows of a split: trainers refuse to learn from any other than train."""
    rows = [example.request.request_id.partition(":")[2] for example in examples]
    return [
        replace(example, request=replace(example.request, request_id=f"{split}:{row}"))
        for example, row in zip(examples, rows, strict=True)
    ]


def _ignore(model: ModelRef, workdir: Path) -> None:
    """Nothing to look at."""


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))}
