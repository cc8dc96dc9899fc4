"""The profiles of all users, or of all items, as a table for other systems."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from duetbench.atomic import atomic_file
from duetbench.data.population import HistoryCut, KnownEntity, Population, population_at
from duetbench.digests import digest_of_value
from duetbench.errors import ModelError
from duetbench.profiling import ParsedCompletion, write_profiles
from duetbench.runner.engine_pool import EnginePool
from duetbench.runner.metering import MeteredEngine, UsageMeter
from duetbench.runner.output.one_sided import ProfileSide, SingleSideStrategy
from duetbench.runner.output.restore import RestoredCell
from duetbench.runner.progress import Progress
from duetbench.types import ModelRef, Profile, Sampling

if TYPE_CHECKING:
    import polars as pl

    from duetbench.interfaces import Engine

CHUNK = 2048
"""Users or items that are written together: what is kept in memory, not what is lost by a kill."""

_LOOK = 32
"""Of so many it is seen whether the strategy asks about that side alone; it may ask nothing about a single one."""

UNASKED = "unasked"
"""Status of one whom the strategy asks nothing about."""

Row = dict[str, Any]


@dataclass(frozen=True)
class ProfileExport:
    """What was written."""

    statuses: Mapping[str, int]
    """How many ended in which status; `ok` are those with a profile."""
    unknown: int
    """Users or items of the dataset of whom nothing lies before the cut: they have no row."""


def export_profiles(
    restored: RestoredCell,
    side: ProfileSide,
    cut: HistoryCut,
    out: Path,
    form: Literal["parquet", "jsonl"],
    *,
    store: Path | None = None,
    progress: Progress | None = None,
) -> ProfileExport:
    """Writes one row per user or item that is known at the cut, in order of their ids; the file is whole or not there.

    Args:
        restored: Whose strategy and weights write.
        side: Whose profiles.
        cut: Up to where histories go.
        out: The file.
        form: Its format.
        store: File of the request store, from which an export that was killed takes what it had; None: the user's.
        progress: Is told what happens.

    Raises:
        UsageError: the strategy writes no profile of that side alone.
        DuetbenchError: the model cannot be had, or is another one.
    """
    progress = progress or Progress()
    data = restored.cell.data
    known = population_at(data.prepared, side, data.history, cut)
    assert restored.cell.writing is not None
    strategy = SingleSideStrategy(restored.cell.writing.strategy.make(), side)
    strategy.check([one.request for one in known.known[:_LOOK]])
    pool = EnginePool(store, on_done=progress.advance, on_progress=progress.tell)
    try:
        with progress:
            progress.start(1)
            progress.cell(f"{strategy.name} {side}")
            rows = list(_rows(restored, strategy, known, cut, pool, progress))
            with atomic_file(out) as partial:
                _write(partial, _table(rows, side), form)
            progress.cell_done()
    finally:
        pool.close()
    statuses: dict[str, int] = {}
    for row in rows:
        statuses[row["status"]] = statuses.get(row["status"], 0) + 1
    return ProfileExport(statuses, known.unknown)


def _rows(
    restored: RestoredCell,
    strategy: SingleSideStrategy,
    known: Population,
    cut: HistoryCut,
    pool: EnginePool,
    progress: Progress,
) -> Iterator[Row]:
    cell, side = restored.cell, strategy.side
    writing = cell.writing
    assert writing is not None
    untrained = pool.model(writing.model)
    models = restored.trained.models if restored.trained else None
    writer = models.writer if models else untrained
    _check_weights(writer, restored)
    is_adapted = models is not None or untrained.adapter is not None
    stages = [stage.name for stage in strategy.stages()[:-1]] if is_adapted else []  # as in `cell_work`
    written_by = models.stages if models else {}
    sampling = Sampling(writing.sampling.temperature, writing.sampling.top_p, seed=cell.seed)
    same = _provenance(restored, writer) | {"history_cut": cut, "history_until": known.until}

    def engine(model: ModelRef) -> Engine:
        return MeteredEngine(pool.engine(writing.engine, model), UsageMeter(), progress.expect)

    for start in range(0, len(known.known), CHUNK):
        chunk = known.known[start : start + CHUNK]
        progress.phase(f"{min(start + CHUNK, len(known.known)):,} of {len(known.known):,}")
        others = {name: engine(written_by.get(name, untrained.base)) for name in stages}
        written = write_profiles(
            strategy, [one.request for one in chunk], engine(writer), sampling, stage_engines=others
        )
        answers = {place: answer for answer in written.answers if answer.side == side for place in answer.for_requests}
        for place, one in enumerate(chunk):
            profiles = written.profiles[place]
            profile = profiles.user if side == "user" else profiles.item
            yield {f"{side}_id": one.ident, **_outcome(answers.get(place), profile), **_seen(one), **same}


def _outcome(answer: ParsedCompletion | None, profile: Profile | None) -> Row:
    """The profile, or why there is none."""
    status = answer.status if answer else UNASKED
    is_readable = status == "ok" and profile is not None
    return {
        "profile": profile.text if is_readable and profile else None,
        "readable": is_readable,
        "status": status,
        "notes": json.dumps(dict(profile.notes), ensure_ascii=False) if is_readable and profile else None,
        "prompt_tokens": answer.prompt_tokens if answer else None,
        "completion_tokens": answer.completion_tokens if answer else None,
        "dropped_history": answer.dropped_history if answer else None,
    }


def _seen(one: KnownEntity) -> Row:
    return {
        "history_rows": len(one.request.user_history) + len(one.request.item_history),
        "interactions": one.n_before,
    }


def _provenance(restored: RestoredCell, writer: ModelRef) -> Row:
    """What all rows share."""
    record, choice = restored.record, restored.cell.writing.strategy  # type: ignore[union-attr]
    return {
        "strategy": choice.name,
        "trainer": record["cell"]["trainer"],
        "model": record["cell"]["model"],
        "model_digest": writer.digest,
        "adapter_digest": writer.adapter_digest,
        "prompt_digest": digest_of_value({"options": choice.options, "prompts": choice.prompts}),
        "dataset": record["cell"]["dataset"],
        "dataset_fingerprint": record["dataset"]["fingerprint"],
        "cell_id": record["cell_id"],
        "duetbench": record["duetbench"],
    }


def _check_weights(writer: ModelRef, restored: RestoredCell) -> None:
    """The weights that are here must be those of the record.

    Raises:
        ModelError: they are others.
    """
    known = restored.record["model"]
    if (writer.digest, writer.adapter_digest) != (known["digest"], known["adapter_digest"]):
        raise ModelError(f"the weights of {writer.name} are no longer those of {restored.folder}: run the cell again")


def _table(rows: Sequence[Row], side: ProfileSide) -> pl.DataFrame:
    import polars as pl

    numbers = ("prompt_tokens", "completion_tokens", "dropped_history", "history_rows", "interactions", "history_until")
    types: dict[str, Any] = dict.fromkeys(rows[0] if rows else (f"{side}_id",), pl.String)
    types |= {name: pl.Int64 for name in numbers if name in types}
    types |= {"readable": pl.Boolean} if rows else {}
    return pl.DataFrame(list(rows), schema=types, orient="row")


def _write(path: Path, table: pl.DataFrame, form: Literal["parquet", "jsonl"]) -> None:
    if form == "parquet":
        table.write_parquet(path)
    else:
        table.write_ndjson(path)
