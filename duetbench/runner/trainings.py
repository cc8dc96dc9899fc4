"""Runs each training once, however many cells and processes use it."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from duetbench.atomic import write_json
from duetbench.errors import DuetbenchError, TrainingError
from duetbench.interfaces import Engine, Scorer, TrainingJob
from duetbench.progress import Progress
from duetbench.records import BudgetRecord, ModelRecord, TrainingRecord, from_json, to_json
from duetbench.runner.examples import Examples
from duetbench.runner.planning.cells import Cell
from duetbench.training.training_folder import read_content
from duetbench.types import Example, ModelRef, Split, TrainedModels

RESULT = "trained.json"
"""File in a training's folder, written when the training has finished."""
BUDGET = "budget.json"
SETTINGS = "settings.json"


@dataclass(frozen=True)
class TrainingEngines:
    """Engines that a training uses."""

    frozen: Engine
    """Runs the model to train, frozen."""
    scorer: Engine | None = None
    """Engine of the scorer in the loop; None: `frozen`."""


@dataclass(frozen=True)
class TrainingResult:
    """The result of a training."""

    models: TrainedModels
    budget: BudgetRecord
    training: TrainingRecord | None
    """None: written by an earlier version, which did not store it."""


class TrainingRunner:
    """Finds finished trainings and runs missing ones.

    Args:
        examples: Builds the training and validation examples.
        progress: Receives the progress of trainings.
    """

    def __init__(self, examples: Examples, progress: Progress) -> None:
        self._examples = examples
        self._progress = progress
        self._failed: dict[str, DuetbenchError] = {}

    def skip(self, failed: Mapping[str, DuetbenchError]) -> None:
        """Trainings that failed on another machine, by id: they fail again here without a new attempt."""
        self._failed |= failed

    def trained(
        self, cell: Cell, folder: Path, model: ModelRef, engines: TrainingEngines, token_budget: int | None = None
    ) -> TrainingResult:
        """The result of a cell's training. Waits for another process that runs the same training.

        Args:
            cell: A cell with a training.
            folder: The training's folder.
            model: The model to train.
            engines: See `TrainingEngines`.
            token_budget: Tokens that it may generate; None: the trainer's options decide.

        Raises:
            TrainingError: it failed. A training that failed once in this run fails again without a new attempt.
        """
        from filelock import FileLock

        key = str(cell.training_id)
        if key in self._failed:
            raise self._failed[key]
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            finished = read_trained(folder, key)
            if finished:
                return finished
            try:
                return self._train(cell, folder, self.job(cell, folder, model, engines, token_budget))
            except DuetbenchError as error:
                self._failed[key] = error
                raise

    def _train(self, cell: Cell, folder: Path, job: TrainingJob) -> TrainingResult:
        started = time.monotonic()
        fitted = cell.writing.trainer.make().fit(job)  # type: ignore[union-attr]
        trained = TrainedModels(fitted) if isinstance(fitted, ModelRef) else fitted
        seconds = time.monotonic() - started
        budget = from_json(BudgetRecord, {"steps": 0, "tokens": 0, "seconds": seconds, **read_content(folder / BUDGET)})
        training = TrainingRecord(
            training_id=str(cell.training_id),
            base_digest=job.model.digest,
            train_examples=len(job.train),
            valid_examples=len(job.valid),
            dropped_for_history=_n_dropped(cell),
            scorer_model=ModelRecord.of(job.scorer_engine.model) if job.scorer_engine else None,
            settings=read_content(folder / SETTINGS),
        )
        content = {"training_id": cell.training_id, "models": asdict(trained)}
        write_json(folder / RESULT, {**content, "budget": to_json(budget), "training": to_json(training)})
        return TrainingResult(trained, budget, training)

    def job(
        self, cell: Cell, folder: Path, model: ModelRef, engines: TrainingEngines, token_budget: int | None = None
    ) -> TrainingJob:
        """The input of a cell's trainer; see `trained`."""
        writing = cell.writing
        assert writing is not None
        assert writing.training is not None
        assert writing.trained_on is not None
        data = self._examples.fitting_data(cell)
        scorer = writing.trained_on.make()
        scorer.fit(data)
        monitor_scorer: Scorer | None = writing.monitor_scorer.make() if writing.monitor_scorer else None
        if monitor_scorer:
            monitor_scorer.fit(data)
        return TrainingJob(
            strategy=writing.strategy.make(),
            train=self._rows(cell, "train", writing.training.examples),
            valid=self._rows(cell, "valid", writing.training.valid_examples),
            scorer=scorer,
            rewards=[(reward.make(), weight) for reward, weight in writing.rewards],
            model=model,
            engine=engines.frozen,
            workdir=folder,
            seed=cell.seed,
            scorer_engine=engines.scorer,
            policy_config=writing.policy_engine.config if writing.policy_engine else None,
            progress=self._progress,
            token_budget=token_budget,
            monitor_scorer=monitor_scorer,
            stop_on_alarm=writing.training.stop_on_alarm,
        )

    def _rows(self, cell: Cell, split: Split, limit: int | None) -> list[Example]:
        assert cell.writing is not None
        assert cell.writing.training is not None
        least = cell.writing.training.min_user_history if split == "train" else 0
        rows = self._examples.of(cell.data, split, limit=limit, seed=cell.seed, min_user_history=least)
        return shuffled_ratings(rows, f"{split} {cell.seed}") if cell.writing.training.shuffled_ratings else rows


def _n_dropped(cell: Cell) -> int:
    """Number of training rows that `training.min_user_history` leaves out."""
    least = cell.writing.training.min_user_history if cell.writing and cell.writing.training else 0
    return cell.data.n_dropped_for_history(least) if least else 0


def shuffled_ratings(rows: Sequence[Example], seed: str) -> list[Example]:
    """The rows with their ratings permuted; histories are unchanged.

    A control: an improvement after training on such rows does not come from the ratings.
    """
    ratings = [row.rating for row in rows]
    random.Random(seed).shuffle(ratings)
    return [replace(row, rating=rating) for row, rating in zip(rows, ratings, strict=True)]


def read_trained(folder: Path, training_id: str | None = None) -> TrainingResult | None:
    """The result of a finished training; None if it has not finished.

    Args:
        folder: The training's folder.
        training_id: The result of any other training counts as none; None: whichever training is in the folder.

    Raises:
        TrainingError: the folder's files are damaged or missing.
    """
    content = read_content(folder / RESULT)
    if training_id not in (None, content.get("training_id")):
        return None
    if "models" not in content:  # written by an earlier version; the trainer finds its own result
        return None
    models = _models(content["models"])
    for path in (path for model in all_models(models) for path in (model.adapter, model.path)):
        if path is not None and not Path(path).is_dir():
            raise TrainingError(f"{path}, left by the training {folder}, is missing: delete {folder} to train again")
    training = from_json(TrainingRecord, content["training"]) if "training" in content else None
    return TrainingResult(models, from_json(BudgetRecord, content["budget"]), training)


def _models(content: Mapping[str, Any]) -> TrainedModels:
    stages = {name: ModelRef(**model) for name, model in content["stages"].items()}
    scorer = ModelRef(**content["scorer"]) if content["scorer"] else None
    return TrainedModels(ModelRef(**content["writer"]), stages, scorer)


def all_models(models: TrainedModels) -> list[ModelRef]:
    """Every model that a training has left."""
    return [models.writer, *models.stages.values(), *([models.scorer] if models.scorer else [])]
