"""Exports the profiles of all users or of all items as a table for other systems."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from duetbench.atomic import atomic_file
from duetbench.data.population import HistoryCut, KnownEntity, Population, population_at
from duetbench.digests import digest_of_value
from duetbench.errors import ModelError
from duetbench.profiling import ParsedCompletion, write_profiles
from duetbench.progress import Progress
from duetbench.runner.engine_pool import EnginePool
from duetbench.runner.metering import MeteredEngine, UsageMeter
from duetbench.runner.output.restore import RestoredCell
from duetbench.runner.output.single_side import ProfileSide, SingleSideStrategy
from duetbench.types import ModelRef, Profile, Sampling

if TYPE_CHECKING:
    import polars as pl

    from duetbench.interfaces import Engine

CHUNK = 2048
"""Users or items whose profiles are held in memory at once; a killed export loses at most the batch in flight."""

_CHECKED_REQUESTS = 32
"""Requests used to check that the strategy writes profiles of one side; it may have no prompt for a single one."""

UNASKED = "unasked"
"""Status of a user or item for whom the strategy has no prompt."""

ExportFormat = Literal["parquet", "jsonl"]

Row = dict[str, Any]
"""One row of the table by column; internal to this module."""

_INTEGER_COLUMNS = (
    "prompt_tokens",
    "completion_tokens",
    "dropped_history",
    "history_rows",
    "interactions",
    "history_until",
)


@dataclass(frozen=True)
class ProfileExport:
    """Counts of an export."""

    statuses: Mapping[str, int]
    """Number of rows by status; rows with status `ok` have a profile."""
    unknown: int
    """Number of users or items in the dataset without interactions before the cut; they have no row."""


def export_profiles(
    restored: RestoredCell,
    side: ProfileSide,
    cut: HistoryCut,
    out: Path,
    form: ExportFormat,
    *,
    store: Path | None = None,
    progress: Progress | None = None,
) -> ProfileExport:
    """Writes one row per user or item with interactions before the cut, in order of their ids; the file is atomic.

    Args:
        restored: Cell whose strategy and weights write the profiles.
        side: Side whose profiles are exported.
        cut: Splits that histories are taken from.
        out: File to write.
        form: Format of the file.
        store: File of the request store, from which an export that was killed is resumed; None: the user's cache.
        progress: Receives progress events.

    Raises:
        UsageError: the strategy writes no profile of that side alone.
        DuetbenchError: the model is not available, or its weights have changed.
    """
    progress = progress or Progress()
    data = restored.cell.data
    population = population_at(data.prepared, side, data.history, cut)
    strategy = SingleSideStrategy(restored.writing.strategy.make(), side)
    strategy.check([entity.request for entity in population.known[:_CHECKED_REQUESTS]])
    pool = EnginePool(store, on_done=progress.advance, on_progress=progress.status)
    try:
        with progress:
            progress.start(1)
            progress.cell(f"{strategy.name} {side}")
            rows = list(_rows(restored, strategy, population, cut, pool, progress))
            with atomic_file(out) as partial:
                _write(partial, _table(rows, side), form)
            progress.cell_done()
    finally:
        pool.close()
    return ProfileExport(Counter(row["status"] for row in rows), population.n_unknown)


def _rows(
    restored: RestoredCell,
    strategy: SingleSideStrategy,
    population: Population,
    cut: HistoryCut,
    pool: EnginePool,
    progress: Progress,
) -> Iterator[Row]:
    side, known = strategy.side, population.known
    models = _Models(restored, pool, progress)
    sampling_options = restored.writing.sampling
    sampling = Sampling(sampling_options.temperature, sampling_options.top_p, seed=restored.cell.seed)
    shared = _provenance(restored, models.writer) | {"history_cut": cut, "history_until": population.latest}
    for start in range(0, len(known), CHUNK):
        chunk = known[start : start + CHUNK]
        progress.phase(f"{min(start + CHUNK, len(known)):,} of {len(known):,}")
        requests = [entity.request for entity in chunk]
        writer = models.engine(models.writer)
        stage_engines = models.earlier_stages(strategy)
        written = write_profiles(strategy, requests, writer, sampling, stage_engines=stage_engines)
        answers = {
            position: answer for answer in written.answers if answer.side == side for position in answer.for_requests
        }
        for position, (entity, profiles) in enumerate(zip(chunk, written.profiles, strict=True)):
            profile = profiles.user if side == "user" else profiles.item
            outcome = _outcome(answers.get(position), profile)
            yield {f"{side}_id": entity.entity_id, **outcome, **_history_sizes(entity), **shared}


class _Models:
    """The weights that write each stage, and their engines.

    Args:
        restored: Cell whose weights are used.
        pool: Where engines come from.
        progress: Receives the number of prompts.

    Raises:
        ModelError: the weights have changed since the cell was computed.
    """

    def __init__(self, restored: RestoredCell, pool: EnginePool, progress: Progress) -> None:
        self._choice, self._pool, self._progress = restored.writing.engine, pool, progress
        trained = restored.trained.models if restored.trained else None
        untrained = pool.model(restored.writing.model)
        self._untrained = untrained if trained else pool.engine(self._choice, untrained).model
        self.writer: ModelRef = trained.writer if trained else self._untrained
        self._stages: Mapping[str, ModelRef] = trained.stages if trained else {}
        self._is_adapted = trained is not None or self._untrained.adapter is not None
        _check_weights(self.writer, restored)

    def engine(self, model: ModelRef) -> Engine:
        """The engine that runs a model."""
        return MeteredEngine(self._pool.engine(self._choice, model), UsageMeter(), self._progress.expect)

    def earlier_stages(self, strategy: SingleSideStrategy) -> dict[str, Engine]:
        """Engines of the stages before the last, where other weights than the writer's run them, as in a cell."""
        stages = strategy.stages()[:-1] if self._is_adapted else ()
        return {stage.name: self.engine(self._stages.get(stage.name, self._untrained.base)) for stage in stages}


def _check_weights(writer: ModelRef, restored: RestoredCell) -> None:
    recorded = restored.model
    if (writer.digest, writer.adapter_digest) != (recorded.digest, recorded.adapter_digest):
        raise ModelError(f"the weights of {writer.name} are no longer those of {restored.folder}: run the cell again")


def _outcome(answer: ParsedCompletion | None, profile: Profile | None) -> Row:
    """The profile, or the status if there is none."""
    status = answer.status if answer else UNASKED
    readable = profile if status == "ok" else None
    return {
        "profile": readable.text if readable else None,
        "readable": readable is not None,
        "status": status,
        "notes": json.dumps(dict(readable.notes), ensure_ascii=False) if readable else None,
        "prompt_tokens": answer.prompt_tokens if answer else None,
        "completion_tokens": answer.completion_tokens if answer else None,
        "dropped_history": answer.dropped_history if answer else None,
    }


def _history_sizes(entity: KnownEntity) -> Row:
    return {
        "history_rows": len(entity.request.user_history) + len(entity.request.item_history),
        "interactions": entity.n_before,
    }


def _provenance(restored: RestoredCell, writer: ModelRef) -> Row:
    """Columns that are the same in all rows."""
    record, choice = restored.record, restored.writing.strategy
    return {
        "strategy": choice.name,
        "trainer": record.cell.trainer,
        "model": record.cell.model,
        "model_digest": writer.digest,
        "adapter_digest": writer.adapter_digest,
        "prompt_digest": digest_of_value({"options": choice.options, "prompts": choice.prompts}),
        "dataset": record.cell.dataset,
        "dataset_fingerprint": restored.cell.data.prepared.fingerprint,
        "cell_id": record.cell_id,
        "duetbench": record.duetbench,
    }


def _table(rows: Sequence[Row], side: ProfileSide) -> pl.DataFrame:
    import polars as pl

    types: dict[str, Any] = dict.fromkeys(rows[0] if rows else (f"{side}_id",), pl.String)
    types |= {name: pl.Int64 for name in _INTEGER_COLUMNS if name in types}
    types |= {"readable": pl.Boolean} if rows else {}
    return pl.DataFrame(list(rows), schema=types, orient="row")


def _write(path: Path, table: pl.DataFrame, form: ExportFormat) -> None:
    if form == "parquet":
        table.write_parquet(path)
    else:
        table.write_ndjson(path)
