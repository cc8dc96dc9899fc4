"""Writes the files of a computed cell: predictions, request logs and, after all others, the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from duetbench import __version__
from duetbench.atomic import atomic_file
from duetbench.digests import canonical_value, digest_of_value
from duetbench.errors import NoPredictions
from duetbench.evaluation import metrics_of, predictions_table
from duetbench.evaluation.empty_windows import empty_window_share
from duetbench.interfaces import Metric, Scorer, Strategy
from duetbench.records import (
    PREDICTIONS,
    VERSION,
    CellSpec,
    DatasetRecord,
    DomainRecord,
    EngineRecord,
    EnvironmentRecord,
    ErrorRecord,
    JsonValue,
    MetricsRecord,
    ModelRecord,
    PluginRecord,
    ProfilesRecord,
    Record,
    SplitCounts,
    StatusCounts,
    StepRecord,
    TrainedRecord,
    UsageRecord,
    file_entry,
    to_json,
    utc_now,
    write_record,
)
from duetbench.runner.cell_state import CellState
from duetbench.runner.config.sections import TrainingOptions
from duetbench.runner.failures import first_failure
from duetbench.runner.output.request_logs import write_logs
from duetbench.runner.planning.cells import Cell, ControlSpec, DatasetChoice, PluginChoice, WriterSpec
from duetbench.runner.planning.prepared_folders import FOLDER_OPTION
from duetbench.types import Status

if TYPE_CHECKING:
    import polars as pl

ERROR = "error.txt"


@dataclass(frozen=True)
class ExecutionContext:
    """When and where a cell was computed."""

    started: str
    """UTC, as in records."""
    seconds: float
    """Wall-clock time so far."""
    environment: EnvironmentRecord


def write_done(state: CellState, folder: Path, context: ExecutionContext, metrics: Sequence[Metric]) -> Record:
    """Writes the files of a completed cell and returns its record; the record is written last and names the others.

    Args:
        state: The cell with its predictions.
        folder: The folder of the cell.
        context: When and where it was computed.
        metrics: What to compute from the predictions.

    Raises:
        PluginError: a metric failed. The predictions are written, but there is no record.
    """
    data = state.cell.data
    table = predictions_table(state.examples, state.predictions)
    files = _write_predictions(state, table, folder)
    domain = data.prepared.domain
    train_mean = domain.to_original(float(data.prepared.training_rows["rating"].mean()))  # type: ignore[arg-type]
    fill = state.cell.evaluation.fill
    predicted_by = state.cell.control.scorer if state.cell.control else state.cell.scorer
    scorer: Scorer = predicted_by.make()
    computed = metrics_of(table, domain, metrics, train_mean=train_mean, fill=fill, decision=scorer.decision())
    record = _record(state, context, "done", metrics=computed, files=[folder / name for name in files])
    write_record(folder, record)
    (folder / ERROR).unlink(missing_ok=True)
    return record


def _write_predictions(state: CellState, table: pl.DataFrame, folder: Path) -> list[str]:
    """Writes the predictions and the logs of the requests; returns the names of the files."""
    with atomic_file(folder / PREDICTIONS) as partial:
        table.write_parquet(partial)
    return [PREDICTIONS, *(write_logs(state, folder) if state.cell.writing else [])]


def write_failed(state: CellState, folder: Path, context: ExecutionContext, error: BaseException) -> Record:
    """Writes the record of a cell that failed, with whatever was computed before the error.

    If nothing could be predicted, that includes the completions, which show why.
    """
    name = type(error).__name__
    reason = ErrorRecord(type=name, message=" ".join(str(error).split()) or name)
    files: list[str] = []
    if isinstance(error, NoPredictions):
        files = _write_predictions(state, predictions_table(state.examples, state.predictions), folder)
    record = _record(state, context, "failed", error=reason, files=[folder / file for file in files])
    write_record(folder, record)
    return record


def _record(
    state: CellState,
    context: ExecutionContext,
    status: Literal["done", "failed"],
    *,
    error: ErrorRecord | None = None,
    metrics: MetricsRecord | None = None,
    files: Sequence[Path] = (),
) -> Record:
    cell, trained = state.cell, state.trained
    return Record(
        schema_version=VERSION,
        duetbench=__version__,
        status=status,
        error=error,
        cell_id=cell.id,
        cell=_cell(cell),
        dataset=dataset_record(cell.data),
        model=_model(state),
        engine=EngineRecord.of(state.engine) if state.engine else None,
        plugins=_plugins(cell),
        prompts={name: digest for _, choice in _choices(cell) for name, digest in choice.prompts.items()},
        metrics=metrics,
        first_failure=first_failure(state),
        validation=state.validation,
        usage=_usage(state) if cell.writing else None,
        trained=_trained(state),
        training=trained.training if trained else None,
        budget=trained.budget if trained else None,
        profiles=_profiles(state),
        seeds={"cell": cell.seed, "sample": cell.data.options.sample_seed},
        environment=context.environment,
        started=context.started,
        finished=utc_now(),
        seconds=context.seconds,
        training_seconds=state.training_seconds,
        files={path.name: file_entry(path) for path in files},
        identity=canonical_value(cell.describe()),
    )


def _cell(cell: Cell) -> CellSpec:
    writing = cell.writing
    return CellSpec(
        strategy=writing.strategy.name if writing else None,
        trainer=writing.trainer.name if writing else None,
        dataset=cell.data.choice.name,
        model=writing.model.name if writing else None,
        engine=writing.engine.name if writing else None,
        scorer=cell.scorer.name,
        seed=cell.seed,
        label=cell.label or None,
        control=cell.control.name if cell.control else None,
        split="valid" if cell.split == "valid" else "test",
        limit=cell.limit,
        options=_options(cell),
    )


def _choices(cell: Cell) -> Iterator[tuple[str, PluginChoice]]:
    """Every plugin that takes part in the cell, with its kind; those of the training after the others."""
    yield from cell.choices().items()
    if cell.writing:
        yield from (("reward", reward) for reward, _ in cell.writing.rewards)
        if cell.writing.trained_on:
            yield "trained_on", cell.writing.trained_on
        if cell.writing.monitor_scorer:
            yield "monitor_scorer", cell.writing.monitor_scorer
        if cell.writing.separate_policy_engine:
            yield "policy_engine", cell.writing.separate_policy_engine
        if cell.writing.scorer_engine:
            yield "scorer_engine", cell.writing.scorer_engine.engine


def _options(cell: Cell) -> dict[str, Mapping[str, JsonValue]]:
    """Value of every option, by plugin or section; `KIND.NAME` for the later of two plugins that share a name."""
    sections: dict[str, Mapping[str, Any]] = {
        "data": _data_options(cell.data),
        "history": asdict(cell.data.history),
        "evaluation": asdict(cell.evaluation),
    }
    if cell.writing:
        sections["sampling"] = asdict(cell.writing.sampling)
        if cell.writing.model.set_options:
            sections["model"] = cell.writing.model.set_options
        if cell.writing.training:
            sections["training"] = _training_options(cell.writing, cell.writing.training)
    options: dict[str, Mapping[str, Any]] = {}
    recorded: list[PluginChoice] = []
    for kind, choice in _choices(cell):
        if choice not in recorded:
            recorded.append(choice)
            values = {**choice.options, **(_control_options(cell.control) if kind == "control" else {})}
            options[choice.name if choice.name not in options else f"{kind}.{choice.name}"] = values
    return {name: to_json(values, path=f"options.{name}") for name, values in {**options, **sections}.items()}


def _data_options(data: DatasetChoice) -> dict[str, Any]:
    """The options of the preparation, with the steps; for a prepared folder, the folder in place of the raw files."""
    steps = [count.step for count in data.prepared.steps[1:]]
    folder = {FOLDER_OPTION: str(data.folder)} if data.folder else {}
    return {**asdict(data.options), "steps": steps, **folder}


def _control_options(control: ControlSpec | None) -> dict[str, Any]:
    """The options of the scorer that a control changes, and the training that it replaces."""
    if control is None:
        return {}
    changed = {f"scorer.{name}": value for name, value in control.changed.items()}
    writing = control.reference.writing if control.reference else None
    if writing is None:
        return changed
    # Without the seed, so that seeds share a row of a leaderboard; the digest tells trainings with other options apart.
    digest = digest_of_value(writing.describe_training())
    return {**changed, "in_place_of": f"{writing.trainer.name} {digest[:8]}"}


def _training_options(writing: WriterSpec, options: TrainingOptions) -> dict[str, Any]:
    """The options of the training, with names and reward weights that the user left out."""
    loop = writing.scorer_engine
    return {
        **asdict(options),
        "rewards": [f"{reward.name}:{weight:g}" for reward, weight in writing.rewards],
        "scorer": writing.trained_on.name if writing.trained_on else None,
        "scorer_model": loop.model.name if loop else writing.model.name,
        "scorer_engine": loop.engine.name if loop else writing.engine.name,
    }


def dataset_record(data: DatasetChoice) -> DatasetRecord:
    """The record of a prepared dataset."""
    prepared, domain = data.prepared, data.prepared.domain
    last = len(prepared.steps) - 1
    return DatasetRecord(
        fingerprint=prepared.fingerprint,
        domain=DomainRecord(
            noun=domain.noun,
            plural=domain.plural,
            labels=domain.of_data.labels,
            prompt_labels=domain.labels if domain.original else (),
        ),
        steps=tuple(
            StepRecord(
                step=count.step,
                rows=count.rows,
                users=count.users,
                items=count.items,
                splits=_splits(data) if position == last else {},
            )
            for position, count in enumerate(prepared.steps)
        ),
        counts=dict(prepared.counts),
        n_train=prepared.training_rows.height,
        temporal_leakage=prepared.temporal_leakage,
    )


def _splits(data: DatasetChoice) -> dict[str, SplitCounts]:
    return {name: SplitCounts(**counts) for name, counts in data.prepared.split_sizes.items()}


def _model(state: CellState) -> ModelRecord | None:
    if state.cell.writing is None:
        return None
    if state.model is None:  # the cell failed before the weights were read
        name = state.cell.writing.model.name
        return ModelRecord(
            name=name, digest="", adapter=None, adapter_digest=None, template_args={}, context_length=None
        )
    return ModelRecord.of(state.model)


def _trained(state: CellState) -> TrainedRecord | None:
    models = state.trained.models if state.trained else None
    if models is None or not (models.stages or models.scorer):
        return None
    return TrainedRecord(
        stages={name: model.adapter_digest or model.digest for name, model in models.stages.items()},
        scorer=(models.scorer.adapter_digest or models.scorer.digest) if models.scorer else None,
    )


def _plugins(cell: Cell) -> dict[str, PluginRecord | tuple[PluginRecord, ...]]:
    plugins: dict[str, PluginRecord | tuple[PluginRecord, ...]] = {
        kind: _plugin(choice) for kind, choice in cell.choices().items()
    }
    if cell.writing and cell.writing.trained_on:
        plugins["reward"] = tuple(_plugin(reward) for reward, _ in cell.writing.rewards)
        plugins["trained_on"] = _plugin(cell.writing.trained_on)
        if cell.writing.monitor_scorer:
            plugins["monitor_scorer"] = _plugin(cell.writing.monitor_scorer)
        if cell.writing.separate_policy_engine:
            plugins["policy_engine"] = _plugin(cell.writing.separate_policy_engine)
        if cell.writing.scorer_engine:
            plugins["scorer_engine"] = _plugin(cell.writing.scorer_engine.engine)
    return plugins


def _plugin(choice: PluginChoice) -> PluginRecord:
    origin = choice.registered.origin
    return PluginRecord(name=choice.name, origin=origin, code=choice.source_digest, modules=choice.modules)


def _usage(state: CellState) -> UsageRecord:
    profiles = state.profile_meter.usage
    if state.written:  # a response template takes several calls per prompt
        profiles = replace(profiles, prompts=len(state.written.answers))
    return UsageRecord(profiles=profiles, scoring=state.rating_meter.usage)


def _profiles(state: CellState) -> ProfilesRecord | None:
    if state.written is None or state.cell.writing is None:
        return None
    strategy: Strategy = state.cell.writing.strategy.make()
    empty_windows = empty_window_share(strategy, [example.request for example in state.examples])
    if not state.written.answers and empty_windows is None:
        return None
    counts = state.written.counts
    return ProfilesRecord(
        asked=len(state.written.answers),
        readable=counts.get("ok", 0),
        statuses=StatusCounts(**{status: counts.get(status, 0) for status in get_args(Status)}),
        empty_windows=empty_windows,
        extra={**state.written.extra, **state.control_measures},
    )
