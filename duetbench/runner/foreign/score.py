"""Scores predictions that were made elsewhere: a cell with its record, next to baselines on the same pairs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from duetbench.atomic import write_json
from duetbench.config import parse_settings
from duetbench.data.interchange.predictions import PredictionOptions, Repeated, read_foreign_predictions
from duetbench.digests import digest_of_file
from duetbench.documents.json_text import load_json
from duetbench.errors import ConfigError, DocumentError, RecordError
from duetbench.runner.config.run_config import Grid, RunConfig
from duetbench.runner.examples import Examples
from duetbench.runner.foreign.pairs import ScoredPairs, dataset_pairs, own_pairs
from duetbench.runner.foreign.recording import ForeignCell, write_foreign
from duetbench.runner.planning.plan import Plan, plan
from duetbench.types import Domain

if TYPE_CHECKING:
    from duetbench.data.interchange.predictions import ForeignPredictions
    from duetbench.data.interchange.sources import TableSource
    from duetbench.plugins import Plugins
    from duetbench.records import Record
    from duetbench.runner.planning.cells import Cell

RUN = "score"
"""Name of the plan of folders that scored predictions are written to."""
PLAN = "plan.json"


@dataclass(frozen=True)
class ScoreOptions:
    """What is scored, and on which pairs."""

    name: str
    """Name of the row."""
    origin: str = "predictions made elsewhere"
    """Where the predictions come from."""
    dataset: str | None = None
    """A dataset or a prepared folder whose pairs are predicted; None: the file has the true ratings."""
    split: Literal["valid", "test"] = "test"
    limit: int | None = None
    """The pairs are those of `duetbench run --limit`; None: all of the split."""
    seed: int = 0
    """Seed of the method that made the predictions: rows that differ in nothing else are seeds of one row."""
    labels: tuple[float, ...] = (1, 2, 3, 4, 5)
    """The rating scale; not used with a dataset, which has its own."""
    column_map: tuple[tuple[str, str], ...] = ()
    repeated: Repeated = "first"
    max_error_rate: float = 0.01
    fill: str | None = None
    """Substitute for missing predictions; None: the mean of the training ratings, without a dataset the worst label."""
    settings: tuple[str, ...] = ()
    """`--set` arguments for the dataset, histories and baselines."""

    def __post_init__(self) -> None:
        """Refuses options that cannot have their effect."""
        faults = []
        if not self.name.strip() or not self.name.isprintable():
            faults.append(f"name: must be printable text, got {self.name!r}")
        if self.dataset is None:
            unused = {"limit": self.limit is not None, "split": self.split != "test", "set": bool(self.settings)}
            faults += [f"{name}: no effect without --dataset" for name, is_given in unused.items() if is_given]
            if self.fill in ("train_mean", "user_mean"):
                faults.append(f"fill: {self.fill} needs training ratings: name their dataset with --dataset")
        elif self.labels != (1, 2, 3, 4, 5):
            faults.append("labels: no effect with --dataset, which has its own scale")
        if faults:
            raise ConfigError(faults)


@dataclass(frozen=True)
class Scored:
    """The result of scoring a file."""

    record: Record
    folder: Path
    """The folder of its cell."""
    baselines: Plan | None
    """The baselines of the same pairs, which are not computed yet; None without a dataset."""


def score(
    source: TableSource, folder: Path, options: ScoreOptions, plugins: Plugins, *, on_progress: Callable[[str], None]
) -> Scored:
    """Reads predictions, computes every metric and writes them as a cell of a run.

    Args:
        source: The file.
        folder: The folder of the run: new, or one that earlier predictions were scored into.
        options: What is scored.
        plugins: The plugin register.
        on_progress: Called with a status line when a slow operation begins.

    Raises:
        ConfigError: an option or a column is invalid.
        DataError: the file or the dataset cannot be used.
        RecordError: the folder belongs to another run, or cannot be written.
    """
    check_folder(folder)
    started = time.monotonic()
    planned = _plan_baselines(options, plugins, on_progress) if options.dataset is not None else None
    metrics = planned.metrics if planned else tuple(plugins.metrics())
    on_progress(f"reading {source.location}")
    if planned:
        cell, pairs, foreign = _of_dataset(source, planned.cells[0], options)
    else:
        foreign = read_foreign_predictions(source, _reading(options, options.labels, needs_ratings=True))
        cell, pairs = _without_dataset(options), own_pairs(foreign)
    cell = replace(cell, file=source.path.name, sha256=digest_of_file(source.path), started=started)
    on_progress("computing metrics")
    written, record = write_foreign(folder, cell, foreign, pairs, metrics)
    if not (folder / PLAN).is_file():
        write_json(folder / PLAN, {"name": RUN, "notes": [], "cells": []})
    return Scored(record, written, planned)


def check_folder(folder: Path) -> None:
    """Raises RecordError if a run has been written to the folder whose plan would be replaced."""
    path = folder / PLAN
    if not path.is_file():
        return
    try:
        name = load_json(path)["name"]
    except (OSError, DocumentError, KeyError, TypeError):
        name = None
    if name != RUN:
        raise RecordError(
            f"{folder} is the folder of another run: name a new one with --out, then both in `leaderboard show`"
        )


def _plan_baselines(options: ScoreOptions, plugins: Plugins, on_progress: Callable[[str], None]) -> Plan:
    grid = Grid(datasets=(str(options.dataset),), scorers=(), split=options.split, limit=options.limit)
    return plan(RunConfig((grid,), RUN, parse_settings(options.settings)), plugins, on_progress=on_progress)


def _of_dataset(
    source: TableSource, planned: Cell, options: ScoreOptions
) -> tuple[ForeignCell, ScoredPairs, ForeignPredictions]:
    from duetbench.runner.output.recording import dataset_record

    prepared = planned.data.prepared
    domain = prepared.domain.of_data
    foreign = read_foreign_predictions(source, _reading(options, domain.labels, needs_ratings=False))
    pairs = dataset_pairs(foreign, prepared, Examples().of_cell(planned))
    mean: Any = planned.data.prepared.training_rows["rating"].mean()
    cell = ForeignCell(
        options.name,
        options.origin,
        planned.data.choice.name,
        domain,
        seed=options.seed,
        split=options.split,
        limit=options.limit,
        data={**planned.data.describe(), "sample_seed": planned.data.options.sample_seed if options.limit else None},
        dataset=dataset_record(planned.data),
        train_mean=prepared.domain.to_original(float(mean)),
        fill=options.fill or "train_mean",
        repeated=options.repeated,
    )
    return cell, pairs, foreign


def _without_dataset(options: ScoreOptions) -> ForeignCell:
    domain = Domain("item", "items", options.labels)
    return ForeignCell(
        options.name, options.origin, "unknown dataset", domain, seed=options.seed, fill=options.fill or "worst",
        repeated=options.repeated,
    )  # fmt: skip


def _reading(options: ScoreOptions, labels: Sequence[float], *, needs_ratings: bool) -> PredictionOptions:
    return PredictionOptions(
        tuple(labels), needs_ratings, dict(options.column_map), options.repeated, options.max_error_rate
    )
