"""A prepared dataset: a folder with two Parquet tables and a manifest, read back as it was written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from duetbench.errors import DataError
from duetbench.types import Domain

FORMAT = 2
"""Version of the folder's layout and of the reading and the steps behind it: part of every fingerprint."""
MANIFEST = "manifest.json"
INTERACTIONS = "interactions.parquet"
ITEMS = "items.parquet"


@dataclass(frozen=True, slots=True)
class StepCount:
    """What a step left."""

    step: str
    """As it was written; `raw` before the first."""
    rows: int
    users: int
    items: int
    splits: Mapping[str, int] = field(default_factory=dict)
    """Rows by split; empty before there is one."""


@dataclass(frozen=True)
class Prepared:
    """Split interactions and their items, loaded when first asked for."""

    name: str
    domain: Domain
    fingerprint: str
    """SHA-256 of what it was made from: raw files, dataset and options, steps, format."""
    steps: tuple[StepCount, ...]
    counts: Mapping[str, int]
    """Rows that were left out while reading, by kind."""
    notes: Mapping[str, int]
    """Rows that were kept but are worth knowing, by kind."""
    folder: Path

    @cached_property
    def interactions(self) -> pl.DataFrame:
        """row, user_id, item_id, rating, timestamp, review, summary, split; by time, ties in file order.

        `row` is the position among the raw file's usable rows; `split` is null if no step made one.
        """
        return self.scan().sort("timestamp", "row").collect()

    @cached_property
    def items(self) -> pl.DataFrame:
        """item_id, title, categories, description of every item rated; one without metadata is missing."""
        return pl.read_parquet(self.folder / ITEMS, glob=False)

    def with_interactions(self, interactions: pl.DataFrame) -> Prepared:
        """The same dataset with other interactions, in memory only: for probes."""
        changed = replace(self)
        changed.__dict__.update(interactions=interactions, items=self.items)  # where cached_property keeps them
        return changed

    def scan(self) -> pl.LazyFrame:
        """The interactions in file order, unread: for data larger than memory."""
        return pl.scan_parquet(self.folder / INTERACTIONS, glob=False)

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """All that is known of how it was made."""
        return _manifest(self.folder)


def load_prepared(folder: Path) -> Prepared:
    """What `prepare` wrote there.

    Raises:
        DataError: there is no prepared dataset, or one of another format.
    """
    manifest = _manifest(folder)
    if missing := [name for name in (INTERACTIONS, ITEMS) if not (folder / name).is_file()]:
        raise DataError(f"{folder} holds no prepared dataset: there is no {missing[0]}")
    if manifest.get("format") != FORMAT:
        raise DataError(f"{folder} was prepared in format {manifest.get('format')}, not {FORMAT}: prepare it again")
    domain = manifest["domain"]
    return Prepared(
        manifest["dataset"]["name"],
        Domain(domain["noun"], domain["plural"], tuple(domain["labels"])),
        manifest["fingerprint"],
        tuple(StepCount(**count) for count in manifest["step_counts"]),
        manifest["counts"],
        manifest["notes"],
        folder,
    )


def _manifest(folder: Path) -> Mapping[str, Any]:
    path = folder / MANIFEST
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{folder} holds no prepared dataset: there is no {MANIFEST}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return found
