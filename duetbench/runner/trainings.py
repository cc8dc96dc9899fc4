"""Trainings: each once, whatever number of cells and processes need it."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from duetbench.atomic import write_json
from duetbench.errors import DuetbenchError, TrainingError
from duetbench.interfaces import Engine, TrainingJob
from duetbench.runner.examples import Examples, train_rows
from duetbench.runner.planning.cells import Cell
from duetbench.types import Example, ModelRef, Split, TrainedModels

RESULT = "trained.json"
"""Written into a training's folder once it has ended."""
BUDGET = "budget.json"


@dataclass(frozen=True)
class TrainingResult:
    """What came out of a training."""

    models: TrainedModels
    steps: int
    tokens: int
    seconds: float

    @property
    def budget(self) -> dict[str, Any]:
        """What it cost, as the record has it."""
        return {"steps": self.steps, "tokens": self.tokens, "seconds": self.seconds}


class TrainingRunner:
    """Finds finished trainings and runs those that are missing.

    Args:
        examples: Builds the training and validation examples.
    """

    def __init__(self, examples: Examples) -> None:
        self._examples = examples
        self._failed: dict[str, DuetbenchError] = {}

    def trained(
        self, cell: Cell, folder: Path, model: ModelRef, engine: Engine, scorer_engine: Engine | None = None
    ) -> TrainingResult:
        """What came out of a cell's training; another process that does the same training is waited for.

        Args:
            cell: Its writing has a training.
            folder: The training's own.
            model: What is trained.
            engine: Runs `model`, frozen.
            scorer_engine: What the scorer asks; None: `engine`.

        Raises:
            TrainingError: it failed; what failed once in this run fails again without another try.
        """
        from filelock import FileLock

        key = str(cell.training_id)
        if key in self._failed:
            raise self._failed[key]
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            known = read_trained(folder, key)
            if known:
                return known
            try:
                return self._train(cell, folder, self.job(cell, folder, model, engine, scorer_engine))
            except DuetbenchError as error:
                self._failed[key] = error
                raise

    def _train(self, cell: Cell, folder: Path, job: TrainingJob) -> TrainingResult:
        started = time.monotonic()
        found = cell.writing.trainer.make().fit(job)  # type: ignore[union-attr]
        trained = TrainedModels(found) if isinstance(found, ModelRef) else found
        result = {"training_id": cell.training_id, "models": asdict(trained)}
        budget = {"steps": 0, "tokens": 0, "seconds": time.monotonic() - started, **_read(folder / BUDGET)}
        write_json(folder / RESULT, {**result, "budget": budget})
        return TrainingResult(trained, budget["steps"], budget["tokens"], budget["seconds"])

    def job(
        self, cell: Cell, folder: Path, model: ModelRef, engine: Engine, scorer_engine: Engine | None = None
    ) -> TrainingJob:
        """What the trainer of a cell is given; see `trained`."""
        writing = cell.writing
        assert writing is not None
        assert writing.training is not None
        assert writing.trained_on is not None
        scorer = writing.trained_on.make()
        scorer.fit(train_rows(cell.data), cell.data.prepared.domain)
        return TrainingJob(
            strategy=writing.strategy.make(),
            train=self._rows(cell, "train", writing.training.examples),
            valid=self._rows(cell, "valid", writing.training.valid_examples),
            scorer=scorer,
            rewards=[(reward.make(), weight) for reward, weight in writing.rewards],
            model=model,
            engine=engine,
            workdir=folder,
            seed=cell.seed,
            scorer_engine=scorer_engine,
            policy_config=writing.policy_engine.config if writing.policy_engine else None,
        )

    def _rows(self, cell: Cell, split: Split, limit: int | None) -> list[Example]:
        rows = self._examples.of(cell.data, split, limit=limit, seed=cell.seed)
        assert cell.writing is not None
        assert cell.writing.training is not None
        return shuffled_ratings(rows, f"{split} {cell.seed}") if cell.writing.training.shuffled_ratings else rows


def shuffled_ratings(rows: Sequence[Example], seed: str) -> list[Example]:
    """The rows with their ratings dealt out anew; histories stay as they are.

    What a training gains from such rows is no skill in predicting: it shows what form and chance alone bring.
    """
    ratings = [row.rating for row in rows]
    random.Random(seed).shuffle(ratings)
    return [replace(row, rating=rating) for row, rating in zip(rows, ratings, strict=True)]


def read_trained(folder: Path, training_id: str) -> TrainingResult | None:
    """What came out of a finished training; None if it has not ended.

    Raises:
        TrainingError: the folder's files are damaged or gone.
    """
    content = _read(folder / RESULT)
    if content.get("training_id") != training_id:
        return None
    if "models" not in content:  # left by an earlier version; the trainer finds what it kept itself
        return None
    models = _models(content["models"])
    for path in (path for model in all_models(models) for path in (model.adapter, model.path)):
        if path is not None and not Path(path).is_dir():
            raise TrainingError(f"{path}, which the training {folder} left, is gone: delete {folder} to train anew")
    return TrainingResult(models, **content["budget"])


def _models(content: Mapping[str, Any]) -> TrainedModels:
    stages = {name: ModelRef(**model) for name, model in content["stages"].items()}
    scorer = ModelRef(**content["scorer"]) if content["scorer"] else None
    return TrainedModels(ModelRef(**content["writer"]), stages, scorer)


def all_models(models: TrainedModels) -> list[ModelRef]:
    """Every model that a training has left."""
    return [models.writer, *models.stages.values(), *([models.scorer] if models.scorer else [])]


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise TrainingError(f"{path} is damaged ({error}): delete {path.parent} to train anew") from error
