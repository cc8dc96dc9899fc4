"""Converts raw files to canonical Parquet tables, part by part, so that memory does not grow with the files."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from duetbench.data.folders import new_folder
from duetbench.data.readers.validation import INTERACTION_SCHEMA
from duetbench.errors import DataError
from duetbench.interfaces import ITEM_KIND, Dataset, Tables
from duetbench.types import Domain

OnProgress = Callable[[str], None]
"""Receives one line of progress."""

_COUNTS = "counts.json"
_PARTS_PER_PROGRESS_LINE = 20
_WRITERS = 2
_FILES_PER_KEY_PART = 20  # reading the files one by one takes five times as long


@dataclass
class _Counts:
    """The content of counts.json: the field names are its keys."""

    interactions: int = 0
    items: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    places: dict[str, str] = field(default_factory=dict)
    dropped_interactions: int = 0
    dropped_items: int = 0

    def add(self, part: Tables) -> None:
        self.interactions += part.interactions.height
        self.items += part.items.height
        self.dropped.update(part.counts)
        self.notes.update(part.notes)
        self.places = {**part.locations, **self.places}
        for kind, count in part.counts.items():
            if kind.startswith(ITEM_KIND):
                self.dropped_items += count
            else:
                self.dropped_interactions += count


@dataclass(frozen=True)
class Canonical:
    """Canonical tables on disk, in file order."""

    folder: Path
    counts: Mapping[str, int]
    """Rows dropped while reading, by kind."""
    notes: Mapping[str, int]
    """Rows kept but noted, by kind."""
    locations: Mapping[str, str]
    """The first dropped row of each kind, as `FILE line N`."""
    n_interactions: int
    n_items: int
    dropped_interactions: int
    dropped_items: int

    def items(self) -> pl.LazyFrame:
        """item_id, title, categories, description; an item may occur twice, see `deduplicate_items`."""
        return pl.scan_parquet(self._files("items"), glob=False)

    def interaction_parts(self) -> Iterator[pl.DataFrame]:
        """The interactions part by part, in file order.

        user_id, item_id, rating, timestamp, review, summary, split (null where the source has none).
        """
        for path in self._files("interactions"):
            yield pl.read_parquet(path, glob=False)

    def key_parts(self) -> Iterator[pl.DataFrame]:
        """user_id, item_id, timestamp and split of the interactions, in larger parts, in file order."""
        files = self._files("interactions")
        for start in range(0, len(files), _FILES_PER_KEY_PART):
            part = pl.scan_parquet(files[start : start + _FILES_PER_KEY_PART], glob=False)
            yield part.select("user_id", "item_id", "timestamp", "split").collect()

    def _files(self, table: str) -> list[Path]:
        return sorted((self.folder / table).glob("*.parquet"))


def canonical_tables(
    dataset: Dataset, files: Mapping[str, Path], target: Path, *, max_error_rate: float, on_progress: OnProgress
) -> Canonical:
    """The dataset's tables in the folder `target`, which is written from the raw files if it does not exist.

    Raises:
        DataError: a file is damaged, the dataset gives a rating that is not on its scale, or the share of malformed
            rows in a table exceeds `max_error_rate`.
    """
    if not target.is_dir():
        with new_folder(target) as partial:
            counts = _write_parts(dataset, files, partial, on_progress)
            _check_error_rate(_canonical(partial, counts), dataset, max_error_rate)
            (partial / _COUNTS).write_text(json.dumps(vars(counts), indent=1, sort_keys=True), encoding="utf-8")
    counts = _Counts(**json.loads((target / _COUNTS).read_text(encoding="utf-8")))
    canonical = _canonical(target, counts)
    _check_error_rate(canonical, dataset, max_error_rate)
    return canonical


def _canonical(folder: Path, counts: _Counts) -> Canonical:
    return Canonical(
        folder,
        dict(sorted(counts.dropped.items())),
        dict(sorted(counts.notes.items())),
        counts.places,
        counts.interactions,
        counts.items,
        counts.dropped_interactions,
        counts.dropped_items,
    )


def _write_parts(dataset: Dataset, files: Mapping[str, Path], folder: Path, on_progress: OnProgress) -> _Counts:
    """Writes parts in threads while the next parts are read: writing waits for the disk, reading for the parser."""
    counts, domain = _Counts(), dataset.domain()
    for name in ("interactions", "items"):
        (folder / name).mkdir()
    with ThreadPoolExecutor(_WRITERS) as writers:
        pending: deque[Future[None]] = deque()
        for number, part in enumerate(dataset.read_parts(files)):
            _check_scale(part.interactions, dataset.name, domain)
            if len(pending) == _WRITERS:
                pending.popleft().result()
            pending.append(writers.submit(_write_part, part, folder, f"{number:06d}.parquet"))
            counts.add(part)
            if number % _PARTS_PER_PROGRESS_LINE == _PARTS_PER_PROGRESS_LINE - 1:
                on_progress(f"{dataset.name}: {counts.interactions:,} interactions and {counts.items:,} items read")
        for future in pending:
            future.result()
    return counts


def _check_scale(interactions: pl.DataFrame, name: str, domain: Domain) -> None:
    """Raises DataError if a rating is not on the scale: another one is declared, or the row was not dropped."""
    labels = [float(label) for label in domain.of_data.labels]
    outside = interactions["rating"].filter(~interactions["rating"].is_in(labels).fill_null(False))
    if outside.len():
        raise DataError(
            f"dataset '{name}' gives {outside.len():,} ratings, such as {outside[0]}, that are not on its scale "
            f"{domain.of_data.scale}: declare their labels in domain(), or drop and count such rows"
        )


def _write_part(part: Tables, folder: Path, name: str) -> None:
    if part.interactions.height:
        table = part.interactions
        if "split" not in table.columns:
            table = table.with_columns(pl.lit(None, dtype=pl.String).alias("split"))
        # These parts are read back soon and completely: light compression, and no statistics for skipping rows.
        table.select(*INTERACTION_SCHEMA, "split").write_parquet(
            folder / "interactions" / name, compression_level=1, statistics=False
        )
    if part.items.height:
        part.items.write_parquet(folder / "items" / name)


def _check_error_rate(canonical: Canonical, dataset: Dataset, max_error_rate: float) -> None:
    """Raises DataError if too many rows of either table were dropped, or if no interaction is left."""
    for table, n_dropped, n_kept in (
        ("interactions", canonical.dropped_interactions, canonical.n_interactions),
        ("items", canonical.dropped_items, canonical.n_items),
    ):
        if n_dropped > max_error_rate * (n_dropped + n_kept):
            kinds = ", ".join(
                f"{count:,} {kind}{_first_at(canonical, kind)}" for kind, count in canonical.counts.items()
            )
            raise DataError(
                f"{dataset.name}: {n_dropped:,} of {n_dropped + n_kept:,} {table} are malformed ({kinds}), more than "
                f"the accepted share of {max_error_rate:g}: fix the raw files, or accept more "
                f"(--max-error-rate, in a config data.max_error_rate)"
            )
    if not canonical.n_interactions:
        raise DataError(f"{dataset.name}: the raw files contain no interactions")


def _first_at(canonical: Canonical, kind: str) -> str:
    location = canonical.locations.get(kind)
    return f", first at {location}" if location else ""
