"""The work of one cell: profiles, ratings, files, metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from duetbench.errors import PluginError
from duetbench.interfaces import Engine, Scorer, Strategy
from duetbench.runner.engine_pool import EnginePool
from duetbench.runner.examples import Examples, train_rows
from duetbench.runner.metering import MeteredEngine, UsageMeter
from duetbench.runner.output.run_folder import RunFolder
from duetbench.runner.planning.cells import Cell, WriterSpec
from duetbench.runner.progress import Progress
from duetbench.runner.trainings import TrainingResult, TrainingRunner, all_models, read_trained
from duetbench.types import EngineInfo, Example, ModelRef, Prediction, Profiles, Request, Sampling

if TYPE_CHECKING:
    from duetbench.profiling import WrittenProfiles


@dataclass
class CellState:
    """What is known of a cell so far; a failed one keeps what it had."""

    cell: Cell
    examples: Sequence[Example] = ()
    model: ModelRef | None = None
    """The writer's weights."""
    engine: EngineInfo | None = None
    """What runs the writer."""
    trained: TrainingResult | None = None
    written: WrittenProfiles | None = None
    profiles: Sequence[Profiles] = ()
    """One per example."""
    predictions: Sequence[Prediction] = ()
    """One per example."""
    writing: UsageMeter = field(default_factory=UsageMeter)
    scoring: UsageMeter = field(default_factory=UsageMeter)


class CellExecutor:
    """Does the work of cells, sharing engines, examples and trainings among them.

    Args:
        folder: The run's.
        pool: Engines.
        progress: Is told what happens.
    """

    def __init__(self, folder: RunFolder, pool: EnginePool, progress: Progress) -> None:
        self._folder = folder
        self._pool = pool
        self._progress = progress
        self._examples = Examples(progress.tell)
        self._trainings = TrainingRunner(self._examples)

    def do(self, work: CellState) -> None:
        """Fills in profiles and predictions."""
        cell = work.cell
        work.examples = self._examples.of_cell(cell)
        requests = [example.request for example in work.examples]
        work.profiles = [Profiles() for _ in requests]
        frozen: Engine | None = None
        if cell.writing:
            model = self._model(work, cell.writing)
            frozen = self._pool.engine(cell.writing.engine, model.base)  # what scores is frozen, whoever writes
            self._train(work, cell.writing, frozen)
            self._write(work, cell.writing, requests, frozen.model)
            scorer_engine = (work.trained.models.scorer if work.trained else None) or frozen.model
            frozen = self._pool.engine(cell.writing.engine, scorer_engine)  # the pool may have closed it meanwhile
        self._score(work, requests, frozen)

    def _model(self, work: CellState, writing: WriterSpec) -> ModelRef:
        work.model = self._pool.model(writing.model)
        return work.model

    def _train(self, work: CellState, writing: WriterSpec, frozen: Engine) -> None:
        if writing.training is None:
            return
        folder = self._folder.training(work.cell)
        with self._progress.aside():
            is_done = read_trained(folder, str(work.cell.training_id)) is not None
            doing = "using the finished training of" if is_done else "training"
            self._progress.remark(f"{doing} {writing.strategy.name} with {writing.trainer.name} in {folder}")
            assert work.model is not None
            named = writing.scorer_engine
            scorer_engine = self._pool.engine(named.engine, self._pool.model(named.model)) if named else None
            work.trained = self._trainings.trained(work.cell, folder, work.model, frozen, scorer_engine)
        work.model = work.trained.models.writer
        for model in all_models(work.trained.models):
            if model != frozen.model:
                frozen.with_model(model)  # refused by an engine that is bound to a served model; loads nothing

    def _write(self, work: CellState, writing: WriterSpec, requests: Sequence[Request], untrained: ModelRef) -> None:
        from duetbench.profiling import write_profiles

        assert work.model is not None
        engine = self._pool.engine(writing.engine, work.model)
        work.engine = engine.info()
        sampling = Sampling(writing.sampling.temperature, writing.sampling.top_p, seed=work.cell.seed)
        with self._phase("profiles", work.writing):
            strategy = writing.strategy.make()
            metered = MeteredEngine(engine, work.writing, self._progress.expect)
            others = {
                stage: MeteredEngine(self._pool.engine(writing.engine, model), work.writing, self._progress.expect)
                for stage, model in _others(work, strategy, untrained).items()
            }
            work.written = write_profiles(strategy, requests, metered, sampling, others=others)
        work.profiles = work.written.profiles

    def _score(self, work: CellState, requests: Sequence[Request], engine: Engine | None) -> None:
        cell = work.cell
        scorer: Scorer = cell.scorer.make()
        scorer.fit(train_rows(cell.data), cell.data.prepared.domain)
        with self._phase("ratings", work.scoring):
            metered = MeteredEngine(engine, work.scoring, self._progress.expect) if engine else None
            work.predictions = predict(scorer, requests, work.profiles, metered)

    @contextmanager
    def _phase(self, name: str, meter: UsageMeter) -> Iterator[None]:
        self._progress.phase(name)
        started = time.monotonic()
        try:
            yield
        finally:
            meter.usage.seconds = time.monotonic() - started


def _others(work: CellState, strategy: Strategy, untrained: ModelRef) -> dict[str, ModelRef]:
    """Who writes the stages before the last one, by name, where a training has told them apart.

    An adapter that is named as the model was trained on the last stage, here or elsewhere: its base writes the others.
    """
    if work.trained is None and (work.model is None or work.model.adapter is None):
        return {}
    stages = work.trained.models.stages if work.trained else {}
    return {stage.name: stages.get(stage.name, untrained) for stage in strategy.stages()[:-1]}


def predict(
    scorer: Scorer, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
) -> list[Prediction]:
    """One prediction per request; where a profile that should be there is not, the scorer is not asked.

    Raises:
        PluginError: the scorer returned another number of predictions than it was asked for.
    """
    found = [Prediction(None, written.failed, "profile") if written.failed else None for written in profiles]
    asked = [position for position, prediction in enumerate(found) if prediction is None]
    scored = scorer.score([requests[n] for n in asked], [profiles[n] for n in asked], engine) if asked else []
    if len(scored) != len(asked):
        raise PluginError(f"scorer '{scorer.name}' returned {len(scored)} predictions for {len(asked)} requests")
    for position, prediction in zip(asked, scored, strict=True):
        found[position] = prediction
    return [prediction for prediction in found if prediction is not None]
