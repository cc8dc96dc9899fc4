"""Executes one cell: training, profiles, ratings."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from duetbench.errors import DuetbenchError, PluginError, TrainingError
from duetbench.interfaces import Engine, Scorer, Strategy
from duetbench.progress import Progress
from duetbench.runner.cell_state import CellState
from duetbench.runner.controlling import apply_control, token_counter
from duetbench.runner.engine_pool import EnginePool
from duetbench.runner.examples import Examples
from duetbench.runner.metering import MeteredEngine, UsageMeter
from duetbench.runner.output.run_folder import RunFolder
from duetbench.runner.planning.cells import Cell, WriterSpec
from duetbench.runner.trainings import TrainingEngines, TrainingRunner, all_models, read_trained
from duetbench.types import Example, ModelRef, Prediction, Profiles, Request, Sampling

if TYPE_CHECKING:
    from duetbench.records import ValidationRecord


class CellExecutor:
    """Executes cells; engines, examples and trainings are shared among them.

    Args:
        folder: The run's folder.
        pool: Provides engines.
        progress: Receives the events.
    """

    def __init__(self, folder: RunFolder, pool: EnginePool, progress: Progress) -> None:
        self._folder = folder
        self._pool = pool
        self._progress = progress
        self._examples = Examples(progress.status)
        self._trainings = TrainingRunner(self._examples, progress)

    def run(self, state: CellState) -> None:
        """Fills in model, training, profiles and predictions."""
        cell = state.cell
        state.examples = self._examples.of_cell(cell)
        requests = [example.request for example in state.examples]
        state.profiles = [Profiles() for _ in requests]
        frozen: Engine | None = None
        if cell.writing:
            model = self._resolve_model(state, cell.writing)
            frozen = self._pool.engine(cell.writing.engine, model.base)  # scoring uses frozen weights, also if trained
            self._train(state, cell.writing, frozen)
            if cell.writes_profiles:
                self._write(state, cell.writing, requests, frozen.model)
            else:
                state.engine = frozen.info()
            scorer_model = (state.trained.models.scorer if state.trained else None) or frozen.model
            frozen = self._pool.engine(cell.writing.engine, scorer_model)  # the pool may have closed it meanwhile
        self._score(state, requests, frozen)

    def train(self, cell: Cell) -> None:
        """Runs the training of a cell unless it has finished; the cell itself is not computed."""
        assert cell.writing is not None
        state = CellState(cell)
        model = self._resolve_model(state, cell.writing)
        self._train(state, cell.writing, self._pool.engine(cell.writing.engine, model.base))

    def skip_trainings(self, failed: Mapping[str, DuetbenchError]) -> None:
        """Cells that need one of these trainings, given by id, fail with its error."""
        self._trainings.skip(failed)

    def _resolve_model(self, state: CellState, writing: WriterSpec) -> ModelRef:
        """The writer's weights: for a server those that it serves, which nothing on this machine identifies."""
        model = self._pool.model(writing.model)
        state.model = model if writing.training else self._pool.engine(writing.engine, model).model
        return state.model

    def _train(self, state: CellState, writing: WriterSpec, frozen: Engine) -> None:
        if writing.training is None:
            return
        started = time.monotonic()
        try:
            self._use_training(state, writing, frozen)
        finally:
            state.training_seconds = time.monotonic() - started

    def _use_training(self, state: CellState, writing: WriterSpec, frozen: Engine) -> None:
        """Runs the training, or reads the result of one that has finished."""
        folder = self._folder.training(state.cell)
        is_done = read_trained(folder, str(state.cell.training_id)) is not None
        action = "using the finished training of" if is_done else "training"
        self._progress.print_line(f"{action} {writing.strategy.name} with {writing.trainer.name} in {folder}")
        self._progress.phase("training")
        assert state.model is not None
        spec = writing.scorer_engine
        scorer_engine = self._pool.engine(spec.engine, self._pool.model(spec.model)) if spec else None
        engines = TrainingEngines(frozen, scorer_engine)
        state.trained = self._trainings.trained(
            state.cell, folder, state.model, engines, self._token_budget(state, engines)
        )
        state.model = state.trained.models.writer
        for model in all_models(state.trained.models):
            if model != frozen.model:
                frozen.with_model(model)  # rejected by an engine that is bound to a served model; loads nothing

    def _token_budget(self, state: CellState, engines: TrainingEngines) -> int | None:
        """The tokens that the training of the controlled row has generated; it is run first if it has not ended."""
        reference = state.cell.control.reference if state.cell.control else None
        if reference is None:
            return None
        assert state.model is not None
        folder = self._folder.training(reference)
        tokens = self._trainings.trained(reference, folder, state.model, engines).budget.tokens
        if not tokens:
            raise TrainingError(f"the training {folder.name} has generated no token, so its control has none to use")
        return tokens

    def _write(self, state: CellState, writing: WriterSpec, requests: Sequence[Request], untrained: ModelRef) -> None:
        from duetbench.evaluation.empty_windows import STARVED, empty_window_share, starved_text
        from duetbench.profiling import write_profiles

        assert state.model is not None
        engine = self._pool.engine(writing.engine, state.model)
        state.engine = engine.info()
        sampling = Sampling(writing.sampling.temperature, writing.sampling.top_p, seed=state.cell.seed)
        with self._phase("profiles", state.profile_meter):
            strategy = writing.strategy.make()
            metered = MeteredEngine(engine, state.profile_meter, self._progress.expect)
            stage_engines = {
                stage: MeteredEngine(
                    self._pool.engine(writing.engine, model), state.profile_meter, self._progress.expect
                )
                for stage, model in _stage_models(state, strategy, untrained).items()
            }
            state.written = write_profiles(strategy, requests, metered, sampling, stage_engines=stage_engines)
        state.profiles = state.written.profiles
        if (share := empty_window_share(strategy, requests) or 0.0) > STARVED:
            self._progress.print_line(f"warning: {strategy.name}: {starved_text(share)}")

    def _score(self, state: CellState, requests: Sequence[Request], engine: Engine | None) -> None:
        cell = state.cell
        scorer: Scorer = (cell.control.scorer if cell.control else cell.scorer).make()
        data = self._examples.fitting_data(cell)
        scorer.fit(data)
        if not scorer.needs_engine:
            state.validation = validation_error(scorer, data.valid())
        with self._phase("ratings", state.rating_meter):
            metered = MeteredEngine(engine, state.rating_meter, self._progress.expect) if engine else None
            if engine:
                answers = state.written.answers if state.written else []
                read = apply_control(cell, requests, state.profiles, token_counter(engine, answers))
                requests, state.profiles, state.control_measures = read
            state.predictions = predict(scorer, requests, state.profiles, metered)

    @contextmanager
    def _phase(self, name: str, meter: UsageMeter) -> Iterator[None]:
        self._progress.phase(name)
        started, computed = time.monotonic(), self._pool.compute_seconds
        try:
            yield
        finally:
            meter.seconds = time.monotonic() - started
            meter.engine_seconds = self._pool.compute_seconds - computed


def _stage_models(state: CellState, strategy: Strategy, untrained: ModelRef) -> dict[str, ModelRef]:
    """Models of the stages before the last one, by stage name, where they differ from the writer.

    An adapter given as the model was trained on the last stage: its base model generates the other stages.
    """
    if state.trained is None and (state.model is None or state.model.adapter is None):
        return {}
    stages = state.trained.models.stages if state.trained else {}
    return {stage.name: stages.get(stage.name, untrained) for stage in strategy.stages()[:-1]}


def validation_error(scorer: Scorer, examples: Sequence[Example]) -> ValidationRecord | None:
    """The error of a fitted scorer without a model on the validation rows.

    None if there are no validation rows, or if they are what the cell predicts: an error on the predicted rows would
    choose the baseline of a leaderboard by its own result.

    Raises:
        PluginError: a prediction is not a finite number.
    """
    from duetbench.records import ValidationRecord

    if not examples:
        return None
    predictions = scorer.score([example.request for example in examples], [Profiles() for _ in examples], None)
    check_predictions(scorer, predictions, len(examples))
    to_original = examples[0].request.domain.to_original
    errors = [
        abs(to_original(prediction.value) - to_original(example.rating))
        for prediction, example in zip(predictions, examples, strict=True)
        if prediction.value is not None
    ]
    mae = math.fsum(errors) / len(errors) if errors else None
    if mae is not None and not math.isfinite(mae):
        raise PluginError(f"scorer '{scorer.name}' predicted a value that is not a finite number for a validation row")
    return ValidationRecord(n=len(examples), mae=mae)


def predict(
    scorer: Scorer, requests: Sequence[Request], profiles: Sequence[Profiles], engine: Engine | None
) -> list[Prediction]:
    """One prediction per request; requests without a readable profile are not passed to the scorer.

    Raises:
        PluginError: see `check_predictions`.
    """
    predictions = [Prediction(None, profile.failed, "profile") if profile.failed else None for profile in profiles]
    positions = [position for position, prediction in enumerate(predictions) if prediction is None]
    scored = (
        scorer.score([requests[n] for n in positions], [profiles[n] for n in positions], engine) if positions else []
    )
    check_predictions(scorer, scored, len(positions))
    for position, prediction in zip(positions, scored, strict=True):
        predictions[position] = prediction
    return [prediction for prediction in predictions if prediction is not None]


def check_predictions(scorer: Scorer, predictions: object, n: int) -> None:
    """Checks what a scorer has returned.

    Raises:
        PluginError: it is not a list of `n` predictions.
    """
    if not isinstance(predictions, Sequence) or isinstance(predictions, str):
        raise PluginError(
            f"scorer '{scorer.name}' returned {type(predictions).__name__}: score() must return a list with one "
            "Prediction per request"
        )
    if len(predictions) != n:
        raise PluginError(f"scorer '{scorer.name}' returned {len(predictions)} predictions for {n} requests")
    for position, prediction in enumerate(predictions):
        if not isinstance(prediction, Prediction):
            raise PluginError(
                f"scorer '{scorer.name}' returned {type(prediction).__name__} for request {position}: score() must "
                "return Prediction(None, status) where it cannot predict"
            )
