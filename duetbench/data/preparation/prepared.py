"""A prepared dataset: a folder with two Parquet tables and a manifest, and the class that loads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from duetbench.documents.json_text import load_json
from duetbench.errors import DataError, DocumentError
from duetbench.types import Domain

FORMAT = 3
"""Version of the folder's layout and of the code that reads raw files and applies steps; part of every fingerprint."""
MANIFEST = "manifest.json"
INTERACTIONS = "interactions.parquet"
ITEMS = "items.parquet"


@dataclass(frozen=True, slots=True)
class StepCount:
    """Numbers of rows, users and items after a step."""

    step: str
    """The step as it was written; `raw` before the first step."""
    rows: int
    users: int
    items: int
    splits: Mapping[str, int] = field(default_factory=dict)
    """Rows by split; empty before a step assigns splits."""


@dataclass(frozen=True)
class Prepared:
    """Interactions with their splits, and items; the tables are loaded on first access."""

    name: str
    domain: Domain
    fingerprint: str
    """SHA-256 over raw files, dataset, options, steps and format version."""
    steps: tuple[StepCount, ...]
    counts: Mapping[str, int]
    """Rows dropped while reading, by kind."""
    notes: Mapping[str, int]
    """Rows kept but noted, by kind."""
    folder: Path
    has_times: bool = True
    """False if timestamps are positions in the raw file, from 0."""
    temporal_leakage: tuple[str, ...] = ()
    """Why the data is not safe against leakage from the future; () if it is."""

    @cached_property
    def interactions(self) -> pl.DataFrame:
        """row, user_id, item_id, rating, timestamp, review, summary, split; sorted by time, ties in file order.

        Ratings are on the scale of the domain's `labels`.
        `row` is the position among the valid rows of the raw file; `split` is null if no step assigned splits.
        """
        return self.scan().sort("timestamp", "row").collect()

    @cached_property
    def items(self) -> pl.DataFrame:
        """item_id, title, categories, description of the rated items that have metadata."""
        return pl.read_parquet(self.folder / ITEMS, glob=False)

    @cached_property
    def training_rows(self) -> pl.DataFrame:
        """The interactions of the split `train`, by time."""
        return self.interactions.filter(pl.col("split") == "train")

    @cached_property
    def split_sizes(self) -> Mapping[str, Mapping[str, int]]:
        """Numbers of rows, users and items by split."""
        groups = self.interactions.drop_nulls("split").group_by("split", maintain_order=True)
        users, items = (pl.col(f"{side}_id").n_unique().alias(f"{side}s") for side in ("user", "item"))
        return {row.pop("split"): row for row in groups.agg(pl.len().alias("rows"), users, items).to_dicts()}

    def with_interactions(self, interactions: pl.DataFrame) -> Prepared:
        """The same dataset with other interactions, in memory only; used by leakage probes."""
        changed = replace(self)
        changed.__dict__.update(interactions=interactions, items=self.items)  # where cached_property stores values
        return changed

    def scan(self) -> pl.LazyFrame:
        """The interactions in file order as a lazy frame, for data larger than memory."""
        rows = pl.scan_parquet(self.folder / INTERACTIONS, glob=False)
        labels = self.domain.original
        if not labels:
            return rows
        ratings = [self.domain.from_original(label) for label in labels]
        return rows.with_columns(pl.col("rating").replace_strict([float(label) for label in labels], ratings))

    @property
    def on_original_scale(self) -> Prepared:
        """The same dataset with ratings on the scale of the data; read from the folder again if that is another one."""
        return replace(self, domain=self.domain.of_data) if self.domain.original else self

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """How the dataset was prepared: raw files, options, steps, counts, versions."""
        return _read_manifest(self.folder)


def load_prepared(folder: Path) -> Prepared:
    """The prepared dataset in a folder that `prepare` wrote.

    Raises:
        DataError: the folder contains no prepared dataset, or one of another format version.
    """
    manifest = _read_manifest(folder)
    if missing := [name for name in (INTERACTIONS, ITEMS) if not (folder / name).is_file()]:
        raise DataError(f"{folder} contains no prepared dataset: there is no {missing[0]}")
    if manifest.get("format") != FORMAT:
        raise DataError(f"{folder} has format version {manifest.get('format')}, expected {FORMAT}: prepare it again")
    domain = manifest["domain"]
    return Prepared(
        manifest["dataset"]["name"],
        Domain(domain["noun"], domain["plural"], tuple(domain["labels"]), tuple(domain.get("original", ()))),
        manifest["fingerprint"],
        tuple(StepCount(**count) for count in manifest["step_counts"]),
        manifest["counts"],
        manifest["notes"],
        folder,
        manifest["has_times"],
        tuple(manifest["temporal_leakage"]),
    )


def _read_manifest(folder: Path) -> Mapping[str, Any]:
    path = folder / MANIFEST
    try:
        manifest: Mapping[str, Any] = load_json(path)
    except FileNotFoundError as error:
        raise DataError(f"{folder} contains no prepared dataset: there is no {MANIFEST}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except DocumentError as error:
        raise DataError(f"{error}; prepare the dataset again") from error
    return manifest
