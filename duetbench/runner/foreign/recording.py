"""Writes predictions that were made elsewhere as a cell: predictions and record, without prompts and costs."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from duetbench import __version__
from duetbench.atomic import atomic_file
from duetbench.digests import canonical_value, digest_of_value
from duetbench.evaluation import metrics_of
from duetbench.interfaces import Metric
from duetbench.records import (
    PREDICTIONS,
    VERSION,
    CellSpec,
    DatasetRecord,
    DomainRecord,
    ForeignRecord,
    Record,
    current_environment,
    file_entry,
    utc_now,
    write_record,
)
from duetbench.runner.foreign.pairs import ScoredPairs
from duetbench.types import Domain

if TYPE_CHECKING:
    import polars as pl

    from duetbench.data.interchange.predictions import ForeignPredictions, Repeated

PROFILE_FAILED = "constant:-1"
"""What the code of DUET's authors predicts where a profile cannot be read; their rating of 0 is the fill `official`."""


@dataclass(frozen=True)
class ForeignCell:
    """What is known about predictions that were made elsewhere."""

    name: str
    origin: str
    dataset_name: str
    domain: Domain
    """The scale of the data."""
    seed: int = 0
    split: Literal["valid", "test"] = "test"
    limit: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    """What determines the pairs; {} without a dataset."""
    dataset: DatasetRecord | None = None
    train_mean: float | None = None
    fill: str = "worst"
    repeated: Repeated = "first"
    file: str = ""
    """Name of the file."""
    sha256: str = ""
    """SHA-256 of the file."""
    started: float = 0.0
    """Reading of the monotonic clock when the work began."""

    def describe(self) -> dict[str, Any]:
        """Everything that determines the result, as JSON values."""
        return {
            "duetbench": __version__,
            "predictions": {"sha256": self.sha256, "origin": self.origin, "repeated": self.repeated},
            "data": dict(self.data),
            "split": self.split,
            "limit": self.limit,
            "scorer": {"name": self.name},
            "evaluation": {"fill": self.fill, "labels": [float(label) for label in self.domain.labels]},
            "seed": self.seed,
        }


def write_foreign(
    run: Path, cell: ForeignCell, foreign: ForeignPredictions, pairs: ScoredPairs, metrics: Sequence[Metric]
) -> tuple[Path, Record]:
    """Writes predictions and record into a folder of the run's `cells`; returns that folder and the record.

    Raises:
        DataError: a true rating is not on the scale.
        PluginError: a metric failed.
        RecordError: the record cannot be written.
    """
    started = utc_now()
    computed = metrics_of(
        pairs.table, cell.domain, metrics, train_mean=cell.train_mean, fill=cell.fill, further_fills=(PROFILE_FAILED,)
    )
    identity = canonical_value(cell.describe())
    cell_id = digest_of_value(identity)
    folder = run / "cells" / _folder_name(cell, cell_id)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_file(folder / PREDICTIONS) as partial:
        pairs.table.write_parquet(partial)
    record = Record(
        schema_version=VERSION,
        duetbench=__version__,
        status="done",
        error=None,
        cell_id=cell_id,
        cell=_spec(cell),
        dataset=cell.dataset or _unknown_dataset(cell, computed.pairs),
        model=None,
        engine=None,
        plugins={},
        prompts={},
        metrics=computed,
        usage=None,
        budget=None,
        profiles=None,
        first_failure=_first_failure(pairs.table),
        seeds={"cell": cell.seed},
        environment=current_environment(),
        started=started,
        finished=utc_now(),
        seconds=time.monotonic() - cell.started,
        files={PREDICTIONS: file_entry(folder / PREDICTIONS)},
        foreign=_foreign(cell, foreign, pairs),
        identity=identity,
    )
    write_record(folder, record)
    return folder, record


def _folder_name(cell: ForeignCell, cell_id: str) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", cell.name)[:48].strip(".-") or "predictions"
    return f"{name}__s{cell.seed}__{cell_id[:8]}"


def _spec(cell: ForeignCell) -> CellSpec:
    return CellSpec(
        strategy=None,
        trainer=None,
        dataset=cell.dataset_name,
        model=None,
        engine=None,
        scorer=cell.name,
        seed=cell.seed,
        split=cell.split,
        limit=cell.limit,
        options={},
    )


def _unknown_dataset(cell: ForeignCell, pairs: str) -> DatasetRecord:
    """Of data of which nothing but the pairs is known, which stand for it."""
    domain = DomainRecord(noun=cell.domain.noun, plural=cell.domain.plural, labels=cell.domain.labels)
    return DatasetRecord(fingerprint=pairs, domain=domain, steps=(), counts={}, n_train=0)


def _first_failure(table: pl.DataFrame) -> str | None:
    """Why the first pair without a prediction has none."""
    missing = table.filter(table["status"] != "ok")
    if not missing.height:
        return None
    user, item, status, text = missing.select("user_id", "item_id", "status", "text").row(0)
    reason = f"{text[:40]!r} is not a number" if status == "unreadable" else "there is none in the file"
    return f"the prediction of user {user!r} and item {item!r}: {reason}"


def _foreign(cell: ForeignCell, foreign: ForeignPredictions, pairs: ScoredPairs) -> ForeignRecord:
    return ForeignRecord(
        origin=cell.origin,
        file=cell.file,
        sha256=cell.sha256,
        columns=foreign.columns,
        rows=foreign.rows,
        dropped={**foreign.dropped, **pairs.dropped},
        noted={**foreign.noted, **pairs.noted},
        repeated=cell.repeated,
    )
